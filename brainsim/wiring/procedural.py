"""Procedural projections: nothing is stored for single synapses."""

from __future__ import annotations

import brainunit as u
import numpy as np

from brainsim import connectivity as rules
from brainsim._units import named
from brainsim.events import Quantiles
from brainsim.wiring.values import check_drawn


def procedural(path, rule, pre, post, same, weight, unit, delay, plastic, signed, rng):
    """Synapses that are computed anew at every spike, and their weight."""
    _check_procedural(path, weight, delay, plastic)
    drawn = None
    if isinstance(weight, rules.Distribution):
        with named(f"{path}.weight"):
            drawn = rules.quantiles(weight, unit)
            if not signed:
                check_drawn(path, weight.quantile(Quantiles.probabilities(), unit))
            # One number that multiplies what is drawn
            weight = u.Quantity(1.0 if drawn is not None else float(weight.quantile(0.5, unit)), unit=unit)
    return rule.form(pre.extent, post.extent, pre.ids, post.ids, same, rng, drawn), weight


def check_layer(path, layer, receptor, weight, delay, learns):
    """Refuse what a layer, which has no single synapses, cannot have."""
    for name, value in (("weight", weight), ("delay", delay)):
        if isinstance(value, rules.Distribution | rules.SynapseValue) or np.ndim(u.get_mantissa(value)):
            raise ValueError(f"{path}.{name}: {layer} has no single synapses; give one value, or none.")
    if learns:
        raise ValueError(
            f"{path}: plasticity changes single synapses, and {layer} has none; its parameters are trained, as those of"
            " the network are."
        )
    if getattr(receptor, "within_steps", False):
        raise ValueError(f"{path}: exact spike times need single synapses, and {layer} has none.")
    if not receptor.adds_up:
        raise ValueError(f"{path}: what arrives at {receptor.path} does not add up, and {layer} makes sums.")
    if len(receptor.ports) > 1:
        raise ValueError(f"{path}: {receptor.path} compares single values, and {layer} makes sums of them.")


def _check_procedural(path, weight, delay, plastic):
    """Refuse what needs memory for each synapse."""
    for name, value, accepted in (
        ("weight", weight, "one value or a distribution"),
        ("delay", delay, "one value for the whole projection, or none"),
    ):
        drawn = isinstance(value, rules.Distribution)
        if value is None or (drawn and name == "weight"):
            continue
        if drawn or isinstance(value, rules.SynapseValue) or np.ndim(value):
            raise ValueError(
                f"{path}.{name}: a procedural projection stores nothing for single synapses; give {accepted}."
            )
    if plastic:
        raise ValueError(
            f"{path}: the weights of a procedural projection are not stored and cannot change by plasticity; "
            "give the rule inside Procedural(...) itself."
        )
