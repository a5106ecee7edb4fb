"""Traces as products of a presynaptic and a postsynaptic factor: pp_prop, also called ES-D-RTRL."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp

from brainsim._units import float_dtype
from brainsim.train.online.own import Jacobian
from brainsim.train.online.rule import Full, Trace, TraceRule
from brainsim.train.online.site import Site, Through


@dataclasses.dataclass(frozen=True)
class PPProp(TraceRule):
    r"""D-RTRL in factors: a trace of presynaptic arrivals times k numbers for each postsynaptic neuron.

    .. math:: x_i \leftarrow \alpha\,x_i + s_i,\qquad
              y_j \leftarrow \alpha\,D_j\,y_j + (1 - \alpha)\,\partial h_j / \partial g_j,\qquad e_{ij} = x_i\,y_j

    Exponential smoothing keeps the sum of products near one product. Memory: O(neurons), not O(synapses).

    Parameters
    ----------
    alpha : float
        How much is kept from step to step, between 0 and 1.

    References
    ----------
    C. Wang, X. Dong, Z. Ji, J. Jiang, X. Liu, S. Wu, "BrainScale: enabling scalable online learning in spiking neural
    networks", bioRxiv 2024.09.24.614728 (2024).
    """

    alpha: float = 0.9

    name = "pp_prop"
    layers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"PPProp: alpha is between 0 and 1, given {self.alpha!r}.")

    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Trace:
        return Factors(site, self.alpha) if isinstance(site, Through) and site.factors else Full(site)


@dataclasses.dataclass(frozen=True)
class Factors(Trace):
    """One number per presynaptic neuron and port, and k per postsynaptic one and port."""

    site: Through
    alpha: float

    def start(self):
        own = self.site.own
        x = jnp.zeros(self.site.arrived_shape, float_dtype())
        pre = {port: x for port in self.site.ports}
        carried = sorted(own.reached(self.site.beginnings) & own.read)
        return pre, {port: {leaf: jnp.zeros(own.count, float_dtype()) for leaf in carried} for port in self.site.ports}

    def advance(self, carried, jacobian, new, autapses):
        pre, post = carried
        pre = {port: self.alpha * pre[port] + x for port, x in self.site.features(new).items()}
        now = {}
        for port, y in post.items():
            after: dict = {}
            for (a, b), slope in jacobian.blocks.items():
                if b in y and a in self.site.own.leaves:
                    after[a] = after.get(a, 0.0) + self.alpha * slope * y[b]
            after[port] = after.get(port, 0.0) + (1 - self.alpha) * jnp.ones(self.site.own.count, float_dtype())
            now[port] = after
        kept = {port: {leaf: now[port].get(leaf, x) for leaf, x in y.items()} for port, y in post.items()}
        return (pre, kept), (pre, now)

    def pair(self, now, signals):
        pre, post = now
        zero = jnp.zeros(self.site.own.count, float_dtype())
        of = {port: sum((signals[a] * y for a, y in post[port].items() if a in signals), zero) for port in post}
        return self._pairs(pre, of)

    def _pairs(self, pre, post):
        return sum((self.site.outer(pre[port], y) for port, y in post.items()), jnp.zeros((), float_dtype()))

    def sent(self, now, leaf):
        pre, post = now
        silent = jnp.zeros(self.site.own.count, float_dtype())
        return pre, {port: y.get(leaf, silent) for port, y in post.items()}

    def sent_at_rest(self, leaf):
        pre, post = self.start()
        return pre, {port: jnp.zeros(self.site.own.count, float_dtype()) for port in post}

    def pair_sent(self, sent, signal):
        pre, post = sent
        return self._pairs(pre, {port: y * signal for port, y in post.items()})

    def kept(self, now, leaf, slope):
        post = self.sent(now, leaf)[1]
        return jnp.stack([slope * post[port] for port in self.site.ports])

    def pair_kept(self, now, kept, signal):
        return self._pairs(now[0], dict(zip(self.site.ports, jnp.sum(kept * signal[None], -1))))
