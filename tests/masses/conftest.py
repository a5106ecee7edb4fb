import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import fsolve


class Flow:
    """The right-hand side of one mass, per ms, for the analysis of its fixed points."""

    def __init__(self, mass, **inputs):
        self.mass, self.inputs = mass, inputs

    def __call__(self, y):
        m = self.mass
        values = {name: u.Quantity(jnp.asarray(v)[None], unit=m.unit_of(name)) for name, v in zip(m.variables, y)}
        inputs = {name: u.Quantity(jnp.asarray([self.inputs.get(name, 0.0)]), unit=m.input_unit) for name in m.takes}
        rates = m.derivative(0.0 * u.ms, **values, **inputs)
        rates = rates if isinstance(rates, tuple) else (rates,)
        return jnp.stack(
            [u.Quantity(rate).to_decimal(m.unit_of(name) / u.ms)[0] for name, rate in zip(m.variables, rates)]
        )

    def fixed_point(self, guess):
        """The fixed point near ``guess``, and the largest real part of its eigenvalues."""
        y = fsolve(lambda y: np.asarray(self(y)), guess, xtol=1e-13)
        assert np.abs(self(y)).max() < 1e-9
        return y, np.linalg.eigvals(np.asarray(jax.jacfwd(self)(jnp.asarray(y)))).real.max()


@pytest.fixture
def flow():
    return Flow
