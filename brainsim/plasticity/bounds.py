"""Weights and the bounds that rules keep them in, looked at before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.core import Tracer

if TYPE_CHECKING:
    from brainsim.plasticity.base import Plasticity

_ROUNDING = 1e-5  # of a weight that was computed to be at a bound


def check_weights(rule: Plasticity, path: str, weights: jax.Array, varied: Mapping[str, Any]) -> None:
    """Refuse weights that a rule, or one inside it, would clip when it first touches them.

    Parameters
    ----------
    rule : Plasticity
    path : str
        Of the weights.
    weights : float array, in the unit of weights
    varied : dict of str to array, (k, ...)
        Values, by path, that weights and bounds will take, each with each.

    Raises
    ------
    ValueError
        Names the bound, how many weights are beyond it and the farthest; also where w_min is above w_max.
    """
    for inner in rule.rules.values():
        check_weights(inner, path, weights, varied)
    low, high = (_values_of(rule, name, varied) for name in ("w_min", "w_max"))
    if low is not None and high is not None and low.max() > high.min():
        unit = rule.weight_unit
        raise ValueError(f"{rule.path}: w_min={low.max() * unit} is above w_max={high.min() * unit}.")
    values = varied.get(path, weights)
    if isinstance(values, Tracer):
        return
    values = np.ravel(values)
    for name, bounds, sign in (("w_min", low, -1), ("w_max", high, 1)):
        if bounds is not None and values.size and name not in dict(rule.modulation):
            _check(rule, name, bounds.min() if sign > 0 else bounds.max(), values, sign)


def _check(rule, name, bound, values, sign) -> None:
    farthest = values.max() if sign > 0 else values.min()
    if sign * (farthest - bound) <= _ROUNDING * max(abs(farthest), abs(bound)):
        return
    beyond, unit = int(np.sum(sign * (values - bound) > 0)), rule.weight_unit
    raise ValueError(
        f"{rule.path}: {beyond:,} of {len(values):,} weights are {'above' if sign > 0 else 'below'} {name}={bound * unit},"
        f" the farthest {farthest * unit}, and would be clipped at their first change; give weights within (bs.Clipped and"
        f" bs.Truncated keep a distribution there) or another {name}."
    )


def _values_of(rule, name, varied) -> np.ndarray | None:
    """All values that a bound takes, flat; None where there is none, or it is traced."""
    if vars(rule).get(name) is None:
        return None
    value = varied.get(f"{rule.path}.{name}", rule.plain(name))
    return None if isinstance(value, Tracer) else np.ravel(value)
