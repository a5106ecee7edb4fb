"""Conductances by region, from features."""

import jax
import numpy as np
import pytest

from brainsim import train
from models.cells import region_fit


def test_the_experiment_is_met_by_the_cell_that_made_it():
    """Where the fit is to end residuals are zero, and the curvature says which number is known least: the M current."""
    recorded = jax.jit(region_fit.protocols(region_fit.network(region_fit.TRUE)).responses)()
    net = region_fit.network(region_fit.TRUE)
    unknowns, experiment = region_fit.unknowns(net), region_fit.protocols(net, recorded)
    residuals = jax.jit(lambda free: experiment.residuals(unknowns.parameters(free)))
    np.testing.assert_allclose(residuals(unknowns.first), 0, atol=1e-6)
    moved = unknowns.free(region_fit.TRUE | dict(na=60.0))
    assert float(np.abs(residuals(moved)).max()) > 0.5


@pytest.mark.slow
def test_features_are_met_and_what_they_tell_is_recovered():
    """From bounds that span factors of 10 to 30; all to 10 %, the leaks too, and what is told least is kd against M."""
    found = region_fit.fit(progress=False)
    assert found.losses[0].min() > 500 and found.last < 3
    assert found.report.worst < 2.0
    errors = found.errors()
    assert max(map(abs, errors.values())) < 0.1
    assert max(abs(errors[name]) for name in ("h", "m", "leak_soma", "leak_dend")) < 0.05
    assert isinstance(found.curvature, train.Curvature)
