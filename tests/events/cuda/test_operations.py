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
TYPES = {
    "float32": (jnp.float32, bool, False),
    "float32 counts": (jnp.float32, bool, True),
    "float64": (jnp.float64, float, False),
    "float64 one weight": (jnp.float64, float, True),
}


def served():
    """Each format with a weight of its own for each synapse; other types and one weight for all where rows are stored."""
    for name in SERVED:
        for kind in FORMATS if name in PER_FORMAT else [events.CSR]:
            for types in TYPES:
                usual = types == "float32" or kind is events.CSR
                stored = "float32" in types or kind in (events.CSR, events.FixedFanOut)
                if usual or stored:
                    marks = [] if usual else [pytest.mark.slow]
                    yield pytest.param(name, kind, *TYPES[types], marks=marks, id=f"{name}-{kind.__name__}-{types}")


@pytest.mark.parametrize(("name", "kind", "dtype", "spikes", "scalar"), [*served()])
def test_kernels_equal_definitions(name, kind, rng, dtype, spikes, scalar, emulated):
    case = CASES[name](Given(BUILD[kind](rng), rng, dtype, spikes, scalar))
    function = jax.jit(case.function)
    found = function(*case.arguments)
    with emulated(turned=True):  # threads in another order: to the last bit the same
        again = function(*case.arguments)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(again), strict=True):
        assert one.tobytes() == other.tobytes()
    with events.served_by("plain"):
        plain = jax.jit(lambda *arguments: case.function(*arguments))(*case.arguments)
    if not case.distribution:
        close(found, plain, dtype)
