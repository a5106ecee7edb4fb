"""Implicit methods, with a Newton solve."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Field, Leaves, ODEMethod
from brainsim.integrators.coupled import Coupled, check_coupling, identity_like, solve, value_and_matrix
from brainsim.integrators.staggered import StaggeredBackwardEuler

FOLLOWED = 8  # short steps by which the solution is followed over a step, and steps, where Newton's method gets stuck


@dataclass(frozen=True)
class _Theta(ODEMethod):
    """y_next = y + dt [(1 - theta) f(t, y) + theta f(t + dt, y_next)]."""

    coupling: str = "elementwise"
    max_iterations: int = 50

    theta: ClassVar[float]
    failure: ClassVar[str] = "Newton's method found no solution of the implicit step"  # what NaN means

    def __post_init__(self):
        check_coupling(self, self.coupling)
        if not isinstance(self.max_iterations, int) or self.max_iterations < 1:
            raise ValueError(
                f"{type(self).__name__}: max_iterations must be a positive integer, got {self.max_iterations!r}."
            )

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        system = Coupled(f, y, self.coupling)
        start = system.stack(y)
        dt = jnp.asarray(dt, start.dtype)
        fixed = start if self.theta == 1 else start + (1 - self.theta) * dt * system.slope(t, start)

        def follow(guess):
            """Where the solution is a step later, by short steps that need no solution of their own."""
            short, method = dt / FOLLOWED, StaggeredBackwardEuler()
            leaves = jax.lax.fori_loop(0, FOLLOWED, lambda i, y: method.step(f, t, y, short), system.unstack(guess))
            return system.stack(leaves)

        return system.unstack(
            implicit_stage(system, t + dt, start, fixed, self.theta * dt, self.max_iterations, follow)
        )


def implicit_stage(
    system: Coupled,
    t,
    guess: jax.Array,
    fixed: jax.Array,
    dt,
    max_iterations: int,
    follow: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """y in ``y = fixed + dt f(t, y)``, by Newton's method; NaN at elements where it does not converge.

    A correction that would make the residual larger, or not a number, is halved until it does not: in the upstroke of a
    spike a full one overshoots. There the step may have a solution only on the far side, where no iteration from this
    one ends; it is then begun again from where ``follow`` leads in one to eight steps.

    Derivatives are those of the solution (implicit function theorem), whatever the iterations were.
    """
    # The last correction squared is what is left
    tolerance = float(jnp.finfo(guess.dtype).eps) ** (2 / 3)
    fixed, dt = fixed.astype(guess.dtype), jnp.asarray(dt, guess.dtype)
    over_variables = 0 if system.elementwise else None

    def residual(y):
        return y - fixed - dt * system.slope(t, y)

    def correction(y):
        """Newton's correction, the residual, and the terms whose rounding each of its rows carries."""
        slope, jacobian = system.slope_and_jacobian(t, y)
        value = y - fixed - dt * slope
        magnitude = jnp.abs(y) + jnp.abs(fixed) + jnp.sum(jnp.abs(dt * jacobian) * jnp.abs(y)[None], axis=1)
        return solve(identity_like(jacobian) - dt * jacobian, value), value, magnitude

    def newton(_, guess):
        """From the guess, and where that gets stuck from where ``follow`` leads."""

        def attempt(carry):
            y, converged, guess, count = carry
            if follow is not None:
                guess = jax.lax.cond(count > 0, follow, lambda guess: guess, guess)
            other, found = iterate(guess)
            return jnp.where(converged, y, other), converged | found, guess, count + 1

        def stuck(carry):
            return ~jnp.all(carry[1]) & (carry[3] < (1 if follow is None else FOLLOWED))

        y, converged, *_ = jax.lax.while_loop(stuck, attempt, (guess, none(guess), guess, 0))
        return jnp.where(converged, y, jnp.nan)

    def none(y):
        return jnp.zeros((1, *y.shape[1:]), bool)

    def iterate(guess):
        def correct(carry):
            y, step, best, converged, share, count = carry
            trial = y - share * step
            next_step, value, magnitude = correction(trial)
            # of each row, in what its rounding is measured by
            size = jnp.max(jnp.abs(value) / jnp.where(magnitude > 0, magnitude, 1), over_variables, keepdims=True)
            arrived = jnp.all(jnp.abs(next_step) <= tolerance * magnitude, over_variables, keepdims=True)
            accepted = ~converged & (arrived | (size < best))
            y, step = jnp.where(accepted, trial, y), jnp.where(accepted, next_step, step)
            best = jnp.where(accepted, size, best)
            share = jnp.where(accepted, jnp.minimum(1, 2 * share), share / 2)
            return y, step, best, converged | (accepted & arrived), share, count + 1

        def unfinished(carry):
            *_, converged, _, count = carry
            return ~jnp.all(converged) & (count < max_iterations)

        one = jnp.ones((1, *guess.shape[1:]), guess.dtype)
        start = (guess, jnp.zeros_like(guess), jnp.inf * one, none(guess), one, 0)
        y, step, _, converged, *_ = jax.lax.while_loop(unfinished, correct, start)
        return y - step, converged

    def solve_linear(linear, right):
        _, matrix = value_and_matrix(linear, jnp.zeros_like(right))
        return solve(matrix, right)

    return jax.lax.custom_root(residual, guess, newton, solve_linear)


@dataclass(frozen=True)
class BackwardEuler(_Theta):
    r"""Backward Euler: L-stable, order 1.

    .. math:: y_{next} = y + dt\,f(t + dt, y_{next})

    Called as every `ODEMethod`: ``BackwardEuler()(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    coupling : {"elementwise", "full"}
        What may depend on what. ``"elementwise"``: f at element i of any leaf depends on the leaves at element i only,
        as in a population of neurons; all leaves have one shape, and the cost per element is that of d forward
        derivatives of f and of d**3 operations for d leaves. ``"full"``: anything on anything, with one dense Jacobian
        of all elements of all leaves.
    max_iterations : int
        Bound on Newton's iterations, which start at `y` and are damped where a full correction makes the residual
        larger.

    Notes
    -----
    **Where it stops being right**: where the step has no solution, or Newton does not find it, the element becomes NaN
    (which `brainsim.simulate` reports with the name and time). That happens where a variable runs away within a step:
    the upstroke of AdEx and QIF has no backward Euler step. With ``"elementwise"``, coupling between elements (a cable,
    gap junctions, a vector-valued system in one leaf) gives a wrong Jacobian: slow convergence, then NaN.

    References
    ----------
    Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.3 and IV.8.
    """

    name: ClassVar[str] = "backward_euler"
    order: ClassVar[int] = 1
    theta: ClassVar[float] = 1.0


@dataclass(frozen=True)
class CrankNicolson(_Theta):
    r"""Crank-Nicolson (implicit trapezoidal rule): A-stable, order 2.

    .. math:: y_{next} = y + \tfrac{dt}{2}\,[f(t, y) + f(t + dt, y_{next})]

    Arguments and domain as for `BackwardEuler`. Not L-stable: what is much faster than dt is not damped but changes its
    sign at every step.

    References
    ----------
    Crank & Nicolson (1947), Math. Proc. Cambridge Philos. Soc. 43:50; Hines (1984), Int. J. Biomed. Comput. 15:69.
    """

    name: ClassVar[str] = "crank_nicolson"
    order: ClassVar[int] = 2
    theta: ClassVar[float] = 0.5
