"""Recordings: samples at the right times, spike trains against numpy, files and back."""

import copy
import pickle

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
    for unit in (3, 7):
        np.testing.assert_array_equal(some.of(unit).mantissa, whole.of(unit).mantissa)
    for label, elements in (("E.V[10:20:5]", [10, 15]), ("E.V[[5, 0]]", [5, 0]), ("E.spikes[[3, 7]]", [3, 7])):
        np.testing.assert_array_equal(rec.elements_of(label), elements)
    np.testing.assert_array_equal(rec.elements_of("E.V"), np.arange(80))
    with pytest.raises(ValueError, match="'E.tau' is a single number"):
        rec.elements_of("E.tau")
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
    np.testing.assert_array_equal(train.numbers(), fired.sum(0))
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


def test_recorded_spikes_lead_back_to_their_neurons():
    """Units 5 to 8 of ten, of which unit k fires at k ms; in an order of one's own too."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(10, np.arange(1.0, 10.0) * u.ms, np.arange(1, 10))
    labels = ["S.spikes[5:9]", "S.spikes[[7, 2]]"]
    rec = bs.simulate(net, 10 * u.ms, record=labels)
    part, two = (rec[label] for label in labels)
    np.testing.assert_array_equal(part.indices, [5, 6, 7, 8])
    np.testing.assert_array_equal(part.units, [5, 6, 7, 8])
    np.testing.assert_array_equal(part.local, [0, 1, 2, 3])
    assert part.n == 4 and part.of(7).to_decimal(u.ms) == pytest.approx([7])
    np.testing.assert_array_equal((two.indices, two.local), ([2, 7], [1, 0]))
    np.testing.assert_array_equal(two.rates().to_decimal(u.Hz), [100, 100])
    np.testing.assert_array_equal(two.counts(bin=5 * u.ms), [[0, 1], [1, 0]])
    with pytest.raises(IndexError, match="unit 3 was not recorded; recorded: 5, 6, 7, 8"):
        part.of(3)
    assert list(rec.spikes) == ["S[5:9]", "S[[7, 2]]"]
    merged = rec.spikes.merged("S[[7, 2]]", "S[5:9]")
    np.testing.assert_array_equal(merged.indices, [1, 2, 3, 0, 4, 5])


@pytest.mark.parametrize(
    "window", [{"stop": 1 * u.second}, {"start": -1 * u.ms}, {"start": 30 * u.ms, "stop": 20 * u.ms}]
)
def test_a_window_that_was_not_recorded_is_refused(window):
    """Ten spikes in 50 ms are 20 Hz of ten units, never 1 Hz."""
    train = bs.SpikeTrain(np.arange(1, 11), np.arange(10), 10, 0.1 * u.ms, 0 * u.ms, 50 * u.ms)
    assert train.rate(stop=50 * u.ms).to_decimal(u.Hz) == pytest.approx(20)
    for ask in (train.rate, train.rates, train.counts, train.population_rate, train.cv, train.synchrony):
        with pytest.raises(ValueError, match="is empty or reaches beyond what was recorded, 0 to 50 ms"):
            ask(**window)


def test_recordings_of_successive_runs_join(balanced):
    """Two runs after each other are one run, in every bit; what does not follow is refused."""
    labels = {"E.spikes": None, "I.spikes[3:9]": None, "E.V[:2]": 0.4 * u.ms, "E->I.weight": None, "E.tau": 1 * u.ms}
    net, other = balanced(noise=False), balanced(noise=False)
    whole = bs.simulate(other, 5 * u.ms, record=labels, chunk_steps=10)
    parts = [bs.simulate(net, steps * 0.1 * u.ms, record=labels, chunk_steps=10) for steps in (17, 3 + 7, 23)]
    joined = parts[0] + parts[1] + parts[2]
    assert (joined.start, joined.stop) == (whole.start, whole.stop)
    for label in labels:
        if label.partition("[")[0].endswith("spikes"):
            for field in ("steps", "indices", "units"):
                np.testing.assert_array_equal(getattr(joined[label], field), getattr(whole[label], field))
            assert joined[label].rate() == whole[label].rate()
        else:
            np.testing.assert_array_equal(u.get_mantissa(joined[label]), u.get_mantissa(whole[label]))
            np.testing.assert_array_equal(joined.times_of(label).mantissa, whole.times_of(label).mantissa)
    with pytest.raises(
        ValueError, match="what ends at 1.7 ms in steps of 0.1 ms is not followed by what begins at 2.7"
    ):
        parts[0] + parts[2]
    with pytest.raises(ValueError, match="'E->I.weight' is only in the first of the two"):
        parts[2] + bs.simulate(net, 1 * u.ms, record=["E.spikes"])
    with pytest.raises(ValueError, match="recorded the same|same elements"):
        a = bs.simulate(net, 1 * u.ms, record="E.V[:2]")
        a + bs.simulate(net, 1 * u.ms, record={"E.V[:2]": 0.2 * u.ms})


def test_each_item_may_have_an_interval_of_its_own(tmp_path):
    """What is fed in is recorded as it was fed in: row k is k pA."""
    net = bs.Network()
    net.S = bs.neurons.LIF(2)
    net.S.add_stimuli(i=bs.stimuli.Constant(np.zeros(2) * u.pA))
    options = {"inputs": {"S.i.amplitude": np.arange(1.0, 41.0)[:, None] * np.ones(2) * u.pA}, "chunk_steps": 7}
    record = {"S.spikes": None, "S.i.amplitude": 0.5 * u.ms, "S.i.amplitude[1]": None, "steps": 1 * u.ms}
    rec = bs.simulate(net, 4 * u.ms, record=record, sample_every=0.2 * u.ms, **options)
    for back in (rec, saved(rec, tmp_path)):
        np.testing.assert_array_equal(back["S.i.amplitude"][:, 0].mantissa, np.arange(5, 41, 5))
        np.testing.assert_array_equal(back["S.i.amplitude[1]"][:, 0].mantissa, np.arange(2, 41, 2))
        np.testing.assert_array_equal(back["steps"], [10, 20, 30, 40])
        np.testing.assert_allclose(back.times_of("steps").to_decimal(u.ms), [1, 2, 3, 4])
        np.testing.assert_allclose(back.to_xarray()["steps"]["steps_time"], [1, 2, 3, 4])
        with pytest.raises(ValueError, match="each has its own here; ask for times_of"):
            _ = back.times
    with pytest.raises(ValueError, match=r"record\['S.i.amplitude'\]: 0.25 ms is not a multiple of dt"):
        bs.simulate(net, 4 * u.ms, record={"S.i.amplitude": 0.25 * u.ms}, **options)
    with pytest.raises(ValueError, match="'S.spikes' takes no interval, given 1 ms: all spikes are recorded"):
        bs.simulate(net, 4 * u.ms, record={"S.spikes": 1 * u.ms}, **options)
    with pytest.raises(ValueError, match="'steps' takes no interval in a function, which records every step"):
        bs.function(net, 4 * u.ms, record={"steps": 1 * u.ms})
    with pytest.raises(bs.UnitError, match=r"record\['S.i.amplitude'\]: expected ms, given mV"):
        bs.simulate(net, 4 * u.ms, record={"S.i.amplitude": 1 * u.mV}, **options)


def saved(rec, tmp_path):
    rec.save(tmp_path / "rec.h5")
    return bs.Recording.load(tmp_path / "rec.h5")


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


def test_a_file_that_is_no_recording_is_refused(rec, tmp_path):
    import h5py

    h5py.File(tmp_path / "other.h5", "w").close()
    (tmp_path / "model.py").write_text("def build(): ...")
    for name in ("other.h5", "model.py"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ValueError, match="is not a recording of brainsim"):
            bs.Recording.load(tmp_path / name)
        with pytest.raises(FileExistsError, match="is another file, not a recording; give another name"):
            rec.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(ValueError, match="is a folder"):
        bs.Recording.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        bs.Recording.load(tmp_path / "none.h5")


@pytest.mark.parametrize("size", [600, 5000, 20_000])
def test_a_full_disk_leaves_the_old_recording(size, rec, tmp_path):
    """The library below ends in a segmentation fault where it meets this."""
    import resource

    rec.save(tmp_path / "rec.h5")
    before = (tmp_path / "rec.h5").read_bytes()
    assert len(before) > size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            rec.save(tmp_path / "rec.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["rec.h5"]
    assert (tmp_path / "rec.h5").read_bytes() == before


def test_every_byte_of_a_recording_counts(rec, tmp_path):
    rec.save(tmp_path / "rec.h5")
    whole = (tmp_path / "rec.h5").read_bytes()
    for place in [*range(0, 120, 7), *range(120, len(whole), len(whole) // 30), len(whole) - 1]:
        (tmp_path / "rec.h5").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"\ARecording: [^\n]* is (damaged|not a recording)[^\n]*\Z"):
            bs.Recording.load(tmp_path / "rec.h5")
    for end in (0, 100, 512, len(whole) - 1):
        (tmp_path / "rec.h5").write_bytes(whole[:end])
        with pytest.raises(ValueError, match="damaged|not a recording"):
            bs.Recording.load(tmp_path / "rec.h5")


def test_what_is_no_file_is_not_replaced(rec, tmp_path):
    (tmp_path / "link.h5").symlink_to(tmp_path / "file.h5")
    rec.save(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink() and (tmp_path / "file.h5").is_file()
    for place in ("/dev/null", tmp_path, tmp_path / "nowhere" / "rec.h5"):
        with pytest.raises(OSError, match=r"\A.+\Z"):
            rec.save(place)


def test_xarray_holds_the_same_numbers(rec):
    data = rec.to_xarray()
    np.testing.assert_allclose(data["time"], np.arange(1, 21))
    np.testing.assert_array_equal(data["E.V[:4]"], rec["E.V[:4]"].mantissa)
    assert data["E.V[:4]"].attrs["units"] == "mV" and data["time"].attrs["units"] == "ms"
    np.testing.assert_allclose(data["E_time"], rec.spikes["E"].times.mantissa)
    np.testing.assert_array_equal(data["E_index"], rec.spikes["E"].indices)


def test_a_recording_draws_itself(rec):
    """Traces have the colour of their population, whatever part of it was recorded; each says which element it is."""
    import matplotlib.pyplot as plt

    figure = rec.plot()
    raster, _, V, g, *_ = figure.axes
    names = [text.get_text() for text in raster.get_yticklabels()]
    assert names == ["E  80", "E[:9]  9"]
    color = raster.get_yticklabels()[0].get_color()
    assert all(line.get_color() == color for line in V.lines[:4])
    assert [text.get_text() for text in V.get_yticklabels()] == ["0", "1", "2", "3"]
    plt.close(figure)


def test_what_has_no_elements_is_not_drawn():
    import matplotlib.pyplot as plt

    net = bs.Network()
    net.E = bs.neurons.LIF(3)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms))
    weight = bs.Uniform(0 * u.pA, 1 * u.pA)
    net.connect(net.E, net.E, bs.FixedProbability(0.0), receptor="ampa", weight=weight)
    rec = bs.simulate(net, 1 * u.ms, record=["E.V[1:3]", "E->E.weight"])
    assert rec["E->E.weight"].shape == (10, 0)
    figure = rec.plot()
    assert len(figure.axes) == 1
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["1", "2"]
    plt.close(figure)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda rec: pickle.loads(pickle.dumps(rec))])
def test_a_recording_is_copied_before_it_is_looked_at(copied):
    net = bs.Network()
    net.E = bs.neurons.LIF(3, E_L=-40 * u.mV, V=[-70, -52, -51] * u.mV)
    rec = bs.simulate(net, 5 * u.ms, record={"E.spikes": None, "E.V[1]": None, "mean": lambda net: net.E.V.mean()})
    copy_of_it = copied(rec)
    for label in ("E.V[1]", "mean"):
        assert rec[label].shape[0] == 50 and (copy_of_it[label] == rec[label]).all()
    assert len(rec.spikes["E"]) > 0 and (copy_of_it.spikes["E"].steps == rec.spikes["E"].steps).all()
    with pytest.raises(AttributeError, match="'Recording' object has no attribute 'spike'"):
        rec.spike  # noqa: B018
