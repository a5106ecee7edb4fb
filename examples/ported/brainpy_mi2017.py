"""How many things a working memory holds.

Sixteen groups of cells, whose synapses onto themselves facilitate and tire, share one pool of inhibition; groups that a cue has woken
fire one after the other, without end. After BrainPy's example: Y. Mi, M. Katkov, M. Tsodyks, Neuron 93:323 (2017).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def rate(h):
    return 1.5 * u.math.logaddexp(h / 1.5, 0.0)


class Rates(bs.masses.Mass):
    tau = bs.Parameter(8 * u.ms, "time constant of the current")
    I_b = bs.Parameter(0.0, "background")
    h, r = bs.State(0.0, "current"), bs.State(rate(0.0), "rate in Hz")

    def observe(self, y):
        return {"r": rate(y["h"])}

    def derivative(self, t, h, I):
        return (-h + I + self.I_b) / self.tau


class Groups(Rates):
    J, U = bs.Parameter(8.0, "of a group onto itself"), bs.Parameter(0.3, "utilisation at rest")
    tau_f, tau_d = bs.Parameter(1.5 * u.second, "facilitation"), bs.Parameter(0.3 * u.second, "depression")
    use, x = bs.State(0.3, "utilisation"), bs.State(1.0, "resources")

    def derivative(self, t, h, use, x, I):
        r = rate(h) * u.Hz
        dh = (-h + self.J * use * x * rate(h) + I + self.I_b) / self.tau
        return dh, (self.U - use) / self.tau_f + self.U * (1 - use) * r, (1 - x) / self.tau_d - use * x * r


def run(cues=5, duration=2.5 * u.second):
    net, n = bs.Network(), 16
    net.E, net.I = Groups(n, I_b=8.0, method="euler"), Rates(1, method="euler")
    net.E.add_receptors(pool=bs.receptors.Graded())
    net.I.add_receptors(groups=bs.receptors.Graded())
    net.connect(net.E, net.I, bs.AllToAll(), receptor="groups", weight=1.75, signal="r")
    net.connect(net.I, net.E, bs.AllToAll(), receptor="pool", weight=-1.1, signal="r")
    start = (70 + 100 * np.arange(n)) * u.ms
    net.E.add_stimuli(cue=bs.stimuli.Constant(225.0 * (np.arange(n) < cues), start=start, stop=start + 30 * u.ms))
    return bs.simulate(net, duration, dt=0.1 * u.ms, record=["E.r", "E.x", "E.use"])


def draw(rec, ax):
    ax.plot(rec.times / u.second, rec["E.r"][:, :5])
    ax.set(xlabel="time (s)", ylabel="rate (Hz)")
