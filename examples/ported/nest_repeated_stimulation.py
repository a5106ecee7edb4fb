"""The same stimulus in several trials.

Noise that is on from 50 to 150 ms of every trial of 200 ms; the simulation goes on from trial to trial. After NEST's example
``repeated_stimulation``.
"""

import brainunit as u

import brainsim as bs


def run(trials=5, rate=1000 * u.Hz):
    net = bs.Network(seed=1)
    net.n = bs.neurons.LIF(1)
    net.n.add_receptors(syn=bs.receptors.Delta())
    noise = bs.stimuli.PoissonInput("syn", rate=rate, weight=5 * u.mV, start=50 * u.ms, stop=150 * u.ms)
    net.n.add_stimuli(noise=noise)
    found = []
    for _ in range(trials):
        begin = net.t
        net.n.noise.stop, net.n.noise.start = begin + 150 * u.ms, begin + 50 * u.ms
        spikes = bs.simulate(net, 200 * u.ms, record="n.spikes").spikes["n"]
        found.append((spikes.times - begin) / u.ms)
    return found


def draw(trials, ax):
    ax.eventplot(trials)
    ax.set(xlabel="time in the trial (ms)", ylabel="trial", xlim=(0, 200))
