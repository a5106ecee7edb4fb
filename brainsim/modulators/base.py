"""What every modulator shares: a level that changes with time and with the spikes of populations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Dynamics, FixedVariable, Parameter, Site, State
from brainsim.integrators.exponential import phi1
from brainsim.population import Population, View, view_of


class Modulator(Dynamics):
    r"""A signal of the whole network, one number, that parameters of plasticity rules follow.

    Assign it to a network, and give it to rules: ``net.astro = Astrocyte(...)``,
    ``PairSTDP(...).modulated(A_minus=net.astro)``. A step advances modulators after the populations and before
    plasticity, so a rule sees the level at t + dt, with the spikes fired then.
    """

    level = State(0.0, "level at the end of the step", unit=u.UNITLESS, shape=())
    mean = State(0.0, "mean of the level over the last step", unit=u.UNITLESS, shape=())

    def shape_of(self, name):
        return () if self._declared[name].shape == "count" else super().shape_of(name)  # there is one modulator

    def join(self, name: str, key: jax.Array) -> None:
        """Stand in a network under ``name``."""
        self.place(Site(name, self._aside.moment))

    def update(self, clock: Clock, populations: dict) -> None:
        """Advance to t + dt: set ``level`` and ``mean``."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say how it changes: define update(self, clock, populations)."
        )


class LeakyModulator(Modulator):
    r"""A leaky integrator of spikes and of a drive, exact over each step.

    .. math:: \tau \dot m = -m + \tau\,r(t),\qquad m \leftarrow m + a_k \text{ at a spike of a unit of source } k

    with the drive r held over the step; the spikes at t + dt raise the level at t + dt.

    Parameters
    ----------
    sources : list of (Population or View, str)
        Whose spikes it integrates, and the parameter that says what one of them adds.
    **values
        Parameters and initial states by name.

    Raises
    ------
    ValueError
        For a source that fires no spikes.
    """

    tau = Parameter(100.0 * u.ms, "time constant", shape=(), positive=True)
    level = State(0.0, "level at the end of the step", unit=u.UNITLESS, shape=(), tau="tau")

    def __init__(self, sources: Iterable[tuple[Population | View, str]] = (), **values: Any):
        super().__init__(**values)
        self._sources = tuple((view_of(source), name) for source, name in sources)
        for view, _ in self._sources:
            if "spikes" not in view.population._declared:
                kind = type(view.population).__name__
                raise ValueError(
                    f"{type(self).__name__}: a source fires spikes, and {view.population.path} ({kind}) has none; give a"
                    " population of neurons or a source of spikes."
                )

    def join(self, name: str, key) -> None:
        super().join(name, key)
        self.fix(
            sources=tuple((view.population.path, f"units{k}", weight) for k, (view, weight) in enumerate(self._sources))
        )
        for k, (view, _) in enumerate(self._sources):
            self.hold(f"units{k}", FixedVariable(jnp.asarray(view.ids, jnp.int32)))
        del self._sources

    def drive(self, clock: Clock) -> jax.Array | float:
        """The drive r in 1/ms, plain."""
        return 0.0

    def increment_of(self, weight: str) -> jax.Array:
        """What a spike of a source adds, given the parameter that the source came with."""
        return self.plain(weight)

    def update(self, clock: Clock, populations):
        steps = clock.step_ms / self.plain("tau")
        rest = self.drive(clock) * self.plain("tau")
        self.put("mean", rest + (self.plain("level") - rest) * phi1(-steps))
        level = self.relax("level", steps, rest)
        raised = jnp.zeros_like(level)
        for path, units, weight in self.sources:
            spikes = populations[path].plain("spikes")[self.plain(units)]
            raised = raised + self.increment_of(weight) * jnp.sum(spikes.astype(level.dtype))
        self.accumulate("level", raised)
