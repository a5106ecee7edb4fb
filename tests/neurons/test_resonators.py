"""Resonators against programs of their own: complex numbers step by step, and the paper's with Euler's method."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs

ATOL = {np.float64: 1e-11, np.float32: 2e-5}
RNG = np.random.default_rng(0)
PULSES = RNG.random((300, 2)) * (RNG.random((300, 2)) < 0.3)


def run(cell, dt=1.0, pulses=PULSES):
    net = bs.Network()
    net.S, net.E = bs.sources.SpikeInput(2), cell
    cell.add_receptors(pulse=bs.receptors.Delta())
    net.connect(net.S, net.E, bs.OneToOne(), receptor="pulse", weight=1 * u.mV)
    rec = bs.simulate(
        net, len(pulses) * dt * u.ms, dt=dt * u.ms, record=["E.x", "E.V", "E.spikes"], inputs={"S.input": pulses}
    )
    spikes = np.zeros(pulses.shape)
    spikes[rec.spikes["E"].steps - 1, rec.spikes["E"].indices] = 1
    return *(np.asarray(rec[name].to_decimal(u.mV)) for name in ("E.x", "E.V")), spikes


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_resonate_and_fire_is_a_complex_number_that_turns(dtype):
    with jax.enable_x64(dtype is np.float64):
        x, V, spikes = run(bs.neurons.ResonateAndFire(2, tau=15 * u.ms, frequency=[20.0, 60.0] * u.Hz))
    step = np.exp(-1 / 15 + 2j * np.pi * np.array([0.02, 0.06]))
    z, sent = np.zeros(2, complex), np.zeros(2)
    for t in range(300):
        before, z = z, step * (z + sent)
        fired = (before.imag <= 1.0) & (z.imag > 1.0)
        z = np.where(fired, 1j, z)
        np.testing.assert_allclose(x[t] + 1j * V[t], z, atol=ATOL[dtype])
        np.testing.assert_array_equal(spikes[t], fired)
        sent = PULSES[t]
    assert spikes.sum() > 20


def test_a_constant_input_is_exact():
    """z goes to I / (beta - i omega), from which it is as far as the solution says, at any dt."""
    cell = bs.neurons.ResonateAndFire(1, tau=10 * u.ms, frequency=30 * u.Hz, V_th=1e9 * u.mV)
    cell.add_stimuli(drive=bs.stimuli.Constant(0.2 * u.mV / u.ms))
    net = bs.Network()
    net.E = cell
    rec = bs.simulate(net, 30 * u.ms, dt=2.5 * u.ms, record=["E.x", "E.V"])
    z = np.asarray(rec["E.x"].to_decimal(u.mV))[:, 0] + 1j * np.asarray(rec["E.V"].to_decimal(u.mV))[:, 0]
    rate = -0.1 + 2j * np.pi * 0.03
    np.testing.assert_allclose(z, 0.2 * (np.exp(rate * 2.5 * np.arange(1, 13)) - 1) / rate, rtol=1e-11)


def test_another_method_integrates_the_same_equations():
    exact = run(bs.neurons.ResonateAndFire(2, tau=15 * u.ms, frequency=20 * u.Hz), 0.25)
    stepped = run(bs.neurons.ResonateAndFire(2, tau=15 * u.ms, frequency=20 * u.Hz, method="rk4"), 0.25)
    np.testing.assert_allclose(stepped[0], exact[0], atol=1e-6)
    assert exact[2].sum() > 5


def test_balanced_resonate_and_fire_is_that_of_the_paper():
    """Its program takes Euler steps that neither grow nor decay; with each step small, spikes are the same."""
    dt, beta, gamma = 0.05, 0.02, np.exp(-0.05 / 10)
    omega = 2 * np.pi * np.array([0.01, 0.03])
    pulses = np.zeros((6000, 2))
    pulses[::60] = 0.3
    cell = bs.neurons.BalancedResonateAndFire(
        2, beta=beta / u.ms, beta_q=1.0 / u.ms, tau_q=10 * u.ms, frequency=omega / 2 / np.pi * u.kHz, V_th=0.4 * u.mV
    )
    x, V, spikes = run(cell, dt, pulses)
    p = (-1 + np.sqrt(1 - (dt * omega) ** 2)) / dt
    z, q, sent, found = np.zeros(2, complex), np.zeros(2), np.zeros(2), []
    for t in range(len(pulses)):
        z = z + sent
        z, q = z + dt * (p - beta - q + 1j * omega) * z, q * gamma
        fired = (z.real > 0.4 + q) * 1.0
        q, sent = q + fired, pulses[t]
        found.append(fired)
    found = np.array(found)
    assert found.sum() > 10
    for k in (0, 1):
        ours, theirs = (np.flatnonzero(s[:, k]) for s in (spikes, found))
        assert len(ours) == len(theirs)
        assert np.abs(ours - theirs).max() <= 2  # steps of 0.05 ms
