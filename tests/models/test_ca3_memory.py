"""The memories of CA3 against the published spike trains, and every neuron against the machine's rules written out in NumPy.

D. Casanueva-Morato et al., Neural Networks, 106474 (2024), and IEEE Trans. Emerg. Top. Comput. (2024).
"""

import collections
import math

import numpy as np
import pytest

from models.ca3_memory import cam
from models.ca3_memory.neuromorphic import spikes_by_time
from models.ca3_memory.operations import recall

# -- the machine, written out -------------------------------------------------------------------------------------------------

LIF = {"A": (0.27, 3.0, -57.0), "B": (0.14, 0.5, -57.0), "C": (0.27, 3.0, -57.5), "decoder": (0.14, 0.5, -57.5)}


def machine(populations, projections, inputs, duration):
    """Spikes of all neurons by time: ``populations`` name size and kind, ``projections`` pre, post, weights (pre x post), delay, plastic."""
    state = {name: dict(V=np.full(n, -60.0), I=np.zeros(n), held=np.zeros(n, bool)) for name, (n, _) in populations.items()}
    arriving = collections.defaultdict(float)
    weights = [np.array(p[2], float) for p in projections]
    x = [np.zeros(w.shape[0]) for w in weights]
    y = [np.zeros(w.shape[1]) for w in weights]
    fired = {name: collections.defaultdict(set) for name in (*populations, *inputs)}
    now = lambda name, t: np.isin(np.arange(size(name)), list(fired[name].get(t, ())))
    size = lambda name: populations[name][0] if name in populations else inputs[name][0]
    for name, (_, spikes) in inputs.items():
        fired[name].update({t: set(those) for t, those in spikes.items()})
    for t in range(duration):
        for name, (_, kind) in populations.items():
            C, tau, threshold = LIF[kind]
            s = state[name]
            s["I"] = s["I"] + arriving.pop((name, t), 0.0) * 0.3 * (1 - math.exp(-1 / 0.3))
            V_inf = -60 + s["I"] * tau / C
            V = V_inf - (V_inf - s["V"]) * math.exp(-1 / tau)
            spike = (threshold <= V) & ~s["held"]
            s["V"] = np.where(s["held"], s["V"], np.where(spike, -60.0, V))
            s["held"] = spike
            s["I"] = s["I"] * math.exp(-1 / 0.3)
            if spike.any():
                fired[name][t] = set(np.flatnonzero(spike).tolist())
        for k, (pre, post, _, delay, plastic) in enumerate(projections):
            sent = now(pre, t)
            if plastic:
                x[k], y[k], late = x[k] * math.exp(-1 / 3), y[k] * math.exp(-1 / 3), now(post, t - 1)
                weights[k][:, late] = np.minimum(6, weights[k][:, late] + 6 * x[k][:, None])
                y[k] = y[k] + late
                weights[k][sent] = np.maximum(0, weights[k][sent] - 6 * y[k])
                x[k] = x[k] + sent
            arriving[post, t + delay] = arriving[post, t + delay] + sent.astype(float) @ weights[k]
    return {name: dict(spikes) for name, spikes in fired.items()}


def cam_on_the_machine(program):
    """The content-addressable memory."""
    n, m = program.cues, program.contents
    populations = dict(
        cue=(n, "A"), content=(m, "A"), gate=(m, "B"), gate_interneuron=(1, "B"), match=(n, "B"), fragment=(m, "A"),
        merge_cue=(n, "A"), merge_content=(m, "A"), OUT_cue=(n, "C"), OUT_content=(m, "C"),
    )  # fmt: skip
    others = -6.0 * m * (1 - np.eye(n))
    projections = [
        ("IN_cue", "cue", 6 * np.eye(n), 1, False),
        ("IN_content", "content", 6 * np.eye(m), 1, False),
        ("cue", "match", 6 * np.eye(n), 2, False),
        ("cue", "match", others, 3, False),
        ("content", "gate", 9 * np.eye(m), 1, False),
        ("cue", "gate", np.full((n, m), -6.0), 2, False),
        ("content", "gate_interneuron", np.full((m, 1), 6.0), 1, False),
        ("gate_interneuron", "gate", np.full((1, m), 2.0), 1, False),
        ("gate", "fragment", 6 * np.eye(m), 1, False),
        ("cue", "content", np.zeros((n, m)), 1, True),
        ("fragment", "match", np.zeros((m, n)), 1, True),
        ("match", "match", others, 2, False),
        ("cue", "merge_cue", 6 * np.eye(n), 3, False),
        ("match", "merge_cue", 6 * np.eye(n), 1, False),
        ("content", "merge_content", 6 * np.eye(m), 3, False),
        ("fragment", "merge_content", 6 * np.eye(m), 1, False),
        ("merge_cue", "OUT_cue", 6 * np.eye(n), 1, False),
        ("merge_content", "OUT_content", 6 * np.eye(m), 1, False),
    ]
    cue, content = program.inputs()
    return machine(populations, projections, dict(IN_cue=(n, cue), IN_content=(m, content)), program.duration)


def trains(rec):
    return {name: spikes_by_time(train) for name, train in rec.spikes.items()}


EVERYONE = [
    f"{name}.spikes"
    for name in (
        "IN_cue", "IN_content", "cue", "content", "gate", "gate_interneuron", "match", "fragment", "merge_cue", "merge_content",
        "OUT_cue", "OUT_content",
    )
]  # fmt: skip


# -- the content-addressable memory ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def functional():
    return trains(cam.experiment("functional", record=EVERYONE)[0])


def test_functional_test_of_the_paper(functional):
    cue = {5: 0, 7: 0, 15: 4, 17: 4, 25: 3, 27: 3, 35: 0, 46: (3, 4), 56: (0, 3), 65: 3, 67: 3, 75: 3, 86: 4}
    content = {
        5: (0, 1, 8, 9), 7: (0, 1, 8, 9), 15: (1, 5, 6), 17: (1, 5, 6), 25: (4, 5, 6), 27: (4, 5, 6), 36: (0, 1, 8, 9), 45: 6,
        55: (0, 4), 65: (1, 3, 4, 8), 66: (5, 6), 67: (1, 3, 4, 8), 76: (1, 3, 4, 8), 85: 6,
    }  # fmt: skip
    as_sets = lambda table: {t: set(np.atleast_1d(those).tolist()) for t, those in table.items()}
    assert functional["OUT_cue"] == as_sets(cue)
    assert functional["OUT_content"] == as_sets(content)


@pytest.mark.parametrize(
    ("name", "first", "last", "expected"),
    [
        # the first learning
        ("cue", 0, 10, {1: {0}, 3: {0}}),
        ("content", 0, 10, {1: {0, 1, 8, 9}, 3: {0, 1, 8, 9}}),
        ("gate", 0, 10, {2: {0, 1, 8, 9}, 4: {0, 1, 8, 9}}),
        ("gate_interneuron", 0, 10, {2: {0}, 4: {0}}),
        ("match", 0, 10, {3: {0}, 5: {0}}),
        ("fragment", 0, 10, {3: {0, 1, 8, 9}, 5: {0, 1, 8, 9}}),
        ("merge_cue", 0, 10, {4: {0}, 6: {0}}),
        ("merge_content", 0, 10, {4: {0, 1, 8, 9}, 6: {0, 1, 8, 9}}),
        # learning anew: the old content shows once
        ("content", 62, 63, {62: {5, 6}}),
        ("gate", 63, 64, {63: {5, 6}}),
        ("fragment", 64, 65, {64: {5, 6}}),
        ("merge_content", 65, 66, {65: {5, 6}}),
        # recall by cue
        ("cue", 30, 40, {31: {0}}),
        ("content", 30, 40, {32: {0, 1, 8, 9}}),
        ("gate", 30, 40, {}),
        ("gate_interneuron", 30, 40, {33: {0}}),
        ("match", 30, 40, {33: {0}}),
        ("merge_cue", 30, 40, {34: {0}}),
        ("merge_content", 30, 40, {35: {0, 1, 8, 9}}),
        # recall by content
        ("content", 40, 50, {41: {6}}),
        ("gate", 40, 50, {42: {6}}),
        ("gate_interneuron", 40, 50, {42: {0}}),
        ("fragment", 40, 50, {43: {6}}),
        ("match", 40, 50, {44: {3, 4}}),
        ("merge_content", 40, 50, {44: {6}}),
        ("merge_cue", 40, 50, {45: {3, 4}}),
    ],
)
def test_inside_the_memory(functional, name, first, last, expected):
    assert {t: those for t, those in functional[name].items() if first <= t < last} == expected


def outputs_of(program):
    """What the outputs show at each time, of an ideal memory with the delays of this one."""
    cue, content, memory = collections.defaultdict(set), collections.defaultdict(set), {}
    for one, answer in zip(program.operations, program.answers()):
        if one.learns:
            for t in (one.at + 5, one.at + 7):
                cue[t].add(one.cue)
                content[t] |= one.content
            if forgotten := memory.get(one.cue, frozenset()) - one.content:
                content[one.at + 6] |= forgotten
            memory[one.cue] = one.content
        elif one.cue is not None:
            cue[one.at + 5].add(one.cue)
            content[one.at + 6] |= answer
        else:
            content[one.at + 5] |= one.content
            cue[one.at + 6] |= answer
    return {name: {t: those for t, those in spikes.items() if those} for name, spikes in (("OUT_cue", cue), ("OUT_content", content))}


@pytest.mark.parametrize("name", ["functional", "stress", "state_map"])
def test_every_spike_of_the_three_programs(name, request):
    program = cam.PROGRAMS[name]()
    found = request.getfixturevalue("functional") if name == "functional" else trains(cam.experiment(program, record=EVERYONE)[0])
    expected = cam_on_the_machine(program)
    for population, spikes in expected.items():
        assert found[population] == spikes, population
    for population, spikes in outputs_of(program).items():
        assert found[population] == spikes, population


def test_state_map_of_the_paper():
    program = cam.state_map()
    assert program.duration == 140 and [one.at for one in program.operations[16:]] == [112, 118, 124, 130]
    assert program.answers()[16:] == [{2, 6, 10, 12, 13, 14}, {3, 5, 11, 15}, {1, 7, 9}, {0, 4, 8}]
    assert sum(one.learns for one in program.operations) == 16


def test_size_is_that_of_the_paper():
    net = cam.build(program="functional")
    n, m = 5, 10
    inputs = ("IN_cue", "IN_content")
    assert sum(len(p) for name, p in net.populations.items() if name not in inputs) == 4 * n + 5 * m + 1
    plastic = [p for p in net.projections.values() if hasattr(p, "plasticity")]
    assert sum(p.n_synapses for p in plastic) == 2 * n * m


def test_what_cannot_be_asked():
    with pytest.raises(ValueError, match="'state_map'"):
        cam.build(program="chess")
    with pytest.raises(ValueError, match="by cue or by content"):
        recall()
    with pytest.raises(ValueError, match="by cue or by content"):
        recall(1, {2})
