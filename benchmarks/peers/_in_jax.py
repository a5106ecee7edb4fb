"""The training benchmarks as one scan over time in JAX, with any neuron."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from ._training import BETA, RATE, SIDES, STRIDES, WIDTH, Task, data, weights


def prepare(task: Task, cells: list[Callable]) -> tuple[Callable, Callable]:
    """``(gradients, step)`` of a stack of ``cells``: each takes what arrives and its state, and gives spikes and a state."""
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
            for k, cell in enumerate(cells):
                s, x = cell(product(s, w[str(k)], k) + (before @ w["r"] if task.recurrent else 0), v[k])
                before = s if task.recurrent else before
                new.append(x)
            u = BETA * u + s @ w[str(len(cells))]
            return (new, u, before), u

        zeros = [jnp.zeros((task.batch, n), jnp.float32) for n in task.sizes[1:]]
        logits = jax.lax.scan(advance, (zeros[:-1], zeros[-1], zeros[0]), spikes)[1].mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def delayed(x, w, delay):
        """What arrives in all steps: a convolution over time."""
        k = jnp.arange(1, task.longest + 1).astype(x.dtype)[:, None, None]
        kernel = w * jax.nn.softmax(-jnp.square((k - delay) / WIDTH) / 2, axis=0)
        x = jnp.pad(x.swapaxes(0, 1), [(0, 0), (task.longest, 0), (0, 0)])[:, :-1]
        y = jax.lax.conv_general_dilated(x, kernel[::-1], (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))
        return y.swapaxes(0, 1)

    def loss_with_delays(w, spikes, labels):
        x = spikes
        for k, cell in enumerate(cells):
            driven = delayed(x, w[str(k)], w[f"d{k}"])
            x = jax.lax.scan(lambda v, now, cell=cell: cell(now, v)[::-1], jnp.zeros_like(driven[0]), driven)[1]
        driven = delayed(x, w[str(len(cells))], w[f"d{len(cells)}"])
        step = lambda u, now: (BETA * u + now,) * 2
        logits = jax.lax.scan(step, jnp.zeros_like(driven[0]), driven)[1].mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    loss = loss_with_delays if task.longest else loss
    adam = optax.adam(RATE)
    w = jax.tree.map(jnp.asarray, weights(task))
    at = [w, adam.init(w)]

    @jax.jit
    def update(w, moments, spikes, labels):
        changes, moments = adam.update(jax.grad(loss)(w, spikes, labels), moments)
        return optax.apply_updates(w, changes), moments

    def step():
        at[:] = jax.block_until_ready(update(*at, spikes, labels))

    return lambda: jax.jit(jax.grad(loss))(w, spikes, labels), step
