"""A delay of one's own kind is one class, given to ``connect`` in place of a time."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


class Dispersed(bs.delays.Axonal):
    """Spikes that spread on the way: after the delay, they arrive with an exponential distribution."""

    spread = bs.Parameter(1.0 * u.ms, "time constant of the spread", positive=True)
    waiting = bs.State(0.0, "what has come and has not arrived")

    @property
    def arriving_dtype(self):
        return str(self.plain("waiting").dtype)

    @property
    def under_way(self):
        return super().under_way | {"waiting": self.plain("waiting")}

    def send(self, clock, sent, delay=None):
        came = self.plain("waiting") + super().send(clock, sent)
        left = came * jnp.exp(-clock.step_ms / self.plain("spread"))
        self.put("waiting", left)
        return came - left


class OfSums(bs.delays.Delay):
    """What arrives is known as sums only."""

    def deliver(self, clock, path, arrived, receptor, delay=None):
        path.deliver(clock, arrived, receptor)


def network():
    net = bs.Network(seed=1)
    net.S = bs.sources.SpikeTimes(2, [1.0, 2.0] * u.ms, [0, 1])
    net.T = bs.neurons.LIF(2, V_th=1e9 * u.mV)
    net.T.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
    return net


def connect(net, delay, post=None, **options):
    post = net.T if post is None else post
    return net.connect(net.S, post, bs.OneToOne(), receptor="syn", weight=1 * u.pA, delay=delay, **options)


def test_it_stands_in_a_projection_with_its_parameters_and_states():
    net = network()
    projection = connect(net, Dispersed(0.5 * u.ms, spread=0.3 * u.ms))
    assert projection.delay == 0.5 * u.ms and projection.delay_kind == "axonal"
    assert projection.axon.plain("spread") == 0.3
    g = np.asarray(bs.simulate(net, 6 * u.ms, record="T.syn.g")["T.syn.g"].mantissa)
    for unit, fired in enumerate((10, 20)):
        t = np.arange(60) - (fired + 5 - 1)  # steps since the spike has come; sample n is at the end of step n
        expected = np.where(t >= 0, np.exp(-t / 3.0) * (1 - np.exp(-1 / 3.0)), 0.0)
        np.testing.assert_allclose(g[:, unit], expected, atol=2e-6)
    net.reset()
    assert not net["S->T"].axon.plain("waiting").any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda net: connect(net, Dispersed(1 * u.ms), max_delay=2 * u.ms), "does not change, and takes no max_delay"),
        (lambda net: connect(net, Dispersed(1 * u.ms), [net.T, net.T]), "one delay object serves one projection"),
        (lambda net: connect(net, OfSums(), plasticity=PAIRS), "OfSums knows sums over them only"),
    ],
)
def test_what_it_cannot_do_is_refused(make, message):
    net = network()
    with pytest.raises(ValueError, match=message):
        make(net)
    assert not net.projections


PAIRS = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA)


def test_it_serves_one_projection_and_is_free_again_where_that_cannot_be_made():
    net, delay = network(), Dispersed(1 * u.ms)
    with pytest.raises(bs.UnitError):
        net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.mV, delay=delay)
    assert not delay.bound
    connect(net, delay)
    with pytest.raises(ValueError, match="is that of S->T; make another one"):
        connect(net, delay)
