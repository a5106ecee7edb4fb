"""Many runs at once: each is the run alone, whatever the batch."""

import threading
from concurrent.futures import ThreadPoolExecutor

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import Clock, split, step_length
from brainsim.simulation.batches import Batches
from models import coba_lif


def noisy():
    net = bs.Network(seed=4)
    net.E = bs.neurons.LIF(3, tau=20 * u.ms, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -52 * u.mV))
    net.E.add_stimuli(noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5), drive=bs.stimuli.Constant(50 * u.pA))
    return net


@pytest.fixture(scope="module")
def swept():
    net = noisy()
    values = {"E.tau": [10.0, 20.0] * u.ms}
    return net, bs.sweep(net, values, 2 * u.ms, record="E.V", seeds=[3, 2**31 - 1, 5], batch_size=4)


def test_the_grid(swept):
    _, runs = swept
    assert runs.shape == (2, 3) and len(runs) == 6
    assert list(runs.axes) == ["E.tau", "seed"]
    assert runs.map(lambda recording: recording["E.V"][-1, 0]).shape == (2, 3)
    assert list(runs) == runs.recordings and runs[-1, -1] is runs.recordings[5]
    for index in (0, (2, 0), "a", (0, slice(2))):
        with pytest.raises(IndexError, match="Sweep"):
            runs[index]


def test_each_run_is_the_run_alone(swept):
    """Noise and initial values of a seed are those of a network that is reset with it."""
    _, runs = swept
    for i, tau in enumerate((10.0, 20.0)):
        for j, seed in enumerate((3, 2**31 - 1, 5)):
            net = noisy()
            net.E.tau = tau * u.ms
            net.reset(seed=seed)
            alone = bs.simulate(net, 2 * u.ms, record="E.V")["E.V"] / u.mV
            np.testing.assert_allclose(runs[i, j]["E.V"] / u.mV, alone, rtol=2e-6)


def test_seeds_differ_and_the_network_stays(swept):
    net, runs = swept
    ends = runs.map(lambda recording: recording["E.V"][-1]) / u.mV
    assert len(np.unique(np.round(ends[0], 6), axis=0)) == 3
    assert int(net.steps) == 0


def test_a_decay_for_each_time_constant():
    """Without input V decays towards E_L = -60 mV with tau. Batches of three: the last is filled up."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1, V=-55 * u.mV)
    tau = np.array([5.0, 10.0, 20.0, 40.0, 80.0])
    runs = bs.sweep(net, {"E.tau": tau * u.ms}, 10 * u.ms, record="E.V", batch_size=3)
    assert len(runs) == 5
    ends = runs.map(lambda recording: recording["E.V"][-1, 0]) / u.mV
    np.testing.assert_allclose(ends, -60 + 5 * np.exp(-10 / tau), rtol=1e-5)


# -- one run at a time -------------------------------------------------------------------------------------------------


def test_a_network_is_run_by_one_thread_at_a_time():
    began, go_on = threading.Event(), threading.Event()

    def wait(step):
        began.set()
        assert go_on.wait(60)
        return np.float32(0.0)

    class Waiting(bs.stimuli.Stimulus):
        def value(self, clock):
            return jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), clock.step).astype(
                clock.step_ms.dtype
            )

    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    net.E.add_stimuli(wait=Waiting())
    done = []
    other = threading.Thread(target=lambda: done.append(bs.simulate(net, 0.2 * u.ms, progress=False)))
    other.start()
    try:
        assert began.wait(60)
        with pytest.raises(bs.NetworkInUseError, match="another thread"):
            bs.simulate(net, 0.2 * u.ms)
        with pytest.raises(bs.NetworkInUseError):
            bs.sweep(net, {"E.tau": [10.0] * u.ms}, 0.2 * u.ms)
    finally:
        go_on.set()
        other.join(60)
    assert len(done) == 1 and int(net.steps) == 2
    bs.simulate(net, 0.1 * u.ms)
    assert int(net.steps) == 3


# -- one population alone ----------------------------------------------------------------------------------------------


def test_a_population_alone():
    """LIF by exponential Euler: dV'/dV = exp(-dt / tau); what the others do does not matter; nothing is sent."""
    net = noisy()
    net.F = bs.neurons.LIF(2)
    structure, parameters, fixed, state = split(net)
    clock = Clock(state["steps"], step_length(0.1), fixed["key"])
    alone = jax.jit(lambda state: structure.advance("E", parameters, fixed, state, clock))
    whole = jax.jit(lambda state: structure.step(parameters, fixed, state, clock, {}))(state)
    after = alone(state)
    assert set(after) == {path for path in state if path.startswith("E.")}
    for path, array in after.items():
        np.testing.assert_allclose(array, whole[path], rtol=1e-6)
    tangents = {
        k: jnp.zeros_like(v) if jnp.issubdtype(v.dtype, jnp.floating) else np.zeros(v.shape, jax.dtypes.float0)
        for k, v in state.items()
    }
    _, slope = jax.jvp(alone, (state,), (tangents | {"E.V": jnp.ones_like(state["E.V"])},))
    np.testing.assert_allclose(slope["E.V"], np.exp(-0.1 / 20), rtol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_it_computes_in_the_precision_around_it(wide):
    """Also where that is said for the present thread alone."""
    with jax.enable_x64(wide):
        runs = bs.sweep(noisy(), {}, 0.2 * u.ms, record="E.V", seeds=[0, 1])
        assert (runs[0]["E.V"] / u.mV).dtype == (np.float64 if wide else np.float32)


# -- seeds of the wiring -----------------------------------------------------------------------------------------------


def wired(seed=0, **options):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF(20, R=bs.Uniform(90 * u.Mohm, 110 * u.Mohm), V=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA), noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5))
    options = dict(weight=bs.Uniform(-20 * u.pA, 0 * u.pA), delay=1 * u.ms) | options
    net.connect(net.E, net.E, options.pop("rule", bs.FixedProbability(0.2)), receptor="syn", **options)
    return net


WIRINGS = dict(duration=30 * u.ms, record=["E.spikes", "E.V"], vary="wiring")


@pytest.fixture(scope="module")
def wirings():
    return bs.sweep(wired(7), {"E.drive.amplitude": [200, 260] * u.pA}, seeds=[3, 0, 5], batch_size=4, **WIRINGS)


def test_wirings_are_those_of_networks_made_with_their_seeds(wirings):
    """Batches of four of six runs: some of a seed in one batch, and in another."""
    assert wirings.shape == (2, 3)
    numbers = set()
    for k, seed in enumerate((3, 0, 5)):
        net = wired(seed)
        net.E.drive.amplitude = 260 * u.pA
        numbers.add(net["E->E"].n_synapses)
        alone = bs.simulate(net, 30 * u.ms, record=["E.spikes", "E.V"])
        np.testing.assert_array_equal(alone.spikes["E"].indices, wirings[1, k].spikes["E"].indices)
        np.testing.assert_array_equal(alone["E.V"] / u.mV, wirings[1, k]["E.V"] / u.mV)
        assert len(alone.spikes["E"].indices) > 20
    assert len(numbers) > 1


def test_wirings_of_other_seeds_run_one_program(wirings):
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, fun_name="", **__: compiled.append(fun_name) if "backend_compile" in event else None
    )
    bs.sweep(wired(8), {"E.drive.amplitude": [200, 260] * u.pA}, seeds=[6, 9, 4], batch_size=4, **WIRINGS)
    assert set(compiled) <= {"jit(copy)"}  # of arrays of another length, as the network is copied


def test_wirings_of_numbers_of_synapses_that_are_not_stored():
    rule = bs.Procedural(bs.BlockModel((8, 12), n=[[30, 5], [0, 40]]))
    runs, pairs = bs.sweep(wired(7, rule=rule), {}, seeds=[3, 0], **WIRINGS), []
    for k, seed in enumerate((3, 0)):
        net = wired(seed, rule=rule)
        alone = bs.simulate(net, 30 * u.ms, record=["E.spikes", "E.V"])
        np.testing.assert_array_equal(alone["E.V"] / u.mV, runs[k]["E.V"] / u.mV)
        pairs.append(net["E->E"].pairs())
        assert len(alone.spikes["E"].indices) > 20 and net["E->E"].n_synapses == 75
    assert not np.array_equal(*pairs)


def test_wirings_land_in_a_store_by_way_of_an_executor(wirings, tmp_path):
    values, options = {"E.drive.amplitude": [200, 260] * u.pA}, dict(seeds=[3, 0, 5], batch_size=4, **WIRINGS)
    out = tmp_path / "wirings.zarr"
    with ThreadPoolExecutor(2) as executor:
        count = lambda rec: {"count": len(rec.spikes["E"].indices)}  # noqa: E731
        found = bs.sweep(wired(7), values, executor=executor, out=out, reduce=count, **options)
    np.testing.assert_array_equal(found["count"], wirings.map(lambda rec: len(rec.spikes["E"].indices)))
    with pytest.raises(ValueError, match="another sweep|holds a sweep of other values or seeds"):
        bs.sweep(wired(7), values, out=out, reduce=count, **options | {"vary": None})


def test_a_number_of_seeds_counts_from_zero():
    runs = bs.sweep(noisy(), {}, 0.2 * u.ms, record="E.V", seeds=3)
    assert runs.axes["seed"].tolist() == [0, 1, 2]
    net = noisy()
    net.reset(seed=2)
    np.testing.assert_allclose(
        runs[2]["E.V"] / u.mV, bs.simulate(net, 0.2 * u.ms, record="E.V")["E.V"] / u.mV, rtol=2e-6
    )
    for seeds in (0, -1, True, 2.0, [], "4"):
        with pytest.raises(ValueError, match="a list of integers, or how many of them from 0 on"):
            bs.sweep(noisy(), {}, 0.2 * u.ms, seeds=seeds)


def has_run():
    net = wired()
    bs.simulate(net, 0.1 * u.ms)
    return net


def with_weights():
    net = wired()
    net["E->E"].weight = np.linspace(-20, 0, net["E->E"].n_synapses) * u.pA
    return net


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (wired, {"vary": "noise"}, "vary: expected 'wiring', given 'noise'"),
        (wired, {"seeds": None}, "draws the network anew for each seed"),
        (has_run, {}, "begins at the beginning, and the network has run"),
        (lambda: wired(weight=lambda i, j: -1.0 * (i + j) * u.pA), {}, "E->E has a rule, weights or delays that are a func"),
        (with_weights, {}, "E->E.weight was given for each synapse, and E->E has others with seed 1"),
    ],
)  # fmt: skip
def test_what_no_other_wiring_can_be_drawn_of_is_refused(make, options, words):
    with pytest.raises(ValueError, match=words):
        bs.sweep(make(), {"E.drive.amplitude": [200] * u.pA}, **dict(seeds=[1], **WIRINGS) | options)


def test_weights_of_single_synapses_where_the_network_has_one_number():
    """By sweep and by inputs; one number for each run is a third program."""
    net = wired(7, weight=-10 * u.pA)
    each = np.stack([np.full(net["E->E"].n_synapses, w) for w in (-10.0, -2.0)]) * u.pA
    options = dict(duration=30 * u.ms, record="E.spikes")
    runs = bs.sweep(net, {"E->E.weight": each}, **options)
    course = np.broadcast_to(each[1:] / u.pA, (300, each.shape[1])) * u.pA
    net["E->E"].weight = -2 * u.pA
    alone = bs.simulate(net, **options).spikes["E"]
    net.reset()
    again = bs.simulate(net, **options, inputs={"E->E.weight": course}).spikes["E"]
    assert len(alone) > 20 and len(alone) != len(runs[0].spikes["E"])
    for train in (runs[1].spikes["E"], again):
        np.testing.assert_array_equal(train.steps, alone.steps)
        np.testing.assert_array_equal(train.indices, alone.indices)


def test_weights_of_single_synapses_are_of_one_wiring():
    net = wired(7)
    each = {"E->E.weight": np.full((1, net["E->E"].n_synapses), -1.0) * u.pA}
    with pytest.raises(ValueError, match="E->E.weight was given for each synapse, and E->E has others with seed 1"):
        bs.sweep(net, each, seeds=[1], **WIRINGS)


def test_what_is_varied_is_no_input_too():
    with pytest.raises(ValueError, match="E.tau is varied and is in inputs, which would hide its values"):
        bs.sweep(noisy(), {"E.tau": [10, 20] * u.ms}, 1 * u.ms, inputs={"E.tau": np.full(10, 5.0) * u.ms})


# -- how many at a time --------------------------------------------------------------------------------------------------


class Device:
    """A GPU with so much memory."""

    platform = "gpu"

    def __init__(self, free: float):
        self.free = free

    def memory_stats(self):
        return {"bytes_limit": 10e9 + self.free, "bytes_in_use": 10e9}


def test_batches_are_as_large_as_the_memory_of_each_device_allows():
    def size(*free, points=100_000, make=noisy):
        values = {"E.tau": np.linspace(10, 20, points) * u.ms}
        asked = dict(duration=1 * u.ms, dt=0.1 * u.ms, record=(), sample_every=None, inputs=None)
        devices = [Device(x) for x in free] or None
        return Batches(make(), values, None, asked, devices=devices).size

    one = size(1e6)
    assert 100 < one < 2000  # a quarter of 1 MB, of some hundreds of bytes each
    assert size(2e6) == pytest.approx(2 * one, rel=0.05) and size(2e6, 1e6) == pytest.approx(one, rel=0.05)
    assert size(1e12) == pytest.approx(4096, rel=0.05) and size() <= 256
    assert size(1e12, 1e12, points=10) == 5
    assert 5 < size(make=lambda: coba_lif.build(scale=1.0)) < 30  # on a CPU, 1 MB of state
    with pytest.raises(bs.NotEnoughMemoryError, match="one run needs .*, 100 bytes are free on a device"):
        size(100)
