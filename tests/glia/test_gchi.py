"""An astrocyte against its published equations, written here in NumPy with the published numbers and solved by SciPy.

Concentrations are in uM, times in s.
"""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs

START = (0.01, 0.9, 0.01, 0.0)
DT = 10 * u.ms


def slope(t, y, Y_S, J=0.0):
    """Stimberg et al. (2019), section 3.1, with the numbers of their table."""
    C, h, I, G = y  # noqa: E741
    m_inf = I / (I + 0.13) * C / (C + 0.08)
    J_r, J_l, J_p = 6 * m_inf**3 * h**3 * (2 - 1.18 * C), 0.1 * (2 - 1.18 * C), 0.9 * C**2 / (C**2 + 0.05**2)
    Q_2 = 1.05 * (I + 0.13) / (I + 0.9434)
    h_inf, tau_h = Q_2 / (Q_2 + C), 1 / (0.2 * (Q_2 + C))
    J_beta, J_delta = 0.5 * G, 1.2 / (1 + I / 1.5) * C**2 / (C**2 + 0.1**2)
    J_3K, J_5P = 4.5 * C**4 / (C**4 + 0.7**4) * I / (I + 1), 0.05 * I
    dG = 0.3 * Y_S * (1 - G) - 0.5 * (1 + 10 * C / (C + 0.5)) * G
    return J_r + J_l - J_p, (h_inf - h) / tau_h, J_beta + J_delta - J_3K - J_5P + J, dG


@pytest.fixture(scope="module")
def cells():
    """Three astrocytes for 20 s, with three concentrations of transmitter and of what diffuses in; and what they give."""
    Y_S, J = np.array([0.0, 1.0, 200.0]), np.array([0.0, 0.05, 0.0])
    net = bs.Network()
    net.A = bs.glia.GChI(3, Y_S=Y_S * u.uM)
    net.A.add_stimuli(J=bs.stimuli.Constant(J * u.uM / u.second))
    names = ["C", "h", "IP3", "Gamma_A", "x_A", "G_A", "Gamma_S"]
    rec = bs.simulate(net, 20 * u.second, dt=DT, record=["A.spikes", *(f"A.{name}" for name in names)])
    return Y_S, J, rec, {name: np.asarray(u.get_mantissa(rec[f"A.{name}"])) for name in names}


def test_calcium_is_that_of_the_solution(cells):
    Y_S, J, rec, found = cells
    times = np.asarray(rec.times / u.second)
    for k in range(3):
        y = solve_ivp(
            slope, (0, 20), START, t_eval=times, args=(Y_S[k], J[k]), method="LSODA", rtol=1e-10, atol=1e-12
        ).y
        for name, expected in zip(("C", "h", "IP3", "Gamma_A"), y):
            atol = 1e-3 if name == "Gamma_A" else 1e-5  # uM; binding takes 17 ms at 200 uM
            np.testing.assert_allclose(found[name][:, k], expected, rtol=1e-4, atol=atol, err_msg=name)
    assert np.ptp(found["C"][:, 2]) > 0.4  # it has been up


def test_it_releases_once_when_calcium_crosses(cells):
    _, _, rec, found = cells
    C, spikes = found["C"], rec.spikes["A"]
    for k in range(3):
        crossings = np.flatnonzero((C[1:, k] > 0.5) & (C[:-1, k] <= 0.5)) + 1
        np.testing.assert_array_equal(np.asarray(spikes.steps)[spikes.indices == k] - 1, crossings)
    assert len(spikes) >= 2
    k, at = spikes.indices[0], np.asarray(spikes.steps)[0] - 1
    x, G, S = found["x_A"][at:, k], found["G_A"][at:, k], found["Gamma_S"][at:, k]
    assert x[0] == pytest.approx(0.4) and G[0] == pytest.approx(6.5e-4 * 200e3 * 0.6)  # uM
    assert found["x_A"][at - 1, k] == 1 and found["G_A"][at - 1, k] == 0
    t = 0.01 * np.arange(100)
    np.testing.assert_allclose(x[:100], 1 - 0.6 * np.exp(-0.6 * t), rtol=1e-6)
    np.testing.assert_allclose(G[:8], G[0] * np.exp(-60 * t[:8]), rtol=1e-2)  # 0.1 % a step
    bound = 1 - np.exp(-1.5 * G[0] / 60)  # all of it has met the synapses before any leaves
    assert S[30] == pytest.approx(bound * np.exp(-0.3 / 120), rel=2e-2)


def test_ip3_passes_where_there_is_much_more_of_it():
    x, y = np.array([0.1, 0.1, 0.5, 1.0, 0.1]), np.array([0.1, 0.2, 0.1, 0.1, 1.0])
    d = y - x  # as Brian2's example has it
    expected = -(1 + np.tanh((np.abs(d) - 0.3) / 0.05)) * np.sign(d) * 0.09 / 2
    found = bs.glia.diffusion(x * u.uM, y * u.uM, 0.09 * u.uM / u.second)
    np.testing.assert_allclose(found / (u.uM / u.second), expected, rtol=1e-12)


def test_bad_values_are_refused():
    with pytest.raises(bs.UnitError, match="GChI.C_T: expected uM"):
        bs.glia.GChI(1, C_T=2.0)
    with pytest.raises(ValueError, match="GChI.U_A"):
        bs.glia.GChI(1, U_A=1.5)
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'IP3'"):
        bs.glia.GChI(1, IP_3=0.1 * u.uM)
