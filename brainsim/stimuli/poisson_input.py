from __future__ import annotations

import dataclasses
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, Parameter
from brainsim._errors import UnknownNameError, suggestion
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus


class PoissonInput(Stimulus):
    r"""Many independent Poisson sources onto one receptor, without simulating the sources.

    In each step a unit's receptor gets ``weight`` times a Poisson number with mean ``sources * rate * dt``.

    Parameters
    ----------
    receptor : str
        Name of a receptor of the population.
    sources : float, () or (n,)
        Number of sources per unit.
    rate : quantity, frequency, () or (n,)
        Rate of each source.
    weight : quantity in the receptor's unit, () or (n,)
        What each spike adds.
    """

    sources = Parameter(1.0, "number of sources per unit", nonnegative=True)
    rate = Parameter(1.0 * u.Hz, "rate of each source", nonnegative=True)
    weight = Parameter(0.0, "what each spike adds", unit="weight_unit")

    def __init__(self, receptor: str, *, rate: Given, weight: Given, sources: Given = 1.0, **window: Any):
        self.receptor = receptor
        super().__init__(sources=sources, rate=rate, weight=weight, **window)

    def bind(self, population, name, ids=None):
        receptors = getattr(population, "receptors", {})
        if self.receptor not in receptors:
            raise UnknownNameError(
                f"{population.path} has no receptor {self.receptor!r}.{suggestion(self.receptor, receptors)}"
            )
        target = receptors[self.receptor]
        if target.one_by_one or not target.adds_up:
            raise ValueError(
                f"{population.path}.{name}: {target.path} takes spikes of single synapses, and a PoissonInput adds up those"
                f" of many; connect a PoissonGroup."
            )
        self.fix(weight_unit=target.unit_of(target.port), signed=target.signed)
        super().bind(population, name, ids)

    def stands_beside(self, population):
        return getattr(population, "receptors", {}).get(self.receptor)

    def slot(self, name):
        slot = super().slot(name)
        return dataclasses.replace(slot, nonnegative=not self.signed) if name == "weight" else slot

    def rate_now(self, clock: Clock) -> jax.Array:
        """Rate of each source over the step, in Hz, () or (n,): here constant; a subclass may let it change."""
        return self.plain("rate")

    def update(self, clock: Clock, population):
        target = population.receptors[self.receptor]
        mean = self.plain("sources") * self.rate_now(clock) * (1e-3 * clock.step_ms)
        present = self.present(clock)
        if present is not None:
            mean = jnp.where(present, mean, 0.0)
        into = target.plain(target.port)
        target.put(target.port, events.poisson_input(clock.key, clock.step, mean, self.plain("weight"), into))
