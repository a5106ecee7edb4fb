"""Weight changes at the synapses of the neurons that spike."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _check
from brainsim.events._backends import implementation
from brainsim.events._primitive import Operation
from brainsim.events._shared import OnPost, OnPre
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
    return PostIndex(*map(jax.device_put, (indptr, pre[position], position)))


class PowerLaw(NamedTuple):
    """How a change depends on the weight itself: it is multiplied by :math:`(|W - a| / c)^\\mu`.

    Parameters
    ----------
    anchor : float ``[]``
        Weight a at which nothing changes any more, such as a bound.
    scale : float ``[]``
        Distance c from it at which the factor is 1.
    power : float ``[]``
        Exponent :math:`\\mu`, 0 or more.
    """

    anchor: jax.Array | float
    scale: jax.Array | float
    power: jax.Array | float

    def of(self, weight: jax.Array) -> jax.Array:
        """The factor for these weights; at the anchor its derivative counts as 0, also where the power is below 1."""
        distance = jnp.abs(weight - self.anchor) / self.scale
        there = distance > 0
        return jnp.where(there, jnp.where(there, distance, 1.0) ** self.power, jnp.where(self.power == 0, 1.0, 0.0))


def add_on_pre(
    conn: Format,
    spikes_pre: jax.Array,
    weight: jax.Array,
    delta_post: jax.Array,
    low: jax.Array | float = -np.inf,
    high: jax.Array | float = np.inf,
    law: PowerLaw | None = None,
) -> jax.Array:
    """Change the synapses of each presynaptic neuron that spikes by a value of their target.

    .. math:: W_{ij} \\leftarrow \\min(\\max(W_{ij} + s_i\\,\\delta_j\\,f(W_{ij}), w_{low}), w_{high})
        \\quad\\text{where } s_i \\ne 0

    Other synapses keep their weight, also where it is out of bounds. The weights are changed in place.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes_pre : bool or float ``[n_pre]``
        Which presynaptic neurons spike; floats are factors of the change.
    weight : float ``conn.weight_shape``
        One weight per synapse.
    delta_post : float ``[n_post]``
        Change due to each target, such as its trace.
    low, high : float ``[]``
        Bounds of the weights.
    law : PowerLaw, optional
        How the change depends on the weight, f; 1 if left out.

    Returns
    -------
    float ``conn.weight_shape``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    _check.connection("add_on_pre", conn, Format)
    return _add("add_on_pre", add_on_pre_p, (conn,), conn, "pre", spikes_pre, weight, delta_post, low, high, law)


def add_on_post(
    conn: Format,
    by_post: PostIndex,
    spikes_post: jax.Array,
    weight: jax.Array,
    delta_pre: jax.Array,
    low: jax.Array | float = -np.inf,
    high: jax.Array | float = np.inf,
    law: PowerLaw | None = None,
) -> jax.Array:
    """Change the synapses of each postsynaptic neuron that spikes by a value of their source.

    .. math:: W_{ij} \\leftarrow \\min(\\max(W_{ij} + s_j\\,\\delta_i\\,f(W_{ij}), w_{low}), w_{high})
        \\quad\\text{where } s_j \\ne 0

    Other synapses keep their weight, also where it is out of bounds. The weights are changed in place.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    by_post : PostIndex
        ``transpose_index(conn)``.
    spikes_post : bool or float ``[n_post]``
        Which postsynaptic neurons spike; floats are factors of the change.
    delta_pre : float ``[n_pre]``
        Change due to each source, such as its trace.
    weight, low, high, law
        As for :func:`add_on_pre`.

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
    return _add(
        "add_on_post", add_on_post_p, (by_post, conn), conn, "post", spikes_post, weight, delta_pre, low, high, law
    )


def _add(name, operation, shared, conn, side, spikes, weight, delta, low, high, law):
    own, other = (conn.n_pre, conn.n_post) if side == "pre" else (conn.n_post, conn.n_pre)
    weight = _check.real(name, "weight", weight, conn.weight_shape)
    spikes = _check.spikes(name, spikes, own, weight.dtype, f"spikes_{side}")
    delta = _check.real(name, "delta_post" if side == "pre" else "delta_pre", delta, (other,), weight.dtype)
    numbers = {"low": low, "high": high} | ({} if law is None else law._asdict())
    return _change(
        operation,
        implementation(),
        shared,
        spikes,
        weight,
        delta,
        *(_check.real(name, n, x, (), weight.dtype) for n, x in numbers.items()),
    )


def _moved(factor, weight, delta, low, high, *law):
    """What does not spike is left as it is, and still has a derivative in its factor."""
    factor = factor.astype(weight.dtype)
    new = weight + factor * delta * (PowerLaw(*law).of(weight) if law else 1.0)
    return (jnp.where(factor != 0, jnp.where(new < low, low, jnp.where(new > high, high, new)), new),)


def _add_on_pre_one(shared, static, spikes, weight, delta, *numbers):
    (conn,) = shared
    return _moved(conn.spread(spikes), weight, delta[conn.targets()], *numbers)


def _add_on_post_one(shared, static, spikes, weight, delta, *numbers):
    _, conn = shared
    return _moved(spikes[conn.targets()], weight, conn.spread(delta), *numbers)


def _operation(name, definition, numbers):
    results = lambda shared, static, *operands: (None,)  # noqa: E731
    return Operation(name, definition=definition, numbers=numbers, results=results, in_place={1: 0}, real=(1,))


add_on_pre_p = _operation(
    "add_on_pre",
    _add_on_pre_one,
    lambda shared, static: None if shared[0].layout is None else (*shared[0].layout, *OnPre(*static)),
)
add_on_post_p = _operation(
    "add_on_post",
    _add_on_post_one,
    lambda shared, static: OnPost(shared[1].n_pre, shared[1].n_post, shared[1].n_synapses, *static),
)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _change(operation, implementation, shared, *operands):
    has_law = len(operands) > 5
    return operation(shared, *operands, static=(int(has_law),), implementation=implementation)[0]


@_change.defjvp
def _change_jvp(operation, implementation, primals, tangents):
    """The kernel gives the weights, the definition their tangent: the bounds are not linear."""
    (shared, spikes, *rest), (_, slope, *tangents) = primals, tangents
    if slope.dtype == jax.dtypes.float0:
        spikes_, slope = spikes.astype(rest[0].dtype), jnp.zeros(spikes.shape, rest[0].dtype)
    else:
        spikes_ = spikes
    _, tangent = jax.jvp(
        lambda *operands: operation.definition(shared, (), *operands)[0], (spikes_, *rest), (slope, *tangents)
    )
    return _change(operation, implementation, shared, spikes, *rest), tangent
