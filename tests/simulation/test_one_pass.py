"""Which programs are compiled so that all variables of a population advance in one pass."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import masses, neurons
from brainsim.receptors import Exponential
from brainsim.simulation import fused, programs
from brainsim.simulation.one_pass import one_pass_is_best
from brainsim.sources import PoissonGroup


@pytest.mark.parametrize(
    ("population", "best"),
    [
        (lambda: neurons.LIF(2, method="euler"), True),
        (lambda: neurons.GIF(2, method="rk4"), True),
        (lambda: neurons.LIF(2), True),  # the decay is the same for all, in every step
        (lambda: driven(Exponential(tau=5 * u.ms)), True),
        (lambda: driven(Exponential(tau=5 * u.ms, reversal=0 * u.mV)), False),  # it follows the conductance
        (lambda: neurons.AdEx(2, method="euler"), False),
        (lambda: neurons.HodgkinHuxley(2, method="rk4"), False),
        (lambda: neurons.ConductanceBased(2, method="euler"), True),  # a leak alone
        (lambda: masses.Linear(2), True),
        (lambda: masses.JansenRit(2), False),
        (lambda: PoissonGroup(2), True),
    ],
)
def test_plain_arithmetic_is_advanced_in_one_pass(population, best, monkeypatch):
    seen = []

    def decide(jaxpr):
        seen.append(one_pass_is_best(jaxpr))
        raise NotImplementedError  # what is compiled does not matter

    monkeypatch.setattr(programs, "one_pass_is_best", decide)
    net = bs.Network()
    net.E = population()
    with pytest.raises(NotImplementedError):
        bs.simulate(net, 0.01 * u.ms, dt=0.01 * u.ms)
    assert seen == [best]


def driven(receptor):
    cells = neurons.LIF(2)
    cells.add_receptors(s=receptor)
    return cells


@pytest.mark.parametrize(
    ("step", "best"),
    [
        (lambda x, a: x * a + 1, True),
        (lambda x, a: x * jnp.tanh(a), True),  # a function of a number
        (lambda x, a: x * jax.jit(jnp.exp)(jnp.full(3, a)), True),  # or of what is alike for all
        (lambda x, a: x * jnp.tanh(x), False),
        (lambda x, a: x * jax.jit(jnp.exp)(x), False),
        (lambda x, a: jax.lax.fori_loop(0, 3, lambda _, x: jnp.sin(x), x), False),
    ],
)
def test_functions_of_arrays_in_a_loop_are_looked_for(step, best):
    def loop(x, a):
        return jax.lax.fori_loop(0, 5, lambda _, x: step(x, a), jnp.exp(x))

    assert one_pass_is_best(jax.make_jaxpr(loop)(jnp.ones(3), 2.0)) is best


def test_a_program_without_a_loop_has_nothing_to_pass_over():
    assert not one_pass_is_best(jax.make_jaxpr(lambda x: x + 1)(jnp.ones(3)))


def test_programs_take_the_widest_registers_unless_told_how_wide(monkeypatch):
    device = jax.devices("cpu")[0]
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    lowered = jax.jit(lambda x: jnp.exp(x) / (1 + jnp.exp(-x))).lower(jnp.ones(100))
    chosen = fused.options(lowered, device)
    assert chosen == {"xla_cpu_prefer_vector_width": "512"}
    x = jnp.linspace(-3.0, 3.0, 100)
    wide, right = lowered.compile(compiler_options=chosen)(x), np.exp(x) / (1 + np.exp(-x))
    np.testing.assert_allclose(wide, right, rtol=1e-14)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=256")
    assert fused.options(lowered, device) is None
