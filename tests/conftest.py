"""Strict numerics: float64, no silent rank promotion; pictures without a screen; compiled programs kept between runs."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Two thirds of the time goes into XLA's compiler, so what took it long is kept in pytest's cache; `--cache-clear`
    empties it.
    """
    cache = getattr(config, "cache", None)
    if cache is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # one operation takes 50 ms, to find it 12


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_let_go():
    """Thousands of programs would hold several GiB by the end of a run."""
    yield
    jax.clear_caches()
