"""Where on a cell: expressions that stand for regions and for locations, whatever the cell and its compartments."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.morphologies.morphology import Morphology


class Region:
    """A part of a cell, as an expression; it becomes a mask on :class:`Compartments`.

    Regions combine with ``|`` (either), ``&`` (both), ``-`` (without) and ``~`` (the rest), also with strings. Wherever a
    region is asked for, a string does too: ``"all"``, a type of branches, a label of the morphology, or the name of a
    branch, in this order; or ``"dend[3](0.5)"``, the compartment there of each of these branches.

    Parameters
    ----------
    text : str
        The expression, as it is printed.
    resolve : callable
        From compartments to the mask: (n,) of bool.
    """

    def __init__(self, text: str, resolve: Callable[[Compartments], np.ndarray]):
        self.text = text
        self.resolve = resolve

    def mask(self, compartments: Compartments) -> np.ndarray:
        """Which compartments belong to it: (n,) of bool. A compartment belongs where its centre does."""
        return self.resolve(compartments)

    def indices(self, compartments: Compartments) -> np.ndarray:
        """The compartments that belong to it, ascending."""
        return np.flatnonzero(self.mask(compartments))

    def __repr__(self) -> str:
        return self.text

    def __or__(self, other: RegionLike) -> Region:
        return _combined(self, "|", other)

    def __and__(self, other: RegionLike) -> Region:
        return _combined(self, "&", other)

    def __sub__(self, other: RegionLike) -> Region:
        return _combined(self, "-", other)

    def __ror__(self, other: RegionLike) -> Region:
        return _combined(other, "|", self)

    def __rand__(self, other: RegionLike) -> Region:
        return _combined(other, "&", self)

    def __rsub__(self, other: RegionLike) -> Region:
        return _combined(other, "-", self)

    def __invert__(self) -> Region:
        return Region(f"~{self.text}", partial(_rest, self))


class Locset:
    """Places on a cell, as an expression; they become branches and fractions, and indices of compartments.

    Two are joined with ``+`` (one after the other); ``&`` with a region keeps those that lie in it.

    Parameters
    ----------
    text : str
        The expression, as it is printed.
    resolve : callable
        From compartments to ``(branch, x)``: index of the branch, counted on over cells, and fraction of its length.
    """

    def __init__(self, text: str, resolve: Callable[[Compartments], tuple[np.ndarray, np.ndarray]]):
        self.text = text
        self.resolve = resolve

    def places(self, compartments: Compartments) -> tuple[np.ndarray, np.ndarray]:
        """``(branch, x)`` of every place, in order."""
        branch, x = self.resolve(compartments)
        return np.asarray(branch, int), np.asarray(x, float)

    def indices(self, compartments: Compartments) -> np.ndarray:
        """The compartment of every place, in order; one that holds several comes as often."""
        return compartments.index(*self.places(compartments))

    def __repr__(self) -> str:
        return self.text

    def __add__(self, other: Locset) -> Locset:
        if not isinstance(other, Locset):
            return NotImplemented
        return Locset(f"({self} + {other})", partial(_one_after_the_other, self, other))

    def __and__(self, other: RegionLike) -> Locset:
        chosen = region(other)
        return Locset(f"({self} & {chosen})", partial(_within, self, chosen))


RegionLike: TypeAlias = Region | str

POINT = re.compile(r"(?P<branch>.+)\((?P<x>[-+.\deE]+)\)")  # as places are told to people


def region(what: RegionLike) -> Region:
    """A region as it is, or the one that a string names.

    Parameters
    ----------
    what : Region or str
        ``"all"``, a type of branches, a label of the morphology, or the name of a branch, in this order;
        ``"dend[3](0.5)"``: of these branches, the compartments at a fraction of the length.

    Returns
    -------
    Region
        What the string names is looked up on the compartments.

    Raises
    ------
    UnknownNameError
        On the compartments, where there is no such name; tells the nearest one and the types.
    """
    if isinstance(what, Region):
        return what
    if isinstance(what, str):
        return Region(repr(what), partial(_named, what))
    raise TypeError(f"region: a region or the name of one, given {type(what).__name__} ({what!r}).")


def named_branches(name: str, compartments: Compartments) -> np.ndarray:
    """The branches, counted on over cells, that a string stands for: all, a type's, a label's, or the one of this name."""
    found, known = [], {"all"}
    for first, shape in zip(compartments.first_branch.tolist(), compartments.morphologies):
        known |= {*shape.types, *shape.labels, *(branch.name for branch in shape if branch.name)}
        found.append(first + _ids(name, shape))
    if name not in known:
        nearest = suggestion(name, known).split(" Accepted")[0]
        raise UnknownNameError(
            f"region {name!r}: there is no such type, label or branch.{nearest}{offered(compartments)}"
        )
    return np.concatenate(found)


def _ids(name: str, shape: Morphology) -> np.ndarray:
    if name == "all":
        return np.arange(len(shape))
    of_type = np.array([k for k, branch in enumerate(shape) if branch.type == name], int)
    labelled = shape.labels.get(name)
    if len(of_type) and labelled is not None and not np.array_equal(labelled, of_type):
        raise ValueError(f"region {name!r} is a type and, with other branches, a label: use of_type or labelled.")
    if len(of_type):
        return of_type
    return labelled if labelled is not None else with_name(name, shape)


def with_name(name: str, shape: Morphology) -> np.ndarray:
    """The branches of a morphology that have a name."""
    return np.array([k for k, branch in enumerate(shape) if branch.name == name], int)


def offered(compartments: Compartments) -> str:
    """What regions there are, for errors."""
    labels = f" Labels: {', '.join(compartments.labels)}." if compartments.labels else ""
    return f" Types: {', '.join(compartments.types)}.{labels}"


def on_branches(compartments: Compartments, branches: np.ndarray) -> np.ndarray:
    """The mask of the compartments of some branches."""
    return np.isin(compartments.branch, branches)


def _named(name, compartments):
    point = POINT.fullmatch(name)
    if point is None or any(name in shape.labels for shape in compartments.morphologies):
        return on_branches(compartments, named_branches(name, compartments))
    branches, x = named_branches(point["branch"], compartments), fraction_of(point["branch"], point["x"])
    return np.isin(np.arange(len(compartments)), compartments.index(branches, np.full(len(branches), x)))


def fraction_of(branch: int | str, x: float | str) -> float:
    """A place on a branch as the fraction of its length; refuses what is not between 0 and 1."""
    try:
        found = float(x)
    except (TypeError, ValueError):
        found = np.nan
    if not 0 <= found <= 1:
        raise ValueError(f"at: a place on branch {branch!r} is a fraction of its length from 0 to 1, given {x}.")
    return found


def _combined(one: RegionLike, sign: str, other: RegionLike) -> Region:
    if not isinstance(one, Region | str) or not isinstance(other, Region | str):
        return NotImplemented
    one, other = region(one), region(other)
    return Region(f"({one} {sign} {other})", partial(_apply, one, sign, other))


def _apply(one, sign, other, compartments):
    a, b = one.mask(compartments), other.mask(compartments)
    return {"|": a | b, "&": a & b, "-": a & ~b}[sign]


def _rest(one, compartments):
    return ~one.mask(compartments)


def _one_after_the_other(one, other, compartments):
    a, b = one.places(compartments), other.places(compartments)
    return np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])


def _within(locset, chosen, compartments):
    branch, x = locset.places(compartments)
    keep = chosen.mask(compartments)[compartments.index(branch, x)]
    return branch[keep], x[keep]
