"""A spiking network that reads digits.

Two layers of leaky cells and 25 steps, trained by surrogate gradients. After snnTorch's tutorial 5, on the small digits of
scikit-learn.
"""

import brainunit as u
import optax
from sklearn.datasets import load_digits

import brainsim as bs


def run(epochs=6):
    images, labels = load_digits(return_X_y=True)
    leaky = bs.nn.LIF(tau=19.5 * u.ms, reset="subtract")  # beta = 0.95
    net = bs.nn.Sequential(64, bs.nn.Linear(100, bias=True), leaky, bs.nn.Linear(10, bias=True), leaky)
    return bs.train.fit(
        net,
        (images[:1400] / 16, labels[:1400]),
        25 * u.ms,
        encode=bs.encoding.Constant(),
        epochs=epochs,
        optimizer=optax.adam(5e-3),
        validate=(images[1400:] / 16, labels[1400:]),
        progress=False,
    )


def draw(history, ax):
    history.plot(ax)
