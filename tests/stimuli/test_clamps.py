"""Clamps of point neurons: Ohm's law, windows, and signals that move by themselves."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def clamped(**clamps):
    net = bs.Network(seed=1)
    net.cell = bs.neurons.LIF(1, tau=10 * u.ms, R=100 * u.Mohm, E_L=-70 * u.mV, V_th=100 * u.mV, V=-70 * u.mV)
    net.cell.add_stimuli(**clamps)
    return net


def test_a_voltage_clamp_is_a_voltage_divider():
    """R = 100 Mohm and R_s = 25 Mohm: V goes four fifths of the way to the command, with tau of 10 ms / 5."""
    net = clamped(clamp=bs.stimuli.VoltageClamp(-20 * u.mV, R_s=25 * u.Mohm, stop=30 * u.ms))
    rec = bs.simulate(net, 60 * u.ms, dt=0.1 * u.ms, record=["cell.V", "cell.clamp.current_injected"])
    t = rec.times.to_decimal(u.ms)
    on = t < 30.05
    np.testing.assert_allclose(rec["cell.V"].mantissa[on, 0], -70 + 40 * (1 - np.exp(-t[on] / 2)), atol=1e-9)
    after = -70 + (rec["cell.V"].mantissa[299, 0] + 70) * np.exp(-(t[~on] - 30) / 10)
    np.testing.assert_allclose(rec["cell.V"].mantissa[~on, 0], after, atol=1e-9)
    I = rec["cell.clamp.current_injected"].to_decimal(u.nA)[:, 0]  # at the end of each step
    np.testing.assert_allclose(I[on], (10 + 40 * np.exp(-t[on] / 2)) / 25, atol=1e-9)
    assert not I[~on].any()


def test_a_dynamic_clamp_injects_a_conductance():
    net = clamped(clamp=bs.stimuli.ConductanceClamp(bs.stimuli.Step([0, 40] * u.nS, [0, 5] * u.ms), 0 * u.mV))
    bs.simulate(net, 100 * u.ms, dt=0.1 * u.ms)
    np.testing.assert_allclose(net.cell.V.mantissa, -70 * 10 / 50, rtol=1e-9)  # 10 nS of the leak, 40 to 0 mV


def test_a_command_that_moves_by_itself_moves():
    """An Ornstein-Uhlenbeck command of 5 mV through a resistance that does not filter it."""
    command = bs.stimuli.OrnsteinUhlenbeck(-70 * u.mV, 5 * u.mV, 2 * u.ms)
    net = clamped(clamp=bs.stimuli.VoltageClamp(command, R_s=0.1 * u.Mohm))
    rec = bs.simulate(net, 2000 * u.ms, dt=0.1 * u.ms, record="cell.V")
    assert np.std(rec["cell.V"].mantissa) == pytest.approx(5, rel=0.15)


def test_what_cannot_be_clamped_is_refused():
    hh = bs.neurons.HodgkinHuxley(1)
    with pytest.raises(
        ValueError, match=r"a voltage clamp injects a current, and the input here is in .*; give .* an area"
    ):
        hh.add_stimuli(clamp=bs.stimuli.VoltageClamp(-20 * u.mV))
    exact = bs.neurons.LIF(1, spike_times="exact", refractory=2 * u.ms)
    with pytest.raises(ValueError, match="clamps are not for neurons with spike_times='exact'"):
        exact.add_stimuli(clamp=bs.stimuli.VoltageClamp(-20 * u.mV))
    with pytest.raises(ValueError, match="a clamp acts on a membrane potential"):
        bs.neurons.FitzHughNagumo(1).add_stimuli(clamp=bs.stimuli.ConductanceClamp(1 * u.nS, 0 * u.mV))
    with pytest.raises(bs.UnitError, match="expected mV"):
        bs.neurons.LIF(1).add_stimuli(clamp=bs.stimuli.VoltageClamp(3 * u.nA))


def test_two_clamps_of_one_place_are_told():
    """Neither holds its command there; apart in place or time, each does."""
    clamp = lambda command, **window: bs.stimuli.VoltageClamp(command * u.mV, **window)
    net = bs.Network()
    net.cell = bs.neurons.LIF(3)
    net.cell[:2].add_stimuli(a=clamp(-50, stop=10 * u.ms))
    net.cell[2:].add_stimuli(b=clamp(-70))
    net.cell[:2].add_stimuli(later=clamp(-60, start=10 * u.ms))
    with pytest.warns(UserWarning, match="cell.c: cell.(b|later) clamps the same place at the same time"):
        net.cell[1:].add_stimuli(c=clamp(-40, start=20 * u.ms))
    net.point, net.shape = (
        bs.neurons.LIF(1),
        bs.cells.MultiCompartment(1, bs.cells.cylinder(60 * u.um, 2 * u.um, type="soma"), compartments=3),
    )
    with pytest.warns(UserWarning, match="point.two: point.one clamps"):  # given together
        net.point.add_stimuli(one=clamp(-50), two=clamp(-70))
    net.shape.add_stimuli(one=clamp(-50).on(bs.cells.at("soma", 0.1)), two=clamp(-50).on(bs.cells.at("soma", 0.9)))
