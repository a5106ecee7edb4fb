"""Spikes between steps: when within a step a neuron fires, and what arrives within it."""

from __future__ import annotations

import contextlib

import jax
import jax.numpy as jnp

from brainsim.integrators.loop import somewhere

ITERATIONS = 24  # of the search for a crossing, which gains a factor of nearly 2 in each at least
SMALLEST = 1e-12  # a spike at the very beginning of a step, which 0 would not tell from none


def _distance(x):
    return x


@contextlib.contextmanager
def standing_in(neuron, function):
    """While ``fires`` is called with another function in the place of the surrogate."""
    surrogate = neuron.surrogate
    vars(neuron)["surrogate"] = function
    try:
        yield
    finally:
        vars(neuron)["surrogate"] = surrogate


def distance(neuron, before: dict, after: dict):
    """How far the neurons are above threshold: what ``fires`` gives to a surrogate."""
    with standing_in(neuron, _distance):
        above = neuron.fires(before, after)
    if above.dtype == bool:
        raise TypeError(
            f"{type(neuron).__name__}.fires: spike times between steps need the distance to threshold, which"
            " spike_where(...) knows; given True or False."
        )
    return above


def interpolated(neuron, before: dict, after: dict, spikes):
    """Fraction of the step at which the straight line from ``before`` to ``after`` crosses the threshold; 0 where none
    fires.
    """
    below, above = distance(neuron, before, before), distance(neuron, before, after)
    at = jnp.clip(below / jnp.where(below == above, 1, below - above), SMALLEST, 1)
    return jnp.where(spikes != 0, at, 0)


def crossing(above, start, stop, crosses):
    """Where in [0, 1] ``above`` passes zero, of those that it ``crosses``: the method of Illinois; 0 where it begins
    above.
    """
    asked = crosses & (start <= 0)

    def narrow(carry):
        k, low, high, below, over, side, last, _ = carry
        middle = jnp.clip(low - below * (high - low) / jnp.where(over == below, 1, over - below), low, high)
        # What runs away, as an exponential upstroke does, counts as far as the start is below, or the search would creep
        value = jnp.minimum(above(middle), span)
        right = value > 0
        # The end that stays counts half from the second time on
        below = jnp.where(right & (side == 1), below / 2, below)
        over = jnp.where(~right & (side == -1), over / 2, over)
        found = (value == 0) | (jnp.abs(middle - last) <= near)
        return (
            k + 1, jnp.where(right, low, middle), jnp.where(right, middle, high),
            jnp.where(right, below, value), jnp.where(right, value, over), jnp.where(right, 1.0, -1.0), middle,
            asked & ~found,
        )  # fmt: skip

    zero, near = jnp.zeros_like(start), 2 * jnp.finfo(start.dtype).eps
    span = jnp.maximum(jnp.abs(start), jnp.finfo(start.dtype).tiny)
    first = jnp.zeros((), jnp.int32)
    bracket = (first, zero, zero + 1, jnp.minimum(start, 0.0), jnp.minimum(stop, span), zero, zero - 1, asked)
    go_on = lambda carry: somewhere((carry[0] < ITERATIONS) & jnp.any(carry[-1]))
    found = jax.lax.while_loop(go_on, narrow, bracket)[-2]
    return jnp.where(start > 0, 0.0, found)
