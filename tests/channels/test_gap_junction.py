"""Gap junctions between conductance-based cells: the coupling coefficient, synchrony, and NEST."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs

S, A = u.mS / u.cm2, u.uA / u.cm2


def joined(cells, weight):
    """All cells of one population joined to each other."""
    net = bs.Network()
    net.E = cells
    net.E.add_receptors(gap=bs.receptors.GapJunction())
    if weight is not None:
        pre, post = np.nonzero(~np.eye(len(cells), dtype=bool))
        net.connect(net.E, net.E, bs.FromArrays(pre, post), receptor="gap", weight=weight)
    return net


def test_coupling_coefficient():
    """Two passive cells, current into one: the other follows by g / (g + g_L), and the input resistance falls."""
    g, g_L, I = 0.04, 0.1, 0.7
    net = joined(bs.neurons.ConductanceBased(2), g * S)
    net.E.add_stimuli(drive=bs.stimuli.Constant(np.array([I, 0.0]) * A))
    bs.simulate(net, 500 * u.ms, dt=0.05 * u.ms, progress=False)
    first, second = np.asarray(net.E.V / u.mV) + 70.0
    assert second / first == pytest.approx(g / (g + g_L), rel=1e-6)
    assert first == pytest.approx(I * (g_L + g) / (g_L * (g_L + 2 * g)), rel=1e-6)


def test_spiking_cells_synchronise():
    """Hodgkin-Huxley cells of different drive: apart they fire at different rates; joined at one, with a fixed lag
    below 1 ms.
    """
    trains = {}
    for weight in (None, 0.2 * S):
        net = joined(bs.neurons.HodgkinHuxley(2), weight)
        net.E.add_stimuli(drive=bs.stimuli.Constant(np.array([10.0, 12.0]) * A))
        spikes = bs.simulate(net, 600 * u.ms, dt=0.025 * u.ms, record="E.spikes", progress=False).spikes["E"]
        trains[weight is not None] = [np.asarray(spikes.of(k) / u.ms) for k in range(2)]
    apart, together = trains[False], trains[True]
    assert abs(np.diff(apart[0]).mean() - np.diff(apart[1]).mean()) > 0.5
    late = [t[t > 300] for t in together]
    assert len(late[0]) == len(late[1]) > 15
    lag = late[0] - late[1]  # the cell with more drive leads
    assert lag.min() > 0 and lag.max() < 1.0 and np.ptp(lag) < 0.06


def test_two_joined_cells_are_nests(protocol, references):
    """V of Traub-Miles cells that spike at different rates, at every millisecond, against `hh_cond_beta_gap_traub`."""
    p = protocol.GAP
    cell = p["cell"]
    m, h, n = (float(x) for x in references["gap_gates"])
    E = {k: cell[k] * u.mV for k in ("E_Na", "E_K", "E_L", "V_T")}
    g = {k: cell[k] * u.nS for k in ("g_Na", "g_K", "g_L")}
    found = {}
    for weight in (None, p["weight"] * u.nS):
        net = joined(
            bs.neurons.TraubMiles(2, C=cell["C_m"] * u.pF, V=cell["V_m"] * u.mV, m=m, h=h, n=n, **E, **g), weight
        )
        net.E.add_stimuli(drive=bs.stimuli.Constant(np.array(p["currents"]) * u.pA))
        rec = bs.simulate(
            net, p["duration"] * u.ms, dt=0.005 * u.ms, record="E.V", sample_every=1 * u.ms, progress=False
        )
        found[weight is not None] = np.asarray(rec["E.V"] / u.mV)
    theirs = references["gap_V"]
    error = np.abs(found[True] - theirs)
    assert np.median(error) < 0.05
    assert np.mean(error < 0.5) > 0.9  # all but the samples on a flank of a spike
    assert np.median(np.abs(found[False] - theirs)) > 0.5
