"""What is launched for connectivity that is not stored."""

from __future__ import annotations

import math

import numpy as np

from brainsim.events._shared import Procedural, Role, Rule
from brainsim.events.cuda.call import THREADS, Call, NotServed, batch_of, program
from brainsim.events.cuda.deliver import FOLD, SUMS, fold, spikes
from brainsim.events.cuda.structs import ROWS, Array

# Shared arrays of a rule, after its key
TABLES: dict[int, tuple[str, ...]] = {
    Rule.FIXED_PROBABILITY: ("threshold", "alias"),
    Rule.OUT_DEGREES: ("ends", "bounds"),
}


def procedural(call: Call) -> str:
    """Shared: key, tables of the rule, quantiles. Operands as those of a contraction."""
    rule = Procedural(*call.own)
    real = call.real(2)
    tables = TABLES.get(rule.rule, ())
    names = (
        "rule",
        "parameter",
        "n_pre",
        "n_post",
        "pre_begin",
        "pre_end",
        "post_begin",
        "post_end",
        "loops",
        "exponent",
    )
    fields = {name: int(getattr(rule, name)) for name in names} | {"key": call.shared(0), "kept": call.ordinal(2)}
    fields |= {name: call.shared(i) for i, name in enumerate(tables, 1)}
    if rule.weighted:
        fields["table"] = call.shared(1 + len(tables))
    n = rule.pre_end - rule.pre_begin
    if not n * call.entries:
        return program("procedural.cuh", Real=real)
    share = 1 if call.is_full(2) else call.entries
    if rule.towards == Role.PRE:
        operands = call.operand(0), call.operand(1), call.in_place(0, 2)
        call.launch("rows_towards_pre", n * (call.entries // share), call.batch, ROWS(**fields), *operands, share)
    elif rule.towards == Role.WEIGHT:
        rows = ROWS(**fields, **spikes(call, 0, real))
        results, blocks = math.prod(call.kept(2)), min(-(-n // THREADS), SUMS)
        partial, folded = call.room(results * blocks * THREADS), call.room(results * FOLD)
        told = rows, call.operand(1), call.ordinal(2), partial, results
        call.launch("rows_total", n, call.batch, *told, blocks=blocks)
        fold(call, partial, folded, Array(2, 0), results, blocks * THREADS)
    else:
        _rows_towards_post(call, rule, fields, n, real)
    return program("procedural.cuh", Real=real)


def _rows_towards_post(call: Call, rule: Procedural, fields, n: int, real: str) -> None:
    if not call.is_full(2) and any(call.masks[1]):
        raise NotServed
    entries, width = math.prod(call.kept(2)), 1 if real == "float" else 2
    values = max(rule.most, 1) * (call.entries // max(entries, 1))
    fan_in = values.bit_length() + (31 if rule.weighted else 0)
    rows = ROWS(**fields, **spikes(call, 0, real), fan_in=fan_in)
    words = entries * (1 + rule.n_post * width)
    scratch = call.room(words)
    largest, sums = scratch, scratch.at(8 * entries)
    # A row of fixed probability is one thread's
    lanes = 1 if rule.rule == Rule.FIXED_PROBABILITY else int(np.clip(-(-rule.most // (4 * n)), 1, 32))
    call.launch("begin", words, scratch, words)
    if not call.is_bool(0):
        call.launch("largest_spike", call.entries * n, call.batch, rows, largest)
    call.launch("add_rows", call.entries * n * lanes, call.batch, rows, sums, largest, lanes)
    kept = batch_of(call.kept(2))
    told = rows, sums, largest, call.operand(1), call.in_place(0, 2).data
    call.launch("finish_rows", entries * rule.n_post, kept, *told)
