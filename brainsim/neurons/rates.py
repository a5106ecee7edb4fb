"""Pieces of which voltage-dependent rate functions are made."""

from __future__ import annotations

import jax

from brainsim.integrators.exponential import phi1


def exprel(x):
    r""":math:`(e^x - 1)/x`, which is 1 at x = 0.

    The textbook form :math:`a\,x/(e^x - 1)` is ``a / exprel(x)``, with its exact limit.
    Value and derivatives are good everywhere, at the cost of one transcendental function.

    Parameters
    ----------
    x : float array of any shape
        Without unit: ``(V - 13 * u.mV) / (4 * u.mV)``.

    Returns
    -------
    float array like x
    """
    return _exprel(x)


def gate(opening, closing, x):
    r"""Derivative of a gate, :math:`\alpha\,(1 - x) - \beta\,x`."""
    return opening * (1.0 - x) - closing * x


_exprel = jax.jit(phi1)  # compiled as one where a cell is built outside of any compiled function: its steady state
