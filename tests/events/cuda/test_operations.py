"""The source of every kernel against its definition: what the operations keep, kept by the kernels for GPUs too."""

import jax
import jax.numpy as jnp
import pytest

from brainsim import events
from tests.events.conftest import BUILD
from tests.events.test_operations import (  # noqa: F401
    CASES,
    PER_FORMAT,
    Given,
    close,
    csr,
    test_a_batch_equals_a_loop_over_each_argument,
    test_batched_connectivity_is_served_one_after_the_other,
    test_derivatives_survive_scan_and_checkpoint,
    test_gradients_of_batches_and_batches_of_gradients,
    test_two_levels_of_batch_equal_two_loops,
)


@pytest.fixture(autouse=True)
def implementation(emulated):
    """All that is traced here is served by the kernels for GPUs."""
    with emulated():
        yield "kernel"


NO_KERNEL = {"convolve", "multiply", "overwrite", "spike_matmul"}  # plain JAX serves them on a GPU
SERVED = sorted(set(CASES) - NO_KERNEL)


@pytest.fixture(params=SERVED)
def operation(request):
    return CASES[request.param]


FORMATS = [kind for kind in BUILD if kind is not events.Block]


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize(
    ("dtype", "spikes", "scalar"),
    [(jnp.float32, bool, False), (jnp.float32, bool, True), (jnp.float64, float, False), (jnp.float64, float, True)],
    ids=["float32", "float32 counts", "float64", "float64 one weight"],
)
def test_kernels_equal_definitions(name, kind, rng, dtype, spikes, scalar, emulated):
    if name not in PER_FORMAT and kind is not events.CSR:
        pytest.skip("formats do not matter")
    if spikes is float and kind not in (events.CSR, events.FixedFanOut):
        pytest.skip("formats differ in whole rows only")
    case = CASES[name](Given(BUILD[kind](rng), rng, dtype, spikes, scalar))
    found = case.function(*case.arguments)
    with emulated(turned=True):  # threads in another order: to the last bit the same
        again = case.function(*case.arguments)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(again), strict=True):
        assert one.tobytes() == other.tobytes()
    with events.served_by("plain"):
        plain = case.function(*case.arguments)
    if not case.distribution:
        close(found, plain, dtype)
