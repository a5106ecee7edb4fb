"""What is launched for all deliveries of a step and the recording of its spikes."""

from __future__ import annotations

from brainsim.events._shared import Calendar, Connectivity, Delivery, Together
from brainsim.events._shared import Recorded as Place
from brainsim.events.cuda import toolkit
from brainsim.events.cuda.call import Call, NotServed
from brainsim.events.cuda.deliver import LISTED, Goal, Sent, calendar, connectivity, send
from brainsim.events.cuda.record import Recorded, recorded

MOST = 8  # deliveries whose places fit into 4 KB of parameters
MOST_LARGE = 64  # into 32 KB, where driver and compiler know of them


def deliver_together(call: Call) -> str:
    """Shared: of each delivery its connectivity, and with a calendar where segments begin, and the step. Operands: spikes of each
    source, weight of each delivery, targets, what is under way, and for recording index, step buffer, count, step, and the
    offset of each population; results: targets, what is under way, and the first three.
    """
    sources, deliveries, targets, _ = Together(*call.own[: len(Together._fields)])
    told, sent, states = call.own[len(Together._fields) :], [], 0
    first_state = sources + deliveries + targets
    for k in range(deliveries):
        own, told = _cut(told, Connectivity, Calendar, Delivery)
        layout, (depth, words), at = own
        conn = connectivity(call, layout, at.first, whole_rows=not depth)
        fields = {"source_at": at.source_at}
        if depth:
            under_way = [call.in_place(targets + q, first_state + q) for q in (states, states + 1)]
            fields |= calendar(call, conn, (depth, words), at.first + LISTED.get(layout.layout, 0), *under_way)
            states += 2
        into = sources + deliveries + at.target
        sent.append(Sent(conn, fields, at.source, sources + k, into, conn.n_post, at.target, at.target_at))
    real = call.real(*(sources + deliveries + t for t in range(targets)))
    record = _recorded(call, told, first_state + states, targets + states)
    most = MOST_LARGE if toolkit.has_large_parameters() else MOST
    program = ""
    for begin in range(0, len(sent), most):
        some = sent[begin : begin + most]
        numbers = sorted({one.target for one in some})
        goals = [_goal(call, t, sources + deliveries + t) for t in numbers]
        some = [one._replace(target=numbers.index(one.target)) for one in some]
        program = send(call, some, goals, real, record, most=min(most, len(sent)))
        record = record and record.nothing()
    return program


def _goal(call: Call, target: int, operand: int) -> Goal:
    return Goal(call.in_place(target, operand).data, call.size(operand))


def _recorded(call: Call, told, first: int, result: int) -> Recorded | None:
    """What is recorded, where anything is: buffers are operands from the ``first`` on."""
    if len(call.results) == result:
        return None
    populations = []
    for k in range(call.operands - first - 4):
        own, told = _cut(told, Place)
        (source, at, rest), n = own[0], call.size(own[0].source)
        populations.append(
            (call.operand(source), call.operand(first + 4 + k), at, n - at - rest, call.aval(source).dtype)
        )
    if not populations:
        raise NotServed
    return recorded(call, populations, first, result)


def _cut(numbers, *kinds):
    """The numbers of some kinds, and the rest."""
    found = []
    for kind in kinds:
        found.append(kind(*numbers[: len(kind._fields)]))
        numbers = numbers[len(kind._fields) :]
    return found, numbers
