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
from brainsim.cells.on_sites import OnSites
from brainsim.cells.places.by_place import ByPlace, of
from brainsim.cells.view import Facing, Seen, Sites
from brainsim.channels import Mechanism, Pool
from brainsim.channels.geometry import measures
from brainsim.channels.point import AtPoint
from brainsim.neurons.conductance_based import ConductanceBased
from brainsim.receptors.base import Receptor


class Placed(OnSites, ConductanceBased):
    """Cells whose parts stand at places: what :class:`MultiCompartment` knows of places, without its equations.

    Whoever derives from it sets ``length`` and ``abreast`` and keeps its compartments and the sites of the somata.
    """

    length: int  #: compartments of a cell, or of all cells where they have several shapes

    @property
    def compartments(self) -> Compartments:
        """What the equations are solved on: of one cell where all have one shape, of all cells otherwise."""
        return self._aside.compartments

    @property
    def sites(self) -> int:
        return self.length * self.abreast

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

    def places_of(self, part, view):
        there = vars(part._aside).get("sites")
        if there is None or part.count != len(there):
            return super().places_of(part, view)
        if isinstance(view, Sites):
            return self.places_on(part, view.ids)
        return np.flatnonzero(np.isin(self.unit_of_site(there), view.ids))

    def seen_from(self, receptor):
        return self if receptor is None else Seen(self, self.receptors[receptor])

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
            part.stand_at(sites, self.sites, self.abreast)
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
        part._aside.sites, part._aside.units = found, None if ids is None else np.sort(ids)
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
            link.stand_at(np.searchsorted(there, sites), len(there), self.abreast)
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
