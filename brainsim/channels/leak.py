"""A conductance without gates."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel


class Leak(Channel):
    r"""A leak, of potassium for instance.

    .. math:: I = \bar g\,(E - V)

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500 (1952).
    """

    g_max = Parameter(0.005 * DENSITY, "conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "reversal potential")
