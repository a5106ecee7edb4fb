"""An adaptive threshold.

Each spike raises the threshold by 3 mV, from where it falls back with a time constant of 15 ms. After Brian2's example
``adaptive_threshold``.
"""

import brainunit as u

import brainsim as bs

Cell = bs.neurons.from_equations(
    """
    dv/dt = -v/(10*ms) : volt
    dvt/dt = (10*mV - vt)/(15*ms) : volt
    """,
    threshold="v > vt",
    reset="v = 0*mV; vt += 3*mV",
    vt=10 * u.mV,
)


def run(seed=0, duration=100 * u.ms):
    net = bs.Network(seed=seed)
    net.P, net.C = bs.sources.PoissonGroup(1, rate=500 * u.Hz), Cell(1)
    net.C.add_receptors(jump=bs.receptors.Delta(into="v"))
    net.connect(net.P, net.C, bs.AllToAll(), receptor="jump", weight=3 * u.mV)
    return bs.simulate(net, duration, record=["C.v", "C.vt", "C.spikes", "P.spikes"])


def draw(rec, ax):
    ax.plot(rec.times / u.ms, rec["C.v"] / u.mV, label="v")
    ax.plot(rec.times / u.ms, rec["C.vt"] / u.mV, label="threshold")
    ax.set(xlabel="time (ms)", ylabel="mV")
    ax.legend()
