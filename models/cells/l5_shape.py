"""A layer 5 pyramidal cell by numbers, about as large as the reconstruction of Hay et al. (2011), and reconstructions.

The reconstruction (``cell1``) has a soma of 1,130 um2, eight basal dendrites of 5.1 mm and 8,900 um2 in all, an apical
trunk of 630 um that divides in two, obliques, and a tuft that ends 1,300 um away; 7.4 mm and 21,000 um2. So has this
one. The branches between are as even as possible, not as grown.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import brainunit as u
import numpy as np

from brainsim import cells

#: basal dendrites: length in all (um), tips, mean diameter (um)
BASAL = (
    (618, 4, 0.52),
    (490, 5, 0.47),
    (1175, 12, 0.55),
    (227, 2, 0.80),
    (1185, 11, 0.60),
    (1139, 8, 0.50),
    (261, 3, 0.46),
)
#: the apical trunk piece by piece: length, diameters from its start to its end
TRUNK = (
    (46, 10.8, 5.2, 4.1, 3.8, 3.5), (65, 3.4, 3.1), (29, 3.1, 3.1), (48, 3.1, 3.1), (65, 2.6, 2.6), (46, 2.6, 2.6), (15, 3.1, 3.1),
    (67, 3.0, 2.5), (245, 2.5, 2.8),
)  # fmt: skip
#: obliques at the ends of these pieces, as BASAL
OBLIQUES = {
    0: (205, 3, 0.66), 1: (460, 3, 0.77), 2: (833, 10, 0.66), 3: (691, 6, 0.71), 4: (482, 3, 0.60), 5: (148, 3, 0.88),
    6: (319, 5, 0.59), 7: (108, 1, 0.72),
}  # fmt: skip
INNER = 0.25  #: of these dendrites: branches that divide, by the length of those that end
#: where the trunk ends: branches of the tuft by length, diameter, and what grows from their ends
TUFT = (
    (276, 1.53, ((501, 4, 0.66), (237, 3, 0.70))),
    (62, 1.80, ((215, 1.34, ((369, 5, 0.67),)), (233, 1.03, ((715, 4, 0.54), (958, 6, 0.46))))),
)  # fmt: skip


def synthetic() -> cells.Morphology:
    """The cell by numbers, with a stub of an axon."""
    builder = cells.Builder()
    soma = builder.add(23.2 * u.um, 15.5 * u.um, type="soma")
    for k, dendrite in enumerate(BASAL):
        grow_tree(builder, soma, "dend", *dendrite, INNER, at=0.5, direction=_around(k, len(BASAL)))
    _stub(builder, soma)
    trunk, at = soma, 0.5
    for k, (length, *ends) in enumerate(TRUNK):
        trunk = builder.add(length * u.um, ends * u.um, type="apic", parent=trunk, at=at, direction=(0, 1, 0))
        at = 1.0
        if k in OBLIQUES:
            grow_tree(builder, trunk, "apic", *OBLIQUES[k], INNER, direction=(1 if k % 2 else -1, 0.6, 0))
    _tuft(builder, trunk, TUFT, spread=0.5)
    return builder.build()


def reconstruction(path: str | Path) -> cells.Morphology:
    """A reconstruction, ASC or SWC, with a stub of 60 um instead of its axon, as in the published model."""
    path = Path(path)
    shape = cells.read_asc(path) if path.suffix.lower() == ".asc" else cells.read_swc(path)
    builder = cells.Builder(shape.cut("axon") if len(shape.which("axon")) else shape)
    _stub(builder, "soma[0]" if "soma[0]" in [branch.name for branch in shape] else "soma")
    return builder.build()


class OneAndTwoPer:
    """One compartment, and two more for each whole ``length`` of a branch: the published rule, with 40 um."""

    def __init__(self, length: u.Quantity = 40.0 * u.um):
        self.length = length

    def counts(self, morphology: cells.Morphology) -> np.ndarray:
        """The number of compartments of every branch."""
        return 1 + 2 * np.floor(morphology.measures.lengths.to_decimal(u.um) / self.length.to_decimal(u.um)).astype(int)


def apical_reach(shape: cells.Morphology) -> float:
    """Length of the longest path from the beginning of the apical dendrite to a tip, in um."""
    ends = shape.measures.path_distances[shape.which("apic")].to_decimal(u.um)
    return float(ends.max() - ends[0, 0])


def along_apical(cut: cells.Compartments, distance: u.Quantity) -> cells.Locset:
    """The place so far from the beginning of the apical dendrite, on the thickest branch there.

    Raises
    ------
    ValueError
        If the dendrite is not as long.
    """
    shape = cut.morphologies[0]
    ends = shape.measures.path_distances.to_decimal(u.um)
    apical = shape.which("apic")
    goal = ends[apical[0], 0] + distance.to_decimal(u.um)
    crossing = [k for k in apical if ends[k, 0] <= goal <= ends[k, 1]]
    if not crossing:
        raise ValueError(
            f"along_apical: the apical dendrite ends after {apical_reach(shape):.0f} um, given {distance}."
        )
    places = [cells.at(int(k), float((goal - ends[k, 0]) / np.diff(ends[k])[0])) for k in crossing]
    thickness = [cut.diameter[cells.compartments_at(place, cut)[0]] for place in places]
    return places[int(np.argmax(np.round(thickness, 6)))]  # the first of equals


def of_apical_distance(shape: cells.Morphology, rule: Callable[[np.ndarray], np.ndarray]) -> cells.ByPlace:
    """A function of the path in um from the beginning of the apical dendrite.

    Taken at the centres of compartments, but at the end of each branch for its last one: hoc's ``for (x)``, which the
    published model is written with, comes to the ends too.
    """
    begins = cells.at(int(shape.which("apic")[0]), 0.0)

    def evaluate(cut, index):
        path = cells.distances(cut, begins)
        last = cut.first[1:] - 1
        path[last] += (1.0 - cut.x[last]) * shape.measures.lengths.to_decimal(u.um)
        return rule(path[index])

    return cells.ByPlace(f"of_apical_distance({rule.__name__})", evaluate)


def _around(k, n):
    angle = np.pi * (1.15 + 0.7 * k / (n - 1))
    return (np.cos(angle), np.sin(angle), 0.0)


def _stub(builder, soma):
    first = builder.add(30 * u.um, 1 * u.um, type="axon", parent=soma, at=0.5, direction=(0.05, -1, 0))
    builder.add(30 * u.um, 1 * u.um, type="axon", parent=first, direction=(0.05, -1, 0))


THINNER = 0.7  #: a branch to the one that it grows from


def grow_tree(builder, parent, type, length, tips, diameter, inner, at=1.0, direction=(0.0, 1.0, 0.0), thinner=THINNER):
    """Branches that divide in two, each ``thinner`` than the last; those that divide are ``inner`` times as long as tips.

    The length of all and their mean diameter are given.
    """
    tip = length / (tips + inner * (tips - 1))

    def grow(parent, tips, thickness, at, heading):
        each = tip if tips == 1 else inner * tip
        branch = builder.add(each * u.um, thickness * u.um, type=type, parent=parent, at=at, direction=heading)
        for part, turn in zip(_halves(tips), (0.35, -0.35)):
            grow(branch, part, thinner * thickness, 1.0, _turned(heading, turn))

    grow(parent, tips, diameter * length / tip / _side(tips, inner, thinner), at, direction)


def _halves(tips):
    return (tips - tips // 2, tips // 2) if tips > 1 else ()


def _side(tips, inner, thinner):
    """Length times thickness of all branches together, where the stem's thickness and a tip's length are 1."""
    return 1.0 if tips == 1 else inner + thinner * sum(_side(part, inner, thinner) for part in _halves(tips))


def _tuft(builder, parent, branches, spread):
    headings = [_turned((0.0, 1.0, 0.0), turn) for turn in np.linspace(spread, -spread, len(branches))]
    for (length, *rest), heading in zip(branches, headings):
        if isinstance(rest[-1], tuple):
            stem = builder.add(length * u.um, rest[0] * u.um, type="apic", parent=parent, direction=heading)
            _tuft(builder, stem, rest[1], spread)
        else:
            grow_tree(builder, parent, "apic", length, *rest, 1.0, direction=heading)


def _turned(heading, angle):
    x, y, z = heading
    return (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z)
