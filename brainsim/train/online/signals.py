"""Learning signals: from the loss back to what each population has sent, by the shortest way."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim._units import float_dtype
from brainsim.train.online.edge import Edge


class Signals:
    r"""Derivatives of the loss of this step with respect to what populations sent in this one and in those before.

    .. math:: L_i^{(d+1)} = \sum_j B_{ij}\,\frac{\partial s_j(t - d)}{\partial g_j(t - d - 1)}\,L_j^{(d)}

    A spike reaches a receptor at the end of its step and acts in the next, so that each population on the way is one
    step further in the past. What populations on the way remember is left out.

    Parameters
    ----------
    order : tuple of str
        Populations, those nearest to the loss first.
    edges : tuple of Edge
    remembering : tuple of str
        Readouts whose own memory takes the place of the last step of the way.
    """

    def __init__(self, order: tuple[str, ...], edges: tuple[Edge, ...], remembering: tuple[str, ...]):
        self.order, self.edges = order, edges
        self.remembered = tuple(e for e in edges if e.post in remembering)
        self._depth: dict = {}  # of all that passes, by population and by what it sends
        self._own: dict = {}  # without what readouts remember
        for name in order:
            for edge in (e for e in edges if e.pre == name):
                depth = 1 + max(self._depth.get(edge.post, {}).values(), default=0)
                for depths, counts in ((self._depth, True), (self._own, edge not in self.remembered)):
                    if counts:
                        of = depths.setdefault(name, {})
                        of[edge.leaf] = max(depth, of.get(edge.leaf, 0))

    def depths(self, population: str) -> dict[str, int]:
        """Steps back to which signals for a population reach, by what it sends."""
        return self._own.get(population, {})

    def start(self, jacobians: dict, state: dict) -> dict:
        """What the slopes of the last steps are in the beginning, by edge."""
        empty = {}
        for edge in self.edges:
            found = jax.eval_shape(lambda edge=edge: self._slopes(edge, jacobians_like(jacobians), state))
            past = max(self._depth[edge.pre][edge.leaf], 1)
            empty[edge.name] = [jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), found)] * past
        return empty

    def _slopes(self, edge, jacobians, new):
        """Of an edge now: of the states behind it with respect to its ports, and of the ports to what is sent."""
        blocks = jacobians[edge.post].blocks
        return {k: x for k, x in blocks.items() if k[1] in edge.ports}, edge.slopes(new)

    def back(self, losses: dict, jacobians: dict, past: dict, parameters: dict, state: dict, new: dict, feedback: dict):
        """Signals by population, by what it sends and by how long ago; and the slopes to carry on."""
        slopes = {e.name: [self._slopes(e, jacobians, new), *past[e.name]] for e in self.edges}
        passing: dict = {name: {} for name in self.order}
        zeros = {e.pre: jnp.zeros(e.shape[0], float_dtype()) for e in self.edges}
        own: dict = {
            name: {leaf: [zeros[name]] * (depth + 1) for leaf, depth in self.depths(name).items()}
            for name in self.order
        }
        for name in self.order:
            for edge in (e for e in self.edges if e.pre == name):
                found = self._through(edge, losses[edge.post], passing[edge.post], slopes[edge.name])
                depth = self._depth[name][edge.leaf]
                of = passing[name].setdefault(edge.leaf, [0.0] * (depth + 1))
                for lag, signals in enumerate(found):
                    at_ports = slopes[edge.name][lag][1]
                    signal = edge.back(signals, at_ports, parameters, state, feedback[edge.name])
                    of[lag] = of[lag] + signal
                    if edge not in self.remembered:
                        own[name][edge.leaf][lag] = own[name][edge.leaf][lag] + signal
        return own, {name: kept[:-1] for name, kept in slopes.items()}

    def _through(self, edge, losses, sent, slopes) -> list[dict]:
        """Signals at the ports of an edge, by how long ago."""
        zeros = jnp.zeros(edge.shape[1], float_dtype())
        found = [{port: losses.get(port, zeros) for port in edge.ports}]
        for lag in range(max((len(signals) for signals in sent.values()), default=1)):
            blocks = slopes[lag][0]
            at_ports = {port: zeros for port in edge.ports}
            for (a, port), slope in blocks.items():
                if lag == 0 and a in losses:
                    at_ports[port] = at_ports[port] + slope * losses[a]
                if a in sent and lag < len(sent[a]):
                    at_ports[port] = at_ports[port] + slope * sent[a][lag]
            found.append(at_ports)
        return found


def jacobians_like(shapes):
    """Zeros in the shapes of Jacobians."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
