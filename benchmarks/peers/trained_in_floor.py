"""The training benchmarks in hand-written JAX: dense products, one scan over time."""

import jax
import jax.numpy as jnp
import optax

from ._training import BETA, RATE, SIDES, STRIDES, Task, data, weights


@jax.custom_jvp
def spike(x):
    """1 where x > 0, with the derivative of SuperSpike."""
    return (x > 0).astype(x.dtype)


spike.defjvp(lambda x, dx: (spike(*x), dx[0] / (1 + jnp.abs(x[0])) ** 2))


def load(framework: str) -> None:
    """Everything is imported already."""


def prepare(task: Task, framework: str):
    """``(gradients, step, version)``."""
    hidden = len(task.sizes) - 2
    spikes, labels = map(jnp.asarray, data(task))

    def product(s, w, k):
        if not task.channels:
            return s @ w
        s, strides = s.reshape(-1, SIDES[k], SIDES[k], task.channels[k]), (STRIDES[k],) * 2
        options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        return jax.lax.conv_general_dilated(s, w, strides, "SAME", **options).reshape(task.batch, -1)

    def loss(w, spikes, labels):
        def advance(carry, s):
            v, u, before = carry
            new = []
            for k in range(hidden):
                driven = product(s, w[str(k)], k) + (before @ w["r"] if task.recurrent else 0)
                x = BETA * v[k] + driven
                s = spike(x - 1)
                before = s if task.recurrent else before
                new.append((1 - s) * x)
            u = BETA * u + s @ w[str(hidden)]
            return (new, u, before), u

        zeros = [jnp.zeros((task.batch, n), jnp.float32) for n in task.sizes[1:]]
        start = zeros[:-1], zeros[-1], zeros[0]
        logits = jax.lax.scan(advance, start, spikes)[1].mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    adam = optax.adam(RATE)
    w = jax.tree.map(jnp.asarray, weights(task))
    at = [w, adam.init(w)]

    @jax.jit
    def update(w, moments, spikes, labels):
        changes, moments = adam.update(jax.grad(loss)(w, spikes, labels), moments)
        return optax.apply_updates(w, changes), moments

    def step():
        at[:] = jax.block_until_ready(update(*at, spikes, labels))

    return lambda: jax.jit(jax.grad(loss))(w, spikes, labels), step, jax.__version__
