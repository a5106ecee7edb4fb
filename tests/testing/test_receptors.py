"""A receptor of one's own keeps all that those of the library keep."""

import inspect

import brainunit as u
import jax.numpy as jnp

import brainsim as bs
from brainsim.testing.receptors import *  # noqa: F403


class Saturating(bs.receptors.Receptor):
    r"""Exponential receptor whose conductance does not exceed g_max.

    .. math:: \dot g = -g/\tau, \qquad \text{spike of weight } w:\ g \leftarrow \min(g + w,\ g_{max})

    References
    ----------
    A. Destexhe, Z. F. Mainen, T. J. Sejnowski, Neural Comput. 6:14 (1994), for receptors that saturate.
    """

    tau = bs.Parameter(5.0 * u.ms, "decay time constant", positive=True)
    g_max = bs.Parameter(10.0, "largest conductance", unit="g_unit")
    g = bs.State(0.0, "conductance", unit="g_unit")

    def advance(self, clock):
        g = jnp.minimum(self.plain("g"), self.plain("g_max"))
        decay = self.decay(clock, "tau")
        self.put("g", g * decay)
        return 0.5 * g * (1 + decay)


MODELS = [Saturating]
# So that two of the strong spikes stay below it, and the third does not
VALUES = {"Saturating": dict(g_max=100.0 * u.pA)}


def test_it_takes_twentyfive_lines():
    assert len([line for line in inspect.getsource(Saturating).splitlines() if line.strip()]) <= 25
