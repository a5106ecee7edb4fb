"""A map of directions that whiskers draw.

Bars move over whiskers in random directions. Synapses from layer 4 onto the cells of layer 2/3 in the same barrel learn, cells that excite
their neighbours come to prefer the same direction. After Brian2's example of Kremer et al., J. Neurosci. 31:10689 (2011).
"""

import brainunit as u
import numpy as np

import brainsim as bs

N4, EXC, INH = 22**2, 25, 12  # cells of layer 4 in a barrel; rows of cells of layer 2/3
E, I = (w * (tau / 10) ** (10 / (tau - 10)) * u.mV for w, tau in ((1, 2), (-1, 25)))  # noqa: E741  for peaks of 1 mV
Cell = bs.neurons.from_equations(
    "dv/dt = (I - 70*mV - v)/(10*ms) : volt \n dvt/dt = (-55*mV - vt)/(50*ms) : volt \n I : volt (input)",
    "v > vt", "v = -70*mV; vt += 2*mV", refractory=2 * u.ms, v=-70 * u.mV, vt=-55 * u.mV,
)  # fmt: skip


class Bars(bs.stimuli.Stimulus):
    """A bar crosses the barrels in 60 ms, then another in another direction; each cell likes one, with rates up to 100 Hz."""

    directions, liked = bs.Parameter(0.0, "of the bars", shape=None), bs.Parameter(0.0, "direction")
    x, y = bs.Parameter(0.0, "of the barrel"), bs.Parameter(0.0, "of the barrel")

    def value(self, clock):
        bar, passed = u.math.divmod(clock.t / u.ms, 60)
        direction = self.directions[bar.astype(int)]
        ahead = self.x * u.math.cos(direction) + self.y * u.math.sin(direction) + 6 - passed / 5
        return 100 * u.Hz * (u.math.abs(ahead) < 0.5) * u.math.maximum(u.math.cos(direction - self.liked), 0)


def run(side=3, duration=2 * u.second, seed=0):
    net = bs.Network(seed=seed)
    bars = np.random.default_rng(seed).uniform(0, 2 * np.pi, 1 + int(duration / (60 * u.ms)))
    grid = lambda rows: np.indices((side * rows, side * rows)).reshape(2, -1).T / rows  # in barrels
    barrel4, barrel23 = np.repeat(np.arange(side**2), N4), np.floor(grid(EXC)) @ (side, 1)
    liked, (x, y) = np.tile(np.arange(N4) / N4 * 2 * np.pi, side**2), grid(1)[barrel4].T + 0.5 - side / 2
    net.layer4 = bs.sources.PoissonGroup(len(liked))
    net.layer4.add_stimuli(bars=Bars(directions=bars, x=x, y=y, liked=liked))
    net.exc, net.inh = (Cell((side * rows) ** 2, positions=grid(rows)) for rows in (EXC, INH))
    for cells in (net.exc, net.inh):
        cells.add_receptors(e=bs.receptors.Exponential(tau=2 * u.ms), i=bs.receptors.Exponential(tau=25 * u.ms))
    rule = bs.plasticity.PairSTDP(A_plus=0.05 * E, A_minus=0.04 * E, tau_plus=5 * u.ms, tau_minus=25 * u.ms, w_max=E)
    own = bs.Where(lambda i, j: barrel4[i] == barrel23[j], p=0.5)
    near, nearer = (bs.connectivity.Gaussian(s) for s in (0.4, 0.2))
    w = net.connect(net.layer4, net.exc, own, receptor="e", weight=E / 2, plasticity=rule)
    net.connect(net.exc, net.exc, bs.connectivity.DistanceDependent(near, 0.15), receptor="e", weight=0.3 * E)
    net.connect(net.exc, net.inh, bs.connectivity.DistanceDependent(near, 0.15), receptor="e", weight=E)
    net.connect(net.inh, net.exc, bs.connectivity.DistanceDependent(nearer), receptor="i", weight=I)
    rec = bs.simulate(net, duration, record=["exc.spikes", "layer4.spikes"])
    pre, post = w.pairs()
    towards = np.asarray(w.weight / E) * np.exp(1j * liked[pre])
    return grid(EXC), (np.bincount(post, towards.real) + 1j * np.bincount(post, towards.imag)) / np.bincount(post), rec


def draw(result, ax):
    (y, x), liking = result[0].T, result[1]
    ax.figure.colorbar(ax.scatter(x, y, c=np.rad2deg(np.angle(liking)), s=2, marker="s", cmap="hsv"), label="direction")
