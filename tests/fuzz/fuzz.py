"""Random networks by the hundred: ``python -m tests.fuzz.fuzz FIRST COUNT [float32|float64]`` prints what differs."""

import os
import sys
import traceback

os.environ.setdefault("MPLBACKEND", "Agg")

import jax  # noqa: E402

RTOL = {"float32": 2e-3, "float64": 1e-9}


def main(first: int, count: int, precision: str = "float64") -> int:
    """Run networks ``first`` to ``first + count`` in every way; the number of differences."""
    jax.config.update("jax_enable_x64", precision == "float64")
    from tests.fuzz.ways import WAYS, differences

    wrong = 0
    for seed in range(first, first + count):
        for way in WAYS:
            try:
                found = differences(seed, way, rtol=RTOL[precision])
            except FloatingPointError as error:  # a network that diverges says so, and there is nothing to compare
                print(f"{seed}: {error}")
                continue
            except Exception:
                found = [traceback.format_exc(limit=-3)]
            wrong += bool(found)
            for difference in found:
                print(f"{seed} {way.__name__}: {difference}", flush=True)
        jax.clear_caches()
    print(f"{count} networks in {len(WAYS)} ways, {precision}: {wrong} differ")
    return wrong


if __name__ == "__main__":
    first, count, *precision = sys.argv[1:]
    sys.exit(min(main(int(first), int(count), *precision), 99))
