"""How exact a run of steps of its own length has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import brainunit as u


@dataclass(frozen=True, eq=False)
class Adaptive:
    r"""Steps of the network's own length, chosen so that no number has an error above ``atol + rtol |y|`` in a step.

    What :func:`brainsim.simulate`, :func:`brainsim.function`, :func:`brainsim.sweep` and :class:`brainsim.train.Protocols` take as
    ``adaptive``. All of the network is one system of equations, solved by Rodas5P, a
    stiff method of order 5 whose linear systems are solved along the trees of the cells. Spikes, resets, ends of
    refractoriness, arrivals and jumps of stimuli are at their own times.

    Parameters
    ----------
    rtol : float, optional
        Relative tolerance.
    atol : float or mapping from path to quantity, optional
        Absolute tolerance, in the unit of each variable (mV; a gate has none), of concentrations relative to what they are at the
        beginning; for some variables by path, ``{"cell.Ca.concentration": 1e-12 * u.mM}``, with 1e-6 for the others.
    most_steps : int, optional
        Inside a transformation (``jax.grad``, ``jax.vmap``), the steps that there is room for; results are not numbers where
        they do not suffice. Other runs take as many as they need.
    most_spikes : int, optional
        Inside a transformation, the spikes of each unit that are recorded.

    Raises
    ------
    ValueError
        For tolerances or numbers that are not positive.

    References
    ----------
    G. Steinebach, BIT Numer. Math. 63:27 (2023).
    """

    rtol: float = 1e-6
    atol: float | Mapping[str, Any] = field(default=1e-6)
    most_steps: int = 4096
    most_spikes: int = 64

    def __post_init__(self):
        if not isinstance(self.rtol, int | float) or not 0 < self.rtol < 1:
            raise ValueError(f"Adaptive: rtol must be a number between 0 and 1, given {self.rtol!r}.")
        if not isinstance(self.atol, Mapping) and (not isinstance(self.atol, int | float) or not 0 < self.atol < 1e6):
            raise ValueError(
                f"Adaptive: atol must be a positive number, or a mapping from paths to quantities, given {self.atol!r}."
            )
        for name in ("most_steps", "most_spikes"):
            given = getattr(self, name)
            if not isinstance(given, int) or isinstance(given, bool) or given < 1:
                raise ValueError(f"Adaptive: {name} must be a positive integer, given {given!r}.")

    @property
    def key(self) -> tuple:
        """What two of them that ask for the same have in common."""
        atol = self.atol
        if isinstance(atol, Mapping):
            each = ((path, float(u.get_mantissa(x)), str(u.get_unit(x))) for path, x in atol.items())
            atol = tuple(sorted(each))
        return self.rtol, atol, self.most_steps, self.most_spikes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Adaptive) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)
