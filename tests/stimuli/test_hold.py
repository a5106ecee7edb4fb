"""A clamp of any variable: the others follow their equations with it held."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.stimuli import Hold, Step


def test_gates_relax_in_closed_form_while_the_potential_is_held():
    """n of Hodgkin and Huxley (1952), at V = -40 mV from n_inf(-65 mV)."""
    net = bs.Network()
    net.E = bs.neurons.HodgkinHuxley(2, V=-65 * u.mV)
    net.E[:1].add_stimuli(clamp=Hold("V", -40 * u.mV))
    n = float(net.E.n[0])
    rec = bs.simulate(net, 10 * u.ms, dt=0.1 * u.ms, record=["E.V", "E.n", "E.spikes"])
    alpha, beta = 0.01 * 15 / (1 - np.exp(-1.5)), 0.125 * np.exp(-25 / 80)
    n_inf, tau = alpha / (alpha + beta), 1 / (alpha + beta)
    t = np.arange(1, 101) * 0.1
    np.testing.assert_allclose(rec["E.n"][:, 0], n_inf + (n - n_inf) * np.exp(-t / tau), rtol=1e-9)
    V = rec["E.V"].to_decimal(u.mV)
    np.testing.assert_array_equal(V[:, 0], -40.0)
    assert np.abs(V[:, 1] + 65).max() < 0.1 and len(rec.spikes["E"]) == 0  # the other is not held


def test_values_of_the_units_of_a_view():
    net = bs.Network()
    net.E = bs.neurons.AdEx(4)
    net.E[[3, 1]].add_stimuli(slow=Hold("w", [30.0, 10.0] * u.pA))
    net.E[2:].add_stimuli(clamp=bs.stimuli.VoltageClamp(bs.stimuli.Constant([-50.0, -60.0] * u.mV)))
    rec = bs.simulate(net, 0.2 * u.ms, record=["E.w", "E.V"])
    np.testing.assert_array_equal(rec["E.w"][-1].to_decimal(u.pA)[[3, 1]], [30, 10])
    np.testing.assert_allclose(rec["E.V"][-1].to_decimal(u.mV)[2:], [-50, -60], atol=0.1)


@pytest.mark.parametrize("method", (None, "rk4"))
def test_a_signal_in_a_window(method):
    net = bs.Network()
    net.E = bs.neurons.AdEx(3, method=method)
    w = np.array([10.0, 20.0, 30.0])
    net.E.add_stimuli(
        slow=Hold("w", w * u.pA, stop=2 * u.ms),
        steps=Hold("V", Step([-70, -55] * u.mV, times=[0, 1] * u.ms), start=0.5 * u.ms, stop=2 * u.ms),
    )
    rec = bs.simulate(net, 3 * u.ms, record=["E.w", "E.V"])
    V, w_t = rec["E.V"].to_decimal(u.mV), rec["E.w"].to_decimal(u.pA)
    np.testing.assert_array_equal(w_t[:20], np.broadcast_to(w, (20, 3)))
    np.testing.assert_array_equal(V[5:20, 0], np.repeat([-70.0, -55.0], [5, 10]))
    assert np.all(V[4] != -70) and np.all(V[20] != -55) and np.all(w_t[20] != w)
    # after the window the equations go on: tau_w w' = a (V - E_L) - w
    a, E_L, tau = (float(getattr(net.E, k).to_decimal(x)) for k, x in (("a", u.nS), ("E_L", u.mV), ("tau_w", u.ms)))
    slope = (a * (-55 - E_L) - w) / tau
    np.testing.assert_allclose((w_t[20] - w) / 0.1, slope, rtol=0.02)


def test_a_variable_with_noise_is_held_too():
    class Noisy(bs.neurons.Neuron):
        """dx = -x dt + dW."""

        default_method = "euler_maruyama"
        inputs = {}
        x = bs.State(0.0, "x")

        def derivative(self, t, x):
            return -x / (1 * u.ms)

        def diffusion(self, t, x):
            return 1.0 / u.ms**0.5

        def fires(self, before, after):
            return after["x"] > 1e9

    net = bs.Network()
    net.E = Noisy(2)
    net.E.add_stimuli(fix_x=Hold("x", np.array([1.0, 2.0]), stop=1 * u.ms))
    x = bs.simulate(net, 2 * u.ms, record="E.x")["E.x"]
    np.testing.assert_array_equal(x[:10], np.broadcast_to([1.0, 2.0], (10, 2)))
    assert np.all(x[10:] != x[9])


def test_what_cannot_be_held_is_refused():
    net = bs.Network()
    net.E = bs.neurons.AdEx(2)
    with pytest.raises(bs.UnknownNameError, match="E.h: there is no variable 'v' to hold.*V"):
        net.E.add_stimuli(h=Hold("v", -40 * u.mV))
    with pytest.raises(bs.UnitError, match="expected mV"):
        net.E.add_stimuli(h=Hold("V", 3 * u.pA))
    net.P = bs.sources.PoissonGroup(2)
    with pytest.raises(bs.UnknownNameError, match="no variable 'rate'"):
        net.P.add_stimuli(h=Hold("rate", 3 * u.Hz))
    net.X = bs.neurons.LIF(2, spike_times="exact")
    with pytest.raises(ValueError, match="not for neurons with spike_times='exact'"):
        net.X.add_stimuli(h=Hold("V", -60 * u.mV))
    assert not net.E.parts(bs.stimuli.Stimulus)


def test_two_of_one_variable_at_once_are_refused_and_one_after_the_other_hold():
    net = bs.Network()
    net.cell = bs.neurons.AdEx(3)
    hold = lambda value, **window: bs.stimuli.Hold("w", value * u.pA, **window)
    net.cell[:2].add_stimuli(first=hold(30, stop=5 * u.ms))
    with pytest.raises(ValueError, match="cell.second: cell.first holds 'w' of the same units at the same time"):
        net.cell[1:].add_stimuli(third=hold(1, start=9 * u.ms), second=hold(50))
    with pytest.raises(ValueError, match="cell.two: cell.one holds 'w'"):  # given together
        net.cell[:1].add_stimuli(one=hold(1, start=9 * u.ms), two=hold(2, start=9 * u.ms))
    net.cell.add_stimuli(second=hold(50, start=5 * u.ms))
    rec = bs.simulate(net, 10 * u.ms, record="cell.w")["cell.w"].to_decimal(u.pA)
    np.testing.assert_allclose(rec[:50, :2], 30)
    np.testing.assert_allclose(rec[50:], 50)
