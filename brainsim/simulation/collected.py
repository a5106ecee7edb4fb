"""A loop over steps in which the gradient of a dense weight is made once, of what all steps give together.

The derivative of ``lax.scan`` adds to a gradient as large as the weight in each step. What a step delivers is linear in the
weight, and nothing else needs the weight's change: the spikes of all steps times that change, one product by events, enter
the loop as what arrives. On the way back, these are the cotangents of what arrived in all steps.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from brainsim.events._narrow import between, narrowest, size
from brainsim.events._scalar import replaced
from brainsim.events.matmul import dense_back, dense_products, spike_matmul


def scan(step: Callable, carry: Any, xs: Any, remat: bool = True) -> tuple[Any, Any]:
    """``jax.lax.scan(step, carry, xs)``, with the same derivatives.

    Parameters
    ----------
    step : callable
        ``step(carry, x) -> (carry, y)``.
    carry, xs : pytrees of arrays
    remat : bool
        Compute each step's intermediate values again on the way back.

    Returns
    -------
    carry, ys
    """
    leaves, tree = jax.tree.flatten(carry)
    columns, across = jax.tree.flatten(xs)
    run = lambda *a: step(tree.unflatten(a[: len(leaves)]), across.unflatten(a[len(leaves) :]))  # noqa: E731
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(*leaves, *(x[0] for x in columns))
    products = dense_products(closed.jaxpr)
    if not products or not remat:
        return jax.lax.scan(jax.checkpoint(step) if remat else step, carry, xs)
    after, ys = _Loop(closed.jaxpr, products, len(leaves)).run(closed.consts, leaves, columns)
    return jax.tree.unflatten(jax.tree.structure(shapes), [*after, *ys])


@dataclasses.dataclass(frozen=True, eq=False)
class _Loop:
    jaxpr: Any
    products: dict  # the variable of the weight, by the number of an equation
    carried: int

    def run(self, consts: Sequence, carry: Sequence, columns: Sequence) -> tuple[list, list]:
        """``(carry, ys)`` of all steps."""
        held = dict(zip(self.jaxpr.constvars, consts, strict=True))
        weights = [held[v] for v in self.products.values()]
        read = {v for k, e in enumerate(self.jaxpr.eqns) for v in (self._others(k, e)) if not isinstance(v, Literal)}
        others = {v: held[v] for v in self.jaxpr.constvars if v in read or v in self.jaxpr.outvars}
        names = list(others)

        @jax.custom_jvp
        def loop(weights, others, carry, columns):
            def advance(carry, now):
                return self._advance(weights, dict(zip(names, others)), carry, now)[:2]

            return jax.lax.scan(advance, carry, columns)

        def derivative(primals, tangents):
            return self._derivative(names, *primals, *tangents)

        loop.defjvp(derivative, symbolic_zeros=True)
        return loop(weights, list(others.values()), list(carry), list(columns))

    def _others(self, k, equation):
        """What an equation reads beside the weight of a product."""
        return (equation.invars[0], equation.invars[2]) if k in self.products else equation.invars

    def _advance(self, weights, others, carry, now, through=None) -> tuple[list, list, list]:
        """One step: what is carried on, what is given, and the spikes that each product took."""
        jaxpr, spikes = self.jaxpr, []
        known = others | dict(zip(jaxpr.invars, [*carry, *now], strict=True))
        read = lambda v: v.val if isinstance(v, Literal) else known[v]  # noqa: E731
        begin = 0
        for at, k in enumerate([*self.products, len(jaxpr.eqns)]):
            part = _part(jaxpr, begin, k)
            known.update(zip(part.jaxpr.outvars, jaxpr_as_fun(part)(*map(read, part.jaxpr.invars)), strict=True))
            begin = k + 1
            if k not in self.products:
                break
            equation = jaxpr.eqns[k]
            s, into = map(read, self._others(k, equation))
            product = lambda *a, e=equation: e.primitive.bind(*a, **e.params)[0]  # noqa: E731
            made = product(s, weights[at], into) if through is None else through(at, product, s, into)
            known[equation.outvars[0]] = made
            spikes.append(s)
        results = [read(v) for v in jaxpr.outvars]
        return results[: self.carried], results[self.carried :], spikes

    def _derivative(self, names, weights, others, carry, columns, *tangents):
        """The results and their change; arguments and results are those of the loop."""
        changes: list[dict[int, Any]] = [{k: t for k, t in enumerate(part) if not _still(t)} for part in tangents]
        beside = {k: column for k in changes[0] if (column := self._entrance(k)) is not None}
        active = [list(part) for part in changes]
        active[0] = [k for k in changes[0] if k not in beside]
        active[3] = sorted({*active[3], *beside.values()})
        turned = [w.T for w in weights]  # in memory, so that no step has to turn it
        real = [k for k, x in enumerate(carry) if _real(x)]
        given = [k for k, v in enumerate(self.jaxpr.outvars[self.carried :]) if _real(v.aval)]

        def change(weights, turned, others, begun, now, moving, moved, pushed, arriving):
            def restricted(other, some, entering, arrived):
                places = zip(active[1], other), zip(real, some), zip(active[3], entering)
                held, at, at_now = (_with(x, dict(p)) for x, p in zip((others, begun, now), places))
                arrived = dict(zip(active[0], arrived))

                def enter(k, product, s, into):
                    made = _through(product, s, weights[k], turned[k], into)
                    return made + arrived[k] if k in arrived else made

                made, ys, _ = self._advance(weights, dict(zip(names, held)), at, at_now, enter)
                return [made[k] for k in real], [ys[k] for k in given]

            nothing = [jnp.zeros_like(a) for a in arriving]
            at = [others[k] for k in active[1]], [begun[k] for k in real], [now[k] for k in active[3]], nothing
            return jax.jvp(restricted, at, (moving, moved, pushed, arriving))[1]

        outs = list(self.jaxpr.outvars[self.carried :])
        taken = [self.jaxpr.eqns[k].invars[0] for k in self.products]
        given_as = {k: outs.index(v) for k, v in enumerate(taken) if any(v is out for out in outs)}
        first = [x[0] for x in columns]
        known = weights, turned, others, carry, first
        entering = [jnp.zeros(weights[k].shape[1], weights[k].dtype) for k in active[0]]
        linear = (
            [changes[1][k] for k in active[1]],
            [changes[2][k] if k in changes[2] else jnp.zeros_like(carry[k]) for k in real],
        )
        closed, tree = jax.make_jaxpr(change, return_shape=True)(
            *known, *linear, [first[k] for k in active[3]], entering
        )
        program = _Narrow(closed, len(jax.tree.leaves(known[:3])), len(carry), len(columns))

        def forward(carry, now):
            after, ys, spikes = self._advance(weights, dict(zip(names, others)), carry, now)
            spikes = [None if k in given_as else s for k, s in enumerate(spikes)]
            return after, (ys, program.kept_of(weights, turned, others, carry, now), spikes)

        after, (ys, kept, spikes) = jax.lax.scan(forward, carry, columns)
        arrived: dict[int, Any] = dict(enumerate(spikes)) | {k: ys[at] for k, at in given_as.items()}
        arriving = {k: spike_matmul(arrived[k], moving) for k, moving in changes[0].items()}
        pushed = dict(changes[3])
        for k, column in beside.items():
            pushed[column] = pushed[column] + arriving[k] if column in pushed else arriving[k]

        def back(moved, now):
            kept, columns, pushed, arriving = now
            made = program.rest((weights, turned, others), kept, columns, (linear[0], moved, pushed, arriving))
            return jax.tree.unflatten(jax.tree.structure(tree), made)

        several = [pushed[k] for k in active[3]], [arriving[k] for k in active[0]]
        entering = kept, [columns[k] for k in program.columns], *several
        moved, pushed = jax.lax.scan(jax.checkpoint(back), linear[1], entering)
        last = _tangents(after, dict(zip(real, moved))), _tangents(ys, dict(zip(given, pushed)))
        return (after, ys), last

    def _entrance(self, product: int) -> int | None:
        """The column that is added to what a product gives, as it is, and goes nowhere else: what arrives may as well."""
        columns = self.jaxpr.invars[self.carried :]
        read = collections.Counter(
            v
            for atoms in (self.jaxpr.outvars, *(e.invars for e in self.jaxpr.eqns))
            for v in atoms
            if not isinstance(v, Literal)
        )
        makers = {v: e for e in self.jaxpr.eqns for v in e.outvars}

        def found(v, shape):
            if isinstance(v, Literal) or v.aval.shape != shape or read[v] != 1:
                return None
            if v in columns:
                return columns.index(v)
            maker = makers.get(v)
            if maker is None or maker.primitive.name not in ("add", "add_any"):
                return None
            return next((k for x in maker.invars if (k := found(x, shape)) is not None), None)

        into = self.jaxpr.eqns[list(self.products)[product]].invars[2]
        return found(into, into.aval.shape)


class _Narrow:
    """The change of a step as two programs: what is kept of it, and the rest, which is linear."""

    def __init__(self, closed, free: int, carried: int, given: int):
        jaxpr = closed.jaxpr
        jaxpr = replaced(jaxpr, constvars=(), invars=[*jaxpr.constvars, *jaxpr.invars])
        self.consts = closed.consts
        free += len(self.consts)
        known = jaxpr.invars[: free + carried + given]
        columns = known[free + carried :]
        costs = [0] * free + [2 * size(v) for v in known[free : free + carried]] + [size(v) for v in columns]
        kept = narrowest(jaxpr, dict(zip(known, costs)))
        made = [v for v in kept if v not in columns]
        self.columns = [k for k, v in enumerate(columns) if v in kept]
        changes = jaxpr.invars[len(known) :]
        self._forward = jaxpr_as_fun(between(jaxpr, known, made))
        arguments = [*known[:free], *made, *(columns[k] for k in self.columns), *changes]
        self._rest = jaxpr_as_fun(between(jaxpr, arguments, jaxpr.outvars))

    def kept_of(self, *known) -> list:
        """What is kept of a step."""
        return self._forward(*self.consts, *jax.tree.leaves(known))

    def rest(self, *values) -> list:
        """The change of a step, flat, of what was kept."""
        return self._rest(*self.consts, *jax.tree.leaves(values))


def _part(jaxpr, begin: int, end: int) -> ClosedJaxpr:
    """Some of the equations of a program, from what they read to all that they make."""
    equations = jaxpr.eqns[begin:end]
    made = [v for e in equations for v in e.outvars]
    read = dict.fromkeys(v for e in equations for v in e.invars if not isinstance(v, Literal))
    return ClosedJaxpr(
        replaced(jaxpr, constvars=(), invars=[*read.keys() - set(made)], outvars=made, eqns=equations), ()
    )


def _through(product, s, weight, turned, into):
    """A product whose change passes back through ``turned``, the weight in the order in which it is read there."""

    @jax.custom_jvp
    def through(s, weight, turned, into):
        return product(s, weight, into)

    def derivative(primals, tangents):
        (s, weight, turned, into), (ds, dw, _, dinto) = primals, tangents
        total = None if _still(dinto) else dinto
        if not _still(ds):
            total = dense_back(turned, ds, total)
        if not _still(dw):
            total = product(s, dw, jnp.zeros_like(into) if total is None else total)
        return product(s, weight, into), jnp.zeros_like(into) if total is None else total

    through.defjvp(derivative, symbolic_zeros=True)
    return through(s, weight, turned, into)


def _still(tangent) -> bool:
    return isinstance(tangent, SymbolicZero) or tangent.dtype == jax.dtypes.float0


def _real(x) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)


def _with(values, other: dict) -> list:
    return [other.get(k, x) for k, x in enumerate(values)]


def _tangents(values, moving: dict) -> list:
    """Of results, floats of which some change."""
    nothing = lambda x: np.zeros(x.shape, jax.dtypes.float0) if not _real(x) else jnp.zeros_like(x)  # noqa: E731
    return [moving[k] if k in moving else nothing(x) for k, x in enumerate(values)]
