"""The segment groups of NeuroML."""

from __future__ import annotations

from collections.abc import Mapping

from brainsim._errors import UnknownNameError, suggestion


def groups_of(
    morphology, parents: Mapping[int, int], unbranched: str, name: str
) -> tuple[dict[str, set[int]], set[str]]:
    """The segments of every group, with those of what it includes; and the groups that are unbranched cables.

    A group lists members, includes other groups, and may hold paths (from a segment to one of its descendants) and
    subtrees (a segment and all that grows from it).
    """
    elements = {element.get("id", ""): element for element in morphology.findall("segmentGroup")}
    found: dict[str, set[int]] = {}

    def segments_of(group, above):
        if group in above:
            raise ValueError(f"{name}, segment group {group!r}: it includes itself.")
        if group not in elements:
            raise UnknownNameError(f"{name}: there is no segment group {group!r}.{suggestion(group, elements)}")
        if group not in found:
            element = elements[group]
            own = {_known(member, parents, group, name) for member in element.findall("member")}
            for path in element.findall("path"):
                own |= _path(_ends(path, parents, group, name), parents)
            for tree in element.findall("subTree"):
                own |= _subtree(_ends(tree, parents, group, name)[0], parents)
            for other in element.findall("include"):
                own |= segments_of(other.get("segmentGroup"), (*above, group))
            found[group] = own
        return found[group]

    for group in elements:
        segments_of(group, ())
    return found, {group for group, element in elements.items() if element.get("neuroLexId") == unbranched}


def whole(element, key: str, name: str) -> int:
    """A whole number that an element must have."""
    value = element.get(key, "")
    if not value.isdigit():
        raise ValueError(f"{name}: {key} of a {element.tag} must be a whole number, given {value!r}.")
    return int(value)


def _known(element, parents, group, name):
    k = whole(element, "segment", name)
    if k not in parents:
        raise ValueError(f"{name}, segment group {group!r}: there is no segment {k}.")
    return k


def _ends(element, parents, group, name):
    ends = [element.find(end) for end in ("from", "to")]
    return [None if end is None else _known(end, parents, group, name) for end in ends]


def _path(ends, parents):
    """The segments from one to its descendant; from the root, where there is no first, and only it, without a last."""
    start, stop = ends
    found = set()
    k = start if stop is None else stop
    while k is not None and k >= 0:
        found.add(k)
        if k == start:
            break
        k = parents[k]
    return found


def _subtree(start, parents):
    """A segment and all that grows from it; ``parents`` has parents before their children."""
    found = set(parents) if start is None else {start}
    for k, p in parents.items():
        if p in found:
            found.add(k)
    return found
