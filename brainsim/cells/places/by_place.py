"""What stands where, and how much: rows of compartments for places, and values that differ from place to place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core import OfSite
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit, split_quantity, with_unit
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.places.locations import compartments_at
from brainsim.cells.places.regions import distances
from brainsim.cells.places.where import Locset, Region, RegionLike, region

#: What a value can be a function of, with its unit.
FIELDS: Mapping[str, u.Unit] = {
    "distance": u.um,
    "diameter": u.um,
    "length": u.um,
    "area": u.um**2,
    "xyz": u.um,
    "x": u.UNITLESS,
    "order": u.UNITLESS,
}


def rows_of(compartments: Compartments, *places: Locset | RegionLike | ArrayLike, what: str = "rows_of") -> np.ndarray:
    """The compartments at some places, each once.

    Parameters
    ----------
    compartments : Compartments
        The cell, or several.
    *places : Locset, Region, str or array of int
        Locations, regions, names of regions, or indices; taken together.
    what : str
        What is being placed, for errors.

    Returns
    -------
    array of int
        Ascending, without repeats.

    Raises
    ------
    ValueError
        Where there is no compartment at one of the places.
    """
    return np.unique(np.concatenate([compartments_at(place, compartments, what) for place in places]))


class ByPlace(OfSite):
    """A value that differs from place to place; it becomes one number per compartment.

    Parameters
    ----------
    text : str
        The expression, as it is printed.
    evaluate : callable
        From compartments and the indices of some of them, (k,), to their values: a quantity (k,) or ().
    """

    def __init__(self, text: str, evaluate: Callable[[Compartments, np.ndarray], Any]):
        self.text = text
        self.evaluate = evaluate

    def on(self, compartments: Compartments) -> Any:
        """The value of every compartment: a quantity (n,), or an array if it has no unit.

        Raises
        ------
        ValueError
            For values that are not finite; names the compartment.
        """
        return self.at(compartments, np.arange(len(compartments)))

    def at(self, compartments: Compartments, index: np.ndarray) -> Any:
        """The values of some compartments: (k,)."""
        number, unit = split_quantity(self.evaluate(compartments, index))
        shape = np.shape(number)
        if shape not in ((), (len(index),)):
            raise ValueError(f"{self}: gives values of shape {shape} for {len(index)} compartments.")
        if not isinstance(number, jax.Array):
            number = np.asarray(number)
            bad = ~np.isfinite(np.broadcast_to(number, len(index)))
            if bad.any():
                k = int(np.flatnonzero(bad)[0])
                raise ValueError(
                    f"{self}: gives {number.flat[k if shape else 0]} at {compartments.describe(index[k])}."
                )
        spread = jnp.broadcast_to if isinstance(number, jax.Array) else np.broadcast_to
        return with_unit(spread(number, (len(index),)), unit)

    def __repr__(self) -> str:
        return self.text


def by_region(values: Mapping[RegionLike, Any], default: Any = None) -> ByPlace:
    """A value for each region.

    Parameters
    ----------
    values : mapping from Region or str to Quantity or ByPlace
        Regions that do not overlap; each with one value (of numpy or of JAX), or with one that differs within it.
    default : Quantity or ByPlace, optional
        For what lies in none of them. Without it they must cover the cell.

    Returns
    -------
    ByPlace
        On compartments it refuses regions that overlap, and compartments without a value, by name.
    """
    shown = ", ".join(f"{where!r}: {_short(value)}" for where, value in values.items())
    last = "" if default is None else f", default={_short(default)}"
    chosen = [(region(where), value) for where, value in values.items()]
    return ByPlace(f"by_region({{{shown}}}{last})", partial(_by_region, chosen, default))


def of_distance(rule: Callable[[Any], Any], origin: Locset | None = None) -> ByPlace:
    """A function of the length of the path from the root, or from a place.

    Parameters
    ----------
    rule : callable
        From the lengths, a Quantity (k,), to the values, (k,) or one for all; in ``u.math`` or numpy.
    origin : Locset, optional
        Where paths begin: the nearest of several places.

    Returns
    -------
    ByPlace
        Of the compartments' centres.
    """
    said = "" if origin is None else f", origin={origin!r}"
    return ByPlace(f"of_distance({_name(rule)}{said})", partial(_of_distance, rule, origin))


def of_diameter(rule: Callable[[Any], Any]) -> ByPlace:
    """A function of the mean diameter of each compartment.

    Parameters
    ----------
    rule : callable
        From the diameters, a Quantity (k,), to the values.

    Returns
    -------
    ByPlace
        Of the compartments' own diameters.
    """
    return ByPlace(f"of_diameter({_name(rule)})", partial(_of_field, rule, "diameter"))


def of(field: str, rule: Callable[[Any], Any]) -> ByPlace:
    """A function of any quantity of compartments.

    Parameters
    ----------
    field : str
        ``"distance"``, ``"diameter"``, ``"length"``, ``"area"``, ``"xyz"`` (k, 3), ``"x"`` or ``"order"``.
    rule : callable
        From the quantity (k,), without a unit for x and order, to the values.

    Returns
    -------
    ByPlace
        Of the compartments' centres.

    Raises
    ------
    UnknownNameError
        For another field.
    """
    if field not in FIELDS:
        raise UnknownNameError(f"of: compartments have no field {field!r}.{suggestion(field, FIELDS)}")
    return ByPlace(f"of({field!r}, {_name(rule)})", partial(_of_field, rule, field))


def values_on(value: Any, compartments: Compartments, what: str) -> Any:
    """A value as it is given for a parameter, for every compartment.

    Parameters
    ----------
    value : Quantity () or (n,), or ByPlace
        One for all, one for each compartment, or by place.
    compartments : Compartments
        The cell, or several.
    what : str
        What the value is for, for errors.

    Returns
    -------
    Quantity () or (n,)
        One value stays one; an array where there is no unit.

    Raises
    ------
    ValueError
        For another number of values.
    """
    if isinstance(value, ByPlace):
        return value.on(compartments)
    if callable(value) or isinstance(value, Mapping):
        kind = "a function" if callable(value) else "a mapping"
        raise TypeError(
            f"{what}: {kind} is a value by place inside of_distance, of_diameter, of or by_region, given {value!r}."
        )
    shape = np.shape(split_quantity(value)[0])
    if shape not in ((), (len(compartments),)):
        raise ValueError(f"{what}: one value or one for each of {len(compartments)} compartments, given shape {shape}.")
    return value


def _short(value) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:36]} ..."


def _name(rule) -> str:
    return getattr(rule, "__name__", type(rule).__name__)


def _of_field(rule, field, compartments, index):
    return rule(with_unit(getattr(compartments, field)[index], FIELDS[field]))


def _of_distance(rule, origin, compartments, index):
    path = distances(compartments, origin)[index]
    if np.isinf(path).any():
        k = index[int(np.flatnonzero(np.isinf(path))[0])]
        raise ValueError(f"of_distance: no path leads from {origin} to {compartments.describe(k)}, in another tree.")
    return rule(path * u.um)


def _by_region(chosen, default, compartments, index):
    masks = [where.mask(compartments) for where, _ in chosen]
    covered = np.sum(masks, axis=0) if masks else np.zeros(len(compartments), int)
    _refuse_overlaps(chosen, masks, covered, compartments)
    rest = (covered == 0) & np.isin(np.arange(len(compartments)), index)
    if default is None and rest.any():
        raise ValueError(
            f"by_region: no value for {_listed(compartments, rest)}; the regions are "
            f"{', '.join(str(where) for where, _ in chosen) or 'none'}. Give a default."
        )
    parts = [(f"by_region, {where}", mask[index], value) for mask, (where, value) in zip(masks, chosen)]
    parts.append(("by_region, default", rest[index], default))
    return _put_together([part for part in parts if part[1].any()], compartments, index)


def _put_together(parts, compartments, index):
    """One array of the values of parts, each told for those of ``index`` in its mask."""
    unit, numbers = None, []
    for what, mask, value in parts:
        here = value.at(compartments, index[mask]) if isinstance(value, ByPlace) else value
        unit = split_quantity(here)[1] if unit is None else unit
        number = in_unit(here, unit, what)
        if np.ndim(number) and np.shape(number) != (mask.sum(),):
            raise ValueError(f"{what}: one value, or one by place, given shape {np.shape(number)}.")
        xp = jnp if isinstance(number, jax.Array) else np
        numbers.append(xp.broadcast_to(xp.asarray(number), (int(mask.sum()),)))
    place = np.argsort(np.concatenate([np.flatnonzero(mask) for _, mask, _ in parts] or [np.zeros(0, int)]))
    xp = jnp if any(isinstance(number, jax.Array) for number in numbers) else np
    return with_unit(xp.concatenate(numbers)[place], u.UNITLESS if unit is None else unit) if numbers else np.zeros(0)


def _refuse_overlaps(chosen: list[tuple[Region, Any]], masks, covered, compartments) -> None:
    if (covered > 1).any():
        both = [str(where) for (where, _), mask in zip(chosen, masks) if mask[covered > 1].any()]
        raise ValueError(f"by_region: {' and '.join(both)} overlap, at {_listed(compartments, covered > 1)}.")


def _listed(compartments, mask) -> str:
    found = np.flatnonzero(mask)
    shown = ", ".join(compartments.describe(k) for k in found[:3])
    return shown + (f" and {len(found) - 3} further compartments" if len(found) > 3 else "")
