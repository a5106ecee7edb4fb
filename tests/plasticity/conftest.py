"""Networks for rules: forced spikes and potentials on both sides of a projection."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.testing.plasticity import clamped


def raster(train, steps, n):
    """Spikes (steps, indices) as a matrix; a spike of step k is fired at k dt, the end of row k - 1."""
    out = np.zeros((steps, n))
    out[np.asarray(train[0]) - 1, train[1]] = 1.0
    return out


def forced(plasticity, pre, post, n_pre, n_post, *, dt=0.1, w=0.5, delay=None):
    """A network whose pre- and postsynaptic neurons fire at given steps, all to all under ``plasticity``.

    ``pre`` and ``post`` are pairs (steps, indices). A postsynaptic neuron is thrown over its threshold by a spike that
    is fired one step before.
    """
    net = bs.Network()
    net.pre = bs.sources.SpikeTimes(n_pre, pre[0] * dt * u.ms, pre[1])
    net.force = bs.sources.SpikeTimes(n_post, (post[0] - 1) * dt * u.ms, post[1])
    net.post = bs.neurons.LIF(n_post)
    net.post.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential())
    net.connect(net.force, net.post, bs.OneToOne(), receptor="kick", weight=1000 * u.mV)
    options = {} if delay is None else {"delay": delay * u.ms}
    net.connect(net.pre, net.post, bs.AllToAll(), receptor="syn", weight=w * u.pA, plasticity=plasticity, **options)
    return net


@pytest.fixture
def force():
    return forced


@pytest.fixture
def clamp():
    return clamped


@pytest.fixture
def trains():
    """Random spike trains as (steps, indices), from step 2 on."""

    def draw(n, steps, p, seed):
        fired = np.random.default_rng(seed).random((steps, n)) < p
        at, which = np.nonzero(fired)
        return at + 2, which

    return draw


@pytest.fixture
def learn():
    """Weights (n_pre, n_post) after a protocol: rasters of spikes, and potentials, on both sides."""

    def run(net, pre, post, V=None, *, dt=0.1, release=None, record=()):
        inputs = {"pre.given": pre, "post.given": post}
        if V is not None:
            inputs["post.V"] = V * u.mV
        if release is not None:
            inputs["dopamine.release"] = release * u.Hz
        recording = bs.simulate(net, len(pre) * dt * u.ms, dt=dt * u.ms, inputs=inputs, record=record, progress=False)
        projection = net["pre->post"]
        matrix = np.asarray(projection.plain("connectivity").todense(projection.plain("weight")))
        return (matrix, recording) if record else matrix

    return run
