"""The ring attractor against its theory (Wu, Hamaguchi, Amari 2008; Mi et al. 2014) and an independent program with the
same parameters.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models import ring_attractor as ring


def test_bump_persists_below_the_critical_inhibition():
    assert ring.critical_inhibition() == pytest.approx(130.03, abs=0.01)
    ks = [0.1, 8.1, 100.0, 129.0, 131.0, 140.0]
    heights, where = ring.persistence(ks)
    # An independent program: 22.5632, 0.27420, 0.016707, 0.00953; gone beyond the critical value.
    assert heights[:4] == pytest.approx([ring.bump_height(k) for k in ks[:4]], rel=1e-3)
    assert heights[:4] == pytest.approx([22.5632, 0.27420, 0.016707, 0.00953], rel=1e-3)
    assert heights[4:].max() < 1e-6 and ring.bump_height(131.0) == 0
    assert where[:4] == pytest.approx(0.7, abs=1e-3)  # no drift in 400 time constants


def test_bump_moves_to_where_the_stimulus_jumps():
    rec = ring.jump(0.5, duration=4 * ring.TAU)
    assert ring.positions(rec)[[9, 19, 29, 39]] == pytest.approx([0.178, 0.063, 0.022, 0.008], abs=1e-3)


@pytest.mark.parametrize(
    ("k", "velocities", "lags"),
    [
        (8.1, [0.1, 0.2, 0.3, 0.6, 1.0, 1.5], [0.090, 0.185, 0.27, 0.50, 0.73, 0.90]),
        (0.1, [0.1, 0.2, 0.3, 0.6], [0.30, 0.59, 0.84, 1.39]),
    ],
)
def test_lag_behind_a_moving_stimulus(k, velocities, lags):
    assert ring.tracking(velocities, k=k) == pytest.approx(lags, rel=0.02, abs=0.01)


def test_lag_behind_a_slow_stimulus_is_that_of_the_theory():
    for k, A in ((8.1, 10.0), (0.1, 10.0)):
        v = 0.02
        # From where the stimulus is by the end of the step
        lag = ring.tracking([v], k=k, A=A)[0] + v * float(ring.DT / ring.TAU)
        assert lag == pytest.approx(ring.tracking_lag(v, k=k, A=A), rel=0.01)


def test_adaptation_anticipates_and_oscillates():
    sweep = ring.oscillatory_tracking()
    still, weak, medium, strong = (ring.oscillation(rec) for rec in sweep.recordings)
    # Offsets of an independent program: -0.020, -0.012, 0.057, and 0.168 +- 0.140 in 18 cycles of 88.9 from -0.03 to
    # 0.36.
    assert [m["mean"] for m in (still, weak, medium)] == pytest.approx([-0.020, -0.012, 0.057], abs=1e-3)
    assert max(m["sd"] for m in (still, weak, medium)) < 1e-3
    assert strong["mean"] == pytest.approx(0.168, abs=0.01) and strong["sd"] == pytest.approx(0.140, abs=0.01)
    assert strong["lowest"] == pytest.approx(-0.03, abs=0.02) and strong["highest"] == pytest.approx(0.36, abs=0.02)
    assert 17 <= strong["cycles"] <= 19 and strong["period"] == pytest.approx(88.9, rel=0.03)
    assert strong["sd_after"] == pytest.approx(0.227, abs=0.03)
    heights = [np.asarray(sweep[k]["ring.u"])[-1].max() for k in (0, 3)]
    assert heights == pytest.approx([1.13, 0.88], rel=0.01)


def test_bump_travels_by_itself_where_adaptation_is_strong():
    ms = [0.015, 0.03, 0.05, 0.1]
    speeds = ring.travelling(ms, duration=1500 * ring.TAU)
    assert speeds[0] == pytest.approx(0.0, abs=1e-4)
    assert speeds[1:] == pytest.approx([ring.travelling_speed(m) for m in ms[1:]], rel=0.05)


def test_step_of_half_the_size_changes_little():
    net = ring.build(k=8.1)
    found = []
    for dt in (0.1, 0.05):
        net.reset()
        rec = bs.simulate(net, 20 * ring.TAU, dt=dt * u.ms, record=ring.RECORD, progress=False)
        found.append(np.asarray(rec["ring.u"])[-1].max())
    assert found[0] == pytest.approx(found[1], rel=1e-6)
