"""The CA3 cell of 19 compartments against an independent program: the same equations, typed from the paper in NumPy
(``tests/references/channel_equations.py``), with SciPy's LSODA to 1e-7."""

import brainunit as u
import numpy as np
import pytest

from models.cells import traub1991 as model

#: times at which the soma passes -30 mV, in ms, at 0.2 and 0.5 nA
REFERENCE = (
    (17.262, 24.005, 27.870, 31.921, 36.338, 41.260, 48.465),
    (7.913, 14.711, 18.542, 22.400, 26.438, 30.757, 35.787, 43.451),
)


def crossings(t, V, level=-30.0):
    up = np.flatnonzero((V[:-1] <= level) & (V[1:] > level))
    return t[up] + np.diff(t)[up] * (level - V[up]) / (V[up + 1] - V[up])


@pytest.fixture(scope="module")
def burst():
    return model.potentials(model.build(I=np.array([0.2, 0.5]) * u.nA), 120 * u.ms)


@pytest.mark.parametrize("cell", [0, 1])
def test_every_spike_of_the_burst_is_the_independent_programs(burst, cell):
    """Within 0.05 ms at dt 0.02 ms, where the fastest rates of the calcium channel set the error; then silence."""
    t, soma, _ = burst
    found = crossings(t, soma[:, cell])
    assert len(found) == len(REFERENCE[cell])
    np.testing.assert_allclose(found, REFERENCE[cell], atol=0.06)


def test_the_dendrite_has_a_calcium_spike(burst):
    """33.2 and 33.3 mV in the independent program."""
    _, _, dendrite = burst
    np.testing.assert_allclose(dendrite.max(0), [33.21, 33.33], atol=0.5)


def test_the_chain_is_that_of_the_paper():
    """19 compartments of the paper's sizes; sodium in compartments 6, 8, 9 (soma), 10 and 12."""
    net = model.build()
    cut = net.cell.compartments
    areas = {branch.name: area for branch, area in zip(cut.morphologies[0], cut.area)}
    assert sorted(areas, key=int) == [str(k) for k in range(1, 20)]
    np.testing.assert_allclose(sum(areas.values()), np.pi * (8 * 110 * 4.84 + 125 * 8.46 + 10 * 120 * 5.78), rtol=1e-9)
    names = [
        cut.morphologies[0][int(cut.branch[site])].name for site in net.cell.sites_of(*["6", "8", "9", "10", "12"])
    ]
    found = dict(zip(names, net.cell.na.plain("g_max").tolist()))
    assert found == pytest.approx({"6": 20.0, "8": 15.0, "9": 30.0, "10": 15.0, "12": 20.0})


@pytest.mark.slow
def test_bursts_come_more_often_with_current_and_not_without_calcium():
    """A burst a second at 0.2 nA and spikes without bursts from 0.5 nA on; without calcium channels only spikes."""
    found = model.regimes((0.2, 0.4, 0.7))
    assert np.all(np.diff(found.events) > 0)
    assert 0.5 <= found.events[0] <= 1.5
    assert found.calcium.tolist() == [True, True, False]
    assert found.per_event[0] > 5
    blocked = model.regimes((0.2, 0.4, 0.7), g_Ca=0.0)
    assert not blocked.calcium.any()
    assert np.all(blocked.events <= 0.25)
