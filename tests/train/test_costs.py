"""Synaptic operations, counted by hand."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


@pytest.fixture(scope="module")
def net():
    """An image, a convolution whose border has fewer neighbours, and three readouts of two synapses each."""
    net = bs.nn.Sequential((4, 4, 1), bs.nn.Conv(2), bs.nn.LIF())
    net.out = bs.nn.LeakyIntegrator(3)
    net.out.add_receptors(input=bs.receptors.Delta())
    wiring = bs.FromArrays([0, 0, 0, 5, 5, 31], [0, 1, 2, 0, 1, 2])
    net.connect(net.output, net.out, wiring, receptor="input", weight=1 * u.mV, name="last")
    return net


def test_operations_are_those_that_spikes_reach(net):
    inputs, spikes = np.zeros((2, 5, 16)), np.zeros((2, 5, 32))
    inputs[:, :2] = 1.0  # 40 % of all
    spikes[0, [0, 3], 0] = 1.0  # neuron 0 has three synapses, 5 two, 31 one, others none
    spikes[1, 2, [5, 31, 7]] = 1.0
    found = bs.train.costs(net, {"input.spikes": inputs, "output.spikes": spikes})
    assert (found.steps, found.examples) == (5, 2)
    read, layer = found["last"], found["input->output"]
    assert (read.operations, read.dense) == (3 + 3 + 2 + 1, 6 * 10)
    assert read.density == pytest.approx(5 / 320)
    # 10 rows of 3 neighbours less 2 at the border, squared; two features; ten steps
    assert layer.dense == 10**2 * 2 * 10
    assert layer.operations == pytest.approx(0.4 * layer.dense)
    assert float(read.energy / u.joule) == pytest.approx(9 * 0.9e-12)
    assert float(layer.dense_energy / u.joule) == pytest.approx(2000 * 4.6e-12)
    assert found.operations == pytest.approx(9 + 800)
    width = jnp.zeros(0).dtype.itemsize
    # 9 times a sum is read and written, of one weight for all; 18 weights of the kernel, inputs and outputs
    assert read.memory == 9 * 2 * width and read.dense_memory == (32 + 3) * 10 * width
    assert layer.memory == pytest.approx(800 * 3 * width)
    assert layer.dense_memory == (3 * 3 * 2 + 16 + 32) * 10 * width
    assert str(found).splitlines()[-1].split()[:2] == ["all", "809"]


def test_a_recording_counts_as_the_arrays_do(net):
    x = (np.random.default_rng(0).random((20, 16)) < 0.5).astype(float)
    net.reset()
    record = ["input.spikes", "output.spikes"]
    rec = bs.simulate(net, 20 * u.ms, dt=1 * u.ms, record=record, inputs={"input.input": x})
    arrays = {}
    for path in record:
        train = rec.spikes[path.removesuffix(".spikes")]
        arrays[path] = np.zeros((20, train.n))
        arrays[path][train.steps - 1, train.indices] = 1
    assert bs.train.costs(net, rec) == bs.train.costs(net, arrays)
    assert bs.train.costs(net, rec)["input->output"].density == pytest.approx(np.mean(x))


def test_graded_signals_multiply():
    net = bs.Network()
    net.a, net.b = bs.masses.WilsonCowan(2), bs.masses.WilsonCowan(3)
    into = bs.receptors.Graded()
    net.b.add_receptors(coupling=into)
    net.connect(net.a, net.b, bs.AllToAll(), receptor="coupling", signal="E", weight=1.0)
    found = bs.train.costs(net, {"a.E": np.ones((10, 2))})
    assert found["a->b"].operations == 60 and float(found.energy / u.joule) == pytest.approx(60 * 4.6e-12)


def test_what_does_not_fit_is_refused(net):
    with pytest.raises(bs.UnknownNameError, match=r"nothing of input.spikes, output.spikes, given hidden.spikes"):
        bs.train.costs(net, {"hidden.spikes": np.ones((3, 2))})
    with pytest.raises(ValueError, match=r"output.spikes has shape \(5, 31\)"):
        bs.train.costs(net, {"output.spikes": np.ones((5, 31))})
    with pytest.raises(ValueError, match="different runs"):
        bs.train.costs(net, {"output.spikes": np.ones((5, 32)), "input.spikes": np.ones((6, 16))})
