"""A stack is a network: its potentials are those of the equations written out, of its layers and of its batch."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import brainsim as bs

X = np.random.default_rng(0).random((12, 5))


def potentials(net, record, x=X):
    steps = len(x)
    rec = bs.simulate(net, steps * u.ms, dt=1 * u.ms, record=record, inputs={"input.input": x})
    return [np.asarray(rec[r].to_decimal(u.mV)) for r in record]


@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_equations_written_out(reset, recurrent):
    """snnTorch's Leaky and RLeaky, with the decay after the input: V = beta (V + W s)."""
    lif = bs.nn.LIF(tau=4 * u.ms, reset=reset, recurrent=recurrent)
    net = bs.nn.Sequential(
        5, bs.nn.Linear(7, gain=2.0), lif, bs.nn.Linear(3), bs.nn.LeakyReadout(tau=10 * u.ms), seed=1
    )
    W, Y = (
        net[p].weight.to_decimal(u.mV).reshape(a, b)
        for p, a, b in (("input->hidden1", 5, 7), ("hidden1->output", 7, 3))
    )
    R = net["hidden1->hidden1"].weight.to_decimal(u.mV).reshape(7, 7) if recurrent else np.zeros((7, 7))
    hidden, out = potentials(net, ["hidden1.V", "output.V"])
    V, y, s, sent = np.zeros(7), np.zeros(3), np.zeros(7), np.zeros(5)
    fired = 0
    for t in range(12):
        y = np.exp(-1 / 10) * (y + s @ Y)
        V = np.exp(-1 / 4) * (V + sent @ W + s @ R)
        s = (V > 1.0) * 1.0
        V = {"zero": np.where(s, 0, V), "subtract": V - s, "none": V}[reset]
        sent, fired = X[t], fired + s.sum()
        np.testing.assert_allclose(hidden[t], V, atol=1e-12)
        np.testing.assert_allclose(out[t], y, atol=1e-12)
    assert fired > 5


class Rate(bs.masses.Mass):
    """Each step gives a new value, r <- tanh(I)."""

    r = bs.State(0.0, "rate")

    def derivative(self, t, r, I):
        return (u.math.tanh(I) - r) / u.ms


@pytest.mark.parametrize("recurrent", [False, True])
def test_rates_in_a_stack(recurrent):
    """Units that send their value at every step: as NumPy has it, step by step and where a layer takes all steps at once."""
    rates = lambda **options: bs.nn.Neurons(Rate, signal="r", method="euler", **options)  # noqa: E731
    out = bs.nn.LeakyReadout(tau=5 * u.ms, read="sequence")
    layers = bs.nn.Linear(7, bias=True), rates(recurrent=recurrent), bs.nn.Linear(4), rates(), bs.nn.Linear(3)
    net = bs.nn.Sequential(5, *layers, out)
    net["input->hidden1.layer"].bias.set_value(jnp.linspace(-1, 1, 7))
    W, b = np.asarray(net["input->hidden1.layer"].kernel.get_value()), np.linspace(-1, 1, 7)
    U = np.asarray(net["hidden1->hidden2"].weight).reshape(7, 4)
    Y = net["hidden2->output"].weight.to_decimal(u.pA).reshape(4, 3)
    R = np.asarray(net["hidden1->hidden1"].weight).reshape(7, 7) if recurrent else np.zeros((7, 7))
    rec = bs.simulate(
        net, 12 * u.ms, dt=1 * u.ms, record=["hidden1.r", "hidden2.r", "output.V"], inputs={"input.input": X}
    )
    r, q, V, sent, expected = np.zeros(7), np.zeros(4), np.zeros(3), np.zeros(5), []
    for t in range(12):
        r, q, V = np.tanh(sent @ W + b + r @ R), np.tanh(r @ U), np.exp(-1 / 5) * V + (1 - np.exp(-1 / 5)) * (q @ Y)
        sent = X[t]
        np.testing.assert_allclose(rec["hidden1.r"][t], r, atol=1e-12)
        np.testing.assert_allclose(rec["hidden2.r"][t], q, atol=1e-12)
        expected.append(V)
    np.testing.assert_allclose(rec["output.V"].to_decimal(u.mV), expected, atol=1e-12)
    net.reset()
    objective = bs.train.Objective(net, 12 * u.ms, loss=bs.train.losses.mean_square)
    batch = bs.train.Batch(X[None], np.zeros((1, 12, 3)))
    _, result = objective({}, {}, batch, jax.random.PRNGKey(0))
    np.testing.assert_allclose(result.outputs[0], expected, atol=1e-12)


def test_it_is_a_network():
    net = bs.nn.Sequential(4, bs.nn.Linear(3), bs.nn.LIF(), bs.nn.Linear(2), bs.nn.LIF(name="choice"))
    assert isinstance(net, bs.Network) and net.order == ("input", "hidden1", "choice")
    assert net.read == ("choice.spikes", "count")
    assert list(net.projections) == ["hidden1->choice", "input->hidden1"]
    assert net["input->hidden1"].weight.shape == (4, 3)
    net.E = bs.neurons.LIF(3)
    net.connect(net.E, net.hidden1, bs.OneToOne(), receptor="input", weight=1 * u.mV)
    same = bs.nn.Sequential(4, bs.nn.Linear(3), bs.nn.LIF(), bs.nn.Linear(2), bs.nn.LIF(name="choice"))
    np.testing.assert_array_equal(same["input->hidden1"].plain("weight"), net["input->hidden1"].plain("weight"))
    other = bs.nn.Sequential(4, bs.nn.Linear(3), bs.nn.LIF(), seed=1)
    assert not np.array_equal(other["input->output"].plain("weight"), net["input->hidden1"].plain("weight"))


def test_any_neuron_and_receptor():
    """The biology stays: adaptive exponential neurons with conductances, weights in nS."""
    adex = bs.nn.Neurons(
        bs.neurons.AdEx,
        receptor=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV),
        surrogate=bs.surrogate.ATan(),
    )
    net = bs.nn.Sequential(4, bs.nn.Linear(3, weight=2 * u.nS, delay=2 * u.ms), adex)
    assert net["input->output"].weight.unit == u.nS and net["input->output"].delay == 2 * u.ms
    assert type(net.output) is bs.neurons.AdEx


def test_one_spec_makes_several_populations():
    lif = bs.nn.LIF()
    net = bs.nn.Sequential(4, bs.nn.Linear(3), lif, bs.nn.Linear(3), lif)
    assert net.hidden1.input is not net.output.input


def test_layers_in_a_row_are_one_path():
    net = bs.nn.Sequential(
        (6, 6, 1), bs.nn.Conv(2, padding="VALID"), bs.nn.AvgPool(), bs.nn.LIF(), bs.nn.SumPool((1, 2)), nnx.LayerNorm(2, rngs=nnx.Rngs(0)),
        bs.nn.Linear(3, bias=True), bs.nn.LeakyReadout(),
    )  # fmt: skip
    assert net.hidden1.size == (2, 2, 2)
    kernel = net["input->hidden1"].layer.layers[0].kernel.get_value()
    image = np.random.default_rng(1).random((6, 6, 1))
    expected = jax.lax.conv_general_dilated(
        image[None], kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    expected = np.asarray(expected[0]).reshape(2, 2, 2, 2, 2).mean((1, 3))
    found = potentials(net, ["hidden1.V"], np.tile(image.ravel(), (2, 1)))[0][1]
    assert np.abs(expected).max() < 1  # nobody fires
    np.testing.assert_allclose(found, np.exp(-1 / 10) * expected.ravel(), rtol=1e-10)


@pytest.fixture(scope="module")
def normalised():
    return bs.nn.Sequential(
        4, bs.nn.Linear(5), bs.nn.BatchNorm(scale=0.9, momentum=0.8), bs.nn.LeakyReadout(read="sequence")
    )


def test_batch_statistics_are_those_of_the_batch(normalised):
    """At each step over the examples; the running ones follow, and are those of the next batch and of simulations."""
    objective = bs.train.Objective(normalised, 3 * u.ms, loss=lambda out, _: jnp.sum(out))
    x = np.random.default_rng(2).normal(size=(8, 3, 4))
    _, result = objective({}, objective.carried, bs.train.Batch(x, np.zeros(8)), jax.random.PRNGKey(0))
    kernel = np.asarray(normalised["input->output"].layer.layers[0].kernel.get_value())
    y, mean, var, V = x @ kernel, np.zeros(5), np.ones(5), np.zeros((8, 5))
    for t in range(3):  # what is sent in one step acts in the next, and is normalised when it is delivered
        V = np.exp(-1 / 20) * V
        np.testing.assert_allclose(result.outputs[:, t], V, atol=1e-12)
        m, s = y[:, t].mean(0), y[:, t].var(0)
        V = V + 0.9 * (y[:, t] - m) / np.sqrt(s + 1e-5)
        mean, var = 0.8 * mean + 0.2 * m, 0.8 * var + 0.2 * s
    at = "input->output.layer.layers.1."
    np.testing.assert_allclose(result.carried[at + "mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(result.carried[at + "var"], var, rtol=1e-12)


def test_outside_of_training_the_running_statistics_hold(normalised):
    norm = normalised["input->output"].layer.layers[1]
    norm.mean.set_value(jnp.arange(5.0))
    norm.var.set_value(jnp.full(5, 4.0))
    x = np.random.default_rng(3).normal(size=(2, 4))
    kernel = np.asarray(normalised["input->output"].layer.layers[0].kernel.get_value())
    expected = np.exp(-1 / 20) * 0.9 * (x[0] @ kernel - np.arange(5)) / np.sqrt(4 + 1e-5)
    np.testing.assert_allclose(potentials(normalised, ["output.V"], x)[0][1], expected, rtol=1e-10)


def test_a_residual_sends_past_its_parts():
    block = bs.nn.Residual(bs.nn.Linear(3), bs.nn.LIF(), weight=0.25 * u.mV)
    net = bs.nn.Sequential(3, bs.nn.Linear(3), bs.nn.LIF(), block, bs.nn.Linear(2), bs.nn.LeakyReadout())
    assert net.order == ("input", "hidden1", "hidden2", "output")
    assert net["hidden1->hidden2#2"].n_synapses == 3
    assert net["hidden1->hidden2#2"].weight == 0.25 * u.mV
    wide = bs.nn.Sequential(3, bs.nn.Linear(3), bs.nn.LIF(), bs.nn.Residual(bs.nn.Linear(4), bs.nn.LIF()))
    assert wide["hidden1->output#2"].n_synapses == 12 and wide.read == ("output.spikes", "count")


@pytest.mark.parametrize(
    "parts, message",
    [
        ((bs.nn.Linear(3),), "the last part is a population"),
        ((bs.nn.LIF(),), "between input and nn.Neurons.LIF. stands no layer"),
        ((bs.nn.Linear(), bs.nn.LIF()), "give the number of outputs"),
        ((bs.nn.Conv(3), bs.nn.LIF()), "does not fit to an input of shape .4,.: .*takes 2 axes and features"),
        ((nnx.BatchNorm(4, rngs=nnx.Rngs(0)), bs.nn.LIF()), "BatchNorm does not fit.*take nn.BatchNorm"),
        (
            (nnx.Linear(5, 3, rngs=nnx.Rngs(0)), bs.nn.LIF()),
            "input->output: Linear does not fit to an input of shape .4,.",
        ),
        ((bs.nn.Linear(3), bs.neurons.LIF(5)), "has no receptor"),
        ((bs.nn.Linear(3, weight=np.ones((3, 4)) * u.mV), bs.nn.LIF()), "weight of shape .3, 4.; .* 4 and 3 units"),
        ((bs.nn.Linear(3, bias=True, delay=1 * u.ms), bs.nn.LIF()), "weight and delay are those of synapses"),
    ],
)
def test_what_does_not_fit_says_where(parts, message):
    with pytest.raises(ValueError, match=message):
        bs.nn.Sequential(4, *parts)


def test_other_parts_and_names_are_refused():
    with pytest.raises(TypeError, match="expected layers and populations.*given 3"):
        bs.nn.Sequential(4, 3, bs.nn.Linear(2), bs.nn.LIF())
    with pytest.raises(ValueError, match="Did you mean 'subtract'"):
        bs.nn.LIF(reset="sub")
    with pytest.raises(bs.UnknownNameError, match="tau"):
        bs.nn.Sequential(4, bs.nn.Linear(2), bs.nn.LIF(taum=3 * u.ms))
    with pytest.raises(TypeError, match="the last part is a population"):
        bs.nn.Residual(bs.nn.Linear(3))
    with pytest.raises(TypeError, match="expected a class of neurons"):
        bs.nn.Neurons(bs.neurons.LIF(3))
