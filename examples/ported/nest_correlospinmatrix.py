"""Covariances of two binary neurons, of which one copies the other.

The first takes one of two states by chance whenever it is updated, the second the state that the first has; updates come at random
times. After NEST's example ``correlospinmatrix_detector_two_neuron``: I. Ginzburg, H. Sompolinsky, Phys. Rev. E 50:3171 (1994).
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs


class Binary(bs.neurons.Neuron):
    """Updated in intervals of mean tau, and then 1 with probability gain(h), else 0. A flip sends +1 or -1, which adds up in h."""

    tau = bs.Parameter(10 * u.ms, "mean interval of updates")
    s = bs.State(0.0, "0 or 1")
    h = bs.State(0.0, "sum of the weights of inputs that are 1")

    def derivative(self, t, s):
        return 0 * s / self.tau

    def hazard(self, before, after):
        return jnp.abs(self.gain(self.h) - after["s"]) / self.tau

    def spike_value(self, before, after):
        return 1 - 2 * after["s"]

    def after_spike(self, y):
        return {"s": 1 - y["s"]}


class Chance(Binary):
    gain = lambda self, h: 0.5


class Copy(Binary):
    gain = lambda self, h: h > 0.5


def run(pairs=1000, duration=1 * u.second, reach=100 * u.ms, sample=0.5 * u.ms):
    net = bs.Network(seed=1)
    net.a, net.b = Chance(pairs), Copy(pairs)
    net.b.add_receptors(input=bs.receptors.Delta(into="h"))
    net.connect(net.a, net.b, bs.OneToOne(), receptor="input", weight=1.0)
    bs.simulate(net, 100 * u.ms)
    rec = bs.simulate(net, duration + reach, record=["a.s", "b.s"], sample_every=sample)
    lags, n = np.arange(round(reach / sample) + 1), len(rec.times)
    spectrum = {i: np.fft.rfft(rec[x] - rec[x].mean(), 2 * n, axis=0) for i, x in (("1", "a.s"), ("2", "b.s"))}
    covariance = lambda i, j: np.fft.irfft(np.mean(spectrum[i].conj() * spectrum[j], 1))[lags] / (n - lags)
    return lags * sample, {i + j: covariance(i, j) for i in spectrum for j in spectrum}


def draw(result, ax):
    for name, course in result[1].items():
        ax.plot(result[0] / u.ms, course, label=f"$c_{{{name}}}$")
    ax.set(xlabel="lag (ms)", ylabel="covariance")
    ax.legend()
