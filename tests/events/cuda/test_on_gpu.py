"""What only a GPU can tell: `python -m pytest -m gpu tests/events/cuda` on a machine with one."""

import functools
import importlib

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import events
from brainsim.events.cuda import toolkit
from brainsim.simulation.grouped import grouped
from tests.events.conftest import BUILD
from tests.events.cuda.test_arriving import Made, same
from tests.events.test_operations import CASES, PER_FORMAT, Given, close

HERE = any(device.platform == "gpu" for device in jax.devices())
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not HERE, reason="there is no GPU")]


@pytest.fixture(autouse=True)
def on_gpu():
    with jax.default_device(jax.devices("gpu")[0]):
        yield


def on_cpu(function):
    with jax.default_device(jax.devices("cpu")[0]):
        return jax.tree.map(np.asarray, function())


def test_kernels_serve():
    assert toolkit.available()


@pytest.mark.parametrize("kind", [kind for kind in BUILD if kind is not events.Block], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", sorted(set(CASES) - {"convolve", "multiply", "overwrite", "spike_matmul"}))
@pytest.mark.parametrize(
    ("dtype", "spikes", "scalar"), [(jnp.float32, bool, False), (jnp.float32, bool, True), (jnp.float64, float, False)]
)
def test_kernels_equal_definitions(name, kind, rng, dtype, spikes, scalar):
    if (name not in PER_FORMAT or dtype == jnp.float64 or scalar) and kind is not events.CSR:
        pytest.skip("formats do not matter")
    case = CASES[name](Given(BUILD[kind](rng), rng, dtype, spikes, scalar))
    function = jax.jit(lambda *a: case.function(*a))
    found = function(*case.arguments)
    for again in (function(*case.arguments) for _ in range(3)):
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(again), strict=True):
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    if not case.distribution:
        with events.served_by("plain"):
            close(found, jax.jit(lambda *a: case.function(*a))(*case.arguments), dtype)


@pytest.mark.parametrize(("step", "dtype"), [(-3, jnp.float32), (100, jnp.float64)])
def test_what_is_due_is_what_definitions_give(step, dtype, rng):
    """Rows of none to 10,000 synapses, alone and in a batch; what is under way to the bit, all of it run after run."""
    for levels in ((), (3,)):
        made = Made("skewed", 97, 45, 40, dtype, rng, levels)
        run = jax.vmap(made.function(step)) if levels else made.function(step)
        function = jax.jit(lambda *x: run(*x))  # noqa: B023
        found = function(*made.operands)
        for again in (function(*made.operands) for _ in range(3)):
            for one, other in zip(found, again, strict=True):
                assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        with events.served_by("plain"):
            plain = jax.jit(lambda *x: run(*x))(*made.operands)  # noqa: B023
        same(found, plain, dtype)


@pytest.mark.parametrize("mean", [0.01, 0.7, 3.0, 12.0, 300.0])
def test_random_numbers_are_those_of_the_cpu(mean):
    key = np.array([3, 14159], np.uint32)
    for each in (mean, np.linspace(0, mean, 5000)):
        draw = lambda each=each: events.poisson_counts(key, 7, jnp.asarray(each), 5000)  # noqa: E731
        np.testing.assert_array_equal(np.asarray(draw()), on_cpu(draw))
    spikes = lambda: events.bernoulli_spikes(key, 7, min(mean, 0.5), 5000)  # noqa: E731
    np.testing.assert_array_equal(np.asarray(spikes()), on_cpu(spikes))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_weights_of_16_bits_are_added_as_they_are(dtype, rng):
    """Every finite number of 16 bits: bit for bit the sums of the same weights in full."""
    weights = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    weights = rng.permutation(weights[np.isfinite(weights)])
    conn = events.FixedFanOut(rng.integers(0, 900, (256, len(weights) // 256)), 900)
    function = jax.jit(grouped(functools.partial(events.deliver, conn), calls=False))
    spikes, into = rng.random(256) < 0.5, jnp.zeros(900, dtype)
    weights = weights.reshape(conn.weight_shape)
    found = function(spikes, weights, into)
    np.testing.assert_array_equal(found, function(spikes, weights.astype(dtype), into))


def trains(net, *durations):
    """Spikes of all neurons, in runs of some durations."""
    found = []
    for duration in durations:
        recording = bs.simulate(net, duration, record=[f"{name}.spikes" for name in net.populations], progress=False)
        found.append(
            [np.asarray(x) for train in recording.spikes.values() for x in (train.indices, train.times / u.ms)]
        )
    return [np.concatenate(parts) for parts in zip(*found)]


def coba_lif():
    return importlib.import_module("models.coba_lif").build(scale=1, seed=3)


def test_a_network_fires_as_on_the_cpu():
    """For 10 ms: rounding of exponentials is not the same, and the network is chaotic."""
    found = trains(coba_lif(), 10 * u.ms)
    for one, other in zip(found, on_cpu(lambda: trains(coba_lif(), 10 * u.ms)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_seed_gives_the_same_spikes_whatever_the_chunks():
    whole = trains(coba_lif(), 60 * u.ms)
    for one, other in zip(whole, trains(coba_lif(), 60 * u.ms), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole, trains(coba_lif(), 13.7 * u.ms, 46.3 * u.ms), strict=True):
        np.testing.assert_allclose(np.sort(one), np.sort(other), atol=1e-9)


def test_a_sweep_equals_its_runs():
    values = [18.0, 20.0, 22.0] * u.ms
    swept = bs.sweep(coba_lif(), {"E.tau": values}, 20 * u.ms, record="E.spikes", progress=False)
    for k in range(3):
        net = coba_lif()
        net.E.tau = values[k]
        alone = bs.simulate(net, 20 * u.ms, record="E.spikes", progress=False).spikes["E"]
        np.testing.assert_array_equal(swept[k].spikes["E"].indices, alone.indices)


def test_gradients_are_those_of_the_cpu(rng):
    conn = BUILD[events.CSR](rng)
    weight, values = jnp.asarray(rng.normal(size=conn.n_synapses)), rng.normal(size=conn.n_post)
    spikes = rng.random(conn.n_pre) < 0.5
    loss = lambda w: (events.deliver(conn, jnp.asarray(spikes), w, jnp.asarray(values)) ** 3).sum()  # noqa: E731
    gradient = lambda: jax.grad(loss)(np.asarray(weight))  # noqa: E731
    np.testing.assert_allclose(np.asarray(gradient()), on_cpu(gradient), rtol=1e-12, atol=1e-12)
