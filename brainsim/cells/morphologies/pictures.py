"""Pictures of a morphology: what of it the plots draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import brainunit as u
import numpy as np

from brainsim._units import NumberLike

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes

    from brainsim.cells.compartments.compartments import Compartments
    from brainsim.cells.morphologies.morphology import Branch


class _Drawn(NamedTuple):
    """Cones as they are drawn, with the branch and the compartment of each."""

    ends: np.ndarray
    radii: np.ndarray
    branch: np.ndarray
    compartment: np.ndarray


class Pictures:
    """The part of a :class:`Morphology` that draws it."""

    branches: tuple[Branch, ...]
    parents: np.ndarray
    measures: Any

    def plot(
        self,
        values: NumberLike | None = None,
        *,
        form: str = "2d",
        compartments: Compartments | None = None,
        cell: int | None = None,
        ax: Axes | None = None,
        **settings: Any,
    ) -> Axes:
        """Draw the cell, coloured by type or by a value.

        Parameters
        ----------
        values : quantity or array (branches,) or (n,), optional
            What the colours show: one value per branch, or per compartment with ``compartments``.
        form : {"2d", "3d", "dendrogram"}
            Projected with true widths, in three dimensions, or as a tree over the distance from the root.
        compartments : Compartments, optional
            What :func:`discretise` has made of this morphology, alone or joined with others.
        cell : int, optional
            Which of the joined cells this is, where several have this morphology.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.
        **settings
            As for :func:`brainsim.plot.shape`, :func:`brainsim.plot.shape_3d` and :func:`brainsim.plot.dendrogram`:
            ``plane="xz"``, ``color``, ``colormap``, ``limits``, ``name``, ``unit``, ``legend``.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            For another form, and values that are neither one per branch nor one per compartment.
        """
        from brainsim import plot

        if form not in ("2d", "3d", "dendrogram"):
            raise ValueError(f"plot: form must be '2d', '3d' or 'dendrogram', given {form!r}.")
        types = np.array([branch.type for branch in self.branches])
        if form == "dendrogram":
            if compartments is not None:
                raise ValueError("plot: a dendrogram shows one value per branch, so it takes no compartments.")
            tree = {"at": [b.at for b in self.branches], "diameters": self.measures.diameters.mantissa, "kinds": types}
            self._fits(values, None, 0)
            return plot.dendrogram(self.parents, self.measures.path_distances, ax, values=values, **tree | settings)
        self._fits(values, compartments, 0)
        drawn = _drawn(self.branches, *self._first_of(compartments, cell))
        which = None if values is None else drawn.branch if compartments is None else drawn.compartment
        draw = plot.shape if form == "2d" else plot.shape_3d
        shown = {"values": values, "which": which, "kinds": types[drawn.branch]}
        return draw(drawn.ends, drawn.radii, ax, **shown | settings)

    def movie(
        self,
        times: NumberLike,
        values: NumberLike,
        *,
        compartments: Compartments | None = None,
        cell: int | None = None,
        ax: Axes | None = None,
        **settings: Any,
    ) -> FuncAnimation:
        """Values on the cell over time.

        Parameters
        ----------
        times : quantity (steps,)
            Times.
        values : quantity or array (steps, branches) or (steps, n)
            What the colours show: one value per branch, or per compartment with ``compartments``.
        compartments : Compartments, optional
            What :func:`discretise` has made of this morphology, alone or joined with others.
        cell : int, optional
            Which of the joined cells this is, where several have this morphology.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.
        **settings
            As for :func:`brainsim.plot.shape_movie`: ``frames``, ``fps``, ``limits``, ``unit``, ``plane``, ``colormap``.

        Returns
        -------
        matplotlib.animation.FuncAnimation
            ``.save("cell.gif")`` writes it; in a notebook ``.to_jshtml()`` shows it.
        """
        from brainsim import plot

        self._fits(values, compartments, 1)
        drawn = _drawn(self.branches, *self._first_of(compartments, cell))
        which = drawn.branch if compartments is None else drawn.compartment
        return plot.shape_movie(drawn.ends, drawn.radii, times, values, ax, which=which, **settings)

    def _first_of(self, compartments, cell):
        """The first compartment of every branch, and how many it has; one each without compartments."""
        if compartments is None:
            return np.arange(len(self.branches)), np.ones(len(self.branches), int)
        own = [k for k, shape in enumerate(compartments.morphologies) if shape is self and cell in (None, k)]
        if not own:
            raise ValueError("plot: these compartments are not those of this morphology.")
        if len(own) > 1:
            raise ValueError(f"plot: cells {', '.join(map(str, own))} have this morphology; tell which by cell.")
        branches = compartments.first_branch[own[0]] + np.arange(len(self.branches))
        return compartments.first[branches], np.diff(compartments.first)[branches]

    def _fits(self, values, compartments, axis):
        wanted = len(self.branches) if compartments is None else len(compartments)
        if values is None:
            if compartments is not None:
                raise ValueError("plot: compartments have no colours without values.")
            return
        found = np.shape(values.mantissa if isinstance(values, u.Quantity) else values)
        if len(found) != axis + 1 or found[axis] != wanted:
            of = "branches; give compartments with values of them" if compartments is None else "compartments"
            raise ValueError(f"plot: given values of shape {found}; there are {wanted} {of}.")


def _drawn(branches, first, counts):
    """The cones of all branches, cut at the borders of compartments; a soma that stands for a sphere is round."""
    xyz, radii, branch, compartment = [], [], [], []
    for k, (each, n) in enumerate(zip(branches, counts.tolist(), strict=True)):
        points, radius, places = _outline(each, n)
        middle = (places[1:] + places[:-1]) / 2
        xyz.append(np.stack([points[:-1], points[1:]], 1))
        radii.append(np.stack([radius[:-1], radius[1:]], 1))
        branch.append(np.full(len(middle), k))
        compartment.append(first[k] + np.minimum((middle * n).astype(int), n - 1))
    return _Drawn(*(np.concatenate(part) for part in (xyz, radii, branch, compartment)))


def _outline(branch, pieces):
    """Points, radii and places of a branch as it is drawn."""
    places, points, radius = branch.fractions, branch.xyz, branch.radius
    long = branch.length_um
    straight = np.linalg.norm(points[-1] - points[0]) > 0.999 * long
    ball = branch.type == "soma" and straight and np.ptp(radius) == 0 and abs(long / (2 * radius[0]) - 1) < 0.01
    if not ball and pieces == 1:
        return points, radius, places
    borders = np.arange(1, pieces) / pieces
    if ball:
        borders = np.union1d(borders, (1 - np.cos(np.linspace(0, np.pi, 33))) / 2)
    all_of = np.union1d(borders, [0.0, 1.0]) if ball else np.sort(np.r_[places, np.setdiff1d(borders, places)])
    points = np.stack([np.interp(all_of, places, x) for x in points.T], axis=1)
    width = np.interp(all_of, places, radius)
    return points, width * np.sqrt(np.maximum(1 - (2 * all_of - 1) ** 2, 0)) if ball else width, all_of
