"""Where a sound comes from: Jeffress' map.

Two ears hear a sound with a difference in time. Thirty coincidence detectors get both through lines of delays; which of them fires
most tells the angle. After Brian2's example ``jeffress``.
"""

import brainunit as u
import numpy as np

import brainsim as bs

LONGEST = 20 * u.cm / (300 * u.meter / u.second)
Ear = bs.neurons.from_equations(
    """
    dx/dt = (sound - x)/tau_ear + sigma*sqrt(2/tau_ear)*xi : 1 (unless refractory)
    sound : 1 (input)
    """,
    threshold="x > 1",
    reset="x = 0",
    refractory=2.5 * u.ms,
    tau_ear=1 * u.ms,
    sigma=0.1,
)
Detector = bs.neurons.from_equations(
    "dv/dt = -v/tau + sigma*sqrt(2/tau)*xi : 1", "v > 1", "v = 0", tau=1 * u.ms, sigma=0.1
)


def run(angle=0.5, n=30, steps=50000, dt=0.02 * u.ms):
    late = round(float(LONGEST / dt * np.sin(angle) / 2))
    noise = 10 * np.random.default_rng(3).normal(size=steps)
    net = bs.Network()
    net.ears, net.map = Ear(2), Detector(n)
    net.ears.add_stimuli(sound=bs.stimuli.TimedArray(np.stack([np.roll(noise, -late), np.roll(noise, late)], 1), dt))
    net.map.add_receptors(jump=bs.receptors.Delta())
    line = np.linspace(0, 1, n) * 1.1 * LONGEST + dt
    for ear, delay in ((net.ears[0], line), (net.ears[1], line[::-1])):
        net.connect(ear, net.map, bs.AllToAll(), receptor="jump", weight=0.5, delay=delay)
    return bs.simulate(net, steps * dt, dt=dt, record="map.spikes").spikes["map"]


def draw(spikes, ax):
    ax.hist(spikes.indices, np.arange(31) - 0.5)
    ax.set(xlabel="detector", ylabel="spikes")
