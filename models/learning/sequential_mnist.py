r"""Sequential MNIST, pixel by pixel, read by a spiking state-space network.

.. math::

    \dot x_j = \left(-\frac1{\tau_j} + 2\pi i f_j\right) x_j + \sum_i W_{ji} s_i,\qquad
    \tau \dot V_j = -V_j + \mathrm{Re}(c_j x_j),\qquad V_j > V_{th} \Rightarrow s_j = 1,\ V_j \leftarrow V_j - V_{th}

The 784 pixels of an image come one in each step, from the first row to the last. Two layers of 128 neurons, each a
state space of one complex mode in front of a leaky integrate-and-fire membrane, learn their weights, time constants,
frequencies and thresholds; the largest mean of ten leaky integrators decides.

    python -m models.learning.sequential_mnist PATH      PATH: mnist.npz, or a folder with its files

References
----------
S. Shen et al., AAAI 39 (2025), SpikingSSM; A. Orvieto et al., ICML (2023), LRU; Q. V. Le, N. Jaitly, G. E. Hinton,
arXiv 1504.00941 (2015), the task.
"""

from __future__ import annotations

import sys

import brainunit as u
import numpy as np
import optax

import brainsim as bs

DT, DURATION = 1.0 * u.ms, 784.0 * u.ms
MODES = "hidden*.input."


def neurons(hidden: int, rng: np.random.Generator) -> bs.nn.Neurons:
    """Spiking neurons behind state spaces: time constants from 20 ms to 1 s, frequencies up to twice that of rows."""
    tau = np.exp(rng.uniform(np.log(20.0), np.log(1000.0), hidden)) * u.ms
    memory = bs.receptors.StateSpace(1, tau=tau, frequency=rng.uniform(0.0, 80.0, hidden) * u.Hz)
    return bs.nn.LIF(tau=4.0 * u.ms, reset="subtract", receptor=memory)


def build(seed: int = 0, *, hidden: int = 128) -> bs.Network:
    """The untrained network, with populations ``input`` (1), ``hidden1``, ``hidden2`` and ``output`` (10)."""
    rng = np.random.default_rng(seed)
    return bs.nn.Sequential(
        1,
        bs.nn.Linear(hidden, gain=4.0), neurons(hidden, rng),
        bs.nn.Linear(hidden, gain=3.0), neurons(hidden, rng),
        bs.nn.Linear(10), bs.nn.LeakyReadout(tau=200.0 * u.ms),
        seed=seed,
    )  # fmt: skip


def pixels(images: np.ndarray) -> np.ndarray:
    """Each image as 784 steps of one number."""
    return images.reshape(len(images), -1, 1)


def train(
    net: bs.Network,
    data: bs.data.Images,
    *,
    epochs: int = 3,
    batch: int = 32,
    rate: float = 8e-3,
    seed: int = 0,
    **options,
) -> bs.train.History:
    """Train ``net`` in place; ``options`` are those of :func:`brainsim.train.fit`."""
    images, labels = data.train
    examples = bs.train.Arrays(pixels(images), labels, batch=batch, seed=seed)
    schedule = optax.cosine_onecycle_schedule(epochs * len(examples), rate)
    slow, fast = (
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)) for rate in (schedule, _times(schedule))
    )
    return bs.train.fit(
        net, examples, DURATION, dt=DT, epochs=epochs, seed=seed,
        optimizer={MODES + "tau": fast, MODES + "frequency": fast, "*": slow},
        learn=[MODES + "tau", MODES + "frequency", MODES + "c_*", "hidden*.V_th"],
        transforms={"hidden*.V_th": bs.train.transforms.Bounded(0.2 * u.mV, 5.0 * u.mV)},
        **options,
    )  # fmt: skip


def _times(schedule, factor: float = 30.0):
    """Of numbers in ms and Hz, which are that much larger."""
    return lambda step: factor * schedule(step)


def main(path: str) -> None:
    """Train, and print what it learns and the accuracy of the test images."""
    data = bs.data.images(path)
    history = train(build(), data, validate=(pixels(data.test[0]), data.test[1]))
    print(history)


if __name__ == "__main__":
    main(*sys.argv[1:2])
