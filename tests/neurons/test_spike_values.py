"""Neurons whose spikes carry values: signed, and graded."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs


class Ternary(bs.neurons.LIF):
    r"""A leaky integrate-and-fire neuron that fires +1 above its threshold and -1 as far below rest.

    .. math:: s = \mathrm{sign}(V - E_L)\ \text{ where } |V - E_L| > V_{th} - E_L
    """

    def fires(self, before, after):
        return self.spike_where(u.math.abs(after["V"] - self.E_L), self.V_th - self.E_L)

    def spike_value(self, before, after):
        return u.math.sign(after["V"] - self.E_L)


class Graded(bs.neurons.LIF):
    """A spike carries how far beyond threshold V came, in mV."""

    def spike_value(self, before, after):
        return (after["V"] - self.V_th) / u.mV


def driven(kind, amplitudes, delay=None, terminal=None, **options):
    net = bs.Network()
    net.S = kind(
        len(amplitudes),
        E_L=-60 * u.mV,
        V_th=-50 * u.mV,
        V_reset=-60 * u.mV,
        refractory=1 * u.ms,
        tau=4 * u.ms,
        **options,
    )
    net.S.add_stimuli(drive=bs.stimuli.Constant(amplitudes))
    net.E = bs.neurons.LIF(len(amplitudes), V_th=0 * u.mV, E_L=0 * u.mV, V=0 * u.mV)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=1e6 * u.ms))
    net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", weight=2 * u.pA, delay=delay, terminal=terminal)
    return net


LARGE = [20.0, -20.0, 0.0] * u.nA


@pytest.mark.parametrize("delay", [None, 1 * u.ms, [0.5, 1.0, 1.5] * u.ms], ids=["none", "axonal", "synaptic"])
def test_signed_spikes_count_as_they_are(delay):
    net = driven(Ternary, LARGE, delay)
    rec = bs.simulate(
        net, 20 * u.ms, dt=0.1 * u.ms, record={"s": lambda net: net.S.spikes, "S.spikes": None, "E.syn.g": None}
    )
    s, lag = np.asarray(rec["s"]), np.zeros(3, int) if delay is None else np.round(delay / (0.1 * u.ms)).astype(int)
    lag = np.broadcast_to(lag, 3)
    assert s.sum(0)[0] > 3 and s.sum(0)[1] == -s.sum(0)[0] and not s[:, 2].any()
    np.testing.assert_array_equal(np.bincount(np.asarray(rec["S.spikes"].indices), minlength=3), np.abs(s).sum(0))
    arrived = [2 * s[: len(s) - k, i].sum() for i, k in enumerate(lag)]
    np.testing.assert_allclose(rec["E.syn.g"][-1] / u.pA, arrived, rtol=1e-4)
    np.testing.assert_array_equal(np.asarray(net.S.V[0] / u.mV) + 60, -(np.asarray(net.S.V[1] / u.mV) + 60))


def test_graded_spikes_carry_what_the_class_says():
    net = driven(Graded, [20.0, 30.0] * u.nA)
    values = bs.simulate(net, 10 * u.ms, dt=0.1 * u.ms, record={"s": lambda net: net.S.spikes})["s"]
    net.reset()
    net.S.V_th = 1e3 * u.mV  # the same course up to the first spike
    V = np.asarray(bs.simulate(net, 10 * u.ms, dt=0.1 * u.ms, record="S.V")["S.V"] / u.mV)
    for k in range(2):
        first = np.flatnonzero(np.asarray(values)[:, k])[0]
        assert first == np.flatnonzero(V[:, k] > -50)[0]
        assert values[first, k] == pytest.approx(V[first, k] + 50, rel=1e-9)


def test_derivatives_pass_through_signed_spikes():
    net = driven(Ternary, LARGE, surrogate=bs.surrogate.ATan())
    assert net.S.dtype_of("spikes") == np.float64
    f = bs.function(net, 10 * u.ms, dt=0.1 * u.ms, record="E.syn.g")
    slope = jax.grad(lambda p: f(p, {})[1]["E.syn.g"].sum())({"S.drive.amplitude": f.parameters["S.drive.amplitude"]})
    slope = np.asarray(slope["S.drive.amplitude"])
    assert np.all(np.isfinite(slope)) and np.all(slope[:2] != 0)


def test_values_that_do_not_fit_are_refused():
    class Wrong(bs.neurons.LIF):
        def spike_value(self, before, after):
            return np.ones(7)

    with pytest.raises(
        ValueError, match="Wrong.spike_value must be one number or one for each of 3 neurons, given shape"
    ):
        bs.simulate(driven(Wrong, LARGE), 1 * u.ms)
    with pytest.raises(ValueError, match="is not for neurons whose spikes carry values"):
        driven(Ternary, LARGE, spike_times="exact")
