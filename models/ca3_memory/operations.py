"""What is asked of a memory, when, and what an ideal one answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Operation(NamedTuple):
    """Something asked of a memory.

    With cue and content: learn that this cue has this content, and forget what it had. With a cue alone: recall its content. With
    content alone: recall the cues whose content shares any of it.

    Parameters
    ----------
    at : int
        Time in ms at which its first spikes are fired.
    cue : int, optional
    content : set of int
        Bits that are set.
    """

    at: int
    cue: int | None = None
    content: frozenset = frozenset()

    @property
    def learns(self) -> bool:
        return self.cue is not None and bool(self.content)

    @property
    def lasts(self) -> int:
        """Spikes of each neuron, one in a millisecond: three to learn, one to recall."""
        return 3 if self.learns else 1


def learn(cue: int, content: Iterable[int], at: int = 0) -> Operation:
    """Store ``content`` under ``cue``."""
    return Operation(at, cue, frozenset(content))


def recall(cue: int | None = None, content: Iterable[int] = (), at: int = 0) -> Operation:
    """Ask for the content of ``cue``, or for the cues of the fragment ``content``."""
    if (cue is None) == (not tuple(content)):
        raise ValueError(f"recall: by cue or by content, given cue={cue!r} and content={tuple(content)!r}.")
    return Operation(at, cue, frozenset(content))


class Program(NamedTuple):
    """Operations on a memory of ``cues`` cues and ``contents`` bits, and how many ms they take."""

    cues: int
    contents: int
    operations: tuple[Operation, ...]
    duration: int

    def inputs(self) -> tuple[dict[int, set], dict[int, set]]:
        """Spikes of the cue and of the content inputs by time."""
        cue: dict[int, set] = {}
        content: dict[int, set] = {}
        for one in self.operations:
            for t in range(one.at, one.at + one.lasts):
                if one.cue is not None:
                    cue.setdefault(t, set()).add(one.cue)
                if one.content:
                    content.setdefault(t, set()).update(one.content)
        return cue, content

    def answers(self) -> list[set | None]:
        """What an ideal memory answers to each operation: the content of a cue, or the cues of a content; None to learning."""
        memory: dict[int, frozenset] = {}
        answers = []
        for one in self.operations:
            if one.learns:
                memory[one.cue] = one.content
                answers.append(None)
            elif one.cue is not None:
                answers.append(set(memory.get(one.cue, ())))
            else:
                answers.append({cue for cue, content in memory.items() if content & one.content})
        return answers


def spaced(cues: int, contents: int, operations: Iterable[Operation], learning: int, recalling: int, start: int = 0) -> Program:
    """A program that leaves ``learning`` ms from the beginning of a learning to the next operation, ``recalling`` ms from a recall."""
    placed, now = [], start
    for one in operations:
        placed.append(one._replace(at=now))
        now += learning if one.learns else recalling
    return Program(cues, contents, tuple(placed), now + 10)


def random(
    seed: int, cues: int, contents: int, *, learning: int, recalling: int, number: int = 200, density: float = 0.5, by_content: bool = True
) -> Program:
    """Random operations: learning, recall of a stored cue and, if ``by_content``, recall by a fragment of a stored content.

    Parameters
    ----------
    seed : int
    cues, contents : int
        Size of the memory.
    learning, recalling : int
        Time in ms from the beginning of a learning, and of a recall, to the next operation.
    number : int
        How many operations.
    density : float
        Share of the bits of a content that are set; at least one is.
    by_content : bool
        Whether contents are probed too.
    """
    rng = np.random.default_rng(seed)
    memory: dict[int, frozenset] = {}
    operations = []
    for _ in range(number):
        kind = rng.integers(3 if by_content else 2) if memory else 0
        if kind == 0:
            bits = np.flatnonzero(rng.random(contents) < density)
            bits = bits if bits.size else rng.integers(contents, size=1)
            cue = int(rng.integers(cues))
            memory[cue] = frozenset(bits.tolist())
            operations.append(learn(cue, memory[cue]))
            continue
        cue = int(rng.choice(sorted(memory)))
        if kind == 1:
            operations.append(recall(cue))
        else:
            content = sorted(memory[cue])
            operations.append(recall(content=rng.choice(content, rng.integers(1, len(content) + 1), replace=False).tolist()))
    return spaced(cues, contents, operations, learning, recalling)
