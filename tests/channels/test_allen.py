"""Channels of the Allen models against their published formulas, written anew, at two temperatures."""

import brainunit as u
import jax
import numpy as np
import pytest

from brainsim import channels

V = np.linspace(-110.0, 50.0, 33) + 0.013


def vtrap(x, y):
    return x / np.expm1(x / y)


def sodium(m_half, h_half, q):
    a, b = 0.182 * vtrap(-(V - m_half), 6), 0.124 * vtrap(V - m_half, 6)
    c, d = 0.015 * vtrap(V - h_half, 6), 0.015 * vtrap(-(V - h_half), 6)
    return {"m": (a / (a + b), 1 / (a + b) / q), "h": (c / (c + d), 1 / (c + d) / q)}


def kv2(q):
    a, b = 0.12 * vtrap(-(V - 43), 11.0), 0.02 * np.exp(-(V + 1.27) / 120)
    h = 1 / (1 + np.exp((V + 58) / 11))
    one = 360 + (1010 + 23.7 * (V + 54)) * np.exp(-(((V + 75) / 48) ** 2))
    two = 2350 + 1380 * np.exp(-0.011 * V) - 210 * np.exp(-0.03 * V)
    return {"m": (a / (a + b), 2.5 / (a + b) / q), "h1": (h, one / q), "h2": (h, two / q)}


def muscarinic(q):
    a, b = 0.007 * np.exp(6 * 0.4 * (V + 48) / 26.12), 0.007 * np.exp(-6 * 0.6 * (V + 48) / 26.12)
    return {"m": (a / (a + b), (15 + 1 / (a + b)) / q)}


def transient(q):
    m, h = 1 / (1 + np.exp(-(V + 47) / 29)), 1 / (1 + np.exp((V + 66) / 10))
    return {
        "m": (m, (0.34 + 0.92 * np.exp(-(((V + 71) / 59) ** 2))) / q),
        "h": (h, (8 + 49 * np.exp(-(((V + 73) / 23) ** 2))) / q),
    }


def persistent(q):
    tau = 1.25 + np.where(V < -50, 175.03 * np.exp(0.026 * V), 13 * np.exp(-0.026 * V))
    slow = 360 + (1010 + 24 * (V + 55)) * np.exp(-(((V + 75) / 48) ** 2))
    return {"m": (1 / (1 + np.exp(-(V + 14.3) / 14.6)), tau / q), "h": (1 / (1 + np.exp((V + 54) / 11)), slow / q)}


def slow(q):
    steady = 1 / (1 + np.exp(-(V + 43) / 8)), 1 / (1 + np.exp((V + 67) / 7.3))
    return {"m": (steady[0], np.ones_like(V)), "h": (steady[1], 1500 * np.ones_like(V))}


#: How much conducts at gates of 0.3, 0.4, ...
OPEN = dict(NaTs_Allen=0.3**3 * 0.4, NaTa_Allen=0.3**3 * 0.4, Kv2_Allen=0.3**2 * 0.45, KM_Allen=0.3, KT_Allen=0.3**4 * 0.4,
            KP_Allen=0.3**2 * 0.4, Kd_Allen=0.3 * 0.4)  # fmt: skip
CASES = {
    "Kd_Allen": (21, lambda q: slow(1)),
    "NaTs_Allen": (23, lambda q: sodium(-40, -66, q)),
    "NaTa_Allen": (23, lambda q: sodium(-48, -69, q)),
    "Kv2_Allen": (21, kv2),
    "KM_Allen": (30, muscarinic),
    "KT_Allen": (21, transient),
    "KP_Allen": (21, persistent),
}


@pytest.mark.parametrize("name", CASES)
def test_gates(name):
    measured, formulas = CASES[name]
    for celsius in (25.0, 34.0):
        model = getattr(channels, name)(**{} if name == "Kd_Allen" else dict(celsius=celsius))
        expected = formulas(2.3 ** ((celsius - measured) / 10))
        steady, slopes = model.steady_state(V * u.mV), model.slopes(V * u.mV, **dict.fromkeys(expected, 0.3))
        for gate, (x, tau) in expected.items():
            np.testing.assert_allclose(steady[gate], x, rtol=1e-9, atol=1e-14, err_msg=gate)
            np.testing.assert_allclose(slopes[gate].to_decimal(u.kHz), (x - 0.3) / tau, rtol=1e-9, err_msg=gate)
    gates = {gate: 0.3 + 0.1 * k for k, gate in enumerate(expected)}
    current = model.current(0 * u.mV, **gates)
    per = (model.g_max * model.E).to_decimal(u.uA / u.cm2)
    np.testing.assert_allclose(current.to_decimal(u.uA / u.cm2) / per, OPEN[name], rtol=1e-9)


def test_persistent_sodium_activates_at_once():
    current = channels.NaP_Allen(gbar=1 * u.mS / u.cm2, ena=50 * u.mV).currents(V * u.mV, h=0.4)["Na"]
    expected = 0.4 / (1 + np.exp(-(V + 52.6) / 4.6)) * (50 - V)
    np.testing.assert_allclose(current.to_decimal(u.uA / u.cm2), expected, rtol=1e-9)


def scheme(v):
    """Two rows of six states, whose rungs inactivate: rates per ms from each state (column) to each (row), at 37 °C."""
    matrix = np.zeros((12, 12))

    def pair(a, b, there, back):
        for source, target, rate in ((a, b, there), (b, a, back)):
            matrix[target, source] += rate
            matrix[source, source] -= rate

    for row, a, b in ((0, 1.0, 1.0), (6, 2.51, 5.32)):
        for k in range(4):
            pair(row + k, row + k + 1, (4 - k) * 400 * a * np.exp(v / 24), (k + 1) * 12 / b * np.exp(-v / 24))
        pair(row + 4, row + 5, 250, 60)
    for k in range(5):
        pair(k, 6 + k, 0.01 * 2.51**k, 40 / 5.32**k)
    pair(5, 11, 8, 0.05)
    return matrix


def test_the_scheme_of_sodium_starts_where_the_published_file_does():
    """All equations of its LINEAR block: the matrix, but for one element. The slopes are the matrix, three degrees below where
    it was measured.
    """
    names = ["C1", "C2", "C3", "C4", "C5", "O", "I1", "I2", "I3", "I4", "I5", "I6"]
    x = np.linspace(0.01, 0.12, 12)
    with jax.enable_x64(True):
        model = channels.NaV_Allen(celsius=34.0)
        for v in (-80.0, -40.0, 0.0):
            begin = scheme(v)
            begin[8, 9], begin[11] = 40 / 5.32**2, 1.0
            steady = np.linalg.solve(begin, np.eye(12)[11])
            found, slopes = model.steady_state(v * u.mV), model.slopes(v * u.mV, **dict(zip(names, x)))
            np.testing.assert_allclose([float(found[n]) for n in names], steady, rtol=1e-7, atol=1e-13)
            expected = 2.3**-0.3 * scheme(v) @ x
            np.testing.assert_allclose([float(slopes[n].to_decimal(u.kHz)) for n in names], expected, rtol=1e-9)
