"""Convolutions by events and by tiles: the same as XLA's, in all derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events
from brainsim.events import _convolution

# Window, strides, zeros before and after, dilation, groups
CASES = {
    "one axis": ((3,), (1,), ((1, 1),), (1,), 1),
    "same": ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "strides": ((3, 2), (2, 3), ((0, 1), (1, 0)), (1, 1), 1),
    "strides past the window": ((2, 2), (3, 4), ((0, 0), (2, 3)), (1, 1), 1),
    "dilation": ((2, 3), (1, 2), ((2, 0), (0, 3)), (3, 2), 1),
    "groups, and pixels cut off": ((3, 3), (2, 1), ((1, -2), (-1, 1)), (1, 1), 2),
    "one place": ((1, 1), (2, 1), ((0, 0), (0, 0)), (1, 1), 4),
    "three axes": ((2, 1, 3), (1, 1, 2), ((0, 0), (1, 1), (1, 1)), (1, 1, 1), 1),
}
SPACE, CHANNELS, FEATURES = (7, 8, 5), 4, 76  # columns for registers of all widths, and some that fill none
WAYS = {"spikes": 256, "dense": -1}


def given(case, rng, dtype, ones):
    window, strides, pads, dilation, groups = CASES[case]
    shape = (4, *SPACE[: len(window)], CHANNELS)
    x = (rng.random(shape) < 0.2) * (1.0 if ones else rng.normal(size=shape))
    kernel = rng.normal(size=(*window, CHANNELS // groups, FEATURES))
    letters = "HWD"[: len(window)]
    spec = f"N{letters}C", f"{letters}IO", f"N{letters}C"

    def right(x, kernel):
        facts = {"rhs_dilation": dilation, "dimension_numbers": spec, "feature_group_count": groups}
        return jax.lax.conv_general_dilated(x, kernel, strides, pads, **facts)

    ours = lambda x, kernel: events.convolve(x, kernel, strides, pads, dilation, groups)
    return ours, right, jnp.asarray(x, dtype), jnp.asarray(kernel, dtype)


@pytest.mark.parametrize(
    ("way", "dtype", "ones"), [("spikes", "float32", True), ("spikes", "float64", False), ("dense", "float64", False)]
)
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_convolution_with_all_its_gradients(case, way, dtype, ones, rng, monkeypatch):
    monkeypatch.setattr(_convolution, "highest_part", lambda *_: WAYS[way])
    ours, right, x, kernel = given(case, rng, dtype, ones)

    def loss(function, x, kernel):  # the examples one by one, so that a batch is folded in
        made = jax.vmap(lambda x: function(x[None], kernel))(x)
        return jnp.sin(made / 8).sum(), made

    both = lambda f: jax.jit(jax.value_and_grad(lambda *a: loss(f, *a), (0, 1), has_aux=True))(x, kernel)
    tolerance = {"float32": 1e-4, "float64": 1e-11}[dtype]
    found, expected = both(ours), both(right)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("way", WAYS)
def test_many_channels_and_places(way, rng, monkeypatch):
    """More than one panel of columns, of kernels that go in tiles, at single precision and many at once."""
    monkeypatch.setattr(_convolution, "highest_part", lambda *_: WAYS[way])
    x = jnp.asarray(rng.random((2, 14, 40, 70)) < 0.1, jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 70, 150)), jnp.float32)
    v = jnp.asarray(rng.normal(size=(2, 7, 20, 150)), jnp.float32)
    facts = ((2, 2), ((0, 1), (0, 1)), (1, 1))
    found = jax.jit(lambda x, k, v: jax.vjp(lambda *a: events.convolve(*a, *facts), x, k)[1](v))(x, kernel, v)
    with events.served_by("plain"):
        right = jax.jit(lambda x, k, v: jax.vjp(lambda *a: events.convolve(*a, *facts), x, k)[1](v))(x, kernel, v)
    y = jax.jit(lambda *a: events.convolve(*a, *facts))(x, kernel)
    for one, other in zip((y, *found), (_window(x, kernel, *facts), *right), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-3)


def _window(x, kernel, strides, pads, dilation):
    return _convolution.Window(x.shape[1:-1], kernel.shape[:-2], strides, pads, dilation, 1).convolved(x, kernel)


def test_kernels_of_a_batch_go_one_by_one_and_images_together(rng, implementation):
    """Three kernels, of which one meets all images and each has images of its own besides."""
    x, own = rng.normal(size=(4, 1, 6, 2)), rng.normal(size=(3, 4, 1, 6, 2))
    kernels = rng.normal(size=(3, 3, 2, 5))
    one = lambda x, kernel: events.convolve(x, kernel, (1,), ((1, 1),), (1,))
    shared = lambda x, kernels: jax.vmap(jax.vmap(one, (0, None)), (None, 0))(x, kernels)
    apart = lambda x, kernels: jax.vmap(jax.vmap(one, (0, None)))(x, kernels)
    for function, images in ((shared, x), (apart, own)):
        found, back = jax.vjp(jax.jit(function), images, kernels)
        slopes = jax.jit(back)(jnp.cos(found))
        for k in range(3):
            mine = images if images is x else images[k]
            flat = mine.reshape(4, 6, 2)
            right, to_one = jax.vjp(one, jnp.asarray(flat), jnp.asarray(kernels[k]))
            np.testing.assert_allclose(found[k].reshape(4, 6, 5), right, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(slopes[1][k], to_one(jnp.cos(right))[1], rtol=1e-12, atol=1e-12)


def test_nothing_is_as_large_as_a_kernel_for_each_image(rng):
    x, kernel = jnp.asarray(rng.random((9, 1, 8, 3)) < 0.2, float), jnp.asarray(rng.normal(size=(3, 3, 7)))
    loss = lambda kernel: jax.vmap(lambda x: jnp.sin(events.convolve(x, kernel, (1,), ((1, 1),), (1,))).sum())(x).sum()
    text = jax.jit(jax.grad(loss)).lower(kernel).as_text()
    assert "tensor<3x3x7xf64>" in text and "9x3x3x7xf64" not in text and "9x1x3x3x7xf64" not in text


def test_second_derivatives_are_exact(rng):
    x, kernel = rng.normal(size=(2, 5, 4, 2)), rng.normal(size=(3, 3, 2, 3))
    function = jax.jit(lambda x, kernel: jnp.sin(events.convolve(x, kernel, (1, 2), ((1, 1), (0, 1)), (1, 1))).sum())
    check_grads(function, (x, kernel), order=2, eps=1e-4, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 5, 2), (3, 0, 2), (3, 1, 2)])
def test_no_images_and_no_places(shape):
    """Of a window that does not fit into the image there is nothing, and no gradient."""
    x, kernel = jnp.ones(shape), jnp.ones((3, 2, 4))
    y, back = jax.vjp(jax.jit(lambda x, k: events.convolve(x, k, (1,), ((0, 0),), (1,))), x, kernel)
    assert y.shape == (shape[0], max(0, shape[1] - 2), 4)
    for one, like in zip(back(y), (x, kernel), strict=True):
        np.testing.assert_array_equal(one, np.zeros(like.shape))


def test_what_does_not_fit_is_refused():
    x, kernel, facts = np.zeros((1, 5, 5, 4)), np.zeros((3, 3, 2, 6)), ((1, 1), ((1, 1), (1, 1)), (1, 1))
    events.convolve(x, kernel, *facts, 2)
    for wrong in (
        (x, kernel, *facts),
        (x, kernel, *facts, 4),
        (x, kernel.astype(np.float32), *facts, 2),
        (x.astype(np.int32), kernel.astype(np.int32), *facts, 2),
        (x[0], kernel, *facts, 2),
        (x, kernel, (1,), *facts[1:], 2),
        (x, kernel, (0, 1), *facts[1:], 2),
        (x, kernel, facts[0], ((1, 1),), facts[2], 2),
        (x, kernel[..., :5], *facts, 2),
    ):
        with pytest.raises(ValueError, match=r"events\.convolve: "):
            events.convolve(*wrong)
