"""Plain arithmetic of a population is one loop, with the numbers that it has in several."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import brainsim as bs
from brainsim.simulation import fused, one_loop
from brainsim.simulation.calls import as_one
from brainsim.simulation.grouped import while_loop
from brainsim.surrogate import ATan

N = 1000
here = pytest.mark.skipif(not one_loop.SERVES, reason="XLA may end the process: add this release to KNOWN to see")


def everything(x, y, k, a):
    """All that a loop may hold: of two arrays of numbers, one of whole numbers, and a number."""
    fired = (x > y) & ~(k == 3) | (x != x)
    held = (k >= 5) ^ (y <= a) & (x < 0.3)
    z = jnp.where(held, jnp.sqrt(jnp.abs(x)) / a, x / (y + 3) + jnp.floor(y) - jnp.ceil(x) * jnp.sign(y))
    z = jnp.where(jnp.isfinite(z), lax.max(z, y) - lax.min(-z, x**2) + lax.integer_pow(x, 3), z)
    spike = ATan()(z - a)
    return z * 0.5 + spike, y * a + k.astype(y.dtype), jnp.where(fired, 7, jnp.maximum(k - 1, 0)), fired & (spike > 0)


def loop_of(step):
    def run(x, y, k, a):
        start = jnp.int32(0), x, y, k, jnp.zeros(k.shape, bool)
        body = lambda carry: (carry[0] + 1, *step(*carry[1:4], a))
        return while_loop(lambda carry: carry[0] < 20, body, start, ours=True)

    return run


@here
@pytest.mark.parametrize("kind", [jnp.float32, jnp.float64])
def test_each_operation_has_the_bits_that_it_has_alone(kind):
    rng = np.random.default_rng(1)
    x, y = (jnp.asarray(rng.normal(size=N), kind) for _ in range(2))
    given = (
        x.at[:3].set(jnp.array([jnp.nan, jnp.inf, 0.0], kind)),
        y,
        jnp.asarray(rng.integers(0, 8, N), jnp.int32),
        kind(0.7),
    )
    lowered = jax.jit(loop_of(everything), keep_unused=True).lower(*given)
    loops = str(one_loop.with_loops(lowered.compiler_ir("stablehlo")))
    assert loops.count("mhlo.fusion") == 1 and "custom_jvp" not in loops
    found = fused.load(lowered, jax.devices("cpu")[0])(list(given))
    x, y, k, a = map(np.asarray, given)
    step = jax.jit(everything)
    for _ in range(20):
        x, y, k, fired = step(x, y, k, a)
    for one, other in zip(found[1:], (x, y, k, fired), strict=True):
        np.testing.assert_array_equal(one, other)


def kinds(array, computed, number, constant):
    """One value of each kind that an operation may take: an argument, what was computed, one number for all, one of the program's."""
    return array, computed(array), jnp.full(array.shape, number), jnp.full(array.shape, constant, array.dtype)


def every_operation(x, y, b, c, k, m, a):
    """Every operation on every kind of operand, and what they give together."""
    numbers, more = kinds(x, lambda x: x * 2, a, 0.25), kinds(y, lambda y: y + 1, -a, 1.5)
    wholes, others = kinds(k, lambda k: k + 3, k.dtype.type(2), 5), kinds(m, lambda m: m - 1, k.dtype.type(4), 7)
    conditions, further = kinds(b, lambda b: ~b, a > 0.5, True), kinds(c, lambda c: ~c, a < 0.9, False)
    total, odd, count = x + y, b & c, k + m
    for one in numbers:
        total = total + abs(one) + jnp.sqrt(one) + jnp.floor(one) + jnp.ceil(one) + jnp.sign(one) + (-one) + one**3
        odd = odd ^ jnp.isfinite(one)
        for other in more:
            total = total + (one - other) + one * other + one / other + lax.max(one, other) + lax.min(one, other)
            for compare in (lax.lt, lax.le, lax.gt, lax.ge, lax.eq, lax.ne):
                odd = odd ^ compare(one, other)
            for condition in (*conditions, a > 0.5, a < 0.5):  # for each element, or one number for all
                total = total + lax.select_n(condition, other, one)
    for one in wholes:
        total = total + one.astype(x.dtype)
        for other in others:
            count, odd = count + one * other - lax.max(one, other), odd ^ (one < other)
            for condition in (*conditions, a > 0.5):
                count = count + lax.select_n(condition, other, one)
    for one in conditions:
        total, count = total + one.astype(x.dtype), count + one.astype(k.dtype)
        for other in further:
            odd = odd ^ (one & other) ^ (one | other) ^ (one == other)
            for condition in (*conditions[1:], a > 0.5):
                odd = odd ^ lax.select_n(condition, other, one)
    return total, odd, count


@here
@pytest.mark.parametrize("kind", [jnp.float32, jnp.float64])
def test_operations_take_operands_of_every_kind(kind):
    rng = np.random.default_rng(2)
    reals, conditions = rng.uniform(0.1, 1, (2, 9)), rng.random((2, 9)) < 0.5
    wholes = rng.integers(0, 8, (2, 9), np.int32)
    given = [*map(jnp.asarray, (*reals.astype(kind), *conditions, *wholes)), kind(0.7)]

    def run(*given):  # arrays that no step changes, as the mask of a view
        body = lambda carry: (carry[0] + 1, *every_operation(*given))
        start = jnp.int32(0), given[0], given[2], given[4]
        return while_loop(lambda carry: carry[0] < 2, body, start, ours=True)

    lowered = jax.jit(run, keep_unused=True).lower(*given)
    assert "mhlo.fusion" in str(one_loop.with_loops(lowered.compiler_ir("stablehlo")))
    found, expected = fused.load(lowered, jax.devices("cpu")[0])(given), every_operation(*given)
    np.testing.assert_allclose(found[1], expected[0], rtol=100 * np.finfo(kind).eps)
    for one, other in zip(found[2:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@here
def test_a_view_with_a_stimulus_of_its_own_runs():
    """Its mask is a condition that comes from outside of the loop; XLA ended the process."""
    net = bs.Network(seed=1)
    net.E = bs.neurons.LIF(4, R=100 * u.Mohm, V_th=100 * u.mV)
    net.E[2:].add_stimuli(drive=bs.stimuli.Sine(50 * u.pA, 20 * u.Hz, offset=50 * u.pA))
    V = bs.simulate(net, 5 * u.ms, dt=0.1 * u.ms, record="E.V")["E.V"].mantissa
    assert np.all(V[:, :2] == V[0, 0]) and np.all(V[-1, 2:] > V[0, 2:])


@here
@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16, jnp.complex64])
def test_other_types_are_left_to_the_compiler(kind):
    step = lambda x, y, k, a: (x * a, y + x, k + 1, x != y)
    given = jnp.arange(8.0).astype(kind), jnp.ones(8, kind), jnp.arange(8, dtype=jnp.int32), jnp.asarray(0.5, kind)
    lowered = jax.jit(loop_of(step), keep_unused=True).lower(*given)
    assert "mhlo.fusion" not in str(one_loop.with_loops(lowered.compiler_ir("stablehlo")))
    found = fused.load(lowered, jax.devices("cpu")[0])(list(given))
    assert found[1].dtype == kind and abs(complex(found[1][1])) < 1e-4


@here
@pytest.mark.parametrize(
    ("step", "loops"),
    [
        (lambda x, y, k, a: (x * a, y + x, k + 1, x > y), 1),
        (lambda x, y, k, a: (x * a + np.arange(8.0), y + x, k + 1, x > y), 1),  # an array of the program's
        (lambda x, y, k, a: (jnp.tanh(x), y + jnp.tanh(x), k + 1, x > y), 0),  # a function
        (lambda x, y, k, a: (x + lax.broadcast_in_dim(y, (8,), (0,)), y + x, k + 1, x > y), 1),  # which is none
    ],
)
def test_other_steps_are_left_to_the_compiler(step, loops):
    given = jnp.arange(8.0), jnp.ones(8), jnp.arange(8, dtype=jnp.int32), 0.5
    lowered = jax.jit(loop_of(step)).lower(*given)
    assert str(one_loop.with_loops(lowered.compiler_ir("stablehlo"))).count("mhlo.fusion") == loops
    fused.load(lowered, jax.devices("cpu")[0])  # it is compiled


def _same_for_all(ours):
    """A loop whose call has a result that is a number for all elements, as XLA finds and the equations do not tell."""

    def pass_(on, x, k):
        return on & x, jnp.where(on & x, k - k, 0)

    def body(carry):
        n, x, _ = carry
        return n + 1, *as_one(pass_, 2, ours)(n > 2, x, n)

    start = jnp.int32(0), jnp.ones(N, bool), jnp.ones(N, jnp.int32)
    return jax.jit(lambda *carry: lax.while_loop(lambda c: c[0] < 3, body, carry), keep_unused=True).lower(
        *start
    ), start


@pytest.mark.parametrize("by", ["JAX", "one pass"])
def test_what_turns_out_to_be_one_number_for_all_is_compiled(by):
    """In a small call it ends the process (jaxlib 0.10)."""
    lowered, start = _same_for_all(ours=False)
    assert "xla_cpu_small_call" not in str(one_loop.with_loops(lowered.compiler_ir("stablehlo")))
    found = lowered.compile()(*start) if by == "JAX" else fused.load(lowered, jax.devices("cpu")[0])(list(start))
    np.testing.assert_array_equal(found[2], np.zeros(N))


def test_spikes_are_those_of_a_compiler_that_is_left_alone(monkeypatch):
    def spikes(n):
        net = bs.Network(seed=1)
        net.E = bs.neurons.LIF(n, method="euler", refractory=2 * u.ms, V=bs.Normal(-55 * u.mV, 5 * u.mV))
        net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms))
        net.E.add_stimuli(drive=bs.stimuli.Constant(1.5 * u.nA))
        net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="ampa", weight=20 * u.pA)
        recording = bs.simulate(net, 100 * u.ms, dt=0.1 * u.ms, record=["E.spikes", "E.V"])
        return recording.spikes["E"].steps, recording.spikes["E"].indices, recording["E.V"].mantissa

    for n in (1, 150):
        monkeypatch.delenv("BRAINSIM_FUSION", raising=False)
        one = spikes(n)
        monkeypatch.setenv("BRAINSIM_FUSION", "0")
        jax.clear_caches()
        for found, expected in zip(one, spikes(n), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert len(found)
