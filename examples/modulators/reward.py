"""A reward that comes late.

Forty synapses see the same noise. Whenever the cell fires shortly after the first of them did, dopamine is released a second later:
eligibility keeps what happened, and that synapse grows most. After E. M. Izhikevich, Cereb. Cortex 17:2443 (2007).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def run(n=40, duration=300 * u.second, late=1 * u.second, seed=0):
    net = bs.Network(seed=seed)
    net.inputs = bs.sources.PoissonGroup(n, rate=2 * u.Hz)
    net.cell = bs.neurons.LIF(1, tau=10 * u.ms)
    net.cell.add_receptors(kick=bs.receptors.Delta())
    # Fires when the first input and the cell fire together, and a second later cells that release dopamine do.
    net.critic, net.vta = bs.neurons.LIF(1, tau=5 * u.ms), bs.neurons.LIF(1)
    for population in (net.critic, net.vta):
        population.add_receptors(kick=bs.receptors.Delta())
    net.dopamine = bs.modulators.Dopamine(net.vta, tau=200 * u.ms)
    stdp = bs.plasticity.PairSTDP(A_plus=1 * u.mV, A_minus=1.2 * u.mV, w_max=8 * u.mV)
    rule = bs.plasticity.RewardModulated(
        stdp, net.dopamine, tau_c=1 * u.second, tau_mean=20 * u.second, gain=1 * u.Hz, w_max=8 * u.mV
    )
    net.connect(net.inputs, net.cell, bs.AllToAll(), receptor="kick", weight=4 * u.mV, plasticity=rule)
    for source, target, delay in (
        (net.inputs[0], net.critic, None),
        (net.cell, net.critic, None),
        (net.critic, net.vta, late),
    ):
        strength = 20 * u.mV if target is net.vta else 7 * u.mV
        net.connect(source, target, bs.AllToAll(), receptor="kick", weight=strength, delay=delay)
    return bs.simulate(
        net,
        duration,
        dt=1 * u.ms,
        record={"inputs->cell.weight": 1 * u.second, "cell.spikes": None, "vta.spikes": None},
    )


def draw(rec, ax):
    w = np.asarray(rec["inputs->cell.weight"] / u.mV).reshape(len(rec.times), -1)
    ax.plot(rec.times / u.second, w[:, 1:], "#bbbbbb", lw=0.5)
    ax.plot(rec.times / u.second, w[:, 0], "C3")
    ax.set(xlabel="s", ylabel="weight (mV)")
