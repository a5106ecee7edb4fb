"""What a process holds."""

import gc
import mmap
import sys
import weakref

import jax
import numpy as np
import pytest

from brainsim import _memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_was_freed_goes_back_to_the_system():
    if _memory._trim() is None:
        pytest.skip("a C library that cannot")
    kept = [b"x" * 60_000 for _ in range(1000)]  # from the heap: larger ones are mapped, and go back at once
    last, before = b"y" * 60_000, resident()
    del kept
    _memory.give_back()
    assert before - resident() > 40e6 and len(last)


def test_arrays_behind_each_other_are_apart_and_go_with_their_pages():
    """JAX takes them over as they are, or each would be there twice."""
    shapes = [(3, 5), (7, 1000), (0, 4), (1,), (3000, 2000)]  # the last is longer than a chunk
    arrays = [_memory.empty_in_huge_pages(shape, np.int32) for shape in shapes]
    for k, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        assert array.shape == shape and array.dtype == np.int32
        array[...] = k
    assert all(np.all(array == k) for k, array in enumerate(arrays))
    if sys.platform.startswith("linux"):
        assert jax.device_put(arrays[1]).unsafe_buffer_pointer() == arrays[1].ctypes.data
    last = weakref.ref(arrays[-1].base)
    del array, arrays
    _memory.empty_in_huge_pages((_memory.CHUNK,), np.uint8)  # now the last pages are of others
    gc.collect()
    assert last() is None


def test_arrays_of_some_pages_are_put_into_large_ones():
    """Smaller ones are found at once, and larger ones have large pages within."""
    for n, moved in [(1000, False), (100_000, True), (2_000_000, False)]:
        array = np.arange(n, dtype=np.int32)
        there = _memory.in_huge_pages(array)
        np.testing.assert_array_equal(there, array)
        assert (there is not array) == (moved and hasattr(mmap, "MADV_HUGEPAGE"))


def resident() -> float:
    with open("/proc/self/statm") as file:
        return float(file.read().split()[1]) * 4096
