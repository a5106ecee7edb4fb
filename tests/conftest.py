"""Strict numerics: float64, no silent rank promotion; pictures without a screen; quick compilation, and compiled programs
kept between runs.
"""

import gc
import itertools
import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import jax  # noqa: E402
import jaxlib  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from brainsim._core import forget_programs  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_traceback_in_locations_limit", 0)  # no program is told where each of its operations was written

# The same examples in every run, however busy the machine is; `--hypothesis-profile=default` draws others.
settings.register_profile("firm", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("firm")

# One thread compiles a program; the older of two ways to emit code, which later versions do not have, takes half the time.
QUICKLY = ["--xla_cpu_parallel_codegen_split_count=1"]
QUICKLY += ["--xla_cpu_use_fusion_emitters=false"] * jaxlib.__version__.startswith("0.10.")
# Rooms that are optimised in any case, but for modules that say OPTIMISED = False: of what runs long, and of the runtime's
# promises of equal bits.
OPTIMISED = ("models", "references", "simulation", "fuzz")
TOGETHER = 12  # modules after which all that was compiled is let go
MODULES = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--optimised", action="store_true", help="compile all as users do: takes twice as long")


def pytest_configure(config):
    """Two thirds of the time goes into XLA's compiler. So it optimises little, and what it made is kept in pytest's cache;
    `--cache-clear` empties it.
    """
    if not config.option.optimised:
        os.environ["XLA_FLAGS"] = " ".join([*QUICKLY, os.environ.get("XLA_FLAGS", "")])
    cache = getattr(config, "cache", None)
    if cache is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # one operation takes 50 ms, to find it 12


def pytest_collection_finish(session):
    """What has been imported stays: Python's search for garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


@pytest.fixture(autouse=True, scope="module")
def quick_compilation(request):
    """What is tested is what is computed, not how well it is optimised."""
    room = request.path.relative_to(Path(__file__).parent).parts[0]
    optimised = getattr(request.module, "OPTIMISED", room in OPTIMISED) or request.config.option.optimised
    if jax.config.read("jax_disable_most_optimizations") == optimised:
        jax.clear_caches()  # what is kept was compiled in the other way
    jax.config.update("jax_disable_most_optimizations", not optimised)


@pytest.fixture
def optimised():
    """For one test that runs long."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_let_go():
    """Thousands of programs would hold several GiB by the end of a run: those of networks go after each module, and
    operations on arrays, which are much the same in all, after several.
    """
    yield
    forget_programs()
    if next(MODULES) % TOGETHER == 0:
        jax.clear_caches()
