"""Weight changes at the synapses of the neurons that spike."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _check
from brainsim.events._backends import implementation
from brainsim.events._primitive import Operation
from brainsim.events._shared import OnPost, OnPre
from brainsim.events._sorted_rows import row_pointers, transposed
from brainsim.events.formats import CSR, Dense, FixedFanOut, Format


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
    """Find the synapses of each postsynaptic neuron, on the host and once for a connectivity.

    Parameters
    ----------
    conn : Format
        Who connects to whom.

    Returns
    -------
    PostIndex
    """
    _check.connection("transpose_index", conn, Format)
    return PostIndex(*map(jax.device_put, _by_target(conn)))


def _by_target(conn):
    if isinstance(conn, Dense):
        position = np.arange(conn.n_synapses, dtype=np.int32).reshape(conn.weight_shape).T.ravel()
        source = np.tile(np.arange(conn.n_pre, dtype=np.int32), conn.n_post)
        return np.arange(conn.n_post + 1, dtype=np.int32) * np.int32(conn.n_pre), source, position
    if isinstance(conn, CSR | FixedFanOut):
        return transposed(row_pointers(conn), np.asarray(conn.indices).ravel(), conn.n_post)
    pre, post = (np.asarray(x) for x in conn.coo())
    begins = np.searchsorted(pre, np.arange(conn.n_pre + 1)).astype(np.int32)
    return transposed(begins, post.astype(np.int32, copy=False), conn.n_post)


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


class Ago(NamedTuple):
    """When the values of the presynaptic side were what they are at the synapses now.

    Parameters
    ----------
    delay : integer ``conn.weight_shape``
        How many steps ago: less than there are slots.
    step : int32 ``[]``
        Number n of this step; slot n modulo their number holds the values of now.
    """

    delay: jax.Array
    step: jax.Array | int


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
    ago: Ago | None = None,
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
    delta_pre : float ``[n_pre]``, or with ``ago`` ``[slots, n_pre]``
        Change due to each source, such as its trace; or what it was in each of the last steps.
    weight, low, high, law
        As for :func:`add_on_pre`.
    ago : Ago, optional
        Where each synapse has a delay, and sees the source as it was that long ago.

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
    shared, slots = (by_post, conn), ()
    if ago is not None:
        delta_pre = jnp.asarray(delta_pre)
        if delta_pre.ndim != 2 or len(delta_pre) < 2:
            raise ValueError(
                f"events.add_on_post: delta_pre is a float array of shape [slots, {conn.n_pre}] with ago, of 2 slots or more;"
                f" got {delta_pre.dtype}{list(delta_pre.shape)}."
            )
        slots = (len(delta_pre),)
        _check.delays("add_on_post", conn, ago.delay, slots[0] - 1)
        shared = (*shared, narrowed(ago.delay, slots[0]), _check.integer("add_on_post", "step", ago.step))
    return _add(
        "add_on_post", add_on_post_p, shared, conn, "post", spikes_post, weight, delta_pre, low, high, law, slots
    )


def narrowed(delay: jax.Array, slots: int) -> jax.Array:
    """Delays of less than so many steps, flat and in bytes where these hold them."""
    return jnp.ravel(delay).astype(jnp.uint8 if slots <= 1 << 8 else jnp.int32)


def _add(name, operation, shared, conn, side, spikes, weight, delta, low, high, law, slots=()):
    own, other = (conn.n_pre, conn.n_post) if side == "pre" else (conn.n_post, conn.n_pre)
    weight = _check.real(name, "weight", weight, conn.weight_shape)
    spikes = _check.spikes(name, spikes, own, weight.dtype, f"spikes_{side}")
    delta = _check.real(name, "delta_post" if side == "pre" else "delta_pre", delta, (*slots, other), weight.dtype)
    numbers, static = bounds(name, weight, low, high, law), (int(law is not None), *slots)
    return change(operation, implementation(), static, shared, spikes, weight, delta, *numbers)


def bounds(name: str, weight: jax.Array, low: Any, high: Any, law: PowerLaw | None) -> list[jax.Array]:
    """What bounds a change, as numbers of the weight's type."""
    numbers = {"low": low, "high": high} | ({} if law is None else law._asdict())
    return [_check.real(name, n, x, (), weight.dtype) for n, x in numbers.items()]


def moved(factor: jax.Array, weight: jax.Array, delta: jax.Array, low: jax.Array, high: jax.Array, *law: jax.Array):
    """What does not spike is left as it is, and still has a derivative in its factor."""
    factor = factor.astype(weight.dtype)
    new = weight + factor * delta * (PowerLaw(*law).of(weight) if law else 1.0)
    return (jnp.where(factor != 0, jnp.where(new < low, low, jnp.where(new > high, high, new)), new),)


def seen_ago(conn: Format, values: jax.Array, delay: jax.Array, step: jax.Array | int) -> jax.Array:
    """Values of the presynaptic side as each synapse sees them, which is as they were a delay ago.

    .. math:: x_k = v_{pre(k)}(n - d_k)

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    values : float ``[slots, n_pre]``
        Of the last steps, those of step n in slot n modulo their number.
    delay, step
        As of :class:`Ago`.

    Returns
    -------
    float ``conn.weight_shape``
    """
    source = jnp.broadcast_to(conn.spread(jnp.arange(conn.n_pre, dtype=jnp.int32)), conn.weight_shape)
    delay = delay.astype(jnp.int32).reshape(conn.weight_shape)
    return values[(step - delay) % values.shape[0], source]


def _add_on_pre_one(shared, static, spikes, weight, delta, *numbers):
    (conn,) = shared
    return moved(conn.spread(spikes), weight, delta[conn.targets()], *numbers)


def _add_on_post_one(shared, static, spikes, weight, delta, *numbers):
    _, conn, *ago = shared
    seen = seen_ago(conn, delta, *ago) if ago else conn.spread(delta)
    return moved(spikes[conn.targets()], weight, seen, *numbers)


def _operation(name, definition, numbers):
    results = lambda shared, static, *operands: (None,)  # noqa: E731
    return Operation(name, definition=definition, numbers=numbers, results=results, in_place={1: 0}, real=(1,))


def _numbers_of_post(shared, static):
    conn, (law, *slots) = shared[1], static
    return OnPost(conn.n_pre, conn.n_post, conn.n_synapses, law, *(slots or (0,)))


add_on_pre_p = _operation(
    "add_on_pre",
    _add_on_pre_one,
    lambda shared, static: None if shared[0].layout is None else (*shared[0].layout, *OnPre(*static)),
)
add_on_post_p = _operation("add_on_post", _add_on_post_one, _numbers_of_post)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def change(
    operation: Operation, implementation: str, static: tuple[int, ...], shared: tuple, *operands: jax.Array
) -> jax.Array:
    """What becomes of the array that an operation changes in place: weights, or sums."""
    return operation(shared, *operands, static=static, implementation=implementation)[0]


@change.defjvp
def _change_jvp(operation, implementation, static, primals, tangents):
    """The kernel gives the weights, the definition their tangent: the bounds are not linear."""
    (shared, *operands), (_, *slopes) = primals, tangents
    smooth = [k for k, slope in enumerate(slopes) if slope.dtype != jax.dtypes.float0]

    def new(*values):
        given = dict(zip(smooth, values, strict=True))
        return operation.definition(shared, static, *(given.get(k, x) for k, x in enumerate(operands)))[0]

    _, tangent = jax.jvp(new, tuple(operands[k] for k in smooth), tuple(slopes[k] for k in smooth))
    return change(operation, implementation, static, shared, *operands), tangent
