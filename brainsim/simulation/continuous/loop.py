"""The loop over time as a program: turns until enough of them are taken, and the same once more with derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from brainsim.integrators import rodas
from brainsim.simulation.continuous.carried import Carry, Plan
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.turn import UNUSED, Turns


class Course(NamedTuple):
    """What turns have left behind, a row for each: where it began, its plan, what is recorded at its beginning and end and in
    between (by label, the five coefficients of the interpolant), and when who fired, by path.
    """

    begin: jax.Array
    plan: Plan
    values: dict
    fired: dict


class Chunk(NamedTuple):
    """Turns up to now."""

    carry: Carry
    course: Course
    count: jax.Array
    tried: jax.Array


Seen = Callable[[dict], dict]  # from a state to what is recorded of it, by label: linear


def course_of(
    turns: Turns, seen: Seen, watched: tuple[str, ...], carry: Carry, plan: Plan, step: rodas.Step, fired: dict
):
    """The row of one turn."""
    ends = seen(carry.y), seen(step.after)
    between = jax.vmap(seen)(step.between)
    values = {label: jnp.concatenate([ends[0][label][None], ends[1][label][None], between[label]]) for label in between}
    return Course(carry.t, plan, values, {path: fired[path] for path in watched if path in fired})


def ahead(turns: Turns, carry: Carry, end: jax.Array, most: int, seen: Seen, watched: tuple[str, ...]) -> Chunk:
    """At most so many turns, up to the end, or to where it is stuck.

    Parameters
    ----------
    turns : Turns
    carry : Carry
    end : float array, ()
        In ms.
    most : int
    seen : callable
        From a state to what is recorded of it, by label.
    watched : tuple of str
        Whose spikes are recorded, by path.
    """

    def one(carry):
        attempt = turns.attempt(carry, end)

        def settle():
            after, fired = turns.settle(attempt.carry, attempt.plan, attempt.step.after)
            return after, course_of(turns, seen, watched, attempt.carry, attempt.plan, attempt.step, fired)

        return attempt, settle

    row = jax.eval_shape(lambda carry: one(carry)[1]()[1], carry)
    none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), row)
    empty = jax.tree.map(lambda x: jnp.zeros((most, *x.shape), x.dtype), row)

    def going(chunk: Chunk):
        carry = chunk.carry
        unfinished = (carry.t < end) | jnp.any(
            jnp.stack([jnp.any(x) for x in carry.due.values()] or [jnp.zeros((), bool)])
        )
        return unfinished & (chunk.count < most) & ~carry.stuck & ~carry.lost & (chunk.tried < 20 * most)

    def turn(chunk: Chunk):
        attempt, settle = one(chunk.carry)

        carry, row = jax.lax.cond(attempt.taken, settle, lambda: (attempt.carry, none))
        # What is not taken is written over by the next
        course = jax.tree.map(lambda rows, x: rows.at[chunk.count].set(x), chunk.course, row)
        count = chunk.count + attempt.taken.astype(jnp.int32)
        return Chunk(carry, course, count, chunk.tried + 1)

    zero = jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(going, turn, Chunk(carry, empty, zero, zero))


def again(turns: Turns, carry: Carry, chunk: Chunk, seen: Seen, watched: tuple[str, ...]) -> tuple[Carry, Course]:
    """The turns of a chunk once more, from `carry`, with their derivatives."""
    most = len(chunk.course.begin)

    @jax.checkpoint
    def take(carry, plan):
        step = turns.taken(carry, jnp.where(plan.instant, UNUSED, plan.h))
        after, fired = turns.settle(carry, plan, step.after)
        return after, course_of(turns, seen, watched, carry, plan, step, fired)

    row = jax.eval_shape(take, carry, jax.tree.map(lambda x: x[0], chunk.course.plan))[1]

    def turn(carry, given):
        k, plan = given
        none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), row)
        none = none._replace(fired={path: jnp.full_like(x, jnp.inf) for path, x in none.fired.items()})
        return jax.lax.cond(k < chunk.count, take, lambda carry, _: (carry, none), carry, plan)

    return jax.lax.scan(turn, carry, (jnp.arange(most), chunk.course.plan))


def sampled(course: Course, count: jax.Array, label: str, times: jax.Array) -> jax.Array:
    """What is recorded under a label at times that the turns have passed: (times, ...)."""
    place = jnp.arange(len(course.begin))
    ends = jnp.where(place < count, jax.lax.stop_gradient(course.plan.end), jnp.inf)
    row = jnp.minimum(jnp.searchsorted(ends, times - SAME, side="left"), len(ends) - 1)
    h = course.plan.h[row]
    passed = jnp.where(h > 0, jnp.clip((times - course.begin[row]) / jnp.where(h > 0, h, 1.0), 0.0, 1.0), 0.0)
    at = lambda c, s: rodas.interpolated(c[0], c[1], c[2:], s)  # noqa: E731
    return jax.vmap(at)(course.values[label][row], passed)
