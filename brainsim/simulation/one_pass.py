"""Which populations XLA should advance in one pass over their units, all variables at once: see `fused`."""

from __future__ import annotations

import jax

from brainsim._units import float_dtype
from brainsim.integrated import IntegratedPopulation
from brainsim.integrators import RungeKutta

# Functions that XLA's vector units compute by long polynomials: their loops are better left alone.
TRANSCENDENTAL = {
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "logistic",
    "tanh",
    "sin",
    "cos",
    "tan",
    "pow",
    "erf",
    "sinh",
    "cosh",
}

_known: dict[tuple, bool] = {}


def one_pass_is_best(population) -> bool:
    """Whether the equations of a population are plain arithmetic, and its method adds nothing else."""
    if not isinstance(population, IntegratedPopulation):
        return True
    if not isinstance(population.method, RungeKutta) or not population.variables:  # or it advances in its own way
        return False
    kind = (type(population), population.variables, population.takes_held)  # of composed cells: what they are made of
    if kind not in _known:
        _known[kind] = TRANSCENDENTAL.isdisjoint(_functions(_equations(population)))
    return _known[kind]


def _equations(population):
    """The program of the vector field."""
    field = population.vector_field()
    one = jax.ShapeDtypeStruct((population.count,), float_dtype())
    return jax.make_jaxpr(lambda *y: field(0.0, y))(*[one] * len(field.variables)).jaxpr


def _functions(jaxpr):
    """Names of all primitives of a program, inside of its calls too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _functions(inner)
