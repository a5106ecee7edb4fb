"""What is asked of a memory, when, and what an ideal one answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Operation(NamedTuple):
    """Something asked of a memory.

    With cue and content: learn that this cue has this content, and forget what it had. With a cue alone: recall its
    content. With content alone: recall the cues whose content shares any of it.

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
        """What an ideal memory answers to each operation: the content of a cue, or the cues of a content; None to
        learning.
        """
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


def wrong(program: Program, given: list[set | None]) -> dict[str, tuple[int, int]]:
    """Wrong answers and questions, by cue and by content."""
    counts = {"cue": [0, 0], "content": [0, 0]}
    for one, ideal, answer in zip(program.operations, program.answers(), given):
        if not one.learns:
            count = counts["content" if one.cue is None else "cue"]
            count[0] += answer != ideal
            count[1] += 1
    return {name: tuple(count) for name, count in counts.items()}


def spaced(
    cues: int, contents: int, operations: Iterable[Operation], learning: int, recalling: int, start: int = 0
) -> Program:
    """A program that leaves ``learning`` ms from the beginning of a learning to the next operation, ``recalling`` ms
    from a recall.
    """
    placed, now = [], start
    for one in operations:
        placed.append(one._replace(at=now))
        now += learning if one.learns else recalling
    return Program(cues, contents, tuple(placed), now + 10)


def bits(rng: np.random.Generator, contents: int, density: float) -> frozenset:
    """A content of which each bit is set with probability ``density``; at least one is."""
    chosen = np.flatnonzero(rng.random(contents) < density)
    return frozenset((chosen if chosen.size else rng.integers(contents, size=1)).tolist())


def part(rng: np.random.Generator, content: frozenset, fragment: int | None) -> frozenset:
    """As many bits of a content as ``fragment`` says, or all of them."""
    size = len(content) if fragment is None else min(fragment, len(content))
    return frozenset(rng.choice(sorted(content), size, replace=False).tolist())


def random(
    seed: int,
    cues: int,
    contents: int,
    *,
    learning: int,
    recalling: int,
    number: int = 200,
    density: float = 0.5,
    fragment: int | None = 1,
    by_content: bool = True,
) -> Program:
    """Random operations: learning, recall of a stored cue and, if ``by_content``, recall by a fragment of a stored
    content.

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
    fragment : int, optional
        Bits of a probe by content; None for all of the content.
    by_content : bool
        Whether contents are probed at all.
    """
    rng = np.random.default_rng(seed)
    memory: dict[int, frozenset] = {}
    operations = []
    for _ in range(number):
        kind = rng.integers(3 if by_content else 2) if memory else 0
        if kind == 0:
            cue = int(rng.integers(cues))
            memory[cue] = bits(rng, contents, density)
            operations.append(learn(cue, memory[cue]))
        else:
            cue = int(rng.choice(sorted(memory)))
            operations.append(recall(cue) if kind == 1 else recall(content=part(rng, memory[cue], fragment)))
    return spaced(cues, contents, operations, learning, recalling)


def full(
    seed: int,
    cues: int,
    contents: int,
    *,
    orthogonal: bool,
    fragment: int | None = 1,
    density: float = 0.1,
    spacing: int = 14,
) -> Program:
    """Fill a memory, recall every cue, and probe once with a fragment of every content.

    Parameters
    ----------
    seed : int
    cues, contents : int
        Size of the memory.
    orthogonal : bool
        Whether contents share no bits: each then has ``contents // cues`` of them. Otherwise each bit is set with
        probability ``density``, whatever others have.
    fragment : int, optional
        Bits of a probe; None for all of the content.
    density : float
    spacing : int
        Time in ms from each operation to the next.
    """
    rng = np.random.default_rng(seed)
    if orthogonal and contents < cues:
        raise ValueError(f"full: {cues} orthogonal contents need as many bits, given {contents}.")
    if orthogonal:
        own = contents // cues
        stored = [frozenset(group.tolist()) for group in rng.permutation(contents)[: own * cues].reshape(cues, own)]
    else:
        stored = [bits(rng, contents, density) for _ in range(cues)]
    operations = [learn(cue, content) for cue, content in enumerate(stored)]
    operations += [recall(cue) for cue in range(cues)]
    operations += [recall(content=part(rng, content, fragment)) for content in stored]
    return spaced(cues, contents, operations, spacing, spacing)
