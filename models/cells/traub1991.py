"""The CA3 pyramidal cell of Traub et al. (1991), in 19 compartments: beside the one of two in ``ca3_memory/cell.py``.

A chain: eight basal compartments, the soma, ten apical ones, of which both last have no channels. Sodium spikes of the
soma run into the dendrites and call up calcium spikes there, whose current comes back and makes a burst; the calcium
that enters opens the potassium currents that end it. A steady current of 0.2 nA gives a burst a second or so, more of it
bursts more often, and in the end spikes without bursts. Without calcium channels there are no bursts.

    python -m models.cells.traub1991

References
----------
R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991), without their synapses.
"""

from __future__ import annotations

from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import cells, channels
from models.ca3_memory.cell import Regime, beginnings, somatic_spikes

DT = 0.02 * u.ms
MS = u.mS / u.cm2
#: By number in the paper: densities in mS/cm2 of Na, K(DR), Ca, K(C), and calcium per charge that enters, per nA and ms.
#: K(AHP) is 0.8 in all of them, K(A) 5 in the soma; compartments 1 and 19 have nothing.
DENSITIES = {
    2: (0, 0, 5, 5, 7.769), 3: (0, 0, 5, 5, 7.769), 4: (0, 0, 12, 10, 7.769), 5: (0, 0, 12, 10, 7.769),
    6: (20, 20, 12, 10, 7.769), 7: (0, 0, 5, 5, 7.769), 8: (15, 5, 8, 20, 34.53), 9: (30, 15, 4, 10, 17.402),
    10: (15, 5, 8, 20, 26.404), 11: (0, 0, 5, 5, 5.941), 12: (20, 20, 17, 15, 5.941), 13: (0, 0, 17, 15, 5.941),
    14: (0, 0, 17, 15, 5.941), 15: (0, 0, 10, 15, 5.941), 16: (0, 0, 10, 15, 5.941), 17: (0, 0, 5, 5, 5.941),
    18: (0, 0, 5, 5, 5.941),
}  # fmt: skip
SOMA, APICAL = 9, 14
#: Length and diameter in um of basal compartments, the soma and apical ones.
SIZES = {"dend": (110.0, 4.84), "soma": (125.0, 8.46), "apic": (120.0, 5.78)}
#: Into the soma, nA.
CURRENTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


def shape() -> cells.Morphology:
    """The chain, with names ``"1"`` to ``"19"``."""
    builder = cells.Builder()

    def add(number, type, parent, **place):
        length, thickness = SIZES[type]
        options = dict(
            type=type, parent=parent, name=str(number), direction=(1.0 if number >= SOMA else -1.0, 0.0, 0.0)
        )
        return builder.add(length * u.um, thickness * u.um, **options, **place)

    soma = add(SOMA, "soma", None)
    for numbers, type, start in ((range(SOMA - 1, 0, -1), "dend", 0.0), (range(SOMA + 1, 20), "apic", 1.0)):
        last, at = soma, start
        for number in numbers:
            last, at = add(number, type, last, at=at), 1.0
    return builder.build()


def build(
    seed: int = 0, *, I=0.2 * u.nA, into: int = SOMA, g_Ca: float = 1.0, method: str = "staggered_crank_nicolson"
) -> bs.Network:
    """Cells, each with its own current; they are not connected.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    I : quantity, current, () or (n,)
        Steady current.
    into : int
        Number of the compartment that it enters: 9 is the soma.
    g_Ca : float
        Factor of the calcium conductances: 0 blocks them.
    method : str
        ``"staggered_crank_nicolson"`` or ``"staggered_backward_euler"``.

    Returns
    -------
    Network
        With the population ``cell``; sites are ordered as in :func:`shape`.
    """
    chain = shape()
    areas = dict(zip((branch.name for branch in chain), chain.measures.areas.to_decimal(u.um**2)))
    active = [str(number) for number in DENSITIES]

    def density(column, unit=MS, factor=1.0):
        """Where a column of the table is not zero, and its values there."""
        found = {str(k): row[column] * factor * unit for k, row in DENSITIES.items() if row[column]}
        return dict(g_max=cells.by_region(found)), tuple(found)

    def part(kind, column, factor=1.0):
        values, where = density(column, factor=factor)
        return kind(**values).on(*where)

    phi = {str(k): row[4] * areas[str(k)] * 1e-5 / (u.uA / u.cm2 * u.ms) for k, row in DENSITIES.items()}
    net = bs.Network(seed=seed)
    net.cell = cells.MultiCompartment(
        int(np.size(u.get_mantissa(I))),
        chain,
        compartments=1,
        method=method,
        V=-60 * u.mV,
        V_th=-30 * u.mV,
        E_L=-60 * u.mV,
        g_L=0.1 * MS,
        C=3 * u.uF / u.cm2,
        R_a=100 * u.ohm * u.cm,
        channels=dict(
            na=part(channels.Na_Traub1991, 0),
            kdr=part(channels.K_Traub1991, 1),
            ca=part(channels.CaHT_Traub1991, 2, g_Ca),
            kc=part(channels.KC_Traub1991, 3),
            kahp=channels.KAHP_Traub1991(g_max=0.8 * MS).on(*active),
            ka=channels.KA_Traub1991(g_max=5 * MS).on(str(SOMA)),
        ),
        pools=dict(Ca=channels.Calcium_Traub1991(phi=cells.by_region(phi)).on(*active)),
    )
    net.cell.add_stimuli(steady=bs.stimuli.Constant(I).on(str(into)))
    return net


def potentials(net: bs.Network, duration, dt=DT, every=0.1 * u.ms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run: times (ms), V of the soma and of compartment 14 (mV; steps, cells)."""
    cut, n = net.cell.compartments, net.cell.count
    rows = [int(cells.branches(str(k)).indices(cut)[0]) for k in (SOMA, APICAL)]
    record = [f"cell.V[{row * n + k}]" for row in rows for k in range(n)]
    rec = bs.simulate(net, duration, dt=dt, record=record, sample_every=every, progress=False)
    V = np.stack([rec[name].to_decimal(u.mV)[:, 0] for name in record]).reshape(2, n, -1).swapaxes(1, 2)
    return rec.times.to_decimal(u.ms), *V


def regimes(currents=CURRENTS, duration=4.0 * u.second, settle=1.0 * u.second, dt=DT, **options) -> Regime:
    """Firing under steady currents (nA) over ``duration``, after ``settle``: as of the cell of two compartments."""
    t, soma, dendrite = potentials(build(I=np.asarray(currents) * u.nA, **options), settle + duration, dt)
    late = t > settle.to_decimal(u.ms)
    spikes = [somatic_spikes(V, t[late], low=-30.0) for V in soma[late].T]
    per_second = lambda trains: np.array([len(train) for train in trains]) / duration.to_decimal(u.second)
    return Regime(per_second(map(beginnings, spikes)), per_second(spikes), dendrite[late].max(0) > -10.0)


def experiment(**options) -> Regime:
    """:func:`regimes` with ``options``."""
    return regimes(**options)


def plot(currents=(0.2, 0.5, 1.0), duration=1.5 * u.second):
    """V of soma (black) and apical dendrite (red) under a few currents, and the first burst.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    t, soma, dendrite = potentials(build(I=np.asarray(currents) * u.nA), duration)
    figure, axes = pyplot.subplots(
        len(currents), 2, figsize=(9.0, 1.7 * len(currents)), layout="constrained", width_ratios=[2, 1]
    )
    for k, (row, current) in enumerate(zip(axes, currents)):
        for ax, shown in zip(row, (slice(None), slice(0, 1500))):
            ax.plot(t[shown], soma[shown, k], color="black", linewidth=0.7)
            ax.plot(t[shown], dendrite[shown, k], color="C3", linewidth=0.8)
            ax.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(f"{current} nA\nV (mV)")
    for ax in axes[-1]:
        ax.set_xlabel("t (ms)")
    return figure


def main(folder: str = "out") -> None:
    """Print firing by current, with and without calcium channels, and draw."""
    for g_Ca in (1.0, 0.0):
        print(f"calcium conductances times {g_Ca}")
        for current, events, spikes, calcium in zip(CURRENTS, *regimes(g_Ca=g_Ca)):
            print(
                f"  {current} nA: {events:.2f} events/s, {spikes:.1f} spikes/s{', calcium spikes' if calcium else ''}"
            )
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "traub1991.png"
    plot().savefig(path, dpi=150)
    print(path)


if __name__ == "__main__":
    main()
