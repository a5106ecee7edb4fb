"""What every exported receptor must do; a new one is tested by being exported."""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim import receptors
from brainsim._core import Clock, step_length
from brainsim.testing.receptors import *  # noqa: F403

ABSTRACT = ("Receptor", "LinearReceptor", "PointProcess", "Coupling", "Summed")
MODELS = [getattr(receptors, name) for name in receptors.__all__ if name not in ABSTRACT]


class Squared(receptors.Exponential):
    """A user's receptor whose conductance is the square of what decays, and that closes above -50 mV."""

    def output(self, g):
        return g**2

    def block(self, V):
        return 1.0 / (1.0 + jnp.exp((V + 50.0) / 2.0))


def test_outputs_may_be_nonlinear_and_depend_on_the_potential():
    cell = bs.neurons.LIF(2, V=[-60.0, -40.0] * u.mV)
    cell.add_receptors(syn=(syn := Squared(tau=5 * u.ms, reversal=0 * u.mV)))
    syn.g = 3.0 * syn.unit_of("g")
    g = syn.advance(Clock(jnp.int32(0), step_length(1.0), None))
    np.testing.assert_allclose(g, 0.5 * (9.0 + (3.0 * np.exp(-0.2)) ** 2), rtol=1e-12)
    V = np.array([-60.0, -40.0])
    np.testing.assert_allclose(syn.current(g, V), g * -V / (1 + np.exp((V + 50) / 2)), rtol=1e-12)
