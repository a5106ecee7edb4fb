"""Events that are no spikes.

A cell has a fast variable g behind a slow one v. It spikes where v crosses 1, and has a second event where g does, which reaches the next
cell on a way of its own. After Brian2's example ``custom_events``.
"""

import brainunit as u
import jax.numpy as jnp

import brainsim as bs

First = bs.neurons.from_equations(
    "dv/dt = (g - v)/(50*ms) : 1 \n dg/dt = -g/(10*ms) : 1 \n above : 1", "v > 1", "v = 0; g = 0; above = 0"
)
Second = bs.neurons.from_equations("dx/dt = -x/(10*ms) : 1 \n dy/dt = -y/(10*ms) : 1")


def rise(net, clock):
    net.event.spikes = (net.G.g > 1) & (net.G.above == 0)
    net.G.above = jnp.where(net.G.g > 1, 1.0, 0.0)


def run(duration=500 * u.ms, seed=0):
    net = bs.Network(seed=seed)
    net.P, net.G, net.event, net.H = (
        bs.sources.PoissonGroup(1, rate=250 * u.Hz),
        First(1),
        bs.sources.SpikeInput(1),
        Second(1),
    )
    net.rise = bs.Operation(rise, after="populations")
    net.G.add_receptors(up=bs.receptors.Delta(into="g"))
    net.H.add_receptors(to_x=bs.receptors.Delta(into="x"), to_y=bs.receptors.Delta(into="y"))
    net.connect(net.P, net.G, bs.AllToAll(), receptor="up", weight=0.5)
    net.connect(net.G, net.H, bs.AllToAll(), receptor="to_x", weight=1.0)
    net.connect(net.event, net.H, bs.AllToAll(), receptor="to_y", weight=1.0)
    return bs.simulate(net, duration, record=["P.spikes", "G.spikes", "event.spikes", "G.v", "G.g", "H.x", "H.y"])


def draw(rec, ax):
    for name in ("G.g", "G.v", "H.x", "H.y"):
        ax.plot(rec.times / u.ms, rec[name], label=name)
    ax.set(xlabel="time (ms)")
    ax.legend()
