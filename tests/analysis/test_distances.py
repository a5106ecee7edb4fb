import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from brainsim import analysis

times = st.lists(st.integers(0, 200), max_size=8).map(lambda steps: np.array(steps, float) * 1e-3)
BOTH = {
    "victor_purpura": lambda a, b: analysis.victor_purpura_distance(a, b, 50.0),
    "van_rossum": lambda a, b: analysis.van_rossum_distance(a, b, 0.02),
}


@pytest.mark.parametrize("cost, expected", [(0.0, 0.0), (10.0, 0.05), (200.0, 1.0), (400.0, 2.0), (1e4, 2.0)])
def test_moving_a_spike_costs_up_to_taking_it_out_and_putting_it_in(cost, expected):
    assert analysis.victor_purpura_distance([0.1], [0.105], cost) == pytest.approx(expected)


def test_victor_purpura_between_counting_and_coincidences():
    a, b = [0.01, 0.02, 0.05, 0.09], [0.02, 0.055]
    assert analysis.victor_purpura_distance(a, b, 0.0) == 2  # the difference of the counts
    assert analysis.victor_purpura_distance(a, b, 1e6) == 4  # all that are not at the same time: 4 + 2 - 2 * 1
    assert analysis.victor_purpura_distance(a, b, 100.0) == pytest.approx(2 + 0.5)  # two out, one moved by 5 ms
    assert analysis.victor_purpura_distance([], b, 3.0) == 2


def test_van_rossum_of_single_spikes():
    assert analysis.van_rossum_distance([0.3], [], 0.01) ** 2 == pytest.approx(0.5)
    for shift in (1e-3, 0.01, 0.5):
        assert analysis.van_rossum_distance([0.3], [0.3 + shift], 0.01) ** 2 == pytest.approx(1 - np.exp(-shift / 0.01))
    assert analysis.van_rossum_distance([0.1, 0.1, 0.1], [], 0.01) ** 2 == pytest.approx(9 / 2)


def test_van_rossum_is_the_integral(rng):
    a, b, tau = np.sort(rng.uniform(0, 0.3, 6)), np.sort(rng.uniform(0, 0.3, 4)), 0.03

    def difference(t):
        return np.exp(-(t - a[a <= t]) / tau).sum() - np.exp(-(t - b[b <= t]) / tau).sum()

    edges = np.sort(np.concatenate([a, b, [1.2]]))
    integral = sum(quad(lambda t: difference(t) ** 2, low, high)[0] for low, high in zip(edges, edges[1:]))
    assert analysis.van_rossum_distance(a, b, tau) ** 2 == pytest.approx(integral / tau, rel=1e-6)


def test_van_rossum_with_a_long_memory_compares_counts(rng):
    a, b = rng.uniform(0, 1, 30), rng.uniform(0, 1, 10)
    assert analysis.van_rossum_distance(a, b, 1e6) == pytest.approx(20 / np.sqrt(2), rel=1e-4)


@pytest.mark.parametrize("name", BOTH)
@settings(deadline=None, max_examples=60)
@given(a=times, b=times, c=times, shift=st.floats(-3, 3))
def test_both_are_metrics_that_time_and_order_do_not_matter_to(name, a, b, c, shift):
    distance = BOTH[name]
    ab = distance(a, b)
    assert distance(a, a) == pytest.approx(0, abs=1e-6) and ab == pytest.approx(distance(b, a), abs=1e-6)
    assert ab <= distance(a, c) + distance(c, b) + 1e-6
    assert ab == pytest.approx(distance(a[::-1] + shift, b + shift), abs=1e-5)
    assert ab > 1e-4 or np.array_equal(np.sort(a), np.sort(b))
