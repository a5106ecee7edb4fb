"""The same stimulus in several trials.

A Poisson train that is on from 100 to 500 ms of every trial of one second; the simulation goes on from trial to trial. After NEST's example
``repeated_stimulation``.
"""

import brainunit as u

import brainsim as bs


def run(trials=5, rate=1000 * u.Hz):
    net, found = bs.Network(seed=1), []
    net.P = bs.sources.PoissonGroup(1)
    net.P.add_stimuli(on=bs.stimuli.Constant(rate))
    for _ in range(trials):
        begin = net.t
        net.P.on.stop, net.P.on.start = begin + 500 * u.ms, begin + 100 * u.ms
        spikes = bs.simulate(net, 1 * u.second, record="P.spikes").spikes["P"]
        found.append((spikes.times - begin) / u.ms)
    return found


def draw(trials, ax):
    ax.hist(trials, bins=10, range=(0, 1000), stacked=True)
    ax.set(xlabel="time in the trial (ms)", ylabel="spikes", title=f"{len(trials)} trials")
