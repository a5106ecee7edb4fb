"""What a readout remembers of the traces of those that send to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from brainsim._units import float_dtype
from brainsim.train.online.edge import Edge
from brainsim.train.online.own import Jacobian, Own
from brainsim.train.online.rule import Trace


@dataclasses.dataclass(frozen=True)
class Memory:
    r"""Traces of spikes in the filter of a readout.

    .. math:: \bar e' = D_r\,\bar e + e^{spike},\qquad dL/d\theta = \sum_t \sum_k W_{jk}\,\partial L_t / \partial r_k \cdot \bar e_k

    No path leads from a spike to the output of a readout within a step: it reaches the readout's receptor at the end of
    the step, and what it has left there counts for as long as the readout remembers. Where the readout's units have one
    and the same linear filter, there is one trace for all, otherwise one for each.

    Parameters
    ----------
    edge : Edge
    trace : Trace
        Of what sends.
    own : Own
        The readout.
    shared : bool
        Whether all units of the readout have the same filter.
    """

    edge: Edge
    trace: Trace
    own: Own
    shared: bool

    @property
    def _carried(self):
        return tuple(sorted(self.own.reached(set(self.edge.ports)) & self.own.read))

    @property
    def _m(self):
        return 1 if self.shared else self.own.count

    def start(self, now: Any) -> dict:
        """Nothing, for traces like ``now``."""
        slope = jnp.ones(self.edge.shape[0], float_dtype())
        kept = jax.eval_shape(lambda now: self.trace.kept(now, self.edge.leaf, slope), now)
        return {leaf: jnp.zeros((*kept.shape, self._m), float_dtype()) for leaf in self._carried}

    def advance(self, carried: dict, now: Any, jacobian: Jacobian, new: dict) -> tuple[dict, dict]:
        """``(carried, kept)`` after a step, kept by state of the readout."""
        kept: dict = {}
        for (a, b), slope in jacobian.blocks.items():
            if b in carried and a in self.own.leaves:
                at_each = slope[: self._m].reshape((1,) * (carried[b].ndim - 1) + (self._m,))
                kept[a] = kept.get(a, 0.0) + at_each * carried[b]
        for port, slope in self.edge.slopes(new).items():
            fresh = self.trace.kept(now, self.edge.leaf, slope)[..., None]
            kept[port] = jnp.broadcast_to(kept.get(port, 0.0) + fresh, (*fresh.shape[:-1], self._m))
        return {leaf: kept.get(leaf, x) for leaf, x in carried.items()}, kept

    def pair(self, kept: dict, now: Any, signals: dict, parameters: dict, state: dict, feedback: Any) -> jax.Array:
        """The gradient from the readout's own ``signals``, by state."""
        total = jnp.zeros((), float_dtype())
        for leaf, trace in kept.items():
            if leaf not in signals:
                continue
            if self.shared:
                plain = {leaf: jnp.ones(self.edge.shape[0], float_dtype())}
                signal = self.edge.back({leaf: signals[leaf]}, plain, parameters, state, feedback)[:, None]
            else:
                signal = self.edge.matrix(parameters, state, feedback) * signals[leaf][None]
            total = total + self.trace.pair_kept(now, trace, signal)
        return total


def same_filter(own: Own, parameters: dict, fixed: dict, state: dict, clock: Any) -> bool:
    """Whether the Jacobian of a population is the same for all units, in every state."""
    h = {path: state[path] for path in own.leaves}
    blocks = lambda h: own.jacobian(parameters, fixed, state | h, clock).blocks
    jaxpr = jax.make_jaxpr(blocks)(h).jaxpr
    if any(partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]):
        return own.count == 1
    return all(np.all(np.asarray(x) == np.asarray(x)[:1]) for x in jax.jit(blocks)(h).values())
