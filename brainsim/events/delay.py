"""Delays: a ring buffer per synapse target, and a line that every spike of a population passes.

A ring that is carried through ``lax.scan`` stays in place only where one operation is all that touches it, so each
of the two is a single operation that reads the slot that is due and writes the new one.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from brainsim.events import _check
from brainsim.events._contract import POST, PRE, WEIGHT, add_at, addresses, backwards, contract, times
from brainsim.events._primitive import Batch, Operation, is_zero, no_tangent, undefined, zeros_of
from brainsim.events._rows import add_spiking_rows, has_rows
from brainsim.events._shared import Line, Ring
from brainsim.events.formats import Format


def deliver_delayed(
    conn: Format,
    spikes: jax.Array,
    weight: jax.Array | float,
    delay: jax.Array,
    ring: jax.Array,
    step: jax.Array | int,
    into: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Deliver what is due now, and send the spikes of this step along synapses that each have their own delay.

    In this order, with D slots in the ring:

    .. math::
        \\text{into}_j &\\leftarrow \\text{into}_j + \\text{ring}_{n \\bmod D,\\, j}, \\qquad
        \\text{ring}_{n \\bmod D} \\leftarrow 0 \\\\
        \\text{ring}_{(n + d_k) \\bmod D,\\, post(k)} &\\leftarrow \\text{ring}_{(n + d_k) \\bmod D,\\, post(k)}
        + s_{pre(k)} W_k

    so that a spike given at step n is added to ``into`` at step n + d. Both arrays are updated in place.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes : bool or float ``[n_pre]``
        Which neurons spike at this step.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each.
    delay : int32 ``conn.weight_shape``
        Delay of each synapse in steps, from 1 to D.
    ring : float ``[D, n_post]``
        What is under way; zeros at the start.
    step : int
        Number n of this step.
    into : float ``[n_post]``
        What arriving weights are added to.

    Returns
    -------
    into : float ``[n_post]``
    ring : float ``[D, n_post]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit, or a delay is not in 1 to D.
    """
    _check.connection("deliver_delayed", conn, Format)
    into = _check.real("deliver_delayed", "into", into, (conn.n_post,))
    depth = jnp.shape(ring)[0] if jnp.ndim(ring) == 2 else 0
    ring = _check.real("deliver_delayed", "ring", ring, (depth or 1, conn.n_post), into.dtype)
    spikes = _check.spikes("deliver_delayed", spikes, conn.n_pre, into.dtype)
    weight = _check.weights("deliver_delayed", conn, weight, into.dtype)
    delay = _check.delays("deliver_delayed", conn, delay, depth)
    step = _check.integer("deliver_delayed", "step", step)
    into, ring = deliver_delayed_p((conn, delay, step), spikes, weight, ring, into, static=(depth,))
    return into, ring


def delay_line(ring: jax.Array, spikes: jax.Array, step: jax.Array | int) -> tuple[jax.Array, jax.Array]:
    """Delay the spikes of a population by the depth of the ring.

    .. math:: \\text{delayed} = \\text{ring}_{n \\bmod D}, \\qquad \\text{ring}_{n \\bmod D} \\leftarrow s

    so that what is given at step n comes back at step n + D. The ring is updated in place.

    Parameters
    ----------
    ring : bool or float ``[D, n]``
        Spikes under way; zeros at the start.
    spikes : ``[n]``, in the dtype of the ring
        Spikes of this step.
    step : int
        Number n of this step.

    Returns
    -------
    ring : ``[D, n]``
    delayed : ``[n]``
        The spikes of D steps ago.

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    ring, spikes = jnp.asarray(ring), jnp.asarray(spikes)
    if ring.ndim != 2 or ring.shape[0] == 0 or spikes.shape != ring.shape[1:] or spikes.dtype != ring.dtype:
        raise ValueError(
            "events.delay_line: spikes [n] pass through a ring [D, n] of the same dtype with D of 1 or more; "
            f"got spikes {spikes.dtype}{list(spikes.shape)} and ring {ring.dtype}{list(ring.shape)}."
        )
    step = _check.integer("delay_line", "step", step)
    if ring.shape[0] == 1:
        return spikes[None], ring[0]  # no slot to look for: XLA passes the arrays on
    ring, delayed = _line(ring, spikes, step)
    return ring, delayed


def _line(ring, spikes, step, batch=None):
    return delay_line_p((step,), ring, spikes, static=ring.shape[-2:], batch=batch)


def _delay_line_one(shared, static, ring, spikes):
    slot = shared[0] % static[0]
    return ring.at[slot].set(spikes), ring[slot]


delay_line_p = Operation(
    "delay_line",
    definition=_delay_line_one,
    numbers=lambda shared, static: Line(*static),
    results=lambda shared, static, ring, spikes: (None, spikes),
    in_place={0: 0},
    full=(1,),
)


def _delay_line_jvp(shared, operands, tangents, *, static, batch):
    bind = functools.partial(delay_line_p, shared, static=static, batch=batch)
    results = bind(*operands)
    if all(is_zero(t) for t in tangents):
        return results, [no_tangent(x) for x in results]
    return results, bind(*(zeros_of(x) if is_zero(t) else t for x, t in zip(operands, tangents, strict=True)))


def _delay_line_transpose(cotangents, shared, operands, *, static, batch):
    """The same operation: what left the line goes back into its slot, and the slot to the spikes."""
    ring, delayed = (zeros_of(c) if is_zero(c) else c for c in cotangents)
    found = delay_line_p(shared, ring, delayed, static=static, batch=batch)
    return [c if undefined(x) else None for c, x in zip(found, operands, strict=True)]


delay_line_p.def_jvp(_delay_line_jvp)
delay_line_p.def_transpose(_delay_line_transpose)


def _deliver_delayed_one(shared, static, spikes, weight, ring, into):
    conn, delay, step = shared
    (depth,) = static
    slot = step % depth
    into, ring = into + ring[slot], ring.at[slot].set(0)
    if has_rows(conn):
        delay = delay.ravel()
        slots = lambda synapse, target: ((step + delay[synapse]) % depth, target)
        return into, add_spiking_rows(conn, spikes, weight, ring, slots)
    values = times(conn.spread(spikes), weight)
    return into, add_at(ring, addresses(conn, (delay, step), depth), values, conn.weight_shape)


deliver_delayed_p = Operation(
    "deliver_delayed",
    definition=_deliver_delayed_one,
    numbers=lambda shared, static: None if shared[0].layout is None else (*shared[0].layout, *Ring(*static)),
    results=lambda shared, static, *operands: (None, None),
    in_place={2: 1, 3: 0},
    real=(2, 3),
)


def _only_due(shared, ring, into, batch):
    """What the operation does without spikes, as a line that takes zeros."""
    ring, due = _line(ring, zeros_of(into), shared[2], Batch(batch.extents, batch.masks[2:]))
    return [into + due, ring]


def _deliver_delayed_jvp(shared, operands, tangents, *, static, batch):
    spikes, weight, ring, into = operands
    ds, dw, dring, dinto = tangents
    bind = functools.partial(deliver_delayed_p, shared, static=static, batch=batch)
    results = bind(*operands)
    if all(is_zero(t) for t in tangents):
        return results, [no_tangent(x) for x in results]
    dring, dinto = (zeros_of(x) if is_zero(t) else t for x, t in ((ring, dring), (into, dinto)))
    if not is_zero(ds):
        dinto, dring = bind(ds, weight, dring, dinto)
        if not is_zero(dw):
            masks = Batch(batch.extents, batch.masks[:3])
            dring = contract(POST, shared, spikes, dw, dring, depth=static[0], batch=masks)
    elif not is_zero(dw):
        dinto, dring = bind(spikes, dw, dring, dinto)
    else:
        dinto, dring = _only_due(shared, dring, dinto, batch)
    return results, [dinto, dring]


def _deliver_delayed_transpose(cotangents, shared, operands, *, static, batch):
    spikes, weight, ring, into = operands
    # The shapes of the results are those of `into` and `ring`, which keep every level.
    dinto, dring = (zeros_of(c) if is_zero(c) else c for c in cotangents)
    values, masks = {PRE: spikes, WEIGHT: weight}, dict(enumerate(batch.masks[:3]))
    found = dict(backwards(dring, POST, shared, values, masks, depth=static[0], extents=batch.extents))
    if undefined(ring):  # the slot that was due went to `into` alone
        dring, _ = _line(dring, dinto, shared[2], Batch(batch.extents, batch.masks[2:]))
    return [found.get(PRE), found.get(WEIGHT), dring if undefined(ring) else None, dinto if undefined(into) else None]


deliver_delayed_p.def_jvp(_deliver_delayed_jvp)
deliver_delayed_p.def_transpose(_deliver_delayed_transpose)
