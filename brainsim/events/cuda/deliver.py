"""What is launched for deliveries: spikes to their targets, at once, through a ring or by a calendar, and backwards."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from brainsim.events._shared import Calendar, Connectivity, Contract, DueNow, Layout, Ring, Role
from brainsim.events.cuda.call import REAL, THREADS, Call, NotServed, batch_of, program
from brainsim.events.cuda.record import Recorded
from brainsim.events.cuda.structs import DELIVERIES, DELIVERY, TARGET, TARGETS, Array, Operand, repeated

LISTED = {Layout.CSR: 2, Layout.CSR_16: 2, Layout.FIXED_FAN_OUT: 1, Layout.FIXED_FAN_OUT_16: 1}  # shared arrays
GROUP = 32  # threads that share a row, as in delivery.cuh
FOLD = 256  # as in folds.cuh
SUMS = 64  # blocks that make partial sums
ALL = {"whole": 1}  # fields of spikes that are all 1: those of a calendar


class Conn(NamedTuple):
    """A connectivity: its fields of a delivery, its number of synapses, and how many shared arrays it has."""

    fields: dict[str, Any]
    synapses: int
    arrays: int

    @property
    def n_pre(self) -> int:
        return self.fields["n_pre"]

    @property
    def n_post(self) -> int:
        return self.fields["n_post"]

    @property
    def groups(self) -> int:
        """Groups of threads for one entry."""
        return -(-self.n_pre // GROUP) * self.fields["parts"]


def connectivity(call: Call, numbers, first: int, whole_rows: bool = True) -> Conn:
    """The connectivity of these numbers, whose shared arrays begin with the ``first``; ``whole_rows``: of which all synapses are
    reached, so that threads share them.
    """
    layout, n_pre, n_post, fan_out = numbers
    arrays = LISTED.get(layout, 0)
    fields = {"layout": layout, "n_pre": n_pre, "n_post": n_post, "fan_out": fan_out}
    synapses = n_pre * (1 if layout == Layout.ONE_TO_ONE else n_post)
    if arrays:
        fields["indices"] = call.shared(first + arrays - 1)
        synapses = math.prod(call.given[first + arrays - 1].shape)
    if arrays == 2:
        fields["indptr"] = call.shared(first)
    row = synapses / max(n_pre, 1) if whole_rows else 1
    fields["parts"] = int(np.clip(math.ceil(row / (4 * GROUP)), 1, 1024))
    return Conn(fields, synapses, arrays)


def spikes(call: Call, i: int, real: str) -> dict[str, Any]:
    """The fields of spikes that are bool or real."""
    if not call.is_bool(i) and REAL.get(np.dtype(call.aval(i).dtype)) != real:
        raise NotServed
    return {"spikes": call.operand(i), "whole": int(call.is_bool(i))}


def weight(call: Call, i: int, real: str) -> dict[str, Any]:
    """The fields of weights, one or one for each synapse: real, or of 16 bits."""
    half = call.aval(i).dtype == np.float16
    if not half and call.real(i) != real:
        raise NotServed
    return {"weight": call.operand(i), "one_weight": int(call.size(i) == 1), "half": int(half)}


def ring(call: Call, first: int, depth: int) -> dict[str, Any]:
    """The fields of a ring, whose delays and step are shared arrays."""
    return {"ring": depth, "of_synapses": call.shared(first), "step": call.shared(first + 1)} if depth else {}


class Sent(NamedTuple):
    """A delivery that is to be made: its connectivity, other fields, and operands; without spikes, of what is due alone."""

    conn: Conn
    fields: dict[str, Any]
    spikes: int | None
    weight: int
    into: int  # operand that is added to
    size: int  # of what is added to, in one entry
    target: int = 0
    at: int = 0

    @property
    def is_later(self) -> bool:
        return "depth" in self.fields and self.spikes is not None


class Goal(NamedTuple):
    """What is added to: a result, and of a ring what takes the slot that is due."""

    into: Array | int
    size: int
    due: Array | int = 0


def send(
    call: Call, sent: list[Sent], goals: list[Goal], real: str, record: Recorded | None = None, most: int = 1
) -> str:
    """Plan deliveries that are made together, and recording in the same launches; the program, which serves ``most``."""
    into = sent[0].into
    entries = math.prod(call.kept(into))
    width = 1 if real == "float" else 2
    each, words, groups, later = [], 0, 0, 0
    for one in sent:
        counts = _counts(call, one, into)
        sums = -(-entries * one.size // 2) if counts else entries * one.size * width
        each.append((one, counts, words, groups, later))
        words += sums + entries
        groups += one.conn.groups * call.entries
        later += -(-one.conn.n_pre // 32) * call.entries if one.is_later else 0
    scratch = call.room(words)
    deliveries = []
    for one, counts, first, first_group, first_word in each:
        deliveries.append(
            DELIVERY(
                **one.conn.fields,
                **one.fields,
                **(ALL if one.spikes is None else spikes(call, one.spikes, real)),
                **weight(call, one.weight, real),
                first_group=first_group,
                first_word=first_word,
                kept=call.ordinal(into),
                counts=int(counts),
                largest=scratch.at(8 * first),
                sums=scratch.at(8 * (first + entries)),
                fan_in=(one.conn.synapses * (call.entries // max(entries, 1))).bit_length(),
                size=one.size,
                target=one.target,
                target_at=one.at,
            )
        )
    room = 1 << (max(most, 1) - 1).bit_length()  # few numbers of deliveries are few programs
    all_of = [*DELIVERIES(count=len(sent), groups=groups, words=later), *repeated(DELIVERY, deliveries, room)]
    found, elements = [], 0
    for goal in goals:
        found.append(TARGET(into=goal.into, due=goal.due, size=goal.size, first=elements))
        elements += goal.size * entries
    targets = [*TARGETS(count=len(goals), elements=elements), *repeated(TARGET, found, room)]
    kept = batch_of(call.kept(into))
    some = not all(counts for _, counts, *_ in each)
    if call.entries:
        _launch(call, (words, groups * GROUP, elements + later), scratch, all_of, kept, targets, some, record)
    names = {} if record is None else record.names
    # One program serves all launches of a call
    halves = {"HALVES": 1} if any(call.aval(i).dtype == np.float16 for i in range(call.operands)) else {}
    source = "deliver.cuh" if record is None else "together.cuh"
    return program(source, Real=real, MOST_DELIVERIES=room, MOST_TARGETS=room, **halves, **names)


def _launch(call, work, scratch, all_of, kept, targets, some_largest, record) -> None:
    words, threads, elements = work
    if record is None:
        call.launch("begin", words, scratch, words)
    else:
        first, second, third = record.work()
        recorded = record.populations, record.to
        call.launch("begin", max(words, first), scratch, words, call.batch, *recorded)
    if some_largest:
        call.launch("largest", threads, call.batch, all_of)
    if record is None:
        call.launch("add", threads, call.batch, all_of)
        call.launch("finish", elements, call.batch, kept, all_of, targets)
    else:
        call.launch("add", max(threads, second), call.batch, all_of, *recorded)
        call.launch("finish", max(elements, third), call.batch, kept, all_of, targets, *recorded)


def _counts(call: Call, one: Sent, into: int) -> bool:
    """Whether sums are numbers of spikes times one weight."""
    same = call.is_full(into) or not any(call.masks[one.weight])
    whole = one.spikes is None or call.is_bool(one.spikes)
    return whole and call.size(one.weight) == 1 and same


# -- operations --------------------------------------------------------------------------------------------------------


def contract(call: Call) -> str:
    """Towards the targets, the sources or the weights."""
    size = len(Connectivity._fields)
    towards, depth = Contract(*call.own[size:])
    conn = connectivity(call, call.own[:size], 0)
    real = call.real(2)
    fields = ring(call, conn.arrays, depth)
    if towards == Role.POST:
        into = conn.n_post * (depth or 1)
        goal = Goal(call.in_place(0, 2).data, into)
        return send(call, [Sent(conn, fields, 0, 1, 2, into)], [goal], real)
    if towards == Role.PRE:
        return _towards_pre(call, conn, fields, real)
    return _towards_weight(call, conn, {**fields, **spikes(call, 0, real)}, 1, 2, real)


def _share(call: Call, into: int) -> int:
    """How many entries of the batch have the same result."""
    return 1 if call.is_full(into) else call.entries


def _towards_pre(call: Call, conn: Conn, fields, real: str) -> str:
    call.real(0, 1, 2)
    lanes = int(np.clip(conn.synapses // max(conn.n_pre, 1), 1, GROUP))
    delivery = DELIVERY(**conn.fields, **fields, **weight(call, 0, real))
    partial = call.room(-(-call.entries * conn.n_pre * lanes * (4 if real == "float" else 8) // 8))
    share = _share(call, 2)
    if call.entries:
        work = call.entries * conn.n_pre * lanes
        call.launch("partial_rows", work, call.batch, delivery, call.operand(1), partial, lanes)
        work = call.entries // share * conn.n_pre
        call.launch("towards_pre", work, call.batch, delivery, partial, call.in_place(0, 2), lanes, share)
    return program("back.cuh", Real=real)


def _towards_weight(call: Call, conn: Conn, fields, values: int, out: int, real: str) -> str:
    """The gradient of weights, one each or one for all."""
    call.real(values, out)
    delivery = DELIVERY(**conn.fields, **fields)
    given = call.operand(values)
    if not call.entries:
        return program("back.cuh", Real=real)
    if call.size(out) == conn.synapses and len(call.aval(out).shape) > call.levels[out]:
        share = _share(call, out)
        work = conn.groups * GROUP * (call.entries // share)
        call.launch("towards_weight", work, call.batch, delivery, given, call.in_place(0, out), share)
        return program("back.cuh", Real=real)
    results = math.prod(call.kept(out))
    blocks = min(-(-conn.groups * GROUP // THREADS), SUMS)
    partial, folded = call.room(results * blocks * THREADS), call.room(results * FOLD)
    work = conn.groups * GROUP
    call.launch("partial_total", work, call.batch, delivery, given, call.ordinal(out), partial, results, blocks=blocks)
    if work:
        fold(call, partial, folded, Array(2, 0), results, blocks * THREADS)
    return program("back.cuh", Real=real)


def fold(call: Call, partial, folded, out, results: int, each: int) -> None:
    """Add partial sums up and to the results."""
    call.launch("fold", results * FOLD, partial, folded, results, each)
    call.launch("total", results, folded, out, results)


def deliver_delayed(call: Call) -> str:
    """Operands: spikes, weight, ring, into; results: into, ring."""
    size = len(Connectivity._fields)
    (depth,) = Ring(*call.own[size:])
    conn = connectivity(call, call.own[:size], 0)
    real = call.real(2, 3)
    length = depth * conn.n_post
    goal = Goal(call.in_place(1, 2).data, length, call.in_place(0, 3).data)
    return send(call, [Sent(conn, ring(call, conn.arrays, depth), 0, 1, 2, length)], [goal], real)


def calendar(call: Call, conn: Conn, numbers, first: int, fired: Operand, waiting: Operand) -> dict[str, Any]:
    """The fields of a calendar, whose beginnings and step are shared arrays from ``first`` on."""
    depth, words = Calendar(*numbers)
    facts = {"depth": depth, "words": words, "begins": call.shared(first), "step": call.shared(first + 1)}
    return {**facts, "fired": fired, "waiting": waiting}


def deliver_sorted(call: Call) -> str:
    """Operands: spikes, weight, fired, waiting, into; results: into, fired, waiting."""
    size = len(Connectivity._fields)
    conn = connectivity(call, call.own[:size], 0, whole_rows=False)
    fields = calendar(call, conn, call.own[size:], conn.arrays, call.in_place(1, 2), call.in_place(2, 3))
    goal = Goal(call.in_place(0, 4).data, conn.n_post)
    return send(call, [Sent(conn, fields, 0, 1, 4, conn.n_post)], [goal], call.real(4))


def sorted_gradient(call: Call) -> str:
    """Operands: values, fired, waiting, gradient."""
    size = len(Connectivity._fields)
    conn = connectivity(call, call.own[:size], 0, whole_rows=False)
    fields = calendar(call, conn, call.own[size:], conn.arrays, call.operand(1), call.operand(2))
    return _towards_weight(call, conn, {**fields, **ALL}, 0, 3, call.real(0, 3))


def pass_on(call: Call) -> str:
    """Operands: spikes, fired, waiting; results: fired, waiting."""
    size = len(Connectivity._fields)
    conn = connectivity(call, call.own[:size], 0, whole_rows=False)
    fields = calendar(call, conn, call.own[size:], conn.arrays, call.in_place(0, 1), call.in_place(1, 2))
    delivery = DELIVERY(**conn.fields, **fields, **spikes(call, 0, "float"))
    call.launch("pass_on", call.entries * -(-conn.n_pre // 32), call.batch, delivery)
    return program("pass_on.cuh", Real="float")


def due(call: Call, listed: int) -> tuple[Conn, dict[str, Any]]:
    """The connectivity and the calendar of what is due, whose operands come first; ``listed``: whether the last shared array is
    the order of the synapses.
    """
    size = len(Connectivity._fields)
    conn = connectivity(call, call.own[:size], 0, whole_rows=False)
    numbers = call.own[size : size + len(Calendar._fields)]
    fields = calendar(call, conn, numbers, conn.arrays, call.operand(0), call.operand(1))
    return conn, fields | ({"of_synapses": call.shared(conn.arrays + 2)} if listed else {})


def deliver_due(call: Call) -> str:
    """Operands: fired, waiting, weight, into; result: into."""
    (listed,) = DueNow(*call.own[len(Connectivity._fields) + len(Calendar._fields) :])
    conn, fields = due(call, listed)
    goal = Goal(call.in_place(0, 3).data, conn.n_post)
    return send(call, [Sent(conn, fields, None, 2, 3, conn.n_post)], [goal], call.real(3))
