"""Receptors with linear kinetics: exact over a step of any length, the mean of the conductance included."""

from __future__ import annotations

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core import Clock, State
from brainsim._core.rounding import SUFFIX
from brainsim._errors import UnknownNameError, suggestion
from brainsim.integrators.exponential import phi1
from brainsim.receptors.base import Receptor

NEAR = 0.5  # a difference of two decays, times dt, from which on dividing by it loses no digits


class LinearReceptor(Receptor):
    r"""Receptor whose states obey linear equations between spikes.

    .. math:: \dot y = A\,y,\qquad y(t + dt) = e^{A\,dt}\,y(t),\qquad
              \bar y = \varphi_1(A\,dt)\,y(t),\quad \varphi_1(z) = (e^z - 1)/z

    A subclass gives :meth:`derivative`, whose arguments name its states; the last one is g. States and the mean of g
    over the step, which the membrane sees, are then exact at any dt; equations that are not linear, or hold a constant, are
    refused. Where ``output`` bends g, its mean is that of its
    two ends: the error is of second order in dt.
    """

    listable = True
    stages: tuple[str, ...] = ()  # the states, in the order of ``derivative``

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "derivative" in vars(cls) and "stages" not in vars(cls):
            arguments = list(inspect.signature(cls.derivative).parameters.values())[1:]
            cls.stages = tuple(a.name for a in arguments if a.kind is not a.VAR_POSITIONAL)
        states = [name for name, declared in cls._declared.items() if isinstance(declared, State)]
        for name in cls.stages:
            if name not in states:
                raise UnknownNameError(
                    f"{cls.__name__}: the stage {name!r} is no State of the class.{suggestion(name, states)}"
                )
        port = vars(cls).get("port")
        if isinstance(port, str) and port not in states:
            raise UnknownNameError(f"{cls.__name__}: port={port!r} is no State of the class.{suggestion(port, states)}")

    def derivative(self, *stages: jax.Array) -> jax.Array | tuple[jax.Array, ...]:
        """Time derivatives per ms of the states, in their order, plain: linear in the states."""
        raise NotImplementedError(f"{type(self).__name__} has no kinetics: define derivative(self, ..., g).")

    def bind(self, neuron, name, ids=None):
        super().bind(neuron, name, ids)
        if type(self).propagator is LinearReceptor.propagator:
            self._check_linear()

    def _check_linear(self) -> None:
        """Refuse equations that the exponential of a matrix is not the solution of."""
        at = [1.0 + k for k in range(len(self.stages))]
        parts = [self._given_by(*(factor * x for x in at)) for factor in (0.0, 1.0, -3.0)]
        columns = [[x * slope for slope in self._slopes(k)] for k, x in enumerate(at)]
        parts.append(tuple(sum(slopes) for slopes in zip(*columns, strict=True)))
        if any(isinstance(slope, Tracer) for slopes in parts for slope in slopes):
            return
        for name, none, once, thrice, total in zip(self.stages, *map(list, parts), strict=True):
            near = lambda a, b: np.allclose(a, b, rtol=1e-3, atol=1e-9)  # noqa: E731
            if not (near(none, 0) and near(thrice, -3 * once) and near(total, once)):
                raise ValueError(
                    f"{self.path}: {type(self).__name__}.derivative of {name!r} is not linear in the states"
                    f" {', '.join(self.stages)}, or holds a constant; a receptor that is not linear gives advance(self, clock)."
                )

    def _given_by(self, *stages) -> tuple:
        """What ``derivative`` gives, one plain number for each stage."""
        slopes = self.derivative(*map(jnp.asarray, stages))
        slopes = slopes if isinstance(slopes, tuple) else (slopes,)
        what = f"{self.path}: {type(self).__name__}.derivative"
        if len(slopes) != len(self.stages):
            raise ValueError(
                f"{what} gives {len(slopes)} values for {len(self.stages)} states, {', '.join(self.stages)}."
            )
        if any(slope is None or isinstance(slope, u.Quantity) for slope in slopes):
            raise TypeError(f"{what} gives plain numbers per ms: self.plain(name) reads a value. Given {slopes}.")
        return slopes

    def propagator(self, dt: jax.Array) -> tuple[list, list]:
        """``(rows, mean)`` for ``dt`` ms: what each state after the step takes of those before, None for nothing; and
        what the mean of g takes.

        A subclass that knows the closed form gives it; this is the matrix exponential.
        """
        k = len(self.stages)
        columns = [jnp.stack(jnp.broadcast_arrays(*self._slopes(j))) for j in range(k)]
        matrix = jnp.moveaxis(jnp.stack(jnp.broadcast_arrays(*columns), axis=1), (0, 1), (-2, -1))
        # [[A, 0], [e_k, 0]]: its exponential holds the integral of the last state too
        g = jnp.broadcast_to(jnp.eye(1, k, k - 1, dtype=matrix.dtype), (*matrix.shape[:-2], 1, k))
        whole = jnp.concatenate([matrix * dt, g], axis=-2)
        whole = jnp.concatenate([whole, jnp.zeros((*whole.shape[:-1], 1), whole.dtype)], axis=-1)
        power = jax.scipy.linalg.expm(whole)
        *rows, mean = [[power[..., i, j] for j in range(k)] for i in range(k + 1)]
        return rows, mean

    def _slopes(self, j):
        """Column j of A: the derivatives where state j alone is 1."""
        return self._given_by(*(float(i == j) for i in range(len(self.stages))))

    def advance(self, clock: Clock):
        before = [self.plain(name) for name in self.stages]
        rows, mean = self.propagator(clock.step_ms)
        after = [_weighted(row, before) for row in rows]
        for k, (name, value) in enumerate(zip(self.stages, after, strict=True)):
            if name + SUFFIX in vars(self):
                self.accumulate(name, self._change(k, rows[k], before, clock.step_ms))
            else:
                self.put(name, value)
        return self.mean(before[-1], after[-1], exact=_weighted(mean, before))

    def now(self, clock: Clock):
        g = self.plain(self.stages[-1])
        return self.mean(g, g, exact=g)

    def _change(self, k, row, before, dt):
        """What a step adds to stage k, which drives none of those that drive it."""
        own = jnp.expm1(self._slopes(k)[k] * dt)
        return _weighted([own if j == k else factor for j, factor in enumerate(row)], before)


class Cascade(LinearReceptor):
    r"""Two stages, each of which decays: spikes raise the first, the first drives g.

    .. math:: \dot h = -\alpha\,h,\qquad \dot g = c\,h - \beta\,g

    A subclass gives :meth:`rates` and names its ``stages``. The closed form holds for equal rates too, and loses no
    digits where they are nearly equal.
    """

    def rates(self):
        r""":math:`(\alpha, c, \beta)`, per ms."""
        raise NotImplementedError(f"{type(self).__name__} has no kinetics: define rates(self).")

    def derivative(self, *stages):
        alpha, drive, beta = self.rates()
        h, g = stages
        return -alpha * h, drive * h - beta * g

    def propagator(self, dt):
        alpha, drive, beta = self.rates()
        a, b, passed = alpha * dt, beta * dt, drive * dt
        rows = [[jnp.exp(-a), None], [passed * difference(a, b), jnp.exp(-b)]]
        return rows, [passed * mean_difference(a, b), phi1(-b)]


def _weighted(factors, values):
    """Sum of the products, without the factors that are None."""
    products = [value * factor for factor, value in zip(factors, values, strict=True) if factor is not None]
    total = products[-1]
    for product in products[-2::-1]:
        total = total + product
    return total


def difference(a, b):
    r""":math:`(e^{-b} - e^{-a})/(a - b)` for positive a and b, :math:`e^{-a}` where they are equal."""
    later = a > b
    slow, distance = jnp.where(later, b, a), jnp.where(later, b - a, a - b)
    return jnp.exp(-slow) * phi1(distance)


def mean_difference(a, b):
    r""":math:`\int_0^1 (e^{-bs} - e^{-as})/(a - b)\,ds = [\varphi_1(-b) - \varphi_1(-a)]/(a - b)`, also where a and b
    are near each other.

    There it is the mean of :math:`\varphi_1'` between -a and -b, by Gauss-Legendre quadrature with five points.
    """
    a, b = jnp.broadcast_arrays(a, b)
    near = jnp.abs(a - b) < NEAR
    apart = (phi1(-b) - phi1(-a)) / jnp.where(near, 1, a - b)
    points, weights = np.polynomial.legendre.leggauss(5)
    shape = (5, *(1,) * a.ndim)
    at = np.asarray((1 + points) / 2, a.dtype).reshape(shape)
    between = -(b[None] + at * (a - b)[None])
    slopes = jax.jvp(phi1, (between,), (jnp.ones_like(between),))[1]
    return jnp.where(near, jnp.sum(np.asarray(weights / 2, a.dtype).reshape(shape) * slopes, axis=0), apart)
