"""What is launched to change weights, at the synapses of the neurons that spike or that spikes under way reach."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainsim.events._shared import Calendar, Connectivity, Layout, OnDue, OnPost, OnPre
from brainsim.events.cuda.call import Call, program
from brainsim.events.cuda.deliver import ALL, GROUP, Conn, connectivity, due, spikes
from brainsim.events.cuda.structs import DELIVERY, Operand, Slot, slots_of

NOW = [0, 0, 0]  # of the other side, that is seen: no step, no slots, no neurons
BOUNDS, OF_LAW = 2, 3  # operands: low, high; anchor, scale, power
NONE = Operand(0, ())


def add_on_pre(call: Call) -> str:
    """Shared: connectivity. Operands: spikes, weight, delta, low, high, and of a law anchor, scale, power."""
    size = len(Connectivity._fields)
    (law,) = OnPre(*call.own[size:])
    return _of_spiking(call, connectivity(call, call.own[:size], 0), law, 0, NOW, [0, 0])


def add_on_post(call: Call) -> str:
    """The same; shared are the view by postsynaptic neuron, which is a connectivity the other way round, its places, and the
    connectivity; with slots also the delay of each synapse, and the step, and delta is that of the last steps.
    """
    n_pre, n_post, _, law, slots = OnPost(*call.own)
    conn = connectivity(call, Connectivity(Layout.CSR, n_post, n_pre), 0)
    past, delays = NOW, [0, 0]
    if slots:
        delay, step = call.n_shared - 2, call.n_shared - 1
        past = [call.shared(step), slots, n_pre]
        delays = [call.shared(delay), int(call.given[delay].dtype == np.uint8)]
    return _of_spiking(call, conn, law, call.shared(2), past, delays)


def add_on_due(call: Call) -> str:
    """Shared: connectivity, begins, step, and the order of synapses, if any. Operands: fired, waiting, weight, delta, low, high,
    of a law anchor, scale, power, and with slots the values of the presynaptic side in the last steps.
    """
    law, slots, listed = OnDue(*call.own[len(Connectivity._fields) + len(Calendar._fields) :])
    conn, fields = due(call, listed)
    real = call.real(*range(2, call.operands))
    values, past = NONE, NOW
    if slots:
        values = call.operand(call.operands - 1)
        past = [fields["step"], slots, conn.n_pre]
    delivery = DELIVERY(**conn.fields, **fields, **ALL)
    work = conn.groups * GROUP * call.entries
    call.launch("change_due", work, call.batch, delivery, _change(call, 2, law), values, past)
    return program("plasticity.cuh", Real=real)


def _of_spiking(call: Call, conn: Conn, law: int, position: Any, past: list, delays: list) -> str:
    real = call.real(*range(1, call.operands))
    delivery = DELIVERY(**conn.fields, **spikes(call, 0, real))
    work = conn.groups * GROUP * call.entries
    call.launch("change", work, call.batch, delivery, _change(call, 1, law), position, past, delays)
    return program("plasticity.cuh", Real=real)


def _change(call: Call, weight: int, law: int) -> list[Slot]:
    """The change of a weight, behind which its other operands are."""
    first = weight + 1  # delta
    numbers = [call.operand(i) for i in range(first, first + 1 + BOUNDS + (OF_LAW if law else 0))]
    return slots_of([call.in_place(0, weight), *numbers, *([] if law else [NONE] * OF_LAW), int(law)])
