"""Delivery against the matrix product."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsim import events

RTOL = {jnp.float32: 1e-5, jnp.float64: 1e-12}


def matrix(conn, weight):
    """The weights as a matrix, added up by numpy."""
    pre, post = (np.asarray(x) for x in conn.coo())
    dense = np.zeros((conn.n_pre, conn.n_post))
    np.add.at(dense, (pre, post), np.broadcast_to(np.asarray(weight, float), conn.weight_shape).ravel())
    return dense


@pytest.fixture(params=[jnp.float32, jnp.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=["weights", "scalar"])
def weight(request, conn, rng, dtype):
    return jnp.asarray(rng.normal(size=conn.weight_shape if request.param == "weights" else ()), dtype)


@pytest.fixture(params=[bool, float], ids=["bool", "float"])
def spikes(request, conn, rng, dtype):
    fired = rng.random(conn.n_pre) < 0.3
    return jnp.asarray(fired) if request.param is bool else jnp.asarray(fired * rng.normal(size=conn.n_pre), dtype)


def close(found, expected, dtype):
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=RTOL[dtype], atol=10 * RTOL[dtype])


def test_the_three_products_are_those_of_the_matrix(conn, spikes, weight, dtype, rng, implementation):
    """Delivery, the transposed delivery and the gradient of the weights."""
    if implementation == "plain" and dtype == jnp.float32 and spikes.dtype == bool:
        pytest.skip("plain JAX is the same code for each dtype")
    into, values = (jnp.asarray(rng.normal(size=conn.n_post), dtype) for _ in range(2))
    scalar = weight.ndim == 0

    @jax.jit
    def products(conn, spikes, weight, into, values):
        gradient = events.weight_gradient(conn, spikes, values, scalar=scalar)
        return events.deliver(conn, spikes, weight, into), events.deliver_transposed(conn, values, weight), gradient

    delivered, back, gradient = products(conn, spikes, weight, into, values)
    dense, s, v = matrix(conn, weight), np.asarray(spikes, float), np.asarray(values, float)
    close(delivered, np.asarray(into, float) + s @ dense, dtype)
    close(back, dense @ v, dtype)
    pre, post = (np.asarray(x) for x in conn.coo())
    outer = (s[pre] * v[post]).reshape(conn.weight_shape)
    close(gradient, outer.sum() if scalar else outer, dtype)


def test_silent_neurons_are_skipped(conn, implementation):
    """A weight that is not finite does no harm where its neuron is silent, and -0 is silent."""
    if isinstance(conn, events.Block) or (isinstance(conn, events.Dense) and implementation == "plain"):
        pytest.skip("a matrix product")
    weight = jnp.full(conn.weight_shape, jnp.inf)
    for spikes in (jnp.zeros(conn.n_pre, bool), jnp.zeros(conn.n_pre), -jnp.zeros(conn.n_pre)):
        assert not events.deliver(conn, spikes, weight, jnp.zeros(conn.n_post)).any()


@pytest.mark.parametrize("n", [1, 8, 33, 79])
@pytest.mark.parametrize("kind", [bool, jnp.float32, jnp.float64])
def test_every_neuron_is_found_alone(n, kind):
    spikes = jnp.eye(n, dtype=kind)
    into = jnp.zeros(n, jnp.float64 if kind is bool else kind)
    found = jax.vmap(lambda s: events.deliver(events.Diagonal(n), s, 1.0, into))(spikes)
    np.testing.assert_array_equal(found, np.eye(n))


@st.composite
def networks(draw):
    """Any rows of 60 synapses in all: with one shape, every example runs the same compiled code."""
    n_pre, n_post, n_synapses = 21, 17, 60
    cuts = draw(st.lists(st.integers(0, n_synapses), min_size=n_pre - 1, max_size=n_pre - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    conn = events.CSR([0, *sorted(cuts), n_synapses], rng.integers(0, n_post, n_synapses), n_post)
    return conn, rng.random(n_pre) < draw(st.sampled_from([0.0, 0.1, 0.9])), rng


@settings(max_examples=25, deadline=None)
@given(networks())
def test_sparse_equals_dense(network):
    conn, spikes, rng = network
    weight, into = rng.normal(size=conn.n_synapses), rng.normal(size=conn.n_post)
    found = events.deliver(conn, spikes, weight, into)
    dense = events.deliver(events.Dense(conn.n_pre, conn.n_post), spikes, matrix(conn, weight), into)
    np.testing.assert_allclose(found, dense, rtol=1e-12, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(networks(), st.floats(-10, 10))
def test_delivery_is_linear_in_the_weights(network, factor):
    conn, spikes, rng = network
    one, other = rng.normal(size=(2, conn.n_synapses))
    into = np.zeros(conn.n_post)
    apart = events.deliver(conn, spikes, one, into) + factor * events.deliver(conn, spikes, other, into)
    together = events.deliver(conn, spikes, one + factor * other, into)
    np.testing.assert_allclose(together, apart, rtol=1e-10, atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(networks())
def test_permuting_neurons_permutes_the_result(network):
    conn, spikes, rng = network
    weight = rng.normal(size=conn.n_synapses)
    pre, post = (np.asarray(x) for x in conn.coo())
    to_pre, to_post = rng.permutation(conn.n_pre), rng.permutation(conn.n_post)
    order = np.argsort(to_pre[pre], kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(to_pre[pre], minlength=conn.n_pre))])
    permuted = events.CSR(indptr, to_post[post[order]], conn.n_post)
    moved = np.zeros_like(spikes)
    moved[to_pre] = spikes
    into = np.zeros(conn.n_post)
    found = np.asarray(events.deliver(permuted, moved, weight[order], into))
    np.testing.assert_allclose(found[to_post], events.deliver(conn, spikes, weight, into), rtol=1e-12, atol=1e-12)


def test_a_batch_replicates_neither_weights_nor_connectivity(both):
    """Nothing of the size of batch times synapses is in the compiled gradient of a batch."""
    batch, n, k = 16, 64, 32
    conn = events.FixedFanOut(np.random.default_rng(0).integers(0, n, (n, k)), n)

    def loss(weight, spikes):
        return (jax.vmap(lambda s: events.deliver(conn, s, weight, jnp.zeros(n)))(spikes) ** 2).sum()

    def text():
        return jax.jit(jax.grad(loss, (0, 1))).lower(jnp.ones((n, k)), jnp.ones((batch, n))).compile().as_text()

    kernel, _ = both(text)
    assert f"f64[{batch},{n},{k}]" not in kernel


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spikes": np.zeros(3, bool)}, r"spikes is a bool or float array of shape \[4\]; got bool\[3\]"),
        ({"spikes": np.zeros(4, int)}, r"spikes is a bool or float array of shape \[4\]; got int64\[4\]"),
        ({"spikes": np.zeros(4, np.float32)}, r"spikes is float32, the array that the result goes into is float64"),
        ({"weight": np.zeros(3)}, r"weight of a Diagonal is a float, of shape \[\] for all synapses or \[4\] for each"),
        ({"weight": np.zeros(4, np.float32)}, r"weight is float32, the array that the result goes into is float64"),
        ({"into": np.zeros(3)}, r"into is a float array of shape \[4\]; got float64\[3\]"),
        ({"into": np.zeros(4, int)}, r"into is a float array of shape \[4\]; got int64\[4\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {"spikes": np.zeros(4, bool), "weight": 1.0, "into": np.zeros(4)} | change
    with pytest.raises(ValueError, match=message):
        events.deliver(events.Diagonal(4), **arguments)


def test_only_formats_are_accepted():
    with pytest.raises(TypeError, match=r"events.CSR, FixedFanOut, Diagonal, Block or Dense\); got ndarray"):
        events.deliver(np.eye(3), np.zeros(3, bool), 1.0, np.zeros(3))


@pytest.mark.parametrize("make", [lambda: events.Dense(300, 400), lambda: events.Block(320, 400, 10, 310, 50, 400)])
@pytest.mark.parametrize("dtype", [bool, jnp.float32])
def test_one_weight_between_all_is_a_sum(make, dtype):
    """No operation of the compiled program has one element per pair of neurons, nor is a kernel called that would visit
    them.
    """
    conn = make()

    def run(spikes, weight, into):
        return jnp.sum(events.deliver(conn, spikes, weight, into) ** 2)

    arguments = jnp.ones(conn.n_pre, dtype), jnp.float32(0.5), jnp.ones(conn.n_post, jnp.float32)
    text = jax.jit(jax.value_and_grad(run, argnums=1)).lower(*arguments).compile().as_text()
    assert "custom-call" not in text
    sizes = (math.prod(int(n) for n in dims.split(",")) for dims in re.findall(r"[a-z]+\d+\[([\d,]+)\]", text))
    assert max(sizes) == max(conn.n_pre, conn.n_post)
