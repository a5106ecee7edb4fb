"""Handwritten digits read by a spiking network that is trained by surrogate gradients.

.. math::

    \\tau \\dot V = -V + I,\\qquad V > 1 \\Rightarrow V \\leftarrow 0,\\ s = 1,\\qquad
    \\tau_r \\dot y = -y + \\textstyle\\sum_j w_j s_j

The 64 pixels of an 8 x 8 image are constant inputs. Two layers of leaky integrate-and-fire neurons turn them into
spikes, and ten leaky integrators, one for each digit, sum the spikes; the largest mean decides. Backwards through time,
a spike's derivative is that of a smooth function (a surrogate), and Adam changes the weights of all three projections.

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

import time
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.progress import Bar

DT = 1.0 * u.ms
DURATION = 16.0 * u.ms
RECORD = ["hidden1.spikes", "hidden2.spikes", "readout.V"]


class LeakyIntegrator(bs.neurons.Neuron):
    """A membrane that never fires: its potential is the output."""

    tau = bs.Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    V = bs.State(0.0 * u.mV, "output")
    input_unit = u.mV

    def derivative(self, t, V, I):
        return (I - V) / self.tau

    def fires(self, before, after):
        return jnp.zeros(len(self), bool)


def build(seed: int = 0, *, hidden: int = 128, tau=8.0 * u.ms, surrogate=bs.surrogate.ATan(alpha=2.0)) -> bs.Network:
    """The untrained network, for one image: ``inputs={"pixels.input": array (steps, 64)}``.

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
        With populations ``pixels`` (64), ``hidden1``, ``hidden2`` and ``readout`` (10).
    """
    net = bs.Network(seed=seed)
    neuron = dict(tau=tau, E_L=0.0 * u.mV, V=0.0 * u.mV, V_th=1.0 * u.mV, V_reset=0.0 * u.mV, surrogate=surrogate)
    net.pixels = bs.sources.SpikeInput(64)
    net.hidden1 = bs.neurons.LIF(hidden, **neuron)
    net.hidden2 = bs.neurons.LIF(hidden, **neuron)
    net.readout = LeakyIntegrator(10)
    layers = [net.pixels, net.hidden1, net.hidden2, net.readout]
    for pre, post, gain in zip(layers, layers[1:], (1.0, 2.0, 1.0)):
        post.add_receptors(input=bs.receptors.Delta())
        weight = bs.Normal(0.0 * u.mV, gain / len(pre) ** 0.5 * u.mV)
        net.connect(pre, post, bs.AllToAll(), receptor="input", weight=weight)
    return net


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
    return {
        "pixels.input": np.tile(images[np.random.default_rng(seed).integers(len(images))], (round(DURATION / DT), 1))
    }


class Trained(NamedTuple):
    """Result of :func:`train`: the loss in training and the accuracy in both sets after each epoch, and the time it
    took.
    """

    losses: list[float]
    train_accuracies: list[float]
    test_accuracies: list[float]
    seconds: float


def classifier(net: bs.Network, duration=DURATION, dt=DT):
    """``scores(weights, images)``: a pure function of the weights of the projections, by path, and of images (batch,
    64).

    Returns
    -------
    scores : function
        Gives scores (batch, 10), the means of the readout potentials in mV, and the share of steps in which a hidden
        neuron fires.
    weights : dict
        The weights of the network now.
    """
    run = bs.function(net, duration, dt=dt, record=RECORD)
    weights = {path: array for path, array in run.parameters.items() if path.endswith(".weight")}

    def one(weights, image):
        pixels = jnp.broadcast_to(image, (run.n_steps, *image.shape))
        _, recorded = run(weights, {}, inputs={"pixels.input": pixels})
        activity = 0.5 * (recorded["hidden1.spikes"].mean() + recorded["hidden2.spikes"].mean())
        return recorded["readout.V"].mean(0), activity

    return jax.vmap(one, in_axes=(None, 0)), weights


def train(
    net: bs.Network,
    data: Digits | None = None,
    *,
    epochs: int = 20,
    batch: int = 64,
    rate: float = 3e-3,
    seed: int = 0,
    progress: bool = False,
) -> Trained:
    """Train the weights of ``net``, in place.

    Parameters
    ----------
    net : Network
        From :func:`build`.
    data : Digits, optional
        By default those of :func:`load`.
    epochs, batch : int
        Passes over the training images, and images per update.
    rate : float
        First learning rate of Adam, which falls to zero along a cosine.
    seed : int
        Seed of the order of the images.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Trained
    """
    data = load() if data is None else data
    scores, weights = classifier(net)
    updates = len(data.train_images) // batch
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, epochs * updates))

    def loss(weights, images, labels):
        values, _ = scores(weights, images)
        return optax.softmax_cross_entropy_with_integer_labels(values, labels).mean()

    @jax.jit
    def update(weights, moments, images, labels):
        value, gradient = jax.value_and_grad(loss)(weights, images, labels)
        change, moments = optimizer.update(gradient, moments)
        return optax.apply_updates(weights, change), moments, value

    accuracy = jax.jit(lambda weights, images, labels: (scores(weights, images)[0].argmax(1) == labels).mean())

    started, order = time.perf_counter(), np.random.default_rng(seed)
    moments, losses, accuracies = optimizer.init(weights), [], []
    with Bar("training", epochs * updates, progress) as bar:
        for epoch in range(epochs):
            batches = order.permutation(len(data.train_images))[: updates * batch].reshape(updates, batch)
            values = []
            for chosen in batches:
                weights, moments, value = update(weights, moments, data.train_images[chosen], data.train_labels[chosen])
                values.append(value)
                bar.tell()
            losses.append(float(np.mean(values)))
            accuracies.append([float(accuracy(weights, *part)) for part in (data[:2], data[2:])])
            bar.text = f"epoch {epoch + 1}: loss {losses[-1]:.3f}, test accuracy {100 * accuracies[-1][1]:.1f} %"
    for path, array in weights.items():
        net[path.removesuffix(".weight")].weight = array * u.mV
    return Trained(losses, *map(list, zip(*accuracies)), time.perf_counter() - started)


def plot(net: bs.Network, trained: Trained, data: Digits | None = None, example: int = 0):
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
        net, DURATION, dt=DT, record=RECORD, inputs={"pixels.input": np.tile(image, (steps, 1))}, progress=False
    )

    figure, axes = pyplot.subplot_mosaic(
        [["curve", "image"], ["spikes", "readout"]], figsize=(9.5, 6.4), layout="constrained"
    )
    accuracies = {"training": trained.train_accuracies, "test": trained.test_accuracies}
    bs.plot.learning_curve(trained.losses, accuracies, ax=axes["curve"], log=True)
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
    values = np.asarray(rec["readout.V"].to_decimal(u.mV))
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


def experiment(
    net: bs.Network | None = None, *, epochs: int = 20, progress: bool = False, **options
) -> tuple[bs.Network, Trained]:
    """Train ``net`` (or ``build(**options)``); returns the network and how the training went."""
    net = build(**options) if net is None else net
    return net, train(net, epochs=epochs, progress=progress)


def main() -> None:
    """Train with three seeds and print the accuracies."""
    for seed in range(3):
        _, trained = experiment(seed=seed, progress=True)
        print(
            f"seed {seed}: test accuracy {100 * trained.test_accuracies[-1]:.2f} %, training"
            f" {100 * trained.train_accuracies[-1]:.2f} %, loss {trained.losses[-1]:.4f}, {trained.seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
