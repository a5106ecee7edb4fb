"""Tables of explicit Runge-Kutta methods, checked at construction by the order conditions of rooted trees."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

Tree = tuple["Tree", ...]  # a root, as the sorted tuple of the trees on it; the root alone is ()


@functools.cache
def rooted_trees(nodes: int) -> tuple[Tree, ...]:
    """All rooted trees with so many nodes: 1, 1, 2, 4, 9, 20 for 1 to 6."""
    return tuple(sorted(set(_forests(nodes - 1))))


@functools.cache
def _forests(nodes: int) -> tuple[Tree, ...]:
    if nodes == 0:
        return ((),)
    return tuple(
        tuple(sorted((tree, *rest)))
        for size in range(1, nodes + 1)
        for tree in rooted_trees(size)
        for rest in _forests(nodes - size)
    )


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree))


def _density(tree: Tree) -> int:
    return _size(tree) * math.prod(map(_density, tree))


def _name(tree: Tree) -> str:
    """The weight of a tree in terms of a and c: ``c²``, ``(a c)``."""
    leaves, twigs = tree.count(()), [t for t in tree if t]
    power = "" if leaves == 0 else "c" if leaves == 1 else "c" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[leaves]
    return power + "".join(f"(a {_name(t)})" for t in twigs)


@dataclass(frozen=True)
class ButcherTableau:
    r"""Coefficients of an explicit Runge-Kutta method, checked at construction.

    .. math::

        k_i = f\big(t + c_i\,dt,\; y + dt \sum_{j<i} a_{ij} k_j\big), \qquad y_{next} = y + dt \sum_i b_i k_i

    Parameters
    ----------
    a : tuple of tuples of float
        Row i holds the i weights of the stages before stage i, so the first row is empty: only the part strictly below
        the diagonal can be written down.
    b, c : tuple of float
        Weights and nodes, one per stage.
    order : int
        Order of convergence. All order conditions up to it are verified.

    Raises
    ------
    ValueError
        When the shapes do not fit, a row of `a` does not sum to its node in `c`, or a condition of `order` fails.

    References
    ----------
    Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.1 and II.2.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int

    def __post_init__(self):
        stages = len(self.b)
        if len(self.a) != stages or len(self.c) != stages:
            raise ValueError(f"a, b and c must have one row per stage, got {len(self.a)}, {stages} and {len(self.c)}.")
        for i, row in enumerate(self.a):
            if len(row) != i:
                raise ValueError(f"Row {i} of a must have {i} entries (strictly below the diagonal), got {len(row)}.")
            if not math.isclose(math.fsum(row), self.c[i], abs_tol=1e-13):
                raise ValueError(f"Row {i} of a must sum to c[{i}] = {self.c[i]}, got {math.fsum(row)}.")
        if not 1 <= self.order <= stages:
            raise ValueError(
                f"An explicit method with {stages} stages has an order of 1 to {stages}, got {self.order}."
            )
        for condition, value, expected in self.order_conditions(self.order):
            if not math.isclose(value, expected, abs_tol=1e-13):
                raise ValueError(f"Order {self.order} needs {condition} = {expected:.4g}, got {value:.4g}.")

    def order_conditions(self, order: int) -> Iterator[tuple[str, float, float]]:
        """The conditions up to an order: what must be a number, what it is, and the number."""
        for nodes in range(1, order + 1):
            for tree in rooted_trees(nodes):
                value = math.fsum(weight * x for weight, x in zip(self.b, self._weights(tree)))
                yield f"b·{_name(tree)}" if tree else "sum(b)", value, 1 / _density(tree)

    def _weights(self, tree: Tree) -> list[float]:
        """The elementary weight of a tree at each stage: a product over the trees on its root."""
        twigs = [
            [math.fsum(w * x for w, x in zip(row, weights)) for row in self.a] for weights in map(self._weights, tree)
        ]
        return [math.prod(values) for values in zip(*twigs)] if twigs else [1.0] * len(self.b)
