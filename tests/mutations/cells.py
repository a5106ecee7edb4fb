"""Morphologies: measures that are off, edits that do nothing, and readers that forget a rule."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, files

MEASURES = (
    "lengths", "areas", "volumes", "diameters", "path_distances", "centers", "distances", "tortuosity", "order",
    "strahler", "tips", "bifurcations", "extent",
)  # fmt: skip
EDITS = ("_cut", "join", "scale", "translate", "rotate", "resample", "taper", "relabel", "label")
SPINES = ("_set", "grow_spines")
RULES = {  # a function of a module -> what it gives instead, from what it gives
    ("files._sections", "_three_point_sphere"): lambda right, *given: False,
    ("files._sections", "_grow_from_start"): lambda right, *given: right(*given) & False,
    ("files._sections", "_soma_children"): lambda right, *given: 0 * right(*given),
    ("files._sections", "_joint"): lambda right, *given: (1.0, right(*given)[1]),
    ("files.asc", "soma_of"): lambda right, contours: (1.01 * right(contours)[0], right(contours)[1]),
    ("files.asc", "stacks"): lambda right, contours: [[k] for k in range(len(contours))],
    ("files.asc", "_attach"): lambda right, *given: None,
    ("files.neuroml", "_fraction"): lambda right, chain, segment, along: along,
    ("files.neuroml", "groups_of"): lambda right, *given: ({}, set()),
    ("files.to_swc", "_begins_at"): lambda right, *given: False,
    ("morphologies._layout", "_divide"): lambda right, *given: None,
}


def morphologies() -> Iterator[Mutant]:
    from brainsim import cells

    tests = files(
        "cells/test_measures.py", "cells/test_edits.py", "cells/test_swc.py", "cells/test_asc.py",
        "cells/test_neuroml.py", "cells/test_builder.py",
    )  # fmt: skip
    for name in MEASURES:
        yield Mutant(f"cells: measures, {name}", functools.partial(measured_wrong, name), tests)
    for name in (*EDITS, *SPINES):
        yield Mutant(f"cells: {name} does nothing", functools.partial(left, cells.Morphology, name), tests)
    for (module, name), instead in RULES.items():
        yield Mutant(f"cells: {module} without {name}", functools.partial(replaced, module, name, instead), tests)


def measured_wrong(name: str) -> None:
    """A measure that is a hundredth larger, or one more where it counts."""
    from brainsim.cells import Measures

    right = getattr(Measures, name)

    def wrong(self):
        value = right.func(self)
        return value + 1 if getattr(value, "dtype", float).kind == "i" else 1.01 * value

    setattr(Measures, name, property(wrong))


def left(kind: type, name: str) -> None:
    """An edit that gives back what it was asked to change."""
    setattr(kind, name, lambda self, *arguments, **named: self)


def replaced(module: str, name: str, instead) -> None:
    import importlib

    home = importlib.import_module(f"brainsim.cells.{module}")
    setattr(home, name, functools.partial(instead, getattr(home, name)))
