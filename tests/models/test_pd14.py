"""The microcircuit of Potjans and Diesmann (2014): its tables, and a tenth of it beside NEST.

NEST 3.10 (`iaf_psc_exp`, scale 0.1, 4 s, `benchmarks/pd14.py --simulator nest`), from L2/3E to L6I: 0.478, 2.10, 3.96, 5.00,
6.47, 7.61, 0.856, 6.89 Hz; CV 0.75 to 0.80; correlations of 2 ms counts 0.001 to 0.008.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models import pd14

kernels = pytest.mark.skipif(not all(bs.events.kernels().values()), reason="needs the compiled kernels")
NEST_RATES = np.array([0.4777, 2.0967, 3.9649, 4.9976, 6.4693, 7.6092, 0.8558, 6.8867])


def test_tables():
    numbers = pd14.synapses()
    assert pd14.SIZES.sum() == 77169
    assert numbers.sum() == pytest.approx(298.9e6, rel=1e-3)  # "about 0.3 billion" of the paper
    assert numbers[[0, 7], [0, 7]] == pytest.approx([45499805, 1354320], abs=1)  # of the authors' own program
    assert pd14.current_of(0.15) == pytest.approx(87.81, abs=0.01)  # pA, paper, table 5
    # Inputs of L2/3E from L2/3E, of L4E from L4I: paper, figure 1 and table 5
    assert numbers[0, 0] / 20683 == pytest.approx(2200, abs=1)
    assert numbers[2, 3] / 21915 == pytest.approx(795, abs=1)


def test_what_is_built():
    net = pd14.build(0.01, seed=2)
    assert [p.count for p in net.populations.values()] == np.round(pd14.SIZES * 0.01).astype(int).tolist()
    weights = np.asarray(net["L4E->L23E"].weight.to_decimal(u.pA))
    assert weights.mean() == pytest.approx(
        2 * 87.81 * 10, rel=0.01
    )  # twice, and ten times for a hundredth of the inputs
    assert weights.std() / weights.mean() == pytest.approx(0.1, rel=0.05)
    inhibitory = np.asarray(net["L23I->L23E"].weight.to_decimal(u.pA))
    assert inhibitory.mean() == pytest.approx(-4 * 87.81 * 10, rel=0.01)
    delays = np.asarray(net["L23E->L23E"].delay.to_decimal(u.ms))
    assert delays.min() >= 0.1 - 1e-6
    assert np.median(delays) == pytest.approx(1.5 + 0.03, abs=0.05)  # 2.7 % of a normal variable is drawn anew


def test_the_mean_input_is_kept():
    """What a smaller network lacks is what all its inputs, at the published rates, bring less (equation of the scaling)."""
    full = pd14.weights() * pd14.synapses() / pd14.SIZES[:, None] @ pd14.RATES * 0.5e-3
    outside = pd14.SOURCES * 8.0 * 87.808 * 0.5e-3
    k = 0.25
    assert pd14.missing_current(k) == pytest.approx(0.5 * (full + outside), rel=1e-4)
    assert pd14.missing_current(1.0) == pytest.approx(np.zeros(8))
    assert pd14.missing_current(1.0, "dc") == pytest.approx(outside, rel=1e-4)


@pytest.mark.parametrize("given", [dict(background="ac"), dict(start="now"), dict(scale=0.0001), dict(inputs=0.0)])
def test_refused(given):
    with pytest.raises(ValueError, match="accepted are|expected positive"):
        pd14.build(**{"scale": 0.01, **given})


def measured(duration, **options):
    _, found = pd14.experiment(duration=duration, **options)
    return {what: np.array([one[what] for one in found.values()]) for what in ("rate", "cv", "correlation")}


@kernels
def test_beside_nest():
    found = measured(1.2 * u.second, scale=0.1, seed=1)
    assert found["rate"] == pytest.approx(NEST_RATES, rel=0.15)
    often = found["cv"][
        [1, 2, 3, 4, 5, 7]
    ]  # the others fire too few spikes in a second, in which long intervals are missing
    assert np.all((often > 0.5) & (often < 0.9))
    assert np.nanmax(np.abs(found["correlation"])) < 0.02


@pytest.mark.slow
@kernels
def test_beside_nest_for_long():
    found = [measured(4.0 * u.second, scale=0.1, seed=seed) for seed in range(3)]
    rates = np.array([one["rate"] for one in found])
    assert rates.mean(0) == pytest.approx(NEST_RATES, rel=0.05)
    assert np.mean([one["cv"] for one in found], axis=0) == pytest.approx(np.full(8, 0.77), abs=0.05)
    direct = measured(4.0 * u.second, scale=0.1, seed=0, background="dc")["rate"]
    assert np.all(direct[[1, 2, 3, 5, 7]] > 1.0)  # asynchronous without the noise as well
