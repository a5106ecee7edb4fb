"""Random keys that are made of others, many in one call: of each call by itself XLA compiles a loop."""

from __future__ import annotations

import collections
import operator
from collections.abc import Collection, Sequence

import jax.numpy as jnp
from jax.extend.core import Literal

from brainsim.simulation.alike import Values
from brainsim.simulation.waiting import OF_KEYS, inputs_of, ready

FOLD = "random_fold_in"
_TYPE = operator.attrgetter("aval.dtype")


def is_of_keys(equation) -> bool:
    """Whether an equation makes a key of others, or turns keys into numbers or back."""
    return equation.primitive.name in OF_KEYS


def apart(equations: Sequence, known: Collection) -> tuple[list, list]:
    """Those of the equations that make keys of what is known, or of such keys; and the others."""
    keys, _ = ready([equation for equation in equations if is_of_keys(equation)], set(known))
    own = set(map(id, keys))
    return keys, [equation for equation in equations if id(equation) not in own]


def derive(equations: Sequence, values: Values) -> None:
    """Evaluate equations that make keys: at once those that fold numbers into keys that are known, and so on."""
    left = list(equations)
    while left:
        now = [equation for equation in left if all(v in values for v in inputs_of(equation))]
        taken = set(map(id, now))
        left = [equation for equation in left if id(equation) not in taken]
        folds = collections.defaultdict(list)
        for equation in now:
            if equation.primitive.name == FOLD:
                folds[tuple((v.aval.dtype, v.aval.shape) for v in equation.invars)].append(equation)
            else:
                _evaluate([equation], values)
        for alike in folds.values():
            _evaluate(alike, values)


def _evaluate(alike, values):
    """Equations that do the same with keys and numbers of the same shapes."""
    first = alike[0]
    rows = [[_read(v, values) for v in same] for same in zip(*(equation.invars for equation in alike), strict=True)]
    rank = max(v.aval.ndim for v in first.invars)
    given = [row[0] if len(alike) == 1 else _stacked(row, rank) for row in rows]
    made = first.primitive.bind(*given, **first.params)
    values.update({e.outvars[0]: made if len(alike) == 1 else made[k] for k, e in enumerate(alike)})


def _stacked(row, rank):
    """Arrays behind each other; a number that goes with all keys of a batch has axes of length 1 for them."""
    together = jnp.stack(row)
    return together.reshape(len(row), *[1] * rank) if together.ndim == 1 else together


def _read(v, values):
    return jnp.asarray(v.val, _TYPE(v)) if isinstance(v, Literal) else values.read(v)
