"""Handwritten digits read by a spiking network that is trained by surrogate gradients.

.. math::

    \\tau \\dot V = -V + I,\\qquad V > 1 \\Rightarrow V \\leftarrow 0,\\ s = 1,\\qquad
    \\tau_r \\dot y = -y + \\textstyle\\sum_j w_j s_j

The 64 pixels of an 8 x 8 image are constant inputs. Two layers of leaky integrate-and-fire neurons turn them into
spikes, and ten leaky integrators, one for each digit, sum the spikes; the largest mean decides. Backwards through time,
a spike's derivative is that of a smooth function (a surrogate), and Adam changes the weights of all three projections.
Training images have noise.

The images are the 1,797 digits that come with scikit-learn (test part of the UCI set "Optical Recognition of
Handwritten Digits").

    python -m models.digits              training, and the accuracy
    brainsim run models/digits.py        one image before it

References
----------
E. O. Neftci, H. Mostafa, F. Zenke, IEEE Signal Process. Mag. 36:51 (2019); F. Zenke, S. Ganguli, Neural Comput. 30:1514
(2018); E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998).
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u
import numpy as np
import optax

import brainsim as bs

DT = 1.0 * u.ms
DURATION = 16.0 * u.ms
RECORD = ["hidden1.spikes", "hidden2.spikes", "output.V"]


def build(seed: int = 0, *, hidden: int = 192, tau=8.0 * u.ms, surrogate=bs.surrogate.ATan(alpha=2.0)) -> bs.Network:
    """The untrained network, for one image: ``inputs={"input.input": array (steps, 64)}``.

    Parameters
    ----------
    seed : int
        Seed of the initial weights.
    hidden : int
        Neurons in each of the two hidden layers.
    tau : quantity, time
        Membrane time constant of the hidden neurons.
    surrogate : Surrogate
        Derivative of their spikes.

    Returns
    -------
    Network
        With populations ``input`` (64), ``hidden1``, ``hidden2`` and ``output`` (10).
    """
    lif = bs.nn.LIF(tau=tau, surrogate=surrogate)
    return bs.nn.Sequential(
        64,
        bs.nn.Linear(hidden), lif,
        bs.nn.Linear(hidden, gain=2.0), lif,
        bs.nn.Linear(10), bs.nn.LeakyReadout(),
        seed=seed,
    )  # fmt: skip


class Digits(NamedTuple):
    """Images (n, 64) with pixels from 0 to 1 and labels (n,), for training and for testing."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load() -> Digits:
    """The images, 80 % for training and 20 % for testing, with every digit's share the same in both; always the same
    split.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    train, test, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    return Digits(train, train_labels, test, test_labels)


def inputs(seed: int = 0) -> dict:
    """One of the test images, chosen by the seed, for ``simulate(net, DURATION, dt=DT, inputs=inputs())``."""
    images = load().test_images
    chosen = images[np.random.default_rng(seed).integers(len(images))]
    return {"input.input": np.tile(chosen, (round(DURATION / DT), 1))}


def noisy(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images as they are learned from: each pixel with noise of its own, a fifth of the range."""
    return images + 0.2 * rng.standard_normal(images.shape, np.float32)


def train(
    net: bs.Network, data: Digits | None = None, *, epochs: int = 40, rate: float = 4e-3, seed: int = 0, **options
) -> bs.train.History:
    """Train the weights of ``net``, in place.

    Parameters
    ----------
    net : Network
        From :func:`build`.
    data : Digits, optional
        By default those of :func:`load`.
    epochs : int
        Passes over the training images.
    rate : float
        First learning rate of Adam, which falls to zero along a cosine.
    seed : int
        Seed of the order of the images.
    **options
        Of :func:`brainsim.train.fit`: ``progress``, ``checkpoint``, ...
    """
    data = load() if data is None else data
    examples = bs.train.Arrays(*data[:2], batch=64, seed=seed, augment=noisy)
    schedule = optax.cosine_decay_schedule(rate, epochs * len(examples))
    return bs.train.fit(
        net, examples, DURATION, dt=DT, encode=bs.encoding.Constant(), optimizer=optax.adam(schedule), epochs=epochs,
        validate=data[2:], seed=seed, **options,
    )  # fmt: skip


def plot(net: bs.Network, history: bs.train.History, data: Digits | None = None, example: int = 0):
    """Learning curve, and the network reading one test image: the image, the spikes and the readout.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    data = load() if data is None else data
    image, label = data.test_images[example], data.test_labels[example]
    net.reset()
    steps = round(float(DURATION / DT))
    rec = bs.simulate(
        net, DURATION, dt=DT, record=RECORD, inputs={"input.input": np.tile(image, (steps, 1))}, progress=False
    )

    figure, axes = pyplot.subplot_mosaic(
        [["curve", "image"], ["spikes", "readout"]], figsize=(9.5, 6.4), layout="constrained"
    )
    history.plot(axes["curve"], log=True)
    axes["image"].imshow(image.reshape(8, 8), cmap="gray_r")
    axes["image"].set_title(f"test image {example}: a {label}", fontsize=10)
    axes["image"].axis("off")
    first, second = rec.spikes["hidden1"], rec.spikes["hidden2"]
    for k, (train, name) in enumerate(((first, "hidden 1"), (second, "hidden 2"))):
        axes["spikes"].plot(
            train.times.to_decimal(u.ms), train.indices + k * first.n, "|", markersize=3, color=f"C{k}", label=name
        )
    axes["spikes"].set(xlabel="time (ms)", ylabel="neuron")
    axes["spikes"].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=8, frameon=False)
    values = np.asarray(rec["output.V"].to_decimal(u.mV))
    for digit in range(10):
        axes["readout"].plot(
            rec.times.to_decimal(u.ms), values[:, digit], color=f"C{digit}", linewidth=2.2 if digit == label else 1
        )
        axes["readout"].annotate(
            str(digit), (float(DURATION.to_decimal(u.ms)), values[-1, digit]), color=f"C{digit}", fontsize=8
        )
    axes["readout"].set(xlabel="time (ms)", ylabel="readout (mV)", xlim=(0, 1.04 * values.shape[0]))
    axes["readout"].set_title(f"read as {values.mean(0).argmax()}", fontsize=10)
    return figure


def main() -> None:
    """Train with three seeds and print the accuracies."""
    for seed in range(3):
        history = train(build(seed), seed=seed, progress=True)
        last, seconds = history.last, history["seconds"].sum()
        print(
            f"seed {seed}: test accuracy {100 * last['validation accuracy']:.2f} %, training {100 * last['accuracy']:.2f} %,"
            f" loss {last['loss']:.4f}, {seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
