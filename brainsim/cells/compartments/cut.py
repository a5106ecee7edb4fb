"""What a population of cells is cut into, and where the middle of each soma is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.compartments.discretise import discretise
from brainsim.cells.compartments.rules import DLambda
from brainsim.cells.morphologies.morphology import Morphology


def cut_for(given: Any, rule: Any, count: int, R_a: Any, C: Any) -> list[Compartments]:
    """The compartments of one cell for all, or of each; with the default rule for R_a and C, quantities of all places.

    Raises
    ------
    TypeError, ValueError
        For what is no morphology, another number of them than cells, and a rule for what is cut already.
    """
    several = isinstance(given, Sequence | Iterator | np.ndarray) and not isinstance(given, str)
    shapes: list[Any] = list(given) if several else [given]
    if several and len(shapes) != count:
        raise ValueError(f"MultiCompartment: give one morphology for all cells, or {count}, given {len(shapes)}.")
    for shape in shapes:
        if not isinstance(shape, Morphology | Compartments):
            of_file = f"; bs.cells.read_swc({str(shape)!r}) reads one" if isinstance(shape, str | Path) else ""
            raise TypeError(
                f"MultiCompartment: morphology must be a Morphology or Compartments, given {shape!r}{of_file}."
            )
        if isinstance(shape, Compartments) and rule is not None:
            raise ValueError(
                "MultiCompartment: the Compartments given are cut already; compartments=... is not for them."
            )
    if rule is None:
        rule = DLambda(R_a=R_a, C=C)
    made: dict[int, Compartments] = {}  # of each shape that occurs, once
    for shape in shapes:
        if id(shape) not in made:
            made[id(shape)] = shape if isinstance(shape, Compartments) else discretise(shape, rule)
    return [made[id(shape)] for shape in shapes]


def middle_of_soma(cut: Compartments) -> np.ndarray:
    """The compartment in the middle of each cell's soma; where there is none, that at its root."""
    # Of each cell the first that is soma, or else the first of all; of its branch the one nearest to the middle
    order = np.lexsort((np.arange(len(cut)), cut.type != "soma", cut.cell))
    first = order[np.searchsorted(cut.cell[order], np.arange(cut.cell[-1] + 1))]
    near = np.where(cut.type == "soma", np.abs(cut.x - 0.5), cut.x)
    candidates = np.flatnonzero(np.isin(cut.branch, cut.branch[first]))
    order = candidates[np.lexsort((near[candidates], cut.cell[candidates]))]
    return order[np.searchsorted(cut.cell[order], np.arange(cut.cell[-1] + 1))]
