"""What spikes that were under way do at the synapses that they reach now: they add weights to targets, and change weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _check
from brainsim.events._backends import implementation
from brainsim.events._contract import add_at
from brainsim.events._primitive import Operation
from brainsim.events._shared import Calendar
from brainsim.events.plasticity import PowerLaw, bounds, change, moved, seen_ago
from brainsim.events.reached import Due


def is_due(due: Due) -> jax.Array:
    """Which synapses spikes reach now.

    Parameters
    ----------
    due : Due
        What :func:`due` gives.

    Returns
    -------
    bool ``conn.weight_shape``
    """
    shared, operands, static = _parts("is_due", due)
    return is_due_p(shared, *operands, static=static)[0]


def deliver_due(due: Due, weight: jax.Array | float, into: jax.Array) -> jax.Array:
    """Add the weights of the synapses that spikes reach now to their targets, and leave what is under way as it is.

    .. math:: \\text{into}_j \\leftarrow \\text{into}_j + \\sum_{k\\ \\text{due}} W_k\\,[post(k) = j]

    in the order of the presynaptic neurons, of each the last spike first.

    Parameters
    ----------
    due : Due
        What :func:`due` gives.
    weight : float ``[]`` or ``conn.weight_shape``
        One weight for all synapses, or one each.
    into : float ``[n_post]``
        What weights are added to.

    Returns
    -------
    float ``[n_post]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    into = _check.real("deliver_due", "into", into, (due.conn.n_post,))
    weight = _check.weights("deliver_due", due.conn, weight, into.dtype).astype(into.dtype)
    shared, operands, static = _parts("deliver_due", due)
    return change(deliver_due_p, implementation(), static, shared, *operands, weight, into)


def add_on_due(
    due: Due,
    weight: jax.Array,
    delta_post: jax.Array,
    low: jax.Array | float = -np.inf,
    high: jax.Array | float = np.inf,
    law: PowerLaw | None = None,
    past: jax.Array | None = None,
) -> jax.Array:
    """Change the synapses that spikes reach now by a value of their target: :func:`add_on_pre` for synapses with delays.

    .. math:: W_k \\leftarrow \\min(\\max(W_k + x_{pre(k)}(n - d_k)\\,\\delta_{post(k)}\\,f(W_k), w_{low}), w_{high})
        \\quad\\text{where } k \\text{ is due}

    Other synapses keep their weight, also where it is out of bounds. The weights are changed in place.

    Parameters
    ----------
    due : Due
        What :func:`due` gives.
    weight : float ``conn.weight_shape``
        One weight per synapse.
    delta_post : float ``[n_post]``
        Change due to each target, such as its trace.
    low, high : float ``[]``
        Bounds of the weights.
    law : PowerLaw, optional
        How the change depends on the weight, f; 1 if left out.
    past : float ``[slots, n_pre]``, optional
        Values x of the presynaptic side, that of step n in slot n modulo their number, of as many steps as delays have or
        more; 1 if left out.

    Returns
    -------
    float ``conn.weight_shape``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    name, conn = "add_on_due", due.conn
    weight = _check.real(name, "weight", weight, conn.weight_shape)
    delta = _check.real(name, "delta_post", delta_post, (conn.n_post,), weight.dtype)
    numbers = bounds(name, weight, low, high, law)
    slots = 0
    if past is not None:
        slots = np.shape(past)[0] if np.ndim(past) == 2 else 1
        numbers.append(_check.real(name, "past", past, (max(slots, 1), conn.n_pre), weight.dtype))
    shared, operands, static = _parts(name, due)
    static = *static, int(law is not None), slots
    return change(add_on_due_p, implementation(), static, shared, *operands, weight, delta, *numbers)


def _parts(name, due):
    (conn, begins, step, order), operands, static = due.parts()
    return (conn, begins, _check.integer(name, "step", step), order), operands, static


# -- definitions -------------------------------------------------------------------------------------------------------


def _due(shared, fired, waiting):
    conn, begins, step, order = shared
    return Due(conn, begins, step, order, fired, waiting)


def _is_due_one(shared, static, fired, waiting):
    return (_due(shared, fired, waiting).values().reshape(shared[0].weight_shape),)


def _deliver_due_one(shared, static, fired, waiting, weight, into):
    conn, (here,) = shared[0], _is_due_one(shared, static, fired, waiting)
    return (add_at(into, conn.targets(), jnp.where(here, weight, jnp.zeros((), into.dtype)), conn.weight_shape),)


def _add_on_due_one(shared, static, fired, waiting, weight, delta, *numbers):
    conn, _, step, _ = shared
    *_, slots = static
    (here,) = _is_due_one(shared, static, fired, waiting)
    seen = delta[conn.targets()]
    if slots:
        *numbers, past = numbers
        seen = seen_ago(conn, past, _due(shared, fired, waiting).delays(), step) * seen
    return moved(here, weight, seen, *numbers)


def _numbers(shared, words, *own):
    conn, begins, _, order = shared
    return (
        None
        if conn.layout is None
        else (*conn.layout, *Calendar(begins.shape[1] - 1, words), *own, int(order is not None))
    )


def _operation(name, definition, in_place=None):
    of_synapses = lambda shared: jax.ShapeDtypeStruct(shared[0].weight_shape, jnp.bool)  # noqa: E731
    return Operation(
        name,
        definition=definition,
        numbers=lambda shared, static: _numbers(shared, *static),
        results=lambda shared, static, *operands: (of_synapses(shared) if in_place is None else None,),
        in_place={} if in_place is None else {in_place: 0},
        real=() if in_place is None else (in_place,),
    )


is_due_p = _operation("is_due", _is_due_one)
deliver_due_p = _operation("deliver_due", _deliver_due_one, in_place=3)
add_on_due_p = _operation("add_on_due", _add_on_due_one, in_place=2)
