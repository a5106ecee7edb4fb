"""Weights and delays of synapses, from whatever form they are given in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import brainunit as u
import jax
import numpy as np

from brainsim import connectivity as rules
from brainsim import events
from brainsim._core import Dynamics
from brainsim._core.given import is_drawn
from brainsim._units import in_unit, joined, named, split_quantity
from brainsim.delays import Delay
from brainsim.population import View

ONE_EACH = ("n_synapses", "synapses", "weight_shape")  # shapes of what parts of a projection have of every synapse


class Values(NamedTuple):
    """The synapses that values are made for."""

    conn: Any  # Format, Unstored or Ends
    order: np.ndarray | None  # place of each synapse in the list of pairs that the rule made
    listed: int  # how long that list was
    rule: Any  # ConnectionRule or Layer
    pre: View
    post: View
    rng: np.random.Generator
    drawn: Mapping[str, np.ndarray] = {}  # what was drawn with the synapses: weight, delay

    def of(self, values: Any, unit: u.Unit, dtype: Any, what: str) -> u.Quantity:
        """A quantity of shape () or one per synapse, in synapse order, from whatever form the values are given in."""
        shape = self.conn.weight_shape
        if (name := what.rpartition(".")[2]) in self.drawn:
            drawn = self.drawn[name]
            return u.Quantity(drawn if name == "delay" else jax.device_put(drawn), unit=unit)
        if isinstance(values, rules.Distribution):
            with named(what):
                return u.Quantity(values.sample(self.rng, shape, unit, dtype=np.dtype(dtype)), unit=unit)
        if isinstance(values, rules.SynapseValue):
            sides = zip((self.pre, self.post), self.conn.coo())
            sources, targets = (_places(view)[np.asarray(side)] for view, side in sides)
            with named(what):
                found = values.between(placed(self.pre, self.post), sources, targets, unit, np.dtype(dtype), what)
            return u.Quantity(found.reshape(shape), unit=unit)
        number = np.asarray(in_unit(values, unit, what))
        if number.ndim == 0:
            return u.Quantity(number, unit=unit)
        pairs = (len(self.pre), len(self.post))
        if number.shape == pairs and isinstance(self.rule, rules.AllToAll):
            number = self._from_matrix(number)
        elif number.size == self.listed and number.shape in ((self.listed,), shape):
            number = number.ravel() if self.order is None else number.ravel()[self.order]
        else:
            accepted = {"()", f"({self.listed},)", str(shape)} | (
                {str(pairs)} if isinstance(self.rule, rules.AllToAll) else set()
            )
            raise ValueError(
                f"{what}: expected one value for all synapses or one each, of shape"
                f" {' or '.join(sorted(accepted, key=len))}, given {number.shape}. One each is in the order of the"
                " rule's list, or by presynaptic, then postsynaptic neuron."
            )
        return u.Quantity(number.reshape(shape), unit=unit)

    def one_each(self, part: Any, what: str) -> dict[str, u.Quantity]:
        """What a part was given for each synapse, by name, in synapse order; values for all and distributions stay out."""
        found = {}
        for name, declared in part._declared.items():
            value = part._aside.given.get(name)
            if value is None or declared.shape not in ONE_EACH or is_drawn(value):
                continue
            number, unit = split_quantity(joined(value, f"{what}.{name}"))
            if np.ndim(number):
                each = self.of(u.Quantity(np.asarray(number), unit=unit), unit, None, f"{what}.{name}")
                found[name] = each.reshape(-1) if declared.shape == "n_synapses" else each
        return found

    def _from_matrix(self, matrix):
        """The entries of the pairs, one row per neuron of the presynaptic view."""
        if isinstance(self.conn, events.Dense):
            return matrix
        sources, targets = (np.asarray(side) for side in self.conn.coo())
        row, column = (_places(view) for view in (self.pre, self.post))
        return matrix[row[sources], column[targets]]


def is_listed(given: Any) -> bool:
    """Whether values of single synapses were given one by one, for themselves or to a part that has some."""
    if isinstance(given, Dynamics):
        named = given._aside.given.items()
        return any(given._declared[name].shape in ONE_EACH and is_listed(value) for name, value in named)
    drawn = given is None or is_drawn(given) or isinstance(given, rules.Distribution | rules.SynapseValue | Delay)
    return not drawn and (isinstance(given, list | tuple) or np.ndim(u.get_mantissa(given)) > 0)


def _places(view: View) -> np.ndarray:
    """Where each neuron of the population stands in a view."""
    places = np.zeros(view.extent, int)
    places[view.ids] = np.arange(len(view))
    return places


def placed(pre: View, post: View) -> rules.Placed:
    """Where the neurons of two views are."""
    return rules.Placed(lambda: pre.positions, lambda: post.positions)


def of_pairs(values: Any, what: str) -> Any:
    """A function as values of pairs; anything else as it is.

    Raises
    ------
    TypeError
        For a function of other arguments than those of a pair.
    """
    numbers = (rules.Distribution, rules.SynapseValue, Delay, u.Quantity)
    if not callable(values) or isinstance(values, numbers):
        return values
    checked = rules.of_pairs.checked(values, f"{what}: a function (of distance: give OfDistance(function))")
    return rules.OfPairs(checked)


def check_weight(path, weight, unit):
    """Refuse what cannot be a weight, before anything is drawn."""
    if weight is None or isinstance(weight, rules.Distribution | rules.SynapseValue):
        return
    in_unit(weight, unit, f"{path}.weight")


def check_drawn(path: str, weights: np.ndarray) -> None:
    """Refuse conductances below zero that a distribution gives."""
    if np.any(np.asarray(weights) < 0):
        raise ValueError(
            f"{path}.weight: the distribution gives negative conductances, down to {np.min(weights):.3g}; give"
            " Truncated(distribution, low=0) or another one that has none."
        )
