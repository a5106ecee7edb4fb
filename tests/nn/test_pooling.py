"""Largest values of windows: those of flax, with the gradient at the first of equal ones, as XLA and PyTorch have it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import brainsim as bs

CASES = {
    "apart": ((2, 2), (2, 2), "VALID"),
    "overlapping": ((3, 3), (2, 2), "SAME"),
    "with gaps": ((2, 1), (3, 2), "VALID"),
    "one axis": ((3,), (1,), "SAME"),
    "all at once": ((9, 8), (9, 8), "VALID"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_largest_and_its_gradient(case):
    window, strides, padding = CASES[case]
    rng = np.random.default_rng(3)
    shape = (4, *(9, 8)[: len(window)], 3)
    x = (rng.random(shape) < 0.4) * rng.choice([-1.0, 1.0, 2.0], shape)  # many are equal
    module = bs.nn.MaxPool(window, strides, padding).module(shape[1:], jax.random.PRNGKey(0))
    right = lambda x: nnx.max_pool(x, window, strides, padding)
    weight = rng.normal(size=right(x).shape)
    slopes = [jax.jit(jax.grad(lambda x: (weight * f(x)).sum()))(x) for f in (jax.vmap(module), right)]  # noqa: B023
    np.testing.assert_array_equal(jax.vmap(module)(x), right(x))
    np.testing.assert_allclose(*slopes, rtol=1e-12, atol=1e-12)


def test_what_is_no_number_is_seen():
    module = bs.nn.MaxPool((2,)).module((6, 1), jax.random.PRNGKey(0))
    x = jnp.array([[jnp.nan], [1.0], [2.0], [jnp.nan], [3.0], [4.0]])
    np.testing.assert_array_equal(module(x)[:, 0], [jnp.nan, jnp.nan, 4.0])
