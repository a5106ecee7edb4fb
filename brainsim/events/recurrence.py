"""Recurrences over time of elements that do not depend on each other, such as the membranes of a layer whose input is known.

``lax.scan`` on a CPU pays several calls for each step and writes every variable to memory between them. Here the step is a
short program of plain arithmetic on one element, which a kernel goes through for all elements and all steps
(:mod:`brainsim.events._program`). Elsewhere, and for other steps, it is ``lax.scan``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir
from jax.interpreters import partial_eval as pe

from brainsim.events import _backends as backends
from brainsim.events._narrow import between, narrowest, size
from brainsim.events._primitive import is_zero, no_tangent, undefined
from brainsim.events._program import compiled
from brainsim.events._scalar import NotElementwise, flat, reordered, replaced, scalar, variables_read

INTEGERS = (np.dtype(np.int32), np.dtype(bool))


def recurrence(step: Callable, carry: Any, xs: Any) -> tuple[Any, Any] | None:
    """``jax.lax.scan(step, carry, xs)`` where nothing in a step passes from one element to another.

    Parameters
    ----------
    step : callable
        ``step(carry, x) -> (carry, y)``, whose arrays are numbers or have one axis, of the same length n.
    carry : pytree of arrays, () or (n,)
    xs : pytree of arrays, (steps,) or (steps, n)

    Returns
    -------
    carry, ys
        As of ``jax.lax.scan``, with equal derivatives of all orders and batches; None where a step is something else.
    """
    leaves, tree = jax.tree.flatten(carry)
    columns, across = jax.tree.flatten(xs)
    first = [x[0] for x in columns]
    run = lambda *a: step(tree.unflatten(a[: len(leaves)]), across.unflatten(a[len(leaves) :]))  # noqa: E731
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(*leaves, *first)
    jaxpr, held = closed.jaxpr, closed.consts
    jaxpr = replaced(jaxpr, constvars=(), invars=[*jaxpr.constvars, *jaxpr.invars])
    wanted = [True] * len(jaxpr.outvars)
    jaxpr, used = pe.dce_jaxpr(jaxpr, wanted, [False] * len(held) + [True] * (len(jaxpr.invars) - len(held)))
    held = [x for x, flag in zip(held, used) if flag]
    sizes = {jnp.shape(x) for x in (*leaves, *first, *held)} - {()}
    if len(sizes) != 1 or any(len(shape) != 1 for shape in sizes):
        return None
    ((n,),) = sizes
    try:
        body = scalar(ClosedJaxpr(jaxpr, ()), n)
    except NotElementwise:
        return None
    results = jax.tree.leaves(shapes)
    # What a step leaves as it is is no part of the recurrence
    given, made = body.jaxpr.invars[len(held) :], body.jaxpr.outvars
    moving = [k for k in range(len(leaves)) if made[k] is not given[k]]
    # nor what it gives as well and never reads, such as spikes
    read = variables_read(body.jaxpr)
    last = {
        k: made.index(made[k], len(leaves)) for k in moving if given[k] not in read and made[k] in made[len(leaves) :]
    }
    moving = [k for k in moving if k not in last]
    types = {leaves[k].dtype for k in moving}
    if not any(map(_real, types)) or not all(_real(x) or x in INTEGERS for x in types):
        return None
    still = [k for k in range(len(leaves)) if k not in moving]  # of which a step reads some
    order = [*range(len(held)), *(len(held) + k for k in (*still, *moving))]
    order += range(len(held) + len(leaves), len(body.jaxpr.invars))
    body = reordered(body, order, [*moving, *range(len(leaves), len(made))])
    consts = [_column(x) for x in (*held, *(leaves[k] for k in still))]
    begin = [jnp.broadcast_to(leaves[k], (n,)) for k in moving]
    rows = [x.reshape(len(x), -1) for x in columns]
    facts = {"length": len(rows[0]), "reverse": False, "outer": False, "kernel": backends.implementation() == "kernel"}
    after = recurrence_p.bind(*consts, *begin, *rows, body=body, counts=(len(consts), len(begin)), **facts)
    final = dict(zip(moving, after)) | {k: after[len(moving) + at - len(leaves)][-1] for k, at in last.items()}
    ends = [
        final[k].reshape(n)[: leaves[k].size].reshape(leaves[k].shape) if k in final else x
        for k, x in enumerate(leaves)
    ]
    ys = [y if r.shape else y[:, 0] for y, r in zip(after[len(moving) :], results[len(leaves) :], strict=True)]
    return jax.tree.unflatten(jax.tree.structure(shapes), [*ends, *ys])


def _real(dtype) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def _column(x):
    return jnp.reshape(x, (-1,))


# -- the primitive -------------------------------------------------------------------------------------------------------

recurrence_p = Primitive("brainsim_recurrence")
recurrence_p.multiple_results = True


def _parts(values: Sequence, counts) -> tuple[list, list, list]:
    """What a step reads each time, what it carries, and what it takes at each time."""
    values = list(values)
    n = counts[0] + counts[1]
    return values[: counts[0]], values[counts[0] : n], values[n:]


def _shapes(*operands, body, counts, length, outer, **_):
    consts, carry, xs = _parts(operands, counts)
    shape = carry[0].shape
    ys = body.jaxpr.outvars[counts[1] :]
    shape = _with_time(shape, length, outer)
    return [*carry, *(carry[0].update(shape=shape, dtype=y.aval.dtype, weak_type=False) for y in ys)]


def _with_time(shape, length, outer) -> tuple:
    """Shape of what is taken or given at each time: time stands first, or behind a batch of which all examples have it."""
    at = int(outer)
    return (*shape[:at], length, *shape[at:])


def _scanned(*operands, body, counts, length, reverse, outer, **_):
    """The definition."""
    consts, carry, xs = _parts(operands, counts)
    shape = carry[0].shape
    function = jaxpr_as_fun(body)
    each = function
    for _ in shape:
        each = jax.vmap(each)

    def step(carry, x):
        full = [jnp.broadcast_to(v, shape) for v in (*consts, *carry, *x)]
        made = each(*full)
        return made[: counts[1]], made[counts[1] :]

    xs = [jnp.moveaxis(x, int(outer), 0) for x in xs]
    after, ys = jax.lax.scan(step, carry, xs, length=length, reverse=reverse)
    return [*after, *(jnp.moveaxis(y, 0, int(outer)) for y in ys)]


def _jvp(primals, tangents, *, body, counts, **facts):
    if all(map(is_zero, tangents)):
        results = recurrence_p.bind(*primals, body=body, counts=counts, **facts)
        return results, [no_tangent(x) for x in results]
    consts, carry, xs = _parts(primals, counts)
    moved, turned, pushed = _parts(tangents, counts)
    active = tuple(tuple(not is_zero(t) for t in part) for part in (moved, pushed))
    forward, linear, (read, own, real) = _derivatives(body, counts, active)
    results = recurrence_p.bind(*primals, body=forward, counts=counts, **facts)
    shape, given = carry[0].shape, dict(enumerate(primals))
    # Carried: changes of what is carried, and of what is read each time, as they add up in it on the way back
    begin = [ad.instantiate_zeros(turned[k]) for k in real]
    begin += [jnp.broadcast_to(moved[k], shape) for k, flag in enumerate(active[0]) if flag]
    fixed = [given[k] for k in read if k < counts[0]]
    courses = [*results[len(body.jaxpr.outvars) :], *(given[k] for k in read if k >= counts[0])]
    courses += [t for t, flag in zip(pushed, active[1]) if flag]
    made = recurrence_p.bind(
        *fixed,
        *begin,
        *courses,
        body=linear,
        counts=(len(fixed), len(begin)),
        **facts,
    )
    outs = [no_tangent(x) for x in results[: len(body.jaxpr.outvars)]]
    for k, t in zip(real, made):
        outs[k] = t
    for k, t in zip(own, made[len(begin) :]):
        outs[counts[1] + k] = t
    return results[: len(outs)], outs


@functools.lru_cache(maxsize=256)
def _derivatives(body, counts, active):
    """Programs of a recurrence and of its change.

    The first also gives the least of each step that the second, which is linear, can be made of. Facts: which arguments of the
    first the second reads as well; which results, and which carried variables, are real and change.
    """
    function, jaxpr = jaxpr_as_fun(body), body.jaxpr
    n_consts, n_carry = counts
    avals = [v.aval for v in jaxpr.invars]
    real = tuple(k for k in range(n_carry) if jnp.issubdtype(avals[n_consts + k].dtype, jnp.floating))
    own = tuple(k for k, v in enumerate(jaxpr.outvars[n_carry:]) if jnp.issubdtype(v.aval.dtype, jnp.floating))
    moved = [k for k, flag in enumerate(active[0]) if flag]
    pushed = [n_consts + n_carry + k for k, flag in enumerate(active[1]) if flag]
    places = [*(n_consts + k for k in real), *moved, *pushed]

    def change(*values):
        given, changes = list(values[: len(avals)]), values[len(avals) :]

        def restricted(*some):
            now = list(given)
            for k, x in zip(places, some):
                now[k] = x
            made = function(*now)
            return [made[k] for k in real] + [made[n_carry + k] for k in own]

        _, made = jax.jvp(restricted, [given[k] for k in places], list(changes))
        return [*made[: len(real)], *changes[len(real) : len(real) + len(moved)], *made[len(real) :]]

    linear = flat(change, [jax.ShapeDtypeStruct((), a.dtype) for a in (*avals, *(avals[k] for k in places))])
    given, changes = linear.jaxpr.invars[: len(avals)], linear.jaxpr.invars[len(avals) :]
    costs = [0 if k < n_consts else size(v) if k >= n_consts + n_carry else 2 * size(v) for k, v in enumerate(given)]
    kept = narrowest(linear.jaxpr, dict(zip(given, costs)))
    made = [v for v in kept if v not in given[n_consts + n_carry :]]
    reads = variables_read(between(linear.jaxpr, [*kept, *given[:n_consts], *changes], linear.jaxpr.outvars).jaxpr)
    read = [k for k, v in enumerate(given) if v in reads and (k < n_consts or v not in made)]
    begin = len(real) + len(moved)
    order = [*(given[k] for k in read if k < n_consts), *changes[:begin], *made]
    order += [*(given[k] for k in read if k >= n_consts), *changes[begin:]]
    values = jaxpr_as_fun(between(linear.jaxpr, given, made))
    arguments = [jax.ShapeDtypeStruct((), a.dtype) for a in avals]
    forward = flat(lambda *v: [*function(*v), *values(*v)], arguments)
    return forward, between(linear.jaxpr, order, linear.jaxpr.outvars), (read, own, real)


def _transpose(cotangents, *operands, body, counts, **facts):
    consts, carry, xs = _parts(operands, counts)
    wanted = tuple(k for k, x in enumerate(xs) if undefined(x))
    back = _transposed(body, counts, wanted)
    shape = carry[0].aval.shape if undefined(carry[0]) else carry[0].shape
    ends = [ad.instantiate_zeros(t) for t in cotangents[: counts[1]]]
    short = _with_time([1] * len(shape), facts["length"], facts["outer"])
    nothing = lambda t: jnp.zeros(short, t.aval.dtype) if is_zero(t) else t  # noqa: E731
    courses = [x for k, x in enumerate(xs) if k not in wanted] + [nothing(t) for t in cotangents[counts[1] :]]
    made = recurrence_p.bind(
        *consts,
        *ends,
        *courses,
        body=back,
        counts=counts,
        **(facts | {"reverse": not facts["reverse"]}),
    )
    found: list = [None] * counts[0] + [t if undefined(x) else None for x, t in zip(carry, made)]
    rest = iter(made[counts[1] :])
    return found + [_summed(next(rest), x.aval.shape) if k in wanted else None for k, x in enumerate(xs)]


def _summed(x, shape):
    """Over the axes that an operand lacks."""
    axes = tuple(k for k, (n, m) in enumerate(zip(x.shape, shape, strict=True)) if n != m)
    return x.sum(axes, keepdims=True) if axes else x


@functools.lru_cache(maxsize=256)
def _transposed(body, counts, wanted):
    """The program of a linear step, backwards: from changes of its results to those of its linear arguments."""
    function, avals = jaxpr_as_fun(body), [v.aval for v in body.jaxpr.invars]
    consts, carry, xs = _parts(avals, counts)
    others = [k for k in range(len(xs)) if k not in wanted]
    linear = [*carry, *(xs[k] for k in wanted)]
    outs = [v.aval for v in body.jaxpr.outvars]

    def back(*values):
        fixed, ends, rest = _parts(values, counts)
        given, gradients = rest[: len(others)], rest[len(others) : len(others) + len(outs) - counts[1]]

        def along(*some):
            at: list = [None] * len(xs)
            for k, x in zip(others, given):
                at[k] = x
            for k, x in zip(wanted, some[counts[1] :]):
                at[k] = x
            return function(*fixed, *some[: counts[1]], *at)

        transposed = jax.linear_transpose(along, *(jax.ShapeDtypeStruct((), a.dtype) for a in linear))
        return transposed([*ends, *gradients])

    types = [*consts, *outs[: counts[1]], *(xs[k] for k in others), *outs[counts[1] :]]
    arguments = [jax.ShapeDtypeStruct((), a.dtype) for a in types]
    return flat(back, arguments)


def _batch(operands, axes, *, body, counts, **facts):
    extent = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    parts = _parts(list(zip(operands, axes)), counts)
    before = {axis for _, axis in parts[2]} - {None}
    if before == {0} and not facts["outer"]:  # nothing is moved
        facts, at, time = facts | {"outer": True}, 0, 0
    else:
        at, time = (1, 2) if facts["outer"] else (0, 1)

    def levelled(x, axis, at):
        return jnp.expand_dims(x, at) if axis is None else jnp.moveaxis(x, axis, at)

    consts = [levelled(x, axis, at) for x, axis in parts[0]]
    carry = [levelled(x, axis, at) for x, axis in parts[1]]
    carry = [jnp.broadcast_to(x, (*x.shape[:at], extent, *x.shape[at + 1 :])) for x in carry]
    xs = [levelled(x, axis, time) for x, axis in parts[2]]
    made = recurrence_p.bind(*consts, *carry, *xs, body=body, counts=counts, **facts)
    return made, [at] * counts[1] + [time] * (len(made) - counts[1])


def _lower_recurrence(lowering, context, *operands, body, counts, **facts):
    program = compiled(body, counts) if facts["kernel"] else None
    definition = _scanned if program is None else functools.partial(_called, program=program)
    return mlir.lower_fun(definition, multiple_results=True)(context, *operands, body=body, counts=counts, **facts)


def _called(*operands, program, body, counts, length, reverse, outer, **_):
    shape = operands[counts[0]].shape
    examples, shape = (shape[0], shape[1:]) if outer else (1, shape)
    size, arguments, periods, apart = int(np.prod(shape)), [], [], []
    for k, x in enumerate(operands):
        times = (length,) if k >= sum(counts) else ()
        own = x.shape[0] if outer else 1
        x = x.reshape(own, *times, *x.shape[int(outer) + len(times) :])
        x, period = _periodic(x, (own, *times), shape)
        arguments.append(x.reshape(own, *times, period))
        periods.append(period)
        apart.append(int(own > 1))
    numbers = (length, size, int(reverse), examples, *counts, *periods, *apart, *program.numbers)
    types = tuple(v.aval.dtype for v in body.jaxpr.outvars)
    literals = jnp.asarray(program.literals, program.dtype)
    made = _call_p.bind(*arguments, literals, numbers=numbers, counts=counts, types=types)
    full = (examples, *shape) if outer else shape
    return [x.reshape(full if k < counts[1] else _with_time(full, length, outer)) for k, x in enumerate(made)]


def _periodic(x, lead, shape):
    """An operand that repeats itself after so many elements."""
    own = x.shape[len(lead) :]
    k = next((k for k, n in enumerate(own) if n != 1), len(own))
    if own[k:] != shape[k:]:
        x, k = jnp.broadcast_to(x, (*lead, *shape)), 0
        own = shape
    return x, int(np.prod(own[k:]))


_call_p = Primitive("brainsim_recurrence_call")  # inside a lowering only
_call_p.multiple_results = True


def _call_shapes(*operands, numbers, counts, types):
    steps, size, _, examples = numbers[:4]
    like = operands[0]
    shapes = [(examples, size)] * counts[1] + [(examples, steps, size)] * (len(types) - counts[1])
    return [like.update(shape=shape, dtype=dtype, weak_type=False) for shape, dtype in zip(shapes, types, strict=True)]


def _lower(lowering, context, *operands, numbers, counts, types):
    return lowering(context, *operands, numbers=np.array([0, 0, *[0] * len(operands), *numbers], np.int64), aliases={})


recurrence_p.def_abstract_eval(_shapes)
recurrence_p.def_impl(
    lambda *operands, **parameters: jax.jit(functools.partial(recurrence_p.bind, **parameters))(*operands)
)
_call_p.def_abstract_eval(_call_shapes)
ad.primitive_jvps[recurrence_p] = _jvp
ad.primitive_transposes[recurrence_p] = _transpose
batching.primitive_batchers[recurrence_p] = _batch
mlir.register_lowering(recurrence_p, mlir.lower_fun(_scanned, multiple_results=True))
for platform, lowering in backends.of("recurrence").items():
    mlir.register_lowering(recurrence_p, functools.partial(_lower_recurrence, lowering), platform=platform)
    mlir.register_lowering(_call_p, functools.partial(_lower, lowering), platform=platform)
