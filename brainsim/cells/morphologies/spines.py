"""Spines of a morphology: as membrane that is added, or as branches of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import brainunit as u
import numpy as np

from brainsim._units import NumberLike, QuantityLike, in_unit

if TYPE_CHECKING:
    from brainsim.cells.morphologies.edits import Place
    from brainsim.cells.morphologies.morphology import Branch

_GOLDEN = np.pi * (3 - np.sqrt(5))


class Spines:
    """The part of a :class:`Morphology` that gives it spines. Every method returns a new morphology."""

    branches: tuple[Branch, ...]
    labels: Mapping[str, np.ndarray]
    which: Any

    def spine_density(self, density: NumberLike, area: QuantityLike, *places: Place) -> Self:
        r"""Spines as membrane: what counts for currents from the shaft, not for those into a spine.

        A compartment of length :math:`l` gets the area :math:`\rho A l` of spines beside its own.

        Parameters
        ----------
        density : quantity () or (branches,)
            Spines per length, :math:`\rho`, for all of the branches or each.
        area : quantity
            Membrane of one spine, :math:`A`.
        *places : str, int or sequence of int
            Types, labels, names and indices of branches; all branches if none is given.

        References
        ----------
        Holmes and Woody (1989), Brain Res. 505.
        """
        per_um = np.asarray(in_unit(density, u.um**-1, "spine_density: density"), float)
        each = per_um * float(in_unit(area, u.um**2, "spine_density: area"))
        return self._set("spine_area", each, places)

    def multiply_area(self, factor: float | Sequence[float] | np.ndarray, *places: Place) -> Self:
        """Membrane that the points do not show, as a factor of the area, such as 2 for a spiny dendrite.

        Parameters
        ----------
        factor : float or (branches,)
            What the area is multiplied by.
        *places : str, int or sequence of int
        """
        return self._set("area_factor", np.asarray(factor, float), places)

    def _set(self, name, values, places) -> Self:
        chosen = self.which(*places)
        if values.shape not in ((), chosen.shape):
            raise ValueError(f"{name}: give one value or one for each of {len(chosen)} branches, given {values.shape}.")
        each = dict(zip(chosen.tolist(), np.broadcast_to(values, chosen.shape).tolist(), strict=True))
        branches = [replace(b, **{name: each[k]}) if k in each else b for k, b in enumerate(self.branches)]
        return type(self)(branches, self.labels)  # type: ignore[call-arg]

    def grow_spines(
        self,
        density: QuantityLike,
        *places: Place,
        neck_length: QuantityLike = 1.0 * u.um,
        neck_diameter: QuantityLike = 0.2 * u.um,
        head_length: QuantityLike = 0.5 * u.um,
        head_diameter: QuantityLike = 0.5 * u.um,
        seed: int | None = None,
    ) -> Self:
        """Spines as branches: a neck of type ``"spine_neck"`` and a head of type ``"spine_head"``.

        Parameters
        ----------
        density : quantity
            Spines per length.
        *places : str, int or sequence of int
            Types, labels, names and indices of branches; all branches if none is given.
        neck_length, neck_diameter, head_length, head_diameter : quantity
            Their size. A head as long as it is wide has the area of a sphere.
        seed : int, optional
            Scatter the spines at random; evenly spaced if not given.

        Returns
        -------
        Morphology
            The spines come after the branches that it had, neck and head in turn, in the order of the shafts.
        """
        per_um = float(in_unit(density, u.um**-1, "grow_spines: density"))
        given = {"neck_length": neck_length, "neck_diameter": neck_diameter}
        given |= {"head_length": head_length, "head_diameter": head_diameter}
        size = {name: float(in_unit(value, u.um, f"grow_spines: {name}")) for name, value in given.items()}
        for name, value in {"density": per_um, **size}.items():
            if not 0 < value < np.inf:
                raise ValueError(f"grow_spines: {name} must be positive, given {value}.")
        chosen = self.which(*places)
        lengths = np.array([self.branches[k].length_um for k in chosen])
        stops = np.cumsum(lengths)
        # Evenly spaced along all shafts laid end to end, so that short ones get their share.
        spines = int(round(per_um * stops[-1]))
        along = (np.arange(spines) + 0.5) / per_um
        if seed is not None:
            along = np.sort(np.random.default_rng(seed).uniform(0, stops[-1], spines))
        along = np.minimum(along, np.nextafter(stops[-1], 0))
        which = np.searchsorted(stops, along, side="right")
        at = (along - (stops - lengths)[which]) / lengths[which]
        grown = [*self.branches]
        for n, (k, x) in enumerate(zip(chosen[which].tolist(), at.tolist(), strict=True)):
            grown += _spine(self.branches[k], k, x, n, len(grown), size)
        return type(self)(grown, self.labels)  # type: ignore[call-arg]


def _spine(shaft, k, at, n, index, size):
    """Neck and head of spine n, at a fraction of its shaft, which point away from it."""
    places = shaft.fractions
    step = min(max(int(np.searchsorted(places, at, side="right")) - 1, 0), len(places) - 2)
    axis = shaft.xyz[step + 1] - shaft.xyz[step]
    side, other = _across(axis)
    away = np.cos(n * _GOLDEN) * side + np.sin(n * _GOLDEN) * other
    start = np.array([np.interp(at, places, x) for x in shaft.xyz.T])
    start = start + np.interp(at, places, shaft.radius) * away
    arc = np.cumsum([0.0, size["neck_length"], size["head_length"]])
    points = start + arc[:, None] * away
    neck, head = np.full(2, size["neck_diameter"] / 2), np.full(2, size["head_diameter"] / 2)
    branch = type(shaft)
    return (
        branch(points[:2], neck, "spine_neck", k, at, f"spine_neck[{n}]"),
        branch(points[1:], head, "spine_head", index, 1.0, f"spine_head[{n}]"),
    )


def _across(axis):
    """Two directions that stand upright on an axis and on each other."""
    x, y, z = (axis / np.sqrt(axis @ axis)).tolist()
    if abs(z) < 0.9:
        flat = np.hypot(x, y)
        return np.array([y, -x, 0.0]) / flat, np.array([x * z, y * z, -flat * flat]) / flat
    flat = np.hypot(y, z)
    return np.array([0.0, z, -y]) / flat, np.array([-flat * flat, x * y, x * z]) / flat
