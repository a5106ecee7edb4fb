r"""The nervous system of C. elegans with its command interneurons as cables: potentials along the ventral cord.

.. math::

    c\,\partial_t V = \frac{a}{2 R_a}\,\partial_x^2 V + \frac{E_c - V}{R_m} + \ldots,\qquad
    \lambda = \sqrt{\frac{R_m\,d}{4 R_a}}

The ten command interneurons (AVA, AVB, AVD, AVE, PVC) have one unbranched process along the whole cord, and touch motor
neurons where these stand: the 75 of the cord are spread evenly along it, class by class. All other contacts are in the
head. Membranes, contacts and synapses are those of :mod:`models.celegans_swimmer.connectome`, in which each neuron is a
point of 1.5 pF and 10 pS, that is 150 kohm cm2 at 1 uF/cm2; a cable of that area and of half a millimetre has a
diameter of 0.1 um and a length constant of half a millimetre, so that it is no point. All gap junctions are part of the
implicit step, and chemical synapses follow V of the place where they leave.

    python -m models.celegans_swimmer.cable_neurons

References
----------
J. G. White, E. Southgate, J. N. Thomson, S. Brenner, Phil. Trans. R. Soc. B 314:1 (1986); E. Niebur, P. Erdos, Math. Biosci.
118:51 (1993), on cables; S. R. Wicks, C. J. Roehrig, C. H. Rankin, J. Neurosci. 16:4017 (1996), on the membrane; J. Kunert,
E. Shlizerman, J. N. Kutz, Phys. Rev. E 89:052805 (2014).
"""

from __future__ import annotations

from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import cells
from models.celegans_swimmer import connectome

DT = 1.0 * u.ms
COMMAND = tuple(f"{name}{side}" for name in ("AVA", "AVB", "AVD", "AVE", "PVC") for side in "LR")
MOTOR = {"DA": 9, "DB": 7, "VA": 12, "VB": 11, "DD": 6, "VD": 13, "AS": 11, "VC": 6}
LENGTH = 500.0  # um: of the process along the cord
AREA = 150.0  # um2: 1.5 pF at 1 uF/cm2
R_M, R_A = 150.0, 180.0  # kohm cm2, ohm cm
PIECES = 10  # compartments of a cable
S_EQ = 1 / 11  # a_r/(a_r + 2 a_d): where synapses rest
EXCITES, INHIBITS = 0.0, -48.0  # mV


def along(name: str) -> float | None:
    """Where on the cord a motor neuron stands, from 0 (head) to 1 (tail); None for other neurons."""
    kind = name.rstrip("0123456789")
    if kind not in MOTOR or kind == name:
        return None
    return (int(name[len(kind) :]) - 0.5) / MOTOR[kind]


def shapes(names, *, length: float = LENGTH) -> list[cells.Compartments]:
    """Of every neuron: a cable with the head end first, or a cylinder; all of one area."""
    side = np.sqrt(AREA / np.pi)
    point = cells.discretise(cells.cylinder(side * u.um, side * u.um, type="soma"), 1)
    cable = cells.cylinder(length * u.um, AREA / np.pi / length * u.um, type="soma")
    cable = cells.discretise(cable, PIECES)
    return [cable if name in COMMAND else point for name in names]


class Places:
    """On which site each contact of two neurons is.

    Parameters
    ----------
    names : sequence of str
    pieces : dict of str to int
        Compartments of each neuron.
    """

    def __init__(self, names, pieces):
        self.first = dict(zip(names, np.cumsum([0, *pieces.values()])))
        self.pieces = pieces

    def of(self, name: str, partner: str) -> int:
        """The site of ``name`` at which it touches ``partner``: on a cable at that one's place on the cord, or in the head."""
        at = along(partner)
        if self.pieces[name] == 1 or at is None:
            return int(self.first[name])
        return int(self.first[name] + min(int(at * self.pieces[name]), self.pieces[name] - 1))


def build(
    seed: int = 0, *, input: str | dict = "forward", folder: Path | None = None, length: float = LENGTH
) -> bs.Network:
    """The network of 279 neurons.

    Parameters
    ----------
    seed : int
        Of the initial potentials.
    input : str or dict
        One of :data:`connectome.INPUTS`, or currents in nA by name of neuron, into the head end.
    folder : path, optional
        Where the two tables are.
    length : float
        Of the cables in um; a short one of the same area is a point.

    Returns
    -------
    Network
        With one population, ``neurons``, the junctions ``gap`` of it, and projections ``exc`` and ``inh``.
    """
    names = connectome.neurons(folder, pharynx=False)
    points = connectome.build(folder=folder, pharynx=False, input="none")
    cut = shapes(names, length=length)
    places = Places(names, {name: len(one) for name, one in zip(names, cut)})
    net = bs.Network(seed=seed)
    net.neurons = cells.MultiCompartment(
        len(names), cut, R_a=R_A * u.ohm * u.cm, C=1 * u.uF / u.cm2, g_L=1 / R_M * u.mS / u.cm2, E_L=-35 * u.mV,
        V=bs.Normal(-35 * u.mV, 1e-4 * u.mV), V_th=1e3 * u.mV,
    )  # fmt: skip
    joined = _wire(net, points, names, places)
    given = connectome.INPUTS[input] if isinstance(input, str) else input
    current = np.zeros(net.neurons.sites)
    for name, nA in given.items():
        current[places.first[name]] = 1e3 * nA
    net.neurons.add_stimuli(drive=bs.stimuli.Constant(current * u.pA).on("all"))
    half = thresholds(net, joined, current)
    for name in ("exc", "inh"):
        net[name].terminal.V_half = half * u.mV
    return net


def _wire(net, points, names, places):
    """Junctions and synapses as those of ``points``; returns for each kind the sites of both sides and the conductances in nS."""
    joined = {}
    for kind, own in (("gap", "gap"), ("excitation", "exc"), ("inhibition", "inh")):
        g = connectome.contacts(points, kind)
        post, pre = np.nonzero(np.tril(g, -1) if kind == "gap" else g)
        sites = [(places.of(names[a], names[b]), places.of(names[b], names[a])) for a, b in zip(pre, post)]
        joined[own] = *np.array(sites).T, g[post, pre]
    pre, post, g = joined["gap"]
    net.neurons.add_junctions(gap=cells.Junctions(np.stack([pre, post], 1), g=g * u.nS).on("all"))
    reversal = dict(exc=EXCITES, inh=INHIBITS)
    net.neurons.add_receptors(
        **{k: bs.receptors.Graded(reversal=V * u.mV).on("all") for k, V in reversal.items()}
    )  # fmt: skip
    for kind in reversal:
        pre, post, g = joined[kind]
        rule = bs.FromArrays(pre, post)
        net.connect(
            net.neurons.at("all"), net.neurons.at("all"), rule, receptor=kind, weight=g * u.nS, name=kind,
            terminal=bs.terminals.GradedRelease(V_half=np.zeros(net.neurons.sites) * u.mV),
        )  # fmt: skip
    return joined


def thresholds(net: bs.Network, joined: dict, current: np.ndarray) -> np.ndarray:
    """Potentials (mV) of all sites at which the network would rest with all synapses at their resting value."""
    area = np.asarray(net.neurons.area.to_decimal(u.um2))
    total = np.diag(area / R_M * 1e-2)  # nS: 1 um2 over 1 kohm cm2 is 0.01 nS
    source = np.diag(total) * -35.0 + current
    cut = net.neurons.compartments
    inner = np.flatnonzero(cut.parent >= 0)
    axial = np.asarray(cut.coupling(net.neurons.R_a).to_decimal(u.nS))[inner]
    pairs = [(inner, cut.parent[inner], axial), joined["gap"]]
    for a, b, g in pairs:
        np.add.at(total, (a, a), g)
        np.add.at(total, (b, b), g)
        np.add.at(total, (a, b), -g)
        np.add.at(total, (b, a), -g)
    for kind, V in (("exc", EXCITES), ("inh", INHIBITS)):
        _, post, g = joined[kind]
        np.add.at(total, (post, post), S_EQ * g)
        np.add.at(source, post, S_EQ * g * V)
    return np.linalg.solve(total, source)


def experiment(input: str | dict = "forward", seconds: float = 30.0, after: float = 15.0, dt=DT, **options):
    """Simulate.

    Returns
    -------
    values : array (times, neurons)
        Responses in mV as of :func:`connectome.response`, every 10 ms, of cables in the head.
    cables : dict of str to array (times, compartments)
        V along each cable, in mV.
    observables : dict
        As of :func:`connectome.observables`, from ``after`` on, and ``decay``: how much less the tail end of each
        cable moves than its head end (mean of the ratios of standard deviations).
    """
    net = build(input=input, **options)
    names = connectome.neurons(options.get("folder"), pharynx=False)
    rec = bs.simulate(net, seconds * u.second, dt=dt, record=["neurons.V"], sample_every=10.0 * u.ms)
    V = np.asarray(rec["neurons.V"].to_decimal(u.mV))
    places = Places(names, {name: PIECES if name in COMMAND else 1 for name in names})
    heads = np.array([places.first[name] for name in names])
    half = np.asarray(net["exc"].terminal.V_half.to_decimal(u.mV))
    values = 500 * np.tanh((V - half) / 500)
    late = values[round(after / 0.01) :]
    found = connectome.observables(late[:, heads], names, 0.01)
    cables = {name: V[:, places.first[name] : places.first[name] + PIECES] for name in COMMAND}
    moved = [late[:, places.first[name] : places.first[name] + PIECES].std(0) for name in COMMAND]
    found["decay"] = float(np.mean([sd[-1] / sd[0] for sd in moved]))
    return values[:, heads], cables, found


def main() -> None:
    """Print what forward input does, for cables of half a millimetre and for such as are points."""
    for length in (7.0, LENGTH, 1000.0):
        _, _, found = experiment(length=length)
        print(f"{length:6.0f} um: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
