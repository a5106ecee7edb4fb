"""How a loss becomes gradients: one function of an objective, so that every rule of learning fits in the same place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import jax

from brainsim.train.objective import Objective


class Gradient(Protocol):
    """What turns an objective into values and gradients.

    Any function of this signature can be given as ``fit(..., gradient=...)``: it need not differentiate, as eligibility
    traces and evolution do not.
    """

    def __call__(self, objective: Objective) -> Callable:
        """``step(parameters, carried, batch, key)`` that gives ``((loss, result), gradients)``.

        Arguments and ``(loss, result)`` are those of the objective; gradients are a dictionary like ``parameters``.
        """
        ...


def bptt(objective: Objective) -> Callable:
    """Backpropagation through time: reverse-mode derivatives of the whole run.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    callable
        As :class:`Gradient` says.

    References
    ----------
    P. J. Werbos, Proc. IEEE 78:1550 (1990); E. O. Neftci, H. Mostafa, F. Zenke, IEEE Signal Process. Mag. 36:51 (2019).
    """
    return jax.value_and_grad(objective, has_aux=True)
