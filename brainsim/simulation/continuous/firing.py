"""Who fires: neurons and places of cells that send spikes, with what a spike does to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import State
from brainsim._units import in_unit, with_unit
from brainsim.cells.detectors import Detector
from brainsim.integrators.elimination import dependence
from brainsim.network import Network
from brainsim.neurons.base import Neuron
from brainsim.neurons.between import distance
from brainsim.simulation.continuous.membranes import Membrane

SLOWEST = 1e-4  # per ms, of a crossing that has a derivative: times of slower ones are those of this


class Firing:
    """Threshold and reset of a population of neurons.

    Parameters
    ----------
    membrane : Membrane
    """

    def __init__(self, membrane: Membrane):
        self.membrane, self.neuron = membrane, membrane.population
        self.path, self.home, self.count = self.neuron.path, self.neuron.path, self.neuron.count
        changes = self.neuron.after_spike(self.neuron.present() | {"t": 0.0 * u.ms})  # type: ignore[attr-defined]
        changes = changes if isinstance(changes, Mapping) else {}
        declared = self.neuron._declared
        self.others = tuple(n for n in changes if n not in membrane.names and isinstance(declared.get(n), State))
        self.resets = bool(changes)
        self.upward = looks_back(self)
        #: the neuron of each site
        self.unit = None if membrane.sites == self.count else self.neuron.unit_of_site(np.arange(membrane.sites))

    def at_sites(self, x: jax.Array) -> jax.Array:
        """A number of each neuron, for each of its sites."""
        return x if self.unit is None else x[self.unit]

    def other_states(self) -> dict[str, jax.Array]:
        """States that a spike changes and no equation does, by name."""
        return {name: self.neuron.plain(name) for name in self.others}

    def above(self, before: jax.Array, after: jax.Array) -> jax.Array:
        """How far each neuron is above threshold, where it was ``before`` and is ``after``: not positive for none."""
        m = self.membrane
        return distance(self.neuron, m.with_units(before), m.with_units(after))

    def reset(self, y: jax.Array, others: dict, fired: jax.Array, t: jax.Array) -> tuple[jax.Array, dict]:
        """Variables and other states after the spikes."""
        if not self.resets:
            return y, others
        m, neuron = self.membrane, self.neuron
        values = m.with_units(y) | {n: with_unit(x, neuron.unit_of(n)) for n, x in others.items()}
        changed = neuron.reset(values, fired, u.Quantity(t, unit=u.ms))  # type: ignore[attr-defined]
        plain = {n: in_unit(changed[n], neuron.unit_of(n), n) for n in (*m.names, *others)}
        rows = m.stacked({n: plain[n] for n in m.names})
        return jnp.where(fired[None], rows, y), {n: jnp.where(fired, plain[n], x) for n, x in others.items()}

    def lasts(self) -> jax.Array | None:
        """Time of refractoriness in ms."""
        lasts = getattr(self.neuron, "refractory", None)
        return None if lasts is None else self.neuron.plain("refractory")


class Watching:
    """Places of cells that send spikes of their own.

    Parameters
    ----------
    detector : Detector
    membrane : Membrane
        Of the cells.
    """

    others: tuple[str, ...] = ()
    resets = False

    def __init__(self, detector: Detector, membrane: Membrane):
        self.detector, self.membrane = detector, membrane
        self.path, self.home, self.count = detector.path, membrane.population.path, detector.count
        cells = membrane.population
        V_th = cells.plain("V_th") if detector.V_th is None else detector.plain("V_th")
        self.V_th = V_th[detector.plain("unit")] if detector.V_th is None and V_th.ndim else V_th
        self.upward = True

    def at_sites(self, x: jax.Array) -> jax.Array:
        """A number of each place, for its site."""
        return self.detector.spread(x, self.membrane.sites)

    def other_states(self) -> dict[str, jax.Array]:
        """None."""
        return {}

    def above(self, before: jax.Array, after: jax.Array) -> jax.Array:
        """As :meth:`Firing.above`."""
        below, now = (self.detector.taken(y[self.membrane.V]) - self.V_th for y in (before, after))
        return jnp.where(below > 0, 0.0, now)

    def lasts(self) -> None:
        """None: a place is never refractory."""


def looks_back(firing: Any) -> bool:
    """Whether a spike is a crossing, which looks at where V was before, and not being above threshold."""
    y = jnp.zeros((len(firing.membrane.names), firing.membrane.sites))
    return bool(dependence(lambda both: [firing.above(*both)], [y, y])[0, 0])


def is_below(watcher: Any, y: jax.Array) -> jax.Array:
    """Which units can still cross their threshold."""
    above = watcher.above(y, y)
    return above < 0 if watcher.upward else above <= 0


def watchers(net: Network, membranes: dict[str, Membrane]) -> dict[str, Any]:
    """Everything that fires by its potential, by path."""
    found: dict[str, Any] = {}
    for name, m in membranes.items():
        if isinstance(m.population, Neuron) and not m.population.never_fires:
            found[name] = Firing(m)
        for path, sender in m.population.senders.items():
            if isinstance(sender, Detector):
                found[path] = Watching(sender, m)
    return found


def root(above: Any, start: jax.Array, stop: jax.Array, crosses: jax.Array) -> jax.Array:
    """Where in [0, 1] a function of one number passes zero, for each unit that crosses; 1 for the others.

    ``above(passed)``, for one number for each unit, is negative before and positive after; the method of Illinois.
    """

    def narrow(_, bracket):
        low, high, below, over, side = bracket
        middle = jnp.clip(low - below * (high - low) / jnp.where(over == below, 1, over - below), low, high)
        value = above(middle)
        right = value > 0
        low, high = jnp.where(right, low, middle), jnp.where(right, middle, high)
        below = jnp.where(right, jnp.where(side == 1, below / 2, below), value)
        over = jnp.where(right, value, jnp.where(side == -1, over / 2, over))
        return low, high, below, over, jnp.where(right, 1.0, -1.0)

    zero = jnp.zeros_like(start)
    bracket = (zero, zero + 1, jnp.minimum(start, 0.0), jnp.maximum(stop, jnp.finfo(stop.dtype).tiny), zero)
    low, high, *_ = jax.lax.fori_loop(0, 30, narrow, bracket)
    return jnp.where(crosses, (low + high) / 2, 1.0)
