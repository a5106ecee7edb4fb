"""A recurrent network of rates that learns to integrate.

Noise with a bias goes in, its running sum is to come out. After BrainPy's example ``integrator_rnn``; D. Sussillo, O. Barak, Neural
Comput. 25:626 (2013) look at what such networks do.
"""

import brainunit as u
import numpy as np
import optax

import brainsim as bs


class RNN(bs.masses.Mass):
    """Units of which each step gives a new value, r <- relu(I)."""

    r = bs.State(0.0, "rate")

    def derivative(self, t, r, I):
        return (u.math.maximum(I, 0.0) - r) / u.ms


def courses(examples, seed, steps=25, dt=0.04):
    """What comes in and what is to come out, two steps later: one into the network, one out of it."""
    rng = np.random.default_rng(seed)
    noise = 0.01 / np.sqrt(dt) * rng.normal(size=(examples, steps, 1))
    given = 0.05 * (rng.normal(size=(examples, 1, 1)) - 0.5) + noise
    return np.pad(given, [(0, 0), (0, 2), (0, 0)]), np.pad(np.cumsum(given, 1), [(0, 0), (2, 0), (0, 0)])


def run(epochs=3, hidden=100):
    rates = bs.nn.Neurons(RNN, signal="r", recurrent=True, method="euler")
    out = bs.nn.Neurons(bs.masses.Linear, tau=1 * u.ms, method="euler", read=("x", "sequence"))
    net = bs.nn.Sequential(1, bs.nn.Linear(hidden, bias=True), rates, bs.nn.Linear(1, bias=True), out)
    rate = optax.exponential_decay(0.025, 1, 0.99975)
    history = bs.train.fit(
        net,
        courses(12800, seed=0),
        27 * u.ms,
        epochs=epochs,
        batch=128,
        loss=bs.train.losses.mean_square,
        optimizer=optax.adam(rate, eps=0.1),
        progress=False,
    )
    given, target = courses(1, seed=1)
    rec = bs.simulate(net, 27 * u.ms, dt=1 * u.ms, record="output.x", inputs={"input.input": given[0]})
    return target[0, 2:, 0], np.asarray(rec["output.x"])[2:, 0], history


def draw(result, ax):
    ax.plot(result[0], "k", label="sum")
    ax.plot(result[1], "r--", label="network")
    ax.set(xlabel="step")
    ax.legend()
