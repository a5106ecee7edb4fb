"""A neuron of one's own, as the documentation shows it: a class, usable at once."""

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


class AdaptiveLIF(bs.neurons.Neuron):
    """Leaky integrate-and-fire neuron whose threshold rises with every spike."""

    tau = bs.Parameter(20.0 * u.ms, "membrane time constant")
    tau_th = bs.Parameter(100.0 * u.ms, "decay of the threshold")
    step = bs.Parameter(5.0 * u.mV, "rise of the threshold by a spike")
    V = bs.State(-60.0 * u.mV, "membrane potential")
    theta = bs.State(0.0 * u.mV, "rise of the threshold")

    def derivative(self, t, V, theta, I):
        return (-60 * u.mV - V + 1 * u.Mohm * I) / self.tau, -theta / self.tau_th

    def fires(self, before, after):
        return self.spike_where(after["V"], -50 * u.mV + after["theta"], scale=10 * u.mV)

    def after_spike(self, y):
        return {"V": -60 * u.mV, "theta": y["theta"] + self.step}


def built(surrogate=None, n=1, **values):
    net = bs.Network()
    net.E = AdaptiveLIF(n, surrogate=surrogate, **values)
    net.E.add_stimuli(drive=bs.stimuli.Constant(20 * u.nA))
    return net


def test_a_neuron_with_two_states_takes_fifteen_lines():
    lines = [line for line in inspect.getsource(AdaptiveLIF).splitlines() if line.strip()]
    assert len(lines) <= 15


def test_it_adapts():
    spikes = bs.simulate(built(), 500 * u.ms, record="E.spikes").spikes["E"]
    intervals = np.diff(spikes.times / u.ms)
    assert spikes.times[0] / u.ms == pytest.approx(20 * np.log(2), abs=0.1)
    assert intervals[-1] > 1.3 * intervals[0]


def test_it_can_be_swept_and_differentiated():
    f = bs.function(built(bs.surrogate.ATan()), 100 * u.ms, record=["E.spikes"])
    count = lambda tau: jnp.sum(f({"E.tau": tau}, {})[1]["E.spikes"])
    counts = jax.vmap(count)(jnp.array([10.0, 20.0, 40.0]))
    assert counts[0] > counts[2]
    assert np.isfinite(jax.grad(count)(20.0))


def test_a_variable_that_is_no_state_is_refused_when_the_class_is_made():
    with pytest.raises(
        bs.UnknownNameError, match="derivative takes 'VV', which is no State of the class. Did you mean 'V'"
    ):

        class Wrong(bs.neurons.Neuron):
            V = bs.State(-60.0 * u.mV, "membrane potential")

            def derivative(self, t, VV):
                return 0 * VV / u.ms


def test_equations_with_a_wrong_unit_say_so():
    class Wrong(bs.neurons.Neuron):
        V = bs.State(-60.0 * u.mV, "membrane potential")
        V_th = bs.Parameter(-50.0 * u.mV, "threshold")

        def derivative(self, t, V, I):
            return I / u.ms

    net = bs.Network()
    net.E = Wrong(1)
    with pytest.raises(bs.UnitError, match="E: the rate of V: expected mV / ms, given pA / ms"):
        bs.simulate(net, 1 * u.ms)


def test_equations_that_return_too_few_rates_say_so():
    class Wrong(bs.neurons.Neuron):
        V = bs.State(-60.0 * u.mV, "membrane potential")
        w = bs.State(0.0, "recovery")

        def derivative(self, t, V, w):
            return -V / (1 * u.ms)

    net = bs.Network()
    net.E = Wrong(1)
    with pytest.raises(ValueError, match="E: Wrong.derivative returned 1 value, expected 2, one for .* order: V, w"):
        bs.simulate(net, 1 * u.ms)


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"derivative": lambda self, t, V, I: -V[:1] / self.tau}, ValueError, "rate of V for each of 2 units"),
        ({"fires": lambda self, before, after: after["V"]}, ValueError, "given mV"),
        ({"fires": lambda self, before, after: after["V"][:1] > -50 * u.mV}, ValueError, r"given shape \(1,\)"),
        ({"fires": lambda self, before, after: 1.0}, TypeError, "must give true or false without a surrogate"),
        ({"after_spike": lambda self, y: None}, TypeError, "must return a dictionary"),
        ({"after_spike": lambda self, y: {"V": 0.0}}, bs.UnitError, "V in Own.after_spike: expected mV"),
    ],
)
def test_methods_that_return_something_else_say_so(changes, error, message):
    net = bs.Network()
    net.E = type("Own", (bs.neurons.LIF,), changes)(2)
    with pytest.raises(error, match=message):
        bs.simulate(net, 0.1 * u.ms)


def test_an_input_that_overflows_in_a_step_is_found_behind_the_reset():
    class Spike(bs.stimuli.Stimulus):
        def value(self, clock):
            return jnp.where(clock.step == 5, jnp.inf, 0.0)

    net = bs.Network()
    net.E = bs.neurons.LIF(2)
    net.E.add_stimuli(overflow=Spike())
    with pytest.raises(bs.NonFiniteError, match=r"V is not finite from t = 0.6 ms on"):
        bs.simulate(net, 1 * u.ms)
