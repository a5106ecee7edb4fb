"""A method that is wrong in steps of a length is refused before a run, and one that is inaccurate is warned of."""

import contextlib
import re

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import neurons, trial
from brainsim._core import split
from brainsim.integrators import RK4
from brainsim.trial import course, smooth
from brainsim.trial.units import Together, extreme_units, groups_of


def spikes(cell, drive, dt=0.1):
    """How often a cell fires in 200 ms."""
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(drive * cell.input_unit))
    return len(bs.simulate(net, 200 * u.ms, dt=dt * u.ms, record="E.spikes").spikes["E"].times)


def test_wrong_is_refused_and_what_is_advised_is_right():
    with pytest.raises(ValueError, match="infinite or not a number") as error:
        spikes(neurons.HodgkinHuxley(1, method="rk4"), 10.0)
    advised = float(re.search(r"Divided\('rk4', ([\d.]+) \* u.ms\)", str(error.value))[1])
    divided = neurons.HodgkinHuxley(1, method=bs.integrators.Divided("rk4", advised * u.ms))
    assert abs(spikes(divided, 10.0) - 14) <= 1  # 68 a second at 10 uA/cm2


def test_potentials_out_of_range_are_refused():
    # V came to +203 mV, where sodium reverses at 50
    with pytest.raises(ValueError, match="V reaches .* instead of .* mV"):
        spikes(neurons.TraubMiles(1, method="rush_larsen"), 300.0)


def test_inaccurate_is_warned_of():
    # against Runge-Kutta 4 at 0.0025 ms it is 5 to 9 % fast
    with pytest.warns(bs.AccuracyWarning, match="backward_euler.*too high.*staggered_exponential_euler"):
        spikes(neurons.TraubMiles(1, method="backward_euler"), 300.0)


def test_right_ones_run():
    # 10 mV above rest with 15: an interval of 20 log(3) = 21.97 ms
    assert spikes(neurons.LIF(1, method="euler"), 15000.0) == 200 // (20 * np.log(3))
    for kind, method, drive in ((neurons.QIF, "heun", 40000.0), (neurons.HindmarshRose, "rk4", 4.0)):
        assert spikes(kind(1, method=method), drive) == spikes(kind(1, method=method), drive, 0.01) > 3


class Relaxation(neurons.Neuron):
    """Van der Pol's oscillator, with a slow manifold that an explicit method leaves in long steps."""

    mu = bs.Parameter(200.0, "nonlinearity")
    V = bs.State(2.0, "fast")
    w = bs.State(0.0, "slow")
    V_th = bs.Parameter(1.0, "threshold")
    default_method = "euler"

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th)

    def derivative(self, t, V, w, I):
        fast = self.mu * (V - V**3 / 3 - w)
        return fast / u.ms, (V + I / u.pA) / (10.0 * u.ms)


def test_a_class_of_the_user_is_tried_too():
    with pytest.raises(
        ValueError, match=r"E: method 'euler' in steps of 0.1 ms is wrong for Relaxation.*right in steps"
    ):
        spikes(Relaxation(1), 0.0)
    assert 8 <= spikes(Relaxation(1), 0.0, 0.0025) <= 14  # the period is (3 - 2 ln 2) 10 ms


def test_a_refusal_changes_nothing():
    net = bs.Network()
    net.E = neurons.HodgkinHuxley(1, method="rk4")
    bs.simulate(net, 1 * u.ms, dt=0.025 * u.ms)
    steps, V = int(net.steps), np.asarray(net.E.plain("V"))
    with pytest.raises(ValueError, match="rk4"):
        bs.simulate(net, 1 * u.ms, dt=0.1 * u.ms)
    assert int(net.steps) == steps
    assert np.array_equal(np.asarray(net.E.plain("V")), V)


def test_other_parameters_are_tried_by_the_same_program():
    course._programs.clear()
    for mu in (200.0, 190.0, 180.0):
        with pytest.raises(ValueError, match="wrong for Relaxation"):
            spikes(Relaxation(1, mu=mu), 0.0)
    assert len(course._programs) == 2  # the comparison, and the method


def membranes(tau):
    """Leaks that Euler steps of 0.1 ms follow with the first time constant, and blow up with one below 0.05 ms."""
    net = bs.Network()
    net.E = neurons.LIF(3, tau=tau * u.ms, method="euler", V_th=100 * u.mV)
    net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.nA))
    return net


def test_extreme_units_are_tried():
    bs.simulate(membranes(np.array([20.0, 10.0, 5.0])), 1 * u.ms)
    with pytest.raises(ValueError, match="fires where it should be silent.* to unit 1"):
        bs.simulate(membranes(np.array([20.0, 0.04, 5.0])), 1 * u.ms)


def test_what_has_changed_is_tried_again_and_nothing_else(monkeypatch):
    net = membranes(20.0)
    net.I = neurons.LIF(3, tau=10 * u.ms, method="euler")
    bs.simulate(net, 1 * u.ms)
    tried, check = [], trial.check
    monkeypatch.setattr(trial, "check", lambda population, *a: tried.append(population.path) or check(population, *a))
    bs.simulate(net, 1 * u.ms)
    net.I.tau = 12 * u.ms
    bs.simulate(net, 1 * u.ms)
    assert tried == ["I"]
    net.E.tau = 0.04 * u.ms
    for _ in range(2):  # a refusal is no try that was passed
        with pytest.raises(ValueError, match="E: method 'euler' .* is wrong for LIF"):
            bs.simulate(net, 1 * u.ms)
    net.E.tau = 15 * u.ms
    bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms)
    assert tried[1:3] == ["E", "E"] and set(tried[3:]) == {"E", "I"}


def test_values_of_a_sweep_are_tried():
    net = membranes(20.0)
    with pytest.raises(ValueError, match="fires where it should be silent.* with tau = 0.04 ms"):
        bs.sweep(net, {"E.tau": [20, 0.04, 10] * u.ms}, 1 * u.ms)
    assert int(net.steps) == 0
    ends = bs.sweep(membranes(0.04), {"E.tau": [20, 10] * u.ms}, 5 * u.ms, record="E.V").map(lambda rec: rec["E.V"][-1])
    expected = -60 + 1.0 * (1 - (1 - 0.1 / np.array([20, 10])) ** 50)
    np.testing.assert_allclose(ends.to_decimal(u.mV)[:, 0], expected, rtol=1e-6)


def test_extremes_of_several_parameters_are_combined():
    net = bs.Network()
    net.E = neurons.AdEx(1, method="euler")
    values = {"E.C": [281, 100] * u.pF, "E.g_L": [30, 1500] * u.nS, "E.a": [4, 2] * u.nS, "E.tau_w": [144, 0.04] * u.ms}
    for path, value in values.items():
        usual = {other: each[:1] for other, each in values.items() if other != path}
        wrong = path == "E.tau_w"
        with pytest.raises(ValueError, match="tau_w = 0.04") if wrong else contextlib.nullcontext():
            bs.sweep(net, usual | {path: value}, 0.1 * u.ms)
    with pytest.raises(ValueError, match="g_L = 1500 nS.*"):  # a time constant of 0.067 ms alone is still followed
        bs.sweep(net, {"E.C": [281, 30] * u.pF, "E.g_L": [30, 1500] * u.nS}, 0.1 * u.ms)


class Counting(bs.neurons.Neuron):
    """A neuron whose equations ask for the number of units."""

    tau = bs.Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    V = bs.State(0.0 * u.mV, "potential")
    input_unit = u.mV

    def derivative(self, t, V, I):
        return (I - V) / self.tau

    def fires(self, before, after):
        return jnp.zeros(len(self), bool)


def test_equations_may_ask_for_the_number_of_units():
    net = bs.Network()
    net.pop = Counting(2)
    net.pop.V = 1.0 * u.mV
    rec = bs.simulate(net, 10 * u.ms, dt=5 * u.ms, record="pop.V", progress=False)  # a trial has more units than two
    np.testing.assert_allclose(rec["pop.V"][-1].to_decimal(u.mV), np.exp(-10 / 20), rtol=1e-5)


def test_units_tried_together_are_as_each_alone():
    cell = neurons.LIF(3, tau=[20.0, 0.4, 5.0] * u.ms, R=[100.0, 100.0, 50.0] * u.Mohm)
    structure, *arrays = split(cell)
    units = [unit for _, unit in extreme_units(cell, arrays, {})]
    assert groups_of(cell, units) == [list(range(len(units)))]
    groups = (
        Together(structure, units, len(course.LEVELS)),
        *(Together(structure, [x], len(course.LEVELS)) for x in units),
    )
    found = []
    for group in groups:
        rates = smooth.OnHost(group)
        levels = course.levels_of(group.model, rates.slope())
        runs = course.courses_of(course.program(group, RK4), levels, 0.1)
        found.append((levels, smooth.are_smooth(rates, levels, 0.1, 0.02), [run.high for run in runs]))
    together, *alone = found
    assert together[1].tolist() == [
        True,
        True,
        False,
    ]  # units 0, 2 and 1: a step is a quarter of the shortest time constant
    for mine, each in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(mine, np.concatenate(each), rtol=1e-12)
