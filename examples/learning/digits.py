"""Handwritten digits, in a stack of three layers.

A classifier trained by surrogate gradients, and what its hidden layer says to one digit.
"""

import brainunit as u
import numpy as np
import optax
from sklearn.datasets import load_digits

import brainsim as bs


def run(examples=600, epochs=8):
    images, labels = load_digits(return_X_y=True)
    lif = bs.nn.LIF(tau=8 * u.ms)
    net = bs.nn.Sequential(64, bs.nn.Linear(64), lif, bs.nn.Linear(10), bs.nn.LeakyReadout(), seed=0)
    history = bs.train.fit(
        net, (images[:examples] / 16, labels[:examples]), 16 * u.ms, dt=1 * u.ms, encode=bs.encoding.Constant(),
        optimizer=optax.adam(5e-3), epochs=epochs, validate=(images[-400:] / 16, labels[-400:]), progress=False,
    )  # fmt: skip
    seen = {"input.input": np.tile(images[-1] / 16, (16, 1))}
    rec = bs.simulate(net, 16 * u.ms, dt=1 * u.ms, record=["hidden1.spikes", "output.V"], inputs=seen)
    return history, rec, labels[-1]


def draw(result, ax):
    history, rec, label = result
    V = np.asarray(rec["output.V"] / u.mV)
    for k in range(10):
        ax.plot(rec.times / u.ms, V[:, k], "C3" if k == label else "#bbbbbb", lw=2 if k == label else 1)
    ax.set(
        xlabel="ms", ylabel="readouts", title=f"a {label}; {history['validation accuracy'][-1]:.0%} of new ones right"
    )
