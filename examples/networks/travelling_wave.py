"""A wave in a sheet of cells.

Cells excite their neighbours, with a delay that grows with the distance, and are refractory for long: a spark in a corner spreads over
the sheet as a front, with the speed of the axons.
"""

import brainunit as u
import numpy as np

import brainsim as bs


def run(side=50, spacing=50 * u.um, speed=0.1 * u.mm / u.ms):
    net = bs.Network(seed=0)
    grid = bs.connectivity.Grid(spacing=spacing)
    net.sheet = bs.neurons.LIF((side, side), R=100 * u.Mohm, refractory=80 * u.ms, positions=grid)
    net.sheet.add_receptors(kick=bs.receptors.Delta())
    net.sheet[:4, :4].add_stimuli(spark=bs.stimuli.Constant(2 * u.nA, stop=5 * u.ms))
    near = bs.Radial(bs.connectivity.Disc(210 * u.um), self_connections=False)
    net.connect(net.sheet, net.sheet, near, receptor="kick", weight=6 * u.mV, delay=bs.DistanceDelay(speed))
    train = bs.simulate(net, 60 * u.ms, record="sheet.spikes").spikes["sheet"]
    when = np.full(side * side, np.nan)
    when[train.indices[::-1]] = (train.times / u.ms)[::-1]  # of the first spike
    return when.reshape(side, side)


def draw(when, ax):
    shown = ax.imshow(when, extent=(0, 2.5, 2.5, 0))
    ax.figure.colorbar(shown, label="ms")
    ax.set(xlabel="mm", ylabel="mm")
