"""Cells of several shapes, divided in blocks of whole cells with about as many compartments each."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from brainsim.simulation.mesh.layout import OWN, Layout
from brainsim.trees.structure import depth_of


def in_blocks(sizes: np.ndarray, devices: int) -> np.ndarray:
    """Where blocks of things of these sizes begin, of which the largest is as small as it can be; their number at the end."""
    ends = np.cumsum(sizes)
    low, high = max(int(sizes.max()), -(-int(ends[-1]) // devices)), int(ends[-1])

    def blocks(most):
        begins = [0]
        for _ in range(devices):
            done = ends[begins[-1] - 1] if begins[-1] else 0
            begins.append(int(np.searchsorted(ends, done + most, side="right")))
        return begins

    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if blocks(middle)[-1] == len(sizes) else (middle + 1, high)
    return np.array(blocks(low))


class Forest:
    """How a population of cells of several shapes is divided.

    Parameters
    ----------
    cells : MultiCompartment
        That nothing flows between.
    devices : int

    Attributes
    ----------
    units, sites, points : Layout
        Of one value for each cell, compartment and branch point; ``points`` is None where there are none.
    """

    def __init__(self, cells: Any, devices: int):
        self.cells, self.devices, tree = cells, devices, cells.compartments
        begins = in_blocks(np.bincount(tree.cell, minlength=cells.count), devices)
        self.unit_home = np.repeat(np.arange(devices), np.diff(begins))
        self.home = self.unit_home[tree.cell]
        points = depth_of(np.asarray(tree.parent, np.int64))[1][len(tree) :]
        self.point_home = self.home[points]
        self.units, self.sites = self._of(self.unit_home), self._of(self.home)
        self.points = self._of(self.point_home) if len(points) else None

    def _of(self, home: np.ndarray) -> Layout:
        return Layout.uneven(np.searchsorted(home, np.arange(self.devices + 1)))

    def _part(self, name: str) -> Any:
        return functools.reduce(getattr, name.split(".") if name else (), self.cells)

    def of_part(self, name: str) -> Layout | None:
        """Of one value for each place of a part of the cells; of the cells themselves, for each cell."""
        if not name:
            return self.units
        sites = vars(self._part(name)._aside).get("sites")
        return None if sites is None else self._of(self.home[sites])

    def targets(self, projection: Any) -> Layout | None:
        """Of one value for each target of a projection."""
        layout = self.of_part(projection.receptor)
        return layout if layout is not None and layout.n == projection.n_post else None

    def layout(self, rest: str, shape: tuple[int, ...]) -> Layout | str | None:
        """How an array of the cells is divided, along its last axis."""
        if rest in ("tree.plan", "tree.rows"):
            return OWN
        numbers = self.numbers.get(f"{self.cells.path}.{rest}")
        if numbers is not None:
            return numbers[0]
        part, _, name = rest.rpartition(".")
        owner = self._part(part)
        declared = getattr(type(owner), "_declared", {}).get(name.removesuffix("_rounding"))
        if not shape or declared is None or declared.shape not in ("count", "sites"):
            return None
        layout = self.of_part(part) if part else self.units if declared.shape == "count" else self.sites
        return layout.at(len(shape) - 1) if layout is not None and layout.n == shape[-1] else None

    @functools.cached_property
    def numbers(self) -> dict[str, tuple[Layout, Layout]]:
        """Arrays of numbers of places or cells, by path: how each is divided, and what its numbers count."""
        found: dict[str, tuple[Layout, Layout]] = {}
        for name, part in vars(self.cells).items():
            if name == "axon_hillock_unit":
                found[name] = self._of(self.unit_home[np.asarray(self.cells.plain(name))]), self.units
            held = vars(part) if hasattr(part, "stand_at") else {}
            if "at" in held:
                pool = self._pool_of(name, part)
                home = self.home if pool is None else self.home[pool._aside.sites]
                here, whole = self._of(home[np.asarray(part.plain("at"))]), self._of(home)
                found |= {f"{name}.at": (here, whole), f"{name}.back": (whole, here)}
            if "unit" in held:
                found[f"{name}.unit"] = self._of(self.unit_home[np.asarray(part.plain("unit"))]), self.units
        return {f"{self.cells.path}.{name}": pair for name, pair in found.items()}

    def own_numbers(self, path: str, device: int) -> np.ndarray:
        """The numbers of :attr:`numbers` that a device has, as it counts: behind the last, one more than there are."""
        layout, home = self.numbers[path]
        given = np.asarray(functools.reduce(getattr, path.split(".")[1:-1], self.cells).plain(path.rpartition(".")[2]))
        own = np.minimum(given[layout.places(device)] - home.first(device), home.size)
        own[layout.end(device) - layout.first(device) :] = home.size
        return np.where(given[layout.places(device)] == home.n, home.size, own).astype(np.int32)

    def _pool_of(self, name: str, part: Any) -> Any:
        """The pool whose places a link counts; None for parts, which count those of the cells."""
        if "sites" in vars(part._aside):
            return None
        return next((pool for ion, pool in self.cells.pools.items() if name.endswith(f"_in_{ion}")), None)

    @functools.cached_property
    def blocks(self) -> dict[int, Layout]:
        """The layouts that occur, by the length of the axis."""
        return {one.n: one for one in (*self._parts.values(), self.sites, self.units) if one is not None and one.n}

    @functools.cached_property
    def _parts(self) -> dict[str, Layout | None]:
        return {name: self.of_part(name) for name, part in vars(self.cells).items() if hasattr(part, "stand_at")}

    @property
    def known(self) -> tuple:
        """All that a program knows of it."""
        return self.units, self.sites, self.points, *self._parts.items(), *self.numbers.items()

    # -- the solver's tables -----------------------------------------------------------------------------------------------

    @functools.cached_property
    def trees(self) -> dict[str, list[np.ndarray]]:
        """What the solver knows of the trees of each device, by path: in the order of the whole, so with its rounding."""
        tree = self.cells.plain("tree")
        plan, rows = np.asarray(tree.plan), np.asarray(tree.rows)
        made = [self._planned(device, plan, rows) for device in range(self.devices)]
        nodes = made[0][0].shape[1]
        full = max(-(-nodes // len(rows)), *((row < nodes).sum(1).max() for _, row in made))
        filled = [_filled(row, full, one) for one, row in made]
        return {"tree.plan": [one for one, _ in made], "tree.rows": filled}

    def _planned(self, device: int, plan: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The plan of a device, and its rows, still with gaps: see :class:`brainsim.trees.Tree`."""
        n, length, size = plan.shape[1], self.sites.n, self.sites.size
        n_points = 0 if self.points is None else self.points.size
        number = np.full(n, -1)  # of each node on the device
        here = self.sites.places(device)[: self.sites.end(device) - self.sites.first(device)]
        number[here] = np.arange(len(here))
        k = 0
        if self.points is not None:
            k = self.points.end(device) - self.points.first(device)
            number[length + self.points.first(device) + np.arange(k)] = size + np.arange(k)
        kept = number[plan[0]] >= 0
        position = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # -1: above a root
        order, up, edge, low, high = plan[:, kept]
        own = np.stack([number[order], position[up], number[edge], number[low], number[high]])
        # Compartments that fill up are alone, and branch points hang on the first one without a current
        spare, loose = np.arange(len(here), size), np.arange(size + k, size + n_points)
        first = np.append(own[0], spare).tolist().index(0)
        rest = np.concatenate([spare, loose])
        up = np.append(np.full(len(spare), -1), np.full(len(loose), first))
        stand_in = np.append(spare, np.zeros(len(loose), int))
        own = np.concatenate([own, np.stack([rest, up, rest, stand_in, stand_in])], 1)
        nodes = own.shape[1]
        there = position[np.minimum(rows, n)]
        return own.astype(np.int32), np.where(there < 0, nodes, there)


def _filled(rows: np.ndarray, width: int, plan: np.ndarray) -> np.ndarray:
    """Rows without gaps, with roots that are in none of them put where there is room."""
    nodes = plan.shape[1]
    packed = np.sort(rows, 1)
    packed = np.pad(packed, ((0, 0), (0, max(width - packed.shape[1], 0))), constant_values=nodes)[:, :width]
    missing = np.setdiff1d(np.flatnonzero(plan[1] < 0), rows)
    room = np.argwhere(packed == nodes)[: len(missing)]
    packed[room[:, 0], room[:, 1]] = missing[: len(room)]
    return packed.astype(np.int32)
