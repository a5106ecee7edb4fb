"""A synapse that tires.

A cell fires at 20 Hz, and its synapse onto another runs short of vesicles, which recover in 0.8 s. After NEST's example
``iaf_tum_2000_short_term_depression``: M. Tsodyks, A. Uziel, H. Markram, J. Neurosci. 20:RC50 (2000).
"""

import brainunit as u

import brainsim as bs


def run(U=0.5, tau_rec=800 * u.ms, tau_facil=None, rate=20 * u.Hz, duration=1200 * u.ms):
    net, tau, R, V_th, refractory = bs.Network(), 40 * u.ms, 100 * u.Mohm, 15 * u.mV, 2 * u.ms
    net.n = bs.neurons.LIF(
        2, tau=tau, R=R, E_L=0 * u.mV, V=0 * u.mV, V_reset=0 * u.mV, V_th=V_th, refractory=refractory
    )
    net.n.add_receptors(syn=bs.receptors.Exponential(tau=3 * u.ms))
    dc = V_th / R / (1 - u.math.exp(-(1 / rate - refractory) / tau))
    net.n[:1].add_stimuli(dc=bs.stimuli.Constant(dc, start=50 * u.ms, stop=1050 * u.ms))
    synapse = bs.synapses.ThreeState(U=U, tau_rec=tau_rec, tau_facil=tau_facil, tau_inactive=3 * u.ms)
    weight = 250 * u.pA
    net.connect(net.n[:1], net.n[1:], bs.AllToAll(), receptor="syn", weight=weight, delay=0.1 * u.ms, synapse=synapse)
    return bs.simulate(net, duration, record=["n.V[1]", "n.syn.g[1]", "n.spikes"])


def draw(rec, ax):
    ax.plot(rec.times / u.ms, rec["n.V[1]"] / u.mV)
    ax.set(xlabel="time (ms)", ylabel="V (mV)")
