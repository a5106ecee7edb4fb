"""A map of directions that whiskers draw.

Bars move over whiskers in random directions. Synapses from layer 4 onto the cells of layer 2/3 in the same barrel learn, cells that excite
their neighbours come to prefer the same direction. After Brian2's example of Kremer et al., J. Neurosci. 31:10689 (2011).
"""

import brainunit as u
import jax.numpy as jnp
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

    directions = bs.Parameter(0.0, "of the bars, one after the other", shape=None)
    x = bs.Parameter(0.0, "of the barrel")
    y = bs.Parameter(0.0, "of the barrel")
    liked = bs.Parameter(0.0, "direction")

    def value(self, clock):
        time = u.get_mantissa(clock.t)
        direction = self.plain("directions")[(time / 60).astype(int)]
        ahead = self.plain("x") * jnp.cos(direction) + self.plain("y") * jnp.sin(direction) - (time % 60) / 5 + 6
        return 100.0 * (jnp.abs(ahead) < 0.5) * jnp.maximum(jnp.cos(direction - self.plain("liked")), 0)


def run(side=3, duration=2 * u.second, seed=0):
    net, barrels, rng = bs.Network(seed=seed), side**2, np.random.default_rng(seed)
    corners = np.stack(np.divmod(np.arange(barrels), side), 1) - side / 2
    liked = np.tile(np.arange(N4) / N4 * 2 * np.pi, barrels)
    bars = rng.uniform(0, 2 * np.pi, 1 + int(duration / (60 * u.ms)))
    y, x = np.repeat(corners.T + 0.5, N4, 1)
    net.layer4 = bs.sources.PoissonGroup(N4 * barrels)
    net.layer4.add_stimuli(bars=Bars(directions=bars, x=x, y=y, liked=liked))
    grid = lambda n: np.repeat(corners, n**2, 0) + np.tile(np.indices((n, n)).reshape(2, -1).T / n, (barrels, 1))
    net.exc, net.inh = (Cell(barrels * n**2, positions=grid(n)) for n in (EXC, INH))
    for cells in (net.exc, net.inh):
        cells.add_receptors(e=bs.receptors.Exponential(tau=2 * u.ms), i=bs.receptors.Exponential(tau=25 * u.ms))
    own = bs.connectivity.BlockModel([N4] * barrels, 0.5 * np.eye(barrels), [EXC**2] * barrels)
    rule = bs.plasticity.PairSTDP(A_plus=0.05 * E, A_minus=0.04 * E, tau_plus=5 * u.ms, tau_minus=25 * u.ms, w_max=E)
    near, nearer = (bs.connectivity.Gaussian(s) for s in (0.4, 0.2))
    net.connect(net.layer4, net.exc, own, receptor="e", weight=E / 2, plasticity=rule, name="learns")
    net.connect(net.exc, net.exc, bs.connectivity.DistanceDependent(near, 0.15), receptor="e", weight=0.3 * E)
    net.connect(net.exc, net.inh, bs.connectivity.DistanceDependent(near, 0.15), receptor="e", weight=E)
    net.connect(net.inh, net.exc, bs.connectivity.DistanceDependent(nearer), receptor="i", weight=I)
    pre, post = net["learns"].pairs()

    def preferred():
        towards = np.asarray(net["learns"].weight / E) * np.exp(1j * liked[pre])
        return (np.bincount(post, towards.real) + 1j * np.bincount(post, towards.imag)) / np.bincount(post)

    before = preferred()
    rec = bs.simulate(net, duration, record=["exc.spikes", "layer4.spikes"])
    return grid(EXC), before, preferred(), rec


def draw(result, ax):
    places, _, liking, _ = result
    shown = ax.scatter(places[:, 1], places[:, 0], c=np.rad2deg(np.angle(liking)), s=2, marker="s", cmap="hsv")
    ax.figure.colorbar(shown, label="direction")
