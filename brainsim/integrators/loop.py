"""A loop whose number of turns is known only when it has run, with derivatives in forward and in reverse mode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir


def loop(unfinished: Callable, turn: Callable, again: Callable, start: Any, most: int) -> Any:
    r"""What a ``while`` loop makes of ``start``, with derivatives in both modes.

    Of the turns that are taken, what each began with is kept only where derivatives are asked for; these are taken turn
    by turn, backwards in reverse mode, through ``again``. All three functions may close over traced values. Under
    ``jax.vmap`` all go on until the last has finished, so that a turn of what has finished must change nothing.

    Parameters
    ----------
    unfinished : callable
        ``unfinished(carry)``: whether there is a further turn.
    turn : callable
        ``turn(carry)`` gives ``(carry, facts)``: the next carry, and what is to be known about the turn for its
        derivative, arrays.
    again : callable
        ``again(carry, facts)`` gives the next carry once more. Its derivative is that of the turn; facts have none.
    start : pytree of arrays
    most : int
        The most turns that there can be.
    """
    leaves, tree = jax.tree.flatten(start)
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    facts = jax.eval_shape(lambda c: turn(c)[1], start)

    def flat(function):
        return lambda given, *more: jax.tree.leaves(function(jax.tree.unflatten(tree, given), *more))

    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    closed = [
        jax.make_jaxpr(lambda given: somewhere(unfinished(jax.tree.unflatten(tree, given))))(shapes),
        jax.make_jaxpr(flat(turn))(shapes),
        jax.make_jaxpr(
            lambda given, facts: flat(again)(given, jax.tree.unflatten(jax.tree.structure(turn_facts), facts))
        )(shapes, jax.tree.leaves(turn_facts := facts)),
    ]
    bare = tuple(
        ClosedJaxpr(c.jaxpr.replace(constvars=(), invars=[*c.jaxpr.constvars, *c.jaxpr.invars]), ()) for c in closed
    )
    found = _loop(bare, len(leaves), most, *(tuple(c.consts) for c in closed), tuple(leaves))
    return jax.tree.unflatten(tree, found)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _loop(programs, n, most, c_unfinished, c_turn, c_again, carry):
    unfinished, turn, _ = map(jaxpr_as_fun, programs)
    return jax.lax.while_loop(
        lambda carry: unfinished(*c_unfinished, *carry)[0], lambda carry: tuple(turn(*c_turn, *carry)[:n]), carry
    )


@_loop.defjvp
def _loop_jvp(programs, n, most, primals, tangents):
    c_unfinished, c_turn, c_again, carry = primals
    unfinished, turn, again = map(jaxpr_as_fun, programs)
    facts = [v.aval for v in programs[1].jaxpr.outvars[n:]]
    room = [jnp.zeros((most, *x.shape), x.dtype) for x in (*carry, *facts)]

    def kept(at):
        k, carry, room = at
        made = turn(*c_turn, *carry)
        room = [rows.at[k].set(row, mode="drop") for rows, row in zip(room, (*carry, *made[n:]))]
        return k + 1, tuple(made[:n]), room

    count, found, room = jax.lax.while_loop(
        lambda at: unfinished(*c_unfinished, *at[1])[0], kept, (jnp.zeros((), jnp.int32), carry, room)
    )
    moving = [jnp.issubdtype(x.dtype, jnp.floating) for x in carry]
    varied = [jnp.issubdtype(x.dtype, jnp.floating) for x in c_again]

    def at_turn(residuals, k):
        """The turn k as a function of what has a derivative."""
        constants, rows = residuals[0], [array[k] for array in residuals[1]]

        def one(given, constants_given):
            given, constants_given = iter(given), iter(constants_given)
            now = [next(given) if m else row for m, row in zip(moving, rows[:n])]
            held = [next(constants_given) if v else c for v, c in zip(varied, constants)]
            return [x for x, m in zip(again(*held, *now, *rows[n:]), moving) if m]

        return one, _only(rows[:n], moving), _only(constants, varied)

    def forward(residuals, given):
        constants, state = given

        def step(k, state):
            one, y, c = at_turn(residuals, k)
            return jax.jvp(one, (y, c), (state, constants))[1]

        return jax.lax.fori_loop(0, residuals[2], step, state)

    def backward(residuals, state):
        def step(k, carry):
            state, total = carry
            one, y, c = at_turn(residuals, residuals[2] - 1 - k)
            state, own = jax.vjp(one, y, c)[1](state)
            return state, jax.tree.map(jnp.add, total, own)

        zero = [jnp.zeros_like(x) for x in _only(residuals[0], varied)]
        state, total = jax.lax.fori_loop(0, residuals[2], step, (state, zero))
        return total, state

    given = (
        [_instantiated(t, x) for t, x in zip(tangents[2], c_again)],
        [_instantiated(t, x) for t, x in zip(tangents[3], carry)],
    )
    given = _only(given[0], varied), _only(given[1], moving)
    moved = iter(both_ways(forward, backward, (list(c_again), room, count), given))
    return found, tuple(next(moved) if m else _no_tangent(x) for m, x in zip(moving, found))


def _only(values, chosen):
    return [x for x, c in zip(values, chosen) if c]


def _instantiated(tangent, primal):
    floating = jnp.issubdtype(primal.dtype, jnp.floating)
    return jnp.zeros_like(primal) if floating and type(tangent) is ad.Zero else tangent


def _no_tangent(x):
    return np.zeros(x.shape, jax.dtypes.float0)


def somewhere(condition: jax.Array) -> jax.Array:
    """A condition, () bool: under ``jax.vmap`` whether it holds anywhere in the batch, one for all."""
    return somewhere_p.bind(condition)


somewhere_p = Primitive("somewhere")
somewhere_p.def_impl(lambda x: x)
somewhere_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(somewhere_p, mlir.lower_fun(lambda x: x, multiple_results=False))
batching.primitive_batchers[somewhere_p] = lambda values, axes: (
    somewhere_p.bind(jnp.any(values[0], axis=axes[0])), None
)  # fmt: skip


# -- a linear function, and the same the other way -----------------------------------------------------------------------


def both_ways(forward: Callable, backward: Callable, residuals: Any, given: Any) -> Any:
    """``forward(residuals, given)``, a linear function of ``given``, of which ``backward`` is the transpose.

    As ``jax.custom_derivatives.linear_call``, under ``vmap`` too. Residuals have no derivative.
    """
    kept, kept_tree = jax.tree.flatten(residuals)
    leaves, tree = jax.tree.flatten(given)
    shapes = lambda values: [jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) for x in values]
    out_shape = jax.eval_shape(forward, residuals, given)
    out_leaves, out_tree = jax.tree.flatten(out_shape)
    there = jax.make_jaxpr(
        lambda r, x: jax.tree.leaves(forward(jax.tree.unflatten(kept_tree, r), jax.tree.unflatten(tree, x)))
    )(shapes(kept), shapes(leaves))
    back = jax.make_jaxpr(
        lambda r, x: jax.tree.leaves(backward(jax.tree.unflatten(kept_tree, r), jax.tree.unflatten(out_tree, x)))
    )(shapes(kept), out_leaves)
    if there.consts or back.consts:
        raise TypeError("both_ways: the functions must take all that is traced as an argument.")
    found = both_ways_p.bind(*kept, *leaves, forward=there, backward=back, n=len(kept))
    return jax.tree.unflatten(out_tree, found)


both_ways_p = Primitive("both_ways")
both_ways_p.multiple_results = True
both_ways_p.def_abstract_eval(lambda *_, forward, backward, n: forward.out_avals)


def _evaluated(*values, forward, backward, n):
    return jaxpr_as_fun(forward)(*values)


both_ways_p.def_impl(_evaluated)
mlir.register_lowering(both_ways_p, mlir.lower_fun(_evaluated, multiple_results=True))


def _tangents(primals, tangents, *, forward, backward, n):
    if any(type(t) is not ad.Zero for t in tangents[:n]):
        raise NotImplementedError("spike_times='exact' has first derivatives, jax.grad or jax.jvp, and no second ones.")
    found = both_ways_p.bind(*primals, forward=forward, backward=backward, n=n)
    given = [jnp.zeros_like(x) if type(t) is ad.Zero else t for t, x in zip(tangents[n:], primals[n:])]
    return found, both_ways_p.bind(*primals[:n], *given, forward=forward, backward=backward, n=n)


def _transposed(cotangents, *values, forward, backward, n):
    given = [jnp.zeros(a.shape, a.dtype) if type(c) is ad.Zero else c for c, a in zip(cotangents, forward.out_avals)]
    back = both_ways_p.bind(*values[:n], *given, forward=backward, backward=forward, n=n)
    return [None] * n + [x if ad.is_undefined_primal(v) else None for v, x in zip(values[n:], back)]


def _batched(values, axes, *, forward, backward, n):
    size = next(x.shape[a] for x, a in zip(values, axes) if a is not None)
    alone = [a is None for a in axes[:n]]
    first = lambda x, a: jnp.broadcast_to(x, (size, *jnp.shape(x))) if a is None else jnp.moveaxis(x, a, 0)
    kept = [x if a is None else first(x, a) for x, a in zip(values[:n], axes[:n])]
    given = [first(x, a) for x, a in zip(values[n:], axes[n:])]

    def many(program):
        """The program for a batch of everything but the residuals that are alike."""
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in program.in_avals]
        shapes = [
            s if k < n and alone[k] else jax.ShapeDtypeStruct((size, *s.shape), s.dtype) for k, s in enumerate(shapes)
        ]
        mapped = jax.vmap(jaxpr_as_fun(program), [None if k < n and alone[k] else 0 for k in range(len(shapes))])
        return jax.make_jaxpr(mapped)(*shapes)

    found = both_ways_p.bind(*kept, *given, forward=many(forward), backward=many(backward), n=n)
    return found, [0] * len(found)


ad.primitive_jvps[both_ways_p] = _tangents
ad.primitive_transposes[both_ways_p] = _transposed
batching.primitive_batchers[both_ways_p] = _batched
