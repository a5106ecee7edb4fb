"""A recurrence of elements is ``lax.scan`` of the same step: values, batches, and derivatives of first and second order."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.events.recurrence import recurrence

N, STEPS, BATCH = 300, 7, 3  # more elements than a register holds
spike = bs.surrogate.FastSigmoid(1.0)


def membrane(tau):
    """With a refractory count, a state that stays, and results of three types."""

    def step(carry, x):
        v, left, still = carry
        held = left > 0
        v = jnp.where(held, 0.1, v + (x - v) / tau)
        s = jnp.where(held, 0.0, spike(v - still))
        v = (1 - s) * v
        left = jnp.where(s != 0, 2, jnp.maximum(left - 1, 0)).astype(jnp.int32)
        return (v, left, still), (s, v * jnp.exp(-v), left > 0)

    return step


def begin():
    return jnp.zeros(N), jnp.zeros(N, jnp.int32), jnp.ones(())


def courses(shape):
    return jnp.asarray(np.random.default_rng(0).normal(1, 2, shape))


@pytest.fixture(params=["kernel", "plain"])
def implementation(request):
    with bs.events.served_by(request.param):
        yield request.param


@pytest.mark.parametrize("axis", [None, 0, 1], ids=["alone", "examples first", "time first"])
def test_it_is_a_scan(implementation, axis):
    with jax.enable_x64(False):
        shape = [STEPS, N]
        shape[axis or 0 : axis or 0] = [] if axis is None else [BATCH]
        x, weights = courses(shape), jnp.arange(STEPS)[:, None]

        def results(run):
            def total(tau, x, gain):
                def one(x):
                    (v, left, still), (s, y, held) = run(membrane(tau), begin(), x * gain)
                    return (v**2).sum() + (s * weights).sum() + y.sum(), (v, left, still, s, y, held)

                sums, after = one(x) if axis is None else jax.vmap(one, axis)(x)
                return jnp.sum(sums), after

            return jax.jit(jax.value_and_grad(total, (0, 1, 2), has_aux=True))(jnp.linspace(1, 3, N), x, 1.1)

        for found, right in zip(*map(jax.tree.leaves, map(results, (recurrence, jax.lax.scan))), strict=True):
            assert found.dtype == right.dtype
            np.testing.assert_allclose(found, right, rtol=2e-4, atol=2e-5 * max(1, float(jnp.abs(right).max())))


def test_two_levels_and_second_derivatives():
    x, tau = courses((2, BATCH, STEPS, N)), 1.5

    def total(run, tau, x):
        def one(x):
            (v, _, _), (s, y, _) = run(membrane(tau), begin(), x)
            return (v**3).sum() + (s * y).sum()

        return jax.vmap(jax.vmap(one), in_axes=1)(x.swapaxes(0, 1)).sum()

    along = (1.0, jnp.ones_like(x))

    def slope(run, *at):
        return jax.jvp(lambda *at: total(run, *at), at, along)[1]

    right = jax.jit(lambda: jax.jvp(lambda *at: slope(jax.lax.scan, *at), (tau, x), along)[1])()
    backwards = jax.grad(lambda *at: total(recurrence, *at), (0, 1))
    by_tau, by_x = jax.jit(lambda: jax.jvp(backwards, (tau, x), along)[1])()
    assert float(by_tau + by_x.sum()) == pytest.approx(float(right), rel=1e-9)


def operations(c, x):
    """Everything that the kernel does, once."""
    v, n = c
    small, whole = 0.1 * x, jnp.int32(3)
    made = [
        v + x,
        v - x,
        v * x,
        v / (2 + x * x),
        jnp.maximum(v, x),
        jnp.minimum(v, x),
        -x,
        jnp.abs(x),
        jnp.sqrt(x * x + 1),
    ]
    made += [
        jnp.floor(x),
        jnp.ceil(x),
        jnp.sign(x),
        jax.nn.sigmoid(jnp.where(x > 0, x, v)),
        jnp.clip(x, -1, 1),
        x**3,
        (2 + x * x) ** -2,
    ]
    made += [
        jax.lax.rsqrt(1 + x * x),
        jnp.where(jnp.isfinite(x / 0), x, v),
        jnp.where((x > 0) & (v > 0) | ~(x > v), 1.0, 0.0),
    ]
    made += [
        jnp.where((x >= 0) ^ (v <= 0), v, x),
        (x != v) * 1.0,
        jnp.where(x == x, 2.0, 0.0),
        jnp.where(jnp.isfinite(x), x, 0).astype(jnp.int32),
        n.astype(x.dtype),
    ]
    more = [n + whole, n - whole, n * whole, jnp.maximum(n, whole), jnp.minimum(n, whole)]
    tests = [n > whole, n >= whole, n < whole, n <= whole, n == whole, n != whole, n.astype(bool), x.astype(bool)]
    return (v * 0.5 + small, n + 1), (made, more, tests)


@pytest.mark.parametrize("wide", [True, False], ids=["float64", "float32"])
def test_every_operation(wide):
    with jax.enable_x64(wide):
        x = courses((STEPS, N))
        start = jnp.linspace(-1, 1, N), jnp.arange(N, dtype=jnp.int32) % 7
        step = operations
        if wide:  # whose exponential XLA has

            def step(c, x):
                after, (made, more, tests) = operations(c, x)
                return after, (made[:12] + made[13:], more, tests)

        assert "brainsim.recurrence" in jax.jit(lambda: recurrence(step, start, x)).lower().as_text()
        found, right = (jax.jit(lambda run=run: run(step, start, x))() for run in (recurrence, jax.lax.scan))
    for k, (a, b) in enumerate(zip(*map(jax.tree.leaves, (found, right)), strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-12 if wide else 1e-6, atol=1e-12 if wide else 1e-6, err_msg=str(k))


@pytest.mark.parametrize("n", [N, 20])
def test_few_operations_at_a_time(n):
    """As those are served that make no call, in registers alone; numbers that are none included."""
    with jax.enable_x64(False):
        x = courses((STEPS, n)).astype(jnp.float32)
        x = x.at[1, ::3].set(jnp.nan).at[2, 1::3].set(jnp.inf).at[3, 2::5].set(0)
        start = jnp.linspace(-1, 1, n).at[::4].set(jnp.nan), jnp.arange(n, dtype=jnp.int32) % 7

        def few(c, x, part):
            after, results = operations(c, x)
            served = [y for k, y in enumerate(jax.tree.leaves(results)) if k not in (11, 12)]  # sign and exponential
            return after, served[part]

        for begin in range(0, 36, 6):
            step = functools.partial(few, part=slice(begin, begin + 6))
            found, right = (
                jax.jit(lambda run=run, step=step: run(step, start, x))() for run in (recurrence, jax.lax.scan)
            )
            for k, (a, b) in enumerate(zip(*map(jax.tree.leaves, (found, right)), strict=True)):
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6, err_msg=f"{begin}: {k}")


def test_the_exponential_is_right_to_two_units_in_the_last_place():
    with jax.enable_x64(False):
        x = jnp.concatenate([jnp.linspace(-103, 88, 5000), jnp.array([-200, 89, 0, jnp.inf, -jnp.inf, jnp.nan])])
        _, y = jax.jit(lambda: recurrence(lambda c, x: (c + x, jnp.exp(x)), jnp.zeros(len(x)), x[None]))()
        with np.errstate(over="ignore"):
            right = np.exp(np.asarray(x, np.float64)).astype(np.float32)
    normal = np.isfinite(right) & (right > 1e-37)
    np.testing.assert_allclose(y[0][normal], right[normal], rtol=3e-7)
    np.testing.assert_array_equal(np.asarray(y[0])[~normal & ~(right < 1e-37)], right[~normal & ~(right < 1e-37)])
    assert np.all(np.abs(np.asarray(y[0])[right < 1e-37]) < 1.01e-37)


def test_what_is_more_than_arithmetic_is_left():
    x = courses((STEPS, N))
    for step in (
        lambda c, x: (c + jnp.roll(x, 1), x),
        lambda c, x: (c + x.sum(), x),
        lambda c, x: (c, x @ jnp.ones((N, N))),
    ):
        assert recurrence(step, jnp.zeros(N), x) is None
