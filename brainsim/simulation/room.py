"""Room for more synapses: other seeds of a wiring make other numbers of them, and would be other programs.

Arrays of synapses enter a program with some room behind them. What is there belongs to no neuron (see
:class:`brainsim.events.CSR`), and is cut off again when the program has run. How much room there is is remembered with the
programs of the network's structure: the next seed takes the room of the one before if it fits.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import weakref
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from brainsim._core import Dynamics
from brainsim._memory import SMALL, empty_in_huge_pages
from brainsim.paths.synapses import MOST
from brainsim.projection import Projection
from brainsim.simulation.door import Entry
from brainsim.simulation.plan import Request
from brainsim.simulation.programs import keep


class Room:
    """How long the arrays of synapses are in a program.

    Parameters
    ----------
    entry : Entry
        A run that is ready; what it holds is not changed.
    varied : dict of str to array, (k, ...), optional
        What varies from run to run of a sweep, by path.
    runs : int
        Runs of a sweep at a time.
    """

    def __init__(self, entry: Entry, varied: Mapping[str, Any] | None = None, runs: int = 1):
        self.net = entry.net
        self.lengths: dict[str, tuple[int, int]] = {}  # by path: how long an array is, and how long with its room
        projections = _projections(entry)
        if not projections or any(r.derived is not None and not r.derived.changes for r in entry.requests):
            return  # what is computed may look at all weights at once
        given = entry.inputs | dict(varied or {})
        each = {
            path for path, values in given.items() if np.ndim(values) > 1
        }  # of what may be one number in the network
        whole = {*given, *(r.path for r in entry.requests if not _is_begin(r))}
        rooms = keep(entry.structure).setdefault("rooms", {})
        for name, n, places in projections:
            paths = [path for path, group in places if getattr(entry, group)[path].ndim or path in each]
            if n <= MOST // runs and whole.isdisjoint(paths):
                self.lengths |= dict.fromkeys(paths, (n, _length(n, rooms.setdefault(name, []))))

    def requests(self, requests: tuple[Request, ...]) -> tuple[Request, ...]:
        """The same of the longer arrays."""
        return tuple(
            dataclasses.replace(r, size=self.lengths[r.path][1]) if r.path in self.lengths else r for r in requests
        )

    def enter(self, arrays: dict) -> dict:
        """Arrays by path, with their room; those that are the same as last time are not made again."""
        return self._each(self._kept, arrays)

    def enter_anew(self, arrays: dict) -> dict:
        """The same of arrays that nothing holds on to, of several runs."""
        return self._each(self._longer, arrays)

    def leave(self, arrays: dict) -> dict:
        """Arrays by path, without it."""
        return self._each(self._shorter, arrays)

    def _each(self, change, arrays: dict) -> dict:
        paths = [path for path in self.lengths if path in arrays]
        return arrays | {path: change(path, arrays[path]) for path in paths} if paths else arrays

    def _kept(self, path, array):
        known, longer = self.net._aside.room.get(path, (None, None))
        if known is None or known() is not array or longer.shape[-1] != self.lengths[path][1]:
            longer = self._longer(path, array)
            self.net._aside.room[path] = weakref.ref(array), longer
        return longer

    def _longer(self, path, array):
        n, length = self.lengths[path]
        empty = np.empty if array.nbytes < SMALL else empty_in_huge_pages
        longer = empty((*array.shape[:-1], length), array.dtype)
        # With the last value, which a rule that computes with it can do; by NumPy, as JAX would compile it for every length
        longer[..., :n] = np.asarray(array)
        longer[..., n:] = longer[..., n - 1 : n]
        return jax.device_put(longer, array.sharding)

    def _shorter(self, path, array):
        shorter = jax.device_put(np.asarray(array)[..., : self.lengths[path][0]], array.sharding)
        self.net._aside.room[path] = weakref.ref(shorter), array
        return shorter


def _length(n: int, known: list[int]) -> int:
    """The length of arrays for ``n`` synapses: one that is known if it is not much too long, or a new one."""
    longest = n + n // 4 + 1024
    fitting = [length for length in known if n <= length <= longest]
    if not fitting:
        # Numbers of random synapses scatter by their square root at most
        wanted = n + 6 * math.isqrt(n) + 8
        grid = 1 << max(wanted.bit_length() - 6, 3)
        fitting = [-(-wanted // grid) * grid]
        known += fitting
    return min(fitting)


def _projections(entry: Entry) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Projections whose number of synapses may vary, with that number and the places of their arrays of synapses."""
    structure, found = entry.net._aside.rooms or (None, [])
    if structure is not entry.structure:
        found = []
        if not entry.net.operations:  # they may look at all weights at once
            arrays = _arrays(entry)
            listed = (
                (name, p.n_synapses, _places(name, p, arrays.get(name, [])))
                for name, p in entry.net.projections.items()
            )
            found = [(name, n, places) for name, n, places in listed if n and places]
        entry.net._aside.rooms = entry.structure, found
    return found


def _arrays(entry: Entry) -> dict[str, list[tuple[str, str, tuple]]]:
    """Path, place in ``entry`` and shape of every array, by the member of the network that it belongs to."""
    found = collections.defaultdict(list)
    for group in ("parameters", "fixed", "state"):
        for path, array in getattr(entry, group).items():
            found[path.partition(".")[0]].append((path, group, array.shape))
    return found


def _places(name: str, projection: Projection, own: list[tuple[str, str, tuple]]) -> list[tuple[str, str]]:
    """Those of a projection's ``own`` arrays that are of its synapses, by path and by where they are; none where something
    may look at them as a whole.
    """
    names = projection.of_synapses() if all(map(_is_ours, _parts(projection))) else None
    if names is None:
        return []
    n, paths = projection.n_synapses, {f"{name}.{own}" for own in names}
    for path, _, shape in own:
        if shape[-1:] not in ((), (n,)) if path in paths else n in shape:
            return []
    return [(path, group) for path, group, _ in own if path in paths]


def _parts(part: Dynamics):
    yield part
    for inner in part.parts(Dynamics).values():
        yield from _parts(inner)


def _is_ours(part) -> bool:
    return type(part).__module__.startswith("brainsim.")


def _is_begin(request: Request) -> bool:
    """Whether a request is for the same elements of a longer array."""
    elements = request.elements
    if isinstance(elements, slice):
        within = elements.stop is not None and 0 <= elements.stop <= (request.size or 0)
        return within and (elements.start or 0) >= 0 and (elements.step or 1) > 0
    return elements is not None
