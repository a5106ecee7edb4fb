"""Places of cells: what ``cells.at(...)`` gives, and what synapses there see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import split_quantity, with_unit
from brainsim.cells.compartments.compartments import Compartments
from brainsim.connectivity.geometry import Positions
from brainsim.population import View

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment
    from brainsim.cells.on_sites import Ground
    from brainsim.cells.placed import Placed
    from brainsim.receptors.base import Receptor
    from brainsim.stimuli.base import Stimulus


class Sites(View):
    """Some sites of a population of cells, for wiring and values: ``net.cells.at("dend").V = -50 * u.mV``."""

    population: Placed
    counts = "sites"
    what = "sites"
    text: str | None  #: the places as they were asked for; None where it is a part of them

    def __init__(self, population: Placed, ids: Any, text: str | None = None):
        super().__init__(population, ids)
        vars(self).update(text=text or None)

    @property
    def size(self):
        return (self.extent,)

    @property
    def all_positions(self):
        return positions_of(self.population, np.arange(self.extent))

    def add_stimuli(self, *unnamed: Stimulus, **stimuli: Stimulus) -> None:
        """Refused: a stimulus of cells says itself where it stands.

        Raises
        ------
        ValueError
            Always, with what to write.
        """
        name, part = next(iter(stimuli.items()), ("x", None))
        where = vars(self)["text"] or "place"
        raise ValueError(
            f"{self.population.path}: a stimulus says itself where it stands:"
            f" {self.population.path}.add_stimuli({name}={type(part).__name__ if stimuli else 'Constant'}(...).on({where!r}))."
        )


class Facing(View):
    """Places of a receptor, by their number on it."""

    population: Placed
    what = "places"

    def __init__(self, population: Placed, ids: np.ndarray, receptor: Receptor):
        super().__init__(population, ids)
        vars(self).update(receptor=receptor)

    def as_seen_by(self, pre):
        sites = vars(self)["receptor"]._aside.sites[self.ids]
        return sites if pre.counts == "sites" else self.population.unit_of_site(sites)

    @property
    def extent(self):
        return vars(self)["receptor"].count

    @property
    def size(self):
        return (self.extent,)

    @property
    def all_positions(self):
        return positions_of(self.population, vars(self)["receptor"]._aside.sites)


class Seen:
    """The variables of cells as synapses onto a receptor see them: one value for each of its places.

    Parameters
    ----------
    cells : MultiCompartment
    receptor : Receptor
    """

    def __init__(self, cells: Placed, receptor: Receptor):
        self._cells, self._receptor = cells, receptor
        self._declared, self.path = cells._declared, cells.path

    def plain(self, name: str) -> jax.Array:
        return self._here(self._cells.plain(name))

    def __getattr__(self, name: str) -> Any:
        number, unit = split_quantity(getattr(self._cells, name))
        return with_unit(self._here(number), unit)

    def _here(self, number):
        if np.shape(number) == (self._cells.sites,):
            return self._receptor.taken(number)
        return number[self._receptor.plain("unit")] if np.shape(number) == (self._cells.count,) else number


def positions_of(cells: Placed | Ground, sites: np.ndarray) -> Positions:
    """Where sites are: the place of the compartment in its cell, moved to where the cell is.

    Raises
    ------
    ValueError
        For several cells that have no positions in space.
    """
    return Positions(
        (cells.compartments.xyz[sites // cells.abreast] + _origins(cells)[cells.unit_of_site(sites)]) * u.um
    )


def moved(
    cells: MultiCompartment | Compartments,
    places: np.ndarray,
    rotation: ArrayLike | None = None,
    *,
    apart: bool = True,
) -> np.ndarray:
    """Where places of compartments are at all sites: turned about each cell's origin, and moved to where the cell is.

    Parameters
    ----------
    cells : MultiCompartment or Compartments
    places : array (n, ..., 3)
        In the coordinates of the morphology, in µm.
    rotation : array (3, 3) or (count, 3, 3), optional
        Of all cells, or of each.
    apart : bool
        Whether cells stand at their positions, or all at the origin.

    Returns
    -------
    array (sites, ..., 3)

    Raises
    ------
    ValueError
        For several cells that have no positions in space, and what is no rotation.
    """
    alone = isinstance(cells, Compartments)
    count = len(cells.morphologies) if alone else cells.count
    sites = np.arange(len(places) if alone else cells.sites)
    cell = cells.cell if alone else cells.unit_of_site(sites)
    found = places if alone else places[sites // cells.abreast]
    if rotation is not None:
        turn = np.asarray(rotation, float)
        if turn.shape not in ((3, 3), (count, 3, 3)) or not np.allclose(turn @ turn.swapaxes(-1, -2), np.eye(3)):
            raise ValueError(
                f"rotation: expected a rotation matrix (3, 3) or one for each of {count} cells, {turn.shape}."
            )
        turn = np.broadcast_to(turn, (count, 3, 3))[cell]
        found = np.einsum("sij,s...j->s...i", turn, found)
    if alone or not apart:
        return found
    return found + _origins(cells)[cell].reshape(len(sites), *[1] * (found.ndim - 2), 3)


def _origins(cells: Placed | Ground) -> np.ndarray:
    """Where the origin of each cell's morphology is, in µm: (count, 3)."""
    place = cells.positions
    if place.unit.has_same_dim(u.um) and place.coordinates.shape[1] == 3:
        return np.asarray((place.coordinates * place.unit).to_decimal(u.um))
    if cells.count == 1:
        return np.zeros((1, 3))
    raise ValueError(
        f"{cells.path}: where the places of its cells are needs positions of the cells in three dimensions, such"
        f" as positions=UniformBox([500, 500, 500] * u.um); given ones in {place.coordinates.shape[1]}."
    )
