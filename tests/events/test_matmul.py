"""Rows of spikes through a dense weight: equal to the matrix product however many there are, by events where they are few,
and with one gradient for all rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events
from brainsim.events import Dense, _contract, _dense
from brainsim.events._dense import _rows_p, highest_part
from brainsim.events._shared import Role, Rows

N_IN, N_OUT = 53, 64 + 32 + 16 + 3  # columns for registers of all widths, and some that fill none
RTOL = {np.float32: 2e-5, np.float64: 1e-12}
KINDS = {
    "bool": lambda rng, fired, dtype: fired,
    "ones": lambda rng, fired, dtype: fired.astype(dtype),
    "graded": lambda rng, fired, dtype: (fired * rng.normal(size=fired.shape)).astype(dtype),
}


def given(rng, density, kind, dtype, rows=(6, 7), n_out=N_OUT):
    spikes = KINDS[kind](rng, rng.random((*rows, N_IN)) < density, dtype)
    return spikes, rng.normal(size=(N_IN, n_out)).astype(dtype), rng.normal(size=(*rows, n_out)).astype(dtype)


@jax.jit
def product_and_gradients(spikes, weight, cotangent):
    smooth = spikes if spikes.dtype != bool else spikes.astype(weight.dtype)

    def both(smooth, weight):
        return events.spike_matmul(smooth, weight), events.spike_matmul(spikes, weight)

    results, back = jax.vjp(both, smooth, weight)
    return *results, back((cotangent, 0 * cotangent)), back((0 * cotangent, cotangent))[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("density", [0.0, 0.03, 0.2, 0.7])
def test_it_is_the_matrix_product(density, kind, dtype, rng, implementation):
    spikes, weight, cotangent = given(rng, density, kind, dtype)
    product, again, (to_spikes, to_weight), alone = product_and_gradients(spikes, weight, cotangent)
    rows, moved = spikes.reshape(-1, N_IN).astype(np.float64), cotangent.reshape(-1, N_OUT).astype(np.float64)
    for found, right in (
        (product, spikes.astype(np.float64) @ weight.astype(np.float64)),
        (again, spikes.astype(np.float64) @ weight.astype(np.float64)),
        (to_spikes, cotangent.astype(np.float64) @ weight.T.astype(np.float64)),
        (to_weight, rows.T @ moved),
        (alone, rows.T @ moved),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, right, rtol=RTOL[dtype], atol=20 * RTOL[dtype])


def test_the_way_is_chosen_by_how_many_spike(rng):
    """A quarter of the numbers with 64 outputs and more; and what is left alone is left as it was."""
    if not events.kernels()["rows"]:
        pytest.skip("the kernels are not compiled")
    rows, n_out = 4000, 64  # of which 64 are looked at
    into = np.full((rows, n_out), 2.0)
    weight = np.ones((N_IN, n_out))
    for density, dense in ((0.0, False), (0.2, False), (0.3, True), (1.0, True)):
        spikes = rng.random((rows, N_IN)) < density
        numbers = Rows(Role.POST, rows, N_IN, n_out, highest_part(Role.POST, n_out), 0)
        result, left = jax.jit(lambda *a: _rows_p.bind(*a, numbers=numbers))(spikes, weight, into)  # noqa: B023
        assert left == dense
        np.testing.assert_allclose(result, into if dense else into + spikes.sum(1)[:, None], rtol=1e-12)


def test_nothing_is_made_to_add_to(rng, monkeypatch):
    """Where a product stands alone, there is no array of zeros; where it is added to something, that is what it is added to."""
    spikes, weight, cotangent = given(rng, 0.1, "ones", np.float64)
    alone = []
    monkeypatch.setattr(_dense, "in_rows", lambda *a, real=_dense.in_rows: alone.append(a[1]) or real(*a))
    monkeypatch.setattr(_contract, "in_rows", _dense.in_rows)

    def of(into):
        each = lambda s, into: events.deliver(Dense(N_IN, N_OUT), s, weight, into)  # noqa: E731
        return jax.jit(jax.vmap(jax.vmap(each)))(spikes, into)

    jax.jit(jax.grad(lambda weight: (cotangent * events.spike_matmul(spikes, weight)).sum()))(weight)
    rest = of(cotangent)
    assert alone == ([True, False] if events.kernels()["rows"] else [])
    np.testing.assert_allclose(rest, cotangent + spikes @ weight, rtol=1e-12)


@pytest.mark.parametrize("n_out", [8, 10, 16, 20, 31, 64])
def test_few_outputs(n_out, rng):
    """Columns that fill no register."""
    spikes, weight, cotangent = given(rng, 0.1, "graded", np.float32, n_out=n_out)
    product, _, (_, to_weight), _ = product_and_gradients(spikes, weight, cotangent)
    np.testing.assert_allclose(product, spikes @ weight, rtol=2e-5, atol=2e-5)
    rows, moved = spikes.reshape(-1, N_IN), cotangent.reshape(-1, n_out)
    np.testing.assert_allclose(to_weight, rows.T @ moved, rtol=2e-5, atol=5e-5)


def test_times_at_which_nothing_can_spike_yet_are_not_all_that_is_looked_at(rng):
    """Rows of 32 examples at 100 times each, silent at the first: their period divides that of the rows."""
    if not events.kernels()["rows"]:
        pytest.skip("the kernels are not compiled")
    spikes = rng.random((32, 100, N_IN)) < 0.6
    spikes[:, 0] = False
    numbers = Rows(Role.POST, 3200, N_IN, 64, highest_part(Role.POST, 64), 0)
    arguments = spikes.reshape(3200, N_IN), np.ones((N_IN, 64)), np.zeros((3200, 64))
    assert jax.jit(lambda *a: _rows_p.bind(*a, numbers=numbers))(*arguments)[1]


def test_examples_of_a_batch_are_rows_with_one_gradient(rng):
    """Nothing is as large as one weight gradient for each example."""
    spikes, weight, cotangent = given(rng, 0.1, "ones", np.float64)

    def loss(weight):
        one = lambda s, c: jnp.vdot(c, jnp.sin(events.spike_matmul(s, weight)))  # noqa: E731
        return jax.vmap(jax.vmap(one))(spikes, cotangent).sum()

    text = jax.jit(jax.grad(loss)).lower(weight).as_text()
    assert f"tensor<{N_IN}x{N_OUT}xf64>" in text and f"x{N_IN}x{N_OUT}xf64>" not in text
    right = np.einsum("abi,abj->ij", spikes, cotangent * np.cos(spikes @ weight))
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(weight), right, rtol=1e-12, atol=1e-12)


def test_derivatives_of_sparse_rows_are_exact(rng, implementation):
    spikes, weight, _ = given(rng, 0.1, "graded", np.float64, rows=(9,))
    function = jax.jit(lambda s, w: jnp.sin(events.spike_matmul(s, w)).sum())
    check_grads(function, (spikes, weight), order=2, eps=1e-4, rtol=1e-4, atol=1e-4)


def test_a_loop_over_time_with_steps_computed_again(rng):
    """Recurrent spikes with a surrogate, against the matrix product."""
    from brainsim.surrogate import FastSigmoid

    spikes, weight, _ = given(rng, 0.1, "ones", np.float64, rows=(8, 5))
    recurrent = 0.1 * rng.normal(size=(N_OUT, N_OUT))

    def loss(weights, multiply):
        def step(carry, now):
            v, s = carry
            v = 0.9 * v * (1 - s) + multiply(now, weights[0]) + multiply(s, weights[1])
            s = FastSigmoid()(v - 2.0)
            return (v, s), s

        zero = jnp.zeros((5, N_OUT))
        return (jax.lax.scan(jax.checkpoint(step), (zero, zero), spikes)[1].sum(0) ** 2).sum()

    found = jax.jit(jax.grad(lambda w: loss(w, events.spike_matmul)))((weight, recurrent))
    right = jax.jit(jax.grad(lambda w: loss(w, jnp.matmul)))((weight, recurrent))
    for one, other in zip(found, right):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_what_does_not_fit_is_refused():
    for spikes, weight in (
        (np.zeros((2, 3)), np.zeros((4, 5))),
        (np.zeros((2, 4), np.float32), np.zeros((4, 5))),
        (np.zeros((2, 4), np.int32), np.zeros((4, 5))),
        (np.zeros(()), np.zeros((4, 5))),
        (np.zeros(4), np.zeros(4)),
        (np.zeros(4), np.zeros((4, 5), np.int32)),
    ):
        with pytest.raises(ValueError, match=r"events\.spike_matmul: "):
            events.spike_matmul(spikes, weight)
