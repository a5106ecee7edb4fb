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
def test_seven_conductances_are_recovered():
    """From bounds that span factors of 10 to 30."""
    found = region_fit.fit(progress=False)
    assert found.last < 1e-3 and found.report.worst < 0.1 or np.isnan(found.report.worst)
    assert max(abs(error) for error in found.errors().values()) < 0.05
    assert isinstance(found.curvature, train.Curvature)
