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
from brainsim.simulation.continuous.links import Links, solver
from brainsim.simulation.continuous.membranes import Kinetics, Membrane
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp
from brainsim.stimuli.hold import Hold


class Circuit:
    r"""The right-hand side of everything that is integrated: ``{"E": (variables, sites), "E.ampa": (stages, count), ...}``.

    The Jacobian is solved receptors first, since nothing acts back on them between spikes; then the variables of each site
    onto its V; then V along the trees. What couples otherwise, :class:`Links`, is added to that by corrections.

    Parameters
    ----------
    net : Network
        Its parameters may be traced.
    courses : Courses, optional
        What stimuli are given from outside.
    """

    def __init__(self, net: Network, courses: Any = None):
        populations = {n: p for n, p in net.populations.items() if isinstance(p, IntegratedPopulation)}
        self.membranes = {name: Membrane(p, courses) for name, p in populations.items()}
        self.kinetics = {
            r.path: Kinetics(r)
            for p in populations.values()
            for r in p.receptors.values()
            if isinstance(r, LinearReceptor) and r.stages
        }
        self.links = Links(net, self.membranes)
        self._depends: dict[str, np.ndarray] = {}

    def where(self) -> dict[str, tuple[str, int, Any]]:
        """Where each variable of the network stands in the state, by path: of what, in which row, and the part that it is of."""
        found: dict[str, tuple[str, int, Any]] = {}
        for path, kinetics in (self.kinetics | self.links.gates).items():
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
        state = {path: part.present() for path, part in (self.kinetics | self.links.gates).items()}
        return state | {name: m.stacked(m.population.present()) for name, m in self.membranes.items()}

    def pinned(self, when: Instant, y: dict) -> dict:
        """The state with variables that are held where they are held."""
        return y | {name: m.pinned(when, y[name]) for name, m in self.membranes.items() if m.holds}

    def _g(self, y: dict, membrane: Membrane) -> dict:
        return {path: y[path][-1] for path in membrane.receptors}

    def _linked(self, when: Instant, y: dict) -> tuple[dict, dict]:
        """Rates of gates, and what drives membranes beside their own receptors, by path."""
        if not self.links:
            return {}, {}
        with self.links.placed(self.variables(y)):
            return {path: gate.rates() for path, gate in self.links.gates.items()}, self.links.drives(when)

    def rates(self, when: Instant, y: dict, held: dict) -> dict:
        """dy/dt, per ms."""
        found, more = self._linked(when, y)
        found |= {path: kinetics.rates(y[path]) for path, kinetics in self.kinetics.items()}
        for name, m in self.membranes.items():
            found[name] = m.rates(when, y[name], self._g(y, m), held.get(name), more.get(name, ()))
        for name, rate in self.links.spread(y).items():
            found[name] = found[name] + rate
        return found

    def _dependence(self, name: str, *given: Any) -> np.ndarray:
        if name not in self._depends:
            self._depends[name] = self.membranes[name].depends(*given)
        return self._depends[name]

    def solver(self, when: Instant, y: dict, held: dict, pace: jax.Array) -> tuple[Any, dict]:
        """What solves (pace - J) x = r with the Jacobian at y, and the derivative of the rates in time."""
        kinetics = {path: k.solver(y[path], pace) for path, k in self.kinetics.items()}
        kinetics |= {path: lambda r: r / pace for path in self.links.gates}
        by_time = {path: jnp.zeros_like(y[path]) for path in kinetics}
        membranes, more = {}, self._linked(when, y)[1]
        for name, m in self.membranes.items():
            given = when, y[name], self._g(y, m), held.get(name), more.get(name, ())
            depends = self._dependence(name, *given)
            entries, by_g, by_time[name] = m.linearised(depends, *given)
            membranes[name] = m, by_g, m.solver(depends, entries, pace, y[name].dtype)

        def solve(right: dict) -> dict:
            x = {path: own(right[path]) for path, own in kinetics.items()}
            for name, (m, by_g, own) in membranes.items():
                r = right[name]
                for path, column in by_g.items():
                    r = r + column * m.receptors[path].spread(x[path][-1], m.sites)[None]
                x[name] = own(r)
            return x

        if not self.links:
            return solve, by_time
        _, push = jax.linearize(lambda y: self.rates(when, y, held), y)
        product = lambda x: jax.tree.map(lambda x, Jx: pace * x - Jx, x, push(x))  # noqa: E731
        return solver(product, solve, y), by_time

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
                    elif isinstance(stimulus, Hold):
                        stimulus.held(when.of(name))  # type: ignore[arg-type]
                    else:
                        stimulus.masked(when.of(name))  # type: ignore[arg-type]
        return [x.ravel() for kind, x in asked if kind == "at"], [x.ravel() for kind, x in asked if kind == "each"]
