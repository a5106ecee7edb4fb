"""What a process holds."""

import sys

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


def resident() -> float:
    with open("/proc/self/statm") as file:
        return float(file.read().split()[1]) * 4096
