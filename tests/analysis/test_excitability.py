import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import analysis

TAU, R, THRESHOLD = 0.02, 0.1, 10.0  # s, mV/pA, mV: rheobase 100 pA


def lif_rate(current):
    """Of a leaky integrate-and-fire neuron without refractoriness."""
    drive = R * np.maximum(current, THRESHOLD / R + 1e-9)
    return np.where(R * current > THRESHOLD, 1 / (TAU * np.log(drive / (drive - THRESHOLD))), 0.0)


@pytest.mark.parametrize("step", [1.0, 3.0, 10.0])
def test_an_integrator_is_of_class_1(step):
    currents = np.arange(100 - 4.5 * step, 100 + 20 * step, step)
    curve = analysis.fi_curve(currents, lif_rate(currents))
    assert curve.rheobase == pytest.approx(100, abs=0.51 * step) and curve.excitability == 1


def test_far_from_the_rheobase_the_gain_is_that_of_a_perfect_integrator():
    """1 / log(x / (x - 1)) tends to x - 1/2, so the slope tends to R / (tau threshold)."""
    currents = np.linspace(1000, 5000, 9)
    assert analysis.fi_curve(currents, lif_rate(currents)).gain == pytest.approx(R / (TAU * THRESHOLD), rel=1e-3)


@pytest.mark.parametrize("step", [0.2, 1.0])
def test_square_root_onset_is_class_1_and_a_jump_is_class_2(step):
    currents = np.arange(0, 20, step) + 0.1 * step
    above = np.maximum(currents - 6.0, 0)
    assert analysis.fi_curve(currents, 30 * np.sqrt(above)).excitability == 1
    curve = analysis.fi_curve(currents, np.where(currents > 6, 50 + 3 * above, 0))
    assert curve.excitability == 2 and curve.onset_rate == pytest.approx(50, abs=3.1 * step)
    assert curve.gain == pytest.approx(3)


def test_counts_of_neurons_and_trials_are_averaged_over_the_time():
    currents = [3.0, 1.0, 2.0]
    curve = analysis.fi_curve(currents, [[[6, 10]], [[0, 0]], [[2, 4]]], duration=0.5)
    np.testing.assert_array_equal(curve.currents, [1, 2, 3])
    np.testing.assert_allclose(curve.rate, [0, 6, 16])
    assert (curve.rheobase, curve.onset_rate, curve.gain) == pytest.approx((1.5, 6, 10))


def test_what_the_currents_do_not_tell():
    silent = analysis.fi_curve([1.0, 2.0], [0, 0])
    assert np.isnan([silent.rheobase, silent.onset_rate, silent.gain]).all() and silent.excitability == 0
    firing = analysis.fi_curve([1.0, 2.0], [3, 5])
    assert np.isnan(firing.rheobase) and firing.gain == pytest.approx(2) and firing.excitability == 0


def test_over_a_sweep():
    """The squid axon fires repetitively from 6.3 uA/cm2 on (Rinzel and Miller 1980), at once at more than 45 Hz: class
    2.
    """
    net = bs.Network()
    net.E = bs.neurons.HodgkinHuxley(1)
    net.E.add_stimuli(drive=bs.stimuli.Constant(0 * u.uA / u.cm2))
    currents = np.arange(2.0, 14.0) * u.uA / u.cm2
    result = bs.sweep(net, {"E.drive.amplitude": currents}, 600 * u.ms, dt=0.05 * u.ms, record="E.spikes")
    rates = result.map(lambda rec: rec.spikes["E"].rate(start=200 * u.ms))
    curve = analysis.fi_curve(currents.to_decimal(u.uA / u.cm2), rates.to_decimal(u.Hz))
    assert curve.rheobase == pytest.approx(6.3, abs=0.51)
    assert curve.excitability == 2 and 45 < curve.onset_rate < 75
