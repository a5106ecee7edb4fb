"""Rules that see the whole network: exact real-time recurrent learning, and its unbiased estimate of rank one."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.interpreters import partial_eval

from brainsim._core import Clock
from brainsim.train.online.base import Learner
from brainsim.train.online.rule import Rule


@dataclasses.dataclass(frozen=True)
class RTRL(Rule):
    r"""Real-time recurrent learning: the derivatives of all states with respect to all trained parameters.

    .. math:: J' = \frac{\partial h'}{\partial h}\,J + \frac{\partial h'}{\partial \theta},\qquad
              dL/d\theta = \sum_t \frac{\partial L_t}{\partial h}\,J_t

    Equal to backpropagation through time for any network: recurrence, delays, terminals, layers. Memory: states times
    parameters, and as many tangents of the whole step in each step: for small networks.

    References
    ----------
    R. J. Williams, D. Zipser, Neural Comput. 1:270 (1989).
    """

    name = "rtrl"


@dataclasses.dataclass(frozen=True)
class UORO(Rule):
    r"""Unbiased online recurrent optimisation: the matrix of RTRL as one product, right in the mean.

    .. math:: \tilde s' = \rho_0\,\frac{\partial h'}{\partial h}\,\tilde s + \rho_1\,\nu,\qquad
              \tilde\theta' = \tilde\theta / \rho_0 + \nu^T \frac{\partial h'}{\partial \theta} / \rho_1,\qquad
              E[\tilde s\,\tilde\theta^T] = J

    with random signs :math:`\nu`, and :math:`\rho` so that both factors are of one size. Memory: states and parameters.
    The variance is large: it needs small steps.

    References
    ----------
    C. Tallec, Y. Ollivier, ICLR (2018), arXiv:1702.05043.
    """

    name = "uoro"


class Whole(Learner):
    """A rule on the whole network; made by :func:`brainsim.train.online`."""

    @abc.abstractmethod
    def _advance(self, kept: Any, f: Any, h: dict, theta: dict, clock: Clock) -> Any:
        """What is kept after a step ``f(h, theta)``."""

    @abc.abstractmethod
    def _pair(self, kept: Any, slope: dict) -> dict:
        """The gradients, from the slope of the loss in each state."""

    def _prepare(self, readout, feedback, decay) -> None:
        for name, given in (("readout", readout is not None), ("feedback", feedback != "symmetric"), ("decay", decay)):
            if given:
                raise ValueError(
                    f"{name}: rule={self.rule.name!r} takes the derivative of the whole network and has none."
                )

    def _trained(self, parameters) -> dict:
        return {path: parameters[path] for path in self.trained}

    def _begun_with(self, parameters):
        """The floats of the initial state as a function of the trained parameters."""
        return lambda theta: floats(self._started(parameters | theta))

    def _learn(self, kept, parameters, fixed, state, new, clock, inputs, target):
        f = lambda h, theta: floats(self.structure.step(parameters | theta, fixed, state | h, clock, inputs))
        kept = self._advance(kept, f, floats(state), self._trained(parameters), clock)
        value, slope = jax.value_and_grad(lambda h: self.loss(new | h, target))(floats(new))
        return kept, value, self._pair(kept, slope)


class Exact(Whole):
    """RTRL: one row for each number that is trained."""

    def _rows(self, parameters):
        """One direction for each trained number, and how to name the numbers again."""
        flat, named = ravel_pytree(self._trained(parameters))
        return jax.vmap(named)(jnp.eye(len(flat), dtype=flat.dtype)), named

    def _begin(self, parameters, state, fixed, key):
        begun, theta = self._begun_with(parameters), self._trained(parameters)
        return jax.vmap(lambda row: jax.jvp(begun, (theta,), (row,))[1])(self._rows(parameters)[0])

    def _advance(self, kept, f, h, theta, clock):
        rows, _ = self._rows(theta)
        return jax.vmap(lambda J, row: jax.jvp(f, (h, theta), (J, row))[1])(kept, rows)

    def _pair(self, kept, slope):
        flat: Any = sum(jnp.sum(J * slope[path][None], tuple(range(1, J.ndim))) for path, J in kept.items())
        return self._rows(self.all_parameters)[1](flat)


class OfRankOne(Whole):
    """UORO: one vector of states and one of parameters."""

    def _begin(self, parameters, state, fixed, key):
        begun, theta = self._begun_with(parameters), self._trained(parameters)
        still = jax.tree.map(jnp.zeros_like, (floats(state), theta))
        return self._mixed(key, still[0], still[1], begun, theta), key

    def _advance(self, kept, f, h, theta, clock):
        (s, t), key = kept
        moved = jax.jvp(lambda h: f(h, theta), (h,), (s,))[1]
        return self._mixed(jax.random.fold_in(key, clock.step), moved, t, lambda theta: f(h, theta), theta), key

    def _mixed(self, key, moved, t, f, theta):
        """Both factors with what ``f`` does to the states, random signs of it, taken up."""
        acted_on = _acted_on(f, theta)
        signs = {}
        for k, (path, x) in enumerate(moved.items()):  # signs elsewhere would be noise and nothing else
            drawn = jax.random.rademacher(jax.random.fold_in(key, k), x.shape, x.dtype)
            signs[path] = drawn if path in acted_on else jnp.zeros_like(x)
        begun = jax.vjp(f, theta)[1](signs)[0]
        old, new = _ratio(t, moved), _ratio(begun, signs)
        s = jax.tree.map(lambda x, sign: old * x + new * sign, moved, signs)
        return s, jax.tree.map(lambda x, y: x / old + y / new, t, begun)

    def _pair(self, kept, slope):
        (s, t), _ = kept
        along = sum(jnp.vdot(s[path], x) for path, x in slope.items())
        return jax.tree.map(lambda x: along * x, t)


def floats(state: dict) -> dict:
    """The states that have derivatives."""
    return {path: x for path, x in state.items() if jnp.issubdtype(x.dtype, jnp.floating)}


def _acted_on(f, theta) -> set[str]:
    """The states that ``f`` makes of the parameters."""
    jaxpr, shapes = jax.make_jaxpr(lambda moved: jax.jvp(f, (theta,), (moved,))[1], return_shape=True)(theta)
    n = len(shapes)
    used = [partial_eval.dce_jaxpr(jaxpr.jaxpr, [i == k for i in range(n)])[1] for k in range(n)]
    return {path for path, needed in zip(sorted(shapes), used, strict=True) if any(needed)}


def _ratio(x, y):
    """Square root of the ratio of the sizes of two trees, 1 where one of them is nothing."""
    a, b = (jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree))) for tree in (x, y))
    known = (a > 0) & (b > 0)
    return jnp.sqrt(jnp.where(known, a, 1.0) / jnp.where(known, b, 1.0))
