"""What is launched for random events, and for lines that delay."""

from __future__ import annotations

import math

import numpy as np

from brainsim.events._shared import Line
from brainsim.events.cuda.call import Call, NotServed, program
from brainsim.events.cuda.structs import INPUT, INPUTS, Array, repeated, slots_of

ITEM = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long"}  # by bytes
MOST_INPUTS = 16  # whose places fit into 4 KB of parameters
COUNT = {"int32": "int", "int64": "long long", "float32": "float", "float64": "double"}


def delay_line(call: Call) -> str:
    """Shared: step. Operands: ring, spikes; results: ring, delayed."""
    depth, n = Line(*call.own)
    item = ITEM.get(np.dtype(call.aval(0).dtype).itemsize)
    if item is None:
        raise NotServed
    operands = call.in_place(0, 0), call.operand(1), call.result(1, n)
    call.launch("pass", call.entries * n, call.batch, *operands, call.shared(0), depth, n)
    return program("line.cuh", Item=item)


def _draw(call: Call, n: int, clear: Array | int, size: int):
    """The operands that all draws begin with; ``size`` bytes are cleared before."""
    one = call.size(2) == 1
    most = 0 if one else call.room(call.entries)
    words = 0 if one else call.entries
    call.launch("clear", max(size, words), clear, size, most, words)
    if not one:
        call.launch("most_of", call.entries * n, call.batch, call.operand(2), most, n)
    return slots_of([call.operand(0), call.operand(1), call.operand(2), most, n])


def _types(call: Call, item: str = "int") -> str:
    return program("random.cuh", Mean=call.real(2), Item=item)


def poisson_counts(call: Call) -> str:
    """Operands: key, step, mean; result: counts."""
    aval = call.results[0]
    size = math.prod(aval.shape)
    n = size // max(call.entries, 1)
    draw = _draw(call, n, Array(2, 0), size * np.dtype(aval.dtype).itemsize)
    call.launch("counts_of", size, call.batch, draw, call.result(0, n))
    return _types(call, COUNT[str(np.dtype(aval.dtype))])


def poisson_input(call: Call) -> str:
    """Operands: key, step, mean, weight, into."""
    n = call.size(4)
    call.real(2, 3, 4)
    draw = _draw(call, n, 0, 0)
    one = int(call.size(3) == 1)
    call.launch("add_counts", call.entries * n, call.batch, draw, call.operand(3), one, call.in_place(0, 4))
    return _types(call)


def poisson_inputs(call: Call) -> str:
    """Operands: those of :func:`poisson_input`, several times; results: what is added to, of each."""
    (count,) = call.own
    mean = call.real(*(5 * k + q for k in range(count) for q in (2, 3, 4)))
    if any(call.size(5 * k + 2) != 1 for k in range(count)):
        raise NotServed  # a largest mean has to be found before
    room = min(MOST_INPUTS, 1 << (count - 1).bit_length())
    for begin in range(0, count, room):
        each, elements = [], 0
        for k in range(begin, min(begin + room, count)):
            key, step, one, weight = (call.operand(5 * k + q) for q in range(4))
            n = call.size(5 * k + 4)
            places = dict(n=n, one_weight=int(call.size(5 * k + 3) == 1), first=elements)
            each.append(INPUT(key=key, step=step, mean=one, weight=weight, into=call.in_place(k, 5 * k + 4), **places))
            elements += n * call.entries
        all_of = [*INPUTS(count=len(each), elements=elements), *repeated(INPUT, each, room)]
        call.launch("add_inputs", elements, call.batch, all_of)
    return program("inputs.cuh", Mean=mean, MOST_INPUTS=room)


def bernoulli_spikes(call: Call) -> str:
    """Operands: key, step, probability; result: spikes."""
    size = math.prod(call.results[0].shape)
    n = size // max(call.entries, 1)
    draw = _draw(call, n, Array(2, 0), size)
    call.launch("bernoulli", size, call.batch, draw, call.result(0, n))
    return _types(call)
