"""Spikes to their targets, values back to their sources, and gradients to the weights between them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim.events import _check
from brainsim.events._contract import POST, PRE, WEIGHT, contract
from brainsim.events.formats import Format
from brainsim.events.unstored import Unstored


def deliver(
    conn: Format | Unstored, spikes: jax.Array, weight: jax.Array | float, into: jax.Array | None = None
) -> jax.Array:
    """Add the weights of the neurons that spike to their targets.

    .. math:: \\text{into}_j \\leftarrow \\text{into}_j + \\sum_i s_i W_{ij}

    Work is proportional to the synapses of the neurons that spike; ``into`` is updated in place inside compiled code.

    Parameters
    ----------
    conn : Format or Unstored
        Who connects to whom.
    spikes : bool or float ``[n_pre]``
        Which neurons spike. A float multiplies the weights, and zeros are skipped.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each. Those of 16 bits are added in the dtype of ``into``.
    into : float ``[n_post]``, optional
        What the weights are added to; float weights and spikes have its dtype. By default nothing is there, in the dtype of the
        weights, or that of all numbers where they are of 16 bits.

    Returns
    -------
    float ``[n_post]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    _check.connection("deliver", conn, Format | Unstored)
    half = jnp.result_type(weight) == jnp.float16  # no type to add in
    given = jnp.zeros(conn.n_post, jnp.result_type(*([] if half else [weight]), float)) if into is None else into
    given = _check.real("deliver", "into", given, (conn.n_post,))
    spikes = _check.spikes("deliver", spikes, conn.n_pre, given.dtype)
    weight = _check.weights("deliver", conn, weight, given.dtype)
    return contract(POST, (conn,), spikes, weight, None if into is None else given, like=given)


def deliver_transposed(conn: Format | Unstored, values_post: jax.Array, weight: jax.Array | float) -> jax.Array:
    """Carry values of the targets back to their sources.

    .. math:: r_i = \\sum_j W_{ij} v_j

    Parameters
    ----------
    conn : Format or Unstored
        Who connects to whom.
    values_post : float ``[n_post]``
        Value of each postsynaptic neuron.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each, in the dtype of the values.

    Returns
    -------
    float ``[n_pre]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    _check.connection("deliver_transposed", conn, Format | Unstored)
    values = _check.real("deliver_transposed", "values_post", values_post, (conn.n_post,))
    weight = _check.weights("deliver_transposed", conn, weight, values.dtype)
    return contract(PRE, (conn,), weight, values, like=jnp.zeros(conn.n_pre, values.dtype))


def weight_gradient(
    conn: Format | Unstored, spikes: jax.Array, values_post: jax.Array, *, scalar: bool = False
) -> jax.Array:
    """Gradient with respect to each weight: presynaptic spike times postsynaptic value.

    .. math:: G_k = s_{pre(k)}\\, v_{post(k)}

    Parameters
    ----------
    conn : Format or Unstored
        Who connects to whom.
    spikes : bool or float ``[n_pre]``
        Which neurons spike; zeros are skipped.
    values_post : float ``[n_post]``
        Value (cotangent) of each postsynaptic neuron.
    scalar : bool
        Whether one weight serves all synapses; the gradient is then the sum.

    Returns
    -------
    float ``conn.weight_shape``, or ``[]`` for a scalar weight

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    _check.connection("weight_gradient", conn, Format | Unstored)
    values = _check.real("weight_gradient", "values_post", values_post, (conn.n_post,))
    spikes = _check.spikes("weight_gradient", spikes, conn.n_pre, values.dtype)
    return contract(WEIGHT, (conn,), spikes, values, like=jnp.zeros(() if scalar else conn.weight_shape, values.dtype))
