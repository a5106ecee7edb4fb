"""The currents of Hodgkin and Huxley's clamp.

Fourteen cells are held at as many potentials: an early inward current of sodium, then a late one of potassium outwards. A. L. Hodgkin,
A. F. Huxley, J. Physiol. 117:500 (1952).
"""

import brainunit as u
import numpy as np

import brainsim as bs

LEVELS = np.arange(-60.0, 80.0, 10.0)


def run():
    ch = bs.channels
    net = bs.Network()
    net.cell = bs.neurons.ConductanceBased(
        len(LEVELS), area=1000 * u.um2, g_L=0.3 * u.mS / u.cm2, V=-65 * u.mV,
        channels=dict(na=ch.Na_HH1952(), k=ch.K_HH1952()),
    )  # fmt: skip
    rows = np.stack([np.full(len(LEVELS), -65.0), *[LEVELS] * 5])
    net.cell.add_stimuli(clamp=bs.stimuli.VoltageClamp(bs.stimuli.TimedArray(rows * u.mV, 2 * u.ms)))
    return bs.simulate(net, 12 * u.ms, dt=0.01 * u.ms, record="cell.clamp.current_injected")


def peaks(rec):
    """Currents per area, in uA / cm^2: the largest inward, and the late outward one."""
    density = np.asarray(rec["cell.clamp.current_injected"] / u.pA) / 1000 * 100
    after = density[210:]
    return after.min(0), after[-1]


def draw(rec, ax):
    current = np.asarray(rec["cell.clamp.current_injected"] / u.pA) / 10
    ax.plot(rec.times[202:] / u.ms, current[202:])
    ax.set(xlabel="ms", ylabel="uA / cm$^2$")
