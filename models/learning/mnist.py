"""MNIST read by a spiking network of two hidden layers.

.. math::

    \\tau \\dot V = -V + I,\\qquad V > 1 \\Rightarrow V \\leftarrow 0,\\ s = 1

The pixels are constant inputs for eight steps, 512 + 512 leaky integrate-and-fire neurons are trained by surrogate
gradients, and the largest mean of ten leaky integrators decides. Training images are moved by a pixel at most, at random.

    python -m models.learning.mnist PATH      PATH: mnist.npz, or the folder with the four IDX files

References
----------
Y. LeCun et al., Proc. IEEE 86:2278 (1998); E. O. Neftci, H. Mostafa, F. Zenke, IEEE Signal Process. Mag. 36:51 (2019).
"""

from __future__ import annotations

import sys

import brainunit as u
import numpy as np
import optax

import brainsim as bs

DT, DURATION = 1.0 * u.ms, 8.0 * u.ms


def build(seed: int = 0, *, hidden: int = 512, tau=8.0 * u.ms) -> bs.Network:
    """The untrained network, with populations ``input`` (28 x 28), ``hidden1``, ``hidden2`` and ``output`` (10)."""
    lif = bs.nn.LIF(tau=tau)
    return bs.nn.Sequential(
        (28, 28),
        bs.nn.Linear(hidden, gain=2.0), lif,
        bs.nn.Linear(hidden, gain=1.5), lif,
        bs.nn.Linear(10), bs.nn.LeakyReadout(),
        seed=seed,
    )  # fmt: skip


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by -1, 0 or 1 pixels in both directions."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(0, 3, (2, len(images)))
    rows, columns = (start[:, None] + np.arange(28) for start in (down, right))
    return padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def train(
    net: bs.Network,
    data: bs.data.Images,
    *,
    epochs: int = 7,
    batch: int = 128,
    rate: float = 2e-3,
    seed: int = 0,
    **options,
) -> bs.train.History:
    """Train ``net`` in place; ``options`` are those of :func:`brainsim.train.fit`."""
    examples = bs.train.Arrays(*data.train, batch=batch, seed=seed, augment=moved)
    schedule = optax.cosine_decay_schedule(rate, epochs * len(examples))
    return bs.train.fit(
        net, examples, DURATION, dt=DT, encode=bs.encoding.Constant(), optimizer=optax.adam(schedule), epochs=epochs,
        validate=data.test, average=0.99, seed=seed, **options,
    )  # fmt: skip


def main(path: str) -> None:
    """Train, and print the accuracy after each epoch."""
    shown = lambda epoch: print(
        f"epoch {epoch.number}: test accuracy {100 * epoch.row['validation accuracy']:.2f} %, loss {epoch.row['loss']:.4f},"
        f" {epoch.row['seconds']:.0f} s",
        flush=True,
    )
    train(build(), bs.data.images(path), callbacks=[shown])


if __name__ == "__main__":
    main(*sys.argv[1:2])
