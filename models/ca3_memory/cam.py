"""Content-addressable memory of CA3: cues and contents that recall each other, in spiking neurons, exactly to the
millisecond.

Each cue has a neuron, each bit of a content too. Two pathways of plastic all-to-all synapses store what belongs
together. On the path of recall by cue (``cue`` -> ``content``) a cue calls up its content; on the path of recall by
content (``fragment`` -> ``match``) any bits call up every cue whose content has one of them. A gate, with its
interneuron, lets content through to the second path only where no cue suppresses it. Learning needs three milliseconds
in which cue and content fire together: the first pairing builds the synapses, and spikes of a cue without the bits of
its old content take those synapses down, so learning anew forgets.

    brainsim run models/ca3_memory/cam.py --plot cam.png
    brainsim run models/ca3_memory/cam.py --arg program=state_map --duration 140ms --plot map.png
    python -m models.ca3_memory.cam

References
----------
D. Casanueva-Morato, A. Ayuso-Martinez, J. P. Dominguez-Morales, A. Jimenez-Fernandez, G. Jimenez-Moreno, Neural
Networks, 106474 (2024), arXiv:2310.05868.
"""

from __future__ import annotations

import brainunit as u

import brainsim as bs
from models.ca3_memory.neuromorphic import DT, STRONG, delay, learning, neurons, others, spikes_at, spikes_by_time
from models.ca3_memory.operations import Program, learn, recall, spaced, wrong
from models.progress import track

LEARNING, RECALLING = 7, 6  # ms from one operation to the next, at least


def functional() -> Program:
    """The functional test of the paper: three memories, recalled by cue and by fragments, one of them learned anew."""
    operations = (
        learn(0, {0, 1, 8, 9}, at=0),
        learn(4, {1, 5, 6}, at=10),
        learn(3, {4, 5, 6}, at=20),
        recall(0, at=30),
        recall(content={6}, at=40),
        recall(content={0, 4}, at=50),
        learn(3, {1, 3, 4, 8}, at=60),
        recall(3, at=70),
        recall(content={6}, at=80),
    )
    return Program(5, 10, operations, 90)


def stress() -> Program:
    """The stress test of the paper: five cues learn a pattern and its complement in turn, all recalled after each,
    twice over.
    """
    patterns = [{bit for bit in range(10) if (k + 1) >> bit & 1} for k in range(5)]
    complements = [set(range(10)) - pattern for pattern in patterns]
    recalls = [recall(cue) for cue in range(5)]
    block = []
    for contents in (patterns, complements, patterns):
        block += [learn(cue, content) for cue, content in enumerate(contents)] + recalls
    return spaced(5, 10, block * 2, 14, 14, start=1)._replace(duration=851)


def state_map() -> Program:
    """The application of the paper: a map of 4 x 4 cells, each with one of six states; which cells are in these states?"""
    states = [0, 5, 1, 3, 0, 3, 4, 5, 0, 5, 4, 3, 2, 4, 4, 3]
    operations = [learn(cell, {state}, at=LEARNING * cell) for cell, state in enumerate(states)]
    probes = ({1, 2, 4}, {3}, {5}, {0})
    operations += [recall(content=states, at=LEARNING * 16 + RECALLING * k) for k, states in enumerate(probes)]
    return Program(16, 6, tuple(operations), 140)


def before_and_after() -> Program:
    """Questions before anything is stored, after it, and after one cue has learned anew; two contents overlap, one is
    orthogonal.
    """
    stored = ({0, 1, 2, 3}, {2, 3, 4, 5}, {8, 9, 10, 11})
    questions = [*[recall(cue) for cue in range(3)], *[recall(content={bit}) for bit in (1, 3, 9)]]
    learned = [learn(cue, content) for cue, content in enumerate(stored)]
    return spaced(3, 12, [*questions, *learned, *questions, learn(0, {6, 7, 9}), *questions], 14, 14)


PROGRAMS = {"before_and_after": before_and_after, "functional": functional, "stress": stress, "state_map": state_map}
DURATION = before_and_after().duration * u.ms
OUTPUTS = ["OUT_cue.spikes", "OUT_content.spikes"]
RECORD = [
    f"{name}.spikes"
    for name in ("IN_cue", "IN_content", "OUT_cue", "OUT_content", "cue", "content", "gate", "fragment", "match")
]


def build(seed: int = 0, *, program: str | Program = "before_and_after") -> bs.Network:
    """The memory, and the operations that it will be asked for; to be run with steps of 1 ms.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    program : {"before_and_after", "functional", "stress", "state_map"} or Program
        What is asked, and with it the size; the last three are those of the paper.

    Returns
    -------
    Network
        With inputs ``IN_cue`` and ``IN_content``, outputs ``OUT_cue`` and ``OUT_content``, the two pathways ``cue`` ->
        ``content`` and ``fragment`` -> ``match``, the ``gate`` between them with its ``gate_interneuron``, and
        ``merge_cue`` and ``merge_content``.
    """
    program = named(program)
    cues, contents, (cue_spikes, content_spikes) = program.cues, program.contents, program.inputs()
    net = bs.Network(seed=seed)
    net.IN_cue = spikes_at(cues, cue_spikes)
    net.IN_content = spikes_at(contents, content_spikes)
    net.cue = neurons(cues, "A")
    net.content = neurons(contents, "A")
    net.gate = neurons(contents, "B")
    net.gate_interneuron = neurons(1, "B")
    net.match = neurons(cues, "B")
    net.fragment = neurons(contents, "A")
    net.merge_cue = neurons(cues, "A")
    net.merge_content = neurons(contents, "A")
    net.OUT_cue = neurons(cues, "C")
    net.OUT_content = neurons(contents, "C")

    one, everyone = bs.OneToOne(), bs.AllToAll()

    def wire(pre, post, rule, weight, milliseconds, **options):
        net.connect(pre, post, rule, receptor="syn", weight=weight, delay=delay(milliseconds), **options)

    # recall by cue
    wire(net.IN_cue, net.cue, one, STRONG, 1)
    wire(net.IN_content, net.content, one, STRONG, 1)
    wire(net.cue, net.content, everyone, 0.0 * u.nA, 1, plasticity=learning())
    # the gate: content passes with the help of the interneuron, unless a cue is given
    wire(net.content, net.gate, one, 9.0 * u.nA, 1)
    wire(net.content, net.gate_interneuron, everyone, STRONG, 1)
    wire(net.gate_interneuron, net.gate, everyone, 2.0 * u.nA, 1)
    wire(net.cue, net.gate, everyone, -STRONG, 2)
    # recall by content; while learning, the cue that is given is the only one that may match
    wire(net.gate, net.fragment, one, STRONG, 1)
    wire(net.fragment, net.match, everyone, 0.0 * u.nA, 1, plasticity=learning())
    wire(net.cue, net.match, one, STRONG, 2, name="cue->match, its own")
    wire(net.cue, net.match, others(cues), -contents * STRONG, 3, name="cue->match, others")
    wire(net.match, net.match, others(cues), -contents * STRONG, 2)
    # both pathways together
    wire(net.cue, net.merge_cue, one, STRONG, 3)
    wire(net.match, net.merge_cue, one, STRONG, 1)
    wire(net.content, net.merge_content, one, STRONG, 3)
    wire(net.fragment, net.merge_content, one, STRONG, 1)
    wire(net.merge_cue, net.OUT_cue, one, STRONG, 1)
    wire(net.merge_content, net.OUT_content, one, STRONG, 1)
    return net


def named(program: str | Program) -> Program:
    """A program, or the one of that name."""
    if isinstance(program, Program):
        return program
    if program not in PROGRAMS:
        raise ValueError(f"program: accepted are a Program and {', '.join(map(repr, PROGRAMS))}, given {program!r}.")
    return PROGRAMS[program]()


def experiment(program: str | Program = "before_and_after", record=RECORD) -> tuple[bs.Recording, list[set | None]]:
    """Run a program; returns the recording and what the memory answered to each operation (None to learning)."""
    program = named(program)
    rec = bs.simulate(build(program=program), program.duration * u.ms, dt=DT, record=record, progress=False)
    return rec, answers(program, rec)


def answers(program: Program, rec: bs.Recording) -> list[set | None]:
    """What the outputs show 6 ms after each recall: content for a cue, cues for content."""
    cue, content = (spikes_by_time(rec.spikes[name]) for name in ("OUT_cue", "OUT_content"))
    return [
        None if one.learns else (cue if one.cue is None else content).get(one.at + 6, set())
        for one in program.operations
    ]


def plot(program: Program, rec: bs.Recording):
    """Rasters of what is asked and of what is answered, with the operations marked.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    names = {
        "IN_cue": "cue asked",
        "IN_content": "content asked",
        "OUT_cue": "cue answered",
        "OUT_content": "content answered",
    }
    sizes = [rec.spikes[name].n for name in names]
    figure, axes = pyplot.subplots(
        4,
        figsize=(9.0, 6.0),
        sharex=True,
        layout="constrained",
        gridspec_kw={"height_ratios": [max(size, 4) for size in sizes]},
    )
    for ax, (name, label) in zip(axes, names.items()):
        train = rec.spikes[name]
        bs.plot.raster(train.times, train.indices, ax, n=train.n, start=rec.start, stop=rec.stop, time_unit="ms")
        ax.set(ylabel=label, xlabel="")
        for one in program.operations:
            ax.axvspan(one.at, one.at + one.lasts + 6, color="C1" if one.learns else "0.5", alpha=0.15, linewidth=0)
    axes[-1].set_xlabel("time (ms); learning is shaded in orange, recall in grey")
    return figure


def main() -> None:
    """Print questions and answers of all programs."""
    for name in track(PROGRAMS, "program"):
        program = named(name)
        _, given = experiment(program)
        size = f"{program.cues} cues, {program.contents} bits, {len(program.operations)} operations"
        print(f"{name}: {size}, wrong of asked {wrong(program, given)}")
        for one, answer in zip(program.operations, given) if name != "stress" else ():
            what = "learn " if one.learns else "recall"
            asked = " ".join(
                ([f"cue {one.cue}"] if one.cue is not None else [])
                + ([f"content {sorted(one.content)}"] if one.content else [])
            )
            print(f"  {one.at:4} ms {what} {asked}" + ("" if answer is None else f" -> {sorted(answer)}"))


if __name__ == "__main__":
    main()
