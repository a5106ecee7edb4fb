import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from models import hh_fit


def test_conductances_are_recovered_within_one_percent():
    result = hh_fit.fit(updates=150)
    assert all(abs(error) < 0.01 for error in result.errors().values()), result.errors()
    assert result.losses[0] > 30 * result.losses[-1]
    assert np.abs(result.initial - result.target).max() > 50
    assert np.sqrt(np.mean((result.fitted - result.target) ** 2)) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_from_far_away(factor):
    start = {name: factor * value for name, value in hh_fit.TRUE.items()}
    errors = hh_fit.fit(start=start).errors()
    assert all(abs(error) < 0.01 for error in errors.values()), errors


def test_gradient_is_that_of_finite_differences():
    run = bs.function(hh_fit.build(sweeps=2), 12.0 * u.ms, dt=hh_fit.DT, record="cell.V", checkpoint_every=50)
    mean_square = jax.jit(lambda g: (run({"cell.g_Na": g}, {})[1]["cell.V"] ** 2).mean())
    slope = jax.grad(mean_square)(120.0)
    h = 1e-4
    expected = (mean_square(120.0 + h) - mean_square(120.0 - h)) / (2 * h)
    assert float(slope) == pytest.approx(float(expected), rel=1e-5)
