"""Inputs that compete for a cell.

Five inputs are active in turn, at random. Their weights grow with the potential of the cell, and shrink the more, the more depolarised it has
been of late: some win, some lose. After Brian2's example of Clopath, Buesing, Vasilaki and Gerstner, Nat. Neurosci. 13:344 (2010).
"""

import brainunit as u
import numpy as np

import brainsim as bs

Cell = bs.neurons.from_equations(
    """
    dv/dt = (30*nS*(-70*mV - v) + I)/(300*pF) : volt
    dv_1/dt = (v - v_1)/(40*ms) : volt
    dv_2/dt = (v - v_2)/(30*ms) : volt
    dv_mean/dt = (v + 70*mV - v_mean)/(1000*ms) : volt
    """,
    "v > -55*mV", "v = -70*mV; v_1 += 50*mV; v_2 += 50*mV; v_mean += 0.5*mV",  # what a spike is at five synapses
    v=-70 * u.mV, v_1=-70 * u.mV, v_2=-70 * u.mV,
)  # fmt: skip
W_MAX = 50 * u.nS


class Voltage(bs.plasticity.Plasticity):
    """Depression by presynaptic spikes, potentiation by postsynaptic ones, as far as the filtered potentials are above rest."""

    A_LTD = bs.Parameter(1.5e-4 * W_MAX / u.mV, "depression")
    A_LTP = bs.Parameter(1e-3 * W_MAX / u.mV, "potentiation")
    target = bs.Parameter(12 * u.mV**2, "square of the mean depolarisation at which depression is A_LTD")
    tau = bs.Parameter(15 * u.ms, "memory of presynaptic spikes", positive=True)
    x = bs.plasticity.Trace("tau", "presynaptic spikes", side="pre")

    def update(self, s):
        s.on_pre(-s.A_LTD * s.post.v_mean**2 / s.target * (s.post.v_1 + 70 * u.mV).positive())
        s.on_post(s.A_LTP * s.x * (s.post.v_2 + 70 * u.mV).positive())


def run(duration=20 * u.second, rate=35 * u.Hz, n=5, seed=0):
    net = bs.Network(seed=seed)
    net.P, net.C = bs.sources.PoissonGroup(n), Cell(1)
    active = np.random.default_rng(seed).integers(n, size=round(float(duration / (100 * u.ms))))
    net.P.add_stimuli(turns=bs.stimuli.TimedArray(np.eye(n)[active] * rate, 100 * u.ms))
    net.C.add_receptors(ampa=bs.receptors.Exponential(tau=2 * u.ms, reversal=0 * u.mV))
    rule = Voltage(w_min=0 * u.nS, w_max=W_MAX)
    net.connect(net.P, net.C, bs.AllToAll(), receptor="ampa", weight=W_MAX / 2, plasticity=rule, name="w")
    return bs.simulate(
        net, duration, dt=0.5 * u.ms, record=["w.weight", "C.spikes", "C.v_mean"], sample_every=10 * u.ms
    )


def draw(rec, ax):
    ax.plot(rec.times / u.second, rec["w.weight"][..., 0] / W_MAX)
    ax.set(xlabel="time (s)", ylabel="weight")
