"""100 pyramidal cells of CA3 that excite each other: a kick to one cell becomes a series of population bursts.

Each cell receives from 20 others, through AMPA and NMDA receptors of its dendrite that open while the presynaptic soma
is depolarised:

.. math::
    \\dot S_i = \\sum_j H(V_j + 50\\,\\mathrm{mV})/\\mathrm{ms} - S_i / 150\\,\\mathrm{ms},\\quad S_i \\le 125,\\qquad
    \\dot W_i = \\sum_j H(V_j + 40\\,\\mathrm{mV})/\\mathrm{ms} - W_i / 2\\,\\mathrm{ms}

.. math:: I_{syn} = g_{NMDA}\\,S\\,B(V_d)\\,(0 - V_d) + g_{AMPA}\\,W\\,(0 - V_d),\\qquad B(V) = \\frac{1}{1 + 0.28\\,e^{-0.062\\,V / mV}}

per area of the dendrite. NMDA keeps the network going: the more of it, the more bursts follow, until they do not end.
AMPA makes the cells fire together.

    brainsim run models/ca3_memory/population_bursts.py --duration 1s --plot bursts.png
    python -m models.ca3_memory.population_bursts

References
----------
P. F. Pinsky, J. Rinzel, J. Comput. Neurosci. 1:39 (1994), erratum 2:275 (1995).
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from models.ca3_memory.cell import CONDUCTANCE, CURRENT, beginnings
from models.progress import track

DT = 0.05 * u.ms
DURATION = 4.0 * u.second
RECORD = ["CA3.spikes", "CA3.V[:3]", "CA3.V_d[:3]"]


class Depolarised(bs.receptors.Receptor):
    r"""A receptor that opens while presynaptic cells are above a threshold, and closes exponentially.

    .. math:: \dot S = \sum_j w_j\,H(V_j - \theta) / \mathrm{ms} - S/\tau,\quad S \le S_{max},\qquad g = \bar g\,S

    H holds over a step from its beginning. Weights are numbers, 1 for a synapse.

    Parameters
    ----------
    conductance : quantity, conductance in the neuron's unit
        :math:`\bar g`.
    tau : quantity, time
        Time constant of closing.
    threshold : quantity, voltage
        Presynaptic potential.
    ceiling : float, optional
        Largest S.
    """

    graded, signal, port = True, "V", "drive"

    conductance = bs.Parameter(0.0, "conductance per unit of S", unit="g_unit")
    tau = bs.Parameter(2.0 * u.ms, "time constant of closing", positive=True)
    threshold = bs.Parameter(-40.0 * u.mV, "presynaptic potential above which it opens")
    ceiling = bs.Parameter(None, "largest S; None for no bound", unit=u.UNITLESS, optional=True)
    drive = bs.State(0.0, "presynaptic cells above the threshold")
    S = bs.State(0.0, "what is open")

    def weight_unit(self, signal_unit):
        return u.UNITLESS

    def features(self, sent):
        return ((sent > self.plain("threshold")).astype(sent.dtype),)

    def advance(self, clock):
        S, drive, tau = self.plain("S"), self.plain("drive"), self.plain("tau")
        after = drive * tau + (S - drive * tau) * self.decay(clock, "tau")
        after = after if self.ceiling is None else jnp.minimum(after, self.plain("ceiling"))
        self.put("S", after)
        self.put("drive", jnp.zeros_like(drive))
        return self.mean(S, after)

    def output(self, g):
        return self.plain("conductance") * g


class AMPA(Depolarised):
    """Fast excitation."""

    reversal = bs.Parameter(0.0 * u.mV, "reversal potential")


class NMDA(Depolarised, bs.receptors.GatedNMDA):
    """Slow excitation that saturates, with the magnesium block."""

    tau = bs.Parameter(150.0 * u.ms, "time constant of closing", positive=True)
    threshold = bs.Parameter(-50.0 * u.mV, "presynaptic potential above which it opens")
    ceiling = bs.Parameter(125.0, "largest S", unit=u.UNITLESS)
    beta = bs.Parameter(1.0 / 0.28 * u.mM, "magnesium concentration of half block at 0 mV", positive=True)


def build(
    seed: int = 0,
    *,
    n: int = 100,
    inputs: int = 20,
    g_NMDA=0.014 * CONDUCTANCE,
    g_AMPA=0.0045 * CONDUCTANCE,
    kick=5.0 * CURRENT,
    method: str = "rk4",
) -> bs.Network:
    """The network, with a kick of 50 ms to the first cell.

    Parameters
    ----------
    seed : int
        Of the wiring.
    n, inputs : int
        Cells, and how many others each receives from.
    g_NMDA, g_AMPA : quantity, conductance per area of the dendrite
        Of a unit of S and of W.
    kick : quantity, current per area
        Into the soma of the first cell from 50 to 100 ms.
    method : str
        Integrator of the cells.

    Returns
    -------
    Network
        With the population ``CA3``.
    """
    net = bs.Network(seed=seed)
    rest = dict(V=-64.6 * u.mV, V_d=-64.5 * u.mV, h=0.999, n=0.001, s=0.009, c=0.007, q=0.01, Ca=0.2)
    net.CA3 = bs.neurons.PinskyRinzel(n, method=method, **rest)
    share = 1.0 - net.CA3.p  # inputs are per area of the whole cell
    net.CA3.add_receptors(
        ampa=AMPA(conductance=g_AMPA * share, into="I_d"),
        nmda=NMDA(conductance=g_NMDA * share, into="I_d"),
    )
    net.CA3.add_stimuli(holding=bs.stimuli.Constant(-0.5 * CURRENT))
    net.CA3[:1].add_stimuli(kick=bs.stimuli.Constant(kick, start=50.0 * u.ms, stop=100.0 * u.ms))
    wiring = bs.FixedInDegree(inputs, self_connections=False, multiple=False)
    fast = net.connect(net.CA3, net.CA3, wiring, receptor="ampa", weight=1.0, name="fast")
    net.connect(net.CA3, net.CA3, bs.FromArrays(*fast.indices_of_synapses()), receptor="nmda", weight=1.0, name="slow")
    return net


class Bursts(NamedTuple):
    """Population bursts: when each has its peak (ms), and the most cells of it that begin to fire in a bin of 5 ms."""

    times: np.ndarray
    peaks: np.ndarray

    @property
    def interval(self) -> float:
        """Median interval (ms); not a number with fewer than two."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else float("nan")


def population_bursts(train: bs.SpikeTrain, share: float = 0.5, window: float = 100.0, apart: float = 75.0) -> Bursts:
    """Peaks of the number of cells that begin to fire, around which at least ``share`` of the cells do within
    ``window`` ms.

    A cell begins to fire with a spike after 25 ms of silence. Beginnings are counted under a Gaussian of 10 ms; of
    peaks that are less than ``apart`` from each other the highest counts.
    """
    times, indices = np.asarray(train.times / u.ms), train.indices
    begun = [(t, cell) for cell in range(train.n) for t in beginnings(np.sort(times[indices == cell]))]
    start, cells = np.array(begun).reshape(-1, 2).T
    grid = np.arange(0.0, float(train.stop / u.ms) + 1.0)
    density = np.exp(-0.5 * ((grid[:, None] - start) / 10.0) ** 2).sum(1)
    inner = density[1:-1]
    found = []
    for k in sorted(1 + np.flatnonzero((inner > density[:-2]) & (inner >= density[2:])), key=lambda k: -density[k]):
        if all(abs(grid[k] - other) >= apart for other, _ in found):
            near = np.abs(start - grid[k]) <= window / 2
            if len(set(cells[near])) >= share * train.n:
                found.append((grid[k], np.bincount(start[near].astype(int) // 5).max()))
    times, peaks = np.array(sorted(found), float).reshape(-1, 2).T
    return Bursts(times, peaks)


def experiment(net: bs.Network | None = None, duration=DURATION, dt=DT, **options) -> tuple[bs.Recording, Bursts]:
    """Run ``net`` (or ``build(**options)``) for ``duration``; returns recording and population bursts."""
    net = build(**options) if net is None else net
    rec = bs.simulate(net, duration, dt=dt, record=["CA3.spikes"], progress=False)
    return rec, population_bursts(rec.spikes["CA3"])


def by_conductance(conductances, duration=DURATION, **options) -> list[Bursts]:
    """Population bursts of one network at several NMDA conductances, in mS/cm2."""
    net, found = build(**options), []
    share = float(1.0 - net.CA3.p)
    for g in track(conductances, "NMDA conductance"):
        net.reset()
        net["CA3.nmda"].conductance = g * share * CONDUCTANCE
        found.append(experiment(net, duration)[1])
    return found


def main() -> None:
    """Print the number of population bursts by NMDA conductance, with and without AMPA."""
    conductances = (0.009, 0.010, 0.011, 0.012, 0.013, 0.014, 0.016, 0.018, 0.020)
    for title, g_AMPA in (("with AMPA", 0.0045), ("without AMPA", 0.0)):
        print(title)
        for g, found in zip(conductances, by_conductance(conductances, g_AMPA=g_AMPA * CONDUCTANCE)):
            line = f"  g_NMDA {g:.3f}: {len(found.times):2} bursts"
            if len(found.times):
                line += (
                    f", last at {found.times[-1]:.0f} ms, interval {found.interval:.0f} ms, peak"
                    f" {np.median(found.peaks):.0f} cells"
                )
            print(line, flush=True)


if __name__ == "__main__":
    main()
