"""Calcium decides whether a synapse grows.

Sixty pairs of spikes, a second apart, at synapses with two stable states: which of them change depends on the time between the two spikes.
After Brian2's example of Graupner and Brunel, PNAS 109:3991 (2012), figure 2C, DP.
"""

import brainunit as u
import numpy as np

import brainsim as bs

D = 13.7 * u.ms
DP = dict(
    C_pre=1.0, C_post=2.0, tau_Ca=20 * u.ms, theta_d=1.0, theta_p=1.3, gamma_d=200.0, gamma_p=321.808, sigma=2.8284,
    tau=150 * u.second, rho_star=0.5,
)  # fmt: skip


def run(synapses=100, dt=D / 3, pairs=60, every=219):
    ahead = np.arange(-21, 22, 2)  # steps from the first spike of a pair to the second
    times = 22 + every * np.arange(pairs)
    cells = np.arange(len(ahead) * 2 * synapses)
    late = np.repeat(ahead, 2 * synapses)
    net = bs.Network(seed=1)
    net.pre = bs.sources.SpikeTimes(1, times=times * dt, indices=np.zeros(pairs, int))
    net.post = bs.sources.SpikeTimes(
        len(cells), times=(times[:, None] + late).ravel() * dt, indices=np.tile(cells, pairs)
    )
    rule = bs.plasticity.CalciumPlasticity(w_max=1.0, pre_delay=D, **DP)
    state = cells % 2
    net.connect(net.pre, net.post, bs.AllToAll(), receptor=None, weight=state * 1.0, plasticity=rule, name="w")
    bs.simulate(net, pairs * every * dt, dt=dt)
    up = (net["w"].weight > 0.5).reshape(len(ahead), synapses, 2).mean(1)  # of those that were down, and that were up
    return ahead * dt, up, (1 + 4 * up.mean(1)) / (1 + 4 * 0.5)


def draw(result, ax):
    ahead, _, change = result
    ax.plot(ahead / u.ms, change, "o")
    ax.axhline(1, ls="--", color="k")
    ax.set(xlabel="post - pre (ms)", ylabel="strength, after / before")
