"""One presynaptic side at a time: what it sends, step by step."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def network(terminal, times, indices=None, n=1, seed=0):
    """``n`` sources that fire at given times (ms), each with the terminal in question onto one neuron of its own."""
    net = bs.Network(seed=seed)
    times = np.asarray(times, float)
    net.S = bs.sources.SpikeTimes(n, times * u.ms, np.zeros(len(times), int) if indices is None else indices)
    net.T = bs.neurons.LIF(n, V_th=1e9 * u.mV)
    # What has arrived at a receptor is what was sent: one of spikes is so fast that nothing is left from the step
    # before.
    receptor = bs.receptors.Graded() if terminal.graded else bs.receptors.Exponential(tau=1e-4 * u.ms)
    net.T.add_receptors(syn=receptor)
    net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=1.0 * u.pA, terminal=terminal)
    return net


def sent(net, duration, dt=0.1, **options):
    """What each source sends, (steps, n): row k is sent at (k + 1) dt."""
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record="T.syn.g", **options)
    return np.asarray(u.get_mantissa(rec["T.syn.g"]))


@pytest.fixture(name="network")
def network_of():
    return network


@pytest.fixture(name="sent")
def sent_by():
    return sent
