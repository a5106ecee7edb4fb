"""A convolution whose weight gradient is a product of patches: the same as XLA's, in all derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim.events.patches import convolve

CASES = {
    "one axis": ((3,), (1,), ((1, 1),), (1,)),
    "same": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "strides": ((3, 2), (2, 3), ((0, 1), (1, 0)), (1, 1)),
    "dilation": ((2, 3), (1, 2), ((2, 0), (0, 3)), (3, 2)),
    "one place": ((1, 1), (2, 1), ((0, 0), (0, 0)), (1, 1)),
    "three axes": ((2, 1, 3), (1, 1, 2), ((0, 0), (1, 1), (1, 1)), (1, 1, 1)),
}
SPACE, CHANNELS, FEATURES = (7, 8, 5), 3, 70


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_convolution_with_all_its_gradients(case, rng):
    window, strides, pads, dilation = CASES[case]
    shape = (4, *SPACE[: len(window)], CHANNELS)
    x = (rng.random(shape) < 0.2) * rng.normal(size=shape)
    kernel = rng.normal(size=(*window, CHANNELS, FEATURES))
    letters = "HWD"[: len(window)]
    spec = f"N{letters}C", f"{letters}IO", f"N{letters}C"

    def right(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=spec)

    def loss(function, x, kernel):  # the examples one by one, so that a batch is folded in
        one = lambda x: jnp.sin(function(x[None], kernel)).sum()
        return jax.vmap(one)(x).sum()

    ours = lambda x, kernel: convolve(x, kernel, strides, pads, dilation)
    np.testing.assert_allclose(jax.jit(ours)(x, kernel), right(x, kernel), rtol=1e-12, atol=1e-12)
    for arguments in ((0, 1), 0, 1):
        found = jax.jit(jax.grad(lambda *a: loss(ours, *a), arguments))(x, kernel)
        expected = jax.jit(jax.grad(lambda *a: loss(right, *a), arguments))(x, kernel)
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_second_derivatives_are_exact(rng):
    x, kernel = rng.normal(size=(2, 5, 4, 2)), rng.normal(size=(3, 3, 2, 3))
    function = jax.jit(lambda x, kernel: jnp.sin(convolve(x, kernel, (1, 2), ((1, 1), (0, 1)), (1, 1))).sum())
    check_grads(function, (x, kernel), order=2, eps=1e-4, rtol=1e-4, atol=1e-4)
