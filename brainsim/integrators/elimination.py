"""Elimination in small sparse systems, many side by side: which variable depends on which is found once, from the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

_INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # of primitives that are a program each


def dependence(function: Callable, y: Sequence) -> np.ndarray:
    """Which result depends on which argument: bool (results, arguments). At least what does; what is not known does.

    Parameters
    ----------
    function : callable
        From a list of arrays to a list of arrays.
    y : list of arrays
    """
    jaxpr = jax.make_jaxpr(function)(list(y)).jaxpr
    found = _follow(jaxpr, [frozenset([k]) for k in range(len(y))])
    return np.array([[k in own for k in range(len(y))] for own in found], bool).reshape(len(found), len(y))


def _follow(jaxpr, given: list) -> list:
    known = dict(zip(jaxpr.invars, given))
    of = lambda v: frozenset() if isinstance(v, Literal) else known.get(v, frozenset())  # noqa: E731
    for eqn in jaxpr.eqns:
        inputs = [of(v) for v in eqn.invars]
        inner = next((eqn.params[name] for name in _INSIDE if name in eqn.params), None)
        inner = getattr(inner, "jaxpr", inner)
        if inner is not None and hasattr(inner, "invars") and len(inner.invars) == len(inputs) and not inner.constvars:
            outputs = _follow(inner, inputs)
        else:
            outputs = [frozenset().union(*inputs)] * len(eqn.outvars)
        known.update(zip(eqn.outvars, outputs))
    return [of(v) for v in jaxpr.outvars]


def colours(depends: np.ndarray) -> list[list[int]]:
    """Columns in groups of which no two have an entry in one row: one product with the matrix finds those of a group."""
    groups: list[list[int]] = []
    taken: list[np.ndarray] = []
    for j in range(depends.shape[1]):
        for group, rows in zip(groups, taken):
            if not (rows & depends[:, j]).any():
                group.append(j)
                rows |= depends[:, j]
                break
        else:
            groups.append([j])
            taken.append(depends[:, j].copy())
    return groups


class Factors:
    """Equations W x = r, element by element, from which all variables but one are eliminated.

    No pivots are sought: W is a multiple of one less a Jacobian, and a step is short where that does not suffice.

    Parameters
    ----------
    depends : bool array (k, k)
        Where W may have entries beside its diagonal.
    entries : dict of pair of int to array
        Of W, where it has any; with the diagonal.
    last : int
        The variable that is left.
    """

    def __init__(self, depends: np.ndarray, entries: dict, last: int):
        k = len(depends)
        self.last, self.order = last, [i for i in range(k) if i != last]
        rows = {(i, j): x for (i, j), x in entries.items() if i == j or depends[i, j]}
        self.factors, self.inverse = {}, {}
        for n, p in enumerate(self.order):
            self.inverse[p] = 1 / rows[p, p]
            after = [*self.order[n + 1 :], last]
            for i in after:
                if (i, p) not in rows:
                    continue
                factor = self.factors[i, p] = rows[i, p] * self.inverse[p]
                for j in after:
                    if (p, j) in rows:
                        own = rows.get((i, j))
                        rows[i, j] = -factor * rows[p, j] if own is None else own - factor * rows[p, j]
        self.rows = rows

    @property
    def left(self) -> jax.Array:
        """What W has become for the last variable."""
        return self.rows[self.last, self.last]

    def solve(self, right: Sequence, finish: Callable) -> list:
        """x, with that of the last variable from ``finish(r)``, which solves ``left x = r``."""
        r = list(right)
        for n, p in enumerate(self.order):
            for i in [*self.order[n + 1 :], self.last]:
                if (i, p) in self.factors:
                    r[i] = r[i] - self.factors[i, p] * r[p]
        x = dict.fromkeys(range(len(r)))
        x[self.last] = finish(r[self.last])
        for n in reversed(range(len(self.order))):
            p = self.order[n]
            total = r[p]
            for j in [*self.order[n + 1 :], self.last]:
                if (p, j) in self.rows:
                    total = total - self.rows[p, j] * x[j]
            x[p] = total * self.inverse[p]
        return [jnp.asarray(x[i]) for i in range(len(r))]
