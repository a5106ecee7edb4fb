"""What was asked for before is not read again; whatever changes what it means is seen."""

import contextlib
import copy

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split
from brainsim._core.watch import ClassWatch, Telling
from brainsim.simulation import asked, door

RECORD = ["E.V", "E.spikes", "E.tau", "F.V[1:]"]


def network():
    net = bs.Network()
    net.E = bs.neurons.LIF(3, R=100 * u.Mohm, V=[-60, -55, -50.1] * u.mV)
    net.F = bs.neurons.LIF(3, V=[-60, -58, -56] * u.mV)
    net.E.add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
    return net


def replaced(net):
    del net.F
    net.F = bs.neurons.LIF(5, V=[-60, -58, -56, -54, -52] * u.mV)


CHANGES = {
    "nothing": lambda net: {},
    "a parameter": lambda net: setattr(net.E, "tau", 10 * u.ms),
    "a parameter that becomes one for each": lambda net: setattr(net.E, "tau", [10, 20, 30] * u.ms),
    "a number of a part": lambda net: setattr(net.E.drive, "amplitude", [100, 200, 300] * u.pA),
    "items of a state": lambda net: net.E.V.__setitem__(0, -52 * u.mV),
    "the array of a variable": lambda net: vars(net.E)["V"].set_value(np.array([-51.0, -52.0, -53.0])),
    "a population of another size": replaced,
    "a population under another name": lambda net: setattr(net, "A", bs.neurons.LIF(2)),
    "a receptor": lambda net: net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms)),
    "the seed": lambda net: net.reset(seed=3),
    "another list of the same length": lambda net: {"record": ["E.V", "F.spikes", "E.tau", "F.V[1:]"]},
    "other elements": lambda net: {"record": ["E.V", "E.spikes", "E.tau", "F.V[:1]"]},
    "a duration": lambda net: {"duration": 3.0 * u.ms},
    "chunks": lambda net: {"chunk_steps": 2},
    "an interval": lambda net: {"sample_every": 0.5 * u.ms},
    "the length of a step": lambda net: {"dt": 0.2 * u.ms},
}


def run(net, duration=1.0 * u.ms, dt=0.1 * u.ms, record=RECORD, **options):
    return bs.simulate(net, duration, dt=dt, record=record, **options)


def assert_same(rec, other):
    assert rec.keys() == other.keys() and rec.spikes.keys() == other.spikes.keys()
    for label in rec:
        one, two = rec._of(label), other._of(label)
        np.testing.assert_array_equal(one.array, two.array)
        assert (one.unit, one.facts, one.path, one.array.dtype) == (two.unit, two.facts, two.path, two.array.dtype)
        np.testing.assert_array_equal(one.elements, two.elements)
    for name, train in rec.spikes.items():
        for what in ("steps", "indices", "units", "n", "times_ms"):
            np.testing.assert_array_equal(getattr(train, what), getattr(other.spikes[name], what))


@pytest.mark.parametrize("what", CHANGES)
def test_a_recording_is_what_it_is_without_a_memory(what):
    net = network()
    run(net)
    options = CHANGES[what](net) or {}
    fresh = copy.deepcopy(net)  # which has no memory
    assert fresh._aside.requests is None and net._aside.requests is not None
    assert_same(run(net, **options), run(fresh, **options))


def test_equal_requests_have_windows_of_their_own():
    net = network()
    for first in (0.0, 1.0, 2.0):
        record = {
            "E.V": bs.Record("E.V", start=(first + 0.5) * u.ms),
            "E.spikes": bs.Record("E.spikes", stop=(first + 0.7) * u.ms),
        }
        rec = run(net, record=record)
        np.testing.assert_allclose(rec.times_of("E.V").mantissa, first + 0.5 + 0.1 * np.arange(1, 6))
        assert rec.spikes["E"].times_ms[2] == pytest.approx(first + 0.7)


def test_an_edited_class_is_seen(monkeypatch):
    """Without a leak, V rises by R I dt / tau in a step, and stays where nothing drives it."""
    net = network()
    run(net)
    monkeypatch.setattr(bs.neurons.LIF, "derivative", lambda self, t, V, I: 0 * V / self.tau + self.R * I / self.tau)
    held = run(net, 0.2 * u.ms)["F.V[1:]"]
    np.testing.assert_array_equal(held[0].mantissa, held[1].mantissa)
    monkeypatch.undo()
    falling = run(net, 0.2 * u.ms)["F.V[1:]"]
    assert (falling[1] < falling[0]).all()


@pytest.mark.skipif(
    not jax.config.jax_enable_x64, reason="the other way makes arrays that are narrower than the process"
)
def test_another_precision_is_another_program():
    net = network()
    run(net)
    with jax.enable_x64(False):
        narrow = network()
        rec = run(narrow)
        rec = run(narrow)
    assert rec._of("E.V").array.dtype == np.float32
    assert run(net)._of("E.V").array.dtype == np.float64


def test_paths_are_read_once_and_functions_at_every_call(monkeypatch):
    read, parse = [], door.parse
    monkeypatch.setattr(door, "parse", lambda *arguments: read.append(1) or parse(*arguments))
    net = network()
    run(net)  # makes it ready, so that it is another structure
    del read[:]
    for _ in range(3):
        run(net)
    assert len(read) == 1
    for gain in (1, 2):
        rec = run(net, record={"x": lambda net: gain * net.E.V})  # noqa: B023
        assert rec["x"][-1, 0] == gain * net.E.V[0]
    assert len(read) == 3
    for k in range(asked.MOST + 1):
        door.enter(
            net, 1 * u.ms, dt=0.1 * u.ms, record=["E.V", f"E.V[:{k % 3 + 1}]", *["F.V"] * (k % 2)], sample_every=None
        )
    assert len(net._aside.requests[2]) <= asked.MOST


def test_numbers_that_recordings_share_cannot_be_written():
    net = network()
    elements = run(net).elements_of("F.V[1:]")
    with contextlib.suppress(ValueError):
        elements[0] = 7
    assert run(net).elements_of("F.V[1:]").tolist() == [1, 2]


# -- edits of classes ------------------------------------------------------------------------------------------------------


def test_classes_tell_when_they_are_edited():
    class Mine(bs.neurons.LIF):
        gain = 1.0

    class Other(bs.neurons.LIF):
        gain = 1.0

    assert isinstance(Mine, Telling)
    watch = ClassWatch([Mine, bs.neurons.LIF], [])
    assert watch.holds()
    Other.gain = 2.0
    assert watch.holds()  # that is nothing of them
    before = Mine.gain
    Mine.gain = 2.0
    assert not watch.holds()
    Mine.gain = before
    assert watch.holds()  # it is what it was
    del Mine.gain
    assert not watch.holds()


def test_other_classes_and_objects_are_looked_at():
    class Plain:
        gain = 1.0

    thing = Plain()
    thing.value = 1
    watch = ClassWatch([Plain], [vars(thing)])
    Plain.gain = 2.0
    assert not watch.holds()
    Plain.gain, watch = 1.0, ClassWatch([Plain], [vars(thing)])
    thing.value = 1.5
    assert not watch.holds()


def test_a_structure_is_the_same_object_until_something_changes():
    net = network()
    run(net)
    first = split(net)[0]
    run(net)
    assert split(net)[0] is first
