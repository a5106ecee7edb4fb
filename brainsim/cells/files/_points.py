"""Points with parents, as SWC files list them: read, put in order, or refused with the line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

_COLUMNS = "id, type, x, y, z, radius, parent"


@dataclass(frozen=True, eq=False)
class Points:
    """One point per row; ``parent`` holds rows, -1 for a root."""

    ids: np.ndarray
    types: np.ndarray
    xyz: np.ndarray
    radius: np.ndarray
    parent: np.ndarray
    line: np.ndarray

    def __len__(self):
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Points:
        """These points in this order; their parents are among them."""
        position = np.full(len(self) + 1, -1)
        position[rows] = np.arange(len(rows))
        parent = position[self.parent[rows]]  # the last position stands for "no parent"
        columns = {name: getattr(self, name)[rows] for name in ("ids", "types", "xyz", "radius", "line")}
        return replace(self, parent=parent, **columns)


def parse(lines: Iterable[str], name: str, repairs: list[str]) -> Points:
    """The table of a file; ``repairs`` collects what was mended."""
    rows: list[list[float]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, 1):
        fields = re.split(r"[\s,;]+", line.split("#", 1)[0].strip(" \t\r\n,;\x1a\x00"))
        if fields == [""]:
            continue
        try:
            rows.append([float(field) for field in fields[:7]])
        except ValueError:
            raise ValueError(f"{name}, line {number}: expected numbers ({_COLUMNS}), given {line.strip()!r}.") from None
        if len(fields) < 7:
            raise ValueError(f"{name}, line {number}: expected {_COLUMNS}, given {len(fields)} columns.")
        numbers.append(number)
    if not rows:
        raise ValueError(f"{name}: there are no points in it.")
    table, line = np.array(rows), np.array(numbers)
    _refuse(table[:, [0, 1, 6]] % 1 != 0, line, table, name, "id, type and parent must be whole numbers")
    _refuse(~np.isfinite(table[:, 2:6]), line, table, name, "coordinates and radius must be finite")
    _, first = np.unique(table, axis=0, return_index=True)
    if len(first) < len(table):
        repairs.append(f"{len(table) - len(first)} repeated lines left out")
        first.sort()
        table, line = table[first], line[first]
    ids = table[:, 0].astype(int)
    parent = _rows_of_parents(ids, table[:, 6].astype(int), line, name, repairs)
    return Points(ids, table[:, 1].astype(int), table[:, 2:5], table[:, 5], parent, line)


def _refuse(bad, line, table, name, why):
    bad = bad.any(1) if bad.ndim > 1 else bad
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{name}, line {line[k]}: {why}, given {' '.join(f'{x:g}' for x in table[k])}.")


def _rows_of_parents(ids, parents, line, name, repairs):
    order = np.argsort(ids, kind="stable")
    known = ids[order]
    twice = np.flatnonzero(known[1:] == known[:-1])
    if len(twice):
        a, b = line[order[twice[0]]], line[order[twice[0] + 1]]
        raise ValueError(f"{name}, line {b}: the id {known[twice[0]]} is taken by another point, on line {a}.")
    if not (parents < 0).any() and 0 not in ids and (parents == 0).sum() == 1:
        repairs.append(f"the point on line {line[parents == 0][0]} has parent 0 and was taken as the root")
        parents = np.where(parents == 0, -1, parents)
    at = np.minimum(np.searchsorted(known, parents), len(known) - 1)
    missing = (parents >= 0) & (known[at] != parents)
    if missing.any():
        k = int(np.flatnonzero(missing)[0])
        raise ValueError(
            f"{name}, line {line[k]}: point {ids[k]} is disconnected, its parent {parents[k]} does not exist. "
            "Roots have parent -1."
        )
    return np.where(parents < 0, -1, order[at])


def trees(points: Points, name: str, repairs: list[str]) -> list[Points]:
    """The trees, each with parents before children: by id where the file is so, else depth first."""
    order, root = _depth_first(points)
    if len(order) < len(points):
        k = int(np.flatnonzero(root < 0)[0])
        for _ in range(len(points)):
            k = int(points.parent[k])
        raise ValueError(f"{name}, line {points.line[k]}: point {points.ids[k]} is its own ancestor: a loop of points.")
    late = (points.parent >= 0) & (points.ids[points.parent] > points.ids)
    if late.any():
        repairs.append(f"{late.sum()} points came before their parents and were put in order")
    else:
        order = np.argsort(points.ids)
    return [points.take(order[root[order] == r]) for r in dict.fromkeys(root[order].tolist())]


def depth_first(points: Points) -> Points:
    """The same points, each followed by what grows from it, first of all in the same type."""
    return points.take(_depth_first(points)[0])


def _depth_first(points):
    """Rows in depth-first order, and the root of every row; rows on loops are left out and have root -1."""
    children: list[list[int]] = [[] for _ in points.ids]
    roots = []
    # What goes on in the same type comes first, then by id.
    parent = points.parent
    changes = (parent >= 0) & (points.types[parent] != points.types)
    for k in np.lexsort((points.ids, changes)).tolist():
        (children[parent[k]] if parent[k] >= 0 else roots).append(k)
    order, root = [], np.full(len(points), -1)
    for r in sorted(roots, key=lambda k: points.ids[k]):
        stack = [r]
        while stack:
            k = stack.pop()
            order.append(k)
            root[k] = r
            stack += reversed(children[k])
    return np.array(order, int), root
