"""Weight changes at the synapses of the neurons that spike."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _check
from brainsim.events._primitive import Operation
from brainsim.events.formats import Format


@functools.partial(jax.tree_util.register_dataclass, data_fields=["indptr", "source", "position"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class PostIndex:
    """The synapses of each postsynaptic neuron, made by :func:`transpose_index`.

    Parameters
    ----------
    indptr : int32 ``[n_post + 1]``
        Where each neuron's synapses begin.
    source : int32 ``[n_synapses]``
        Presynaptic neuron of each.
    position : int32 ``[n_synapses]``
        Where each is in the (flat) array of weights.
    """

    indptr: jax.Array
    source: jax.Array
    position: jax.Array


def transpose_index(conn: Format) -> PostIndex:
    """Find the synapses of each postsynaptic neuron, with numpy and once for a connectivity.

    Parameters
    ----------
    conn : Format
        Who connects to whom.

    Returns
    -------
    PostIndex
    """
    _check.connection("transpose_index", conn, Format)
    pre, post = (np.asarray(x) for x in conn.coo())
    position = np.argsort(post, kind="stable").astype(np.int32)
    indptr = np.zeros(conn.n_post + 1, np.int32)
    np.cumsum(np.bincount(post, minlength=conn.n_post), out=indptr[1:])
    return PostIndex(jnp.asarray(indptr), jnp.asarray(pre[position]), jnp.asarray(position))


def add_on_pre(
    conn: Format,
    spikes_pre: jax.Array,
    weight: jax.Array,
    delta_post: jax.Array,
    low: jax.Array | float = -np.inf,
    high: jax.Array | float = np.inf,
) -> jax.Array:
    """Change the synapses of each presynaptic neuron that spikes by a value of their target.

    .. math:: W_{ij} \\leftarrow \\min(\\max(W_{ij} + \\delta_j, w_{low}), w_{high}) \\quad\\text{where } s_i \\ne 0

    Other synapses keep their weight, also where it is out of bounds. The weights are changed in place.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes_pre : bool or float ``[n_pre]``
        Which presynaptic neurons spike.
    weight : float ``conn.weight_shape``
        One weight per synapse.
    delta_post : float ``[n_post]``
        Change due to each target, such as its trace.
    low, high : float ``[]``
        Bounds of the weights.

    Returns
    -------
    float ``conn.weight_shape``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    _check.connection("add_on_pre", conn, Format)
    weight = _check.real("add_on_pre", "weight", weight, conn.weight_shape)
    spikes = _check.spikes("add_on_pre", spikes_pre, conn.n_pre, weight.dtype, "spikes_pre")
    delta = _check.real("add_on_pre", "delta_post", delta_post, (conn.n_post,), weight.dtype)
    low, high = (_check.real("add_on_pre", n, x, (), weight.dtype) for n, x in (("low", low), ("high", high)))
    return _change(add_on_pre_p, (conn,), spikes, weight, delta, low, high)


def add_on_post(
    conn: Format,
    by_post: PostIndex,
    spikes_post: jax.Array,
    weight: jax.Array,
    delta_pre: jax.Array,
    low: jax.Array | float = -np.inf,
    high: jax.Array | float = np.inf,
) -> jax.Array:
    """Change the synapses of each postsynaptic neuron that spikes by a value of their source.

    .. math:: W_{ij} \\leftarrow \\min(\\max(W_{ij} + \\delta_i, w_{low}), w_{high}) \\quad\\text{where } s_j \\ne 0

    Other synapses keep their weight, also where it is out of bounds. The weights are changed in place.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    by_post : PostIndex
        ``transpose_index(conn)``.
    spikes_post : bool or float ``[n_post]``
        Which postsynaptic neurons spike.
    weight : float ``conn.weight_shape``
        One weight per synapse.
    delta_pre : float ``[n_pre]``
        Change due to each source, such as its trace.
    low, high : float ``[]``
        Bounds of the weights.

    Returns
    -------
    float ``conn.weight_shape``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit, or the index is that of another connectivity.
    """
    _check.connection("add_on_post", conn, Format)
    if not isinstance(by_post, PostIndex):
        raise TypeError(f"events.add_on_post: by_post is events.transpose_index(conn); got {type(by_post).__name__}.")
    if by_post.indptr.shape != (conn.n_post + 1,) or by_post.position.shape != (conn.n_synapses,):
        raise ValueError(
            f"events.add_on_post: by_post has {by_post.indptr.shape[0] - 1} postsynaptic neurons and "
            f"{by_post.position.shape[0]} synapses, the connectivity {conn.n_post} and {conn.n_synapses}. "
            "Make it with events.transpose_index(conn)."
        )
    weight = _check.real("add_on_post", "weight", weight, conn.weight_shape)
    spikes = _check.spikes("add_on_post", spikes_post, conn.n_post, weight.dtype, "spikes_post")
    delta = _check.real("add_on_post", "delta_pre", delta_pre, (conn.n_pre,), weight.dtype)
    low, high = (_check.real("add_on_post", n, x, (), weight.dtype) for n, x in (("low", low), ("high", high)))
    return _change(add_on_post_p, (by_post, conn), spikes, weight, delta, low, high)


def _moved(touched, weight, delta, low, high):
    new = weight + delta
    return (jnp.where(touched, jnp.where(new < low, low, jnp.where(new > high, high, new)), weight),)


def _add_on_pre_one(shared, static, spikes, weight, delta, low, high):
    (conn,) = shared
    return _moved(conn.spread(spikes != 0), weight, delta[conn.targets()], low, high)


def _add_on_post_one(shared, static, spikes, weight, delta, low, high):
    _, conn = shared
    return _moved((spikes != 0)[conn.targets()], weight, conn.spread(delta), low, high)


def _operation(name, definition, numbers):
    results = lambda shared, static, *operands: (None,)  # noqa: E731
    return Operation(name, definition=definition, numbers=numbers, results=results, in_place={1: 0}, real=(1,))


add_on_pre_p = _operation("add_on_pre", _add_on_pre_one, lambda shared, static: shared[0].layout)
add_on_post_p = _operation("add_on_post", _add_on_post_one, lambda shared, static: (shared[1].n_post,))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _change(operation, shared, *operands):
    return operation(shared, *operands)[0]


@_change.defjvp
def _change_jvp(operation, primals, tangents):
    """The kernel gives the weights, the definition their tangent: the bounds are not linear."""
    (shared, spikes, *rest), (_, _, *tangents) = primals, tangents
    _, tangent = jax.jvp(lambda *rest: operation.definition(shared, (), spikes, *rest)[0], rest, tangents)
    return _change(operation, shared, spikes, *rest), tangent
