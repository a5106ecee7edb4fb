"""What stimuli give at exact steps, seen through a population that integrates them: 1 pA is 1 mV per ms."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import stimuli


class Integrator(bs.neurons.Neuron):
    """dV/dt = I: the recorded differences of V are the input of each step."""

    V = bs.State(0.0 * u.mV, "integral of the input")

    def derivative(self, t, V, I):
        return I / (1.0 * u.pF)

    def fires(self, before, after):
        return after["V"] > 1e9 * u.mV


def values(stimulus, duration=4.0, dt=0.5, n=2, where=slice(None)):
    net = bs.Network()
    net.E = Integrator(n)
    net.E[where].add_stimuli(drive=stimulus)
    V = np.asarray(u.get_mantissa(bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["E.V"])["E.V"]))
    return np.diff(V, axis=0, prepend=0.0) / dt


def same(given, expected):
    expected = np.asarray(expected, float).reshape(len(given), -1)
    np.testing.assert_allclose(given, np.broadcast_to(expected, given.shape), atol=1e-10)


def test_constant_and_its_window():
    same(values(stimuli.Constant(3 * u.pA)), [3] * 8)
    same(values(stimuli.Constant(3 * u.pA, start=1 * u.ms)), [0, 0, 3, 3, 3, 3, 3, 3])
    same(values(stimuli.Constant(3 * u.pA, stop=1 * u.ms)), [3, 3, 0, 0, 0, 0, 0, 0])
    same(values(stimuli.Constant(3 * u.pA, start=1 * u.ms, stop=2.5 * u.ms)), [0, 0, 3, 3, 3, 0, 0, 0])
    # To whole steps
    same(values(stimuli.Constant(3 * u.pA, start=1.1 * u.ms, stop=2.4 * u.ms)), [0, 0, 3, 3, 3, 0, 0, 0])


def test_one_value_and_one_window_per_unit():
    given = values(stimuli.Constant([1.0, 2.0] * u.nA, start=[0.0, 1.0] * u.ms))
    same(given, [[1000, 0]] * 2 + [[1000, 2000]] * 6)


def test_a_view_is_stimulated_alone():
    same(values(stimuli.Constant(3 * u.pA), n=4, where=slice(1, 3)), [[0, 3, 3, 0]] * 8)
    same(values(stimuli.Constant([1.0, 2.0, 3.0, 4.0] * u.pA), n=4, where=slice(2, None)), [[0, 0, 3, 4]] * 8)
    same(values(stimuli.Constant(3 * u.pA, stop=2 * u.ms), n=2, where=0), [[3, 0]] * 4 + [[0, 0]] * 4)


def test_step_is_a_staircase():
    same(values(stimuli.Step([1.0, -2.0, 5.0] * u.pA, [1.0, 2.0, 3.5] * u.ms)), [0, 0, 1, 1, -2, -2, -2, 5])
    with pytest.raises(ValueError, match="Step: times must increase"):
        stimuli.Step([1.0, 2.0] * u.pA, [2.0, 1.0] * u.ms)
    with pytest.raises(ValueError, match="as many as values"):
        stimuli.Step([1.0, 2.0] * u.pA, [2.0] * u.ms)


def test_ramp_is_taken_at_the_beginning_of_each_step():
    same(values(stimuli.Ramp(1 * u.pA, 5 * u.pA, start=1 * u.ms, stop=3 * u.ms)), [0, 0, 1, 2, 3, 4, 0, 0])


def test_sine():
    t = np.arange(8) * 0.5
    expected = 0.5 + 2 * np.sin(2 * np.pi * 0.2 * t + 0.3)
    same(values(stimuli.Sine(2 * u.pA, 200 * u.Hz, phase=0.3, offset=0.5 * u.pA)), expected)
    same(values(stimuli.Sine(2 * u.pA, 200 * u.Hz, start=1 * u.ms)), 2 * np.sin(2 * np.pi * 0.2 * t) * (t >= 1))


def test_timed_array_has_its_own_interval_and_keeps_the_last_value():
    same(values(stimuli.TimedArray([1.0, 2.0, 3.0] * u.pA, 1 * u.ms)), [1, 1, 2, 2, 3, 3, 3, 3])
    table = np.arange(8.0).reshape(4, 2)
    same(values(stimuli.TimedArray(table * u.nA, 1 * u.ms)), 1000 * np.repeat(table, 2, axis=0))
    with pytest.raises(ValueError, match=r"values must have shape \(k,\) or \(k, 2\), given \(4, 3\)"):
        values(stimuli.TimedArray(np.ones((4, 3)) * u.pA, 1 * u.ms))
    with pytest.raises(ValueError, match=r"values must have shape \(k,\) or \(k, n\)"):
        stimuli.TimedArray(1 * u.pA, 1 * u.ms)


def test_wrong_units_are_refused_where_the_stimulus_is_attached():
    cell = bs.neurons.LIF(2)
    with pytest.raises(bs.UnitError, match=r"LIF\.drive\.amplitude: expected pA, given mV"):
        cell.add_stimuli(drive=stimuli.Constant(3 * u.mV))
    with pytest.raises(bs.UnitError, match="expected ms"):
        stimuli.Constant(3 * u.pA, start=3 * u.mV)
    with pytest.raises(bs.UnitError, match=r"HodgkinHuxley\.drive\.amplitude"):
        bs.neurons.HodgkinHuxley(2).add_stimuli(drive=stimuli.Constant(3 * u.pA))
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'stop'"):
        stimuli.Constant(3 * u.pA, stopp=3 * u.ms)


@pytest.mark.parametrize(
    "stimulus, message",
    [
        (bs.stimuli.Constant(1 * u.pA, start=5 * u.ms, stop=5 * u.ms), "stop must be after start"),
        (bs.stimuli.Ramp(1 * u.pA, 2 * u.pA, start=2 * u.ms, stop=1 * u.ms), "stop must be after start"),
        (bs.stimuli.PoissonInput("ampa", rate=-1 * u.Hz, weight=1 * u.nS), "rate: values must not be negative"),
        (bs.stimuli.PoissonInput("ampa", rate=1 * u.Hz, weight=-1 * u.nS), "weight: values must not be negative"),
    ],
)
def test_what_would_never_act_or_act_the_wrong_way_is_refused(stimulus, message):
    cell = bs.neurons.LIF(2)
    cell.add_receptors(ampa=bs.receptors.AMPA())
    with pytest.raises(ValueError, match=message):
        cell.add_stimuli(s=stimulus)


def test_a_timed_array_has_values():
    with pytest.raises(ValueError, match="values must have shape"):
        bs.stimuli.TimedArray(np.zeros(0) * u.pA, interval=1 * u.ms)


def one_step(net):
    return np.asarray(bs.simulate(net, 0.1 * u.ms, record="E.V")["E.V"][0].to_decimal(u.mV)) + 60


def test_a_view_takes_one_value_for_each_of_its_units():
    """In the order of the view. One step of Euler's exponential: R I (1 - exp(-dt / tau))."""
    net = bs.Network()
    net.E = bs.neurons.LIF(4, R=100 * u.Mohm)
    net.E[[3, 1]].add_stimuli(s=bs.stimuli.Constant(np.array([100.0, 200.0]) * u.pA))
    net.E[[2, 1]].add_stimuli(t=bs.stimuli.TimedArray(np.array([[300.0, 400.0]]) * u.pA, interval=1 * u.ms))
    expected = 0.1 * np.array([0, 600, 300, 100]) * -np.expm1(-0.1 / 20)
    np.testing.assert_allclose(one_step(net), expected, atol=2e-5)


class Given(bs.stimuli.Stimulus):
    what: object = 0.0

    def value(self, clock):
        return self.what


def given(value):
    net = bs.Network()
    net.E = bs.neurons.LIF(2, R=100 * u.Mohm)
    net.E.add_stimuli(s=type("Own", (Given,), {"what": value})())
    return net


def test_a_value_is_a_quantity_or_plain():
    steps = [one_step(given(value)) for value in (100.0, 0.1 * u.nA, [100.0, 100.0])]
    np.testing.assert_allclose(steps, np.full((3, 2), 10 * -np.expm1(-0.1 / 20)), atol=2e-5)


@pytest.mark.parametrize(
    "value, error, message",
    [
        (None, ValueError, "given None"),
        (np.ones(1), ValueError, r"one for each of 2 units, given shape \(1,\)"),
        (1 * u.mV, bs.UnitError, "Own.value: expected pA, given mV"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        bs.simulate(given(value), 0.1 * u.ms)
