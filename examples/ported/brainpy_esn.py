"""An echo state network that continues a chaotic series.

A random recurrent sheet, of which only the readout is learned, by ridge regression; it predicts the Mackey-Glass series 10 ms
ahead. After BrainPy's example ``echo_state_network``.
"""

import brainunit as u
import numpy as np

import brainsim as bs


class Reservoir(bs.masses.Mass):
    r"""Rates.

    .. math:: \tau \dot r = -r + \tanh(I)
    """

    tau = bs.Parameter(5.0 * u.ms, "time constant")
    r = bs.State(0.0, "rate")

    def derivative(self, t, r, I):
        return (-r + u.math.tanh(I)) / self.tau


def mackey_glass(steps, tau=17, dt=1.0, seed=0):
    x = list(1.2 + 0.1 * np.random.default_rng(seed).normal(size=tau + 1))
    for _ in range(steps):
        x.append(x[-1] + dt * (0.2 * x[-1 - tau] / (1 + x[-1 - tau] ** 10) - 0.1 * x[-1]))
    return np.array(x[-steps:]) - 1.0


def run(n=200, steps=2000, ahead=10):
    series, rng = mackey_glass(steps + ahead + 200)[200:], np.random.default_rng(2)
    weights = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.1)
    weights *= 1.1 / np.abs(np.linalg.eigvals(weights)).max()
    net = bs.Network()
    net.R = Reservoir(n)
    net.R.add_receptors(rec=bs.receptors.Graded())
    net.R.add_stimuli(drive=bs.stimuli.Constant(0.0))
    net.connect(net.R, net.R, bs.FromMatrix(weights), receptor="rec", signal="r")
    drive = series[:steps, None] * rng.uniform(-1, 1, n)
    rec = bs.simulate(net, steps * u.ms, dt=1 * u.ms, record="R.r", inputs={"R.drive.amplitude": drive})
    states, target = np.asarray(rec["R.r"])[200:], series[200 + ahead : steps + ahead]
    half = len(target) // 2
    readout = bs.train.ridge(states[:half], target[:half, None], strength=1e-6)
    return target[half:], np.asarray(readout(states[half:]))[:, 0]


def draw(result, ax):
    ax.plot(result[0][:300], "k", label="series")
    ax.plot(result[1][:300], "r--", label="predicted")
    ax.set(xlabel="time (ms)")
    ax.legend()
