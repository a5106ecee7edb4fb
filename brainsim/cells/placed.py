"""Places of a population of cells, and the parts that stand there."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainsim._core import FixedVariable, Part, Site
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.detectors import Detector
from brainsim.cells.junctions import Junctions
from brainsim.cells.places.by_place import ByPlace, of, rows_of
from brainsim.cells.view import Facing, Seen, Sites
from brainsim.channels import Mechanism, Pool
from brainsim.channels.geometry import measures
from brainsim.channels.point import AtPoint
from brainsim.neurons.conductance_based import ConductanceBased
from brainsim.receptors.base import Receptor


class Placed(ConductanceBased):
    """Cells whose parts stand at places: what :class:`MultiCompartment` knows of places, without its equations.

    Whoever derives from it sets ``length`` and ``abreast`` and keeps its compartments and the sites of the somata.
    """

    length: int  #: compartments of a cell, or of all cells where they have several shapes
    abreast: int  #: cells that stand side by side at each compartment

    @property
    def compartments(self) -> Compartments:
        """What the equations are solved on: of one cell where all have one shape, of all cells otherwise."""
        return self._aside.compartments

    @property
    def sites(self) -> int:
        return self.length * self.abreast

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

    def at(self, *places: Any, ids: np.ndarray | None = None) -> Sites:
        """Some sites of the cells, to connect to, or to read and set V there: ``net.connect(net.E, cells.at("dend"), ...)``.

        Parameters
        ----------
        *places : str, Region, Locset or int
            Taken together.
        ids : int array, optional
            Of which cells; ``cells[:10].at("dend")`` gives it.

        Returns
        -------
        Sites

        Raises
        ------
        UnknownNameError, ValueError
            For places that do not exist.
        """
        return Sites(self, self.sites_of(*places, ids=ids), " + ".join(map(str, places)) if ids is None else None)

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

    def add_junctions(self, *unnamed: Junctions, **junctions: Junctions) -> None:
        """Join places of the cells, by name: ``add_junctions(gap=Junctions(FixedProbability(0.1), g=1 * u.nS))``.

        Raises
        ------
        TypeError, ValueError
            For what is no junction or belongs elsewhere already, a name that is taken, and pairs that do not exist.
        """
        self.attach_parts(junctions, Junctions, unnamed=unnamed)

    @property
    def junctions(self) -> dict[str, Junctions]:
        """Junctions by name."""
        return self.parts(Junctions)

    def add_detectors(self, *unnamed: Detector, **detectors: Detector) -> None:
        """Let places of the cells send spikes of their own, by name: ``add_detectors(axon=Detector().on(at("axon", 1.0)))``.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`add_junctions`.
        """
        self.attach_parts(detectors, Detector, unnamed=unnamed)

    @property
    def detectors(self) -> dict[str, Detector]:
        """Detectors by name."""
        return self.parts(Detector)

    @property
    def senders(self):
        return super().senders | {one.path: one for one in self.detectors.values()}

    def facing(self, view, receptor):
        there = receptor._aside.sites
        if isinstance(view, Sites):
            if not np.isin(view.ids, there).all():
                missing = self.compartments.type[np.setdiff1d(view.ids, there) // self.abreast]
                raise ValueError(
                    f"{receptor.path} does not stand at all of these places, given some on"
                    f" {', '.join(dict.fromkeys(missing))}; add it with .on(...) there."
                )
            return Facing(self, np.searchsorted(there, view.ids), receptor)
        if not np.array_equal(self.unit_of_site(there), np.arange(self.count)):
            raise ValueError(
                f"{receptor.path} stands at {len(there)} places of {self.count} cells; say which of them are connected to,"
                f" such as {self.path}.at({', '.join(map(repr, receptor.where or ('all',)))})."
            )
        return view

    def seen_from(self, receptor):
        return self if receptor is None else Seen(self, self.receptors[receptor])

    def _sites_at(self, rows, ids=None):
        if self.abreast < self.count:
            return rows if ids is None else rows[np.isin(self.compartments.cell[rows], ids)]
        cells = np.arange(self.count) if ids is None else np.sort(ids)
        return (rows[:, None] * self.count + cells).ravel()

    def attach_parts(self, parts, kind, ids=None, unnamed=()):
        fitting = {name: part for name, part in parts.items() if isinstance(part, kind) and not part.bound}
        self._aside.standing = {name: self._sites_for(part, ids) for name, part in fitting.items()}
        for name, part in fitting.items():
            if isinstance(part, AtPoint):
                part.settle_in(self.pools)
                for ion in set(part.needs) & self.pools.keys():
                    self._check_pool(name, self._aside.standing[name], ion)
        super().attach_parts(parts, kind, None, unnamed)

    def measure(self, part):
        for name, field in measures(part).items():
            part._aside.given[name] = of(field, lambda x: x)

    def stand(self, parts):
        for name, part in parts.items():
            sites = self._aside.standing[name]
            part.stand_at(sites, self.sites)
            if isinstance(part, Receptor):
                part.hold("unit", FixedVariable(jnp.asarray(self.unit_of_site(sites), jnp.int32)))
            if isinstance(part, AtPoint):
                for ion in dict.fromkeys(part.needs):
                    self._link(name, part, ion)

    def _sites_for(self, part, ids):
        """Where a part is to stand."""
        beside, given = part.stands_beside(self), part._aside.given
        if part.where is not None:
            found = self.sites_of(*part.where, ids=ids)
        elif isinstance(part, Mechanism | Pool):
            found = self.sites_of(ids=ids)
        elif beside is not None:
            found = beside._aside.sites
        else:
            found = self._aside.main if ids is None else self._aside.main[np.sort(ids)]
        if ids is not None and len(found) == len(ids):
            for name, value in given.items():
                if not isinstance(value, ByPlace) and np.shape(u.get_mantissa(value)) == (len(ids),):
                    given[name] = value[np.argsort(ids)]
        part._aside.sites = found
        part._aside.standing_on = self.compartments, found // self.abreast
        return found

    def site(self, name, **facts):
        count = len(self._aside.standing[name])
        own = {"size": self.size} if count == self.count else {}
        return Site(f"{self.path}.{name}", self._aside.moment, {"count": count, **own, **facts})

    def _link(self, name, channel, ion):
        """Let a channel find, among the values of a pool, those of its own sites."""
        sites, there = channel._aside.sites, self._check_pool(name, channel._aside.sites, ion)
        if len(sites) < len(there):
            link = Part()
            link.fix(count=len(sites))
            link.stand_at(np.searchsorted(there, sites), len(there))
            self.fix(**{f"{name}_in_{ion}": link})

    def _check_pool(self, name, sites, ion):
        """Where a pool stands, which must be wherever a part that depends on it does."""
        there = self.pools[ion]._aside.sites
        if not np.isin(sites, there).all():
            missing = self.compartments.type[np.setdiff1d(sites, there) // self.abreast]
            raise ValueError(
                f"{self.path}.{name} depends on {ion!r}, of which there is no pool on {', '.join(dict.fromkeys(missing))};"
                f" let the pool stand wherever it does."
            )
        return there
