"""The Yin-Yang data set by exact gradients of spike times (EventProp).

.. math::

    \\tau \\dot V = -V + I,\\qquad \\tau_s \\dot I = -I,\\qquad V = 1 \\Rightarrow V \\leftarrow 0

The four coordinates of a point, and a bias, are the times of one spike each, between 1 and 31 ms. 80 leaky
integrate-and-fire neurons with exponential synapses send their spikes to three; the class is that of the neuron that fires
first. Spikes have exact times, whatever the step, and the gradient is that of these times: there is no surrogate.

    python -m models.learning.yin_yang

References
----------
T. C. Wunderlich, C. Pehle, Sci. Rep. 11:12829 (2021); L. Kriener, J. Göltz, M. A. Petrovici, NICE (2022).
"""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs

DT, DURATION = 4.0 * u.ms, 48.0 * u.ms
ENCODE = bs.encoding.SpikeTime(1.0 * u.ms, 31.0 * u.ms)


def build(seed: int = 0, *, hidden: int = 80) -> bs.Network:
    """The untrained network, with populations ``input`` (5), ``hidden1`` and ``output`` (3)."""
    rng = np.random.default_rng(seed)
    options = dict(
        tau=20 * u.ms, receptor=bs.receptors.Exponential(tau=5 * u.ms), surrogate=None, spike_times="exact",
        read=("fired_at", "first_time"),
    )  # fmt: skip
    first = rng.normal(1.5, 0.78, (5, hidden)) * u.pA
    second = rng.normal(0.93, 0.1, (hidden, 3)) * 200 / hidden * u.pA
    return bs.nn.Sequential(
        bs.sources.SpikeInput(5, exact=True),
        bs.nn.Linear(hidden, weight=first, delay=DT), bs.nn.LIF(refractory=DT, **options),
        bs.nn.Linear(3, weight=second, delay=DT), bs.nn.LIF(refractory=100 * u.ms, **options),
        seed=seed,
    )  # fmt: skip


def points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples with the bias, which fires first, and their labels."""
    inputs, labels = bs.data.yin_yang(n, seed)
    return np.pad(inputs, ((0, 0), (0, 1))), labels


def loss(times, label):
    """Cross-entropy of the first spikes with a width of 0.5 ms, and a cost of late ones."""
    step = float(DT / u.ms)
    late = jnp.exp(times[label] * step / 6.4) - 1
    return bs.train.losses.first_spike_cross_entropy(times, label, scale=0.5 / step) + 3e-3 * late


def train(
    net: bs.Network, *, n: int = 5000, epochs: int = 18, batch: int = 50, rate: float = 1e-2, seed: int = 0, **options
) -> bs.train.History:
    """Train ``net`` in place; ``options`` are those of :func:`brainsim.train.fit`."""
    examples = bs.train.Arrays(*points(n, seed), batch=batch, seed=seed)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(rate, epochs * len(examples)))
    )
    awake = [bs.train.Reach(["output"], share=1.0), bs.train.Reach(["hidden1"])]
    return bs.train.fit(
        net, examples, DURATION, dt=DT, encode=ENCODE, loss=loss, gradient="eventprop", optimizer=optimizer, epochs=epochs,
        metrics=[bs.train.measures.earliest], penalties=awake, remat=False, validate=points(1000, seed + 1), seed=seed,
        **options,
    )  # fmt: skip


def main() -> None:
    """Train, and print the accuracy after each epoch."""
    shown = lambda epoch: print(
        f"epoch {epoch.number}: test accuracy {100 * epoch.row['validation earliest']:.1f} %, loss {epoch.row['loss']:.4f},"
        f" {epoch.row['seconds']:.0f} s",
        flush=True,
    )
    train(build(), callbacks=[shown])


if __name__ == "__main__":
    main()
