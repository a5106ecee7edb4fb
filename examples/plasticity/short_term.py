"""Synapses that tire, and synapses that warm up.

What a synapse sends at the end of a long train, against the rate of the train: dots are the run, lines Tsodyks and Markram's formula.
M. Tsodyks, K. Pawelzik, H. Markram, Neural Comput. 10:821 (1998).
"""

import brainunit as u
import numpy as np

import brainsim as bs

RATES = np.array([1, 2, 5, 10, 20, 40, 70, 100])  # Hz
KINDS = {"depressing": (0.5, 800.0, None), "facilitating": (0.05, 100.0, 1000.0)}  # U, tau_rec, tau_facil in ms


def formula(rate, U, tau_rec, tau_facil):
    """u x of a spike in a long train."""
    between = 1e3 / rate
    used = U if tau_facil is None else U / (1 - (1 - U) * np.exp(-between / tau_facil))
    kept = np.exp(-between / tau_rec)
    return used * (1 - kept) / (1 - (1 - used) * kept)


def run(duration=4000):
    times = [np.arange(10.0, duration, 1e3 / rate) for rate in RATES]
    indices = np.repeat(np.arange(len(RATES)), [len(t) for t in times])
    sent = {}
    net = bs.Network()
    net.trains = bs.sources.SpikeTimes(len(RATES), np.concatenate(times) * u.ms, indices)
    for name, (U, tau_rec, tau_facil) in KINDS.items():
        cells = bs.neurons.LIF(len(RATES))
        cells.add_receptors(syn=bs.receptors.Exponential(tau=0.5 * u.ms))
        setattr(net, name, cells)
        release = bs.terminals.TsodyksMarkram(U=U, tau_rec=tau_rec * u.ms, tau_facil=tau_facil and tau_facil * u.ms)
        net.connect(net.trains, cells, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=release)
    rec = bs.simulate(net, duration * u.ms, dt=0.5 * u.ms, record=[f"{name}.syn.g" for name in KINDS])
    for name in KINDS:
        g = np.asarray(rec[f"{name}.syn.g"] / u.pA)
        sent[name] = np.array([g[round(t[-1] / 0.5) - 1, k] for k, t in enumerate(times)])
    return sent


def draw(sent, ax):
    fine = np.geomspace(1, 100, 200)
    for (name, values), color in zip(sent.items(), ("C0", "C3")):
        ax.loglog(RATES, values, "o", color=color, label=name)
        ax.loglog(fine, formula(fine, *KINDS[name]), color=color)
    ax.set(xlabel="Hz", ylabel="sent by a spike")
    ax.legend()
