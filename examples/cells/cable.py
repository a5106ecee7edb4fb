"""A potential along a dendrite.

A current into one end of a passive cable, of which the other end is sealed: the potential at rest falls as Rall's theory says. W. Rall,
Ann. N.Y. Acad. Sci. 96:1071 (1962).
"""

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import cells

LENGTH, DIAMETER = 1000.0, 2.0  # um
R_A, G_L = 150.0, 1e-4  # ohm cm, S / cm^2


def theory(x):
    """V(x) / V(0) at rest."""
    space = 1e4 * np.sqrt(DIAMETER * 1e-4 / (4 * R_A * G_L))
    return np.cosh((LENGTH - x) / space) / np.cosh(LENGTH / space)


def run(compartments=100):
    net = bs.Network()
    shape = cells.cable(LENGTH * u.um, DIAMETER * u.um)
    net.cell = cells.MultiCompartment(
        1, shape, compartments=cells.PerBranch(compartments), R_a=R_A * u.ohm * u.cm, C=1 * u.uF / u.cm2,
        g_L=G_L * u.siemens / u.cm2, E_L=-65 * u.mV, V=-65 * u.mV,
    )  # fmt: skip
    net.cell.add_stimuli(step=bs.stimuli.Constant(20 * u.pA).on(cells.at(0, 0.0)))
    times = [2.0, 5.0, 10.0, 100.0]
    rec = bs.simulate(net, 100 * u.ms, dt=0.1 * u.ms, record="cell.V")
    V = np.asarray(rec["cell.V"] / u.mV)[[round(t / 0.1) - 1 for t in times]] + 65
    return (np.arange(compartments) + 0.5) * LENGTH / compartments, times, V


def draw(result, ax):
    x, times, V = result
    for t, v in zip(times, V):
        ax.plot(x, v, label=f"{t:g} ms")
    ax.plot(x, V[-1, 0] * theory(x) / theory(x[0]), "k--", lw=1, label="Rall")
    ax.set(xlabel="distance (um)", ylabel="mV above rest")
    ax.legend(fontsize=7)
