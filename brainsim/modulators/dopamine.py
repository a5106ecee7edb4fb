from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.modulators.base import LeakyModulator
from brainsim.population import Population, View


class Dopamine(LeakyModulator):
    r"""Extracellular concentration of dopamine, or any other reward signal.

    .. math:: \dot d = -d/\tau + DA(t)

    Dopamine is released by the spikes of dopaminergic neurons, ``increment`` each, and by ``release``, a rate that is
    given from outside: ``simulate(..., inputs={"dopamine.release": rate})`` with one value per step. A reward r at once
    is r / dt in one step. Without an input nothing is released. The concentration is a number, in whatever unit the
    rules take it.

    Parameters
    ----------
    source : Population, View or list of them, optional
        Dopaminergic neurons.
    increment : float
        What one of their spikes releases.
    tau : quantity, time
        Time constant of uptake.

    References
    ----------
    E. M. Izhikevich, Cereb. Cortex 17:2443 (2007).
    """

    tau = Parameter(200.0 * u.ms, "time constant of uptake", shape=(), positive=True)
    increment = Parameter(1.0, "release by a spike", shape=())
    release = State(0.0 * u.Hz, "release from outside in this step", shape=())

    def __init__(self, source: Population | View | list | tuple = (), **values: Any):
        source = source if isinstance(source, list | tuple) else [source]
        super().__init__([(each, "increment") for each in source], **values)

    def drive(self, clock: Clock):
        release = self.plain("release")
        self.put("release", jnp.zeros_like(release))  # a later run without an input has none
        return 1e-3 * release
