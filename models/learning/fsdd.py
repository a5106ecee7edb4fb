"""Spoken digits read by a spiking network whose delays are learned.

.. math::

    \\tau \\dot V = -V,\\qquad V \\leftarrow V + \\sum_i w_{ij}\\, s_i(t - d_{ij}),\\qquad V > 1 \\Rightarrow V \\leftarrow 0,\\ s = 1

Spikes of a cochlea of 64 channels go through 64 + 64 leaky integrate-and-fire neurons with time constants of a step, so that what
was earlier is known by its delay alone. Weights and delays up to 250 ms, one each per synapse, are learned together; the width
of delays shrinks in the first quarter, and they are whole steps afterwards.

    python -m models.learning.fsdd PATH [learned|fixed|none]      PATH: fsdd_spikes.npz

References
----------
I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier, ICLR (2024).
"""

from __future__ import annotations

import sys

import brainunit as u
import jax
import numpy as np
import optax

import brainsim as bs

DT, DURATION, LONGEST = 10.0 * u.ms, 900.0 * u.ms, 250.0 * u.ms
WIDTHS = 125.0 * u.ms, 2.3 * u.ms


def votes(course: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Softmax of each step, summed over all: what the digits are told by."""
    return jax.nn.softmax(course, axis=-1).sum(0)


def build(delays: str = "learned", seed: int = 0, *, hidden: int = 64) -> bs.Network:
    """The untrained network of 64 inputs, two hidden layers and 10 integrators.

    Parameters
    ----------
    delays : {"learned", "fixed", "none"}
    """

    def layer(size, gain):
        at_first = bs.Uniform(DT, LONGEST)
        given = {
            "learned": {"delay": bs.delays.Gaussian(at_first, width=WIDTHS[0]), "max_delay": LONGEST},
            "fixed": {"delay": at_first},
            "none": {},
        }
        return bs.nn.Linear(size, gain=gain, **given[delays])

    lif = bs.nn.LIF(tau=10 * u.ms, surrogate=bs.surrogate.ATan(5.0))
    output = bs.nn.LeakyReadout(tau=10 * u.ms, read=votes)
    return bs.nn.Sequential(64, layer(hidden, 3.0), lif, layer(hidden, 5.0), lif, layer(10, 3.0), output, seed=seed)


def courses(data: bs.data.SpikeData) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of spikes in each step, and digits."""
    return data.binned(round(DURATION / DT), 10.0), data.labels


def train(
    net: bs.Network,
    data: bs.data.SpokenDigits,
    *,
    epochs: int = 24,
    batch: int = 128,
    seed: int = 0,
    **options,
) -> bs.train.History:
    """Train ``net`` in place; ``options`` are those of :func:`brainsim.train.fit`."""
    examples = bs.train.Arrays(*courses(data.train), batch=batch, seed=seed)
    updates = epochs * len(examples)
    adam = lambda rate: optax.adam(optax.cosine_decay_schedule(rate, updates))
    learned = any(path.endswith("width") for path in bs.function(net, DT, dt=DT).parameters)
    groups = {"*.delay": adam(2.0), "*": adam(5e-3)} if learned else adam(5e-3)
    narrowing = {"*.axon.width": bs.train.Geometric(*WIDTHS, updates // 4)} if learned else None
    return bs.train.fit(
        net, examples, DURATION, dt=DT, optimizer=groups, epochs=epochs, schedules=narrowing, validate=courses(data.test),
        seed=seed, **options,
    )  # fmt: skip


def main(path: str, delays: str = "learned") -> None:
    """Train, and print the accuracy after each epoch."""
    shown = lambda epoch: print(
        f"epoch {epoch.number}: test accuracy {100 * epoch.row['validation accuracy']:.2f} %, loss {epoch.row['loss']:.4f},"
        f" {epoch.row['seconds']:.0f} s",
        flush=True,
    )
    train(build(delays), bs.data.spoken_digits(path), callbacks=[shown])


if __name__ == "__main__":
    main(*sys.argv[1:3])
