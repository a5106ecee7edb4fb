"""Where the sites of cells are: which compartment of which cell each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brainsim._core import Part
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.places.by_place import rows_of
from brainsim.connectivity.geometry import Positions
from brainsim.population import positions_of_units

if TYPE_CHECKING:
    from brainsim.cells.placed import Placed


class OnSites:
    """What is known of sites without the equations of the cells. Those of several cells of one shape are counted compartment
    by compartment, the cells side by side; those of cells of several shapes cell by cell.
    """

    path: str
    count: int  #: cells
    abreast: int  #: cells that stand side by side at each compartment
    compartments: Compartments

    def sites_of(self, *places: Any, ids: np.ndarray | None = None) -> np.ndarray:
        """Sites at these places of the cells ``ids`` (all if None), in rising order.

        Parameters
        ----------
        *places : str, Region or Locations
            All sites if none is given.
        ids : int array, optional

        Returns
        -------
        int array

        Raises
        ------
        UnknownNameError, ValueError
            For places that do not exist.
        """
        return self._sites_at(rows_of(self.compartments, *(places or ("all",)), what=self.path), ids)

    def unit_of_site(self, sites: np.ndarray) -> np.ndarray:
        """The cell that each site belongs to."""
        return sites % self.count if self.abreast == self.count else self.compartments.cell[sites]

    def places_on(self, part: Part, sites: np.ndarray) -> np.ndarray:
        """The numbers that sites have on a part.

        Raises
        ------
        ValueError
            For sites at which it does not stand; names them.
        """
        there = part._aside.sites
        if len(missing := np.setdiff1d(sites, there)):
            shown = ", ".join(self.describe_site(k) for k in missing[:3])
            more = f" and {len(missing) - 3} further places" if len(missing) > 3 else ""
            raise ValueError(f"{part.path} does not stand at {shown}{more}.")
        return np.searchsorted(there, sites)

    def describe_site(self, site: int) -> str:
        """Where a site is, for people: ``"cell 3, dend[3](0.5)"``, without the cell where there is one."""
        named = self.compartments.describe(int(site) // self.abreast)
        return f"cell {int(site) % self.count}, {named}" if self.abreast > 1 else named

    def _sites_at(self, rows, ids=None):
        if self.abreast < self.count:
            return rows if ids is None else rows[np.isin(self.compartments.cell[rows], ids)]
        cells = np.arange(self.count) if ids is None else np.sort(ids)
        return (rows[:, None] * self.count + cells).ravel()


class Ground(OnSites):
    """The places of cells, for parts to keep: plain data, since a part that held the cells would be copied with them for ever.

    Parameters
    ----------
    cells : Placed
    """

    def __init__(self, cells: Placed):
        self.path, self.size, self.count, self.abreast = cells.path, cells.size, cells.count, cells.abreast
        self.compartments, self._aside = cells.compartments, cells._aside

    @property
    def positions(self) -> Positions:
        """Where the cells are."""
        return positions_of_units(self._aside, self.size)
