"""Weights of 16 bits: the kernels for GPUs read them as they are, and sums are those of the same weights in full."""

import functools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import events
from brainsim.events.cuda import lowered as lowered_calls
from brainsim.events.cuda import together
from brainsim.simulation import blocks, engine
from brainsim.simulation.grouped import grouped
from tests.events.conftest import BUILD
from tests.events.cuda.test_networks import called, lowered
from tests.simulation.test_precision_of_weights import DELAYS, currents, network

HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def delivered(conn, spikes, weights, into):
    """As in the loop of a GPU."""
    function = grouped(functools.partial(events.deliver, conn), calls=False)
    return np.asarray(jax.jit(function)(jnp.asarray(spikes), jnp.asarray(weights), jnp.asarray(into)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_16_bits_is_added_as_it_is(dtype, emulated):
    """Those without a leading one, too: against NumPy; what is not finite is not lost."""
    numbers = HALVES[np.isfinite(HALVES)]
    n = len(numbers)
    conn = events.CSR(np.array([0, n, n + 3]), np.r_[:n, 0, 1, 2], n)
    for others, neuron in (([1, 2, 3], 0), ([np.inf, 1, 1], 1), ([1, np.nan, 1], 1)):
        spikes = np.arange(2) == neuron
        with emulated():
            found = delivered(conn, spikes, np.append(numbers, np.float16(others)), np.zeros(n, dtype))
        if neuron:
            assert not np.isfinite(found[others.index(1) ^ 1])
        else:
            np.testing.assert_array_equal(found, numbers.astype(dtype))


@pytest.mark.parametrize(("dtype", "spikes"), [(np.float32, bool), (np.float64, float)])
@pytest.mark.parametrize("each", [True, False])
def test_sums_are_bit_for_bit_those_of_the_same_weights(dtype, spikes, each, rng, emulated):
    """Skewed rows, a batch of spikes, and one of weights; one weight for all."""
    counts = np.r_[rng.integers(0, 40, 70), 3000]
    indptr = np.r_[0, np.cumsum(counts)]
    conn = events.CSR(indptr, rng.integers(0, 90, indptr[-1]), 90)
    weights = rng.normal(size=(3, indptr[-1]) if each else 3).astype(np.float16)
    fired = (rng.random((3, 71)) < 0.5).astype(spikes) * (1 if spikes is bool else rng.normal())
    fired = fired.astype(bool if spikes is bool else dtype)
    into = rng.normal(size=(3, 90)).astype(dtype)
    function = jax.jit(grouped(jax.vmap(functools.partial(events.deliver, conn)), calls=False))
    with emulated() as device:
        before = device.device_launches()
        found, full = (function(fired, w, into) for w in (weights, weights.astype(dtype)))
        assert device.device_launches() > before
    np.testing.assert_array_equal(found, full)
    expected = jax.vmap(functools.partial(events.deliver, conn))(fired, weights.astype(dtype), into)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def several(precision="float16"):
    """Projections at once, through a line, by a calendar and through a ring; and one of weights in full."""
    net = network(precision)
    weight = bs.Normal(3 * u.pA, 5 * u.pA)
    net.connect(net.S, net.E, bs.FixedTotalNumber(300), receptor="syn", weight=weight, name="full")
    for name in ("one", "drawn", "listed"):
        options = dict(receptor="syn", weight=weight, delay=DELAYS[name], precision=precision, name=name)
        net.connect(net.S, net.E, bs.FixedTotalNumber(500), **options)
    return net


@pytest.mark.parametrize(("most", "launches"), [(64, 8), (1, 16)])
def test_networks_have_the_sums_of_the_same_weights(most, launches, emulated, monkeypatch):
    """In the loop of a GPU; deliveries of a call in one launch, and in one each."""
    whole = engine._run_chunk
    as_on_a_gpu = lambda plan, structure, _, *trees: whole(plan, structure, "gpu", *trees)  # noqa: E731
    monkeypatch.setattr(engine.run_chunk, "function", as_on_a_gpu)
    monkeypatch.setattr(blocks, "default_platform", lambda: "gpu")
    monkeypatch.setattr(together, "MOST_LARGE", most)
    net, full = several(), several(None)
    for name in ("S->E", "one", "drawn", "listed"):
        assert net[name].plain("weight").dtype == np.float16
        full[name].weight = net[name].weight
    with emulated() as device:
        jax.clear_caches()  # what is launched is a part of no key
        before = device.device_launches()
        found = currents(net, 60)
        # Four of the ring, one of the line, and two that make spikes
        assert device.device_launches() - before == 60 * (launches + 7)
        np.testing.assert_array_equal(found, currents(full, 60))
    assert np.ptp(found[-1]) > 1


@pytest.mark.parametrize("x64", [False, True])
def test_what_is_lowered_for_a_gpu_has_no_weights_in_full(x64):
    """Of 500 synapses each; those of 300 are in full."""
    with jax.enable_x64(x64):
        text = lowered(several(), ["E.spikes"])
    full = "f64" if x64 else "f32"
    assert called(text) == {"brainsim.launch"}
    assert "tensor<500xf16>" in text and f"tensor<300x{full}>" in text
    assert "tensor<500xf32>" not in text and "tensor<500xf64>" not in text


def test_plain_jax_takes_them_through_a_ring(rng, emulated, monkeypatch):
    """Where a GPU has no kernel for a call; products with spikes are those of weights in full."""
    monkeypatch.delitem(lowered_calls.PLANS, "deliver_delayed")
    conn = BUILD[events.CSR](rng)
    spikes = rng.random(conn.n_pre).astype(np.float32)
    weight = rng.normal(size=conn.weight_shape).astype(np.float16)
    ring, delay = rng.normal(size=(4, conn.n_post)).astype(np.float32), rng.integers(1, 5, conn.weight_shape)

    def send(weight, ring):
        return events.deliver_delayed(conn, spikes, weight, delay, ring, 2, jnp.zeros(conn.n_post, jnp.float32))

    function = jax.jit(grouped(send, calls=False))
    with emulated():
        for one, other in zip(function(weight, ring), function(weight.astype(np.float32), ring), strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
