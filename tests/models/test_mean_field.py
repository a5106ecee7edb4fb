"""Mean-field rates: the limit without noise, an integral by another way, and neurons that are simulated."""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

import brainsim as bs
from models.mean_field import fixed_point, siegert
from models.pd14 import TAU, TAU_SYN, C, cells, current_of

CELL = dict(tau=10.0, tau_syn=0.5, refractory=2.0, threshold=15.0, reset=0.0)


def test_without_noise_it_is_the_time_to_threshold():
    found = siegert(np.array([20.0, 10.0]), np.array([0.05, 0.05]), **CELL | {"tau_syn": 1e-12})
    np.testing.assert_allclose(found, [1e3 / (2 + 10 * np.log(20 / 5)), 0], rtol=1e-3)


@pytest.mark.parametrize(("mean", "std"), [(5.0, 6.0), (12.0, 3.0), (20.0, 8.0), (-3.0, 9.0)])
def test_the_integral(mean, std):
    shift = 1.4603545088095868 / np.sqrt(2) * np.sqrt(0.05)
    bounds = (0 - mean) / std + shift, (15 - mean) / std + shift
    integral = quad(lambda x: np.exp(x**2) * (1 + erf(x)), *bounds)[0]
    expected = 1e3 / (2 + 10 * np.sqrt(np.pi) * integral)
    np.testing.assert_allclose(siegert(np.array(mean), np.array(std), **CELL), expected, rtol=1e-8)


def test_neurons_with_many_small_inputs_fire_so():
    """Poisson input of 0.1 and -0.3 mV; 500 neurons for a second."""
    jump, excited, inhibited = current_of(0.1) * TAU_SYN / C, 24_000.0, 4_000.0
    total, squares = jump * (excited - 3 * inhibited), jump**2 * (excited + 9 * inhibited)
    mean, std = TAU * 1e-3 * total, np.sqrt(TAU * 1e-3 * squares)
    net = bs.Network(seed=1)
    net.E = cells(500, bs.Normal(-57 * u.mV, 3 * u.mV))
    for name, weight, number in (("more", 0.1, excited), ("less", -0.3, inhibited)):
        source = bs.stimuli.PoissonInput("syn", sources=number / 10, rate=10 * u.Hz, weight=current_of(weight) * u.pA)
        net.E.add_stimuli(**{name: source})
    record = {"n": bs.Record("E.spikes", over="sum", start=100 * u.ms)}
    found = bs.simulate(net, 1100 * u.ms, record=record)["n"].mean()
    assert found == pytest.approx(float(siegert(np.array(mean), np.array(std), **CELL)), rel=0.05)
    assert 5 < found < 60


def test_rates_settle_where_they_are_given_back():
    np.testing.assert_allclose(fixed_point(lambda rates: 4 - rates / 2, 3), 8 / 3, rtol=1e-6)
    with pytest.raises(ArithmeticError, match="do not settle"):
        fixed_point(lambda rates: np.where(rates < 1, 40.0, 0.0), 3)
