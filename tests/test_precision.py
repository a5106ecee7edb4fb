"""Nothing slow stands still in float32; a number of steps stands for its time when dt changes."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim import _host


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def constant(neuron, current):
    net = bs.Network()
    net.c = neuron
    net.c.add_stimuli(drive=bs.stimuli.Constant(current))
    return net


def test_a_slow_membrane_reaches_its_end():
    net = constant(bs.neurons.LIF(1, tau=10 * u.second, R=100 * u.Mohm, V_th=0 * u.mV), 100 * u.pA)
    bs.simulate(net, 60 * u.second)
    bs.simulate(net, 40 * u.second)
    assert float(net.c.V[0].to_decimal(u.mV)) == pytest.approx(-60 + 10 * (1 - np.exp(-10)), abs=2e-5)


def test_a_fast_membrane_has_nothing_more():
    net = constant(bs.neurons.LIF(2), 100 * u.pA)
    net.prepare(0.1)
    assert "V_rounding" not in vars(net.c)
    net.c.tau = [10, 1e6] * u.ms
    net.prepare(0.1)
    assert "V_rounding" in vars(net.c)
    net.c.V = -55 * u.mV  # what is assigned is exact
    assert not np.any(net.c.plain("V_rounding"))
    net.c.tau = 10 * u.ms
    net.prepare(0.1)
    assert "V_rounding" not in vars(net.c)


def test_a_sweep_looks_at_its_values():
    net = constant(bs.neurons.LIF(1, R=100 * u.Mohm, V_th=0 * u.mV), 100 * u.pA)
    bs.sweep(net, {"c.tau": np.array([20.0, 1e5]) * u.ms}, 1 * u.ms)
    assert "V_rounding" in vars(net.c)


def test_the_derivative_is_that_of_the_sum():
    net = constant(bs.neurons.LIF(1, tau=10 * u.second, R=100 * u.Mohm, V_th=0 * u.mV), 100 * u.pA)
    run = bs.function(net, 100 * u.ms, record="c.V")
    slope = jax.grad(lambda R: run({"c.R": R}, {})[1]["c.V"][-1, 0])(np.float32(100.0))
    assert slope == pytest.approx(0.1 * (1 - np.exp(-0.01)), rel=1e-5)


def test_the_host_evaluates_what_jax_does():
    def f(x, y):
        return jax.numpy.where(x > y, jax.nn.sigmoid(x) * y**3, jax.numpy.exp(-(x**2)) / (1 + abs(y)))

    x, y = np.linspace(-2, 2, 5), np.array([0.3, -4.0, 1.0, 0.1, 5.0])
    (given,) = _host.evaluate(jax.make_jaxpr(f)(x.astype(np.float32), y.astype(np.float32)), x, y)
    np.testing.assert_allclose(given, f(x, y), rtol=1e-6)
    with pytest.raises(_host.UnknownOperationError, match="cumsum"):
        _host.evaluate(jax.make_jaxpr(jax.numpy.cumsum)(x.astype(np.float32)), x)


def test_refractoriness_outlives_a_change_of_dt():
    net = constant(bs.neurons.LIF(1, R=100 * u.Mohm, refractory=10 * u.ms), 3.4 * u.nA)
    first = bs.simulate(net, 2 * u.ms, dt=0.1 * u.ms, record="c.spikes").spikes["c"].times
    then = bs.simulate(net, 18 * u.ms, dt=0.5 * u.ms, record="c.spikes").spikes["c"].times
    assert first.to_decimal(u.ms).tolist() == pytest.approx([0.6])
    assert then.to_decimal(u.ms).tolist() == [11.5]  # the first step after 0.6 + 10 + 0.6


def test_a_bistable_synapse_drifts_to_its_state():
    net = bs.Network()
    net.a = bs.sources.SpikeInput(1)
    rule = bs.plasticity.CalciumPlasticity(w_max=1.0, C_pre=0.0, C_post=0.0)
    net.connect(net.a, net.a, bs.OneToOne(), receptor=None, weight=0.7, plasticity=rule)
    bs.simulate(net, 50 * u.second, dt=0.1 * u.ms)
    rho, tau, star = 0.7, float(rule.tau.to_decimal(u.second)), float(rule.rho_star)
    for _ in range(5000):  # the same equation in double precision
        rho -= rho * (1 - rho) * (star - rho) * 0.01 / tau
    assert float(net["a->a"].weight[0]) == pytest.approx(rho, abs=2e-6)


def test_a_reset_and_a_held_potential_leave_no_rounding_behind():
    """V runs away within the step of a spike: what rounding took there, microvolts to volts, is none of V_reset's."""

    def spikes(wide):
        with jax.enable_x64(wide):
            net = bs.Network()
            net.c = bs.neurons.AdEx(1)
            net.held = bs.neurons.AdEx(1, refractory=2 * u.ms)
            for cell in (net.c, net.held):
                cell.add_stimuli(drive=bs.stimuli.Constant(4096 * u.pA))
            rec = bs.simulate(net, 100 * u.ms, dt=0.005 * u.ms, record=["c.spikes", "held.spikes"])
            assert wide or "V_rounding" in vars(net.c)
            return [rec.spikes[name].times / u.ms for name in ("c", "held")]

    for single, double in zip(spikes(False), spikes(True)):
        assert len(single) == len(double) > 20  # it was 28 instead of 32
        np.testing.assert_allclose(single, double, atol=0.006)


def test_every_state_that_counts_steps_says_so():
    rooms = (bs.neurons, bs.masses, bs.receptors, bs.terminals, bs.plasticity, bs.modulators, bs.stimuli, bs.sources)
    classes = [thing for room in rooms for thing in vars(room).values() if hasattr(thing, "_declared")]
    for thing in classes:
        for name, declared in thing._declared.items():
            whole = (
                isinstance(declared, bs.State) and declared.dtype is not None and np.dtype(declared.dtype).kind == "i"
            )
            counts = whole and (thing, name) != (bs.plasticity.Structural, "targets")  # those are numbers of neurons
            assert not counts or declared.counts == "steps", f"{thing.__name__}.{name}"
    assert len(classes) > 80


def test_a_slow_concentration_of_a_cell_does_not_stand_still():
    """A pool with a time constant of 100 s, alone: an exponential."""
    net = bs.Network()
    net.c = bs.neurons.ConductanceBased(1, pools={"Ca": bs.channels.Calcium(tau=100 * u.second)})
    net.c.Ca.concentration = 1e-3 * u.mM
    rest = float(net.c.Ca.rest.to_decimal(u.mM))
    rec = bs.simulate(net, 20 * u.second, record="c.Ca.concentration", sample_every=10 * u.second)
    expected = rest + (1e-3 - rest) * np.exp(-np.array([10, 20]) / 100)
    np.testing.assert_allclose(rec["c.Ca.concentration"].to_decimal(u.mM).ravel(), expected, rtol=1e-6)
