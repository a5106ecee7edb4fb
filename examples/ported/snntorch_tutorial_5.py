"""A spiking network that reads digits.

Two layers of leaky cells and 25 steps, trained by surrogate gradients. After snnTorch's tutorial 5: on MNIST where it is given,
``run(bs.data.images(path), hidden=1000, epochs=1, rate=5e-4)``, else on the small digits of scikit-learn.
"""

import brainunit as u
import optax
from sklearn.datasets import load_digits

import brainsim as bs


def digits():
    images, labels = load_digits(return_X_y=True)
    return bs.data.Images(images[:1400] / 16, labels[:1400], images[1400:] / 16, labels[1400:])


def run(data=None, hidden=100, epochs=6, rate=5e-3):
    data = digits() if data is None else data
    flat = lambda images, labels: (images.reshape(len(images), -1), labels)
    leaky = bs.nn.LIF(tau=19.5 * u.ms, reset="subtract", read=("V", "sequence"))  # beta = 0.95
    pixels = data.train_images[0].size
    net = bs.nn.Sequential(pixels, bs.nn.Linear(hidden, bias=True), leaky, bs.nn.Linear(10, bias=True), leaky)
    return bs.train.fit(
        net, flat(*data.train), 25 * u.ms, encode=bs.encoding.Constant(), epochs=epochs, batch=128,
        optimizer=optax.adam(rate), loss=bs.train.losses.step_cross_entropy, metrics={"accuracy": bs.train.measures.decision()},
        validate=flat(*data.test), progress=False,
    )  # fmt: skip


def draw(history, ax):
    history.plot(ax)
