"""A second run reuses what the first has found out about the network; whatever was changed in between is seen."""

import copy
import dataclasses
import pickle

import brainunit as u
import jax
import jax.numpy as jnp
import pytest
from flax import errors, nnx

import brainsim as bs
from brainsim._core import split


@dataclasses.dataclass(unsafe_hash=True)
class Setting:
    value: float = 1.0


class Drive(bs.stimuli.Stimulus):
    def __init__(self):
        super().__init__()
        self.setting = Setting()

    def value(self, clock):
        return self.setting.value


class Other(bs.neurons.LIF):
    """The same under another name."""


def network(**values):
    net = bs.Network()
    net.E, net.F = bs.neurons.LIF(4, R=100 * u.Mohm, **values), bs.neurons.LIF(3)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms), rate=bs.receptors.Graded())
    net.E.add_stimuli(drive=Drive())
    net.connect(net.E, net.E, bs.FixedProbability(0.5), receptor="ampa", weight=1 * u.pA, delay=1 * u.ms)
    module = nnx.Sequential(nnx.Linear(4, 4, rngs=nnx.Rngs(0)), nnx.relu)
    net.connect(net.E, net.E, bs.paths.Layer(module), receptor="ampa", weight=1 * u.pA, name="layer")
    return net


def layer(net):
    return next(part for _, part in nnx.iter_graph(net["layer"]) if isinstance(part, nnx.Sequential))


CHANGES = {
    "nothing": lambda net: None,
    "a parameter": lambda net: setattr(net.E, "tau", 15 * u.ms),
    "a parameter that becomes one per neuron": lambda net: setattr(net.E, "tau", [1, 2, 3, 4] * u.ms),
    "a state": lambda net: setattr(net.E, "V", -55 * u.mV),
    "the array of a variable": lambda net: vars(net.E)["tau"].set_value(jnp.float32(15.0)),
    "what is trained": lambda net: net.E.trainable("tau"),
    "what is said of a variable": lambda net: vars(net.E)["tau"].set_metadata("note", "mine"),
    "a receptor": lambda net: net.E.add_receptors(gaba=bs.receptors.Exponential(tau=9 * u.ms)),
    "a stimulus": lambda net: net.E.add_stimuli(more=bs.stimuli.Constant(1 * u.pA)),
    "a population": lambda net: setattr(net, "G", bs.neurons.LIF(2)),
    "a population that is taken out": lambda net: delattr(net, "F"),
    "a projection": lambda net: net.connect(net.F, net.E, bs.AllToAll(), receptor="ampa", weight=1 * u.pA),
    "a fact": lambda net: net.E.fix(note="mine"),
    "the class": lambda net: setattr(net.E, "__class__", Other),
    "inside an attribute": lambda net: setattr(net.E.drive.setting, "value", 2.0),
    "a layer of a module": lambda net: layer(net).layers.append(nnx.relu),
    "a variable of a module": lambda net: setattr(layer(net).layers[0], "bias", nnx.Param(jnp.ones(4))),
    "the seed": lambda net: net.reset(seed=3),
    "the length of a step": lambda net: net.prepare(0.5),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_split_is_what_it_is_without_a_memory(what):
    net = network()
    net.prepare(0.1)
    before = split(net)
    assert split(net)[0] is before[0]  # it does remember
    CHANGES[what](net)
    structure, *arrays = split(net)
    net._aside.seen = None
    right, *expected = split(net)
    assert structure == right and [list(group) for group in arrays] == [list(group) for group in expected]
    for group, wanted in zip(arrays, expected):
        assert all(group[path] is wanted[path] for path in wanted)


# V of a cell with this time constant changes so slowly that its rounding is kept, in float64 too
SLOW, LIF = 1e12 * u.ms, bs.neurons.LIF
SLOWED = {
    "assigned": lambda net, patch: setattr(net.E, "tau", SLOW),
    "put there": lambda net, patch: vars(net.E)["tau"].set_value(jnp.asarray(SLOW / u.ms)),
    "by an edit": lambda net, patch: patch.setattr(
        LIF, "derivative", lambda self, t, V, I: 1e-12 * (self.E_L - V) / self.tau
    ),
}


@pytest.mark.parametrize("how", SLOWED)
def test_what_has_become_slow_between_two_runs_keeps_its_rounding(how, monkeypatch):
    net = bs.Network()
    net.E = LIF(1, tau=20 * u.ms)
    for _ in range(2):
        bs.simulate(net, 0.1 * u.ms)
    assert "E.V_rounding" not in split(net)[3]
    SLOWED[how](net, monkeypatch)
    bs.simulate(net, 0.1 * u.ms)
    assert "E.V_rounding" in split(net)[3]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), nnx.clone])
def test_a_copy_of_what_has_run_runs_on_its_own(copied):
    net = bs.Network()
    net.E = LIF(1, E_L=-50 * u.mV, V=-60 * u.mV, tau=20 * u.ms)
    bs.simulate(net, 0.1 * u.ms)
    V = net.E.V
    other = copied(net)
    assert other.E.V == V
    other.E.tau = 10 * u.ms
    bs.simulate(other, 0.1 * u.ms)
    assert net.E.V == V and net.E.tau == 20 * u.ms
    bs.simulate(net, 0.1 * u.ms)
    assert V < net.E.V < other.E.V


@pytest.mark.parametrize("transform", [jax.jit, jax.grad])
def test_a_run_inside_a_transformation_that_the_network_is_not_of_changes_nothing(transform):
    net = bs.Network()
    net.E = LIF(1, E_L=-50 * u.mV, V=-60 * u.mV)
    for _ in range(2):
        bs.simulate(net, 0.1 * u.ms)
    before = split(net)[3]

    def step(x):
        bs.simulate(net, 0.1 * u.ms)
        return x

    with pytest.raises(errors.TraceContextError):
        transform(step)(1.0)
    after = split(net)[3]
    assert all(after[path] is array for path, array in before.items()) and net.t == 0.2 * u.ms
