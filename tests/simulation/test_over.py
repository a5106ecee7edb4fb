"""Samples that are of whole intervals: those of the values of all their steps, wherever chunks end."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

MS = u.ms
HOW = {"mean": np.mean, "sum": np.sum, "min": np.min, "max": np.max}
ASKED = {f"{how} {what}": bs.Record(what, over=how, every=0.5 * MS) for how in HOW for what in ("E.V[:3]", "E.spikes")}
WHOLE = {"count": bs.Record("E.spikes", over="sum"), "late": bs.Record("mean(E.V)", over="mean", start=4 * MS)}
PLAIN = {"V": bs.Record("E.V[:3]"), "all": bs.Record("mean(E.V)"), "S": bs.Record("E.spikes")}


def firing():
    net = bs.Network(seed=1)
    net.E = bs.neurons.LIF(7, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=1 * MS)
    net.E.add_stimuli(drive=bs.stimuli.Constant(600 * u.pA))
    return net


def same(one, other):
    np.testing.assert_array_equal(np.asarray(u.get_mantissa(one)), np.asarray(u.get_mantissa(other)))


def spikes_of(rec):
    train = rec["S"]
    raster = np.zeros((200, 7))
    np.add.at(raster, (train.steps - 1, train.indices), 1)
    return raster


@pytest.fixture(scope="module")
def plain():
    rec = bs.simulate(firing(), 20 * MS, record=PLAIN)
    assert len(rec["S"].indices) > 20
    return rec


@pytest.fixture(scope="module")
def taken():
    return bs.simulate(firing(), 20 * MS, record=ASKED | WHOLE)


def same_as_plain(rec, plain):
    values = {"E.V[:3]": plain["V"] / u.mV, "E.spikes": spikes_of(plain)}
    for label in ASKED:
        how, what = label.split(" ")
        expected = HOW[how](values[what].astype(float).reshape(40, 5, -1), axis=1)
        np.testing.assert_allclose(np.asarray(u.get_mantissa(rec[label])), expected, rtol=1e-14)
    np.testing.assert_array_equal(rec["count"], spikes_of(plain).sum(0)[None])
    np.testing.assert_allclose(rec["late"] / u.mV, np.mean((plain["all"] / u.mV)[40:]), rtol=1e-14)


def test_samples_are_of_all_steps_of_their_intervals(taken, plain):
    same_as_plain(taken, plain)
    assert taken["mean E.V[:3]"].unit == u.mV and taken["sum E.spikes"].dtype == np.int32
    np.testing.assert_allclose(taken.times_of("mean E.V[:3]") / MS, np.arange(1, 41) * 0.5)
    np.testing.assert_allclose(taken.times_of("late") / MS, [20])


def test_they_are_the_same_bits_wherever_chunks_end(taken):
    again = bs.simulate(firing(), 20 * MS, record=ASKED | WHOLE, chunk_steps=7)
    for label in (*ASKED, *WHOLE):
        same(again[label], taken[label])


def test_runs_one_after_the_other_add_up(taken):
    net = firing()
    asked = ASKED | {"count": WHOLE["count"]}
    rec = bs.simulate(net, 10 * MS, record=asked) + bs.simulate(net, 10 * MS, record=asked)
    for label in ASKED:
        same(rec[label], taken[label])
    np.testing.assert_array_equal(rec["count"].sum(0), taken["count"][0])


def test_a_run_that_ends_early_has_what_there_was(plain):
    rec = bs.simulate(firing(), 20 * MS, record=WHOLE, until=lambda net: net.steps >= 73)
    np.testing.assert_array_equal(rec["count"], spikes_of(plain)[: rec_steps(rec)].sum(0)[None])
    expected = np.mean((plain["all"] / u.mV)[40 : rec_steps(rec)])
    np.testing.assert_allclose(rec["late"] / u.mV, expected, rtol=1e-14)


def rec_steps(rec):
    steps = round(float(rec.stop / MS) * 10)
    assert steps == 73
    return steps


def test_on_a_mesh_they_have_the_same_bits(taken):
    rec = bs.simulate(firing(), 20 * MS, record=ASKED | WHOLE, mesh=1)
    for label in (*ASKED, *WHOLE):
        same(rec[label], taken[label])


def test_in_a_sweep_each_run_has_its_own(taken, tmp_path):
    options = dict(record=ASKED | WHOLE, batch_size=2, out=tmp_path / "over.zarr")
    runs = bs.sweep(firing(), {"E.drive.amplitude": [500, 600, 550] * u.pA}, 20 * MS, **options)
    for label in (*ASKED, *WHOLE):
        same(runs[1][label], taken[label])
    assert len({int(run["count"].sum()) for run in runs}) == 3


def test_a_gradient_passes_through_a_mean():
    """tau dV/dt = E_L - V + R I from rest, exact for a step: V_n = R I (1 - exp(-n dt / tau))."""

    def mean(drive):
        net = bs.Network()
        net.E = bs.neurons.LIF(1, R=100 * u.Mohm, tau=20 * MS, V=-60 * u.mV)
        net.E.add_stimuli(drive=bs.stimuli.Constant(0 * u.pA))
        net.E.drive.amplitude = drive * u.pA
        rec = bs.simulate(net, 5 * MS, record={"V": bs.Record("E.V", over="mean")})
        return rec["V"].mantissa[0, 0]

    slope = jax.grad(mean)(jnp.asarray(50.0))
    np.testing.assert_allclose(slope, 0.1 * np.mean(1 - np.exp(-0.1 * np.arange(1, 51) / 20)), rtol=1e-9)


def test_sums_in_float32_lose_nothing():
    """60,000 values of -60 mV and a bit: a sum in float32 is off by a thousandth of it."""
    with jax.enable_x64(False):
        net = bs.Network()
        net.E = bs.neurons.LIF(1, E_L=-60.1 * u.mV, V=-60.1 * u.mV)
        rec = bs.simulate(net, 6 * u.second, record={"V": bs.Record("E.V", over="mean")}, chunk_steps=999)
        assert rec["V"].shape == (1, 1) and rec["V"].dtype == np.float32
        assert float(rec["V"][0, 0] / u.mV) == np.float32(-60.1)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (dict(over="median"), bs.UnknownNameError, "there is no over='median'. Did you mean 'mean'"),
        (dict(over="mean", initial=True), ValueError, "over an interval there is no initial value"),
        (dict(over="mean", every=0.3 * MS), ValueError, "intervals are between multiples of 0.3 ms, and .* ends at 1 ms"),
        (dict(over="mean", every=0.2 * MS, start=0.5 * MS), ValueError, "begins at 0.5 ms"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over_an_interval_is_refused(asked, error, words):
    with pytest.raises(error, match=words):
        bs.simulate(firing(), 1 * MS, record={"V": bs.Record("E.V", **asked)})


def test_functions_and_steps_of_their_own_length_refuse_it():
    asked = {"V": bs.Record("E.V", over="mean")}
    with pytest.raises(ValueError, match="'V' takes no interval in a function"):
        bs.function(firing(), 1 * MS, record=asked)
    with pytest.raises(ValueError, match="'V' is over the steps of an interval, and there are no steps"):
        bs.simulate(firing(), 1 * MS, record=asked, adaptive=bs.integrators.Adaptive())
