"""Evidence integrated by cells with dendrites: the stimuli, the network, and, slowly, that it learns."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.cells import evidence

OPTIMISED = False  # the network is compiled much longer than it runs


def test_stimuli_are_filtered_noise():
    """White noise of 0.05 behind a filter of 80 Hz: its variance is the filter's noise bandwidth over that of the samples."""
    made = evidence.trials(40, np.random.default_rng(0))
    assert made.stimulus.shape == (40, 5200)
    settled = made.stimulus[:, 1000:]
    bandwidth = 80 * np.pi / 12 / np.sin(np.pi / 12)  # of a Butterworth filter of order 6
    np.testing.assert_allclose(settled.std(1).mean(), 0.05 * np.sqrt(bandwidth / 20_000), rtol=0.1)
    assert set(np.unique(made.right)) == {0, 1}
    np.testing.assert_array_equal(made.right == 0, made.stimulus[:, :5000].sum(1) > 0)


def test_the_network():
    """Ten excite, ten inhibit, from somata to apical dendrites and readouts; its gradient is finite and reaches all."""
    net = evidence.build(0)
    pre, post = (np.asarray(side) for side in net["inh"].indices_of_synapses())
    somata, apical = net.cells.sites_of("soma"), net.cells.sites_of("apic")
    assert set(pre) <= set(somata[:10]) and set(net["exc"].indices_of_synapses()[0]) <= set(somata[10:])
    assert net["exc"].n_synapses + net["inh"].n_synapses == pytest.approx(80, abs=20) and post.max() < len(apical)
    assert net["exc_out"].n_synapses == net["inh_out"].n_synapses == 20
    told = evidence.answer(net, duration=20.0, dt=0.2 * u.ms)
    learned = {name: net[name].weight.mantissa for name in evidence.SYNAPSES}
    learned["input"] = evidence.INPUT * np.linspace(-1, 1, 20)
    x = 0.01 * jnp.ones((2, 200))
    slopes = jax.jit(jax.grad(lambda l: told(l, x)[:, 0].sum()))(learned)
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in slopes.values())
    assert np.all(slopes["exc_out"][::2] >= 0) and np.all(slopes["inh_out"][::2] <= 0)  # onto the first readout


@pytest.mark.slow
def test_it_learns():
    with jax.enable_x64(False):
        made = evidence.train(0, updates=60, tests=300)
    assert made.before < 0.8 and made.accuracy > 0.97
