"""Pairs of spikes at many rates, and what the voltage makes of them.

Fifteen pairs, the first spike 10 ms before the second or behind it: at high rates the potential has not come back before the next pair, and
both grow. After Brian2's example of Clopath, Buesing, Vasilaki and Gerstner, Nat. Neurosci. 13:344 (2010), without homeostasis.
"""

import brainunit as u
import numpy as np

import brainsim as bs

Cell = bs.neurons.from_equations(
    """
    dv/dt = (30*nS*(-70*mV - v) + I)/(300*pF) : volt
    dv_1/dt = (v - v_1)/(40*ms) : volt
    dv_2/dt = (v - v_2)/(30*ms) : volt
    """,
    "v > -50*mV", "v = -70*mV; v_1 += 10*mV; v_2 += 10*mV", v=-70 * u.mV, v_1=-70 * u.mV, v_2=-70 * u.mV,
)  # fmt: skip
RATES, W_MAX = np.array([1, 5, 10, 15, 20, 30, 50]), 0.5 * u.nS


class Voltage(bs.plasticity.Plasticity):
    """Depression by presynaptic spikes, potentiation by postsynaptic ones, as far as the filtered potentials are above rest."""

    A_LTD = bs.Parameter(1.5e-4 * W_MAX / u.mV, "depression")
    A_LTP = bs.Parameter(1e-3 * W_MAX / u.mV, "potentiation")
    tau = bs.Parameter(15 * u.ms, "memory of presynaptic spikes", positive=True)
    x = bs.plasticity.Trace("tau", "presynaptic spikes", side="pre")

    def update(self, s):
        s.on_pre(-s.A_LTD * (s.post.v_1 + 70 * u.mV).positive())
        s.on_post(s.A_LTP * s.x * (s.post.v_2 + 70 * u.mV).positive())


def run(pairs=15, late=10):
    net, cells = bs.Network(), np.arange(14)  # two for each rate
    times = 1 + np.arange(pairs) * 1000 / np.repeat(RATES, 2)[:, None] + late * (cells % 2)[:, None]
    net.C = Cell(14)
    net.S = bs.sources.SpikeTimes(14, times=times.ravel() * u.ms, indices=np.repeat(cells, pairs))
    net.C.add_receptors(
        kick=bs.receptors.Delta(into="v"), ampa=bs.receptors.Exponential(tau=2 * u.ms, reversal=0 * u.mV)
    )
    net.connect(net.S, net.C, bs.OneToOne(), receptor="kick", weight=21 * u.mV)
    each_other = bs.FromArrays(cells, cells ^ 1)
    rule = Voltage(w_min=0 * u.nS, w_max=W_MAX)
    net.connect(net.C, net.C, each_other, receptor="ampa", weight=W_MAX / 2, plasticity=rule, name="w")
    bs.simulate(net, 15.1 * u.second)
    return 100 * (net["w"].weight / (W_MAX / 2)).reshape(7, 2)


def draw(weights, ax):
    ax.plot(RATES, weights, label=["first before second", "second before first"])
    ax.set(xlabel="pairs per second", ylabel="weight (%)")
    ax.legend()
