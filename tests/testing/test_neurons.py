"""A neuron of one's own keeps all that those of the library keep."""

import inspect

import brainunit as u
import jax
import pytest

import brainsim as bs
from brainsim.testing.neurons import *  # noqa: F403


class AdaptiveLIF(bs.neurons.Neuron):
    r"""Leaky integrate-and-fire neuron whose spikes raise an adaptation current a, in mV.

    .. math:: \tau\,\dot V = -60\,\mathrm{mV} - V + R I - a, \quad \tau_a\,\dot a = -a, \quad \text{spike:}\ a \leftarrow a + 2\,\mathrm{mV}

    References
    ----------
    J. Benda, A. V. M. Herz, Neural Comput. 15:2523 (2003)."""

    tau = bs.Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    tau_a = bs.Parameter(100.0 * u.ms, "time constant of adaptation", positive=True)
    V_th = bs.Parameter(-50.0 * u.mV, "threshold")
    V = bs.State(-60.0 * u.mV, "membrane potential")
    a = bs.State(0.0 * u.mV, "adaptation current times the resistance")

    def derivative(self, t, V, a, I):
        return (-60.0 * u.mV - V + 100.0 * u.Mohm * I - a) / self.tau, -a / self.tau_a

    def after_spike(self, y):
        return {"V": -60.0 * u.mV, "a": y["a"] + 2.0 * u.mV}


MODELS = [AdaptiveLIF]


def test_it_takes_fifteen_lines():
    assert len([line for line in inspect.getsource(AdaptiveLIF).splitlines() if line.strip()]) <= 15


class Restless(AdaptiveLIF):
    """Rests elsewhere than it begins."""

    def derivative(self, t, V, a, I):
        return (-55.0 * u.mV - V + 100.0 * u.Mohm * I - a) / self.tau, -a / self.tau_a


class Detached(AdaptiveLIF):
    """Does not know how its membrane depends on its time constant."""

    def derivative(self, t, V, a, I):
        tau = u.Quantity(jax.lax.stop_gradient(self.tau.to_decimal(u.ms)), unit=u.ms)
        return (-60.0 * u.mV - V + 100.0 * u.Mohm * I - a) / tau, -a / self.tau_a


class Unbound(AdaptiveLIF):
    """Fires where it is refractory."""

    def update(self, clock, drives):
        super().update(clock, drives)
        self.put("refractory_steps", 0 * self.plain("refractory_steps"))


def test_a_broken_class_fails_the_suite(built, programs):
    enough = lambda model: 512.0  # noqa: E731
    with pytest.raises(AssertionError, match="has no equation"):
        test_is_documented(Restless)  # noqa: F405
    with pytest.raises(AssertionError):
        test_rests_without_input(Restless, built)  # noqa: F405
    with pytest.raises(AssertionError):
        test_refractoriness_bounds_the_rate(Unbound, built, enough)  # noqa: F405
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_gradient_of_the_voltage_is_the_finite_difference(Detached, enough, programs)  # noqa: F405
