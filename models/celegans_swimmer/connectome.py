r"""The nervous system of C. elegans: 302 graded neurons on the measured connectome.

.. math::

    C \dot V_i &= G_c (E_c - V_i) + \sum_j g\, n^{gap}_{ij} (V_j - V_i) + \sum_j g\, n^{syn}_{ij}\, s_j (E_j - V_i) + I_i \\
    \dot s_i &= \frac{a_r (1 - s_i)}{1 + \exp(-\beta (V_i - V^{th}_i))} - a_d s_i

n counts the contacts in electron micrographs, g is 100 pS for each; :math:`E_j` is 0 mV, and -48 mV for the 26 GABA
neurons. The threshold :math:`V^{th}` is the potential at which the network would rest, under its constant input, with
all synapses at
:math:`s_{eq} = a_r / (a_r + 2 a_d)`, so that every neuron works where it is most sensitive.

Constant input to the touch neurons PLM and the interneurons AVB, which start forward locomotion, makes the motor
neurons of the ventral cord oscillate, and all of them together run round a two-dimensional limit cycle. The stiff
membranes (0.13 ms to 150 ms) are integrated by exponential Euler.

The table of contacts is read from ``celegans_connectome.csv`` (columns pre, post, type, weight) and the neurons' names
from ``celegans_neurons.csv`` (name, type, subtype), in the folder ``shared/data`` beside that of the repository unless
told otherwise; the counts are those of WormAtlas.

    brainsim run models/celegans_swimmer/connectome.py --duration 2s
    python -m models.celegans_swimmer.connectome

References
----------
J. Kunert, E. Shlizerman, J. N. Kutz, Phys. Rev. E 89:052805 (2014); J. Kim, W. Leahy, E. Shlizerman, Front. Comput.
Neurosci. 13:8 (2019); S. R. Wicks, C. J. Roehrig, C. H. Rankin, J. Neurosci. 16:4017 (1996); L. R. Varshney et al.,
PLoS Comput. Biol. 7:e1001066 (2011).
"""

from __future__ import annotations

import csv
from pathlib import Path

import brainunit as u
import numpy as np

import brainsim as bs
from models.progress import track

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CONTACT = 0.1 * u.nS
DT = 0.1 * u.ms
DURATION = 1.0 * u.second
RECORD = ["neurons.V"]
INHIBITORY = (
    *(f"DD{k}" for k in range(1, 7)),
    *(f"VD{k}" for k in range(1, 14)),
    *("RMED", "RMEV", "RMEL", "RMER", "AVL", "DVB", "RIS"),
)
#: Constant currents in nA by neuron. 10 nA are the unit of the published program.
INPUTS = {
    "none": {},
    "forward": {"AVBL": 2.3, "AVBR": 2.3, "PLML": 1.4, "PLMR": 1.4},
    "touch": {"PLML": 2.0, "PLMR": 2.0},
    "AVB": {"AVBL": 6.4, "AVBR": 6.4},
}
MOTOR = ("DA", "DB", "VA", "VB", "DD", "VD", "AS")


class GradedNeuron(bs.masses.Mass):
    """A passive membrane whose synapses open with its potential. It has no spikes, so it is a mass to the runtime."""

    default_method = "exponential_euler"
    input_unit = u.pA
    inputs = {"I": "V"}

    C = bs.Parameter(1.5 * u.pF, "capacitance", positive=True)
    G_c = bs.Parameter(0.01 * u.nS, "leak conductance", positive=True)
    E_c = bs.Parameter(-35.0 * u.mV, "leak reversal potential")
    V_th = bs.Parameter(-35.0 * u.mV, "potential at which synapses open at half their rate")
    beta = bs.Parameter(0.125 / u.mV, "steepness of opening", positive=True)
    a_r = bs.Parameter(1 / 1.5 * u.Hz, "rate of opening", positive=True)
    a_d = bs.Parameter(5 / 1.5 * u.Hz, "rate of closing", positive=True)
    V = bs.State(-35.0 * u.mV, "membrane potential")
    s = bs.State(0.0, "fraction of open synapses")

    def derivative(self, t, V, s, I):
        opening = self.a_r * u.math.sigmoid(self.beta * (V - self.V_th))
        return (self.G_c * (self.E_c - V) + I) / self.C, opening * (1 - s) - self.a_d * s


def neurons(folder: Path | None = None, pharynx: bool = True) -> list[str]:
    """Names of the neurons in their order: all 302, or without the ``pharynx`` the 279 that the body's connectome
    joins.

    Raises
    ------
    FileNotFoundError
        If there is no such table.
    """
    path = Path(folder or DATA) / "celegans_neurons.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"connectome: there is no {path}; give folder=..., with celegans_neurons.csv and celegans_connectome.csv."
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] != "muscle"]
    apart = {"CANL", "CANR", "VC6"}
    return [r["name"] for r in rows if pharynx or not (r["subtype"].startswith("pharyn") or r["name"] in apart)]


def build(
    seed: int = 0,
    *,
    input: str | dict = "forward",
    folder: Path | None = None,
    pharynx: bool = True,
    inhibitory=INHIBITORY,
) -> bs.Network:
    """The network.

    Parameters
    ----------
    seed : int
        Of the initial potentials.
    input : str or dict
        One of :data:`INPUTS`, or currents in nA by name of neuron.
    folder : path, optional
        Where the two tables are.
    pharynx : bool
        Whether the 20 neurons of the pharynx (and three without synapses) take part: 302 neurons, or 279.
    inhibitory : sequence of str
        Neurons whose synapses have the reversal potential -48 mV.

    Returns
    -------
    Network
        With one population, ``neurons``, and projections ``gap``, ``excitation`` and ``inhibition``.
    """
    names = neurons(folder, pharynx)
    return wire(Path(folder or DATA) / "celegans_connectome.csv", names, input=input, inhibitory=inhibitory, seed=seed)


def wire(table, names, *, input: str | dict = "none", inhibitory=INHIBITORY, seed: int = 0) -> bs.Network:
    """As :func:`build`, of any table of contacts (a file or a mapping of columns) between neurons of these ``names``."""
    net = bs.Network(seed=seed)
    net.neurons = GradedNeuron(len(names), V=bs.Normal(-35.0 * u.mV, 1e-4 * u.mV), s=bs.Uniform(0.0, 1e-4))
    net.neurons.add_receptors(
        gap=bs.receptors.GapJunction(),
        excitation=bs.receptors.Graded(reversal=0.0 * u.mV),
        inhibition=bs.receptors.Graded(reversal=-48.0 * u.mV),
    )
    net.neurons.add_stimuli(drive=bs.stimuli.Constant(np.zeros(len(names)) * u.pA))
    kinds = {
        "gap": dict(where={"type": "electrical"}, symmetric=True),
        "excitation": dict(where={"type": "chemical", "pre": tuple(n for n in names if n not in inhibitory)}),
        "inhibition": dict(where={"type": "chemical", "pre": tuple(n for n in names if n in inhibitory)}),
    }
    for kind, options in kinds.items():
        rule = bs.FromTable(table, names, unknown="skip", **options)
        signal = "V" if kind == "gap" else "s"
        net.connect(
            net.neurons, net.neurons, rule, receptor=kind, weight=rule.values * CONTACT, signal=signal, name=kind
        )
    set_input(net, names, input)
    return net


def contacts(net: bs.Network, kind: str) -> np.ndarray:
    """Conductance in nS from each neuron (column) to each (row), of ``"gap"``, ``"excitation"`` or ``"inhibition"``."""
    pre, post = (np.asarray(side) for side in net[kind].indices_of_synapses())
    g = np.zeros((len(net.neurons), len(net.neurons)))
    np.add.at(g, (post, pre), np.asarray(net[kind].weight.to_decimal(u.nS)))
    return g


def set_input(net: bs.Network, names, input: str | dict) -> None:
    """Give the neurons a constant input and move their thresholds to where the network would rest under it."""
    if isinstance(input, str):
        if input not in INPUTS:
            raise ValueError(
                f"connectome: input must be one of {', '.join(INPUTS)} or currents by neuron, given {input!r}."
            )
        input = INPUTS[input]
    if unknown := set(input) - set(names):
        raise ValueError(f"connectome: no neurons of this network: {', '.join(sorted(unknown))}.")
    current = np.array([1e3 * input.get(name, 0.0) for name in names])  # pA
    net.neurons.drive.amplitude = current * u.pA
    net.neurons.V_th = thresholds(net, current) * u.mV


def thresholds(net: bs.Network, current) -> np.ndarray:
    """Potentials (mV) at which the network would rest with all synapses at a_r / (a_r + 2 a_d), for an input in pA."""
    cells = net.neurons
    a_r, a_d = (float(getattr(cells, name).to_decimal(u.Hz)) for name in ("a_r", "a_d"))
    leak, s = float(cells.G_c.to_decimal(u.nS)), a_r / (a_r + 2 * a_d)
    gap, exc, inh = (contacts(net, kind) for kind in ("gap", "excitation", "inhibition"))
    total = np.diag(leak + gap.sum(1) + s * (exc + inh).sum(1)) - gap
    source = leak * float(cells.E_c.to_decimal(u.mV)) + s * -48.0 * inh.sum(1) + np.asarray(current)
    return np.linalg.solve(total, source)


def response(rec: bs.Recording, net: bs.Network) -> np.ndarray:
    """Potentials relative to their thresholds as published, 500 mV tanh((V - V_th) / 500 mV): (times, neurons), in mV."""
    V, V_th = (np.asarray(x.to_decimal(u.mV)) for x in (rec["neurons.V"], net.neurons.V_th))
    return 500 * np.tanh((V - V_th) / 500)


def observables(values: np.ndarray, names, step: float) -> dict:
    """What the motor neurons of the cord do, from responses (times, neurons) every ``step`` seconds.

    Returns
    -------
    dict
        ``frequency`` (Hz), that of the largest power; ``two_modes``, the share of their variance in two principal
        components; ``amplitude`` (mV), their mean standard deviation.
    """
    motor = [k for k, name in enumerate(names) if name.rstrip("0123456789") in MOTOR]
    x = values[:, motor] - values[:, motor].mean(0)
    variances = np.linalg.svd(x, compute_uv=False) ** 2
    padded = 8 * len(x)  # so that the peak is found between the frequencies of the transform
    power = (np.abs(np.fft.rfft(x * np.hanning(len(x))[:, None], n=padded, axis=0)) ** 2).sum(1)
    return {
        "frequency": float((power[1:].argmax() + 1) / (padded * step)),
        "two_modes": float(variances[:2].sum() / max(variances.sum(), 1e-300)),
        "amplitude": float(x.std(0).mean()),
    }


def experiment(input: str | dict = "forward", seconds: float = 30.0, after: float = 15.0, dt=DT, **options):
    """Simulate; returns responses in mV every 10 ms, the names, and :func:`observables` from ``after`` on."""
    net = build(input=input, **options)
    names = neurons(options.get("folder"), options.get("pharynx", True))
    rec = bs.simulate(net, seconds * u.second, dt=dt, record=RECORD, sample_every=10.0 * u.ms)
    values = response(rec, net)
    return values, names, observables(values[round(after / 0.01) :], names, 0.01)


def main() -> None:
    """Print what constant inputs do."""
    for input in track(INPUTS, "input"):
        _, _, found = experiment(input)
        print(f"{input:8s}" + ", ".join(f"{name} {value:.3g}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
