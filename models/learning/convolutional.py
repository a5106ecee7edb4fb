r"""MNIST read by a spiking convolutional network, with the past or without it.

Two convolutions with strides of 2 stand between populations of leaky integrate-and-fire neurons, and ten leaky
integrators read. ``gradient`` is backpropagation through time, or a rule whose memory does not grow with time: SLTT takes
the gradient in space alone, step by step; OTTT adds a trace of what has arrived.

    python -m models.learning.convolutional PATH [bptt|sltt|ottt] [STEPS]      PATH as in models.learning.mnist

References
----------
Q. Meng, M. Xiao, S. Yan, Y. Wang, Z. Lin, Z.-Q. Luo, ICCV (2023); M. Xiao, Q. Meng, Z. Zhang, D. He, Z. Lin, NeurIPS (2022).
"""

import sys

import brainunit as u
import optax

import brainsim as bs


def build(seed: int = 0, *, features: tuple[int, int] = (16, 32), tau=5.0 * u.ms) -> bs.Network:
    """The untrained network, with populations ``input``, ``hidden1`` (14 x 14), ``hidden2`` (7 x 7) and ``output``."""
    lif = bs.nn.LIF(tau=tau)
    return bs.nn.Sequential(
        (28, 28, 1),
        bs.nn.Conv(features[0], (5, 5), strides=2, gain=3.0), lif,
        bs.nn.Conv(features[1], (3, 3), strides=2, gain=3.0), lif,
        bs.nn.Linear(10), bs.nn.LeakyReadout(tau=tau),
        seed=seed,
    )  # fmt: skip


def train(net, data, *, gradient=bs.train.bptt, steps=10, epochs=3, batch=100, rate=3e-3, seed=0, **options):
    """Train ``net`` in place, as :func:`models.learning.mnist.train`; ``gradient`` is that of ``fit``."""
    examples = bs.train.Arrays(*data.train, batch=batch, seed=seed)
    schedule = optax.cosine_decay_schedule(rate, epochs * len(examples))
    return bs.train.fit(
        net, examples, steps * u.ms, dt=1 * u.ms, encode=bs.encoding.Constant(), optimizer=optax.adam(schedule),
        gradient=gradient, epochs=epochs, validate=data.test, seed=seed, **options,
    )  # fmt: skip


def main(path: str, rule: str = "bptt", steps: str = "10") -> None:
    """Train, and print the accuracy after each epoch."""
    shown = lambda epoch: print(
        f"epoch {epoch.number}: test accuracy {epoch.row['validation accuracy']:.2%}, {epoch.row['seconds']:.0f} s",
        flush=True,
    )
    gradient = bs.train.bptt if rule == "bptt" else rule
    train(build(), bs.data.images(path), gradient=gradient, steps=int(steps), callbacks=[shown])


if __name__ == "__main__":
    main(*sys.argv[1:4])
