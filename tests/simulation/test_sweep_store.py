"""Sweeps that keep little, land on the disk, go on from there, and run elsewhere."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import brainunit as u
import numpy as np
import pytest

import brainsim as bs

VALUES = {"E.tau": [10.0, 20.0, 30.0] * u.ms}
OPTIONS = dict(record=["E.V[:2]", "E.spikes"], seeds=[3, 5], batch_size=2)


def noisy():
    net = bs.Network(seed=4)
    net.E = bs.neurons.LIF(3, tau=20 * u.ms, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -52 * u.mV))
    net.E.add_stimuli(noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5), drive=bs.stimuli.Constant(500 * u.pA))
    return net


def kept(rec):
    return {"V": rec["E.V[:2]"].mean(), "count": len(rec.spikes["E"].indices), "last": rec["E.V[:2]"][-1]}


def run(**options):
    return bs.sweep(noisy(), VALUES, 5 * u.ms, **OPTIONS | options)


@pytest.fixture(scope="module")
def here():
    return run()


def same(runs, others):
    assert runs.shape == others.shape and list(runs.axes) == list(others.axes)
    for one, other in zip(runs, others, strict=True):
        np.testing.assert_array_equal(one["E.V[:2]"] / u.mV, other["E.V[:2]"] / u.mV)
        np.testing.assert_array_equal(one.spikes["E"].indices, other.spikes["E"].indices)
        np.testing.assert_array_equal(one.spikes["E"].steps, other.spikes["E"].steps)
        np.testing.assert_array_equal(one.elements_of("E.V[:2]"), other.elements_of("E.V[:2]"))
        assert repr(one) == repr(other) and (one.times == other.times).all()


def test_what_is_kept_is_on_the_grid(here):
    reduced = run(reduce=kept)
    assert reduced.shape == (3, 2) and reduced.keys() == ["V", "count", "last"]
    np.testing.assert_allclose(reduced["V"] / u.mV, here.map(lambda rec: rec["E.V[:2]"].mean()) / u.mV)
    np.testing.assert_array_equal(reduced["count"], here.map(lambda rec: len(rec.spikes["E"].indices)))
    assert reduced["last"].shape == (3, 2, 2) and reduced["count"].sum() > 0
    table = reduced.to_xarray()
    assert table["V"].dims == ("E.tau", "seed") and table["E.tau"].attrs["units"] == "ms"
    assert float(table["V"].sel({"E.tau": 20.0, "seed": 5})) == float(reduced["V"][1, 1] / u.mV)
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'count'"):
        reduced["counts"]


@pytest.mark.parametrize(
    ("reduce", "kind", "message"),
    [
        ("mean", TypeError, "reduce must be a function"),
        (lambda rec: 1.0, TypeError, "reduce must give values by name"),
        (lambda rec: {"V": rec}, TypeError, "'V' as Recording, which is no number"),
        (lambda rec: {"t": rec.spikes["E"].times}, ValueError, "'t' in shapes"),
        (lambda rec: {}, ValueError, "reduce gave nothing"),
        (lambda rec: {1: 1.0}, TypeError, "a name is a text, such as 'rate', given 1"),
        (lambda rec: {"E.tau": 1.0}, ValueError, "'E.tau' is what is varied"),
    ],
)
def test_what_cannot_be_kept_is_refused(reduce, kind, message):
    with pytest.raises(kind, match=message):
        run(reduce=reduce)


@pytest.mark.parametrize("reduce", [None, kept])
def test_a_sweep_goes_on_from_its_store(here, tmp_path, monkeypatch, reduce):
    """Stopped in the second of three batches: the first is not run again, and the whole is that of one go."""
    from brainsim.simulation.batches import Batches

    out, ran, straight = tmp_path / "results.zarr", [], Batches.run

    def stops(self, number, bar):
        ran.append(number)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return straight(self, number, bar)

    monkeypatch.setattr(Batches, "run", stops)
    with pytest.raises(KeyboardInterrupt):
        run(out=out, reduce=reduce)
    with pytest.raises(ValueError, match=r"lacks 2 of 3 batches"):
        bs.simulation.Sweep.open(out)
    before = len(ran)
    runs = run(out=out, reduce=reduce, batch_size=3)  # those that are there are of two
    assert ran[before:] == [1, 2]
    for found in (runs, bs.simulation.Sweep.open(out), run(out=out, reduce=reduce)):
        if reduce is None:
            same(found, here)
            assert found[1, 1].spikes["E"].rate() == here[1, 1].spikes["E"].rate()
        else:
            np.testing.assert_array_equal(found["V"] / u.mV, here.map(lambda rec: rec["E.V[:2]"].mean()) / u.mV)
            assert found.axes["E.tau"].unit == u.ms
    assert len(ran) == before + 2


def test_a_store_is_of_one_sweep(tmp_path):
    out = tmp_path / "results.zarr"
    run(out=out)
    with pytest.raises(ValueError, match="holds a sweep of other values or seeds"):
        bs.sweep(noisy(), {"E.tau": [10.0, 20.0, 30.5] * u.ms}, 5 * u.ms, out=out, **OPTIONS)
    with pytest.raises(ValueError, match="holds a sweep of other durations, dt or precision"):
        bs.sweep(noisy(), VALUES, 6 * u.ms, out=out, **OPTIONS)
    net = noisy()
    net.E.R = 101 * u.Mohm
    with pytest.raises(ValueError, match="holds a sweep of other networks"):
        bs.sweep(net, VALUES, 5 * u.ms, out=out, **OPTIONS)
    with pytest.raises(ValueError, match="holds a sweep of other things to record"):
        run(out=out, record="E.V")
    with pytest.raises(ValueError, match="holds a sweep of other reduce"):
        run(out=out, reduce=kept)
    (tmp_path / "notes").mkdir()
    for place in ("notes", "text"):
        (tmp_path / "text").write_text("mine")
        with pytest.raises(FileExistsError, match="is something else"):
            run(out=tmp_path / place)
    with pytest.raises(FileNotFoundError, match="there is no"):
        bs.simulation.Sweep.open(tmp_path / "nothing")


def of_one(results, **options):
    """One run of noise for each result, in batches of one, each from what `results` has next."""
    left = iter(results)
    return bs.sweep(
        noisy(),
        {},
        5 * u.ms,
        record=OPTIONS["record"],
        seeds=len(results),
        batch_size=1,
        reduce=lambda rec: next(left),
        **options,
    )


def test_batches_in_a_store_are_one_whatever_comes_first(tmp_path):
    """Numbers that are whole at first, units, and names that a folder cannot have or that the store has itself."""
    results = [
        {"n": 1, "t": 2 * u.second, "finished": 1.0, "a/b": 2.0, "..": 3.0, "kept-0": 4.0},
        {"n": 2.5, "t": 3 * u.ms, "finished": 5.0, "a/b": 6.0, "..": 7.0, "kept-0": 8.0},
        {"n": True, "t": 4 * u.second, "finished": 9.0, "a/b": 10.0, "..": 11.0, "kept-0": 12.0},
    ]
    here, out = of_one(results), tmp_path / "results.zarr"
    for found in (of_one(results, out=out), bs.Sweep.open(out)):
        assert found.keys() == here.keys() == list(results[0])
        for name in here:
            np.testing.assert_array_equal(u.get_mantissa(found[name]), u.get_mantissa(here[name]), err_msg=name)
    assert here["n"].tolist() == [1.0, 2.5, 1.0]
    np.testing.assert_allclose(here["t"] / u.second, [2, 0.003, 4])


@pytest.mark.parametrize(
    ("second", "kind", "words"),
    [
        ({"n": 1 * u.mV}, bs.UnitError, "reduce, 'n'"),
        ({"n": np.ones(2)}, ValueError, "'n' in shapes"),
        ({"m": 1.0}, ValueError, r"gave \['m'\] for one run and \['n'\] for another"),
    ],
)
def test_another_batch_of_something_else_is_refused_by_a_store(tmp_path, second, kind, words):
    with pytest.raises(kind, match=words):
        of_one([{"n": 1.0}, second], out=tmp_path / "results.zarr")


def test_values_of_several_units_are_an_axis_of_one(tmp_path):
    tau = [10 * u.ms, 0.02 * u.second, 30 * u.ms]
    found = bs.sweep(noisy(), {"E.tau": tau}, 5 * u.ms, reduce=kept, out=tmp_path / "results.zarr", **OPTIONS)
    np.testing.assert_array_equal(found.to_xarray()["E.tau"], [10, 20, 30])


class Edited(bs.neurons.LIF):
    def derivative(self, t, V, I):
        return GAIN * super().derivative(t, V, I)


GAIN = 1.0


def times_gain(rec):
    return {"n": GAIN}


def test_edited_code_makes_another_sweep(tmp_path, monkeypatch):
    """Numbers that a model or `reduce` reads, functions that record, and what is recorded under a name."""
    net = bs.Network(seed=0)
    net.E = Edited(2)

    def again(name, record=(), reduce=None):
        out = tmp_path / f"{name}.zarr"
        return bs.sweep(net, {}, 1 * u.ms, seeds=2, record=record, reduce=reduce, out=out)

    part = dict(start=0.2 * u.ms)
    for _ in range(2):
        again("model", "E.V")
        again("reduce", reduce=times_gain)
        again("function", {"V": lambda net: net.E.V.mean()})
        again("window", {"V": bs.Record("E.V[0]", **part)})
    others = {"function": lambda net: net.E.V.max(), "window": bs.Record("E.V[0]", start=0.3 * u.ms)}
    for name, other in (*others.items(), ("window", bs.Record("E.V[1]", **part))):
        with pytest.raises(ValueError, match="other things to record"):
            again(name, {"V": other})
    monkeypatch.setitem(globals(), "GAIN", 2.0)
    with pytest.raises(ValueError, match="other code of models;"):
        again("model", "E.V")
    with pytest.raises(ValueError, match="other code of models, reduce;"):
        again("reduce", reduce=times_gain)


def test_a_store_in_which_nothing_has_finished_is_made_anew(tmp_path):
    out = tmp_path / "results.zarr"
    with pytest.raises(AttributeError, match="oops"):
        run(out=out, reduce=lambda rec: {"n": rec.oops})
    assert run(out=out, reduce=kept)["count"].shape == (3, 2)


def test_an_executor_runs_the_same(here):
    with ThreadPoolExecutor(2) as executor:
        same(run(executor=executor), here)


def test_places_on_cells_come_back(tmp_path):
    """From the disk and from another process, as branch and point."""
    net = bs.Network()
    net.cell = bs.cells.MultiCompartment(2, bs.cells.ball_and_stick())
    options = dict(record="cell.V@dend(0.5)", batch_size=1)
    values = {"cell.E_L": [-70.0, -60.0] * u.mV}
    expected = bs.sweep(net, values, 1 * u.ms, **options)
    stored = bs.sweep(net, values, 1 * u.ms, out=tmp_path / "cells.zarr", **options)
    with ThreadPoolExecutor(1) as executor:
        sent = bs.sweep(net, values, 1 * u.ms, executor=executor, **options)
    sent = pickle.loads(pickle.dumps(sent[1]))
    label = options["record"]
    assert expected[1].places_of(label) == stored[1].places_of(label) == sent.places_of(label)
    assert "dend" in sent.places_of(label)[1] and "cell 1" in sent.places_of(label)[1]
    np.testing.assert_array_equal(stored[1][label] / u.mV, expected[1][label] / u.mV)
    assert len(pickle.dumps(sent)) < 4000


class Losing:
    """An executor that loses what it is given so many times."""

    def __init__(self, times: int):
        self.times, self.asked = times, 0

    def submit(self, function, *arguments):
        self.asked += 1
        future = Future()
        if self.asked <= self.times:
            future.set_exception(BrokenExecutor("a worker died"))
        else:
            future.set_result(function(*arguments))
        return future


def test_a_lost_batch_is_run_again(here):
    executor = Losing(2)
    same(run(executor=executor), here)
    assert executor.asked == 5
    with pytest.raises(
        RuntimeError, match=r"batch . was lost 3 times with its worker \(BrokenExecutor: a worker died\)"
    ):
        run(executor=Losing(99))


def test_what_is_no_executor_is_refused():
    with pytest.raises(TypeError, match="must be a concurrent.futures.Executor"):
        run(executor="dask")
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    with pool, pytest.raises(ValueError, match=r"get_context\('spawn'\)"):
        run(executor=pool)
    with ThreadPoolExecutor(1) as closed:
        pass
    with pytest.raises(RuntimeError, match="takes no more"):
        run(executor=closed)


def test_errors_of_a_run_come_back():
    net = noisy()
    net.E.V_th = 1e9 * u.mV
    net.E.add_stimuli(much=bs.stimuli.Constant(1e300 * u.pA))
    with ThreadPoolExecutor(1) as executor, pytest.raises(bs.NonFiniteError, match="E: V is not finite"):
        bs.sweep(net, {"E.R": [1.0, 1e30] * u.Mohm}, 5 * u.ms, executor=executor)


@pytest.mark.slow
def test_a_pool_of_spawned_processes(here):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        same(run(executor=pool), here)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_of_dask_costs_a_batch(tmp_path):
    distributed = pytest.importorskip("distributed")
    values, options = {"E.tau": np.linspace(10, 30, 24) * u.ms}, OPTIONS | {"seeds": [3], "batch_size": 1}
    expected = bs.sweep(noisy(), values, 2000 * u.ms, **options)
    cluster = distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client, ThreadPoolExecutor(1) as beside:
        pid = next(iter(client.run(os.getpid).values()))
        out = tmp_path / "results.zarr"
        options |= {"out": out, "executor": client.get_executor()}
        swept = beside.submit(bs.sweep, noisy(), values, 2000 * u.ms, **options)
        while not (out / "batches").exists() and not swept.done():
            time.sleep(0.05)
        assert not swept.done()
        os.kill(pid, signal.SIGKILL)
        same(swept.result(), expected)


def test_an_interrupt_does_not_wait_for_the_batch_that_is_running():
    """Whatever ends the loop, as an error of a store does: batches on other devices stop at their next steps."""
    from brainsim.simulation.progress import Progress
    from brainsim.simulation.sweep import _run_here

    told, going = [], threading.Event()

    class Slow:
        devices = (None, None)

        def run(self, number, bar):
            if number == 0:
                going.wait(10)
                return []
            for step in range(1000):
                going.set()
                time.sleep(0.01)
                bar.advance(1)
                told.append(step)

    def finished(number, results):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run_here(Slow(), range(2), Progress(False, 1000), finished)
    assert len(told) < 500


def test_a_full_disk_is_told_with_the_store_and_the_sweep_goes_on_with_room(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    trace = dict(record="E.V", seeds=[3, 5], batch_size=2, out=tmp_path / "runs.zarr")
    rng = np.random.default_rng(0)
    reduce = lambda rec: {"noise": rng.random(100_000)}  # noqa: E731  # more than the limit, and not to be compressed
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(
            OSError, match=r"sweep: batch 0 could not be written to .*runs.zarr \(.*the same call goes on"
        ):
            bs.sweep(noisy(), VALUES, 1 * u.ms, **trace, reduce=reduce)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert bs.sweep(noisy(), VALUES, 1 * u.ms, **trace, reduce=reduce)["noise"].shape == (3, 2, 100_000)
