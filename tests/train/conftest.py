"""One small classifier for the tests of this room."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def small(seed=0, surrogate=bs.surrogate.ATan(), n=6, hidden=8, classes=3):
    """An input, LIF neurons and leaky ones that do not fire."""
    net = bs.Network(seed=seed)
    neuron = dict(tau=8 * u.ms, E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.mV, V_reset=0 * u.mV)
    net.pixels = bs.sources.SpikeInput(n)
    net.hidden = bs.neurons.LIF(hidden, surrogate=surrogate, **neuron)
    net.out = bs.neurons.LIF(classes, **neuron | dict(V_th=1e6 * u.mV))
    for pre, post in ((net.pixels, net.hidden), (net.hidden, net.out)):
        post.add_receptors(input=bs.receptors.Delta())
        net.connect(
            pre, post, bs.AllToAll(), receptor="input", weight=bs.Normal(0.1 * u.mV, 1 / len(pre) ** 0.5 * u.mV)
        )
    return net


@pytest.fixture(scope="session")
def examples():
    """Three clouds of points that can be told apart: inputs (60, 6) and labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    return np.clip(np.repeat(np.eye(3), 2, 1)[labels] + rng.normal(0, 0.15, (60, 6)), 0, 2), labels
