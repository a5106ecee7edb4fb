"""Weights that are kept in 16 bits: the same sums as of the same weights in 32, by every way, and what refuses them."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import step_length
from brainsim.simulation import door, engine
from brainsim.simulation.loop import plan_of
from brainsim.train.trained import Trained

DT, N, M = 0.1 * u.ms, 60, 50
DELAYS = {
    "none": None,
    "one": 0.7 * u.ms,
    "drawn": bs.Uniform(0.2 * u.ms, 3 * u.ms),
    "listed": np.linspace(0.2, 3.0, 500) * u.ms,
}


def network(precision="float16", delay="none", weight=None, rule=None, **options):
    net = bs.Network(seed=3)
    net.S = bs.sources.PoissonGroup(N, rate=200 * u.Hz)
    net.E = bs.neurons.LIF(M)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=2 * u.ms))
    rule = bs.FixedTotalNumber(500) if rule is None else rule
    weight = bs.Normal(3 * u.pA, 5 * u.pA) if weight is None else weight
    net.connect(net.S, net.E, rule, receptor="syn", weight=weight, delay=DELAYS[delay], precision=precision, **options)
    return net


def currents(net, steps=100, **options):
    return np.asarray(bs.simulate(net, steps * DT, dt=DT, record="E.syn.g", **options)["E.syn.g"] / u.pA)


@pytest.mark.parametrize("implementation", ["kernel", "plain"])
@pytest.mark.parametrize("rule", [bs.FixedTotalNumber(500), bs.FixedOutDegree(10)])
@pytest.mark.parametrize("delay", [name for name in DELAYS if name != "listed"])
def test_sums_are_those_of_the_same_weights(delay, rule, implementation):
    with bs.events.served_by(implementation):
        net, full = network(delay=delay, rule=rule), network(None, delay, rule=rule)
        p, q = net["S->E"], full["S->E"]
        assert p.plain("weight").dtype == np.float16 and all(map(np.array_equal, p.pairs(), q.pairs()))
        assert p.weight.dtype == q.weight.dtype == np.float64  # read as numbers of full precision
        np.testing.assert_allclose(p.weight / u.pA, q.weight / u.pA, rtol=2**-11, atol=2**-25)
        q.weight = p.weight
        assert np.array_equal(currents(net), currents(full))


@pytest.mark.skipif(not bs.events.kernels(), reason="of the compiled kernels")
@pytest.mark.parametrize("delay", DELAYS)
def test_nothing_makes_them_wider_before_they_are_added(delay):
    net = network(delay=delay)
    entry = door.enter(net, DT, dt=DT).prepared()
    trees = entry.parameters, entry.fixed, entry.state, step_length(entry.step_ms), {}, 1
    text = engine.run_chunk.trace(plan_of(net, ()), entry.structure, "cpu", trees).lower().as_text()
    assert "tensor<500xf16>" in text and "tensor<500xf32>" not in text and "tensor<500xf64>" not in text


def test_delays_that_are_listed_and_float32():
    with jax.enable_x64(False):
        net, full = network(delay="listed"), network(None, "listed")
        full["S->E"].weight = net["S->E"].weight
        assert np.array_equal(currents(net), currents(full))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_16_bits_is_added_as_it_is(dtype):
    """Those without a leading one, too: against NumPy."""
    bits = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    numbers = bits[np.isfinite(bits)]
    net = bs.Network()
    with jax.enable_x64(dtype == np.float64):
        net.S, net.E = bs.sources.SpikeTimes(1, [0.1] * u.ms, [0]), bs.neurons.LIF(len(numbers), V_th=1e9 * u.mV)
        net.E.add_receptors(syn=bs.receptors.Exponential(tau=1e9 * u.ms))
        rule = bs.FromArrays(np.zeros(len(numbers), int), np.arange(len(numbers)))
        net.connect(net.S, net.E, rule, receptor="syn", weight=numbers * u.pA, precision="float16")
        found = currents(net, 2)[-1]
    np.testing.assert_allclose(found, numbers.astype(dtype), rtol=1e-6, atol=0)


def test_batches_and_derivatives_are_those_of_full_precision():
    net, full = network(delay="drawn"), network(None, "drawn")
    full["S->E"].weight = net["S->E"].weight
    taus = {"E.syn.tau": np.array([1.0, 4.0]) * u.ms}
    swept = [bs.sweep(one, taus, 50 * DT, dt=DT, record="E.syn.g") for one in (net, full)]
    for one, other in zip(*swept, strict=True):
        assert np.array_equal(one["E.syn.g"] / u.pA, other["E.syn.g"] / u.pA)
    weights = np.asarray(full["S->E"].weight / u.pA)
    varied = {"S->E.weight": np.stack([weights, 2 * weights]) * u.pA}
    swept = [bs.sweep(one, varied, 50 * DT, dt=DT, record="E.syn.g") for one in (net, full)]
    for one, other in zip(*swept, strict=True):
        np.testing.assert_allclose(one["E.syn.g"] / u.pA, other["E.syn.g"] / u.pA, rtol=1e-12)
    slopes = []
    for one in (net, full):
        f = bs.function(one, 50 * DT, dt=DT, record="E.syn.g")
        loss = lambda tau, f=f: jnp.sum(f({"E.syn.tau": tau}, {})[1]["E.syn.g"])  # noqa: E731
        slopes.append(jax.grad(loss)(f.parameters["E.syn.tau"]))
    np.testing.assert_allclose(*slopes, rtol=1e-12)


def test_layers_of_a_function_add_in_full_precision():
    """A network without feedback runs layer by layer; what is added is added to nothing."""
    net, full = network(), network(None)
    full["S->E"].weight = net["S->E"].weight
    found, expected = (
        f(f.parameters, {})[1]["E.syn.g"]
        for f in (bs.function(one, 50 * DT, dt=DT, record="E.syn.g") for one in (net, full))
    )
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_by_every_way_in_and_out(tmp_path):
    net = network(delay="drawn")
    p = net["S->E"]
    p.weight[3] = 0.1 * u.pA
    assert float(p.weight[3] / u.pA) == float(np.float16(0.1))
    with pytest.raises(
        ValueError, match=r"S->E.weight: values must be finite, as float16, given .* \(1 of 500 values\)"
    ):
        p.weight = np.r_[1e5, np.ones(499)] * u.pA
    for other in (net.copy(), bs.Network.from_description(net.describe())):
        assert other["S->E"].plain("weight").dtype == np.float16
        assert np.array_equal(other["S->E"].plain("weight"), p.plain("weight"))
    bs.save(net, tmp_path / "here")
    other = network(delay="drawn")
    bs.load(other, tmp_path / "here")
    assert np.array_equal(currents(other), currents(net))
    wider, narrower = network(None, "drawn"), network(delay="drawn")
    bs.load(wider, tmp_path / "here")
    assert wider["S->E"].plain("weight").dtype == np.float64
    np.testing.assert_array_equal(wider["S->E"].weight / u.pA, p.weight / u.pA)
    bs.save(wider, tmp_path / "wider")
    with pytest.raises(ValueError, match="'S->E.weight' is float16 in the network, float64 in the checkpoint"):
        bs.load(narrower, tmp_path / "wider")


def test_what_cannot_be_kept_in_16_bits_is_refused():
    rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=9 * u.pA)
    for given, message in (
        ({"precision": "bfloat16"}, "connect: precision is 'float16', given 'bfloat16'. Did you mean 'float16'"),
        ({"precision": 16}, "connect: precision is 'float16', given 16"),
        (
            {"weight": bs.Normal(1e-6 * u.pA, 1e-7 * u.pA)},
            "S->E.weight: float16 loses the digits of numbers below 6.1e-05 pA",
        ),
        ({"weight": 1e-9 * u.pA}, "float16 loses the digits"),
        ({"rule": bs.AllToAll()}, "weights of 16 bits are of single synapses that stand in rows"),
        ({"weight": 1 * u.pA, "plasticity": rule}, "weights of 16 bits do not change in a run"),
    ):
        with pytest.raises(ValueError, match=message):
            network(**given)
    big = dict(weight=bs.Normal(1e-9 * u.pA, 1e-10 * u.pA), rule=bs.FixedProbability(0.6))
    with pytest.raises(ValueError, match="float16 loses the digits"):  # drawn in groups
        net = bs.Network()
        net.E = bs.neurons.LIF(1000)
        net.E.add_receptors(syn=bs.receptors.Exponential())
        net.connect(net.E, net.E, receptor="syn", precision="float16", **big)
    parameters = bs.function(net := network(), DT, dt=DT).parameters
    with pytest.raises(ValueError, match="fit: nothing learns here"):
        Trained(net, parameters)
    with pytest.raises(
        ValueError, match="fit: S->E.weight is kept in 16 bits, in which the steps of learning are lost"
    ):
        Trained(net, parameters, learn="S->E.weight")
