"""Plastic synapses against NEST's: the same spikes, and weights to 1e-6 where both solve the same equations exactly."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from tests.references import make_plasticity_references

HERE = Path(__file__).parent


class Clamped(bs.neurons.Neuron):
    """A cell whose potential and spikes are given through ``inputs``."""

    V = bs.State(-65.0 * u.mV, "membrane potential")
    given = bs.State(0.0, "who fires at the end of the step")

    def derivative(self, t, V):
        return 0.0 * V / u.ms

    def fires(self, before, after):
        return self.plain("given") != 0


@pytest.fixture(scope="module")
def protocol():
    return make_plasticity_references


@pytest.fixture(scope="module")
def references():
    return dict(np.load(HERE / "plasticity.npz"))


def weight_of(protocol, rule, pre, post, steps, V=None, dopamine=(1.0,), step=None):
    """Weight after spikes at these times; ``rule`` may be made from the network."""
    step = step or protocol.STEP
    raster = lambda times: np.bincount(np.round(times / step).astype(int) - 1, minlength=steps)[:, None].astype(float)
    net = bs.Network()
    net.pre, net.post = Clamped(1), Clamped(1)
    net.post.add_receptors(syn=bs.receptors.Exponential())
    tau_n = protocol.DOPAMINE["tau_n"]
    net.releasing = bs.sources.SpikeTimes(1, np.asarray(dopamine) * u.ms, np.zeros(len(dopamine), int))
    net.dopamine = bs.modulators.Dopamine(net.releasing, tau=tau_n * u.ms, increment=1 / tau_n)
    rule = rule(net) if callable(rule) else rule
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=protocol.W * u.pA, plasticity=rule)
    inputs = {"pre.given": raster(pre), "post.given": raster(post)}
    inputs |= {} if V is None else {"post.V": V[:, None] * u.mV}
    bs.simulate(net, steps * step * u.ms, dt=step * u.ms, inputs=inputs, progress=False)
    return float(net["pre->post"].plain("weight").ravel()[0])


def check(protocol, references, name, rule, **options):
    """NEST simulates 10 ms beyond the protocol."""
    pre, post = protocol.trains()
    weight = weight_of(protocol, rule, pre, post, round((protocol.DURATION + 10.0) / protocol.STEP), **options)
    assert abs(references[name] - protocol.W) > 0.005 and 0.001 < references[name] < 100
    np.testing.assert_allclose(weight, references[name], rtol=1e-7, atol=0)


def stdp(protocol, **values):
    p = protocol
    return bs.plasticity.PairSTDP(
        A_plus=p.A_PLUS * u.pA, A_minus=p.A_MINUS * u.pA, w_max=p.W_MAX * u.pA, tau_plus=p.TAU_PLUS * u.ms,
        tau_minus=p.TAU_MINUS * u.ms, **{"post_delay": p.DELAY * u.ms} | values,
    )  # fmt: skip


@pytest.mark.parametrize("mu", [None, 0.0, 0.4, 1.0])
def test_pairs(protocol, references, mu):
    check(protocol, references, f"pair_mu{mu or 0.0}", stdp(protocol, mu_plus=mu, mu_minus=mu))


@pytest.mark.parametrize("mu", [0.0, 1.0])
@pytest.mark.parametrize("pairing", ["nearest", "nearest_pre_centred", "nearest_restricted"])
def test_nearest_neighbours(protocol, references, pairing, mu):
    check(protocol, references, f"pair_{pairing}_mu{mu}", stdp(protocol, mu_plus=mu, mu_minus=mu, pairing=pairing))


def test_triplets(protocol, references):
    p = protocol
    amplitudes = {k: v * u.pA for k, v in p.TRIPLET.items()}
    taus = dict(tau_plus=p.TAU_PLUS * u.ms, tau_minus=p.TAU_MINUS * u.ms, tau_x=p.TAU_X * u.ms, tau_y=p.TAU_Y * u.ms)
    rule = bs.plasticity.TripletSTDP(w_max=p.W_MAX * u.pA, post_delay=p.DELAY * u.ms, **amplitudes, **taus)
    check(protocol, references, "triplet", rule)


def test_power_law(protocol, references):
    p = protocol
    rule = bs.plasticity.PowerLawSTDP(
        **{**p.POWER_LAW, "w_0": p.POWER_LAW["w_0"] * u.pA}, tau_plus=p.TAU_PLUS * u.ms, tau_minus=p.TAU_MINUS * u.ms,
        post_delay=p.DELAY * u.ms,
    )  # fmt: skip
    check(protocol, references, "power_law", rule)


def test_inhibitory(protocol, references):
    p = protocol.VOGELS
    rule = bs.plasticity.InhibitorySTDP(
        eta=p["eta"] * u.pA, tau=p["tau"] * u.ms, target_rate=p["target_rate"] * u.Hz, w_max=protocol.W_MAX * u.pA,
        post_delay=protocol.DELAY * u.ms,
    )  # fmt: skip
    check(protocol, references, "inhibitory", rule)


def test_dopamine(protocol, references):
    """A dopaminergic spike raises NEST's concentration by 1 / tau_n, in 1 / ms, on the way of one step."""
    p = protocol.DOPAMINE
    rule = lambda net: bs.plasticity.RewardModulated(
        stdp(protocol), net.dopamine, tau_c=p["tau_c"] * u.ms, baseline=p["baseline"], gain=1 / u.ms, w_min=0 * u.pA,
        w_max=protocol.W_MAX * u.pA,
    )  # fmt: skip
    check(protocol, references, "dopamine", rule, dopamine=p["times"] + protocol.STEP)


def test_voltage(protocol, references):
    p, V = protocol.CLOPATH, references["clopath_V"].astype(float)
    pre, _ = protocol.trains(30, p["duration"], seed=5)
    volts = {k: p[k] * u.mV for k in ("theta_plus", "theta_minus")}
    taus = {k: p[k] * u.ms for k in ("tau_x", "tau_plus", "tau_minus")}
    rule = bs.plasticity.VoltageSTDP(
        A_LTP=p["A_LTP"] * u.pA / u.mV**2, A_LTD=p["A_LTD"] * u.pA / u.mV, w_max=1000 * u.pA, u_minus=-65 * u.mV,
        u_plus=-65 * u.mV, **volts, **taus,
    )  # fmt: skip
    steps = round(pre[-1] / p["step"])
    weight = weight_of(protocol, rule, pre, np.array([]), steps, V=V[:steps], step=p["step"])
    print("clopath", weight, references["clopath"])
    assert weight == pytest.approx(float(references["clopath"]), rel=0.02)


@pytest.mark.slow
def test_nest_still_says_the_same(protocol, references):
    pytest.importorskip("nest")
    for name, value in protocol.references().items():
        np.testing.assert_allclose(value, references[name], rtol=1e-6, err_msg=name)
