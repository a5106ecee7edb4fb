"""Networks that differ from one by their seed: everything that is drawn is drawn anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from brainsim._core import split
from brainsim._memory import available_bytes
from brainsim.connectivity import FromArrays
from brainsim.describing import build, own_of, put
from brainsim.network import Network

SHARE = 0.25  # of the free memory that networks may take which are kept for the next batch


class Wirings:
    """The networks of other seeds, made when they are asked for and kept as long as there is room.

    Parameters
    ----------
    net : Network
        At its beginning.
    make : callable
        ``make(network, seed)`` gives what is wanted of each.
    given : sequence of str
        Paths of what is given beside, of one value for each element.

    Raises
    ------
    ValueError
        For a network that has run, or of which a seed does not say all: see :meth:`brainsim.Network.describe`.
    """

    def __init__(self, net: Network, make: Callable[[Network, int], Any], given: Sequence[str] = ()):
        if net.begun:
            raise ValueError(
                "sweep: vary='wiring' begins at the beginning, and the network has run: what it has become belongs to its"
                " wiring. net.reset() first."
            )
        self.net, self.make = net, make
        self.described, self.own = net.describe(), own_of(net)
        self.described.pop("key", None)  # of another seed that it was reset with
        self._check_drawn()
        each = [path for path in self.described["values"] if self._is_of_synapses(path)]
        self.of_synapses = {path: self.described["values"].pop(path) for path in each}
        self.given = [path for path in given if path.partition(".")[0] in net.projections]
        self._kept: dict[int, Any] = {}
        self._lock = threading.Lock()

    def of(self, seed: int) -> Any:
        """What ``make`` made of the network of a seed."""
        with self._lock:
            if seed not in self._kept:
                net = self._network(seed)
                n_bytes = sum(x.nbytes for x in jax.tree.leaves(split(net)[1:]))
                while self._kept and SHARE * available_bytes() < n_bytes:
                    del self._kept[next(iter(self._kept))]
                self._kept[seed] = self.make(net, seed)
            return self._kept[seed]

    def _network(self, seed: int) -> Network:
        net = build(type(self.net), self.described | {"seed": seed}, self.own)
        for path in (*self.of_synapses, *self.given):
            name = path.partition(".")[0]
            if not all(map(np.array_equal, net[name].pairs(), self.net[name].pairs())):
                raise ValueError(
                    f"sweep: vary='wiring': {path} was given for each synapse, and {name} has others with seed {seed};"
                    " give a distribution, or a number."
                )
        for path, data in self.of_synapses.items():
            put(net, path, data, self.own)
        return net

    def _is_of_synapses(self, path: str) -> bool:
        owner = path.partition(".")[0]
        return owner in self.net.projections and np.ndim(self._value(path)) > 0

    def _value(self, path):
        return next(group[path] for group in split(self.net)[1:] if path in group)

    def _check_drawn(self) -> None:
        """Refuse rules and weights that are functions, whose synapses a description lists one by one."""
        for name, projection in self.net.projections.items():
            rule = projection._aside.call["rule"]
            if "FromArrays" in str(self.described["projections"][name]["rule"]) and not isinstance(rule, FromArrays):
                raise ValueError(
                    f"sweep: vary='wiring': {name} has a rule, weights or delays that are a function, of which no other"
                    " wiring can be drawn; define it in a module, not as a lambda, or give a distribution."
                )
