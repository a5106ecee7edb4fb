from __future__ import annotations

import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.receptors.graded import Diffusive


class Sinusoidal(Diffusive):
    r"""Coupling of phase oscillators by the sine of the difference of phases.

    .. math:: I_i = \sum_j w_{ij} \sin(\theta_j - \theta_i - \alpha)

    Phases are without unit, weights in the input unit. The sum is taken as two, of :math:`\sin\theta_j` and of
    :math:`\cos\theta_j`, so it costs no more than any other coupling.

    Parameters
    ----------
    lag : float, () or (n,)
        Phase lag :math:`\alpha`.

    References
    ----------
    Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984); H. Sakaguchi, Y. Kuramoto, Prog. Theor. Phys.
    76:576 (1986).
    """

    port = "sine"

    lag = Parameter(0.0, "phase lag")
    sine = State(0.0, "sum of weighted sines", unit="input_unit")
    cosine = State(0.0, "sum of weighted cosines", unit="input_unit")
    total = g = None

    @property
    def ports(self):
        return "sine", "cosine"

    def features(self, sent):
        return jnp.sin(sent), jnp.cos(sent)

    def current(self, g, V):
        sine, cosine = g
        phase = V + self.plain("lag")
        return sine * jnp.cos(phase) - cosine * jnp.sin(phase)
