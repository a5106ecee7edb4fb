"""Protocols as one batch are the runs one by one; residuals are what is asked, and lead to it."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.train import Features, PhasePlane, Protocol, Protocols, SpikeTimes, Unknown, Unknowns, Voltage, features

DT, DURATION, G = 0.05 * u.ms, 60 * u.ms, u.mS / u.cm2
WINDOW = dict(start=10 * u.ms, stop=50 * u.ms)
I = u.uA / u.cm2


def squid(**values):
    net = bs.Network()
    net.cell = bs.neurons.HodgkinHuxley(1, **values)
    net.cell.add_stimuli(step=bs.stimuli.Constant(0 * I, **WINDOW))
    return net


@pytest.fixture(scope="module")
def alone():
    """Potentials of runs one by one, by current."""
    found = {}
    for current in (-3.0, 2.0, 10.0):
        net = squid()
        net.cell.step.amplitude = current * I
        rec = bs.simulate(net, DURATION, dt=DT, record="cell.V", progress=False)
        found[current] = np.asarray(rec["cell.V"].to_decimal(u.mV))[:, 0]
    return found


@pytest.fixture(scope="module")
def protocols(alone):
    trace = features.Trace(alone[10.0], DT, **WINDOW)
    times = trace.peaks[: int(trace.spikes)] * u.ms
    asked = {"Spikecount": (float(trace.spikes), 0.5), "AP_height": (features.measure("AP_height", trace), 2 * u.mV)}
    return Protocols(
        squid(), DURATION, dt=DT, record=dict(here="cell.V"), checkpoint_every=40,
        low=Protocol({"cell.step.amplitude": -3 * I}, [Voltage("here", alone[-3.0], std=0.5 * u.mV, **WINDOW)]),
        rest=Protocol({"cell.step.amplitude": 2 * I}, [Features("here", {"AP_width": (1.5, 0.1)}, **WINDOW)]),
        high=Protocol(
            {"cell.step.amplitude": 10 * I},
            [SpikeTimes("here", times, **WINDOW), Features("here", asked, **WINDOW), PhasePlane("here", alone[10.0])],
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def unknowns(protocols):
    return Unknowns(
        protocols.net, na=Unknown("cell.g_Na", between=(50 * G, 300 * G)), leak=Unknown("cell.g_L", log=True)
    )


def test_responses_are_those_of_runs_one_by_one(protocols, alone):
    responses = jax.jit(protocols.responses)({})
    for name, current in (("low", -3.0), ("rest", 2.0), ("high", 10.0)):
        np.testing.assert_allclose(responses[name]["here"], alone[current], rtol=1e-9)
    assert protocols.names == ("low", "rest", "high")


def test_residuals_are_zero_where_all_is_as_asked_but_for_what_is_missing(protocols):
    residuals = np.asarray(protocols.residuals())
    samples, spikes = 800, 3
    assert residuals.size == samples + 1 + (spikes + 1) + 2 + 40 * 21
    # Two uA/cm2 call up no spike: the width is missing, by ten and what V lacks
    missing = residuals[samples]
    assert 11 < missing < 20
    np.testing.assert_allclose(np.delete(residuals, samples), 0, atol=1e-3)
    assert float(protocols.loss()) == pytest.approx(0.5 * missing**2, rel=1e-4)


def test_gradients_are_those_of_finite_differences(protocols, unknowns):
    free = unknowns.free(dict(na=130, leak=0.35))
    loss = jax.jit(lambda free: protocols.loss(unknowns.parameters(free)))
    slopes = jax.jit(jax.grad(lambda free: protocols.loss(unknowns.parameters(free))))(free)
    for name in free:
        moved = [loss(free | {name: free[name] + e}) for e in (1e-5, -1e-5)]
        assert float(slopes[name]) == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-4)
    assert float(jnp.abs(slopes["na"])) > 1


def test_stages_take_some_of_the_protocols(protocols, unknowns):
    low = protocols.only("low")
    assert low.names == ("low",) and low.residuals().size == 800
    found = bs.train.least_squares(
        lambda free: low.residuals(unknowns.holding(unknowns.first, "na").parameters(free)),
        dict(leak=unknowns.first["leak"] + 0.5), steps=20,
    )  # fmt: skip
    assert float(found.values["leak"]) == pytest.approx(float(unknowns.first["leak"]), abs=1e-4)
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'low'"):
        protocols.only("lo")


def test_a_report_counts_standard_deviations(protocols):
    pytest.importorskip("efel")
    report = protocols.report({"cell.g_Na": 123.0})
    height = next(row for row in report.rows if row.what == "AP_height")
    assert height.off == pytest.approx((height.measured - height.mean) / 2) and height.off > 0.05
    assert np.isnan(report.worst) and "AP_height" in str(report)  # the width of no spike
    ours = protocols.report({"cell.g_Na": 123.0}, by_efel=False)
    assert next(row.measured for row in ours.rows if row.what == "AP_height") == pytest.approx(
        height.measured, abs=1e-6
    )
    assert protocols.labels == ("rest.here.AP_width", "high.here.Spikecount", "high.here.AP_height")
    assert np.isnan(protocols.features()[0]) and float(protocols.features()[1]) == pytest.approx(3, abs=1e-3)


def test_far_residuals_count_less_if_asked(protocols):
    bounded = Protocols.__new__(Protocols)
    vars(bounded).update(vars(protocols), bound=1.0)
    missing = float(np.asarray(protocols.residuals())[800])
    assert float(bounded.loss()) == pytest.approx(np.sqrt(1 + missing**2) - 1, rel=1e-3)


def test_missing_spikes_lead_upwards():
    """The residual of a spike that is missing falls as V comes nearer to the threshold."""
    t = np.arange(400) * 0.1
    hill = lambda height: -70 + height * np.exp(-(((t - 20) / 2) ** 2))
    target = SpikeTimes("x", [20.0] * u.ms)
    first = [float(target.residuals(jnp.asarray(hill(height)), 0.1 * u.ms)[0]) for height in (10.0, 30.0, 45.0)]
    assert first[0] > first[1] > first[2] > 5
    there = target.residuals(jnp.asarray(hill(100.0)), 0.1 * u.ms)
    np.testing.assert_allclose(there, [0.1, 0], atol=1e-6)  # samples begin at dt


def test_a_portrait_does_not_see_the_time():
    t = np.arange(2000) * 0.05
    wave = lambda shift: -65 + 30 * np.sin(2 * np.pi * (t - shift) / 10)
    target = PhasePlane("x", wave(0.0))
    shifted, other = (target.residuals(jnp.asarray(V), 0.05 * u.ms) for V in (wave(3.0), 1.2 * wave(0.0)))
    assert float(jnp.abs(shifted).max()) < 0.1 < 0.5 < float(jnp.abs(other).max())
    np.testing.assert_allclose(target.portrait(jnp.asarray(wave(0.0)), 0.05 * u.ms).sum(), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "given, error, message",
    [
        (dict(a=Protocol({"cell.step.amplitde": 1 * I})), bs.UnknownNameError, "Did you mean 'cell.step.amplitude'"),
        (dict(a=Protocol({"cell.step.amplitude": 1 * u.mV})), bs.UnitError, "Protocols: a"),
        (dict(a=Protocol({}, [Features("soma", {})])), bs.UnknownNameError, "'soma', which is not recorded"),
        (dict(a=3), TypeError, "must be a Protocol"),
        (dict(), ValueError, "name at least one"),
    ],
)
def test_bad_protocols_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        Protocols(squid(), DURATION, dt=DT, record=dict(here="cell.V"), **given)


def test_bad_targets_are_refused(protocols):
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'AP_width'"):
        Features("here", {"AP_widht": (1, 1)})
    with pytest.raises(ValueError, match="must be positive"):
        Features("here", {"AP_width": (1, 0)})
    with pytest.raises(bs.UnitError, match="AP_width"):
        Features("here", {"AP_width": (1 * u.mV, 1 * u.ms)})
    with pytest.raises(ValueError, match="mean and standard deviation"):
        Features("here", {"AP_width": 1.0})
    with pytest.raises(ValueError, match="the target has shape"):
        Voltage("here", np.zeros(7)).residuals(jnp.zeros(8), DT)
    with pytest.raises(ValueError, match="not within the 8 samples"):
        Voltage("here", np.zeros(8), stop=1 * u.second).residuals(jnp.zeros(8), DT)
    with pytest.raises(ValueError, match="set by the protocols"):
        protocols.responses({"cell.step.amplitude": 3.0})
    with pytest.raises(TypeError, match="a path or a place"):
        Protocols(squid(), DURATION, dt=DT, record=dict(here=3), a=Protocol({}))
