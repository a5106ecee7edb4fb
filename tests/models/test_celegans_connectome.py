"""The connectome as graded neurons: against scipy's BDF on a small table, and on the measured one against an
independent program.

The measured connectome, 279 neurons, 26 of them inhibitory (BDF, rtol 1e-6): under the input "forward" the motor
neurons oscillate at 0.47 Hz, 99.7 % of their variance in two components, with a mean standard deviation of 3.8 mV (PVR
30.6, PLMR 20.8, VB4 16.6, DB4 15.8, AVBL 8.0, VD6 1.8); thresholds DB4 497, VB4 547, PVR 1907, PLMR 4836 mV; without
input nothing moves.
"""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from models.celegans_swimmer import connectome

NAMES = ["A", "B", "C", "DD1"]
TABLE = {
    "pre": np.array(["A", "A", "B", "DD1", "C", "A", "B", "muscle"]),
    "post": np.array(["B", "C", "DD1", "A", "A", "DD1", "C", "A"]),
    "type": np.array(["chemical"] * 5 + ["electrical"] * 2 + ["chemical"]),
    "weight": np.array([3, 2, 5, 8, 4, 1, 6, 9]),
}
measured = pytest.mark.skipif(
    not (connectome.DATA / "celegans_connectome.csv").is_file(), reason="the connectome's table is not there"
)


def test_small_network_agrees_with_scipy():
    net = connectome.wire(TABLE, NAMES, input={"A": 0.02, "C": 0.01})
    syn, gap = np.zeros((4, 4)), np.zeros((4, 4))  # contacts from column to row, counted by hand
    for pre, post, n in ((0, 1, 3), (0, 2, 2), (1, 3, 5), (3, 0, 8), (2, 0, 4)):
        syn[post, pre] = n
    for a, b, n in ((0, 3, 1), (1, 2, 6)):
        gap[a, b] = gap[b, a] = n
    reversal, current = np.array([0, 0, 0, -48.0]), np.array([200.0, 0, 100, 0])  # in 0.1 pA
    a_r, a_d, s_eq = 1 / 1.5, 5 / 1.5, 1 / 11
    threshold = np.linalg.solve(
        np.diag(0.1 + gap.sum(1) + s_eq * syn.sum(1)) - gap, 0.1 * -35 + s_eq * syn @ reversal + current
    )
    np.testing.assert_allclose(np.asarray(net.neurons.V_th.to_decimal(u.mV)), threshold, rtol=1e-9)

    def slope(t, y):  # t in s, capacitance 0.015 in units of 100 pS s
        V, s = y[:4], y[4:]
        leak, junctions = 0.1 * (-35 - V), gap @ V - gap.sum(1) * V
        chemical = (syn * s) @ reversal - (syn @ s) * V
        opening = a_r * (1 - s) / (1 + np.exp(-0.125 * (V - threshold)))
        return np.concatenate([(leak + junctions + chemical + current) / 0.015, opening - a_d * s])

    net.neurons.V, net.neurons.s = np.full(4, -35.0) * u.mV, np.zeros(4)
    expected = solve_ivp(
        slope, (0, 0.5), [-35.0] * 4 + [0.0] * 4, method="BDF", rtol=1e-8, atol=1e-8, t_eval=np.arange(1, 6) * 0.1
    ).y.T
    rec = bs.simulate(net, 500 * u.ms, dt=0.01 * u.ms, record=["neurons.V", "neurons.s"], sample_every=100 * u.ms)
    np.testing.assert_allclose(np.asarray(rec["neurons.V"].to_decimal(u.mV)), expected[:, :4], atol=0.2, rtol=2e-3)
    np.testing.assert_allclose(np.asarray(rec["neurons.s"]), expected[:, 4:], atol=2e-3)


def test_inputs_and_tables_are_checked(tmp_path):
    net = connectome.wire(TABLE, NAMES)
    with pytest.raises(ValueError, match="forward"):
        connectome.set_input(net, NAMES, "forwards")
    with pytest.raises(ValueError, match="AVBL"):
        connectome.set_input(net, NAMES, "forward")
    with pytest.raises(FileNotFoundError, match="celegans_neurons.csv"):
        connectome.build(folder=tmp_path)


def test_observables_of_a_wave():
    """Two motor neurons in quadrature at 0.7 Hz, and one that is none."""
    t = 0.01 * np.arange(2000)
    values = np.stack([3 * np.sin(1.4 * np.pi * t), 3 * np.cos(1.4 * np.pi * t), 50 * np.sin(t)], 1)
    found = connectome.observables(values, ["DB1", "VA12", "AVAL"], 0.01)
    assert found["frequency"] == pytest.approx(0.7, abs=0.01)
    assert found["two_modes"] == pytest.approx(1.0)
    assert found["amplitude"] == pytest.approx(3 / np.sqrt(2), rel=1e-3)


@measured
def test_wiring_and_thresholds():
    assert len(connectome.neurons()) == 302
    names = connectome.neurons(pharynx=False)
    assert len(names) == 279
    net = connectome.build(pharynx=False)
    V_th = dict(zip(names, np.asarray(net.neurons.V_th.to_decimal(u.mV))))
    assert [V_th[n] for n in ("DB4", "VB4", "PVR", "PLMR")] == pytest.approx([497, 547, 1907, 4836], abs=1)


@measured
def test_motor_neurons_oscillate():
    values, names, found = connectome.experiment(seconds=14.0, after=7.0, pharynx=False)
    assert found["frequency"] == pytest.approx(0.47, abs=0.04)
    assert found["two_modes"] > 0.99
    assert found["amplitude"] == pytest.approx(3.8, abs=0.25)


@measured
@pytest.mark.slow
def test_limit_cycle():
    values, names, found = connectome.experiment(seconds=60.0, after=30.0, pharynx=False)
    assert found["frequency"] == pytest.approx(0.47, abs=0.02)
    spread = dict(zip(names, values[3000:].std(0)))
    expected = {"PVR": 30.6, "PLMR": 20.8, "DVA": 19.3, "LUAL": 19.2, "VB4": 16.6, "DB4": 15.8, "AVBL": 8.0, "VD6": 1.8}
    for name, value in expected.items():
        assert spread[name] == pytest.approx(value, rel=0.05, abs=0.05)
    assert connectome.experiment("none", seconds=60.0, after=50.0, pharynx=False)[2]["amplitude"] < 0.01
