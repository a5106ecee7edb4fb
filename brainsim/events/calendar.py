"""Synapses with delays of their own whose rows are sorted by delay: what is under way is when neurons fired, and no sums.

A ring of sums per target is written at random, 12 ns for each synapse of a network that does not fit into the cache. Here
the synapses of a neuron that a spike reaches in the same step lie behind each other, and are added to their targets in
that step; the targets stay in the cache.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _check
from brainsim.events._contract import add_at
from brainsim.events._primitive import Batch, Operation, is_zero, no_tangent, undefined, zeros_of
from brainsim.events._rows import add_parts, has_rows
from brainsim.events._shared import Calendar
from brainsim.events._sorted_rows import begins_of
from brainsim.events._under_way import BITS, after_delivery, due_now, is_over, under_way, without
from brainsim.events.formats import Format


def calendar_of(conn: Format, delay: np.ndarray, depth: int) -> np.ndarray:
    """Where the synapses of each delay begin in the row of each neuron.

    .. math:: b_{i,d} = \\text{first synapse of neuron } i \\text{ whose delay is longer than } d

    so that those of delay d are :math:`b_{i,d-1}` to :math:`b_{i,d}`. With NumPy, and once for a connectivity.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    delay : int array ``conn.weight_shape``
        Delay of each synapse in steps, from 1 to ``depth``, ascending in the row of each neuron.
    depth : int
        The longest delay that there may be.

    Returns
    -------
    int32 ``[n_pre, depth + 1]``

    Raises
    ------
    ValueError
        Where the shape does not fit, a delay is not in 1 to ``depth``, or they do not ascend.
    """
    _check.connection("calendar_of", conn, Format)
    delay = np.asarray(_check.delays("calendar_of", conn, delay, depth)).ravel()
    pre = np.asarray(conn.coo()[0])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=conn.n_pre))])
    return begins_of(indptr, delay, depth)


def nothing_under_way(n_pre: int, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """``fired`` and ``waiting`` of :func:`deliver_sorted` where nothing has been sent.

    Parameters
    ----------
    n_pre : int
        Number of presynaptic neurons.
    depth : int
        The longest delay, in steps.

    Returns
    -------
    fired : uint32 ``[n_pre, words]``
        With words of 32 bits, so many that they hold ``depth``.
    waiting : uint32 ``[ceil(n_pre / 32)]``
    """
    return np.zeros((n_pre, -(-depth // BITS)), np.uint32), np.zeros(-(-n_pre // BITS), np.uint32)


def deliver_sorted(
    conn: Format,
    spikes: jax.Array,
    weight: jax.Array | float,
    begins: jax.Array,
    fired: jax.Array,
    waiting: jax.Array,
    step: jax.Array | int,
    into: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Deliver what is due now, and send the spikes of this step along synapses that each have their own delay.

    .. math:: \\text{into}_j \\leftarrow \\text{into}_j + \\sum_k s_{pre(k)}(n - d_k)\\, W_k\\,[post(k) = j]

    where :math:`s(n)` are the spikes that were given at step n: as :func:`deliver_delayed`, with the weights of the step in
    which a spike arrives. Sums are made in the order of the presynaptic neurons, of each the last spike first. What is
    under way are whole numbers, updated in place as ``into`` is; derivatives are those of ``weight`` and ``into``.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes : bool ``[n_pre]``
        Which neurons spike at this step.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each.
    begins : int32 ``[n_pre, depth + 1]``
        What :func:`calendar_of` gives.
    fired : uint32 ``[n_pre, words]``
        In which steps neurons fired: bit b of word w says so of the last step n with n modulo 32 words = 32 w + b, as long
        as that spike is under way.
    waiting : uint32 ``[ceil(n_pre / 32)]``
        One bit for each neuron, whether any of its spikes is under way; those of others count for nothing.
    step : int
        Number n of this step.
    into : float ``[n_post]``
        What arriving weights are added to.

    Returns
    -------
    into : float ``[n_post]``
    fired : uint32 ``[n_pre, words]``
    waiting : uint32 ``[ceil(n_pre / 32)]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    name = "deliver_sorted"
    _check.connection(name, conn, Format)
    into = _check.real(name, "into", into, (conn.n_post,))
    spikes = _fired(name, conn, spikes)
    weight = _check.weights(name, conn, weight, into.dtype)
    begins, fired, waiting = _calendar(conn, *map(jnp.asarray, (begins, fired, waiting)))
    step = _check.integer(name, "step", step)
    into, fired, waiting = deliver_sorted_p(
        (conn, begins, step), spikes, weight, fired, waiting, into, static=(fired.shape[1],)
    )
    return into, fired, waiting


def passed_on(
    conn: Format, spikes: jax.Array, begins: jax.Array, fired: jax.Array, waiting: jax.Array, step: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """``fired`` and ``waiting`` with the spikes of this step, and without those that reach nothing now or later.

    What is due now is still among them: it can be looked at afterwards, and both are changed in place.
    """
    spikes = _fired("due", conn, spikes)
    begins, fired, waiting = _calendar(conn, *map(jnp.asarray, (begins, fired, waiting)))
    if BITS * fired.shape[1] < begins.shape[1]:
        raise ValueError(
            f"events.due: fired has a bit for each of more than {begins.shape[1] - 1} steps, the longest delay, as"
            f" nothing_under_way(n_pre, {begins.shape[1]}) gives it; got {fired.dtype}{list(fired.shape)}."
        )
    fired, waiting = pass_on_p((conn, begins, step), spikes, fired, waiting, static=(fired.shape[1],))
    return fired, waiting


def _fired(name, conn, spikes):
    spikes = _check.spikes(name, spikes, conn.n_pre)
    if spikes.dtype != bool:
        raise ValueError(
            f"events.{name}: spikes are bool, of which bits are kept; got {spikes.dtype}. deliver_delayed takes floats."
        )
    return spikes


def _calendar(conn, begins, fired, waiting):
    depth = begins.shape[1] - 1 if begins.ndim == 2 else 0
    n = conn.n_pre
    if depth < 1 or begins.shape[0] != n or begins.dtype != jnp.int32:
        raise ValueError(
            f"events.deliver_sorted: begins is an int32 array of shape [{n}, depth + 1], as calendar_of gives it;"
            f" got {begins.dtype}{list(begins.shape)}."
        )
    words = fired.shape[1] if fired.ndim == 2 else 0
    if fired.shape != (n, words) or fired.dtype != jnp.uint32 or BITS * words < depth:
        raise ValueError(
            f"events.deliver_sorted: fired is a uint32 array of shape [{n}, {-(-depth // BITS)}], a bit for each of {depth}"
            f" steps; got {fired.dtype}{list(fired.shape)}."
        )
    if waiting.shape != (-(-n // BITS),) or waiting.dtype != jnp.uint32:
        raise ValueError(
            f"events.deliver_sorted: waiting is a uint32 array of shape [{-(-n // BITS)}], a bit for each of {n} neurons;"
            f" got {waiting.dtype}{list(waiting.shape)}."
        )
    return begins, fired, waiting


# -- definitions -------------------------------------------------------------------------------------------------------


def _deliver_sorted_one(shared, static, spikes, weight, fired, waiting, into):
    conn, begins, step = shared
    here = under_way(begins, step, fired, waiting)
    values = jnp.where(due_now(conn, begins, here), weight, jnp.zeros((), into.dtype))
    into = add_at(into, conn.targets(), values, conn.weight_shape)
    return into, *after_delivery(begins, step, here, spikes, fired, waiting)


def _by_rows(shared, spikes, weight, fired, waiting, into):
    """The same with work that goes with the synapses that are reached."""
    conn, begins, step = shared
    here = under_way(begins, step, fired, waiting)
    parts = begins[:, :-1].ravel(), jnp.where(here, jnp.diff(begins, axis=1), 0).ravel()
    one = jnp.ones((), into.dtype)
    into = add_parts(conn, *parts, lambda part: one, weight, into, lambda synapse, target: target)
    return into, *after_delivery(begins, step, here, spikes, fired, waiting)


def _pass_on_one(shared, static, spikes, fired, waiting):
    conn, begins, step = shared
    here = under_way(begins, step, fired, waiting)
    return without(is_over(begins), step, here, spikes, fired, waiting)


def _sorted_gradient_one(shared, static, values, fired, waiting, gradient):
    conn, begins, step = shared
    due = due_now(conn, begins, under_way(begins, step, fired, waiting))
    each = jnp.where(due, jnp.broadcast_to(values[conn.targets()], due.shape), jnp.zeros((), values.dtype))
    return (gradient + (each if gradient.ndim else conn.total(each)),)


def _numbers(shared, static):
    """``static`` is the number of words."""
    return _numbers_of_rows(shared, static) if has_rows(shared[0]) else None


def _numbers_of_rows(shared, static):
    conn, begins, _ = shared
    return None if conn.layout is None else (*conn.layout, *Calendar(begins.shape[1] - 1, *static))


class _Deliver(Operation):
    def plain(self, shared, operands, static, batch):
        if has_rows(shared[0]) and not batch.extents:
            return _by_rows(shared, *operands)
        return super().plain(shared, operands, static, batch)


class _Gradient(Operation):
    def plain(self, shared, operands, static, batch):
        """Also sums over the levels that the result lacks."""
        *given, gradient = operands
        kept = batch.masks[-1]
        if all(kept):
            return super().plain(shared, operands, static, batch)
        none = jnp.zeros(gradient.shape[sum(kept) :], gradient.dtype)
        each = batch.lift(lambda *x: self.definition(shared, static, *x, none)[0], batch.masks[:-1])(*given)
        return (gradient + each.sum([level for level, flag in enumerate(kept) if not flag]),)


deliver_sorted_p = _Deliver(
    "deliver_sorted",
    definition=_deliver_sorted_one,
    numbers=_numbers,
    results=lambda shared, static, *operands: (None, None, None),
    in_place={4: 0, 2: 1, 3: 2},
    real=(4,),
)
pass_on_p = Operation(
    "pass_on",
    definition=_pass_on_one,
    numbers=_numbers_of_rows,
    results=lambda shared, static, *operands: (None, None),
    in_place={1: 0, 2: 1},
)
sorted_gradient_p = _Gradient(
    "sorted_gradient",
    definition=_sorted_gradient_one,
    numbers=_numbers,
    results=lambda shared, static, *operands: (None,),
    in_place={3: 0},
    full=(0, 1, 2),
    real=(3,),
)


# -- derivatives -------------------------------------------------------------------------------------------------------


def _deliver_jvp(shared, operands, tangents, *, static, batch):
    spikes, _, fired, waiting, into = operands
    _, dweight, _, _, dinto = tangents
    bind = functools.partial(deliver_sorted_p, shared, static=static, batch=batch)
    results = bind(*operands)
    dinto = dinto if not is_zero(dinto) or is_zero(dweight) else zeros_of(into)
    if not is_zero(dweight):
        dinto, _, _ = bind(spikes, dweight, fired, waiting, dinto)
    return results, [no_tangent(results[0]) if is_zero(dinto) else dinto, *map(no_tangent, results[1:])]


def _deliver_transpose(cotangents, shared, operands, *, static, batch):
    _, weight, fired, waiting, into = operands
    back, dweight = cotangents[0], None
    if is_zero(back):
        return [None] * 5
    if undefined(weight):
        masks = Batch(batch.extents, (batch.masks[4], *batch.masks[2:4], batch.masks[1]))
        (dweight,) = sorted_gradient_p(shared, back, fired, waiting, zeros_of(weight), static=static, batch=masks)
    return [None, dweight, None, None, back if undefined(into) else None]


def _gradient_jvp(shared, operands, tangents, *, static, batch):
    values, fired, waiting, gradient = operands
    dvalues, _, _, dgradient = tangents
    bind = functools.partial(sorted_gradient_p, shared, static=static, batch=batch)
    results = bind(*operands)
    if is_zero(dvalues):
        return results, [no_tangent(results[0]) if is_zero(dgradient) else dgradient]
    return results, bind(dvalues, fired, waiting, zeros_of(gradient) if is_zero(dgradient) else dgradient)


def _gradient_transpose(cotangents, shared, operands, *, static, batch):
    values, fired, waiting, gradient = operands
    (back,) = cotangents
    if is_zero(back):
        return [None] * 4
    dvalues = None
    if undefined(values):
        none = jnp.zeros(shared[0].n_pre, bool)
        masks = Batch(batch.extents, ((False,) * len(batch.extents), batch.masks[3], *batch.masks[1:3], batch.masks[0]))
        dvalues, _, _ = deliver_sorted_p(
            shared, none, back, fired, waiting, zeros_of(values), static=static, batch=masks
        )
    return [dvalues, None, None, back if undefined(gradient) else None]


deliver_sorted_p.def_jvp(_deliver_jvp)
deliver_sorted_p.def_transpose(_deliver_transpose)
sorted_gradient_p.def_jvp(_gradient_jvp)
sorted_gradient_p.def_transpose(_gradient_transpose)
