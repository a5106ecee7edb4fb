"""Potentials at electrodes while a network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from brainsim._core import Clock, Dynamics, FixedVariable, Site, State
from brainsim._errors import UnknownNameError, a_or_an, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.fields.electrodes import Electrodes
from brainsim.cells.fields.extracellular import Extracellular
from brainsim.cells.fields.transmembrane import axial_inflow
from brainsim.cells.multi_compartment import MultiCompartment
from brainsim.operation import Operation


class ElectrodeRecording(Operation):
    r"""What electrodes measure of cells, step by step, so that long runs need not keep V of all compartments.

    .. math:: \phi_k = \sum_i M_{ki} \sum_j s_{ij}\,\bigl(V_j + \phi_{e,j} - V_i - \phi_{e,i}\bigr)

    with M of :meth:`brainsim.cells.Electrodes.matrix` and :math:`\phi_e` of extracellular stimuli. Assign it to the network
    behind the cells::

        net.lfp = ElectrodeRecording(Electrodes(positions * u.um), net.pyramids, net.baskets)
        rec = bs.simulate(net, 10 * u.second, dt=0.025 * u.ms, record="lfp.potential", sample_every=0.5 * u.ms)

    It is that of :func:`brainsim.cells.transmembrane_currents` without ``injected``: an electrode within a cell counts as
    membrane. The field of a :class:`brainsim.cells.PointElectrode` is not part of it.

    Parameters
    ----------
    electrodes : Electrodes
    *cells : MultiCompartment
        Populations of the network, whose potentials add.
    rotation : array (3, 3) or (count, 3, 3), or dict of them by the name of the population, optional
        As for :meth:`brainsim.cells.Electrodes.matrix`.
    every : quantity, time, optional
        How often it is measured; the potential stays until then. Every step if left out.

    Raises
    ------
    TypeError, ValueError
        For what has no compartments, and cells that stand in no network yet.
    """

    potential = State(0.0 * u.uvolt, "potential at each electrode at the end of the step")

    def __init__(
        self,
        electrodes: Electrodes,
        *cells: MultiCompartment,
        rotation: ArrayLike | dict[str, ArrayLike] | None = None,
        every: QuantityLike | None = None,
    ):
        if not cells:
            raise ValueError("ElectrodeRecording: give the populations whose currents are measured.")
        for population in cells:
            if not isinstance(population, MultiCompartment):
                raise TypeError(
                    f"ElectrodeRecording: currents are those of cells with a shape, given {a_or_an(type(population).__name__)}."
                )
            if population._aside.key is None:
                raise ValueError("ElectrodeRecording: assign the cells to the network first; they have no place yet.")
        super().__init__(_Measured(""), after="populations", every=every)
        self.electrodes = len(electrodes)
        self.measured = tuple(population.path for population in cells)
        for k, population in enumerate(cells):
            turned = rotation.get(population.path) if isinstance(rotation, dict) else rotation
            self.hold(f"matrix{k}", FixedVariable(jnp.asarray(electrodes.matrix(population, turned).mantissa)))

    def join(self, name: str, key: jax.Array) -> None:
        self.place(Site(name, self._aside.moment, {"count": self.electrodes, "function": _Measured(name)}))

    def measure(self, net: Any) -> jax.Array:
        """The potentials in µV of a network as it stands."""
        total = jnp.zeros((self.count,))
        for k, name in enumerate(self.measured):
            if name not in net.populations:
                raise UnknownNameError(f"{self.path}: there is no {name!r}.{suggestion(name, net.populations)}")
            matrix = self.plain(f"matrix{k}")
            total = total + matrix @ _inflow(net.populations[name]).astype(matrix.dtype)
        return total


@dataclass(frozen=True)
class _Measured:
    """The function of the operation, by its name: it measures the network that it is given."""

    name: str

    def __call__(self, net: Dynamics, clock: Clock) -> None:
        recording = vars(net)[self.name]
        recording.put("potential", recording.measure(net))


def _inflow(cells: MultiCompartment) -> jax.Array:
    """Currents into all sites from the inside of others, in nA."""
    axial, inside = cells.between_sites, cells.plain("V")
    flow = axial_inflow(axial.tree.parent, axial.coupling, inside.reshape(cells.length, cells.abreast).T).T.reshape(-1)
    flow = 1e-3 * sum((one.inflow(inside) for one in cells.junctions.values()), flow)
    for stimulus in cells.parts(Extracellular).values():
        current = u.Quantity(stimulus.plain("current"), unit=cells.input_unit)
        flow = flow + stimulus.spread(in_unit(current, u.nA, stimulus.path), cells.sites)
    return flow
