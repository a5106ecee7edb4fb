import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


@pytest.fixture
def renewal(rng):
    """Events of n neurons whose intervals are gamma distributed of a given shape (1 is Poisson), shuffled."""

    def make(shape, n=200, rate=20.0, stop=50.0):
        draws = int(rate * stop * 1.5 + 100)
        times = rng.gamma(shape, 1 / (shape * rate), (n, draws)).cumsum(axis=1)
        # start in equilibrium: drop a random first stretch, many intervals long
        times -= rng.uniform(5, 10, (n, 1)) / rate
        indices, column = np.nonzero((times >= 0) & (times < stop))
        flat = times[indices, column]
        order = rng.permutation(flat.size)
        return flat[order], indices[order]

    return make
