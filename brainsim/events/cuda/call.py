"""A call of an operation on a GPU: what it brings, and which kernels are launched for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from brainsim.events.cuda.structs import ARGUMENT, LEVELS, NUMBER, RESULT, Array, Operand, Slot, slots_of

THREADS = 256  # in a block
BLOCKS = 2048  # at most: more work than these have is done in rounds
REAL = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class NotServed(Exception):
    """No kernel serves a call: plain JAX does."""


class Call:
    """What one operation is told, with the launches that are planned for it.

    Parameters
    ----------
    given, results : sequence of abstract values
        Arguments, shared ones first, and results.
    numbers : sequence of int
        ``[levels, extents..., shared, masks..., own numbers...]``, as a handler of the CPU takes them.
    aliases : dict
        Which argument each result takes the place of, ``{argument: result}``.
    """

    def __init__(self, given: Sequence[Any], results: Sequence[Any], numbers: Sequence[int], aliases: dict[int, int]):
        numbers = [int(x) for x in numbers]
        levels = numbers[0]
        extents, self.n_shared = numbers[1 : levels + 1], numbers[levels + 1]
        first = levels + 2 + len(given) - self.n_shared
        masks = [_flags(mask, levels) for mask in numbers[levels + 2 : first]]
        self.own = numbers[first:]
        self.given, self.results, self.aliases = list(given), list(results), dict(aliases)
        self.levels = [sum(mask) for mask in masks]  # with which the shape of each operand begins
        self.extents, self.masks = _merged(extents, masks)
        if len(self.extents) > LEVELS:
            raise NotServed
        self.entries = math.prod(self.extents)
        self.batch = _batch(self.extents)
        self.scratch: list[jax.ShapeDtypeStruct] = []
        self.launches: list[tuple[str, int, list[list[Slot]]]] = []

    # -- what it brings

    @property
    def operands(self) -> int:
        """How many operands there are."""
        return len(self.given) - self.n_shared

    def shared(self, i: int) -> Array:
        """A shared array."""
        return Array(ARGUMENT, i)

    def aval(self, i: int) -> Any:
        """Shape and type of an operand."""
        return self.given[self.n_shared + i]

    def size(self, i: int) -> int:
        """Elements of an operand in one entry of the batch."""
        return math.prod(self.aval(i).shape[self.levels[i] :])

    def operand(self, i: int) -> Operand:
        """An operand, which is only read."""
        return Operand(Array(ARGUMENT, self.n_shared + i), self._strides(self.masks[i], self.size(i)))

    def in_place(self, result: int, i: int) -> Operand:
        """A result in the place of an operand."""
        return Operand(Array(RESULT, result), self._strides(self.masks[i], self.size(i)))

    def result(self, i: int, size: int) -> Operand:
        """A result with every level, of some elements in one entry."""
        return Operand(Array(RESULT, i), self._strides((True,) * len(self.extents), size))

    def ordinal(self, i: int) -> Operand:
        """What counts the entries that an operand has."""
        return Operand(0, self._strides(self.masks[i], 1))

    def kept(self, i: int) -> list[int]:
        """Extents of the levels that an operand has."""
        return [n for n, flag in zip(self.extents, self.masks[i], strict=True) if flag]

    def is_full(self, i: int) -> bool:
        """Whether an operand has every level."""
        return all(self.masks[i])

    def is_bool(self, i: int) -> bool:
        """Whether an operand is of bools."""
        return self.aval(i).dtype == np.bool_

    def real(self, *operands: int) -> str:
        """The type of operands, which is the same float for all of them."""
        types = {np.dtype(self.aval(i).dtype) for i in operands}
        if len(types) != 1 or not types <= set(REAL):
            raise NotServed
        return REAL[types.pop()]

    def _strides(self, mask, size: int) -> tuple[int, ...]:
        found, stride = [], size
        for extent, flag in zip(reversed(self.extents), reversed(mask), strict=True):
            found.append(stride if flag else 0)
            stride *= extent if flag else 1
        return tuple(reversed(found))

    # -- what is done

    def room(self, words: int) -> Array:
        """Memory for a number of words of 64 bits, with anything in it."""
        self.scratch.append(jax.ShapeDtypeStruct((2 * max(words, 1),), np.dtype(np.uint32)))  # whether x64 is on or not
        return Array(RESULT, len(self.results) + len(self.scratch) - 1)

    def launch(self, kernel: str, work: int, *parameters: Any, blocks: int | None = None) -> None:
        """Launch a kernel with a thread for each piece of work, or with so many blocks."""
        if work <= 0:
            return
        blocks = blocks or min(-(-work // THREADS), BLOCKS)
        self.launches.append((kernel, blocks, [slots_of(parameter) for parameter in parameters]))

    def numbers(self, kernels: list[str]) -> np.ndarray:
        """All launches, as the handler is told them."""
        told: list[int] = [len(self.aliases)]
        for argument, result in self.aliases.items():
            told += [argument, result]
        told.append(len(self.launches))
        for kernel, blocks, parameters in self.launches:
            ends = np.cumsum([len(slots) for slots in parameters]).tolist()
            starts = [0, *ends[:-1]]
            slots = [slot for parameter in parameters for slot in parameter]
            told += [kernels.index(kernel), blocks, THREADS, len(starts), *starts, len(slots)]
            told += [x for slot in slots for x in slot]
        return np.array(told, np.int64)

    @property
    def kernels(self) -> list[str]:
        """Names of what is launched, each once."""
        return list(dict.fromkeys(kernel for kernel, _, _ in self.launches))

    def lower(self, context, arguments, target: str, program: str):
        """The call as it stands in a program of XLA."""
        kernels = self.kernels
        make: Any = type(context.avals_out[0])  # ShapedArray
        avals = [*context.avals_out, *(make(x.shape, x.dtype) for x in self.scratch)]
        rule = jax.ffi.ffi_lowering(target, operand_output_aliases=self.aliases)
        attributes = {"numbers": self.numbers(kernels), "program": program, "kernels": " ".join(kernels)}
        results = rule(context.replace(avals_out=avals), *arguments, **attributes)
        return list(results)[: len(context.avals_out)]


def program(source: str, **names: Any) -> str:
    """The text of a program: types, whose names begin with a capital and go on in lower case, and numbers."""
    lines = [f"typedef {x} {name};" if isinstance(x, str) else f"#define {name} {x}" for name, x in names.items()]
    return "\n".join([*lines, f'#include "{source}"\n'])


def batch_of(extents: Sequence[int]) -> list[Slot]:
    """The levels of a batch, as a kernel takes them."""
    return _batch(extents)


def _batch(extents) -> list[Slot]:
    numbers = [math.prod(extents), len(extents), *extents, *[1] * (LEVELS - len(extents))]
    return [(NUMBER, int(x), 0) for x in numbers]


def _flags(mask: int, levels: int) -> tuple[bool, ...]:
    return tuple(bool(mask >> level & 1) for level in range(levels))


def _merged(extents, masks):
    """Levels that all operands have or lack alike are one."""
    columns = list(zip(*masks)) if masks else [()] * len(extents)
    merged: list[list[Any]] = []
    for extent, column in zip(extents, columns, strict=True):
        if merged and merged[-1][1] == column:
            merged[-1][0] *= extent
        else:
            merged.append([extent, column])
    flags = [tuple(column[i] for _, column in merged) for i in range(len(masks))]
    return [extent for extent, _ in merged], flags
