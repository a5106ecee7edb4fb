"""Populations of cells with a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import trees
from brainsim._core import Clock, Fixed, FixedVariable, Parameter, Part, State
from brainsim._units import in_unit, split_quantity, with_unit
from brainsim.cells.axial import Axial
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.compartments.cut import cut_for, middle_of_soma
from brainsim.cells.diffusion import Diffusion
from brainsim.cells.morphologies.morphology import Morphology
from brainsim.cells.placed import Placed
from brainsim.cells.places.by_place import ByPlace, rows_of
from brainsim.population import count_in

GEOMETRY = ("area", "r_own", "r_parent")  # what compartments give


class MultiCompartment(Placed):
    r"""Cells of many compartments: channels, pools, receptors, stimuli at places of a branching membrane.

    .. math:: C \dot V_i = g_L\,(E_L - V_i) + \sum_k I_k(V_i, x_k, [\cdot]) + \frac{I_i}{A_i}
        - \frac{1}{A_i} \sum_j s_{ij}\,(V_i - V_j),\qquad s_{ij} = \frac{1}{R_{ij}},\quad
        R_{ij} = \int \frac{R_a}{\pi r^2}\,dx

    with :math:`A_i` the area of compartment i and :math:`R_{ij}` the axial resistance to its neighbour j. A cell has
    *sites*, its compartments, and fires as a *unit*, where V of its soma crosses ``V_th``::

        cells = bs.cells.MultiCompartment(
            100,
            bs.cells.read_swc("cell.swc"),
            R_a=100 * u.ohm * u.cm,
            channels=dict(na=channels.Na_HH1952().on("soma", "axon"), k=channels.K_HH1952().on("soma", "axon")),
        )

    ``part.on(...)`` says where a part stands, by region or location. Channels and pools without it stand everywhere;
    receptors and stimuli, one for each unit, in the middle of the soma, or at the root where there is none. Currents
    are in pA and conductances in nS, of the compartment. Sites of many cells of one shape are counted compartment by
    compartment, the cells of one compartment side by side: ``V.reshape(n_compartments, count)``. Those of cells of
    several shapes are counted cell by cell.

    The default method is that of NEURON: gates first, then V by backward Euler, of order 1; with
    ``method="staggered_crank_nicolson"`` the time between spikes is of order 2 (NEURON's ``secondorder = 2``). Both take
    any dt without running away, and solve for the increment of V, so that float32 is exact where it counts.

    Parameters
    ----------
    size : int or tuple of int
        Number of cells, or the shape they are arranged in.
    morphology : Morphology, Compartments, or a sequence of one for each cell
        Shape of all cells, or of each.
    compartments : rule or int, optional
        How branches are cut, see :func:`brainsim.cells.discretise`; by default :class:`DLambda` with ``R_a`` and ``C``, or
        their defaults where they depend on the place. Not with ``Compartments``, which are cut already.
    spikes_at : place or list of them, optional
        Where spikes of the units are detected; in the middle of the soma, or at the root where there is none. With several
        places in a cell it fires where the first of them crosses ``V_th``, and again after none of them was above.
        Places that send spikes of their own are :class:`Detector`.
    channels : dict of str to Mechanism
        Channels, and whatever else carries current, by name.
    pools : dict of str to Pool, optional
        Concentrations by the name of their ion.
    **values
        Parameters, initial V, and the options of every neuron.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For what is no morphology, another number of them than cells, and places that do not exist.

    References
    ----------
    M. Hines, Int. J. Biomed. Comput. 15:69 (1984); N. T. Carnevale, M. L. Hines, The NEURON Book (2006).
    """

    default_method = "staggered_backward_euler"
    input_unit = u.pA

    R_a = Parameter(100.0 * u.ohm * u.cm, "axial resistivity", shape="length", positive=True)
    C = Parameter(1.0 * u.uF / u.cm2, "membrane capacitance", shape="sites", positive=True)
    g_L = Parameter(0.1 * u.mS / u.cm2, "leak conductance", shape="sites", nonnegative=True)
    E_L = Parameter(-70.0 * u.mV, "leak reversal potential", shape="sites")
    area = Fixed(None, "membrane area of every compartment", unit=u.um2, shape="sites")
    volume = Fixed(None, "volume of every compartment, a cylinder of its mean diameter", unit=u.um**3, shape="sites")
    r_own = Fixed(None, "resistance from each node to its border with the parent, per axial resistivity", unit=u.um**-1)
    r_parent = Fixed(None, "resistance from there to the parent, per axial resistivity", unit=u.um**-1)
    V = State(-70.0 * u.mV, "membrane potential", shape="sites")

    def __init__(
        self,
        size: int | tuple[int, ...],
        morphology: Morphology | Compartments | Sequence[Morphology | Compartments],
        *,
        compartments: Any = None,
        channels: dict | None = None,
        pools: dict | None = None,
        spikes_at: Any = None,
        **values: Any,
    ):
        count = count_in(size, type(self).__name__)
        shapes = cut_for(morphology, compartments, count, *(self._everywhere(name, values) for name in ("R_a", "C")))
        cut = shapes[0] if len(shapes) == 1 else Compartments.join(shapes)
        #: cells that stand side by side at each compartment, and compartments of one of them
        self.abreast, self.length = (count, len(cut)) if len(shapes) == 1 else (1, len(cut))
        rows = np.arange(len(cut))
        for name, value in values.items():
            if isinstance(value, ByPlace):
                values[name] = value.at(cut, rows if name == "R_a" else np.repeat(rows, self.abreast))
        values["area"] = u.Quantity(np.repeat(cut.area, self.abreast), unit=u.um2)
        volume = np.pi / 4 * cut.diameter**2 * cut.length
        values["volume"] = u.Quantity(np.repeat(volume, self.abreast), unit=u.um**3)
        values["r_own"] = u.Quantity(np.where(cut.parent < 0, 1.0, cut.r_own), unit=u.um**-1)
        values["r_parent"] = u.Quantity(cut.r_parent, unit=u.um**-1)
        super().__init__(size, **values)
        if not getattr(self.method, "solves_coupling", False) or self.spike_times == "exact":
            given = "spike_times='exact'" if self.spike_times == "exact" else f"method={self.method.name!r}"
            raise ValueError(
                f"{type(self).__name__}: the compartments of a cell are solved together, by"
                f" 'staggered_backward_euler' or 'staggered_crank_nicolson'; given {given}."
            )
        self._aside.compartments = cut
        self.hold("tree", FixedVariable(trees.Tree(cut.parent, len(cut))))
        self._aside.main = self._sites_at(middle_of_soma(cut))
        self._fire_at(spikes_at)
        self.compose(channels or {}, pools or {})

    @property
    def side_by_side(self) -> tuple[int, ...]:
        """Shape in which values of the sites stand for the solver: compartments, and cells of one shape."""
        return (self.length, self.abreast) if self.abreast > 1 else (self.length,)

    @property
    def units_are_apart(self) -> bool:
        """Whether cells stand side by side, and nothing flows from one to another."""
        return self.abreast > 1 and not self.junctions

    @property
    def is_forest(self) -> bool:
        """Whether cells of several shapes stand behind each other, and nothing flows from one to another."""
        return self.abreast == 1 < self.count and not self.junctions

    @property
    def between_sites(self) -> Axial:
        """Solver of the potentials of all compartments together."""
        return Axial(self)

    def check_step(self, step_ms, varied=None):
        """The methods that are taken run away at no step."""
        self.check_varied(varied)

    def check_settable(self, name):
        super().check_settable(name)
        if name in GEOMETRY and self.bound:
            raise AttributeError(
                f"{self.path}.{name} follows from the morphology; give another morphology to a new population."
            )

    def by_site(self, name, value):
        rows = np.arange(self.length)
        return value.at(self.compartments, rows if name == "R_a" else np.repeat(rows, self.abreast))

    @classmethod
    def _everywhere(cls, name: str, values: dict) -> Any:
        """A parameter as it is everywhere; its default where it depends on the place."""
        value = values.get(name)
        one_for_all = value is not None and not isinstance(value, ByPlace) and np.ndim(u.get_mantissa(value)) == 0
        return value if one_for_all else cls._declared[name].default

    def _fire_at(self, places) -> None:
        """Take note of where spikes of the units are detected."""
        given = places if isinstance(places, list | tuple) else [places]
        sites = (
            self._aside.main if places is None else self._sites_at(rows_of(self.compartments, *given, what="spikes_at"))
        )
        units = self.unit_of_site(sites)
        if len(silent := np.setdiff1d(np.arange(self.count), units)):
            raise ValueError(
                f"{type(self).__name__}: spikes_at must be a place of each cell, given {places!r}, of which cell"
                f" {silent[0]} has none."
            )
        hillock = Part()
        hillock.fix(count=len(sites))
        hillock.stand_at(sites, self.sites, self.abreast)
        self.fix(axon_hillock=hillock)
        if len(sites) > self.count and self.abreast == 1:
            self.hold("axon_hillock_unit", FixedVariable(jnp.asarray(units, jnp.int32)))

    # -- the equations -----------------------------------------------------------------------------------------------

    def compose(self, channels, pools):
        super().compose(channels, pools)
        for name, part in (channels | pools).items():
            for ion in dict.fromkeys(part.needs):
                self._link(name, part, ion)

    def _at(self, channel, ions):
        name = channel.path.rpartition(".")[2]

        def own(ion, value):
            link = vars(self).get(f"{name}_in_{ion}")
            return value if link is None else link.taken(value)

        return {key: own(key.removeprefix("E_").removesuffix("_out"), value) for key, value in ions.items()}

    def check_diffusion(self):
        """Refuse what diffuses along the cell and does not stand everywhere."""
        for name, pool in self.pools.items():
            given = list(pool.along())
            if given and len(pool._aside.sites) < self.sites:
                what = f"with {pool.diffuses[given[0]]} it" if given[0] in pool.diffuses else given[0]
                raise ValueError(
                    f"{self.path}.{name}: {what} diffuses along the cell, and stands everywhere; leave out .on(...)."
                )

    def diffuse(self, clock: Clock) -> None:
        """Let pools move along the cells over the step, by backward Euler."""
        for pool in self.pools.values():
            for state, (D, part) in pool.along().items():
                way = Diffusion(self, in_unit(D, u.um2 / u.ms, pool.path), part)
                pool.put(state, way.after(pool.plain(state), clock.step_ms))

    def update(self, clock, drives):
        before = self.plain("V")
        super().update(clock, drives)
        with self.warmed():
            self.diffuse(clock)
        for detector in self.detectors.values():
            detector.detect(self, before, self.plain("V"))

    def fires(self, before, after):
        E_L = self.E_L if jnp.ndim(u.get_mantissa(self.E_L)) == 0 else -self._highest(-self.E_L)
        below, above = self._highest(before["V"]), self._highest(after["V"])
        return self.spike_crossing(below, above, self.V_th, scale=self.V_th - E_L)

    def _highest(self, x):
        """Of one value per site, the highest of those where spikes of each unit are detected."""
        number, unit = split_quantity(self.axon_hillock.taken(x))
        if "axon_hillock_unit" in vars(self):
            number = jax.ops.segment_max(number, self.plain("axon_hillock_unit"), self.count)
        elif len(number) > self.count:
            number = number.reshape(-1, self.count).max(0)
        return with_unit(number, unit)
