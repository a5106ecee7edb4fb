"""Four shapes, one set of densities, four firing patterns: figure 1 of Mainen and Sejnowski (1996).

Trees as large as the four reconstructions of the paper, with as many stems and tips, or shapes of one's own; each gets
the axon of the model (hillock, initial segment, five nodes in myelin), as thick as its soma asks for.

    python -m models.cells.mainen1996_shapes

References
----------
Z. F. Mainen, T. J. Sejnowski, Nature 382:363 (1996), figure 1, with the corrections of their program.
"""

from __future__ import annotations

from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import cells, channels
from models.cells.l5_shape import grow_tree
from models.cells.mainen1996 import DT, KM, PS, SETTLE, STEP, WARM, Ca, K, KCa, Na, spike_times

#: Soma (length, diameter), stems (length in all, tips, mean diameter), all in um and with their spines; current in nA.
#: Last, how dendrites divide, which the paper's drawings do not tell: the length of branches that divide by that of those
#: that end, and how much thinner a branch is than the one before.
SHAPES = {
    "layer 3 aspiny": ((8.2, 13.2), ((970, 8, 0.40), (960, 8, 0.40), (955, 8, 0.40)), 0.05, (0.25, 0.6)),
    "layer 4 stellate": (
        (10.5, 23.6),
        ((875, 6, 0.97), (1295, 8, 0.93), (1662, 10, 0.97), (516, 3, 0.78), (1851, 12, 0.95), (582, 4, 1.05)),
        0.07,
        (0.25, 0.6),
    ),
    "layer 3 pyramid": ((13.2, 29.8), ((1786, 9, 0.76), (3515, 17, 0.91), (3467, 19, 0.90), (1632, 9, 0.75)), 0.1, (0.25, 0.6)),
    "layer 5 pyramid": (
        (35.0, 25.0),
        (
            (1191, 5, 1.10), (1847, 7, 1.03), (891, 3, 0.93), (872, 4, 1.07), (307, 1, 1.14), (1253, 6, 1.13),
            (1477, 7, 1.18), (795, 3, 1.17), (727, 3, 1.01), (1389, 6, 1.07), (11049, 42, 1.01),
        ),
        0.2,
        (0.5, 0.7),
    ),
}  # fmt: skip
AXON = {"myelin": 5, "node": 1, "hillock": 5, "iseg": 5}


def synthetic(name: str) -> cells.Morphology:
    """Soma and dendrites of one of :data:`SHAPES`, without axon."""
    (length, diameter), stems, _, (inner, thinner) = SHAPES[name]
    builder = cells.Builder()
    soma = builder.add(length * u.um, diameter * u.um, type="soma")
    for k, stem in enumerate(stems):
        angle = 2 * np.pi * k / len(stems)
        heading = (np.cos(angle), np.sin(angle), 0.0)
        grow_tree(builder, soma, "dend", *stem, inner, at=0.5, direction=heading, thinner=thinner)
    return builder.build()


def with_axon(shape: cells.Morphology) -> cells.Morphology:
    """The shape with the axon of the model, a tenth as thick as a sphere with the area of the soma."""
    thickness = float(np.sqrt(shape.measures.by_type["soma"]["area"].to_decimal(u.um**2) / (4 * np.pi))) / 10
    builder = cells.Builder(shape)
    soma = int(shape.which("soma")[0])
    last = builder.add(10 * u.um, [4 * thickness, thickness] * u.um, type="hillock", parent=soma, at=0.5)
    last = builder.add(15 * u.um, thickness * u.um, type="iseg", parent=last)
    for _ in range(5):
        last = builder.add(100 * u.um, thickness * u.um, type="myelin", parent=last)
        last = builder.add(1 * u.um, 0.75 * thickness * u.um, type="node", parent=last)
    return builder.build()


class AsPublished:
    """Compartments of at most 50 um in soma and dendrites; five of one in each part of the axon, and one in a node."""

    def counts(self, morphology: cells.Morphology) -> np.ndarray:
        """The number of compartments of every branch."""
        lengths = morphology.measures.lengths.to_decimal(u.um)
        return np.array([AXON.get(b.type, 1 + int(length / 50)) for b, length in zip(morphology, lengths)])


def build(seed: int = 0, *, shapes=None, currents=None, method: str = "staggered_backward_euler") -> bs.Network:
    """One cell of each shape, each with a step of current into its soma.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    shapes : sequence of Morphology, optional
        With soma and dendrites, without axons; the four of :data:`SHAPES` if not given.
    currents : array (n,), optional
        In nA, from 200 to 1,100 ms.
    method : str
        ``"staggered_backward_euler"`` or ``"staggered_crank_nicolson"``.

    Returns
    -------
    Network
        With the population ``cells``.
    """
    shapes = [synthetic(name) for name in SHAPES] if shapes is None else shapes
    currents = [current for _, _, current, _ in SHAPES.values()] if currents is None else currents
    slow, fast = ("soma", "dend"), ("hillock", "iseg", "node")
    net = bs.Network(seed=seed)
    leak = u.siemens / u.cm2 / 30000
    net.cells = cells.MultiCompartment(
        len(shapes),
        [with_axon(shape) for shape in shapes],
        compartments=AsPublished(),
        method=method,
        V=-70 * u.mV,
        V_th=0 * u.mV,
        R_a=150 * u.ohm * u.cm,
        C=cells.by_region({"myelin": 0.04 * u.uF / u.cm2}, default=0.75 * u.uF / u.cm2),
        g_L=cells.by_region({"node": 0.02 * u.siemens / u.cm2}, default=leak),
        channels=dict(
            na=Na(g_max=cells.by_region(dict.fromkeys(fast, 30000 * WARM * PS), default=20 * WARM * PS), V_sh=5 * u.mV),
            kv=K(g_max=cells.by_region({"soma": 200 * WARM * PS}, default=2000 * WARM * PS)).on(
                "soma", "hillock", "iseg"
            ),
            km=KM(g_max=0.1 * WARM * PS).on(*slow),
            kca=KCa(g_max=3 * WARM * PS).on(*slow),
            ca=Ca(g_max=0.3 * WARM * PS).on(*slow),
        ),
        pools=dict(Ca=channels.Calcium(depth=0.1 * u.um, tau=200 * u.ms, rest=1e-4 * u.mM).on(*slow)),
    )
    net.cells.add_stimuli(step=bs.stimuli.Constant(np.asarray(currents) * u.nA, start=SETTLE, stop=SETTLE + STEP))
    return net


def experiment(dt=DT, **options) -> bs.Recording:
    """The run of ``build(**options)``: spikes, and V of the somata."""
    net = build(**options)
    somata = [f"cells.V[{site}]" for site in net.cells.sites_of(bs.cells.at("soma", 0.5))]
    return bs.simulate(
        net, SETTLE + STEP, dt=dt, record=["cells.spikes", *somata], sample_every=0.1 * u.ms, progress=False
    )


def plot(rec: bs.Recording, names=tuple(SHAPES)):
    """V of every soma.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    recorded = list(rec.keys())
    traces = [rec[name] for name in recorded if name.startswith("cells.V")]
    figure, axes = pyplot.subplots(len(traces), figsize=(8.0, 1.4 * len(traces)), sharex=True, layout="constrained")
    for name, V, ax in zip(names, traces, axes):
        ax.plot((rec.times - SETTLE).to_decimal(u.ms), V.to_decimal(u.mV)[:, 0], color="black", linewidth=0.7)
        ax.set(title=name, xlim=(-20, 900), ylabel="V (mV)")
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("t (ms)")
    return figure


def main(folder: str = "out") -> None:
    """Print spikes by shape, and draw V."""
    rec = experiment()
    for name, times in zip(SHAPES, spike_times(rec)):
        print(f"{name}: {len(times)} spikes, {np.round(times[:8], 1)} ms")
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "mainen1996_shapes.png"
    plot(rec).savefig(path, dpi=150)
    print(path)


if __name__ == "__main__":
    main()
