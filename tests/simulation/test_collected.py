"""A loop whose dense weight has one gradient for all steps is `jax.lax.scan`, with derivatives of all orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from brainsim.simulation import collected


def total(scan, x):
    def one(w, x):
        def step(c, x):
            s = 0.9 * jnp.tanh(c)
            return 0.3 * jnp.cos(c) + events.deliver(events.Dense(6, 6), s, w, x), s

        c, ys = scan(step, jnp.zeros(6), x)
        return (c**2).sum() + (ys**3).sum()

    return lambda w: jax.vmap(lambda x: one(w, x))(x).sum()


@pytest.mark.parametrize(
    "derivative",
    [
        jax.grad,
        lambda f: lambda w: jax.jvp(f, (w,), (jnp.ones_like(w),))[1],
        lambda f: lambda w: jax.jvp(jax.grad(f), (w,), (jnp.ones_like(w),))[1],
    ],
    ids=["backwards", "forwards", "second"],
)
def test_a_loop_with_one_gradient_for_all_steps_is_a_scan(derivative):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        w, x = jnp.asarray(rng.normal(0, 0.5, (6, 6))), jnp.asarray(rng.normal(size=(3, 9, 6)))
        found, right = (jax.jit(derivative(total(scan, x)))(w) for scan in (collected.scan, jax.lax.scan))
        assert float(jnp.abs(right).max()) > 0.1
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
