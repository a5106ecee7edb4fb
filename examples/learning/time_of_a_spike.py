"""A spike at a given time.

Twenty inputs fire once each; the weights learn to make a cell fire at 30 ms. The derivative of the spike's own time is exact, at steps
of 1 ms. T. Wunderlich, C. Pehle, Sci. Rep. 11:12829 (2021).
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs


def network(seed=0, n=20):
    rng = np.random.default_rng(seed)
    net = bs.Network(seed=seed)
    net.inputs = bs.sources.SpikeTimes(n, np.sort(rng.uniform(2, 45, n)) * u.ms, np.arange(n), exact=True)
    net.cell = bs.neurons.LIF(1, tau=20 * u.ms, refractory=5 * u.ms, spike_times="exact")
    net.cell.add_receptors(exc=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(
        net.inputs, net.cell, bs.AllToAll(), receptor="exc", weight=bs.Uniform(14 * u.nA, 16 * u.nA), delay=1 * u.ms
    )
    return net


def run(target=30.0, updates=150):
    run = bs.function(network(), 50 * u.ms, dt=1 * u.ms, record="cell.fired_at")

    def first_spike(weights):
        at = run({"inputs->cell.weight": weights}, {})[1]["cell.fired_at"][:, 0]
        step = jnp.argmax(at > 0)
        return step + at[step]

    step = jax.jit(jax.value_and_grad(first_spike))
    optimizer = optax.adam(optax.cosine_decay_schedule(300.0, updates))
    weights = run.parameters["inputs->cell.weight"]
    moments, times = optimizer.init(weights), []
    for _ in range(updates):
        time, slope = step(weights)
        times.append(float(time))
        change, moments = optimizer.update(2 * (time - target) * slope, moments)
        weights = optax.apply_updates(weights, change)
    return np.array(times), np.asarray(weights).ravel()


def draw(result, ax):
    ax.plot(result[0])
    ax.axhline(30, color="k", ls="--", lw=1)
    ax.set(xlabel="update", ylabel="spike at (ms)")
