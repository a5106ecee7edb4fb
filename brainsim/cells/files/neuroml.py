"""Reading the morphologies of NeuroML 2."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.cells.files._contours import ball
from brainsim.cells.files._groups import groups_of, whole
from brainsim.cells.morphologies.morphology import Branch, Morphology

_UNBRANCHED = "sao864921383"  # the NeuroLex id of groups that are one unbranched cable
_KINDS = (("soma", "soma"), ("axon", "axon"), ("apic", "apic"), ("dend", "dend"), ("basal", "dend"))


@dataclass(frozen=True, eq=False)
class _Segment:
    """A truncated cone: points are x, y, z and the diameter."""

    id: int
    name: str
    parent: int
    along: float
    proximal: np.ndarray
    distal: np.ndarray


def read_neuroml(path: str | os.PathLike[str], *, cell: str | None = None) -> Morphology:
    """Read a morphology from a NeuroML 2 file.

    Segments that follow each other end to end become one branch, as long as they belong to the same segment groups. A
    segment without a proximal point begins on its parent, where ``fractionAlong`` says. One of no length is a sphere.
    The types of branches come from the groups that they are in, or from the name of their segments: what begins with
    ``soma``, ``axon``, ``apic``, ``dend`` or ``basal``.

    Parameters
    ----------
    path : str or path
    cell : str, optional
        Id of the cell or the morphology, where the file has several.

    Returns
    -------
    Morphology
        Its labels are the segment groups, with what they include. A branch that is a group of its own (an unbranched
        one, ``neuroLexId="sao864921383"``) bears its name, others are called ``"dend[3]"``. ``Branch.source`` holds the
        id of the segment that ends at each point, and -1 for first points.

    Raises
    ------
    ValueError
        For a file that is no XML or has no morphology, and for segments with an id that another has, without a distal
        point, with a parent that does not exist, in a loop, or with a diameter that is not positive. Names the segment.
    UnknownNameError
        For a cell that is not in the file, and groups that include one that does not exist.
    """
    name = Path(path).name
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{name}: it is not XML: {error}.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # names without their namespace
    morphology = _chosen(root, cell, name)
    segments = _segments(morphology, name)
    groups, cables = groups_of(morphology, {k: s.parent for k, s in segments.items()}, _UNBRANCHED, name)
    return _branches(segments, groups, cables)


def _chosen(root, cell, name):
    found = {}
    for holder in root.iter():
        for part in holder.findall("morphology"):
            found[part.get("id", "")] = part
            if holder.tag == "cell":
                found[holder.get("id", "")] = part
    for holder in root.iter("cell"):
        if holder.get("morphology") in found:
            found[holder.get("id", "")] = found[holder.get("morphology")]
    if not found:
        raise ValueError(f"{name}: there is no morphology in it.")
    if cell is None:
        if len({id(part) for part in found.values()}) > 1:
            raise ValueError(
                f"{name}: it has several cells, name one of them: {', '.join(sorted(filter(None, found)))}."
            )
        return next(iter(found.values()))
    if cell not in found:
        raise UnknownNameError(f"{name}: there is no cell {cell!r}.{suggestion(cell, filter(None, found))}")
    return found[cell]


def _segments(morphology, name) -> Mapping[int, _Segment]:
    """All segments by id, parents first."""
    elements = {}
    for element in morphology.findall("segment"):
        k = whole(element, "id", name)
        if k in elements:
            raise ValueError(f"{name}, segment {k}: another segment has this id.")
        elements[k] = element
    parents = {}
    for k, element in elements.items():
        parent = element.find("parent")
        parents[k] = -1 if parent is None else whole(parent, "segment", name)
        if parents[k] >= 0 and parents[k] not in elements:
            raise ValueError(f"{name}, segment {k}: its parent {parents[k]} does not exist.")
    children: dict[int, list[int]] = {}
    for k, p in parents.items():
        children.setdefault(p, []).append(k)
    segments: dict[int, _Segment] = {}
    waiting = sorted(children.get(-1, []), reverse=True)
    while waiting:
        k = waiting.pop()
        segments[k] = _segment(k, elements[k], segments.get(parents[k]), name)
        waiting += sorted(children.get(k, []), reverse=True)
    lost = sorted(set(elements) - set(segments))
    if lost or not segments:
        raise ValueError(
            f"{name}, segment {lost[0]}: it is its own ancestor." if lost else f"{name}: it has no segments."
        )
    return segments


def _segment(k, element, parent, name):
    distal, proximal = (_point(element.find(end), f"{name}, segment {k}") for end in ("distal", "proximal"))
    along = 1.0
    if parent is not None:
        along = float(element.find("parent").get("fractionAlong", 1.0))
        if not 0 <= along <= 1:
            raise ValueError(f"{name}, segment {k}: fractionAlong must be from 0 to 1, given {along}.")
    if proximal is None and parent is not None:
        proximal = parent.proximal + along * (parent.distal - parent.proximal)
    if distal is None or proximal is None:
        raise ValueError(f"{name}, segment {k}: it has no {'distal' if distal is None else 'proximal'} point.")
    return _Segment(k, element.get("name", ""), -1 if parent is None else parent.id, along, proximal, distal)


def _point(element, what):
    if element is None:
        return None
    point = np.array([float(element.get(key, "nan")) for key in ("x", "y", "z", "diameter")])
    if not np.isfinite(point).all() or not point[3] > 0:
        raise ValueError(f"{what}: a point needs x, y, z and a positive diameter, given {element.attrib}.")
    return point


def _branches(segments, groups, cables):
    member: dict[int, set[str]] = {k: set() for k in segments}
    for group, ids in groups.items():
        for k in ids:
            member[k].add(group)
    ends: dict[int, list[_Segment]] = {}
    for each in segments.values():
        if each.parent >= 0 and each.along == 1:
            ends.setdefault(each.parent, []).append(each)
    chains: list[list[_Segment]] = []
    chain_of: dict[int, int] = {}
    for each in segments.values():
        before = segments.get(each.parent)
        goes_on = before is not None and ends.get(each.parent) == [each] and (before.distal == each.proximal).all()
        if goes_on and member[each.id] == member[each.parent] and (each.distal != each.proximal)[:3].any():
            chain_of[each.id] = chain_of[each.parent]
            chains[chain_of[each.id]].append(each)
        else:
            chain_of[each.id] = len(chains)
            chains.append([each])
    branches: list[Branch] = []
    count: dict[str, int] = {}
    for chain in chains:
        kind = _kind(member[chain[0].id], chain[0].name)
        branch = _branch(chain, kind)
        parent = chain[0].parent
        if parent >= 0:
            stem = chain_of[parent]
            at = _fraction(chains[stem], parent, chain[0].along)
            branch = replace(branch, parent=stem, at=at)
        own = [group for group in member[chain[0].id] & cables if len({chain_of[k] for k in groups[group]}) == 1]
        number = count[kind] = count.get(kind, -1) + 1
        branches.append(replace(branch, name=own[0] if own else f"{kind}[{number}]"))
    return Morphology(branches, {group: sorted({chain_of[k] for k in ids}) for group, ids in groups.items()})


def _branch(chain, kind):
    points = np.array([chain[0].proximal, *(each.distal for each in chain)])
    xyz, radius = points[:, :3], points[:, 3] / 2
    source = np.array([-1, *(each.id for each in chain)])
    if not np.ptp(xyz, axis=0).any():
        xyz, radius = ball(xyz[0], radius[-1])
        source = np.array([-1, -1, chain[0].id])
    return Branch(xyz, radius, kind, source=source)


def _fraction(chain, segment, along):
    """Where on a chain lies what is a fraction along one of its segments."""
    lengths = np.array([np.linalg.norm(each.distal[:3] - each.proximal[:3]) for each in chain])
    k = [each.id for each in chain].index(segment)
    whole = lengths.sum()
    if k == len(chain) - 1 and along == 1 or whole == 0:
        return along
    return float((lengths[:k].sum() + along * lengths[k]) / whole)


def _kind(groups, name):
    for words in (sorted(groups), [name]):
        for start, kind in _KINDS:
            if any(word.lower().startswith(start) for word in words):
                return kind
    return "undefined"
