"""What is recorded at places of cells: ``"cells.V@dend[3](0.5)"``, ``("cells.na.m", tips())``, ``cells.at("dend")``."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from brainsim.cells import MultiCompartment, at
from brainsim.cells.view import Sites
from brainsim.network import Network
from brainsim.population import View

_POINT = re.compile(r"(cell (?P<cell>\d+), *)?(branch (?P<branch>\d+), [^(]*|(?P<name>.+?))(\((?P<x>[-+.\deE]+)\))?")


@dataclasses.dataclass(frozen=True)
class Places:
    """Sites of cells that elements of a recorded variable stand for.

    Parameters
    ----------
    cells : MultiCompartment
    sites : int array, (k,)
    """

    cells: MultiCompartment
    sites: np.ndarray

    def names(self) -> list[str]:
        """Branch and point of each, with the cell where there are several: ``"cell 3, dend[3](0.5)"``."""
        return [self.cells.describe_site(site) for site in self.sites.tolist()]

    def __reduce__(self):
        """Elsewhere it is the names alone, without the cells."""
        return list, (self.names(),)

    def among(self, elements: np.ndarray) -> Places:
        """Those of some elements."""
        return Places(self.cells, self.sites[elements])


def label_of(asked: Any) -> str:
    """The label of what was asked for: a string as it is, ``"cells.V@tips()"`` for a path and places, and of a view.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(asked, str):
        return asked
    if isinstance(asked, Sites) and asked.text is not None:
        return f"{asked.population.path}.V@{asked.text}"
    if isinstance(asked, View):
        return f"{asked.population.path}.V[[{', '.join(map(str, asked.ids))}]]"
    if isinstance(asked, tuple) and len(asked) == 2 and isinstance(asked[0], str):
        view = asked[1]
        if isinstance(view, Sites):
            return f"{asked[0]}@{view.text or view.ids.tolist()}"
        return f"{asked[0]}@{_shown(view)}"
    raise ValueError(
        f"record: cannot read {asked!r}; write a path such as 'E.spikes', 'E.V', 'E.V[:10]' or 'cells.V@dend[3](0.5)', a"
        " pair of a path and places, or a view such as cells.at('dend')."
    )


def places_of(net: Network, path: str) -> Places | None:
    """The sites of cells that the elements of a variable stand for; None for what has no places."""
    owner, _, name = path.rpartition(".")
    cells = net.populations.get(path.partition(".")[0])
    if not isinstance(cells, MultiCompartment) or not owner:
        return None
    part = net[owner]
    if part is cells:
        own = cells._declared.get(name)
        return Places(cells, np.arange(cells.sites)) if own is not None and own.shape == "sites" else None
    sites = vars(part._aside).get("sites")
    one_each = getattr(part, "count", None) == len(sites) if sites is not None else False
    return Places(cells, np.asarray(sites)) if one_each and path.count(".") == 2 else None


def elements_at(net: Network, path: str, where: Any, label: str) -> tuple[int, ...]:
    """The elements of a variable at places.

    Raises
    ------
    UnknownNameError, ValueError, IndexError
        For a variable without places, places that do not exist, and those at which its owner does not stand: names
        branch and point.
    """
    there = places_of(net, path)
    if there is None:
        raise ValueError(f"record: {label!r} asks for places, and {path!r} is not one number for each place of cells.")
    cells = there.cells
    try:
        sites = _sites(cells, where)
        part: Any = net[path.rpartition(".")[0]]
        return tuple(np.asarray(sites if part is cells else cells.places_on(part, sites)).tolist())
    except (ValueError, IndexError, AttributeError) as error:
        raise type(error)(f"record: {label!r}: {error}") from None


def _sites(cells: MultiCompartment, where) -> np.ndarray:
    if isinstance(where, Sites):
        if where.population is not cells:
            raise ValueError(f"the places are those of {where.population.path}, not of {cells.path}.")
        return where.ids
    ids = None
    if isinstance(where, str):
        point = _POINT.fullmatch(where)
        if point is not None:
            if point["cell"] is not None:
                ids = np.asarray([int(point["cell"])])
                if ids[0] >= cells.count:
                    raise IndexError(f"there is no cell {ids[0]}; there are {cells.count}, from 0 on.")
                where = where.partition(",")[2].strip()
            branch = point["name"] if point["branch"] is None else int(point["branch"])
            where = where if point["x"] is None else at(branch, float(point["x"]))
    return cells.sites_of(*(where if isinstance(where, tuple | list) else (where,)), ids=ids)


def _shown(where) -> str:
    return where if isinstance(where, str) else str(where)
