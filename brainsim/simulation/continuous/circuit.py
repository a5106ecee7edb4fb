"""All equations of a network together, in continuous time."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.integrated import IntegratedPopulation
from brainsim.integrators import rodas
from brainsim.network import Network
from brainsim.receptors.linear import LinearReceptor
from brainsim.simulation.continuous.clock import Instant
from brainsim.simulation.continuous.membranes import Kinetics, Membrane
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp


class Circuit:
    r"""The right-hand side of everything that is integrated: ``{"E": (variables, sites), "E.ampa": (stages, count), ...}``.

    The Jacobian is solved receptors first, since nothing acts back on them between spikes; then the variables of each site
    onto its V; then V along the trees.

    Parameters
    ----------
    net : Network
        Its parameters may be traced.
    """

    def __init__(self, net: Network):
        populations = {n: p for n, p in net.populations.items() if isinstance(p, IntegratedPopulation)}
        self.membranes = {name: Membrane(p) for name, p in populations.items()}
        self.kinetics = {
            r.path: Kinetics(r)
            for p in populations.values()
            for r in p.receptors.values()
            if isinstance(r, LinearReceptor) and r.stages
        }
        self._depends: dict[str, np.ndarray] = {}

    def where(self) -> dict[str, tuple[str, int, Any]]:
        """Where each variable of the network stands in the state, by path: of what, in which row, and the part that it is of."""
        found: dict[str, tuple[str, int, Any]] = {}
        for path, kinetics in self.kinetics.items():
            found |= {f"{path}.{stage}": (path, k, None) for k, stage in enumerate(kinetics.stages)}
        for name, m in self.membranes.items():
            for k, variable in enumerate(m.names):
                part = m.homes[k]
                found[f"{name}.{variable}"] = name, k, None if part is m.population else part
        return found

    def variables(self, y: dict) -> dict[str, jax.Array]:
        """The state as the network holds it, by path."""
        return {
            path: y[of][k] if part is None else part.taken(y[of][k]) for path, (of, k, part) in self.where().items()
        }

    def present(self) -> dict:
        """The state as it is in the network."""
        state = {path: kinetics.present() for path, kinetics in self.kinetics.items()}
        return state | {name: m.stacked(m.population.present()) for name, m in self.membranes.items()}

    def _g(self, y: dict, membrane: Membrane) -> dict:
        return {path: y[path][-1] for path in membrane.receptors}

    def rates(self, when: Instant, y: dict, held: dict) -> dict:
        """dy/dt, per ms."""
        found = {path: kinetics.rates(y[path]) for path, kinetics in self.kinetics.items()}
        for name, m in self.membranes.items():
            found[name] = m.rates(when, y[name], self._g(y, m), held.get(name))
        return found

    def _dependence(self, name: str, when: Instant, y: dict, held: dict) -> np.ndarray:
        if name not in self._depends:
            m = self.membranes[name]
            self._depends[name] = m.depends(when, y[name], self._g(y, m), held.get(name))
        return self._depends[name]

    def solver(self, when: Instant, y: dict, held: dict, pace: jax.Array) -> tuple[Any, dict]:
        """What solves (pace - J) x = r with the Jacobian at y, and the derivative of the rates in time."""
        kinetics = {path: k.solver(y[path], pace) for path, k in self.kinetics.items()}
        by_time = {path: jnp.zeros_like(y[path]) for path in kinetics}
        membranes = {}
        for name, m in self.membranes.items():
            depends = self._dependence(name, when, y, held)
            entries, by_g, by_time[name] = m.linearised(depends, when, y[name], self._g(y, m), held.get(name))
            membranes[name] = m, by_g, m.solver(depends, entries, pace, y[name].dtype)

        def solve(right: dict) -> dict:
            x = {path: own(right[path]) for path, own in kinetics.items()}
            for name, (m, by_g, own) in membranes.items():
                r = right[name]
                for path, column in by_g.items():
                    r = r + column * m.receptors[path].spread(x[path][-1], m.sites)[None]
                x[name] = own(r)
            return x

        return solve, by_time

    def step(self, t: jax.Array, y: dict, held: dict, h: jax.Array) -> rodas.Step:
        """A step of length h from t, in which nothing jumps."""
        within = t + h / 2
        solve, by_time = self.solver(Instant(t, within), y, held, 1 / (rodas.GAMMA * h))
        return rodas.step(lambda s, y: self.rates(Instant(s, within), y, held), solve, by_time, t, y, h)

    # -- what stimuli ask of time ------------------------------------------------------------------------------------

    def jumps(self) -> tuple[list, list]:
        """Times at which stimuli jump, and intervals after each of which one does: lists of arrays, in ms."""
        asked: list = []
        when = Instant(jnp.zeros(()), None, asked)
        for m in self.membranes.values():
            with m.fields(when):
                for name, stimulus in m.population.parts(Stimulus).items():
                    if isinstance(stimulus, Clamp):
                        stimulus.drive(when.of(name))  # type: ignore[arg-type]
                    else:
                        stimulus.masked(when.of(name))  # type: ignore[arg-type]
        return [x.ravel() for kind, x in asked if kind == "at"], [x.ravel() for kind, x in asked if kind == "each"]
