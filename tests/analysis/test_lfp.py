import numpy as np
import pytest

from brainsim import analysis

DT = 1e-3


def test_the_sum_by_hand():
    ampa, gaba = np.array([1.0, 2, 3, 4, 5]), -np.array([10.0, 20, 30, 40, 50])
    proxy = analysis.lfp_proxy(ampa, gaba, DT, delay_ampa=2e-3, delay_gaba=1e-3, ratio=2.0, normalise=False)
    np.testing.assert_allclose(proxy, [np.nan, np.nan, 1 + 2 * 20, 2 + 2 * 30, 3 + 2 * 40])


def test_pulses_come_at_their_delay_with_their_weight():
    """The reference weighted sum of the paper: AMPA 6 ms late, GABA at once and 1.65 times as strong."""
    ampa, gaba = np.zeros((100, 3)), np.zeros((100, 3))
    ampa[30, 0], gaba[60, 2] = 2.0, -2.0
    proxy = analysis.lfp_proxy(ampa, gaba, DT, normalise=False)
    assert np.flatnonzero(np.nan_to_num(proxy)).tolist() == [36, 60]
    np.testing.assert_allclose(proxy[[36, 60]], [2.0, 2.0 * 1.65])
    assert np.isnan(proxy[:6]).all() and not np.isnan(proxy[6:]).any()


def test_neither_sign_nor_scale_of_the_currents_matters(rng):
    ampa, gaba = rng.gamma(2, 1, (400, 5)), -rng.gamma(2, 2, (400, 5))
    proxy = analysis.lfp_proxy(ampa, gaba, DT)
    np.testing.assert_allclose(analysis.lfp_proxy(-7 * ampa.sum(1), 7 * gaba.sum(1), DT), proxy, atol=1e-9)
    assert np.nanmean(proxy) == pytest.approx(0, abs=1e-9) and np.nanstd(proxy) == pytest.approx(1)
    assert np.isnan(analysis.lfp_proxy(np.ones(50), -np.ones(50), DT)).all()
