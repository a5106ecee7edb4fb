"""Fractional differential equations in the sense of Caputo."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
from jax.core import Tracer

from brainsim._errors import NamesArguments, suggestion
from brainsim.integrators.base import Leaves, PlainFunction, Scalar, Stripped
from brainsim.integrators.coupled import Coupled, check_coupling
from brainsim.integrators.implicit import implicit_stage
from brainsim.integrators.integrate import _count_saved, _start, _strong_float


@dataclass(frozen=True)
class FractionalMethod(metaclass=NamesArguments):
    """A scheme that weighs the past: ``y_next = fixed + scale dt**alpha f``, with a buffer of the past in `fixed`.

    Parameters
    ----------
    memory : int, optional
        Steps of the past that are kept (the short-memory principle); without it, all. One step costs a weighted sum
        over them, so n steps of a system of size d cost n x memory x d operations, and the buffer memory x d numbers.
    implicit : bool
        Whether f is taken at the end of the step, by Newton's method, or at its start.
    coupling : {"elementwise", "full"}
        What may depend on what, for the implicit solve; see `BackwardEuler`.
    max_iterations : int
        Bound on Newton's iterations.
    """

    memory: int | None = None
    implicit: bool = True
    coupling: str = "elementwise"
    max_iterations: int = 20

    name: ClassVar[str]

    def __post_init__(self):
        check_coupling(self, self.coupling)
        if self.memory is not None and (not isinstance(self.memory, int) or self.memory < 1):
            raise ValueError(
                f"{type(self).__name__}: memory must be a positive number of steps or None, got {self.memory!r}."
            )

    @abc.abstractmethod
    def scale(self, alpha: float | jax.Array) -> float | jax.Array:
        """What multiplies dt**alpha f."""

    @abc.abstractmethod
    def weights(self, alpha: float | jax.Array, length: int) -> jax.Array:
        """Weights of the entries of the past, from the latest on."""

    @abc.abstractmethod
    def present(self, y: Leaves, y0: Leaves) -> Leaves:
        """What the weighted past is taken from."""

    @abc.abstractmethod
    def entry(self, new: Leaves, y: Leaves, y0: Leaves) -> Leaves:
        """What of a step is remembered."""

    def step(
        self,
        f: PlainFunction,
        t: jax.Array,
        y: Leaves,
        dt: jax.Array,
        alpha: float | jax.Array,
        y0: Leaves,
        past: Leaves,
    ) -> tuple[Leaves, Leaves]:
        """The next y, and the past with this step, from plain arrays; entries of `past` are (length, \\*shape), latest
        first.
        """
        fixed = [
            x - jnp.tensordot(self.weights(alpha, len(p)).astype(p.dtype), p, 1)
            for x, p in zip(self.present(y, y0), past, strict=True)
        ]
        factor = self.scale(alpha) * dt**alpha
        if self.implicit:
            system = Coupled(f, y, self.coupling)
            new = system.unstack(
                implicit_stage(system, t + dt, system.stack(y), system.stack(fixed), factor, self.max_iterations)
            )
        else:
            new = [(x + factor * s).astype(x.dtype) for x, s in zip(fixed, f(t, y), strict=True)]
        past = [jnp.concatenate([e[None], p[:-1]]) for e, p in zip(self.entry(new, y, y0), past, strict=True)]
        return new, past


@dataclass(frozen=True)
class CaputoL1(FractionalMethod):
    r"""The L1 scheme: order 2 - alpha for solutions that are smooth at the start.

    .. math::

        \sum_{k=0}^{n} b_k\,(y_{n+1-k} - y_{n-k}) = \Gamma(2 - \alpha)\,dt^\alpha f(t_{n+1}, y_{n+1}),
        \qquad b_k = (k + 1)^{1-\alpha} - k^{1-\alpha}

    Parameters as for `FractionalMethod`; with ``implicit=False`` f is taken at :math:`t_n, y_n` and the order is 1. At
    alpha = 1 it is backward (forward) Euler.

    Notes
    -----
    **Where it stops being right**: solutions of fractional equations with constant coefficients rise as
    :math:`t^\alpha` from the start, which no even mesh resolves: at a fixed time the order is then 1, and the first
    steps have an error of :math:`dt^\alpha`.

    References
    ----------
    Oldham & Spanier (1974), The Fractional Calculus; Lin & Xu (2007), J. Comput. Phys. 225:1533; Jin, Lazarov & Zhou
    (2016), IMA J. Numer. Anal. 36:197.
    """

    name: ClassVar[str] = "l1"

    def scale(self, alpha):
        return jnp.exp(jax.lax.lgamma(jnp.asarray(2.0 - alpha, float)))

    def weights(self, alpha, length):
        k = jnp.arange(1, length + 1, dtype=float)
        return (k + 1) ** (1 - alpha) - k ** (1 - alpha)

    def present(self, y, y0):
        return y

    def entry(self, new, y, y0):
        return [a - b for a, b in zip(new, y)]


@dataclass(frozen=True)
class GrunwaldLetnikov(FractionalMethod):
    r"""The Grünwald-Letnikov scheme, of order 1.

    .. math::

        \sum_{k=0}^{n+1} w_k\,(y_{n+1-k} - y_0) = dt^\alpha f(t_n, y_n), \qquad w_0 = 1,\; w_k = \left(1 - \frac{1 + \alpha}{k}\right) w_{k-1}

    Subtracting :math:`y_0` makes its derivative that of Caputo. Parameters as for `FractionalMethod`; explicit unless
    ``implicit=True``, when f is taken at :math:`t_{n+1}, y_{n+1}`. At alpha = 1 it is forward (backward) Euler.

    References
    ----------
    Podlubny (1999), Fractional Differential Equations, sections 7.3 (short memory) and 8.2; Scherer, Kalla, Tang &
    Huang (2011), Comput. Math. Appl. 62:902.
    """

    implicit: bool = False

    name: ClassVar[str] = "grunwald_letnikov"

    def scale(self, alpha):
        return 1.0

    def weights(self, alpha, length):
        return jnp.cumprod(1 - (1 + alpha) / jnp.arange(1, length + 1, dtype=float))

    def present(self, y, y0):
        return y0

    def entry(self, new, y, y0):
        return [a - b for a, b in zip(new, y0)]


FRACTIONAL: dict[str, FractionalMethod] = {method.name: method for method in (CaputoL1(), GrunwaldLetnikov())}
_ALIASES = {"caputo_l1": "l1", "caputol1": "l1", "gl": "grunwald_letnikov"}


def integrate_fractional(
    f: Callable,
    y0: Any,
    duration: Scalar,
    dt: Scalar,
    alpha: float | jax.Array,
    method: str | FractionalMethod = "l1",
    *,
    t0: Scalar = 0,
    save_every: int = 1,
) -> tuple[Any, Any]:
    r"""Integrate :math:`{}^C\!D^\alpha y = f(t, y)` from `t0` with a fixed step, where the derivative is that of
    Caputo.

    Can be jitted, differentiated (in `alpha` too) and vmapped over `y0`, `t0`, `alpha` and everything that `f` closes
    over.

    Parameters
    ----------
    f : callable
        ``f(t, y)`` gives the derivative of order `alpha`, a pytree like `y0`. Unit of each leaf: that of `y0` over that
        of `dt` to the power of `alpha`.
    y0 : pytree
        Initial state: arrays or quantities.
    duration, dt : scalar
        Length and step, both with a unit of time or both plain, and concrete.
    alpha : float
        Order of the derivative, above 0 and at most 1. It must be concrete when `dt` has a unit.
    method : str or FractionalMethod, optional
        ``"l1"`` (`CaputoL1`), ``"grunwald_letnikov"`` or ``"gl"`` (`GrunwaldLetnikov`); an object sets the memory:
        ``GrunwaldLetnikov(memory=200)``.
    t0 : scalar, optional
        Time of `y0`, from which the derivative counts. A plain 0 is right with any unit.
    save_every : int, optional
        Keep one state in so many steps. It must divide the number of steps.

    Returns
    -------
    times : array or quantity, (n_saved + 1,)
        From `t0` to ``t0 + duration``, in the unit of `dt`.
    ys : pytree
        Like `y0`, with a leading axis over `times`.

    Raises
    ------
    ValueError
        For an `alpha` outside (0, 1], an unknown method, or a duration that is not a multiple of `dt`.
    brainunit.UnitMismatchError
        When the derivative has the wrong unit.

    References
    ----------
    Diethelm (2010), The Analysis of Fractional Differential Equations.
    """
    method = _get(method)
    steps = _count_saved(duration, dt, save_every)
    plain = Stripped(_start(t0, dt), jax.tree.map(_strong_float, y0), dt)
    if isinstance(alpha, Tracer):
        if plain.time_unit is not None:
            raise ValueError(
                "alpha sets the unit of f when dt has one, so it must be concrete; use a plain dt to trace alpha."
            )
    elif not 0 < alpha <= 1:
        raise ValueError(f"alpha must be above 0 and at most 1, got {alpha}.")
    slope = plain.rate(
        f,
        f"the derivative of order {alpha}" if plain.time_unit is not None else "the derivative",
        power=cast(float, alpha),
    )
    length = steps if method.memory is None else min(method.memory, steps)
    start, first = jnp.asarray(plain.t, float), plain.leaves

    def step(carry, i):
        return method.step(slope, start + i * plain.dt, carry[0], plain.dt, alpha, first, carry[1]), None

    def chunk(carry, i):
        carry, _ = jax.lax.scan(step, carry, i + jnp.arange(save_every))
        return carry, carry[0]

    past = [jnp.zeros((length, *x.shape), x.dtype) for x in first]
    _, saved = jax.lax.scan(chunk, (first, past), jnp.arange(0, steps, save_every))
    ys = plain.wrap([jnp.concatenate([x[None], rest]) for x, rest in zip(first, saved)])
    return plain.time(start + jnp.arange(0, steps + 1, save_every) * plain.dt), ys


def _get(method) -> FractionalMethod:
    if isinstance(method, FractionalMethod):
        return method
    if isinstance(method, type) and issubclass(method, FractionalMethod):
        return method()
    name = str(method).strip().lower().replace("-", "_")
    name = _ALIASES.get(name, name)
    if name not in FRACTIONAL:
        raise ValueError(f"Unknown fractional method {method!r}.{suggestion(name, [*FRACTIONAL, *_ALIASES])}")
    return FRACTIONAL[name]
