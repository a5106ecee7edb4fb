"""What arrives at a neuron in one step where it does not add up: factors multiply, and the last value takes the place."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from brainsim.events import _check
from brainsim.events._rows import has_rows, in_reached_rows
from brainsim.events.formats import Dense, Format


def multiply(conn: Format, spikes: jax.Array, weight: jax.Array | float, into: jax.Array) -> jax.Array:
    """Multiply the targets of the neurons that spike by their weights.

    .. math:: \\text{into}_j \\leftarrow \\text{into}_j \\prod_{i:\\ s_i \\ne 0} s_i W_{ij}

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes : bool or float ``[n_pre]``
        Which neurons spike. A float multiplies the weights; zeros are skipped.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each.
    into : float ``[n_post]``
        What is multiplied.

    Returns
    -------
    float ``[n_post]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    spikes, weight, into = _checked("multiply", conn, spikes, weight, into)
    return into * _product(conn, spikes.astype(into.dtype), weight)


def overwrite(
    conn: Format, spikes: jax.Array, weight: jax.Array | float, into: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Put the weights of the neurons that spike in the place of what their targets hold.

    .. math:: \\text{into}_j \\leftarrow s_i W_{ij}\\quad\\text{of the last synapse onto } j \\text{ with } s_i \\ne 0

    in the order of the synapses: by presynaptic neuron, then as they stand in its row.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes : bool or float ``[n_pre]``
        Which neurons spike. A float multiplies the weights; zeros are skipped.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each.
    into : float ``[n_post]``
        What is overwritten.

    Returns
    -------
    into : float ``[n_post]``
    came : bool ``[n_post]``
        Where something arrived.

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    spikes, weight, into = _checked("overwrite", conn, spikes, weight, into)
    last = _last(conn, spikes != 0)
    came = last >= 0
    synapse = jnp.maximum(last, 0)
    if conn.n_synapses == 0:
        return into, came
    value = spikes.astype(into.dtype)[_sources(conn, synapse)] * (weight.ravel()[synapse] if weight.ndim else weight)
    return jnp.where(came, value, into), came


def _checked(name: str, conn, spikes, weight, into):
    _check.connection(name, conn, Format)
    into = _check.real(name, "into", into, (conn.n_post,))
    return (
        _check.spikes(name, spikes, conn.n_pre, into.dtype),
        _check.weights(name, conn, weight, into.dtype),
        into,
    )


def _sources(conn, synapse):
    """Presynaptic neuron of some synapses."""
    if hasattr(conn, "indptr"):
        return jnp.searchsorted(conn.indptr, synapse, side="right").astype(jnp.int32) - 1
    if has_rows(conn):
        return synapse // conn.indices.shape[1]
    return conn.coo()[0][synapse]


def _last(conn, fired):
    """Number of the last synapse by which something arrives at each neuron; -1 for none."""
    none = jnp.full(conn.n_post, -1, jnp.int32)
    if has_rows(conn):
        return in_reached_rows(
            conn, fired, none, lambda found, row, k, j, here: found.at[j].max(jnp.where(here, k, -1))
        )
    here = jnp.broadcast_to(conn.spread(fired), conn.weight_shape)
    k = jnp.arange(conn.n_synapses, dtype=jnp.int32).reshape(conn.weight_shape)
    return _at_targets(conn, none, jnp.where(here, k, -1), lambda at, values: at.max(values))


def _at_targets(conn, into, values, put: Callable):
    targets = jnp.broadcast_to(conn.targets(), conn.weight_shape)
    return put(into.at[targets], values)


@jax.custom_jvp
def _product(conn, s, weight):
    """Product of what arrives at each neuron; 1 for nothing."""
    one = jnp.ones(conn.n_post, s.dtype)
    if isinstance(conn, Dense):
        return jnp.prod(_factors(conn, s, weight), axis=0)
    if has_rows(conn):

        def times(found, row, k, j, here):
            value = s[row] * (weight.ravel()[k] if weight.ndim else weight)
            return found.at[j].multiply(jnp.where(here, value, 1))

        return in_reached_rows(conn, s, one, times)
    return _at_targets(conn, one, _factors(conn, s, weight), lambda at, values: at.multiply(values))


def _factors(conn, s, weight):
    """What arrives by each synapse; 1 for nothing."""
    spread = jnp.broadcast_to(conn.spread(s), conn.weight_shape)
    return jnp.where(spread != 0, spread * weight, 1)


@_product.defjvp
def _product_jvp(primals, tangents):
    """The product of the others, for each: where one of the factors is zero it alone has a slope, and of two none."""
    conn, s, weight = primals
    arriving = functools.partial(_factors, conn)
    values, slopes = jax.jvp(arriving, (s, weight), tangents[1:])
    zero = values == 0
    there = jnp.broadcast_to(conn.targets(), conn.weight_shape)
    zeros = jnp.zeros(conn.n_post, jnp.int32).at[there].add(zero)
    # The product without zeros: factors of 1 stand for them
    others = _product(conn, s, jnp.where(jnp.broadcast_to(weight, conn.weight_shape) == 0, _inverse(conn, s), weight))
    share = jnp.where(zero, (zeros == 1)[there], (zeros == 0)[there] / jnp.where(zero, 1, values))
    slope = jnp.zeros_like(others).at[there].add(share * others[there] * slopes)
    return jnp.where(zeros == 0, others, 0), slope


def _inverse(conn, s):
    """Weights with which spikes are factors of 1."""
    spread = jnp.broadcast_to(conn.spread(s), conn.weight_shape)
    return 1 / jnp.where(spread == 0, 1, spread)
