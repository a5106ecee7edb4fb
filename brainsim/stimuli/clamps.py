"""Clamps: currents that depend on the potential where they are injected."""

from __future__ import annotations

import warnings
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, Site, State
from brainsim._units import NumberLike, QuantityLike, split_quantity
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.currents import Constant


class Clamp(Stimulus):
    r"""A conductance g to a potential E, both of which may change in time: what every clamp is.

    .. math:: I = g\,(E - V)

    It is part of the membrane's equation: methods that take V implicitly take it too, however strong it is.
    """

    current_injected = State(0.0, "current at the end of the last step, into the cell", unit="input_unit")

    def bind(self, population, name, ids=None):
        if getattr(population, "spike_times", "grid") == "exact":
            raise ValueError(f"{population.path}.{name}: clamps are not for neurons with spike_times='exact'.")
        inputs = getattr(population, "inputs", {})
        into = population.input_named(self.into, name)
        unit = None if inputs[into] is None else population.unit_of(inputs[into])
        if unit is None or not unit.has_same_dim(u.mV):
            raise ValueError(f"{population.path}.{name}: a clamp acts on a membrane potential, and {into!r} on none.")
        self.fix(potential=inputs[into])
        super().bind(population, name, ids)
        for part, signal in self.parts(Stimulus).items():
            facts = dict(count=self.count, input_unit=self.unit_of_signal(part), into=None)
            signal.place(Site(f"{self.path}.{part}", self._aside.moment, facts))

    def unit_of_signal(self, name: str) -> u.Unit:
        """Unit of a signal, by its name here."""
        return self.input_unit / u.mV if name == "conductance" else u.mV

    def drive(self, clock: Clock) -> Any:
        """g and E over the step, plain: what :meth:`current` takes."""
        raise NotImplementedError(f"{type(self).__name__} is no clamp yet: define drive(self, clock).")

    def current(self, drive: Any, V: jax.Array) -> jax.Array:
        """Current into the membrane at V."""
        g, E = drive
        return g * (E - V)

    def displace(self, y: dict, drive: Any) -> dict:
        """As receptors do: nothing is moved at once."""
        return y

    def update(self, clock, population):
        for name, signal in self.parts(Stimulus).items():
            signal.update(clock.of(name), population)

    def note(self, clock: Clock, population: Any) -> None:
        """Take note of the current at the end of the step: what has flowed in a step of backward Euler."""
        injected = self.current(self.drive(clock), self.taken(population.plain(self.potential)))
        self.put("current_injected", jnp.broadcast_to(injected, (self.count,)))

    def _signal(self, clock, name):
        signal = vars(self)[name]
        return signal.masked(clock.of(name))

    def _on(self, clock, g):
        present = self.present(clock)
        return g if present is None else jnp.where(present, g, 0.0)


class VoltageClamp(Clamp):
    r"""A voltage clamp through a series resistance.

    .. math:: I = \frac{V_c(t) - V}{R_s}

    The default :math:`R_s` of 0.01 MOhm makes it ideal: 1 nA moves V by 0.01 mV. The current that it injects is the state
    ``current_injected``, to be recorded. Any stimulus is a command::

        cell.add_stimuli(clamp=VoltageClamp(Step([-80, -20, -80] * u.mV, times=[0, 20, 60] * u.ms)))

    Parameters
    ----------
    command : quantity (voltage) or Stimulus in mV
        :math:`V_c`.
    R_s : quantity, resistance, optional
        Series resistance, for populations whose input is a current.
    start, stop : quantity, time, optional
        Window in which it is on.

    Raises
    ------
    ValueError
        For a population that has no membrane potential, or whose input is a density of current.
    """

    R_s = Parameter(0.01 * u.Mohm, "series resistance", positive=True)

    def __init__(self, command: QuantityLike | Stimulus, *, R_s: Given = 0.01 * u.Mohm, **window: Any):
        super().__init__(R_s=R_s, **window)
        self.command = signal_of(command)

    def bind(self, population, name, ids=None):
        if not population.input_unit.has_same_dim(u.pA):
            raise ValueError(
                f"{population.path}.{name}: a voltage clamp injects a current, and the input here is in"
                f" {population.input_unit}; give the population an area."
            )
        super().bind(population, name, ids)

    def check_beside(self, others):
        for other in others:
            if not isinstance(other, VoltageClamp) or other.potential != self.potential or not self.meets(other):
                continue
            warnings.warn(
                f"{self.path}: {other.path} clamps the same place at the same time, and V will stand between their commands, at their"
                " mean where R_s is the same; one clamp follows several commands, VoltageClamp(Step(...)), or give windows"
                " (start, stop) that do not overlap.",
                stacklevel=5,
            )

    def drive(self, clock):
        per_conductance = u.Quantity(1.0, unit=u.Mohm**-1).to_decimal(self.input_unit / u.mV)
        return self._on(clock, per_conductance / self.plain("R_s")), self._signal(clock, "command")


class ConductanceClamp(Clamp):
    r"""A dynamic clamp: a conductance that follows a course in time is injected.

    .. math:: I = g(t)\,(E - V)

    Parameters
    ----------
    conductance : quantity or Stimulus, in the input unit per mV
        g: nS for populations whose input is in pA.
    reversal : quantity, voltage
        E.
    start, stop : quantity, time, optional
        Window in which it is on.
    """

    reversal = Parameter(0.0 * u.mV, "reversal potential E")

    def __init__(self, conductance: NumberLike | Stimulus, reversal: Given, **window: Any):
        super().__init__(reversal=reversal, **window)
        self.conductance = signal_of(conductance)

    def drive(self, clock):
        return self._on(clock, self._signal(clock, "conductance")), self.plain("reversal")


def signal_of(given: Any) -> Stimulus:
    """A signal over time from what was given: a stimulus, or a value that stays."""
    if isinstance(given, Stimulus):
        return given
    split_quantity(given)
    return Constant(given)
