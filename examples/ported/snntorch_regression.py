"""A membrane that learns to follow a curve.

A spiking layer and a leaky readout, whose potential is to follow the square root of what comes in, step by step. After snnTorch's
tutorial on regression, part I.
"""

import brainunit as u
import numpy as np
import optax

import brainsim as bs


def run(epochs=200, steps=50, examples=32):
    height = np.random.default_rng(0).uniform(0.2, 1, (examples, 1))
    given = height * np.linspace(0, 1, steps)[None]
    target = np.sqrt(given)
    net = bs.nn.Sequential(
        1,
        bs.nn.Linear(128, bias=True),
        bs.nn.LIF(tau=9.5 * u.ms, reset="subtract"),
        bs.nn.Linear(1, bias=True),
        bs.nn.LeakyReadout(tau=9.5 * u.ms, read="sequence"),
    )
    history = bs.train.fit(
        net,
        (given[..., None], target[..., None]),
        steps * u.ms,
        epochs=epochs,
        loss=bs.train.losses.mean_square,
        optimizer=optax.adam(5e-3),
        progress=False,
    )
    rec = bs.simulate(net, steps * u.ms, dt=1 * u.ms, record="output.V", inputs={"input.input": given[0][:, None]})
    return target[0], np.asarray(rec["output.V"] / u.mV)[:, 0], history


def draw(result, ax):
    ax.plot(result[0], "k", label="target")
    ax.plot(result[1], "r", label="membrane")
    ax.set(xlabel="step")
    ax.legend()
