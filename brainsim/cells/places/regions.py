"""Regions: parts of a cell by type, name, path, thickness and order."""

from __future__ import annotations

from functools import partial
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.compartments.branch_tree import BranchTree
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.places.where import Locset, Region, named_branches, offered, on_branches, with_name


def of_type(*types: str) -> Region:
    """Branches of these types.

    Parameters
    ----------
    *types : str
        Such as ``"dend"``, ``"apic"``.

    Returns
    -------
    Region
        It refuses a type that no cell has, on the compartments.
    """
    return Region(_call("of_type", *map(repr, types)), partial(_of_type, types))


def labelled(*labels: str) -> Region:
    """Branches that carry one of these labels of the morphology.

    Parameters
    ----------
    *labels : str
        Names of groups of branches.

    Returns
    -------
    Region
        It refuses a label that no cell has, on the compartments.
    """
    return Region(_call("labelled", *map(repr, labels)), partial(_labelled, labels))


def branches(*which: int | str) -> Region:
    """Single branches.

    Parameters
    ----------
    *which : int or str
        Indices (in every cell that has so many branches) or names.

    Returns
    -------
    Region
        It refuses a branch that no cell has, on the compartments.
    """
    return Region(_call("branches", *map(repr, which)), partial(_branches, which))


def cells(*which: int) -> Region:
    """Whole cells, of several that are joined.

    Parameters
    ----------
    *which : int
        Indices of cells.

    Returns
    -------
    Region
        It refuses a cell that does not exist, on the compartments.
    """
    return Region(_call("cells", *map(repr, which)), partial(_cells, which))


def distance(
    start: QuantityLike = 0 * u.um, stop: QuantityLike | None = None, *, origin: Locset | None = None
) -> Region:
    """Where the path from the root, or from a place, has a length in [start, stop).

    Parameters
    ----------
    start, stop : Quantity
        The lengths; without ``stop`` as far as the cell goes.
    origin : Locset, optional
        Where paths begin instead of at the start of the tree's root: the nearest of several places in the same tree.

    Returns
    -------
    Region
        Other trees than the one of ``origin`` do not belong to it.
    """
    said = [] if origin is None else [f"origin={origin!r}"]
    return Region(_call("distance", *_span(start, stop), *said), partial(_distance, *_limits(start, stop), origin))


def diameter(start: QuantityLike = 0 * u.um, stop: QuantityLike | None = None) -> Region:
    """Where the mean diameter of a compartment is in [start, stop).

    Parameters
    ----------
    start, stop : Quantity
        The diameters; without ``stop`` as thick as there are.

    Returns
    -------
    Region
        Of compartments by their own diameters, not by those of their branches.
    """
    return Region(_call("diameter", *_span(start, stop)), partial(_diameter, *_limits(start, stop)))


def order(first: int, last: int | None = None) -> Region:
    """Branches of these orders: 0 in the root's branch, one more behind each branching.

    Parameters
    ----------
    first, last : int
        The lowest and the highest order; ``order(2)`` is of order 2 only.

    Returns
    -------
    Region
        Empty where the cell has no such order.
    """
    said = _call("order", *map(repr, (first,) if last is None else (first, last)))
    return Region(said, partial(_order, first, first if last is None else last))


def below(place: Locset) -> Region:
    """What lies beyond a place, seen from the root: the rest of its branch and all that grows from there on.

    Parameters
    ----------
    place : Locset
        One place or several, which give the union. ``below(at("dend[3]", 0))`` is the subtree of a branch.

    Returns
    -------
    Region
        Of the compartments whose centres lie there.
    """
    return Region(_call("below", repr(_checked(place, "below"))), partial(_below, place))


def path_to(place: Locset) -> Region:
    """The way from the root to a place.

    Parameters
    ----------
    place : Locset
        One place or several, which give the union.

    Returns
    -------
    Region
        Of the compartments whose centres lie on it.
    """
    return Region(_call("path_to", repr(_checked(place, "path_to"))), partial(_path_to, place))


def distances(compartments: Compartments, origin: Locset | None = None) -> np.ndarray:
    """Length of the path to every compartment's centre, in µm, from the root or from the nearest of some places.

    Parameters
    ----------
    compartments : Compartments
        The cell, or several.
    origin : Locset, optional
        Where paths begin.

    Returns
    -------
    array (n,)
        Infinite where no path leads.
    """
    if origin is None:
        return compartments.distance
    shortest = np.full(len(compartments), np.inf)
    for place in zip(*origin.places(compartments)):
        (base, pivot), here, branch = _in_its_cell(BranchTree.paths_from, place, compartments)
        along = np.abs(compartments.x[here] - pivot[branch]) * compartments.tree.length[compartments.branch[here]]
        shortest[here] = np.minimum(shortest[here], base[branch] + along)
    return shortest


def _in_its_cell(rule, place, compartments) -> tuple[Any, slice, np.ndarray]:
    """What a rule finds for the branches of a place's cell, the cell's compartments, and their branches among those."""
    tree = compartments.tree
    found = rule(tree, int(place[0]), float(place[1]))
    cell = tree.branches_beside(int(place[0]))
    here = slice(compartments.first[cell.start], compartments.first[cell.stop])
    return found, here, compartments.branch[here] - cell.start


def _call(name, *arguments) -> str:
    return f"{name}({', '.join(arguments)})"


def _span(start, stop) -> list[str]:
    return [f"{_um(length):g} um" for length in (start, stop) if length is not None]


def _um(length: Any) -> float:
    return float(in_unit(length, u.um, "a length of a region"))


def _limits(start, stop) -> tuple[float, float]:
    low, high = _um(start), np.inf if stop is None else _um(stop)
    if not 0 <= low < high:
        raise ValueError(f"a region reaches from a length to a larger one, given {low:g} um and {high:g} um.")
    return low, high


def _checked(place, what):
    if not isinstance(place, Locset):
        raise TypeError(f"{what}: a place, such as at('soma', 0.5), given {type(place).__name__} ({place!r}).")
    return place


def _of_type(types, compartments):
    for name in types:
        if name not in compartments.types:
            raise UnknownNameError(f"of_type: there is no type {name!r}.{suggestion(name, compartments.types)}")
    return np.isin(compartments.type, types)


def _labelled(labels, compartments):
    for name in labels:
        if name not in compartments.labels:
            raise UnknownNameError(f"labelled: there is no label {name!r}.{suggestion(name, compartments.labels)}")
    shapes = zip(compartments.first_branch.tolist(), compartments.morphologies)
    ids = [first + shape.labels[name] for first, shape in shapes for name in labels if name in shape.labels]
    return on_branches(compartments, np.concatenate([np.zeros(0, int), *ids]))


def branches_of(which: int | str, compartments: Compartments, what: str) -> np.ndarray:
    """The branches, counted on over cells, that an index or a string stands for."""
    if isinstance(which, str):
        return named_branches(which, compartments)
    sizes = np.array([len(shape) for shape in compartments.morphologies])
    if not 0 <= which < sizes.max():
        raise IndexError(f"{what}: there is no branch {which}; there are {sizes.max()} in the largest cell, from 0 on.")
    return compartments.first_branch[sizes > which] + which


def _branches(which, compartments):
    names = {branch.name for shape in compartments.morphologies for branch in shape if branch.name}
    found = [np.zeros(0, int)]
    for one in which:
        if isinstance(one, str) and one not in names:
            some = suggestion(one, names) if len(names) <= 40 else suggestion(one, names).split(" Accepted")[0]
            raise UnknownNameError(f"branches: there is no branch {one!r}.{some}{offered(compartments)}")
        if isinstance(one, str):
            shapes = zip(compartments.first_branch.tolist(), compartments.morphologies)
            found.extend(first + with_name(one, shape) for first, shape in shapes)
        else:
            found.append(branches_of(one, compartments, "branches"))
    return on_branches(compartments, np.concatenate(found))


def _cells(which, compartments):
    for one in which:
        if not 0 <= one < len(compartments.morphologies):
            raise IndexError(f"cells: there is no cell {one}; there are {len(compartments.morphologies)}, from 0 on.")
    return np.isin(compartments.cell, which)


def _distance(low, high, origin, compartments):
    path = distances(compartments, origin)
    return (path >= low) & (path < high)


def _diameter(low, high, compartments):
    return (compartments.diameter >= low) & (compartments.diameter < high)


def _order(first, last, compartments):
    return (compartments.order >= first) & (compartments.order <= last)


def _below(place, compartments):
    mask = np.zeros(len(compartments), bool)
    for one in zip(*place.places(compartments)):
        begins, here, branch = _in_its_cell(BranchTree.below, one, compartments)
        mask[here] |= compartments.x[here] >= begins[branch]
    return mask


def _path_to(place, compartments):
    mask = np.zeros(len(compartments), bool)
    for one in zip(*place.places(compartments)):
        ends, here, branch = _in_its_cell(BranchTree.above, one, compartments)
        mask[here] |= compartments.x[here] <= ends[branch]
    return mask
