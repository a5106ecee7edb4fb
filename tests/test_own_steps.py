"""Populations with steps of their own: as in a network whose steps they are."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def network(**own):
    net = bs.Network(seed=0)
    net.P = bs.sources.PoissonGroup(20, rate=100 * u.Hz, **own)
    net.E = bs.neurons.LIF(5, R=100 * u.Mohm, refractory=3 * u.ms, **own)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV))
    net.E.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(80 * u.pA, 50 * u.pA, 5 * u.ms))
    net.connect(net.P, net.E, bs.FixedProbability(0.5), receptor="ampa", weight=2 * u.nS)
    return net


RECORD = {"E.V": 1 * u.ms, "E.ampa.g": 1 * u.ms, "E.I": 1 * u.ms, "E.spikes": None, "P.spikes": None}


@pytest.fixture(scope="module")
def slow():
    return bs.simulate(network(dt=1 * u.ms), 60 * u.ms, record=RECORD)


def test_a_network_of_them_is_the_network_in_these_steps(slow):
    alone = bs.simulate(network(), 60 * u.ms, dt=1 * u.ms, record=RECORD)
    for label in ("E.V", "E.ampa.g", "E.I"):
        np.testing.assert_allclose(slow[label].mantissa, alone[label].mantissa, rtol=1e-9)
    for name in ("E", "P"):
        np.testing.assert_array_equal(slow.spikes[name].steps, 10 * alone.spikes[name].steps)
        np.testing.assert_array_equal(slow.spikes[name].indices, alone.spikes[name].indices)
    assert len(slow.spikes["E"]) > 3


def test_the_step_of_the_network_may_change(slow):
    net = network(dt=1 * u.ms)
    first = bs.simulate(net, 30 * u.ms, record=RECORD)
    second = bs.simulate(net, 30 * u.ms, dt=0.25 * u.ms, record=RECORD)
    V = np.concatenate([first["E.V"].mantissa, second["E.V"].mantissa])
    np.testing.assert_allclose(V, slow["E.V"].mantissa, rtol=1e-9)


def test_beside_fast_ones_they_fire_at_the_ends_of_their_steps():
    net = bs.Network(seed=0)
    net.slow = bs.neurons.LIF(
        1, V=-60 * u.mV, E_L=-60 * u.mV, V_th=-50 * u.mV, tau=20 * u.ms, R=100 * u.Mohm, dt=1 * u.ms
    )
    net.slow.add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
    net.fast = bs.neurons.LIF(1, V=-60 * u.mV, E_L=-60 * u.mV, V_th=0 * u.mV, tau=20 * u.ms)
    net.fast.add_receptors(d=bs.receptors.Delta())
    net.connect(net.slow, net.fast, bs.OneToOne(), receptor="d", weight=1 * u.mV, delay=0.3 * u.ms)
    rec = bs.simulate(net, 12 * u.ms, record=["slow.spikes", "slow.V", "fast.V"])
    np.testing.assert_array_equal(rec.spikes["slow"].steps, [90])  # 20 ms * ln(30 / 20) = 8.1 ms
    V = rec["slow.V"][:, 0].mantissa
    np.testing.assert_allclose(V[9:90:10][:8], -60 + 30 * (1 - np.exp(-np.arange(1, 9) / 20)), rtol=1e-9)
    assert len(np.unique(V[10:19])) == 1  # nothing moves within a step
    moved = rec["fast.V"][:, 0].mantissa
    np.testing.assert_allclose(moved[[92, 93, 94]], [-60, -60 + np.exp(-0.1 / 20), -60 + np.exp(-0.2 / 20)], rtol=1e-9)
    assert "slow: receptors and units advance at the ends of steps of 1 ms" in net.schedule()


def test_in_a_function_and_a_sweep(slow):
    run = bs.function(network(dt=1 * u.ms), 10 * u.ms, record=["E.V"])
    _, found = run({}, run.state)
    np.testing.assert_allclose(found["E.V"][9::10], slow["E.V"].mantissa[:10], rtol=1e-9)
    swept = bs.sweep(network(dt=1 * u.ms), {"E.tau": [10, 20] * u.ms}, 10 * u.ms, record={"E.V": 1 * u.ms})
    np.testing.assert_allclose(swept[1]["E.V"].mantissa, slow["E.V"].mantissa[:10], rtol=1e-9)


def test_what_are_no_steps_is_refused():
    with pytest.raises(bs.UnitError, match="LIF: dt: expected ms"):
        bs.neurons.LIF(1, dt=1 * u.mV)
    with pytest.raises(ValueError, match="LIF: dt: expected one positive time"):
        bs.neurons.LIF(1, dt=0 * u.ms)
    with pytest.raises(ValueError, match="E: its dt, 1 ms, is not a multiple of dt = 0.3 ms"):
        bs.simulate(network(dt=1 * u.ms), 3 * u.ms, dt=0.3 * u.ms)
    net = bs.Network()
    net.E = bs.neurons.LIF(1, dt=1 * u.ms, spike_times="interpolated")
    with pytest.raises(ValueError, match="leave out spike_times"):
        bs.simulate(net, 1 * u.ms)


@pytest.mark.parametrize("delay", [None, 0.5 * u.ms], ids=["at once", "later"])
def test_of_a_graded_signal_they_see_the_value_at_which_their_own_step_begins(delay):
    net = bs.Network()
    net.fast = bs.neurons.from_equations("dx/dt = 1/ms : 1", x=2.0)(3)
    net.slow = bs.neurons.from_equations("dy/dt = J/ms : 1 \n J : 1 (input)")(2, dt=2 * u.ms)
    net.slow.add_receptors(g=bs.receptors.Graded())
    net.connect(net.fast, net.slow, bs.AllToAll(), receptor="g", signal="x", weight=0.5, delay=delay)
    y = bs.simulate(net, 8 * u.ms, record="slow.y")["slow.y"][:, 0]
    late = 0.0 if delay is None else 0.5
    began = 1.5 * (2 + np.maximum(np.arange(0, 8, 2) - late, 0))  # sums of three, half of each
    np.testing.assert_allclose(y[19::20], 2 * np.cumsum(began), rtol=1e-9)


def test_among_each_other_they_couple_as_in_a_network_of_these_steps():
    def coupled(step, **own):
        net = bs.Network()
        net.m = bs.neurons.from_equations("dv/dt = (I - v)/(5*ms) : 1 \n I : 1 (input)")(4, v=np.arange(4.0), **own)
        net.m.add_receptors(gap=bs.receptors.Coupling(lambda x, y, w: w * u.math.tanh(x - y), of="v"))
        net.connect(net.m, net.m, bs.AllToAll(), receptor="gap", signal="v", weight=0.4)
        return bs.simulate(net, 6 * u.ms, dt=step, record={"m.v": 1 * u.ms})["m.v"]

    np.testing.assert_allclose(coupled(0.25 * u.ms, dt=1 * u.ms), coupled(1 * u.ms), rtol=1e-9)
