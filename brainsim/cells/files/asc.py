"""Reading Neurolucida's ASC files."""

from __future__ import annotations

import bisect
import os
import re
import warnings
from pathlib import Path

import numpy as np

from brainsim.cells.files._contours import around, ball, soma_of, stacks
from brainsim.cells.files._sections import SOMA, Section, without_empty
from brainsim.cells.morphologies.morphology import TYPES, Branch, Morphology

_KINDS = {"axon": 2, "dendrite": 3, "apical": 4}
_BODIES = ("cellbody", "cell body", "soma")
_TOKEN = re.compile(r';[^\n]*|"[^"]*"|[()|<>]|[^\s()|<>";,]+')


class _Node(list):
    """What stands between two parentheses, and the line of the first."""

    def __init__(self, line: int):
        super().__init__()
        self.line = line

    @property
    def head(self) -> str:
        """Its first word in lower case, without quotation marks; "" where it begins with another node."""
        return self[0].strip('"').lower() if self and isinstance(self[0], str) else ""

    @property
    def is_point(self) -> bool:
        return bool(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", self.head))


def read_asc(path: str | os.PathLike[str]) -> Morphology:
    """Read a morphology from Neurolucida's ASC file, as NEURON's Import3d does.

    Trees become branches of type ``"axon"``, ``"dend"`` and ``"apic"``. A branch begins at the end of the one that it
    grows from. The outline of the cell body becomes a soma of 21 discs along its longest axis; outlines that lie above
    each other become one disc each. Trees grow from the middle of the soma that they begin in, or of the nearest one,
    and start at their own first point. A cell body of one point is a sphere. Markers, spines, texts and other outlines are skipped.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Morphology
        Branches are called ``"dend[3]"``. Lengths are those of the file, in µm.

    Raises
    ------
    ValueError
        With the line number: for parentheses that do not match, points that are not three coordinates and a diameter,
        diameters that are not positive, and points after a split. For a file without a tree or a cell body.

    Warns
    -----
    UserWarning
        Once for all that was mended: trees that begin outside every soma, outlines of two points, branches
        of no length.

    References
    ----------
    Hines and Carnevale, NEURON 9, ``read_nlcda3.hoc`` and ``import3d_gui.hoc``.
    """
    name = Path(path).name
    repairs: list[str] = []
    objects = _parse(Path(path).read_bytes().decode("utf-8-sig", errors="replace"), name)
    outlines, trees = [], []
    for node in objects:
        properties = {item.head for item in node if isinstance(item, _Node)}
        if node.head in _BODIES or (isinstance(node[0], str) and node[0].startswith('"') and "cellbody" in properties):
            outlines.append(_points(node, name)[0])
        elif isinstance(node[0], _Node) and not any(isinstance(item, str) and item[0] == '"' for item in node):
            kind = next((_KINDS[word] for word in _KINDS if word in properties), 0)
            if any(isinstance(item, _Node) and item.is_point for item in node):
                trees.append((node, kind))
    somata, made = _somata(outlines, repairs)
    for node, kind in trees:
        _grow(node, kind, name, made)
    _attach(made, somata, repairs)
    if not made:
        raise ValueError(f"{name}: there is neither a tree nor a cell body in it.")
    made = without_empty(made, repairs)
    if repairs:
        warnings.warn(f"{name}: {'; '.join(repairs)}.", stacklevel=2)
    numbers: dict[str, int] = {}
    branches = []
    for each in made:
        kind = TYPES[each.type]
        k = numbers[kind] = numbers.get(kind, -1) + 1
        branches.append(Branch(each.xyz, each.radius, kind, each.parent, each.at, f"{kind}[{k}]"))
    return Morphology(branches)


def _parse(text, name):
    """The nodes at the top of a file, nested as its parentheses are; comments and spines left out."""
    breaks = [match.start() for match in re.finditer("\n", text)]
    top = _Node(1)
    open_nodes = [top]
    spines = 0
    for match in _TOKEN.finditer(text):
        token, line = match.group(), bisect.bisect_left(breaks, match.start()) + 1
        if token[0] == ";":
            continue
        if token in "<>":
            spines = max(spines + (1 if token == "<" else -1), 0)
        elif spines:
            continue
        elif token == "(":
            open_nodes.append(_Node(line))
            open_nodes[-2].append(open_nodes[-1])
        elif token == ")":
            if len(open_nodes) == 1:
                raise ValueError(f"{name}, line {line}: this parenthesis closes nothing.")
            open_nodes.pop()
        else:
            open_nodes[-1].append(token)
    if len(open_nodes) > 1:
        raise ValueError(f"{name}, line {open_nodes[-1].line}: this parenthesis is not closed.")
    return [node for node in top if isinstance(node, _Node) and node]


def _points(items, name):
    """Points and diameters at the front of a branch, (k, 4), and the splits behind them."""
    points, splits = [], []
    for item in items:
        if not isinstance(item, _Node) or not item:
            continue
        if item.is_point:
            try:
                point = [float(x) for x in item[:4]]
            except (ValueError, TypeError):
                point = []
            if len(point) == 3:
                point.append(np.nan)
            if len(point) != 4:
                raise ValueError(f"{name}, line {item.line}: expected x, y, z and a diameter, given {item[:4]}.")
            if splits:
                raise ValueError(f"{name}, line {item.line}: a point follows the split on line {splits[0].line}.")
            points.append((*point, item.line))
        elif isinstance(item[0], _Node):
            splits.append(item)
    table = np.array(points, float).reshape(-1, 5)
    return table[:, :4], splits, table[:, 4].astype(int)


def _grow(node, kind, name, made):
    """Append the sections of a tree; each begins where the one that it grows from ends."""
    waiting = [(list(node), -1)]
    while waiting:
        items, parent = waiting.pop()
        points, splits, lines = _points(items, name)
        bad = np.flatnonzero(~(points[:, 3] > 0))
        if len(bad):
            raise ValueError(
                f"{name}, line {lines[bad[0]]}: the diameter must be positive, given {points[bad[0], 3]:g}."
            )
        if len(points):
            xyz, radius = points[:, :3], points[:, 3] / 2
            if parent >= 0 and (xyz[0] != made[parent].xyz[-1]).any():
                xyz, radius = np.vstack([made[parent].xyz[-1:], xyz]), np.append(radius[0], radius)
            made.append(Section(xyz, radius, np.full(len(radius), -1), kind, parent, 1.0))
            parent = len(made) - 1
        for split in reversed(splits):
            waiting += [(part, parent) for part in reversed(_parts(split))]


def _parts(split):
    """What stands between the bars of a split."""
    parts: list[list] = [[]]
    for item in split:
        if item == "|":
            parts.append([])
        else:
            parts[-1].append(item)
    return [part for part in parts if any(isinstance(item, _Node) for item in part)]


def _somata(outlines, repairs):
    """The outlines of each soma, and its section."""
    small = sum(len(outline) == 2 or not (len(outline) > 2 or (outline[:, 3] > 0).any()) for outline in outlines)
    if small:
        repairs.append(f"{small} outlines of the cell body are no outlines and were left out")
    single = [outline for outline in outlines if len(outline) == 1 and outline[0, 3] > 0]
    outlines = [outline[:, :3] for outline in outlines if len(outline) > 2]
    groups = [[outlines[k] for k in group] for group in stacks(outlines)]
    shapes = [soma_of(group) for group in groups]
    groups += [[point[:, :3]] for point in single]
    shapes += [ball(point[0, :3], point[0, 3] / 2) for point in single]
    made = [Section(xyz, radius, np.full(len(radius), -1), SOMA, -1, 1.0) for xyz, radius in shapes]
    return groups, made


def _attach(made, somata, repairs):
    """Join trees to the middle of the soma whose box they begin in, else of the nearest."""
    if not somata:
        return
    centers = np.array([np.mean([around(outline).mean(0) for outline in soma], axis=0) for soma in somata])
    outside = 0
    for k in range(len(somata), len(made)):
        if made[k].parent >= 0:
            continue
        start = made[k].xyz[0]
        near = int(np.argmin(np.linalg.norm(centers - start, axis=1)))
        for n, soma in enumerate(somata):
            flat = np.concatenate(soma)[:, :2]
            room = 0.5 if len(flat) > 1 else made[n].radius[0]
            if (start[:2] >= flat.min(0) - room).all() and (start[:2] <= flat.max(0) + room).all():
                near = n
                break
        else:
            outside += 1
        made[k] = made[k].grown_from(near, 0.5)
    if outside:
        repairs.append(f"{outside} trees begin outside the soma and were joined to the middle of the nearest")
