"""Recordings: samples at the right times, spike trains against numpy, files and back."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


@pytest.mark.parametrize("chunk_steps", [None, 1, 4, 7])
def test_samples_at_intervals_across_chunks_and_runs(chunk_steps):
    """Every fifth step, counted from t = 0, whatever the pieces: the row with the number of the step."""
    net = bs.Network()
    net.S = bs.sources.SpikeInput(1)
    rows, times = [], []
    done = 0
    for steps in (13, 6, 31):
        given = np.arange(done + 1, done + steps + 1.0)
        options = {"sample_every": 0.5 * u.ms, "chunk_steps": chunk_steps}
        rec = bs.simulate(net, steps * 0.1 * u.ms, inputs={"S.input": given}, record=["steps"], **options)
        rows.append(rec["steps"])
        times.append(rec.times.to_decimal(u.ms))
        done += steps
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(5, 51, 5))
    np.testing.assert_allclose(np.concatenate(times), 0.5 * np.arange(1, 11))


def test_elements_of_a_variable(balanced):
    net = balanced()
    labels = [
        "E.V",
        "E.V[:2]",
        "E.V[-1]",
        "E.V[[5, 0]]",
        "E.V[10:20:5]",
        "E.spikes",
        "E.spikes[[3, 7]]",
        "E->E.weight",
        "E.tau",
    ]
    rec = bs.simulate(net, 20 * u.ms, record=labels)
    V = rec["E.V"].mantissa
    for label, columns in (("E.V[:2]", [0, 1]), ("E.V[-1]", [79]), ("E.V[[5, 0]]", [5, 0]), ("E.V[10:20:5]", [10, 15])):
        np.testing.assert_array_equal(rec[label].mantissa, V[:, columns])
        assert u.get_unit(rec[label]) == u.mV
    whole, some = rec["E.spikes"], rec["E.spikes[[3, 7]]"]
    for k, unit in enumerate((3, 7)):
        np.testing.assert_array_equal(some.of(k).mantissa, whole.of(unit).mantissa)
    assert u.get_unit(rec["E->E.weight"]) == u.nS and rec["E->E.weight"].shape == (200,)
    with pytest.raises(bs.UnknownNameError, match=r"Recording has no 'E.v'. Did you mean 'E.V'\?"):
        rec["E.v"]


def test_a_spike_has_the_time_of_the_end_of_its_step():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [0.1, 0.7, 2.0] * u.ms, [0, 1, 0])
    train = bs.simulate(net, 2 * u.ms, record="S.spikes").spikes["S"]
    np.testing.assert_allclose(train.times.to_decimal(u.ms), [0.1, 0.7, 2.0])
    np.testing.assert_array_equal(train.indices, [0, 1, 0])
    np.testing.assert_allclose(train.of(0).to_decimal(u.ms), [0.1, 2.0])


def test_statistics_are_those_of_numpy():
    rng = np.random.default_rng(3)
    fired = rng.random((2000, 12)) < 0.02
    steps, indices = np.nonzero(fired)
    train = bs.SpikeTrain(steps + 1, indices, 12, 0.1 * u.ms, 0 * u.ms, 200 * u.ms)
    assert train.rate().to_decimal(u.Hz) == pytest.approx(fired.sum() / 12 / 0.2)
    np.testing.assert_allclose(train.rates().to_decimal(u.Hz), fired.sum(0) / 0.2)
    np.testing.assert_allclose(train.rates(start=50 * u.ms).to_decimal(u.Hz), fired[500:].sum(0) / 0.15)
    np.testing.assert_array_equal(train.counts(bin=10 * u.ms), fired.reshape(20, 100, 12).sum(1))
    np.testing.assert_array_equal(train.counts(bin=0.1 * u.ms), fired)
    times, rate = train.population_rate(bin=10 * u.ms)
    np.testing.assert_allclose(rate.to_decimal(u.Hz), fired.reshape(20, 1200).sum(1) / 12 / 0.01)
    intervals = [np.diff(np.flatnonzero(column)) * 0.1 for column in fired.T]
    np.testing.assert_allclose(train.isi().to_decimal(u.ms), np.concatenate(intervals), rtol=1e-9)
    assert train.cv(min_spikes=3) == pytest.approx(np.mean([np.std(i) / np.mean(i) for i in intervals]))


def test_irregularity_and_synchrony_are_those_of_analysis():
    """What is tested there, in the train's own window and units; a Poisson train has 1 in all three."""
    rng = np.random.default_rng(5)
    steps, indices = np.nonzero(rng.random((100_000, 20)) < 2e-3)  # 20 Hz for 10 s
    train = bs.SpikeTrain(steps + 1, indices, 20, 0.1 * u.ms, 0 * u.ms, 10 * u.second)
    assert train.cv2() == pytest.approx(1, abs=0.05)
    assert train.fano_factor(bin=50 * u.ms) == pytest.approx(1, abs=4 * np.sqrt(2 / 4000))
    assert train.synchrony(bin=10 * u.ms) == pytest.approx(1, abs=4 * np.sqrt(2 / 1000))
    part = (5 * u.second, 10 * u.second)
    times = (steps + 0.5) * 1e-4
    assert train.cv2(3, *part) == pytest.approx(bs.analysis.cv2(times, indices, 20, 3, 5, 10).mean)
    assert train.synchrony(10 * u.ms, *part) == pytest.approx(bs.analysis.synchrony(times, 0.01, 5, 10))


def test_merged_trains_are_one_population():
    net = bs.Network()
    net.E = bs.sources.SpikeTimes(3, [0.1, 0.7, 2.0] * u.ms, [0, 2, 0])
    net.I = bs.sources.SpikeTimes(2, [0.7, 1.0] * u.ms, [1, 0])
    spikes = bs.simulate(net, 2 * u.ms, record=["E.spikes", "I.spikes"]).spikes
    both = spikes.merged("E", "I")
    np.testing.assert_allclose(both.times.to_decimal(u.ms), [0.1, 0.7, 0.7, 1.0, 2.0])
    np.testing.assert_array_equal(both.indices, [0, 2, 4, 3, 0])
    assert both.n == 5 and both.rate().to_decimal(u.Hz) == pytest.approx(5 / 5 / 2e-3)
    np.testing.assert_array_equal(spikes.merged("I", "E").indices, [2, 1, 4, 0, 2])
    np.testing.assert_array_equal(spikes.merged().indices, both.indices)
    np.testing.assert_array_equal(spikes.merged("I").indices, spikes["I"].indices)
    with pytest.raises(
        bs.UnknownNameError, match=r"Recording has no spikes of 'E1'. Did you mean 'E'\? Accepted: E, I."
    ):
        spikes.merged("E1")
    other = bs.simulate(net, 1 * u.ms, record=["E.spikes"])
    with pytest.raises(
        ValueError, match=r"share one window and step; given 0.0 to 2.0 ms in steps of 0.1 ms, 2.0 to 3.0 ms"
    ):
        spikes["E"].merge(other.spikes["E"])
    with pytest.raises(bs.UnknownNameError, match="no spikes to merge"):
        bs.simulate(net, 1 * u.ms).spikes.merged()


@pytest.mark.parametrize("dt", [0.1, 0.3, 0.7])
def test_no_spike_falls_out_of_its_window_by_rounding(dt):
    """Runs of 7 steps after each other, all units firing all the time: the rate is 1 / dt in each."""
    net = bs.Network()
    net.S = bs.sources.SpikeInput(2)
    for _ in range(30):
        train = bs.simulate(
            net, 7 * dt * u.ms, dt=dt * u.ms, inputs={"S.input": np.ones((7, 2))}, record="S.spikes"
        ).spikes["S"]
        assert train.rate().to_decimal(u.Hz) == pytest.approx(1000 / dt)
        np.testing.assert_array_equal(train.counts(bin=dt * u.ms), np.ones((7, 2)))


@pytest.fixture
def rec(balanced):
    net = balanced()
    return bs.simulate(
        net,
        20 * u.ms,
        record=["E.spikes", "E.spikes[:9]", "E.V[:4]", "E.ampa.g", "E->I.weight", "steps"],
        sample_every=1 * u.ms,
    )


def test_files_and_back(rec, tmp_path):
    rec.save(tmp_path / "rec.h5")
    back = bs.Recording.load(tmp_path / "rec.h5")
    assert sorted(back.keys()) == sorted(rec.keys())
    for label in list(rec.keys()):
        np.testing.assert_array_equal(u.get_mantissa(back[label]), u.get_mantissa(rec[label]))
        assert u.get_unit(back[label]) == u.get_unit(rec[label])
    np.testing.assert_array_equal(back.times.mantissa, rec.times.mantissa)
    assert (back.dt, back.start, back.stop) == (rec.dt, rec.start, rec.stop)
    for label in ("E.spikes", "E.spikes[:9]"):
        np.testing.assert_array_equal(back[label].times.mantissa, rec[label].times.mantissa)
        np.testing.assert_array_equal(back[label].rates().mantissa, rec[label].rates().mantissa)


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    import h5py

    h5py.File(tmp_path / "other.h5", "w").close()
    with pytest.raises(ValueError, match="is no recording of brainsim"):
        bs.Recording.load(tmp_path / "other.h5")


def test_xarray_holds_the_same_numbers(rec):
    data = rec.to_xarray()
    np.testing.assert_allclose(data["time"], np.arange(1, 21))
    np.testing.assert_array_equal(data["E.V[:4]"], rec["E.V[:4]"].mantissa)
    assert data["E.V[:4]"].attrs["units"] == "mV" and data["time"].attrs["units"] == "ms"
    np.testing.assert_allclose(data["E_time"], rec.spikes["E"].times.mantissa)
    np.testing.assert_array_equal(data["E_index"], rec.spikes["E"].indices)


def test_a_recording_draws_itself(rec):
    import matplotlib.pyplot as plt

    figure = rec.plot()
    assert figure.axes
    plt.close(figure)
