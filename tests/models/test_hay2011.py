"""The layer 5 pyramidal cell: its shape against the published reconstruction's measures, and coincidence detection."""

import brainunit as u
import numpy as np
import pytest

from brainsim import cells
from models.cells import hay2011, l5_shape


def test_the_synthetic_cell_has_the_dimensions_of_the_reconstruction():
    """Measures of ``cell1`` as NEURON has it: areas in um2, lengths in um, the longest apical path."""
    parts = l5_shape.synthetic().measures.by_type
    for kind, length, area in (("soma", 23.17, 1131), ("dend", 5133, 8863), ("apic", 7441, 21009), ("axon", 60, 188.5)):
        assert parts[kind]["length"].to_decimal(u.um) == pytest.approx(length, rel=0.01)
        assert parts[kind]["area"].to_decimal(u.um**2) == pytest.approx(area, rel=0.03)
    assert l5_shape.apical_reach(l5_shape.synthetic()) == pytest.approx(1300, rel=0.03)


def test_densities_are_the_published_ones_by_place():
    """Soma and dendrite (2.04 and 0.0213 S/cm2 of sodium), the hot zone of calcium, and h that grows with distance."""
    net = hay2011.build()
    cut = net.cell.compartments
    path = cells.distances(cut, cells.at("apic[0]", 0.0))
    part = lambda name, *where: (np.asarray(net.cell.channels[name].plain("g_max")), net.cell.sites_of(*where))
    g, at = part("na", "soma", "apic")
    assert set(np.round(g[cut.type[at] == "soma"], 6)) == {2040.0}
    assert set(np.round(g[cut.type[at] == "apic"], 6)) == {21.3}
    g, at = part("ca_lva", "soma", "apic")
    apical = cut.type[at] == "apic"
    inner = apical & (path[at] > 700) & (path[at] < 870)
    assert set(np.round(g[inner], 6)) == {18.7}
    assert set(np.round(g[apical & ((path[at] < 640) | (path[at] > 930))], 6)) == {0.187}
    g, at = part("h", "soma", "dend", "apic")
    assert g.max() == pytest.approx(0.2 * (-0.8696 + 2.087 * np.exp(3.6161)), rel=0.01)
    with pytest.raises(ValueError, match="the apical dendrite ends after 1[0-9]{3} um, given 2000"):
        l5_shape.along_apical(cut, 2000 * u.um)


@pytest.fixture(scope="module")
def trials():
    return hay2011.coincidence(onset=60 * u.ms)


def test_soma_and_dendrite_together_burst_and_neither_alone(trials):
    """One spike, none, and three with a calcium spike of tens of ms (paper: 2 to 3 spikes, 37 ms at the dendrite)."""
    spikes = dict(zip(hay2011.TRIALS, trials.spikes))
    assert [len(spikes[name]) for name in ("soma", "dendrite", "both")] == [1, 0, 3]
    assert np.diff(spikes["both"]).max() < 25
    peaks = dict(zip(hay2011.TRIALS, trials.peaks[2]))
    assert peaks["both"] > -10
    assert peaks["soma"] < -30
    assert peaks["dendrite"] < -50
    assert 20 < trials.calcium_spike < 60


def test_spikes_shrink_on_their_way_up(trials):
    """From 110 mV at the soma to 45 +- 10 mV and less, 620 um away (paper, table 1)."""
    amplitude = trials.back_propagated
    assert amplitude[0] > 100
    assert np.all(np.diff(amplitude) < 0)
    assert 20 < amplitude[2] < 55


@pytest.mark.slow
def test_steps_of_current_make_it_fire_regularly():
    """Published model on its reconstruction: 22, 27 and 39 spikes in 2 s (NEURON)."""
    found = hay2011.steps()
    assert [len(times) for times in found] == pytest.approx([22, 27, 39], abs=5)
    assert all(np.std(np.diff(times[6:])) < 0.1 * np.mean(np.diff(times[6:])) for times in found)
