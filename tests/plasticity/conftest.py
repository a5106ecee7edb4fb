import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def forced(plasticity, pre, post, n_pre, n_post, *, dt=0.1, w=0.5, delay=None):
    """A network whose pre- and postsynaptic neurons fire at given steps, all to all under ``plasticity``.

    ``pre`` and ``post`` are pairs (steps, indices). A postsynaptic neuron is thrown over its threshold by a spike that is fired
    one step before.
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
def trains():
    """Random spike trains as (steps, indices), from step 2 on."""

    def draw(n, steps, p, seed):
        fired = np.random.default_rng(seed).random((steps, n)) < p
        at, which = np.nonzero(fired)
        return at + 2, which

    return draw
