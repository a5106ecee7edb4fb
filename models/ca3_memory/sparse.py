"""Dentate gyrus, CA3 and CA1: a memory whose cues are addressed by a binary code.

The dentate gyrus makes a code sparse: each of its neurons answers to one combination of the input lines, by excitation
from the lines that are 1 in its number, inhibition from those that are 0, and competition. CA3 stores contents on
plastic synapses from one neuron per cue, as on the cue's path of :mod:`~models.ca3_memory.cam`; learning anew forgets.
CA1 gives the code back. Cue j has the number j + 1, since the silent code 0 says nothing.

With k ones the excitation of each line is 1 / k of what it takes, so a neuron is misled by a missing line where k is
above 14.

    brainsim run models/ca3_memory/sparse.py --plot sparse.png
    python -m models.ca3_memory.sparse

References
----------
D. Casanueva-Morato, A. Ayuso-Martinez, J. P. Dominguez-Morales, A. Jimenez-Fernandez, G. Jimenez-Moreno, IEEE Trans.
Emerg. Top. Comput. (2024), arXiv:2206.04924; the variant with spiking dentate gyrus and CA1.
"""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs
from models.ca3_memory.neuromorphic import DT, STRONG, delay, learning, neurons, others, spikes_at, spikes_by_time
from models.ca3_memory.operations import Program, learn, recall

LEARNING, RECALLING = 7, 5  # ms from one operation to the next, at least
DURATION = 45.0 * u.ms
OUTPUTS = ["OUT_code.spikes", "OUT_content.spikes"]
RECORD = [
    f"{name}.spikes"
    for name in ("IN_code", "IN_content", "DG", "CA3_cue", "CA3_content", "CA1", "OUT_code", "OUT_content")
]


def functional() -> Program:
    """Two memories, recalled; one of them learned anew and recalled."""
    operations = (
        learn(4, {0, 1, 8, 9}, at=0),
        learn(2, {1, 5, 6}, at=7),
        recall(4, at=14),
        recall(2, at=19),
        learn(4, {3, 7}, at=24),
        recall(4, at=31),
    )
    return Program(5, 10, operations, 45)


def codes(cues: int) -> np.ndarray:
    """The binary code of each cue: ``codes[j, b]`` is bit b of j + 1."""
    numbers = np.arange(1, cues + 1)
    return numbers[:, None] >> np.arange(int(cues).bit_length()) & 1


def lines(code: np.ndarray, spikes: dict[int, set]) -> dict[int, set]:
    """Spikes of cues as spikes of the lines of their codes."""
    return {t: {int(line) for cue in cues for line in np.flatnonzero(code[cue])} for t, cues in spikes.items()}


def build(seed: int = 0, *, program: Program | None = None) -> bs.Network:
    """The memory, and the operations that it will be asked for; to be run with steps of 1 ms.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    program : Program, optional
        What is asked, and with it the size; by default :func:`functional`. This memory is recalled by cue.

    Returns
    -------
    Network
        With inputs ``IN_code`` and ``IN_content``, ``DG``, ``CA3_cue`` -> ``CA3_content``, ``CA1``, and outputs
        ``OUT_code`` and ``OUT_content``.
    """
    program = functional() if program is None else program
    if any(one.cue is None for one in program.operations):
        raise ValueError(
            "program: this memory is recalled by cue alone; models.ca3_memory.cam is recalled by content too."
        )
    code, contents, (cue_spikes, content_spikes) = codes(program.cues), program.contents, program.inputs()
    net = bs.Network(seed=seed)
    net.IN_code = spikes_at(code.shape[1], lines(code, cue_spikes))
    net.IN_content = spikes_at(contents, content_spikes)
    net.DG = neurons(program.cues, "decoder")
    net.CA3_cue = neurons(program.cues, "A")
    net.CA3_content = neurons(contents, "C")
    net.CA1 = neurons(code.shape[1], "C")
    net.OUT_code = neurons(code.shape[1], "C")
    net.OUT_content = neurons(contents, "C")

    one = bs.OneToOne()

    def wire(pre, post, rule, weight, milliseconds, **options):
        net.connect(pre, post, rule, receptor="syn", weight=weight, delay=delay(milliseconds), **options)

    decoding = np.where(code, 3.0 / code.sum(1, keepdims=True), -3.0).T  # lines x neurons
    wire(net.IN_code, net.DG, bs.AllToAll(), decoding * u.nA, 1)
    wire(net.DG, net.DG, others(program.cues), -2.5 * u.nA, 1)
    wire(net.DG, net.CA3_cue, one, STRONG, 1)
    wire(net.IN_content, net.CA3_content, one, STRONG, 2)
    wire(net.CA3_cue, net.CA3_content, bs.AllToAll(), 0.0 * u.nA, 1, plasticity=learning())
    wire(net.CA3_cue, net.CA1, bs.FromArrays(*np.nonzero(code)), STRONG, 1)
    wire(net.CA1, net.OUT_code, one, STRONG, 1)
    wire(net.CA3_content, net.OUT_content, one, STRONG, 2)
    return net


def experiment(program: Program | None = None, record=RECORD) -> tuple[bs.Recording, list[set | None]]:
    """Run a program; returns the recording and the content that each recall gave (None for learning)."""
    program = functional() if program is None else program
    rec = bs.simulate(build(program=program), program.duration * u.ms, dt=DT, record=record, progress=False)
    return rec, answers(program, rec)


def answers(program: Program, rec: bs.Recording) -> list[set | None]:
    """The content at the output 5 ms after each recall."""
    content = spikes_by_time(rec.spikes["OUT_content"])
    return [None if one.learns else content.get(one.at + 5, set()) for one in program.operations]


def main() -> None:
    """Print questions and answers."""
    program = functional()
    _, given = experiment(program)
    for one, answer in zip(program.operations, given):
        asked = (
            f"learn  cue {one.cue} content {sorted(one.content)}"
            if one.learns
            else f"recall cue {one.cue} -> {sorted(answer)}"
        )
        print(f"{one.at:4} ms {asked}")


if __name__ == "__main__":
    main()
