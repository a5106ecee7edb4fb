"""What the base class offers to models: inputs of several compartments, and firing by chance."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


class TwoCompartments(bs.neurons.Neuron):
    """Soma and dendrite with a passive exchange."""

    inputs = {"I": "V", "I_d": "V_d"}

    tau = bs.Parameter(20 * u.ms, "membrane time constant")
    R = bs.Parameter(100 * u.Mohm, "membrane resistance")
    E_L = bs.Parameter(-60 * u.mV, "leak reversal potential")
    V_th = bs.Parameter(0 * u.mV, "threshold")
    V = bs.State(-60 * u.mV, "somatic potential")
    V_d = bs.State(-60 * u.mV, "dendritic potential")

    def derivative(self, t, V, V_d, I, I_d):
        return (self.E_L - V + self.R * I) / self.tau, (self.E_L - V_d + self.R * I_d) / self.tau


def test_each_input_reaches_its_compartment():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
    net.E = TwoCompartments(1)
    net.E.add_receptors(
        soma=bs.receptors.Exponential(tau=1e9 * u.ms, reversal=0 * u.mV),
        dendrite=bs.receptors.Exponential(tau=1e9 * u.ms, reversal=-80 * u.mV, into="I_d"),
    )
    net.E.add_stimuli(down=bs.stimuli.Constant(-50 * u.pA, into="I_d"))
    net.connect(net.S, net.E, bs.AllToAll(), receptor="soma", weight=10 * u.nS)
    net.connect(net.S, net.E, bs.AllToAll(), receptor="dendrite", weight=30 * u.nS)
    bs.simulate(net, 400 * u.ms)
    # Steady states: (E_L + R g E + R I) / (1 + R g)
    assert float(net.E.V[0] / u.mV) == pytest.approx((-60 + 0) / 2, abs=1e-4)
    assert float(net.E.V_d[0] / u.mV) == pytest.approx((-60 - 3 * 80 - 5) / 4, abs=1e-4)


def test_an_unknown_input_is_refused_and_named():
    net = bs.Network()
    net.E = TwoCompartments(1)
    with pytest.raises(bs.UnknownNameError, match="E: 'drive' is to go into 'I_D'.*Did you mean 'I_d'"):
        net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.pA, into="I_D"))
    with pytest.raises(bs.UnknownNameError, match="E: 'syn' is to go into 'dend'"):
        net.E.add_receptors(syn=bs.receptors.Exponential(into="dend"))


class Escape(bs.neurons.LIF):
    """LIF that fires by chance, at a rate that grows exponentially with V."""

    rho = bs.Parameter(20 * u.Hz, "rate at threshold")

    def hazard(self, before, after):
        return self.rho * u.math.exp((after["V"] - self.V_th) / (2 * u.mV))


def test_a_hazard_is_a_rate_of_firing():
    """At a held potential the intervals are exponential: rate 20 Hz * exp(1), CV 1."""
    net = bs.Network(seed=1)
    net.E = Escape(500, V=-48 * u.mV, E_L=-48 * u.mV, V_reset=-48 * u.mV)
    train = bs.simulate(net, 2 * u.second, dt=0.5 * u.ms, record=["E.spikes"]).spikes["E"]
    expected = 20 * np.e
    assert float(train.rate() / u.Hz) == pytest.approx(expected * (1 - expected * 0.5e-3 / 2), rel=0.02)
    assert train.cv() == pytest.approx(np.sqrt(1 - expected * 0.5e-3), abs=0.03)


def test_a_hazard_has_the_gradient_of_the_mean():
    net = bs.Network(seed=1)
    net.E = Escape(200, V=-48 * u.mV, E_L=-48 * u.mV, V_reset=-48 * u.mV, surrogate=bs.surrogate.Sigmoid())
    f = bs.function(net, 50 * u.ms, dt=0.5 * u.ms, record=["E.spikes"])

    def count(rho):
        return jnp.sum(f({"E.rho": rho}, {})[1]["E.spikes"])

    rho = f.parameters["E.rho"]
    p = 1 - np.exp(-20 * np.e * 0.5e-3)
    # V does not depend on the spikes here: d count / d rho is that of the mean, n steps (1 - p) e dt.
    assert float(jax.grad(count)(rho)) == pytest.approx(200 * 100 * (1 - p) * np.e * 0.5e-3, rel=1e-6)
