"""Equations of plain numbers for what stands at a point of a membrane: synapses and electrodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, State
from brainsim._units import in_unit
from brainsim.channels.equations import InNumbers, Numbers
from brainsim.channels.mechanism import check_pools
from brainsim.integrators.coupled import implicit_step
from brainsim.integrators.exponential import phi1


class Standing(NamedTuple):
    """What a point process is during a step, for :meth:`AtPoint.current`."""

    states: dict[str, jax.Array]
    ions: dict[str, Any]
    t: jax.Array
    on: Any = None  # where it is; None for everywhere


class AtPoint(InNumbers):
    r"""What stands at a point: equations of plain numbers, V in mV, time in ms, currents in nA, concentrations in mM.

    .. math:: I = -f(v, x, [\cdot], t),\qquad \dot x = f(v, x, [\cdot], t),\qquad x(0) = f(v, [\cdot])

    As :class:`brainsim.channels.Equations`, but of the whole current; ``t`` may be an argument. The membrane sees the
    states as they are at the beginning of a step, which follow V at its end, as NEURON does: of order 1. Goes before a
    class of receptors or stimuli.
    """

    #: names of what are states; ``together`` groups those that are advanced as one by backward Euler
    methods = ("rates", "flow", "initial")
    gates: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[tuple[tuple[str, ...], ...]] = ()
    not_states: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.gates = tuple(n for n, d in cls._declared.items() if isinstance(d, State) and n not in cls.not_states)

    into: str | None
    input_unit: u.Unit

    def check_point(self, population: Any, name: str, into: str | None) -> None:
        """Refuse a population where it cannot stand, and note the pools that there are."""
        path = f"{population.path}.{name}"
        variable = population.inputs[into]
        if variable is None or population.unit_of(variable) != u.mV:
            raise ValueError(f"{path}: a point process acts on a membrane potential, and {into!r} on none.")
        if not population.input_unit.has_same_dim(u.nA):
            raise ValueError(
                f"{path}: the current of a point process is in nA, and the input here is in {population.input_unit}; give"
                f" the population an area."
            )
        if getattr(population, "spike_times", "grid") == "exact":
            raise ValueError(f"{path}: point processes are not for neurons with spike_times='exact'.")
        check_pools(self, getattr(population, "pools", {}), path)

    @property
    def fed(self) -> tuple[str, ...]:
        """The ions that its current is made of."""
        return tuple(dict.fromkeys(ion for ion in self.carries.values() if ion is not None))

    def initial(self, p: Any) -> dict:
        """What the states start from."""
        return {}

    # -- the step ----------------------------------------------------------------------------------------------------

    def standing(self, clock: Clock, ions: dict, on: Any = None) -> Standing:
        """What it is over the step from t, whose currents are those of the middle."""
        t = clock.t.to_decimal(u.ms) + 0.5 * clock.step_ms if "t" in self._arguments["flow"] else None
        return Standing({name: self.plain(name) for name in self.gates}, self._here(ions), cast(Any, t), on)

    def inward(self, drive: Standing, V: jax.Array) -> dict[str | None, jax.Array]:
        """Currents into the membrane at V, in nA, by ion."""
        found: dict[str | None, jax.Array] = {}
        for name, value in self._with("flow", drive, V).items():
            ion = self.carries[name]
            value = -value if drive.on is None else jnp.where(drive.on, -value, 0.0)
            found[ion] = found[ion] + value if ion in found else value
        return found

    def current(self, drive: Standing, V: jax.Array) -> jax.Array:
        """Current into the membrane at V, in the input unit of the population."""
        total = sum(self.inward(drive, V).values(), jnp.zeros_like(V))
        return total * u.Quantity(1.0, unit=u.nA).to_decimal(self.input_unit)

    def ion_current(self, drive: Standing, V: jax.Array, ion: str) -> Any:
        """That part of it which is ``ion``, as a quantity; zero where it carries none."""
        found = self.inward(drive, V).get(ion)
        return u.Quantity(jnp.zeros_like(V) if found is None else found, unit=u.nA)

    def follow(self, clock: Clock, V: jax.Array, ions: dict) -> None:
        """Advance the states over the step, with V and the ions at its end."""
        if not self.gates:
            return
        t = (clock.t + clock.dt).to_decimal(u.ms) if "t" in self._arguments["rates"] else None
        ions, names = self._here(ions), list(self.gates)

        def slopes(_, leaves):
            drive = Standing(dict(zip(names, leaves)), ions, cast(Any, t))
            rates = self._with("rates", drive, V)
            return [jnp.broadcast_to(rates.get(n, 0.0), x.shape).astype(x.dtype) for n, x in zip(names, leaves)]

        y = [self.plain(name) for name in names]
        for turn in self._turns(slopes, y, clock.step_ms):
            y = turn(y)
        for name, value in zip(names, y):
            self.put(name, value)

    def _turns(self, slopes, y, dt) -> list[Callable]:
        """One after the other, in the order of the file: states by themselves, and groups as one."""
        dt = jnp.asarray(dt, y[0].dtype)
        group_of = {name: group for group in self.together for name in group}
        done: set[str] = set()
        turns: list[Callable] = []
        for k, name in enumerate(self.gates):
            if name in done:
                continue
            group = group_of.get(name, ())
            done |= set(group)
            if group:
                places = tuple(map(self.gates.index, group))
                turns.append(lambda y, places=places: _together(slopes, y, places, dt))
            else:
                turns.append(lambda y, k=k: _alone(slopes, y, k, dt))
        return turns

    def _with(self, method: str, drive: Standing, V) -> dict:
        values = {"v": V, "t": drive.t, **drive.states, **drive.ions}
        given = {
            name: self.plain(name) if name in self.ions and self._stands(name) else values[name]
            for name in self._arguments[method]
        }
        return getattr(self, method)(Numbers(self), **given)

    def _here(self, ions: dict) -> dict[str, Any]:
        """Of the ions of the population those that it reads, as numbers by its own names for them."""
        found = {}
        for name, what in self.ions.items():
            if not self._stands(name):
                found[name] = in_unit(ions[what], u.mV if what.startswith("E_") else u.mM, f"{self.path}.{name}")
        return found

    def started(self, V: jax.Array, ions: dict) -> dict[str, jax.Array]:
        """What the states start from at V, as numbers by name."""
        zero = {name: jnp.zeros_like(self.plain(name)) for name in self.gates}
        found = self._with("initial", Standing(zero, self._here(ions), jnp.zeros_like(V)), V)
        return {name: np.asarray(0.0) + value + 0.0 * zero[name] for name, value in found.items()}


def _alone(slopes, y, k, dt):
    own = lambda x: slopes(None, [*y[:k], x, *y[k + 1 :]])[k]
    rate, slope = jax.jvp(own, (y[k],), (jnp.ones_like(y[k]),))
    return [*y[:k], y[k] + dt * phi1(slope * dt) * rate, *y[k + 1 :]]


def _together(slopes, y, places, dt):
    y = list(y)
    for k, value in zip(places, implicit_step(slopes, None, y, places, dt)):
        y[k] = value
    return y
