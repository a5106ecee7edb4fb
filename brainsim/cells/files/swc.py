"""Reading SWC files."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike, in_unit
from brainsim.cells.files._points import parse, trees
from brainsim.cells.files._sections import sections
from brainsim.cells.morphologies.morphology import TYPES, Branch, Morphology


def read_swc(
    path: str | os.PathLike[str], *, unit: u.Unit = u.um, min_radius: QuantityLike | None = None
) -> Morphology:
    """Read a morphology from an SWC file: one branch for each section that NEURON's Import3d makes.

    A line holds id, type, x, y, z, radius and the parent's id (-1 for a root), separated by blanks, tabs, commas or
    semicolons; further columns, comments (``#``) and empty lines are skipped. Ids may have gaps and come in any order.
    Every tree of a file with several is read as if it were alone.

    Branches end where the tree branches and where the type changes. They begin at the point that they grow from, but
    neurites do not begin as wide as the soma. A soma of one point, or of three in the manner of NeuroMorpho.Org, is a
    cylinder as long as it is wide, which has the area of the sphere; neurites grow from its middle.

    Parameters
    ----------
    path : str or path
    unit : Unit
        Unit of coordinates and radii; µm by the standard, ``u.nmeter`` for reconstructions from electron microscopy.
    min_radius : quantity, optional
        Radii below this, also those of zero, are set to it. Without it radii of zero are refused.

    Returns
    -------
    Morphology
        Branches are called ``"dend[3]"``. ``Branch.source`` holds the ids of their points: that of the parent for the
        first point of a branch that begins there, and -1 for points that stand for the soma's ends.

    Raises
    ------
    ValueError
        With the line number: for what is not a row of numbers, ids that occur twice, loops, points that are
        disconnected (their parent does not exist), radii that are not positive, and NaN.

    Warns
    -----
    UserWarning
        Once for all that was mended: points before their parents, repeated lines, branches of no length; and where
        the numbers look like nanometres.

    References
    ----------
    Cannon, Turner, Pyapali and Wheal (1998), J. Neurosci. Methods 84. Hines and Carnevale, NEURON 9, ``read_swc.hoc``.
    """
    name = Path(path).name
    repairs: list[str] = []
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    points = _in_um(parse(text.splitlines(), name, repairs), unit, min_radius, name, repairs)
    branches: list[Branch] = []
    numbers: dict[str, int] = {}
    for tree in trees(points, name, repairs):
        base = len(branches)
        for each in sections(tree, repairs):
            kind = TYPES.get(each.type, f"type {each.type}")
            k = numbers[kind] = numbers.get(kind, -1) + 1
            parent = base + each.parent if each.parent >= 0 else -1
            branches.append(Branch(each.xyz, each.radius, kind, parent, each.at, f"{kind}[{k}]", each.source))
    if repairs:
        warnings.warn(f"{name}: {'; '.join(repairs)}.", stacklevel=2)
    return Morphology(branches)


def _in_um(points, unit, min_radius, name, repairs):
    """Coordinates and radii in µm, after a look at the radii."""
    if not (isinstance(unit, u.Unit) and unit.has_same_dim(u.um)):
        raise TypeError(f"read_swc: unit must be a length, such as u.um or u.nmeter, given {unit!r}.")
    scale = 10.0 ** (unit.scale - u.um.scale) * unit.factor / u.um.factor
    xyz, radius = points.xyz * scale, points.radius * scale
    if min_radius is not None:
        least = float(in_unit(min_radius, u.um, "read_swc: min_radius"))
        if not least > 0:
            raise ValueError(f"read_swc: min_radius must be positive, given {min_radius}.")
        radius = np.maximum(radius, least)
    bad = np.flatnonzero(~(radius > 0))
    if len(bad):
        k = bad[0]
        raise ValueError(
            f"{name}, line {points.line[k]}: the radius must be positive, given {points.radius[k]:g} "
            f"({len(bad)} of {len(points)} points are like this). With min_radius=0.1 * u.um they take that radius."
        )
    if np.median(radius) > 20 and np.ptp(xyz, axis=0).max() > 3000:
        repairs.append(
            f"half of the radii are above {np.median(radius):.0f} µm: these look like nanometres (unit=u.nmeter)"
        )
    return replace(points, xyz=xyz, radius=radius)
