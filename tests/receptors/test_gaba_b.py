"""GABA_B: its cascade is exact at any step, and its conductance weak for one spike and strong for many."""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs

K_2, K_3, K_4 = 0.0012, 0.18, 0.034


def pooled(weights, dt=0.5, duration=400.0):
    """Conductance over its maximum, (steps, n), for one volley at 10 ms of each weight; and the times."""
    n = len(weights)
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(n, np.full(n, 10.0) * u.ms, np.arange(n))
    net.E = bs.neurons.LIF(n, V_th=1e9 * u.mV)
    net.E.add_receptors(gaba=bs.receptors.GABA_B(g_max=2 * u.nS))
    net.connect(net.S, net.E, bs.OneToOne(), receptor="gaba", weight=np.asarray(weights))
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record="E.gaba.G")
    G = np.asarray(rec["E.gaba.G"] / u.uM)
    return np.asarray(rec.times / u.ms), G, np.asarray(net.E.gaba.output(G)) / (2 * u.nS).to_decimal(u.pA / u.mV)


@pytest.mark.parametrize("dt", [0.5, 5.0])
def test_the_cascade_is_its_closed_form(dt):
    """G = w K_3 (e^(-K_2 t) - e^(-K_4 t)) / (K_4 - K_2)."""
    weights = np.array([1.0, 20.0])
    times, G, _ = pooled(weights, dt)
    t = np.maximum(times - 10.0, 0.0)
    expected = K_3 * (np.exp(-K_2 * t) - np.exp(-K_4 * t)) / (K_4 - K_2)
    np.testing.assert_allclose(G, expected[:, None] * weights, rtol=1e-12, atol=1e-14)


def test_many_spikes_at_once_open_much_more_than_their_share():
    """Where few channels are open the conductance goes with the fourth power of what is released together."""
    _, _, g = pooled([0.02, 0.04, 2.0])
    peaks = g.max(axis=0)
    assert peaks[1] / peaks[0] == pytest.approx(16.0, rel=1e-3)
    assert 0.9 < peaks[2] < 1.0


def test_equal_rates_are_no_exception():
    cell = bs.neurons.LIF(1)
    cell.add_receptors(gaba=bs.receptors.GABA_B(K_2=0.034 / u.ms))
    net = bs.Network()
    net.E = cell
    net.E.gaba.r = 1.0
    bs.simulate(net, 10 * u.ms, dt=1 * u.ms)
    assert net.E.gaba.G.to_decimal(u.uM)[0] == pytest.approx(K_3 * 10 * np.exp(-0.34), rel=1e-12)


def test_the_potential_is_that_of_the_equations():
    """One volley onto a leaky cell, against scipy with a tight tolerance: what the conductance does to the membrane."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [10.0] * u.ms, [0])
    net.E = bs.neurons.LIF(1, V_th=1e9 * u.mV, tau=20 * u.ms, R=100 * u.Mohm, E_L=-60 * u.mV, V=-60 * u.mV)
    net.E.add_receptors(gaba=bs.receptors.GABA_B(g_max=20 * u.nS))
    net.connect(net.S, net.E, bs.OneToOne(), receptor="gaba", weight=1.0)
    V = np.asarray(bs.simulate(net, 200 * u.ms, record="E.V", progress=False)["E.V"] / u.mV)[:, 0]

    def slope(t, V):
        G = K_3 * (np.exp(-K_2 * (t - 10.0)) - np.exp(-K_4 * (t - 10.0))) / (K_4 - K_2)
        return (-60.0 - V + 0.1 * 20.0 * G**4 / (G**4 + 100.0) * (-95.0 - V)) / 20.0

    exact = solve_ivp(slope, (10.0, 200.0), [-60.0], rtol=1e-10, atol=1e-10, t_eval=[60.0, 120.0, 200.0]).y[0]
    assert np.ptp(exact) > 1.0
    np.testing.assert_allclose(V[[599, 1199, 1999]], exact, atol=2e-3)
