"""A simulator is the model at quantiles of its priors, whatever library asks."""

import brainunit as u
import numpy as np
import pytest
from scipy import stats

import brainsim as bs
from brainsim.train import Simulator, Unknown, Unknowns


@pytest.fixture(scope="module")
def simulator():
    """V of a leaky membrane after 20 ms: E_L and tau are not known."""
    net = bs.Network()
    net.cell = bs.neurons.LIF(1, V=-70 * u.mV, V_th=1 * u.volt)
    unknowns = Unknowns(
        net,
        E=Unknown("cell.E_L", prior=bs.Normal(-60 * u.mV, 5 * u.mV)),
        tau=Unknown("cell.tau", between=(5 * u.ms, 50 * u.ms), log=True),
    )
    run = bs.function(net, 20 * u.ms, dt=0.5 * u.ms, record="cell.V")
    return Simulator(unknowns, lambda parameters: run(parameters, {})[1]["cell.V"][19::20, 0], batch=4)


def test_it_runs_the_model_at_quantiles(simulator):
    theta = np.array([[0.5, 0.5], [0.1, 0.9], [0.975, 0.2], [0.3, 0.3], [0.7, 0.6]])
    E, tau = stats.norm(-60, 5).ppf(theta[:, 0]), stats.loguniform(5, 50).ppf(theta[:, 1])
    values = simulator.values(theta)
    np.testing.assert_allclose(values["E"].to_decimal(u.mV), E, rtol=1e-6)
    np.testing.assert_allclose(values["tau"].to_decimal(u.ms), tau, rtol=1e-6)
    expected = E[:, None] + (-70 - E[:, None]) * np.exp(-np.array([10.0, 20]) / tau[:, None])
    np.testing.assert_allclose(simulator(theta), expected, rtol=1e-6)  # five rows, four at once
    np.testing.assert_allclose(simulator(theta[1]), expected[1], rtol=1e-6)


def test_torch_is_given_torch(simulator):
    torch = pytest.importorskip("torch")
    drawn = simulator.prior.sample((6,))
    found = simulator(drawn)
    assert isinstance(found, torch.Tensor) and found.shape == (6, 2)
    np.testing.assert_allclose(found.numpy(), simulator(drawn.numpy()), rtol=1e-5)
    assert float(simulator.prior.log_prob(drawn[0])) == 0


def test_bad_rows_are_refused(simulator):
    with pytest.raises(ValueError, match="rows of 2 numbers"):
        simulator(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="from 0 to 1"):
        simulator(np.array([[0.5, 1.5]]))
    unknowns = Unknowns(simulator.unknowns.net, E=Unknown("cell.E_L"))
    with pytest.raises(ValueError, match="E has neither a prior nor bounds"):
        Simulator(unknowns, lambda parameters: parameters)
