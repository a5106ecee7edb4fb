"""The elements of a parameter that an unknown number stands for: sites of cells, units of neurons, synapses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit
from brainsim.cells import ByPlace, Locset, MultiCompartment, Region, region, rows_of
from brainsim.cells.compartments.compartments import Compartments
from brainsim.network import Network


@dataclasses.dataclass(frozen=True, eq=False)
class Elements:
    """Elements of one parameter, each in a group.

    Parameters
    ----------
    count : int
        Elements of the parameter.
    index : int array, (m,)
        Those that are meant.
    group : int array, (m,)
        Which of the numbers each takes.
    names : tuple of str
        Of the groups; empty for one that has no name of its own.
    times : float array, (m,)
        What the number is multiplied by.
    compartments : Compartments, optional
        Of the cells that the parameter stands on.
    rows : int array, (count,), optional
        Compartment of each element of the parameter.
    """

    count: int
    index: np.ndarray
    group: np.ndarray
    names: tuple[str, ...]
    times: Any
    compartments: Compartments | None
    rows: np.ndarray | None

    @property
    def groups(self) -> int:
        """How many numbers."""
        return max(1, len(self.names))

    @property
    def whole(self) -> bool:
        """Whether one number stands for all elements alike."""
        return not self.names and len(self.index) == self.count and bool(np.all(np.asarray(self.times) == 1))

    def labels(self, name: str) -> tuple[str, ...]:
        """What the numbers of an unknown of this name are called."""
        return tuple(f"{name}[{each}]" for each in self.names) or (name,)

    def mean(self, values: jax.Array) -> jax.Array:
        """Mean of the values of each group, (groups,), or () for one number."""
        if not self.names:
            return jnp.mean(values)
        total = jnp.zeros(self.groups).at[self.group].add(values)
        return total / np.bincount(self.group, minlength=self.groups)

    def put(self, array: jax.Array, numbers: jax.Array) -> jax.Array:
        """The parameter with the numbers where they belong."""
        if self.whole:
            return jnp.asarray(numbers)
        each = (numbers[self.group] if self.names else numbers) * self.times
        if len(self.index) == self.count:
            return each[np.argsort(self.index)]
        return jnp.broadcast_to(array, (self.count,)).at[self.index].set(each)

    def describe(self, elements: np.ndarray) -> str:
        """Where some elements are."""
        if self.compartments is None or self.rows is None:
            return f"elements {', '.join(map(str, elements[:3]))}"
        return ", ".join(self.compartments.describe(row) for row in np.unique(self.rows[elements])[:3])


def elements_of(net: Network, path: str, size: int, at: Any, each: Any, times: Any, what: str) -> Elements:
    """The elements of the parameter at ``path``, of ``size`` numbers, that an unknown stands for.

    Raises
    ------
    UnknownNameError, TypeError, ValueError
        For places that do not exist, or of what has no shape, and groups that do not fit.
    """
    cells, owner, name = _owner(net, path)
    shape = getattr(owner._declared.get(name), "shape", None) if owner is not None else None
    if cells is None or owner is None or shape == ():
        return _without_shape(path, size, owner, at, each, times, what)
    if owner is cells:
        sites = np.arange(cells.sites) if shape == "sites" else None
    else:
        sites = owner._aside.sites
    cut = cells.compartments
    rows = np.arange(len(cut)) if sites is None else sites // cells.abreast
    units = cut.cell if sites is None else cells.unit_of_site(sites)
    index = np.arange(len(rows))
    if at is not None:
        places = [at] if isinstance(at, str | Region | Locset) else list(at)
        index = np.flatnonzero(np.isin(rows, rows_of(cut, *places, what=what)))
        if not index.size:
            raise ValueError(f"{what}: {path} does not stand at {', '.join(map(str, places))}.")
    group, names = _groups(cut, rows[index], units[index], each, what)
    return Elements(len(rows), index, group, names, _times(times, cut, rows[index], what), cut, rows)


def _owner(net: Network, path: str) -> tuple[MultiCompartment | None, Any, str]:
    """The cells that a parameter stands on, what it belongs to, and its name."""
    owner, _, name = path.rpartition(".")
    part = net[owner] if owner else net
    population = net.populations.get(owner.partition(".")[0])
    cells = population if isinstance(population, MultiCompartment) else None
    if cells is not None and part is not cells and getattr(getattr(part, "_aside", None), "sites", None) is None:
        cells = None  # something of one value, such as the noise of a population
    return cells, part, name


def _without_shape(path, size, owner, at, each, times, what) -> Elements:
    if at is not None:
        raise ValueError(f"{what}: {path} has no places on a cell, given at={at!r}.")
    count = int(np.prod(getattr(owner, "count", 1))) if size == 1 and each is not None else size
    group, names = np.zeros(count, int), ()
    if isinstance(each, str):
        if each != "unit":
            accepted = suggestion(each, ["unit"])
            raise UnknownNameError(f"{what}: each={each!r} is not for {path}, which has no shape.{accepted}")
        group, names = np.arange(count), tuple(map(str, range(count)))
    elif each is not None:
        group, names = _given_groups(each, count, what)
    factor = 1.0 if times is None else in_unit(times, u.UNITLESS, f"{what}: times")
    return Elements(count, np.arange(count), group, names, np.broadcast_to(factor, (count,)), None, None)


KINDS = ("compartment", "branch", "type", "unit")


def _groups(cut: Compartments, rows, units, each, what) -> tuple[np.ndarray, tuple[str, ...]]:
    """Group of each element, and the names of the groups; none for one group."""
    if each is None:
        return np.zeros(len(rows), int), ()
    if isinstance(each, str) and each in KINDS:
        keys = {"compartment": rows, "branch": cut.branch[rows], "type": cut.type[rows], "unit": units}[each]
        found, first, group = np.unique(keys, return_index=True, return_inverse=True)
        if each in ("compartment", "branch"):
            return group, tuple(_name(cut, rows[k], each) for k in first)
        return group, tuple(map(str, found))
    if isinstance(each, str):
        raise UnknownNameError(f"{what}: each={each!r}.{suggestion(each, KINDS)} Or give regions, or groups.")
    if isinstance(each, Sequence) and all(isinstance(one, str | Region) for one in each):
        return _by_regions(cut, rows, each, what)
    return _given_groups(each, len(rows), what)


def _name(cut: Compartments, row: int, kind: str) -> str:
    return str(cut.describe(row)) if kind == "compartment" else str(cut.describe(row)).split("(")[0]


def _by_regions(cut, rows, regions, what):
    masks = np.stack([region(one).mask(cut)[rows] for one in regions])
    for k, one in enumerate(regions):
        if not masks[k].any():
            raise ValueError(f"{what}: there is no element in {one}.")
    if (masks.sum(0) != 1).any():
        row = rows[int(np.flatnonzero(masks.sum(0) != 1)[0])]
        given = ", ".join(map(str, regions))
        raise ValueError(f"{what}: {cut.describe(row)} is in none or in several of the regions {given}; say at=...")
    return masks.argmax(0), tuple(str(one).strip("'") for one in regions)


def _given_groups(each, count, what):
    group = np.asarray(each)
    fits = group.dtype.kind in "iu" and group.shape == (count,) and group.min(initial=0) >= 0
    if not fits or not np.bincount(group).all():
        raise ValueError(
            f"{what}: groups are whole numbers 0, 1, ... without gaps, one for each of {count} elements; given {each!r}."
        )
    return group, tuple(map(str, range(int(group.max()) + 1)))


def _times(times, cut, rows, what):
    """The factor at each element."""
    value = 1.0 if times is None else times.at(cut, rows) if isinstance(times, ByPlace) else times
    number = in_unit(value, u.UNITLESS, f"{what}: times")
    if np.shape(number) not in ((), (len(rows),)):
        raise ValueError(
            f"{what}: times must be one factor for each of {len(rows)} elements, given {np.shape(number)}."
        )
    if not isinstance(number, Tracer) and not np.all(np.isfinite(np.asarray(number)) & (np.asarray(number) != 0)):
        raise ValueError(f"{what}: times must be finite and not 0.")
    return jnp.broadcast_to(jnp.asarray(number), (len(rows),))
