"""A membrane from a noisy trace.

The resistance, the time constant and the resting potential of a cell, found from one recorded response by least squares, with derivatives
through the simulation.
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs

TRUE = {"cell.R": 140.0, "cell.tau": 17.0, "cell.E_L": -63.0}  # Mohm, ms, mV


def run(noise=0.3, seed=0):
    net = bs.Network()
    net.cell = bs.neurons.LIF(1, V_th=0 * u.mV)
    steps = bs.stimuli.Step([0, 60, -40, 20, 0] * u.pA, times=[0, 20, 70, 120, 160] * u.ms)
    net.cell.add_stimuli(steps=steps)
    run = bs.function(net, 200 * u.ms, dt=0.5 * u.ms, record="cell.V")
    respond = lambda p: run(p, {"cell.V": p["cell.E_L"] * jnp.ones(1)})[1]["cell.V"][:, 0]
    trace = np.asarray(respond(TRUE)) + noise * np.random.default_rng(seed).standard_normal(400)
    start = {"cell.R": jnp.array(60.0), "cell.tau": jnp.array(40.0), "cell.E_L": jnp.array(-55.0)}
    found = bs.train.least_squares(lambda p: (respond(p) - trace) / noise, start, steps=20).values
    return found, trace, np.asarray(respond(start)), np.asarray(respond(found))


def draw(result, ax):
    found, trace, before, after = result
    t = np.arange(1, 401) * 0.5
    ax.plot(t, trace, "#bbbbbb", lw=1, label="recorded")
    ax.plot(t, before, "C0--", lw=1, label="guessed")
    ax.plot(t, after, "C3", label="found")
    ax.set(xlabel="ms", ylabel="mV", title=f"R = {found['cell.R']:.0f} MΩ, tau = {found['cell.tau']:.1f} ms")
    ax.legend(fontsize=7)
