"""Neurons against their analytic solutions, and the limits of rate functions."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import brainsim as bs
from brainsim.channels import exprel


def run(cell, current, duration, dt, record=("E.spikes", "E.V")):
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(current))
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=list(record))
    return np.asarray(rec.spikes["E"].times / u.ms), np.asarray(u.get_mantissa(rec["E.V"]))


@pytest.mark.parametrize("dt", [0.01, 0.1, 2.0])
def test_lif_below_threshold_is_exact_at_any_step(dt):
    _, V = run(bs.neurons.LIF(1, V=-70.0 * u.mV), 8.0 * u.nA, 60.0, dt)
    t = np.arange(1, len(V) + 1) * dt
    np.testing.assert_allclose(V[:, 0], -52.0 - 18.0 * np.exp(-t / 20.0), atol=1e-10, rtol=0)


@pytest.mark.parametrize("refractory", [0.0, 3.0])
def test_lif_fires_at_the_analytic_times(refractory):
    dt = 0.01
    spikes, _ = run(bs.neurons.LIF(1, refractory=refractory * u.ms), 15.0 * u.nA, 200.0, dt)
    to_threshold = 20.0 * np.log(15.0 / 5.0)
    on_grid = np.ceil(to_threshold / dt) * dt  # the first step whose end is above threshold
    assert len(spikes) >= 8
    np.testing.assert_allclose(spikes, on_grid + np.arange(len(spikes)) * (on_grid + refractory), atol=1e-9)
    assert on_grid - to_threshold < dt


def test_qif_fires_with_the_analytic_period():
    """tau x' = a x^2 + k from x_r to x_p takes tau / sqrt(a k) [atan(x_p sqrt(a / k)) - atan(x_r sqrt(a / k))]."""
    dt = 0.005
    spikes, _ = run(bs.neurons.QIF(1, V=-68.0 * u.mV), 8.0 * u.nA, 200.0, dt)
    middle, a = -57.5, 0.07
    k = 8.0 - a * 7.5**2
    root = np.sqrt(a / k)
    period = 10.0 / np.sqrt(a * k) * (np.arctan((-30.0 - middle) * root) - np.arctan((-68.0 - middle) * root))
    assert len(spikes) > 3
    np.testing.assert_allclose(np.diff(spikes, prepend=0.0), period, atol=dt + 1e-3)


def test_a_perfect_integrator_fires_at_the_analytic_rate():
    """C (V_th - V_reset) / I = 250 pF 10 mV / 500 pA = 5 ms, and the step after it is the first that ends above
    threshold.
    """
    dt = 2.0**-5
    spikes, V = run(bs.neurons.IF(1), 500 * u.pA, 100.0, dt)
    np.testing.assert_allclose(np.diff(spikes), 5.0 + dt, atol=1e-9)
    np.testing.assert_allclose(V[:100, 0], -60 + 2 * dt * np.arange(1, 101), atol=1e-9)


def test_expif_fires_with_the_period_of_the_integral():
    """The time from reset to peak is the integral of 1 / V' over V."""
    rate = lambda V: (10 * (-65 - V) + 10 * 3.48 * np.exp((V + 59.9) / 3.48) + 150) / 100
    period = quad(lambda V: 1 / rate(V), -68, -30, epsabs=1e-12, limit=200)[0]
    dt = 0.005
    spikes, _ = run(bs.neurons.ExpIF(1), 150 * u.pA, 100.0, dt)
    assert len(spikes) > 5
    np.testing.assert_allclose(np.diff(spikes), period, atol=1.5 * dt)


def test_theta_fires_with_the_analytic_period_and_rests_where_it_should():
    def theta(drive, duration, dt):
        net = bs.Network()
        net.E = bs.neurons.Theta(1, tau=10 * u.ms)
        net.E.add_stimuli(drive=bs.stimuli.Constant(drive))
        rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record="E.spikes")
        return np.asarray(rec.spikes["E"].times / u.ms), float(net.E.theta[0])

    spikes, _ = theta(1.25, 600.0, 0.02)  # eta + I = 1/4
    assert len(spikes) > 8
    np.testing.assert_allclose(np.diff(spikes), 20 * np.pi, atol=0.03)
    spikes, at = theta(0.91, 600.0, 0.1)
    assert len(spikes) == 0
    assert at == pytest.approx(-2 * np.arctan(0.3), abs=1e-6)


def test_theta_is_a_qif_on_a_circle():
    """x = tan(theta / 2) obeys tau x' = x^2 + eta + I: with it the same potential, as long as it is finite."""
    net = bs.Network()
    net.theta = bs.neurons.Theta(1, method="rk4")
    net.qif = bs.neurons.QIF(
        1, a_0=1.0 / u.mV, E_L=-1.0 * u.mV, V_c=1.0 * u.mV, V_peak=1e9 * u.mV, V=-1.0 * u.mV, method="rk4"
    )
    net.theta.add_stimuli(drive=bs.stimuli.Constant(1.5))
    net.qif.add_stimuli(drive=bs.stimuli.Constant(1.5 * u.nA))
    rec = bs.simulate(net, 32 * u.ms, dt=0.01 * u.ms, record=["theta.theta", "qif.V"])
    V = np.asarray(rec["qif.V"] / u.mV)
    assert V.max() > 1
    np.testing.assert_allclose(np.tan(np.asarray(rec["theta.theta"]) / 2), V, rtol=1e-6, atol=1e-6)


def test_the_threshold_of_alif_rises_and_is_forgotten():
    """After n spikes in a short time it stands at beta n exp(-t / tau_a): here as what it takes to reach it again."""
    cell = bs.neurons.ALIF(1, tau_a=100 * u.ms, beta=3 * u.mV)
    spikes, V = run(cell, 15 * u.nA, 100.0, 0.01, record=["E.spikes", "E.V"])
    crossed = [V[round(t / 0.01) - 2, 0] for t in spikes]  # the last sample below
    a = [np.sum(np.exp(-(t - spikes[spikes < t]) / 100.0)) for t in spikes]
    assert len(spikes) > 1
    np.testing.assert_allclose(crossed, -50 + 3 * np.array(a), atol=0.02)
    after = [V[round(t / 0.01) - 1, 0] for t in spikes]
    np.testing.assert_allclose(after, np.array(crossed) - 10, atol=0.02)  # V falls by V_th - E_L


def test_srm0_is_the_renewal_process_of_its_hazard():
    """Mean and variation of the intervals from the survivor function, exp(-integral of the hazard)."""
    net = bs.Network(seed=2)
    net.E = bs.neurons.SRM0(400, V=-49 * u.mV, E_L=-49 * u.mV)
    train = bs.simulate(net, 3 * u.second, dt=0.1 * u.ms, record="E.spikes").spikes["E"]
    s = np.arange(0, 400, 0.01)
    hazard = 0.1 * np.exp(-49 - 10 * np.exp(-s / 20) + 50)  # per ms
    survivor = np.exp(-np.cumsum(hazard) * 0.01)
    mean, square = np.sum(survivor) * 0.01, 2 * np.sum(s * survivor) * 0.01
    intervals = np.concatenate(
        [np.diff(np.asarray(train.times / u.ms)[np.asarray(train.indices) == k]) for k in range(400)]
    )
    assert intervals.mean() == pytest.approx(mean + 0.05, rel=4 * 0.3 / np.sqrt(len(intervals)))  # half a step late
    assert intervals.std() / intervals.mean() == pytest.approx(np.sqrt(square / mean**2 - 1), abs=0.01)


@pytest.mark.parametrize("transfer, rate", [(jax.nn.sigmoid, 100.0), (jnp.exp, 200.0), (jax.nn.relu, 0.0)])
def test_a_poisson_neuron_has_the_rate_of_its_transfer_function(transfer, rate):
    net = bs.Network(seed=2)
    net.E = bs.neurons.PoissonNeuron(400, transfer=transfer, V=-50 * u.mV, E_L=-50 * u.mV)
    train = bs.simulate(net, 1 * u.second, dt=0.1 * u.ms, record="E.spikes").spikes["E"]
    expected = -np.expm1(-rate * 1e-4) / 1e-4
    assert float(train.rate() / u.Hz) == pytest.approx(expected, abs=4 * np.sqrt(rate / 400))
    if rate:
        assert train.cv() == pytest.approx(1.0, abs=0.03)


def test_a_transfer_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match="PoissonNeuron: transfer must be a function, given 'sigmoid'"):
        bs.neurons.PoissonNeuron(3, transfer="sigmoid")


def test_hazards_never_overflow():
    for cell in (bs.neurons.SRM0(2, Delta=1e-3 * u.mV), bs.neurons.EscapeGIF(2, Delta_V=1e-3 * u.mV)):
        spikes, V = run(cell, 2 * u.nA, 50.0, 0.1)
        assert len(spikes) > 1 and np.all(np.isfinite(V))


def test_adex_never_overflows():
    cell = lambda: bs.neurons.AdEx(1, Delta_T=0.2 * u.mV, V_peak=100.0 * u.mV)  # an exponent of 750 without the clip
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(dtype == np.float64):
            spikes, V = run(cell(), 2.0 * u.nA, 50.0, 0.1)
            assert len(spikes) > 1
            assert V.dtype == dtype and np.all(np.isfinite(V))


def test_izhikevich_steps_as_in_the_paper_when_given_its_integrator():
    """The program of 2003: two half steps of V, then u with the new V; here as an integrator of the user's own."""
    from dataclasses import dataclass

    from brainsim.integrators import ODEMethod

    @dataclass(frozen=True)
    class TwoHalves(ODEMethod):
        name = "two_halves"

        def step(self, f, t, y, dt):
            V, w = y
            for _ in range(2):
                V = V + 0.5 * dt * f(t, [V, w])[0]
            return [V, w + dt * f(t, [V, w])[1]]

    spikes, _ = run(bs.neurons.Izhikevich(1, method=bs.integrators.Untried(TwoHalves())), 10.0 * u.mV, 600.0, 1.0)
    v, w, fired = -70.0, -14.0, []
    for t in range(1, 601):
        v += 0.5 * (0.04 * v**2 + 5 * v + 140 - w + 10)
        v += 0.5 * (0.04 * v**2 + 5 * v + 140 - w + 10)
        w += 0.02 * (0.2 * v - w)
        if v >= 30:
            v, w = -65.0, w + 8
            fired.append(t)
    assert len(fired) > 10  # (a rounding error grows at such a step: after 750 ms it moves a spike)
    np.testing.assert_allclose(spikes, fired)


def test_rate_functions_have_their_limits():
    cell = bs.neurons.TraubMiles(1)
    V = (np.array([13.0, 40.0, 15.0]) - 63.0) * u.mV
    (alpha_m, beta_m), _, (alpha_n, _) = cell.rates(V)
    per_ms = lambda rate, k: float(rate.to_decimal(u.kHz)[k])
    assert per_ms(alpha_m, 0) == pytest.approx(0.32 * 4, rel=1e-14)
    assert per_ms(beta_m, 1) == pytest.approx(0.28 * 5, rel=1e-14)
    assert per_ms(alpha_n, 2) == pytest.approx(0.032 * 5, rel=1e-14)
    squid = bs.neurons.HodgkinHuxley(1)
    (alpha_m, _), _, (alpha_n, _) = squid.rates(np.array([-40.0, -55.0]) * u.mV)
    assert (per_ms(alpha_m, 0), per_ms(alpha_n, 1)) == (pytest.approx(1.0, rel=1e-14), pytest.approx(0.1, rel=1e-14))


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_exprel(dtype, tolerance):
    x = np.array([-20.0, -3.0, -1e-3, -1e-12, 1e-30, 1e-9, 0.1, 2.0, 8.0], dtype)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(exprel(jnp.asarray(x)), np.expm1(wide) / wide, rtol=tolerance)
    assert exprel(jnp.zeros((), dtype)) == 1.0
    assert jax.grad(exprel)(0.0) == pytest.approx(0.5)


def test_gates_start_at_the_steady_state_of_their_potential_unless_given():
    net = bs.Network(seed=1)
    net.E = bs.neurons.HodgkinHuxley(50, V=bs.Normal(-65 * u.mV, 5 * u.mV), h=0.3)

    def steady():
        v = np.asarray(net.E.plain("V"))
        alpha, beta = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10)), 4 * np.exp(-(v + 65) / 18)
        return alpha / (alpha + beta)

    np.testing.assert_allclose(net.E.plain("m"), steady(), rtol=1e-12)
    assert np.all(net.E.plain("h") == 0.3)
    first = np.asarray(net.E.plain("V"))
    bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms)
    net.reset(seed=5)
    assert not np.any(net.E.plain("V") == first)
    np.testing.assert_allclose(net.E.plain("m"), steady(), rtol=1e-12)  # and of a potential that is drawn anew
    assert np.all(net.E.plain("h") == 0.3)


def test_at_rest_hodgkin_and_huxley_found_these_gates():
    cell = bs.neurons.HodgkinHuxley(1)
    found = [float(cell.plain(k)[0]) for k in ("m", "h", "n")]
    np.testing.assert_allclose(found, [0.0529, 0.5961, 0.3177], atol=5e-5)  # the paper's zero of depolarisation


def test_a_lock_out_does_not_touch_the_potential_of_a_hodgkin_huxley_cell():
    plain, locked = (run(bs.neurons.TraubMiles(1, refractory=r), 300 * u.pA, 100.0, 0.02) for r in (None, 40 * u.ms))
    np.testing.assert_array_equal(plain[1], locked[1])
    assert len(plain[0]) > len(locked[0])
    assert np.diff(locked[0]).min() > 40.0
    assert set(locked[0]) < set(plain[0])
