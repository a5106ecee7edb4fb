"""Every neuron model of NEST in the table against its counterpart here."""

import numpy as np
import pytest

from tests.references import nest_models as table

FAST = ("iaf_cond_alpha", "iaf_psc_alpha", "glif_cond")  # whose spikes are NEST's to the step, conductances included


@pytest.fixture(scope="module")
def stored():
    return dict(np.load(table.FILE))


def agrees(name, stored):
    case, theirs, V = table.CASES[name], stored[f"{name}_times"], stored[f"{name}_V"]
    times, mine = table.in_brainsim(name)
    if case.cells > 1:
        bins = np.arange(0.0, table.DURATION + 1, 100.0)
        counts, expected = (np.histogram(t, bins)[0] for t in (times, theirs))
        assert np.all(np.abs(counts - expected) < 4 * np.sqrt(counts + expected + 1)), (counts, expected)
        return
    assert len(times) == len(theirs) > 3
    if case.intervals:
        times, theirs = np.diff(times), np.diff(theirs)
    np.testing.assert_allclose(times, theirs, rtol=0, atol=case.within)
    np.testing.assert_allclose(mine[: 5 * len(V) : 5], V, rtol=0, atol=case.V_within)


@pytest.mark.parametrize("name", FAST)
def test_spikes_are_those_of_nest(name, stored):
    agrees(name, stored)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in table.CASES if name not in FAST])
def test_counterpart(name, stored):
    agrees(name, stored)


def test_the_table_is_whole():
    """31 models: each has a counterpart, or it says why not."""
    assert len(table.CASES) + len(table.NO_COUNTERPART) == 31 and not table.CASES.keys() & table.NO_COUNTERPART.keys()


@pytest.mark.slow
def test_nest_still_says_the_same(stored):
    nest = pytest.importorskip("nest")
    assert set(nest.node_models) >= {*table.CASES, *table.NO_COUNTERPART}
    for name, values in table.from_nest().items():
        np.testing.assert_allclose(values, stored[name], atol=1e-6, err_msg=name)
