"""Pair STDP against the sum over all pairs of spikes."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.simulation import engine

A_PLUS, A_MINUS, TAU_PLUS, TAU_MINUS = 0.010, 0.012, 20.0, 30.0


def rule(**values):
    window = dict(A_plus=A_PLUS * u.pA, A_minus=A_MINUS * u.pA, tau_plus=TAU_PLUS * u.ms, tau_minus=TAU_MINUS * u.ms)
    return bs.plasticity.PairSTDP(**window | dict(w_min=-1e6 * u.pA, w_max=1e6 * u.pA) | values)


def pair_sum(t_pre, t_post):
    """Change of the weight: every pre spike with every post spike; those at the same time do not pair."""
    lag = np.round(np.subtract.outer(t_post, t_pre), 9)
    later, earlier = lag[lag > 0], lag[lag < 0]
    return np.sum(A_PLUS * np.exp(-later / TAU_PLUS)) - np.sum(A_MINUS * np.exp(earlier / TAU_MINUS))


def weights(net):
    return np.asarray(net["pre->post"].plain("weight")).reshape(net.pre.count, net.post.count)


def expected(pre, post, n_pre, n_post, dt, delay=0.0):
    t = lambda train, k: train[0][train[1] == k] * dt
    delay = np.round(np.broadcast_to(delay, (n_pre, n_post)) / dt) * dt
    return [[0.5 + pair_sum(t(pre, i) + delay[i, j], t(post, j)) for j in range(n_post)] for i in range(n_pre)]


@pytest.mark.parametrize("delay", [None, 0.1, 2.3, np.full((4, 3), 2.3), np.linspace(0.1, 3.4, 12).reshape(4, 3)])
def test_random_trains_give_the_closed_sum_over_pairs(force, trains, delay):
    """A delay moves the pre spikes, whether all synapses share one or each has its own: they count when they arrive."""
    pre, post = trains(4, 3000, 0.01, 1), trains(3, 3000, 0.01, 2)
    assert set(pre[0]) & set(post[0])  # some fall together
    net = force(rule(), pre, post, 4, 3, delay=delay)
    rec = bs.simulate(net, 310 * u.ms, record=["post.spikes", "pre.spikes"])
    assert np.array_equal(rec.spikes["post"].steps, post[0])
    assert np.array_equal(rec.spikes["pre"].steps, pre[0])
    np.testing.assert_allclose(
        weights(net), expected(pre, post, 4, 3, 0.1, 0.0 if delay is None else delay), atol=1e-12, rtol=0
    )


def one_pair(force, lag, **values):
    pre, post = (np.array([100]), np.array([0])), (np.array([100 + lag]), np.array([0]))
    net = force(rule(**values), pre, post, 1, 1)
    bs.simulate(net, 40 * u.ms)
    return weights(net)[0, 0] - 0.5


@pytest.mark.parametrize("lag, change", [(50, A_PLUS * np.exp(-5 / 20)), (-50, -A_MINUS * np.exp(-5 / 30)), (0, 0.0)])
def test_one_pair(force, lag, change):
    assert one_pair(force, lag) == pytest.approx(change, abs=1e-14)


def test_the_weight_stays_between_its_bounds(force):
    assert one_pair(force, 10, w_max=0.505 * u.pA) == pytest.approx(0.005, abs=1e-12)
    assert one_pair(force, -10, w_min=0.495 * u.pA) == pytest.approx(-0.005, abs=1e-12)


def test_the_learned_weight_is_what_is_delivered(force):
    pre, post = (np.array([100, 200]), np.array([0, 0])), (np.array([150]), np.array([0]))
    net = force(rule(A_plus=2.0 * u.pA, A_minus=1.0 * u.pA), pre, post, 1, 1)
    g = np.asarray(u.get_mantissa(bs.simulate(net, 25 * u.ms, record=["post.syn.g"])["post.syn.g"]))[:, 0]
    jump = g[199] - g[198] * np.exp(-0.1 / 5)
    assert jump == pytest.approx(0.5 + 2.0 * np.exp(-5 / 20) - 1.0 * np.exp(-5 / 30), rel=1e-12)


def test_reset_forgets_and_values_do_not_compile_again(force, trains):
    pre, post = trains(2, 500, 0.02, 1), trains(2, 500, 0.02, 2)
    net = force(rule(), pre, post, 2, 2)
    bs.simulate(net, 60 * u.ms)
    learned, compiled = weights(net), engine.run_chunk._cache_size()
    net.reset()
    assert np.all(weights(net) == 0.5)
    bs.simulate(net, 60 * u.ms)
    assert np.array_equal(weights(net), learned)
    net.reset()
    net["pre->post"].plasticity.A_plus = 0.05 * u.pA
    bs.simulate(net, 50 * u.ms)
    assert not np.allclose(weights(net), learned)
    assert engine.run_chunk._cache_size() == compiled


def test_spike_trains_shape_synapses_that_send_nothing(trains):
    """All pairs of given spikes, summed; the post spike counts when fired, the pre spike after the delay."""
    (pre, i), (post, j) = trains(3, 400, 0.03, 5), trains(4, 400, 0.03, 6)
    net = bs.Network()
    net.pre, net.post = (bs.sources.SpikeTimes(n, t * 0.5 * u.ms, k) for n, t, k in ((3, pre, i), (4, post, j)))
    stdp = bs.plasticity.PairSTDP(A_plus=0.01 * u.nS, A_minus=-0.02 * u.nS, tau_minus=30 * u.ms, w_max=1e3 * u.nS)
    learning = net.connect(
        net.pre, net.post, bs.AllToAll(), receptor=None, weight=0.1 * u.nS, delay=1 * u.ms, plasticity=stdp
    )
    bs.simulate(net, 210 * u.ms, dt=0.5 * u.ms)
    lag = 0.5 * (post[None] - pre[:, None] - 2)  # ms
    change = np.where(lag > 0, 0.01 * np.exp(-np.abs(lag) / 20), 0.02 * np.exp(-np.abs(lag) / 30)) * (lag != 0)
    expected = 0.1 + np.stack([np.stack([change[np.ix_(i == a, j == b)].sum() for b in range(4)]) for a in range(3)])
    np.testing.assert_allclose(learning.weight.to_decimal(u.nS), expected, rtol=1e-12)


@pytest.mark.parametrize("receptor", ["syn", None])
def test_a_delay_has_one_meaning_whatever_its_form(trains, receptor):
    """The same delay for all, and for each: the same weights, and the same input to the membrane to the last bit."""
    (pre, i), (post, j) = trains(3, 300, 0.03, 5), trains(4, 300, 0.03, 6)

    def run(delay):
        net = bs.Network()
        net.pre, net.force = (bs.sources.SpikeTimes(n, t * 0.1 * u.ms, k) for n, t, k in ((3, pre, i), (4, post, j)))
        net.post = bs.neurons.LIF(4)
        net.post.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential(reversal=0 * u.mV))
        net.connect(net.force, net.post, bs.OneToOne(), receptor="kick", weight=1000 * u.mV)
        stdp = bs.plasticity.TripletSTDP(A2_plus=0.1 * u.nS, A2_minus=0.2 * u.nS, A3_plus=0.1 * u.nS, w_max=9 * u.nS)
        net.connect(
            net.pre, net.post, bs.AllToAll(), receptor=receptor, weight=5 * u.nS, delay=delay * u.ms, plasticity=stdp
        )
        rec = bs.simulate(net, 35 * u.ms, record=["post.V", "pre->post.weight"])
        return rec["post.V"].mantissa, rec["pre->post.weight"].mantissa

    for one, each in zip(run(1.3), run(np.full((3, 4), 1.3))):
        assert np.ptp(each) > 0.1 or receptor is None
        np.testing.assert_array_equal(one, each)


def test_wrong_values_are_refused(force):
    with pytest.raises(bs.UnknownNameError, match="PairSTDP has no 'tau_pluss'. Did you mean 'tau_plus'"):
        rule(tau_pluss=1 * u.ms)
    pre = post = (np.array([100]), np.array([0]))
    with pytest.raises(bs.UnitError, match=r"pre->post\.plasticity\.A_plus: expected pA, given mV"):
        force(rule(A_plus=1 * u.mV), pre, post, 1, 1)
    shared = rule()
    force(shared, pre, post, 1, 1)
    with pytest.raises(ValueError, match="already belongs to pre->post.plasticity"):
        force(shared, pre, post, 1, 1)
