"""Which programs XLA should compile so that all variables of a population advance in one pass over its units: see `fused`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jax.extend.core import Literal

from brainsim.simulation.waiting import ELEMENTWISE

LOOPS = ("while", "scan")

# Functions that XLA's vector units compute by long polynomials: their loops are better left alone.
TRANSCENDENTAL = frozenset("exp exp2 expm1 log log1p logistic tanh sin cos tan pow erf sinh cosh".split())  # noqa: SIM905


def one_pass_is_best(jaxpr) -> bool:
    """Whether a program has a loop, and what its loops do to arrays is plain arithmetic.

    A function of what is alike for all units counts as one of a single number, such as the decay of membranes that have one
    time constant.
    """
    loops = [equation for equation in _equations(jaxpr) if equation.primitive.name in LOOPS]
    return bool(loops) and all(
        _is_plain(inner, map(_is_number, inner.invars))[0] for e in loops for inner in _inside(e)
    )


def _is_plain(jaxpr, alike) -> tuple[bool, list[bool]]:
    """Whether arithmetic is all that is done to what differs from unit to unit; and which results are alike for all."""
    known = dict(zip(jaxpr.invars, alike, strict=True))
    plain = True

    def all_alike(variables: Sequence) -> bool:
        return all(isinstance(v, Literal) or known.get(v, _is_number(v)) for v in variables)

    for equation in jaxpr.eqns:
        name, given, inside = equation.primitive.name, equation.invars, list(_inside(equation))
        if len(inside) == 1 and len(inside[0].invars) == len(given) and name not in LOOPS:
            fine, made = _is_plain(inside[0], [all_alike([v]) for v in given])
        else:
            fine = all(_is_plain(inner, map(_is_number, inner.invars))[0] for inner in inside)
            fine &= name not in TRANSCENDENTAL or all_alike(given)
            made = [_is_number(v) or (name in ELEMENTWISE and all_alike(given)) for v in equation.outvars]
        plain &= fine
        known.update(zip(equation.outvars, made, strict=True))
    return plain, [all_alike([v]) for v in jaxpr.outvars]


def _is_number(v) -> bool:
    return not v.aval.ndim


def _equations(jaxpr) -> Iterator:
    """All equations of a program, inside of its calls too."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in _inside(equation):
            yield from _equations(inner)


def _inside(equation) -> Iterator:
    """The programs that an equation calls."""
    for value in equation.params.values():
        for inner in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield inner
