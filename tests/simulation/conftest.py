"""Small networks that every test of the runtime can run."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def balanced(seed=0, n_E=80, n_I=20, delay=None, plastic=False, noise=True, extra=False):
    """Excitation, inhibition, noise; optionally delays, plasticity and a component that takes no part."""
    net = bs.Network(seed=seed)
    for name, size in (("E", n_E), ("I", n_I)):
        population = bs.neurons.LIF(size, R=100 * u.Mohm, refractory=5 * u.ms, V=bs.Normal(-55 * u.mV, 5 * u.mV))
        setattr(net, name, population)
        population.add_receptors(
            ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV),
            gaba=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV),
        )
        population.add_stimuli(drive=bs.stimuli.Constant(220 * u.pA))
        if noise:
            population.add_stimuli(noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5))
    rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.nS, A_minus=0.12 * u.nS, w_max=1 * u.nS) if plastic else None
    net.connect(net.E, net.I, bs.FixedProbability(0.2), receptor="ampa", weight=0.6 * u.nS, delay=delay)
    net.connect(net.E, net.E, bs.FixedProbability(0.2), receptor="ampa", weight=0.6 * u.nS, plasticity=rule)
    net.connect(net.I, [net.E, net.I], bs.FixedProbability(0.2), receptor="gaba", weight=6 * u.nS)
    if extra:
        net.A = bs.neurons.LIF(7, V=bs.Normal(-55 * u.mV, 5 * u.mV))
        net.A.add_stimuli(noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5))
    return net


@pytest.fixture(name="balanced")
def build_balanced():
    return balanced


@pytest.fixture
def same_state():
    """Assert that two networks hold the same bits."""

    def check(one, other):
        arrays = [bs.function(net, 0.1 * u.ms) for net in (one, other)]
        for mine, theirs in ((arrays[0].state, arrays[1].state), (arrays[0].parameters, arrays[1].parameters)):
            assert mine.keys() == theirs.keys()
            for path, array in mine.items():
                np.testing.assert_array_equal(array, theirs[path], err_msg=path)

    return check


@pytest.fixture
def same_spikes():
    """Assert that the spikes of a run are those of several shorter ones after each other."""

    def check(whole, *parts):
        for name, train in whole.spikes.items():
            np.testing.assert_array_equal(train.steps, np.concatenate([part.spikes[name].steps for part in parts]))
            np.testing.assert_array_equal(train.indices, np.concatenate([part.spikes[name].indices for part in parts]))

    return check
