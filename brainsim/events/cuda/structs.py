"""What a kernel is given beside plain numbers and arrays: structs, written once for Python and for CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from brainsim.events._shared import Layout, Purpose, Quantile, Rule

NUMBER, ARGUMENT, RESULT = range(3)  # kinds of slots
LEVELS = 4  # of a batch, at most

Slot: TypeAlias = tuple[int, int, int]  # kind, number or which buffer, bytes from its beginning


class Array(NamedTuple):
    """A buffer of the call, from some byte on."""

    kind: int
    index: int
    behind: int = 0

    def slots(self) -> list[Slot]:
        return [(self.kind, self.index, self.behind)]

    def at(self, behind: int) -> Array:
        """From a byte further on."""
        return self._replace(behind=self.behind + behind)


class Operand(NamedTuple):
    """An array with some levels of a batch, and the elements from one index of each level to the next."""

    data: Array | int
    strides: tuple[int, ...]

    def slots(self) -> list[Slot]:
        padded = (*self.strides, *[0] * (LEVELS - len(self.strides)))
        return [*slots_of(self.data), *((NUMBER, stride, 0) for stride in padded)]


class Struct:
    """A struct of CUDA: its fields and their types, and how one is passed."""

    def __init__(self, name: str, length: str | None = None, /, **fields: str):
        self.name, self.fields = name, fields
        self.length = length  # the macro that says how many of another struct it ends with

    @property
    def text(self) -> str:
        """Its declaration."""
        lines = "".join(f"  {kind} {name};\n" for name, kind in self.fields.items())
        return f"struct {self.name} {{\n{lines}}};\n"

    @property
    def size(self) -> int:
        """Slots that it takes."""
        return sum(5 if kind == "Operand" else 1 for kind in self.fields.values())

    def __call__(self, **values: Any) -> list[Slot]:
        """One of these values; what is not given is 0."""
        if unknown := set(values) - set(self.fields):
            raise TypeError(f"{self.name} has no {sorted(unknown)}")
        empty = Operand(0, ())
        default = {name: empty if kind == "Operand" else 0 for name, kind in self.fields.items()}
        return [slot for value in (default | values).values() for slot in slots_of(value)]


def slots_of(value: Any) -> list[Slot]:
    """The slots of a number, an array, an operand, or of several of them."""
    if isinstance(value, int):
        return [(NUMBER, value, 0)]
    if hasattr(value, "slots"):
        return value.slots()
    return [slot for one in value for slot in ([one] if _is_slot(one) else slots_of(one))]


def _is_slot(value: Any) -> bool:
    return type(value) is tuple and len(value) == 3


def repeated(struct: Struct, given: Sequence[list[Slot]], count: int) -> list[Slot]:
    """An array of ``count`` structs, of which the last may be empty."""
    return slots_of([*given, *[struct()] * (count - len(given))])


DELIVERY = Struct(
    "Delivery",
    layout="i64",
    n_pre="i64",
    n_post="i64",
    fan_out="i64",
    indptr="const int*",
    indices="const void*",
    spikes="Operand",
    whole="i64",  # whether spikes are bool
    source_at="i64",  # where its neurons begin in the array of spikes
    weight="Operand",
    one_weight="i64",
    half="i64",  # whether weights are of 16 bits
    parts="i64",  # groups of threads that share a row
    first_group="i64",
    ring="i64",  # slots; 0: no ring
    of_synapses="const int*",  # with a ring the delay of each; with a calendar its order of them, where they stand in another
    step="const int*",
    depth="i64",  # of a calendar, in steps; 0: none
    words="i64",
    begins="const int*",
    fired="Operand",
    waiting="Operand",
    first_word="i64",  # among the words of all calendars
    kept="Operand",  # counts the entries that the target has
    counts="i64",  # whether sums are counts
    sums="u64*",
    largest="u64*",
    fan_in="i64",  # bits of the number of values of a sum
    size="i64",  # of the sums of an entry
    target="i64",
    target_at="i64",
)
DELIVERIES = Struct("Deliveries", count="i64", groups="i64", words="i64")  # and MOST_DELIVERIES of them
TARGET = Struct("Target", into="void*", due="void*", size="i64", first="i64")
TARGETS = Struct("Targets", count="i64", elements="i64")
POPULATION = Struct("Population", spikes="Operand", offset="Operand", at="i64", n="i64", first_chunk="i64")
POPULATIONS = Struct("Populations", count="i64", chunks="i64")
INPUT = Struct(
    "Input",
    key="Operand",
    step="Operand",
    mean="Operand",
    weight="Operand",
    into="Operand",
    n="i64",
    one_weight="i64",
    first="i64",
)
INPUTS = Struct("Inputs", count="i64", elements="i64")
RECORDING = Struct(
    "Recording",
    index="Operand",
    when="Operand",
    total="Operand",
    step="Operand",
    capacity="i64",
    starts="int*",
    counts="int*",
    spans="int*",
)
ROWS = Struct(
    "Rows",
    rule="i64",
    parameter="i64",
    n_pre="i64",
    n_post="i64",
    pre_begin="i64",
    pre_end="i64",
    post_begin="i64",
    post_end="i64",
    loops="i64",
    exponent="i64",
    key="const u32*",
    threshold="const u32*",
    alias="const u32*",
    ends="const u32*",  # of the blocks of each row
    bounds="const u32*",  # of the blocks of targets
    table="const int*",  # of quantiles; none where all weights are 1
    spikes="Operand",
    whole="i64",
    kept="Operand",
    fan_in="i64",
)

_CODES = (Layout, Purpose, Quantile, Rule)
_SEVERAL = ((DELIVERY, DELIVERIES), (TARGET, TARGETS), (POPULATION, POPULATIONS), (INPUT, INPUTS))


def header() -> str:
    """The text of ``shared.cuh``."""
    parts = ['#ifndef BRAINSIM_SHARED_CUH_\n#define BRAINSIM_SHARED_CUH_\n\n#include "shim.cuh"\n']
    for kind in _CODES:
        names = ", ".join(f"{name} = {code.value}" for name, code in kind.__members__.items())
        parts.append(f"struct {kind.__name__} {{ enum : i64 {{ {names} }}; }};\n")
    parts += [DELIVERY.text, TARGET.text, POPULATION.text, INPUT.text, RECORDING.text, ROWS.text]
    for one, several in _SEVERAL:
        macro = f"MOST_{several.name.upper()}"
        parts.append(f"#ifdef {macro}\n{several.text[:-3]}  {one.name} each[{macro}];\n}};\n#endif\n")
    return "\n".join([*parts, "#endif\n"])
