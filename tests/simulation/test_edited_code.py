"""What a model reads from outside is part of its program: an edited function or a changed number counts at once."""

import functools
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split
from brainsim.simulation import engine

GAIN = 100.0
TABLE = np.array([1.0, 2.0])
SETTINGS = {"gain": 1.0, "names": ["a"]}


class Held:
    gain = 1.0

    def __init__(self):
        self.own = 1.0


class Slotted:
    __slots__ = ("own",)

    def __init__(self):
        self.own = 1.0


HELD, SLOTTED, CONFIG = Held(), Slotted(), types.ModuleType("config_of_a_user")
CONFIG.gain, CONFIG.unused = 1.0, 0.0
exec("def scaled(x): return x * gain", CONFIG.__dict__)


def helper(x=1.0):
    return x * GAIN


@jax.jit
def jitted(x):
    return x * GAIN


def body(_, x):
    return x + GAIN


HALF = functools.partial(helper, 0.5)


def drive(read):
    """A stimulus whose current is what ``read`` reads, and a cell that it drives."""

    class Drive(bs.stimuli.Stimulus):
        constant = 1.0

        def value(self, clock):
            return read(self)

    net = bs.Network()
    net.c = bs.neurons.LIF(1, R=100 * u.Mohm, V_th=0 * u.mV, tau=20 * u.ms)
    net.c.add_stimuli(s=Drive())
    return net, Drive


@pytest.fixture
def as_before(monkeypatch):
    """Whatever a test changes is changed back."""
    yield monkeypatch
    TABLE[:], SETTINGS["gain"], HELD.own, SLOTTED.own = (1.0, 2.0), 1.0, 1.0, 1.0
    helper.__defaults__ = (1.0,)


def set_global(name, value):
    return lambda patch, kind: patch.setitem(globals(), name, value)


CELL = [1.0]
EDITS = {
    "a global": (lambda self: GAIN, set_global("GAIN", 2.0)),
    "the type of a number": (lambda self: GAIN, set_global("GAIN", np.float32(100.0))),
    "a global of a helper": (lambda self: helper(), set_global("GAIN", 2.0)),
    "a helper that was edited": (lambda self: helper(), set_global("helper", lambda: 3.0)),
    "a default": (lambda self: helper(), lambda *_: setattr(helper, "__defaults__", (2.0,))),
    "a global of a helper with its own jit": (lambda self: jitted(1.0), set_global("GAIN", 2.0)),
    "a global of the body of a loop": (lambda self: jax.lax.fori_loop(0, 2, body, 0.0), set_global("GAIN", 2.0)),
    "a global inside vmap": (lambda self: jax.vmap(helper)(jnp.ones(1))[0], set_global("GAIN", 2.0)),
    "a global inside partial": (lambda self: HALF(), set_global("GAIN", 2.0)),
    "what partial holds": (lambda self: HALF(), set_global("HALF", functools.partial(helper, 2.0))),
    "an array in place": (lambda self: TABLE[0], lambda *_: TABLE.__setitem__(0, 5.0)),
    "a dictionary in place": (lambda self: SETTINGS["gain"], lambda *_: SETTINGS.update(gain=5.0)),
    "an attribute of another class": (lambda self: Held.gain, lambda patch, kind: patch.setattr(Held, "gain", 2.0)),
    "an attribute of an object": (lambda self: HELD.own, lambda *_: setattr(HELD, "own", 2.0)),
    "a slot of an object": (lambda self: SLOTTED.own, lambda *_: setattr(SLOTTED, "own", 2.0)),
    "a closure": ((lambda cell: lambda self: cell[0])(CELL), lambda *_: CELL.__setitem__(0, CELL[0] + 1)),
    "an attribute of the class": (lambda self: self.constant, lambda patch, kind: setattr(kind, "constant", 2.0)),
    "a method": (lambda self: 1.0, lambda patch, kind: setattr(kind, "value", lambda self, clock: 2.0)),
    "a module": (lambda self: CONFIG.gain, lambda patch, kind: patch.setattr(CONFIG, "gain", 2.0)),
    "a function of a module": (lambda self: CONFIG.scaled(1.0), lambda patch, kind: patch.setattr(CONFIG, "gain", 2.0)),
    "a method of brainsim": (
        lambda self: 1.0,
        lambda patch, kind: patch.setattr(bs.neurons.LIF, "derivative", lambda self, t, V, I: 0 * V / self.tau),
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_makes_another_program(what, as_before):
    read, edit = EDITS[what]
    net, kind = drive(read)
    before = split(net)[0]
    assert before == split(net)[0] and hash(before) == hash(split(net)[0])
    edit(as_before, kind)
    after = split(net)[0]
    assert after != before and before.current() == after
    assert split(net)[0] == after


def test_what_is_changed_back_gives_the_program_back(as_before):
    net, _ = drive(lambda self: GAIN)
    before = split(net)[0]
    as_before.setitem(globals(), "GAIN", 2.0)
    between = split(net)[0]
    as_before.setitem(globals(), "GAIN", 100.0)
    assert split(net)[0] == before != between


def test_what_is_not_read_does_not_matter(as_before):
    net, _ = drive(lambda self: CONFIG.gain)
    before = split(net)[0]
    as_before.setitem(globals(), "GAIN", 2.0)
    as_before.setattr(CONFIG, "unused", 2.0)
    assert split(net)[0] == before


def test_functions_that_components_hold_are_read_too(as_before):
    net = bs.Network()
    net.c = bs.neurons.LIF(1)
    net.reward = bs.modulators.Schedule(lambda t: GAIN)
    before = split(net)[0]
    as_before.setitem(globals(), "GAIN", 2.0)
    assert split(net)[0] != before


def test_a_network_of_brainsims_own_classes_reads_nothing():
    net = bs.Network()
    net.c = bs.neurons.LIF(1, surrogate=bs.surrogate.FastSigmoid())
    net.c.add_receptors(ampa=bs.receptors.AMPA())
    assert not split(net)[0].reads.contents


def test_packages_of_another_installation_are_no_code_of_the_user_s(tmp_path):
    """Where JAX stands outside this Python's own folders, as with PYTHONPATH or a link."""
    (tmp_path / "things").symlink_to(Path(jax.__file__).parents[1], target_is_directory=True)
    code = """
import brainsim as bs
from brainsim._core import split
net = bs.Network()
net.c = bs.neurons.LIF(1)
print(len(split(net)[0].reads.contents))
"""
    places = [str(Path(bs.__file__).parents[1]), str(tmp_path / "things")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["0"], done.stderr[-500:]


def final(net, V="c.V"):
    """V after 200 ms, in mV, by each way to run."""
    net.reset()
    run = bs.function(net, 200 * u.ms, record=V)
    swept = bs.sweep(net, {"c.tau": [20.0] * u.ms}, 200 * u.ms, record=V)
    return run, swept[0][V][-1, 0] / u.mV, bs.simulate(net, 200 * u.ms, record=V)[V][-1, 0] / u.mV


def test_each_way_to_run_follows_an_edit(as_before):
    """R I = 10 mV above E_L = -60 mV for 100 pA, 20 mV for 200 pA; after ten time constants."""
    net, _ = drive(lambda self: jitted(1.0))
    run, *results = final(net)
    right = -60 + 10 * (1 - np.exp(-10))
    np.testing.assert_allclose([*results, run({}, {})[1]["c.V"][-1, 0]], right, rtol=1e-5)
    as_before.setitem(globals(), "GAIN", 200.0)
    _, *results = final(net)
    right = -60 + 20 * (1 - np.exp(-10))
    np.testing.assert_allclose([*results, run({}, {})[1]["c.V"][-1, 0]], right, rtol=1e-5)


def test_what_tracing_itself_changes_is_no_edit():
    calls = []

    class Drive(bs.stimuli.Stimulus):
        def value(self, clock):
            calls.append(clock)
            return 100.0

    net = bs.Network()
    net.c = bs.neurons.LIF(1)
    net.c.add_stimuli(s=Drive())
    bs.simulate(net, 1 * u.ms)
    traced, compiled = len(calls), engine.run_chunk._cache_size()
    bs.simulate(net, 1 * u.ms)
    assert traced and len(calls) == traced and engine.run_chunk._cache_size() == compiled


def test_a_structure_sees_an_edit_however_often_it_is_asked(monkeypatch):
    """It keeps watch on what it has read, and only as long as that is what it was compiled for."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    structure, *_ = split(net)
    assert structure.current() is structure is structure.current()
    own = bs.neurons.LIF.derivative
    monkeypatch.setattr(bs.neurons.LIF, "derivative", lambda self, t, V, I: 2 * own(self, t, V, I))
    assert structure.current() is not structure
    assert structure.current() is not structure
    monkeypatch.undo()
    assert structure.current() is structure
    net.E.method.__dict__["mine"] = lambda: 3  # of an object that a step uses
    assert structure.current() is not structure
    del net.E.method.__dict__["mine"]
    assert structure.current() is structure


def test_brainsim_behind_a_link_is_no_code_of_the_user_s(tmp_path):
    (tmp_path / "linked").symlink_to(Path(bs.__file__).parent)
    spec = importlib.util.spec_from_file_location("outside_linked", tmp_path / "linked" / "_core" / "outside.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for form in (tmp_path / "linked", Path(bs.__file__).resolve().parent):
        assert f"{form}/neurons/lif.py".startswith(module.INSTALLED)


INNER = None


class Edited(bs.stimuli.Stimulus):
    gain = 1.0

    def value(self, clock):
        return self.gain


class Looks(bs.stimuli.Stimulus):
    def value(self, clock):
        return float(len(INNER.paths))


def test_a_structure_that_is_held_is_what_its_classes_read_and_not_what_it_remembers(monkeypatch):
    def driven(stimulus):
        net = bs.Network()
        net.E = bs.neurons.LIF(1)
        net.E.add_stimuli(s=stimulus)
        return net

    inner, outer = driven(Edited()), driven(Looks())
    monkeypatch.setitem(globals(), "INNER", split(inner)[0])
    before = split(outer)[0].reads
    INNER.programs["x"] = [{"remembered": k} for k in range(3)]
    assert split(outer)[0].reads is before
    monkeypatch.setattr(Edited, "gain", 2.0)
    assert split(outer)[0].reads is not before
