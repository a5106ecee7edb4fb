"""Delays that are numbers between steps: an arrival is spread over the two steps around it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim.events import _check
from brainsim.events._contract import POST, contract
from brainsim.events.delay import deliver_delayed_p
from brainsim.events.formats import Format


def whole_and_rest(delay: jax.Array, longest: int) -> tuple[jax.Array, jax.Array]:
    """Split a delay into whole steps and the rest, from 0 to below 1, that carries the derivative.

    .. math:: d = k + f,\\qquad k = \\lfloor d \\rfloor

    A delay below one step counts as one, and one beyond ``longest`` as the longest; there the derivative is zero. What
    differs from a whole number by rounding is that number.

    Parameters
    ----------
    delay : float, any shape
        Delay in steps.
    longest : int
        Longest delay.

    Returns
    -------
    whole : int32
    rest : float
    """
    delay = jnp.where(delay < 1, 1, jnp.where(delay > longest, longest, delay)).astype(delay.dtype)
    near = jnp.round(delay)
    rounding = jnp.where(jnp.abs(delay - near) <= 16 * jnp.finfo(delay.dtype).eps * near, near - delay, 0)
    delay = delay + jax.lax.stop_gradient(rounding)
    whole = jnp.floor(jax.lax.stop_gradient(delay))
    return whole.astype(jnp.int32), delay - whole


def deliver_interpolated(
    conn: Format,
    spikes: jax.Array,
    weight: jax.Array | float,
    delay: jax.Array,
    ring: jax.Array,
    step: jax.Array | int,
    into: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Deliver what is due now, and send the spikes of this step with delays that may be learned or change in time.

    As :func:`deliver_delayed`, but a delay :math:`d = k + f` between two whole steps divides the weight between them:

    .. math::
        \\text{ring}_{n + k,\\, post} \\mathrel{+}= (1 - f)\\, s_{pre} W, \\qquad
        \\text{ring}_{n + k + 1,\\, post} \\mathrel{+}= f\\, s_{pre} W

    with slots modulo D. That is exact for whole steps and has a derivative with respect to the delay everywhere (that
    from the right at whole steps). Delays are those of the step in which a spike is sent: a change leaves those under
    way alone.

    Parameters
    ----------
    conn, spikes, weight, ring, step, into
        As for :func:`deliver_delayed`; the ring has three slots or more.
    delay : float ``[]`` or ``conn.weight_shape``
        Delay in steps; below 1 it counts as 1, beyond D - 2 as D - 2.

    Returns
    -------
    into, ring
        As of :func:`deliver_delayed`.

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit, or the ring has fewer than three slots.
    """
    name = "deliver_interpolated"
    _check.connection(name, conn, Format)
    into = _check.real(name, "into", into, (conn.n_post,))
    depth = jnp.shape(ring)[0] if jnp.ndim(ring) == 2 else 0
    ring = _check.real(name, "ring", ring, (max(depth, 3), conn.n_post), into.dtype)
    spikes = _check.spikes(name, spikes, conn.n_pre, into.dtype)
    weight = _check.weights(name, conn, weight, into.dtype)
    whole, rest = whole_and_rest(_check.weights(name, conn, delay, into.dtype, "delay"), depth - 2)
    whole, step = jnp.broadcast_to(whole, conn.weight_shape), _check.integer(name, "step", step)
    into, ring = deliver_delayed_p((conn, whole, step), spikes, weight * (1 - rest), ring, into, static=(depth,))
    return into, contract(POST, (conn, whole + 1, step), spikes, weight * rest, ring, depth=depth)
