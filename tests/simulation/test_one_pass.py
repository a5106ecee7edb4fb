"""Which populations are advanced in one pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import masses, neurons
from brainsim.simulation import fused
from brainsim.simulation.one_pass import one_pass_is_best
from brainsim.sources import PoissonGroup


@pytest.mark.parametrize(
    ("population", "best"),
    [
        (neurons.LIF(2, method="euler"), True),
        (neurons.GIF(2, method="rk4"), True),
        (neurons.LIF(2), False),  # exponential Euler has a function of its own
        (neurons.AdEx(2, method="euler"), False),
        (neurons.HodgkinHuxley(2, method="rk4"), False),
        (neurons.ConductanceBased(2, method="euler"), True),  # a leak alone
        (masses.Linear(2), True),
        (masses.JansenRit(2), False),
        (PoissonGroup(2), True),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, bool) else None,
)
def test_plain_arithmetic_is_advanced_in_one_pass(population, best):
    assert one_pass_is_best(population) is best


def test_programs_take_the_widest_registers_unless_told_how_wide(monkeypatch):
    device = jax.devices("cpu")[0]
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    chosen = fused.options(device)
    assert chosen == {"xla_cpu_prefer_vector_width": "512"}
    lowered = jax.jit(lambda x: jnp.exp(x) / (1 + jnp.exp(-x))).lower(jnp.ones(100))
    x = jnp.linspace(-3.0, 3.0, 100)
    wide, right = lowered.compile(compiler_options=chosen)(x), np.exp(x) / (1 + np.exp(-x))
    np.testing.assert_allclose(wide, right, rtol=1e-14)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=256")
    assert fused.options(device) is None
