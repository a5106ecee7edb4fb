"""Currents, reductions and functions in a recording, against what follows from recorded states by hand."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.simulation import engine

RECORD = {
    "E.V": None,
    "E.ampa.g": None,
    "E.nmda.g": None,
    "E.ampa.I": None,
    "E.nmda.I": None,
    "E.drive.value": None,
    "E.noise.value": None,
    "E.I": None,
    "mean(E.V)": None,
    "std(E.V[:3])": None,
    "sum(E.I)": None,
    "max(E.spikes)": None,
    "mean_V": lambda net: net.E.V.mean(),
    "above": lambda net: jnp.sum(net.E.V > -55 * u.mV),  # noqa: SIM300
    "ratio": bs.Record(lambda net: net.E.V / net.E.V_th, every=0.5 * u.ms),
    "E.noise.x": None,
    "E.spikes": None,
}


def network(seed=0):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF(5, V=bs.Uniform(-60 * u.mV, -51 * u.mV), V_th=-53 * u.mV)
    net.P = bs.sources.PoissonGroup(40, rate=100 * u.Hz)
    net.E.add_receptors(
        ampa=bs.receptors.Exponential(reversal=0 * u.mV), nmda=bs.receptors.NMDA(), d=bs.receptors.Delta()
    )
    net.E.add_stimuli(
        drive=bs.stimuli.TimedArray([100, 8000] * u.pA, 1 * u.ms),
        noise=bs.stimuli.OrnsteinUhlenbeck(0 * u.pA, 50 * u.pA, 2 * u.ms),
    )
    net.connect(net.P, net.E, bs.FixedProbability(0.5), receptor="ampa", weight=1 * u.nS)
    net.connect(net.P, net.E, bs.FixedProbability(0.5), receptor="nmda", weight=1 * u.nS)
    return net


@pytest.fixture(scope="module")
def rec():
    return bs.simulate(network(), 3 * u.ms, record=RECORD)


def plain(rec, label, unit=u.UNITLESS):
    value = rec[label]
    return np.asarray(value.to_decimal(unit) if isinstance(value, u.Quantity) else value)


def test_currents_of_receptors_are_those_of_the_moment(rec):
    V, g, s = plain(rec, "E.V", u.mV), plain(rec, "E.ampa.g", u.nS), plain(rec, "E.nmda.g", u.nS)
    np.testing.assert_allclose(plain(rec, "E.ampa.I", u.pA), -g * V, rtol=1e-12)
    block = 1 / (1 + np.exp(-0.062 * V) / 3.57)
    np.testing.assert_allclose(plain(rec, "E.nmda.I", u.pA), -s * block * V, rtol=1e-12)
    assert np.abs(plain(rec, "E.ampa.I", u.pA)).max() > 10


def test_stimuli_have_the_value_of_the_step_that_begins(rec):
    np.testing.assert_array_equal(
        plain(rec, "E.drive.value", u.pA), np.repeat([100.0, 8000.0], [9, 21])[:, None] * np.ones(5)
    )
    np.testing.assert_allclose(plain(rec, "E.noise.value", u.pA)[:-1], plain(rec, "E.noise.x", u.pA)[1:], rtol=1e-9)


def test_the_total_is_the_sum_of_its_parts(rec):
    parts = ("E.ampa.I", "E.nmda.I", "E.drive.value", "E.noise.value")
    total = sum(plain(rec, label, u.pA) for label in parts)
    np.testing.assert_allclose(plain(rec, "E.I", u.pA), total, rtol=1e-12)
    np.testing.assert_allclose(plain(rec, "sum(E.I)", u.pA), total.sum(1), rtol=1e-12)


def test_reductions_and_functions(rec):
    V = plain(rec, "E.V", u.mV)
    np.testing.assert_allclose(plain(rec, "mean(E.V)", u.mV), V.mean(1), rtol=1e-12)
    np.testing.assert_allclose(plain(rec, "mean_V", u.mV), V.mean(1), rtol=1e-12)
    np.testing.assert_allclose(plain(rec, "std(E.V[:3])", u.mV), V[:, :3].std(1), rtol=1e-9)
    np.testing.assert_array_equal(plain(rec, "above"), (V > -55).sum(1))
    np.testing.assert_allclose(plain(rec, "ratio"), V[4::5] / -53, rtol=1e-12)
    np.testing.assert_allclose(rec.times_of("ratio").to_decimal(u.ms), np.arange(0.5, 3.1, 0.5))
    fired = np.zeros(30)
    fired[rec.spikes["E"].steps - 1] = 1
    np.testing.assert_array_equal(plain(rec, "max(E.spikes)"), fired)
    assert fired.any()


def test_what_is_recorded_changes_nothing(rec):
    alone = bs.simulate(network(), 3 * u.ms, record=["E.V", "E.spikes"])
    np.testing.assert_array_equal(plain(alone, "E.V", u.mV), plain(rec, "E.V", u.mV))


def test_a_function_written_again_compiles_nothing():
    net, counts = network(), []
    for k in (1.0, 1.0, 2.0):
        bs.simulate(net, 0.5 * u.ms, record={"x": lambda net, k=k: k * net.E.V.sum()})
        counts.append(engine.run_chunk.compiled)
    assert counts[0] == counts[1] < counts[2]


def test_in_a_function_and_its_gradient():
    record = {"E.ampa.I": None, "E.I": None, "m": lambda net: net.E.V.mean(), "mean(E.V)": None}
    rec = bs.simulate(network(), 1 * u.ms, record=record)
    run = bs.function(network(), 1 * u.ms, record=record)
    _, found = run({}, run.state)
    for label in record:
        np.testing.assert_allclose(found[label], np.asarray(u.get_mantissa(rec[label])), rtol=1e-9, atol=1e-12)
    assert "is computed of the network" in repr(run)

    def last(tau):
        return run({"E.tau": tau}, run.state)[1]["m"][-1]

    slope = (last(20.0 + 1e-4) - last(20.0 - 1e-4)) / 2e-4
    np.testing.assert_allclose(jax.grad(last)(20.0), slope, rtol=1e-5)


def test_in_a_sweep_each_run_has_its_own():
    record = {
        "E.I": None,
        "m": lambda net: net.E.V.mean(),
        "first": bs.Record("E.V", initial=True),
        "total": bs.Record("mean(E.V)", initial=True),
    }
    found = bs.sweep(
        network(), {"E.drive.values": [[50, 60], [100, 8000]] * u.pA}, 1 * u.ms, record=record, seeds=[3, 0]
    )
    one = bs.simulate(network(), 1 * u.ms, record=record)
    for label in record:
        np.testing.assert_allclose(
            plain(found[1, 1], label, u.get_unit(one[label])), np.asarray(u.get_mantissa(one[label])), rtol=1e-9
        )
        assert not np.allclose(u.get_mantissa(found[0, 1][label]), u.get_mantissa(one[label]), rtol=1e-6)
        assert not np.allclose(u.get_mantissa(found[1, 0][label]), u.get_mantissa(one[label]), rtol=1e-6)


def test_windows_initial_values_and_runs_that_are_joined():
    whole = bs.simulate(network(), 3 * u.ms, record=["E.V", "E.spikes", "P.spikes"])
    V = plain(whole, "E.V", u.mV)
    record = {
        "V": bs.Record("E.V", initial=True),
        "late": bs.Record("E.V[1:3]", start=1 * u.ms, stop=1.5 * u.ms),
        "slow": bs.Record("E.V", every=0.5 * u.ms, start=1 * u.ms, initial=True),
        "early": bs.Record("P.spikes", stop=1 * u.ms),
    }
    net = network()
    start = np.asarray(net.E.V.to_decimal(u.mV))
    rec = bs.simulate(net, 2 * u.ms, record=record)
    np.testing.assert_array_equal(plain(rec, "V", u.mV), np.concatenate([start[None], V[:20]]))
    np.testing.assert_array_equal(plain(rec, "late", u.mV), V[10:15, 1:3])
    np.testing.assert_allclose(rec.times_of("late").to_decimal(u.ms), np.arange(1.1, 1.55, 0.1))
    np.testing.assert_array_equal(rec.elements_of("late"), [1, 2])
    np.testing.assert_array_equal(plain(rec, "slow", u.mV), V[[9, 14, 19]])
    early, P = rec["early"], whole.spikes["P"]
    np.testing.assert_array_equal(early.indices, P.indices[P.steps <= 10])
    assert early.stop == 1 * u.ms and rec["V"].shape == (21, 5)
    again = bs.simulate(net, 1 * u.ms, record={"V": bs.Record("E.V", initial=True)})
    first = bs.simulate(network(), 2 * u.ms, record={"V": bs.Record("E.V", initial=True)})
    np.testing.assert_array_equal(plain(first + again, "V", u.mV), np.concatenate([start[None], V]))


def test_a_window_outlives_the_disk(tmp_path):
    net = network()
    rec = bs.simulate(
        net, 2 * u.ms, record={"early": bs.Record("P.spikes", stop=1 * u.ms), "m": lambda net: net.E.V.mean()}
    )
    rec.save(tmp_path / "rec.h5")
    loaded = bs.Recording.load(tmp_path / "rec.h5")
    assert loaded["early"].stop == 1 * u.ms and len(loaded["early"]) == len(rec["early"])
    np.testing.assert_array_equal(plain(loaded, "m", u.mV), plain(rec, "m", u.mV))


def test_weights_are_seen_without_the_room_behind_them():
    net = network()
    rec = bs.simulate(net, 0.2 * u.ms, record={"n": count})
    np.testing.assert_array_equal(plain(rec, "n"), np.full(2, net["P->E"].n_synapses))


def count(net):
    return jnp.asarray(net["P->E"].conn.indices.size)


@pytest.mark.parametrize(
    ("record", "kind", "message"),
    [
        (["E.amap.I"], bs.UnknownNameError, "E.ampa.I"),
        (["E.drive.valu"], bs.UnknownNameError, "E.drive.value"),
        (["E.d.I"], bs.UnknownNameError, "no 'E.d.I'"),
        (["maen(E.V)"], bs.UnknownNameError, "no reduction 'maen'.*mean"),
        (["mean(E.v)"], bs.UnknownNameError, "E.V"),
        ([lambda net: net.E.V], ValueError, "cannot read"),
        ({"x": lambda net: "V"}, TypeError, "must give numbers or a quantity, given str"),
        ({"x": lambda net: None}, TypeError, r"record\['x'\]: the function must give numbers .* given NoneType"),
        ({"x": lambda: 3}, TypeError, r"record\['x'\]: expected a function of the network"),
        ({"x": lambda net: net.E.V.mean}, TypeError, "must give numbers"),
        ([bs.Record("E.V", start=2 * u.ms)], ValueError, "window 2 to 1 ms is empty or reaches beyond the run"),
        ([bs.Record("E.V", start=0.55 * u.ms)], ValueError, "not a multiple of dt"),
        ([bs.Record("E.V", start=3 * u.mV)], bs.UnitError, "expected ms"),
        ([bs.Record("E.spikes", initial=True)], ValueError, "takes no initial value"),
        ([bs.Record("E.V", every=0.5 * u.ms, start=0.2 * u.ms, initial=True)], ValueError, "multiple of 0.5 ms only"),
        ([bs.Record(lambda net: net.E.V)], TypeError, "a function needs a name"),
        (["E.V", bs.Record("E.V")], ValueError, "asked for twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_refused_before_anything_runs(record, kind, message):
    net = network()
    with pytest.raises(kind, match=message):
        bs.simulate(net, 1 * u.ms, record=record)
    assert int(net.steps) == 0


def test_a_function_that_changes_the_network_is_refused():
    def shift(net):
        net.E.V = net.E.V + 1 * u.mV
        return net.E.V

    with pytest.raises(ValueError, match=r"record\['x'\]: the function changes E.V"):
        bs.simulate(network(), 1 * u.ms, record={"x": shift})
    with pytest.raises(ValueError, match="takes no window in a function"):
        bs.function(network(), 1 * u.ms, record=[bs.Record("E.V", start=0.5 * u.ms)])
