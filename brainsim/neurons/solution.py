"""The state of a population within a step, as a function of time: exact where its equations are linear."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

TERMS = {
    32: 9,
    64: 14,
}  # of the exponential series, n for floats of so many bits: the error is (h / tau)^(n+1) / (n+1)!
LONGEST = 0.0125  # ms, a Runge-Kutta step at most


def is_affine(function: Callable, y: list) -> bool:
    """Whether no derivative of a function of the state depends on it."""
    tangent = lambda y, v: jax.jvp(function, (y,), (v,))[1]
    jaxpr = jax.make_jaxpr(tangent)(y, y).jaxpr
    used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    return not any(used[: len(y)])


def parts_of(step_ms: float, given: int) -> int:
    """Runge-Kutta steps to take in a step, at least as many as are ``given``."""
    return max(given, math.ceil(step_ms / LONGEST * (1 - 1e-9)))


def along(y: list, h, rates: list) -> list:
    """``y + h rates``."""
    return [a + h * b for a, b in zip(y, rates)]


class Series:
    """Linear equations: the exponential series, from ``y``.

    Parameters
    ----------
    slopes : callable
        ``slopes(y)``, per ms.
    y : list of arrays
    length : array
        What is passed at 1, in ms.
    """

    def __init__(self, slopes: Callable, y: list, length: jax.Array):
        def following(term, k):
            change = jax.jvp(slopes, (y,), (term,))[1]
            term = [length / k * x for x in change]
            return term, term

        self.y, self.first = y, [length * rate for rate in slopes(y)]
        orders = jnp.arange(2, TERMS[jnp.finfo(length.dtype).bits] + 1, dtype=length.dtype)
        self.terms = jax.lax.scan(following, self.first, orders)[1]

    def __call__(self, passed: jax.Array) -> list:
        """The state at a fraction of the length."""
        add = lambda total, term: (along(term, passed, total), None)
        total = jax.lax.scan(add, [jnp.zeros_like(x) for x in self.y], self.terms, reverse=True)[0]
        return along(self.y, passed, along(self.first, passed, total))

    def follow(self, function: Callable) -> Callable:
        """A function of the state as one of the fraction: a polynomial, if it is affine."""
        if not is_affine(function, self.y):
            return lambda passed: function(self(passed))
        slope = lambda term: jax.jvp(function, (self.y,), (term,))[1]
        further = jax.vmap(slope)(self.terms)
        coefficients = [function(self.y), slope(self.first), *(further[k] for k in range(len(further)))]

        def polynomial(passed):
            value = coefficients[-1]
            for coefficient in coefficients[-2::-1]:
                value = value * passed + coefficient
            return value

        return polynomial


class RungeKutta:
    """Other equations: the classical Runge-Kutta method in ``parts`` steps; parameters as of :class:`Series`."""

    def __init__(self, slopes: Callable, y: list, length: jax.Array, parts: int):
        self.slopes, self.y, self.length, self.parts = slopes, y, length, parts

    def __call__(self, passed: jax.Array) -> list:
        """The state at a fraction of the length."""
        h = passed * self.length / self.parts
        if self.parts == 1:
            return self._step(self.y, h)
        return jax.lax.fori_loop(0, self.parts, lambda _, y: self._step(y, h), self.y)

    def _step(self, y, h):
        slopes = self.slopes
        first = slopes(y)
        second = slopes(along(y, h / 2, first))
        third = slopes(along(y, h / 2, second))
        fourth = slopes(along(y, h, third))
        return along(y, h / 6, [a + 2 * b + 2 * c + d for a, b, c, d in zip(first, second, third, fourth)])

    def follow(self, function: Callable) -> Callable:
        """A function of the state as one of the fraction."""
        return lambda passed: function(self(passed))
