"""Smooth features are those of eFEL, to what interpolation between samples makes of them, and have their derivative."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.train import features

DT = 0.025 * u.ms
WINDOW = dict(start=20 * u.ms, stop=120 * u.ms)
CURRENTS = np.array([4.0, 10.0, 20.0, -3.0, 1.0])  # one spike, two trains, sag, nothing; uA/cm2
NAMES = list(features.FEATURES)


@pytest.fixture(scope="module")
def potentials():
    """A squid's membrane under currents, (samples, currents)."""
    net = bs.Network()
    net.cell = bs.neurons.HodgkinHuxley(len(CURRENTS))
    net.cell.add_stimuli(step=bs.stimuli.Constant(CURRENTS * u.uA / u.cm2, **WINDOW))
    rec = bs.simulate(net, 150 * u.ms, dt=DT, record="cell.V", progress=False)
    return np.asarray(rec["cell.V"].to_decimal(u.mV))


@pytest.fixture(scope="module")
def measured():
    """All features of a trace, as a compiled function."""

    def of(V):
        trace = features.Trace(V, DT, **WINDOW)
        return {name: u.get_mantissa(features.measure(name, trace)) for name in NAMES}

    return jax.jit(of)


# What interpolation may change: half a sample of each time, and a sample of the slope where a spike begins
TOLERANCE = {
    "Spikecount": 1e-4,
    "time_to_first_spike": 0.013,
    "time_to_last_spike": 0.013,
    "doublet_ISI": 0.026,
    "ISI_CV": 2e-3,
    "adaptation_index2": 1e-3,
    "AP_amplitude": 0.25,
    "AP_width": 0.026,
    "AP_duration_half_width": 0.026,
    "minimum_voltage": 0.1,
    "maximum_voltage": 0.1,
    "maximum_voltage_from_voltagebase": 0.1,
    "steady_state_voltage": 0.1,  # eFEL may count a sample more at an edge
}


@pytest.mark.parametrize("k", range(len(CURRENTS)))
def test_features_are_those_of_efel(potentials, measured, k):
    pytest.importorskip("efel")
    V = potentials[:, k]
    ours, theirs = measured(V), features.efel(V, DT, NAMES, **WINDOW)
    for name in NAMES:
        if name in ("mean_frequency", "inv_first_ISI"):
            tolerance = 0.02 * (theirs[name] if np.isfinite(theirs[name]) else 0)
        else:
            tolerance = TOLERANCE.get(name, 1e-5)
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("k", [1, 3])
def test_derivatives_are_those_of_finite_differences(potentials, measured, k):
    """Of a disturbance of all samples."""
    V, steps = potentials[:, k], np.arange(len(potentials))
    along = np.sin(steps / 37) + 0.3 * np.cos(steps / 11)
    defined = [name for name in NAMES if np.isfinite(measured(V)[name])]
    assert len(defined) == (len(NAMES) - 2 if k == 1 else 10)
    stacked = lambda e: jnp.stack([measured(V + e * along)[name] for name in defined])
    slopes = jax.jvp(stacked, (0.0,), (1.0,))[1]
    differences = (stacked(1e-5) - stacked(-1e-5)) / 2e-5
    np.testing.assert_allclose(slopes, differences, rtol=1e-4, atol=1e-7)
    back = jax.grad(lambda e: stacked(e).sum())(0.0)
    np.testing.assert_allclose(back, slopes.sum(), rtol=1e-9)


def test_a_count_is_smooth_where_a_peak_is_near_the_threshold():
    t = np.arange(400) * 0.1
    peak = lambda height: -70 + (height + 70) * np.exp(-(((t - 20) / 2) ** 2))
    count = lambda height: float(features.Trace(peak(height), 0.1 * u.ms).count)
    assert count(20) == pytest.approx(1, abs=1e-5) and count(-60) == pytest.approx(0, abs=1e-5)
    assert count(-20) == pytest.approx(0.5, abs=1e-4)  # the logistic function at its middle
    assert count(-17) == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)


def test_what_is_not_defined_is_nan_and_has_no_slope(potentials, measured):
    still = potentials[:, 4]
    assert np.isnan(measured(still)["AP_width"])
    assert float(features.Trace(still, DT, **WINDOW).reach) == pytest.approx(still[800:4800].max(), abs=0.1)
    few = lambda V: u.get_mantissa(features.measure("AP_height", features.Trace(V, DT, most=3, **WINDOW)))
    assert np.isnan(jax.jit(few)(potentials[:, 1])), "more spikes than are looked at"
    assert not np.any(jax.jit(jax.grad(lambda V: measured(V)["AP_width"]))(still))


def test_units_and_names(potentials):
    V = potentials[:, 1]
    trace, volts = features.Trace(V, DT, **WINDOW), features.Trace(V * 1e-3 * u.volt, 25 * u.us, **WINDOW)
    for name in ("AP_height", "mean_frequency", "AP_width"):
        one, other = features.measure(name, trace), features.measure(name, volts)
        assert one.unit == features.FEATURES[name].unit
        np.testing.assert_allclose(other.mantissa, one.mantissa, rtol=1e-9)
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'AP_height'"):
        features.measure("AP_hieght", trace)
    with pytest.raises(ValueError, match="start and stop must lie in the trace"):
        features.Trace(V, DT, start=100 * u.ms, stop=20 * u.ms)
    with pytest.raises(ValueError, match="start and stop must lie in the trace, from 0.025 to 150"):
        features.Trace(V, DT, stop=200 * u.ms)
    with pytest.raises(bs.UnitError, match="Trace: threshold"):
        features.Trace(V, DT, threshold=-20 * u.ms).count  # noqa: B018
    with pytest.raises(ValueError, match="samples at one place"):
        features.Trace(potentials, DT)
    with pytest.raises(ValueError, match="dt must be positive"):
        features.Trace(V, 0 * u.ms)
