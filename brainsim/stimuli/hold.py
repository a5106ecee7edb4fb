"""A clamp of any variable."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainsim._core import Clock, Site
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import signal_of


class Hold(Stimulus):
    r"""Holds a variable of the equations where it is told to be.

    .. math:: y(t') = s(t),\qquad t \le t' \le t + dt

    The others see it there over the whole step. What a spike does to it, a reset or a jump, is undone in the next step.
    For example::

        net.E.add_stimuli(slow=Hold("w", 20 * u.pA))
        net.E[:10].add_stimuli(steps=Hold("V", Step([-80, -40] * u.mV, times=[0, 50] * u.ms), stop=100 * u.ms))

    Parameters
    ----------
    variable : str
        Name of the variable.
    value : quantity in its unit, () or (n,), or Stimulus
        s: a number, or any stimulus as a function of time.
    start, stop : quantity, time, optional
        Window in which it is held; after it the equations go on from there.

    Raises
    ------
    UnknownNameError
        For what is no variable of the equations.
    ValueError
        For a variable that another one holds at the same time, neurons with ``spike_times="exact"``, and for potentials of
        branching cells, which a `VoltageClamp` holds.
    """

    def __init__(self, variable: str, value: NumberLike | Stimulus, **window: Any):
        super().__init__(**window)
        self.variable, self.target = variable, signal_of(value)

    def bind(self, population, name, ids=None):
        variables = getattr(population, "variables", ())
        if self.variable not in variables:
            raise UnknownNameError(
                f"{population.path}.{name}: there is no variable {self.variable!r} to hold."
                f"{suggestion(str(self.variable), variables)}"
            )
        if getattr(population, "spike_times", "grid") == "exact":
            raise ValueError(f"{population.path}.{name}: Hold is not for neurons with spike_times='exact'.")
        if population.between_sites is not None and self.variable in population.inputs.values():
            raise ValueError(f"{population.path}.{name}: sites are coupled by {self.variable}; give a VoltageClamp.")
        super().bind(population, name, ids)
        facts = dict(count=self.count, input_unit=population.unit_of(self.variable), into=None)
        self.target.place(Site(f"{self.path}.target", self._aside.moment, facts))

    def check_beside(self, others):
        for other in others:
            if isinstance(other, Hold) and other.variable == self.variable and self.meets(other):
                raise ValueError(
                    f"{self.path}: {other.path} holds {self.variable!r} of the same units at the same time; give windows (start, stop)"
                    " that do not overlap, or one Hold that follows a Step."
                )

    def goes_into(self, population, name):
        return None  # a variable, and no input

    def update(self, clock: Clock, population: Any) -> None:
        self.target.update(clock.of("target"), population)

    def held(self, clock: Clock) -> tuple[jax.Array, jax.Array]:
        """Where the variable is held in the step from t, bool of shape () or (n,), and at which values, plain."""
        on = self.present(clock)
        return jnp.asarray(True) if on is None else on, self.target.masked(clock.of("target"))
