"""A stiff method of order 5 whose stages are linear equations, with an estimate of its error and an interpolant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

GAMMA = 0.21193756319429014
ORDER = 5  # one more than that of the estimate of the error
_A = [
    [],
    [3.0],
    [2.849394379747939, 0.45842242204463923],
    [-6.954028509809101, 2.489845061869568, -10.358996098473584],
    [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946],
]
_C = [
    [],
    [-14.155112264123755],
    [-17.97296035885952, -2.859693295451294],
    [147.12150275711716, -1.41221402718213, 71.68940251302358],
    [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
    [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471],
    [30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
     -28.087943162872662],
    [37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
     -54.66780262877968, -9.48861652309627],
]  # fmt: skip
_NODES = [0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0]
_BY_TIME = [GAMMA, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069, 0.0, 0.0, 0.0]
_BETWEEN = [
    [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
     1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
    [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
     15.98066361424651, -6.789040303419874, -6.710236069923372],
    [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
     -59.78993625266729, -0.15582684282751913, 4.883087185713722],
]  # fmt: skip
STAGES = len(_NODES)


def _square(rows) -> np.ndarray:
    return np.array([[*row, *[0.0] * (STAGES - len(row))] for row in rows])


# The last three stages begin where the one before them has come to
_A = _square([*_A, [*_A[5], 1.0], [*_A[5], 1.0, 1.0]])
_C = _square(_C)


class Step(NamedTuple):
    """A step that was tried: the state at its end, the error of each number, and the coefficients of the interpolant."""

    after: Any
    error: Any
    between: Any


def step(rates: Callable, solve: Callable, by_time: Any, t: jax.Array, y: Any, h: jax.Array) -> Step:
    r"""A step of Rodas5P: of order 5, L-stable and stiffly accurate, for :math:`\dot y = f(t, y)`.

    .. math::
        \left(\frac{1}{\gamma h} - J\right) k_i = f\Big(t + c_i h,\; y + \sum_j a_{ij} k_j\Big)
            + \frac 1h \sum_j c_{ij} k_j + h\,d_i\,\partial_t f,\qquad y \leftarrow y + \sum_j a_{8j} k_j + k_8

    with :math:`k_8` the estimate of the error. The stages are one loop, so that it compiles as fast as one of them.

    Parameters
    ----------
    rates : callable
        ``rates(t, y)`` gives dy/dt, a pytree of arrays like `y`.
    solve : callable
        ``solve(r)`` gives x in :math:`(1/(\gamma h) - J)\,x = r`, with the Jacobian J of f at the start.
    by_time : pytree like y
        The partial derivative of f in t at the start.
    t, h : float array, ()
        Where it starts, and its length.
    y : pytree of arrays

    Returns
    -------
    Step

    References
    ----------
    G. Steinebach, BIT Numer. Math. 63:27 (2023).
    """
    dtype = jnp.result_type(*jax.tree.leaves(y))
    rows = [jnp.asarray(x, dtype) for x in (_A, _C, _NODES, _BY_TIME, np.eye(STAGES))]

    def stage(ks, row):
        a, c, node, d, place = row
        sum_of = lambda weights, k: jnp.tensordot(weights, k, 1)  # noqa: E731
        there = jax.tree.map(lambda x, k: x + sum_of(a, k), y, ks)
        right = jax.tree.map(
            lambda f, k, change: f + sum_of(c, k) / h + h * d * change, rates(t + node * h, there), ks, by_time
        )
        found = solve(right)
        return jax.tree.map(lambda k, x: k + place.reshape(-1, *[1] * x.ndim) * x[None], ks, found), None

    ks = jax.tree.map(lambda x: jnp.zeros((STAGES, *x.shape), x.dtype), y)
    ks = jax.lax.scan(stage, ks, tuple(rows))[0]
    last = jnp.asarray(_A[-1] + np.eye(STAGES)[-1], dtype)
    after = jax.tree.map(lambda x, k: x + jnp.tensordot(last, k, 1), y, ks)
    between = jax.tree.map(lambda k: jnp.tensordot(jnp.asarray(_BETWEEN, dtype), k, 1), ks)
    return Step(after, jax.tree.map(lambda k: k[-1], ks), between)


def interpolated(before: jax.Array, after: jax.Array, between: jax.Array, passed: jax.Array) -> jax.Array:
    """The state at a fraction of a step, of order 4; `passed` is broadcast against `before`."""
    left = 1 - passed
    return left * before + passed * (after + left * (between[0] + passed * (between[1] + passed * between[2])))
