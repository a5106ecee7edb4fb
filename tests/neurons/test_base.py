"""What the base class offers to models: inputs of several compartments, and firing by chance."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


class TwoCompartments(bs.neurons.Neuron):
    """Soma and dendrite with a passive exchange."""

    inputs = {"I": "V", "I_d": "V_d"}

    tau = bs.Parameter(20 * u.ms, "membrane time constant")
    R = bs.Parameter(100 * u.Mohm, "membrane resistance")
    E_L = bs.Parameter(-60 * u.mV, "leak reversal potential")
    V_th = bs.Parameter(0 * u.mV, "threshold")
    V = bs.State(-60 * u.mV, "somatic potential")
    V_d = bs.State(-60 * u.mV, "dendritic potential")

    def derivative(self, t, V, V_d, I, I_d):
        return (self.E_L - V + self.R * I) / self.tau, (self.E_L - V_d + self.R * I_d) / self.tau


def test_each_input_reaches_its_compartment():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
    net.E = TwoCompartments(1)
    net.E.add_receptors(
        soma=bs.receptors.Exponential(tau=1e9 * u.ms, reversal=0 * u.mV),
        dendrite=bs.receptors.Exponential(tau=1e9 * u.ms, reversal=-80 * u.mV, into="I_d"),
    )
    net.E.add_stimuli(down=bs.stimuli.Constant(-50 * u.pA, into="I_d"))
    net.connect(net.S, net.E, bs.AllToAll(), receptor="soma", weight=10 * u.nS)
    net.connect(net.S, net.E, bs.AllToAll(), receptor="dendrite", weight=30 * u.nS)
    bs.simulate(net, 400 * u.ms)
    # Steady states: (E_L + R g E + R I) / (1 + R g)
    assert float(net.E.V[0] / u.mV) == pytest.approx((-60 + 0) / 2, abs=1e-4)
    assert float(net.E.V_d[0] / u.mV) == pytest.approx((-60 - 3 * 80 - 5) / 4, abs=1e-4)


def test_an_unknown_input_is_refused_and_named():
    net = bs.Network()
    net.E = TwoCompartments(1)
    with pytest.raises(bs.UnknownNameError, match="E: 'drive' is to go into 'I_D'.*Did you mean 'I_d'"):
        net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.pA, into="I_D"))
    with pytest.raises(bs.UnknownNameError, match="E: 'syn' is to go into 'dend'"):
        net.E.add_receptors(syn=bs.receptors.Exponential(into="dend"))


class Escape(bs.neurons.LIF):
    """LIF that fires by chance, at a rate that grows exponentially with V."""

    rho = bs.Parameter(20 * u.Hz, "rate at threshold")

    def hazard(self, before, after):
        return self.rho * u.math.exp((after["V"] - self.V_th) / (2 * u.mV))


def test_a_hazard_is_a_rate_of_firing():
    """At a held potential the intervals are exponential: rate 20 Hz * exp(1), CV 1."""
    net = bs.Network(seed=1)
    net.E = Escape(500, V=-48 * u.mV, E_L=-48 * u.mV, V_reset=-48 * u.mV)
    train = bs.simulate(net, 2 * u.second, dt=0.5 * u.ms, record=["E.spikes"]).spikes["E"]
    expected = 20 * np.e
    assert float(train.rate() / u.Hz) == pytest.approx(expected * (1 - expected * 0.5e-3 / 2), rel=0.02)
    assert train.cv() == pytest.approx(np.sqrt(1 - expected * 0.5e-3), abs=0.03)


def test_a_hazard_has_the_gradient_of_the_mean():
    net = bs.Network(seed=1)
    net.E = Escape(200, V=-48 * u.mV, E_L=-48 * u.mV, V_reset=-48 * u.mV, surrogate=bs.surrogate.Sigmoid())
    f = bs.function(net, 50 * u.ms, dt=0.5 * u.ms, record=["E.spikes"])

    def count(rho):
        return jnp.sum(f({"E.rho": rho}, {})[1]["E.spikes"])

    rho = f.parameters["E.rho"]
    p = 1 - np.exp(-20 * np.e * 0.5e-3)
    # V does not depend on the spikes here: d count / d rho is that of the mean, n steps (1 - p) e dt.
    assert float(jax.grad(count)(rho)) == pytest.approx(200 * 100 * (1 - p) * np.e * 0.5e-3, rel=1e-6)


class Counting(bs.neurons.LIF):
    """LIF that counts its spikes and knows when the last one was, which no equation does."""

    n = bs.State(0, "spikes so far", dtype=jnp.int32)
    last = bs.State(-1e9 * u.ms, "time of the last spike")

    def after_spike(self, y):
        return super().after_spike(y) | {"n": self.n + 1, "last": y["t"]}


@pytest.mark.parametrize("surrogate", [None, bs.surrogate.ATan()])
def test_a_spike_may_change_any_state(surrogate):
    net = bs.Network()
    net.E = Counting(2, surrogate=surrogate, refractory=2 * u.ms)
    net.E.add_stimuli(drive=bs.stimuli.Constant([15.0, 0.0] * u.nA))
    train = bs.simulate(net, 100 * u.ms, record="E.spikes").spikes["E"]
    assert len(train) > 3
    np.testing.assert_array_equal(net.E.n, [len(train), 0])
    np.testing.assert_allclose(net.E.last / u.ms, [train.times[-1] / u.ms, -1e9])


def test_a_change_of_what_is_no_state_is_refused():
    class Wrong(bs.neurons.LIF):
        def after_spike(self, y):
            return {"VV": self.V_reset}

    net = bs.Network()
    net.E = Wrong(1)
    with pytest.raises(
        bs.UnknownNameError, match="Wrong.after_spike returns 'VV', which is no State.*Did you mean 'V'"
    ):
        bs.simulate(net, 1 * u.ms)


class Plain(bs.neurons.Neuron):
    """Leaky integrate-and-fire neuron of textbooks on learning: no unit but that of time."""

    input_unit = u.UNITLESS
    inputs = {"I": "x"}
    clamped = ("x",)
    tau = bs.Parameter(10 * u.ms, "time constant")
    x = bs.State(0.0, "potential")
    w = bs.State(0.0, "adaptation")

    def derivative(self, t, x, w, I):
        return (I - x - w) / self.tau, -w / self.tau

    def fires(self, before, after):
        return self.spike_where(after["x"], 1.0)

    def after_spike(self, y):
        return {"x": y["x"] - 1.0}


def test_neurons_without_units_take_jumps_and_surrogates():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
    net.E = Plain(1, surrogate=bs.surrogate.ATan(), tau=1e9 * u.ms)
    net.T = bs.neurons.Theta(1, tau=1e9 * u.ms, theta=0.5)
    net.A = bs.neurons.AdEx(1, tau_w=1e9 * u.ms)
    jumps = {("E", "x", None): 0.25, ("E", "w", "w"): 0.5, ("T", "theta", None): 0.125, ("A", "w", "w"): 3.0 * u.pA}
    jumps[("A", "V", "I")] = 1.0 * u.mV
    for (cell, variable, into), weight in jumps.items():
        net[cell].add_receptors(**{f"to_{variable}": bs.receptors.Delta(into=into)})
        net.connect(net.S, net[cell], bs.AllToAll(), receptor=f"to_{variable}", weight=weight)
    net.E.add_stimuli(drive=bs.stimuli.Constant(0.0))
    bs.simulate(net, 1.1 * u.ms)
    found = [float(u.get_mantissa(getattr(net[cell], v))[0]) for cell, v, _ in jumps]
    np.testing.assert_allclose(found[:4], [0.25, 0.5, 0.625, 3.0], atol=1e-7)
    assert found[4] == pytest.approx(-69.6, abs=0.02)
    with pytest.raises(bs.UnknownNameError, match="A: 'wrong' is to move 'v'.*Did you mean 'V'"):
        net.A.add_receptors(wrong=bs.receptors.Delta(into="v"))


def test_a_surrogate_of_a_variable_in_another_unit_needs_a_scale():
    class Charge(bs.neurons.Neuron):
        inputs = {"I": None}
        clamped = ()
        q = bs.State(0.0 * u.pA * u.ms, "charge")

        def derivative(self, t, q, I):
            return I

        def fires(self, before, after):
            return self.spike_where(after["q"], 1.0 * u.pA * u.ms)

    net = bs.Network()
    net.E = Charge(1, surrogate=bs.surrogate.ATan())
    with pytest.raises(ValueError, match="Charge: a surrogate needs to know what is far.*give spike_where"):
        bs.simulate(net, 1 * u.ms)


def test_a_detached_reset_passes_no_gradient():
    """In the step of a spike dV = (V_reset - V) h(x) dx, with x = (V - V_th) / 10 mV, and nothing where it is cut."""
    surrogate, found = bs.surrogate.ATan(), {}
    for detach in (False, True):
        net = bs.Network()
        net.E = bs.neurons.LIF(1, V=-49 * u.mV, E_L=-49 * u.mV, surrogate=surrogate, detach_reset=detach)
        f = bs.function(net, 0.1 * u.ms, record=["E.V", "E.spikes"], remat=False)
        both = lambda V, f=f: jnp.stack([f({}, {"E.V": V})[1][k][0, 0] for k in ("E.V", "E.spikes")])
        found[detach] = jax.jacobian(both)(jnp.array([-49.0]))[:, 0]
        np.testing.assert_array_equal(both(jnp.array([-49.0])), [-60.0, 1.0])
    decay, h = np.exp(-0.1 / 20), float(surrogate.derivative(jnp.asarray(0.1)))
    np.testing.assert_allclose(found[False], [-11 * h / 10 * decay, h / 10 * decay], rtol=1e-6)
    np.testing.assert_allclose(found[True], [0, h / 10 * decay], rtol=1e-6, atol=1e-12)
