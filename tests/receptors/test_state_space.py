"""State spaces against the recurrences of their papers, written out with complex numbers."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
TAU = np.array([30.0, 100.0, 700.0])


def course(receptor, dtype, x=X):
    """Potential of a membrane without time of its own, of three inputs one to one."""
    with jax.enable_x64(dtype is np.float64):
        net = bs.Network()
        net.S, net.E = bs.sources.SpikeInput(3), bs.nn.LeakyIntegrator(3, tau=1e-3 * u.ms)
        net.E.add_receptors(memory=receptor)
        net.connect(net.S, net.E, bs.OneToOne(), receptor="memory", weight=1 * u.pA)
        rec = bs.simulate(net, len(x) * u.ms, dt=1 * u.ms, record="E.V", inputs={"S.input": x})
    return np.asarray(rec["E.V"].to_decimal(u.mV)), np.asarray(receptor.frequency.to_decimal(u.kHz))


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-11), (np.float32, 2e-5)])
def test_one_mode_is_an_lru(dtype, rtol):
    """x = lambda x + u, y = Re(c x), of which the membrane sees the mean over a step."""
    frequency = RNG.uniform(0, 80, 3)
    c = RNG.normal(size=3) + 1j * RNG.normal(size=3)
    receptor = bs.receptors.StateSpace(1, tau=TAU * u.ms, frequency=frequency * u.Hz, c_re=c.real, c_im=c.imag)
    V, _ = course(receptor, dtype)
    rate = -1 / TAU + 2e-3j * np.pi * frequency
    x = np.zeros(3, complex)
    for t in range(60):
        np.testing.assert_allclose(V[t], (c * x * (np.exp(rate) - 1) / rate).real, rtol=rtol, atol=rtol)
        x = np.exp(rate) * x + X[t]


def test_modes_are_those_of_s4d_lin():
    """lambda_n = (-1/2 + i pi n) / T with T = tau / 2, and a kernel that is that of their sum."""
    V, f = course(bs.receptors.StateSpace(4, tau=TAU * u.ms), np.float64)
    assert f.shape == (4, 3)
    rate = (-0.5 + 1j * np.pi * np.arange(4)[:, None]) / (TAU / 2)
    np.testing.assert_allclose(-1 / TAU + 2j * np.pi * f, rate, rtol=1e-12)
    x, c = np.zeros((4, 3), complex), 2 / np.sqrt(4 * TAU)
    for t in range(60):
        np.testing.assert_allclose(V[t], (c * x * (np.exp(rate) - 1) / rate).sum(0).real, rtol=1e-10, atol=1e-12)
        x = np.exp(rate) * x + X[t]


def test_arrivals_of_variance_one_give_a_variance_of_one():
    receptor = bs.receptors.StateSpace(1, tau=[20.0, 50.0, 50.0] * u.ms, frequency=[80, 40, 150] * u.Hz)
    V, _ = course(receptor, np.float64, RNG.normal(size=(20000, 3)))
    np.testing.assert_allclose(V[1000:].var(0), 1, atol=0.15)


def test_modes_are_a_whole_number():
    with pytest.raises(ValueError, match="StateSpace: modes must be a positive integer, given 0"):
        bs.receptors.StateSpace(0)
