"""Places of cells that send spikes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainsim._core import FixedVariable, Parameter, Part, Site, State
from brainsim._units import with_unit
from brainsim.cells.on_sites import Ground
from brainsim.cells.view import positions_of
from brainsim.connectivity.geometry import Positions
from brainsim.neurons.between import SMALLEST
from brainsim.population import Sender, View

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment


class Detector(Part, Sender):
    r"""Places of cells, each of which sends a spike where its own V crosses the threshold upwards.

    .. math:: V_i(t) \le V_{th} < V_i(t + dt)

    Projections start from it and recordings keep it as they do with a population; what it counts are the places, in rising
    order of sites. An axonal delay is then the time that the spike takes along the axon::

        cells.add_detectors(axon=Detector().on(at("axon", 1.0)))
        net.connect(cells.axon, net.I, rule, receptor="ampa", weight=1 * u.nS)
        bs.simulate(net, 100 * u.ms, record=["cells.spikes", "cells.axon.spikes"])

    ``cells.axon.at("axon[3]")`` and ``cells.axon[:10]`` are some of the places. Spikes are differentiable, and lie between
    steps, where those of the cells do.

    Parameters
    ----------
    **values
        Parameters by name.

    Raises
    ------
    UnknownNameError, ValueError
        For places that do not exist.
    """

    count: int
    size: tuple[int, ...]

    V_th = Parameter(
        None, "potential whose upward crossing is a spike; that of the cells unless given", unit=u.mV, optional=True
    )
    spikes = State(False, "where V crossed the threshold in the last step", dtype=jnp.bool_)
    fired_at = State(None, "fraction of the last step after which it fired, 0 for who did not", optional=True)

    def bind(self, cells: MultiCompartment, name: str, ids: np.ndarray | None = None) -> None:
        """Stand at places of ``cells``."""
        vars(self._aside).update(cells=Ground(cells))
        if cells.spike_times == "interpolated":
            self._aside.given["fired_at"] = 0.0
        sites = self._aside.sites
        size = cells.size if len(sites) == cells.count else (len(sites),)
        self.place(cells.site(name, size=size, spike_dtype=np.dtype(cells.dtype_of("spikes")).name))
        self.hold("unit", FixedVariable(jnp.asarray(cells.unit_of_site(sites), jnp.int32)))

    def _stand(self, site: Site) -> None:
        super()._stand(site)
        vars(self._aside)["cells"].path = site.path.rpartition(".")[0]

    def dtype_of(self, name):
        return np.dtype(self.spike_dtype) if name == "spikes" and self.bound else super().dtype_of(name)

    @property
    def positions(self) -> Positions:
        """Where the places are."""
        return positions_of(vars(self._aside)["cells"], self._aside.sites)

    def at(self, *places: Any, ids: np.ndarray | None = None) -> View:
        """Some of its places, to connect from.

        Raises
        ------
        UnknownNameError, ValueError
            For places that do not exist, or at which it does not stand.
        """
        cells = vars(self._aside)["cells"]
        return View(self, cells.places_on(self, cells.sites_of(*places, ids=ids)))

    def detect(self, cells: MultiCompartment, before: Any, after: Any) -> None:
        """Note where V, (sites,) at both ends of a step, crosses the threshold."""
        V_th = cells.plain("V_th") if self.V_th is None else self.plain("V_th")
        E_L = cells.plain("E_L")
        if self.V_th is None and V_th.ndim:
            V_th = V_th[self.plain("unit")]
        below, above, E_L = (self.taken(x) for x in (before, after, E_L))
        mV = lambda x: with_unit(x, u.mV)
        spikes = cells.spike_crossing(mV(below), mV(above), mV(V_th), scale=mV(V_th - E_L))
        self.put("spikes", jnp.asarray(spikes, self.dtype_of("spikes")))
        if "fired_at" in vars(self):
            way = jnp.where(above == below, 1.0, above - below)
            self.put("fired_at", jnp.where(spikes != 0, jnp.clip((V_th - below) / way, SMALLEST, 1.0), 0.0))
