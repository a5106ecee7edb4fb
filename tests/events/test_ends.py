"""What goes into a loop of steps, and what comes out of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from brainsim.events.ends import are_finite, fresh

SHAPES = jax.ShapeDtypeStruct((3, 2), jnp.int32), jax.ShapeDtypeStruct((0,), jnp.float32)


def test_what_is_written_before_it_is_read_is_not_zeroed():
    begin = lambda: fresh({"n": jnp.int32(7), "x": jnp.arange(3.0)}, SHAPES)  # noqa: E731
    copies, (rows, none) = jax.jit(begin)()
    assert int(copies["n"]) == 7 and rows.shape == (3, 2) and rows.dtype == jnp.int32 and none.shape == (0,)
    np.testing.assert_array_equal(copies["x"], [0.0, 1.0, 2.0])
    if events.kernels()["fresh"]:
        text = jax.jit(begin).lower().as_text()
        assert "brainsim.fresh" in text and "stablehlo.broadcast" not in text
    with events.served_by("plain"):
        np.testing.assert_array_equal(fresh((jnp.arange(2),), SHAPES)[1][0], np.zeros((3, 2)))
    with jax.debug_nans(True):  # which looks at all there is in a result
        np.testing.assert_array_equal(jax.jit(lambda: begin())()[1][0], np.zeros((3, 2)))


def test_a_copy_is_another_array():
    x, key = jnp.arange(4.0), jax.random.key(3)
    (copy, same), _ = jax.jit(lambda x, key: fresh((x, key)))(x, key)
    assert copy.unsafe_buffer_pointer() != x.unsafe_buffer_pointer()
    np.testing.assert_array_equal(copy, x)
    np.testing.assert_array_equal(jax.random.key_data(same), jax.random.key_data(key))


@pytest.mark.parametrize("served", ["kernel", "plain"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
def test_what_is_not_finite_is_found_wherever_it_stands(served, dtype):
    largest = jnp.finfo(dtype).max
    whole = jnp.full(9001, largest, dtype)
    arrays = [whole, -whole, jnp.zeros(0, dtype), jnp.zeros((), dtype)]
    with events.served_by(served):
        np.testing.assert_array_equal(are_finite(arrays), [True] * 4)
        for bad in (jnp.inf, -jnp.inf, jnp.nan):
            for place in (0, 4095, 4096, 9000):
                found = are_finite([whole, whole.at[place].set(bad), arrays[3]])
                np.testing.assert_array_equal(found, [True, False, True])
        assert are_finite([]).shape == (0,)
