"""A ring of ball-and-stick cells, around which a spike runs: the tutorial network of NEURON.

Each cell has the squid's currents in its soma and a passive dendrite, and excites the next in the middle of its dendrite,
5 ms after its spike. One event starts the first cell.

    python -m models.cells.ring

References
----------
N. T. Carnevale, M. L. Hines, The NEURON Book (2006); NEURON's tutorial "Ball and stick", parts 1 to 3; R. B. Stein,
Biophys. J. 5:173 (1965), for synaptic events as jumps that decay.
"""

from __future__ import annotations

from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import cells, channels

DURATION, DT = 100 * u.ms, 0.025 * u.ms
MS = u.mS / u.cm2
RECORD = ["cells.spikes", "cells.V"]


def build(
    seed: int = 0,
    *,
    size: int = 5,
    delay=5 * u.ms,
    weight=0.01 * u.uS,
    kick=0.04 * u.uS,
    compartments: int = 1,
    method: str = "staggered_backward_euler",
) -> bs.Network:
    """The ring.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    size : int
        Number of cells.
    delay : quantity, time
        From a spike to its arrival at the next cell.
    weight, kick : quantity, conductance
        Of the synapses of the ring, and of the event that starts it.
    compartments : int
        Of the dendrite; odd, so that the synapse stands in the middle of one.
    method : str
        ``"staggered_backward_euler"`` or ``"staggered_crank_nicolson"``.

    Returns
    -------
    Network
        With the population ``cells`` and the source ``kick``.
    """
    net = bs.Network(seed=seed)
    net.kick = bs.sources.SpikeTimes(1, [9.0] * u.ms, [0])
    net.cells = cells.MultiCompartment(
        size,
        cells.ball_and_stick(12.6157 * u.um, length=200 * u.um, diameter=1 * u.um),
        compartments=cells.PerBranch({"soma": 1, "dend": compartments}),
        method=method,
        V=-65 * u.mV,
        V_th=10 * u.mV,
        R_a=100 * u.ohm * u.cm,
        g_L=cells.by_region({"soma": 0.3 * MS, "dend": 1.0 * MS}),
        E_L=cells.by_region({"soma": -54.3 * u.mV, "dend": -65.0 * u.mV}),
        channels=dict(
            na=channels.Na_HH1952().on("soma"), k=channels.K_HH1952(E=-77 * u.mV).on("soma")
        ),
    )  # fmt: skip
    middle = cells.at("dend", 0.5)
    net.cells.add_receptors(exc=bs.receptors.Exponential(tau=2 * u.ms, reversal=0 * u.mV).on(middle))
    onwards = bs.FromArrays(np.arange(size), (np.arange(size) + 1) % size)
    net.connect(net.cells, net.cells.at(middle), onwards, receptor="exc", weight=weight, delay=delay)
    net.connect(net.kick, net.cells[:1].at(middle), bs.AllToAll(), receptor="exc", weight=kick, delay=1 * u.ms)
    return net


def experiment(duration=DURATION, dt=DT, **options) -> bs.Recording:
    """The run of ``build(**options)``: spikes and V."""
    return bs.simulate(build(**options), duration, dt=dt, record=RECORD, progress=False)


def spike_times(rec: bs.Recording) -> list[np.ndarray]:
    """Those of every cell, in ms."""
    spikes = rec.spikes["cells"]
    return [spikes.of(k).to_decimal(u.ms) for k in range(spikes.n)]


def as_neuron_has_it(dt=DT, tau=2 * u.ms) -> float:
    """What weights are multiplied by for conductances of a step that do not decay in it.

    A conductance of a step is here its mean over the step, and in NEURON its value at the start.
    """
    lost = float(dt / tau)
    return lost / -np.expm1(-lost)


def plot(rec: bs.Recording):
    """V of every soma, and a raster.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    train = rec.spikes["cells"]
    figure, (above, below) = pyplot.subplots(2, figsize=(7.5, 4.0), sharex=True, layout="constrained")
    V = rec["cells.V"].to_decimal(u.mV)
    for k in range(train.n):
        above.plot(rec.times.to_decimal(u.ms), V[:, k], linewidth=1)
    above.set(ylabel="V (mV)")
    bs.plot.raster(train.times, train.indices, below, n=train.n, start=rec.start, stop=rec.stop, time_unit="ms")
    below.set(xlabel="t (ms)", ylabel="cell")
    return figure


def main(folder: str = "out") -> None:
    """Print the spike times of every cell, and draw the run."""
    rec = experiment()
    for k, times in enumerate(spike_times(rec)):
        print(f"cell {k}: {np.round(times, 3)} ms")
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "ring.png"
    plot(rec).savefig(path, dpi=150)
    print(path)


if __name__ == "__main__":
    main()
