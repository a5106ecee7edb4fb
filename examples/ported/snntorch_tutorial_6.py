"""A convolutional spiking network that reads digits.

Two convolutions with pooling, trained by surrogate gradients. After snnTorch's tutorial 6: on MNIST where it is given,
``run(bs.data.images(path), steps=50, epochs=1)``, else on the small digits of scikit-learn, with smaller kernels.
"""

import brainunit as u
import numpy as np
import optax
from sklearn.datasets import load_digits

import brainsim as bs


def digits():
    images, labels = load_digits().images / 16, load_digits().target
    return bs.data.Images(images[:1400], labels[:1400], images[1400:], labels[1400:])


def run(data=None, steps=20, epochs=10, rate=1e-2):
    kernel = dict(kernel_size=(3, 3)) if data is None else dict(kernel_size=(5, 5), padding="VALID")
    data, beta = digits() if data is None else data, 0.5
    options = dict(bias=True, gain=1 / beta)  # what arrives leaks in the step of its arrival
    conv, pool = lambda features: bs.nn.Conv(features, **kernel, **options), bs.nn.MaxPool()
    leaky = bs.nn.LIF(
        tau=-1 / np.log(beta) * u.ms, reset="subtract", detach_reset=True, surrogate=bs.surrogate.FastSigmoid(25.0),
        read=("spikes", "sequence"),
    )  # fmt: skip
    net = bs.nn.Sequential(
        (*data.train_images.shape[1:], 1),
        conv(12), pool, leaky,
        conv(64), pool, leaky,
        bs.nn.Linear(10, **options), leaky,
    )  # fmt: skip
    return bs.train.fit(
        net, data.train, steps * u.ms, encode=bs.encoding.Constant(), epochs=epochs, batch=128, optimizer=optax.adam(rate),
        loss=bs.train.losses.step_cross_entropy, metrics={"accuracy": bs.train.measures.decision()},
        validate=data.test, progress=False,
    )  # fmt: skip


def draw(history, ax):
    history.plot(ax)
