"""Extracellular stimulation: potentials outside of cells, as currents between their compartments."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core import FixedVariable, Site, State
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.fields.transmembrane import axial_inflow
from brainsim.cells.view import moved
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import signal_of


class Extracellular(Stimulus):
    r"""A potential outside of cells, one pattern in space times a course in time: what every extracellular stimulus is.

    .. math:: I_i(t) = w(t) \sum_j s_{ij}\,(\phi_j - \phi_i)

    V is the potential across the membrane, and axial currents follow the potential inside, :math:`V + w\phi`: the
    field acts as a current into each compartment, which sums to zero over a cell (Rattay's activating function). It follows
    R_a where that is swept or trained. The current is the state ``current``. The cells do not act back on the field.

    A subclass gives :meth:`pattern`, and the unit of its signal.

    Parameters
    ----------
    waveform : quantity or Stimulus
        w(t), in ``signal_unit``; one course for all.
    rotation : array (3, 3) or (count, 3, 3), optional
        By which the shape of all cells, or of each, is turned about its origin.
    start, stop : quantity, time, optional
        Window in which it is on.

    Raises
    ------
    TypeError
        For a population whose units have no shape.
    ValueError
        Where the positions of cells are needed and are not there, or are still to be drawn.

    References
    ----------
    F. Rattay, IEEE Trans. Biomed. Eng. 36:676 (1989).
    """

    signal_unit: Any
    depends_on_position = True  #: of a cell; otherwise on its shape and rotation only

    current = State(0.0, "equivalent current into each compartment over the last step", unit="input_unit")

    def __init__(self, waveform: QuantityLike | Stimulus, *, rotation: ArrayLike | None = None, **window: Any):
        super().__init__(**window)
        self.waveform = signal_of(waveform)
        vars(self._aside).update(rotation=rotation, where=("all",))

    def on(self, *places: Any):
        """A field acts on the whole of a cell.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{type(self).__name__}: a field acts on whole cells; it is not put on places of them.")

    def pattern(self, xyz: np.ndarray) -> np.ndarray:
        """The potential in mV at places in µm, (sites, 3), for a signal of 1 in its unit."""
        raise NotImplementedError(f"{type(self).__name__} is no field yet: define pattern(self, xyz).")

    def bind(self, population: Any, name: str, ids: np.ndarray | None = None) -> None:
        if not hasattr(population, "compartments"):
            kind = type(population).__name__
            raise TypeError(
                f"{population.path}.{name}: a field between compartments acts on cells with a shape, and a {kind} has points."
            )
        super().bind(population, name, ids)
        if self.depends_on_position:
            _check_settled(population, name)
        cut, turned, apart = population.compartments, vars(self._aside)["rotation"], self.depends_on_position
        xyz = moved(population, cut.xyz, turned, apart=apart)[self._aside.sites]
        phi = np.asarray(self.pattern(xyz), float)
        if phi.shape != (self.count,) or not np.isfinite(phi).all():
            raise ValueError(f"{self.path}: the field is not finite at all {self.count} compartments of the cells.")
        self.hold("phi", FixedVariable(jnp.asarray(phi)))
        facts = dict(count=1, input_unit=self.signal_unit, into=None)
        self.waveform.place(Site(f"{self.path}.waveform", self._aside.moment, facts))

    def update(self, clock, population):
        self.waveform.update(clock.of("waveform"), population)
        signal = jnp.reshape(self.waveform.masked(clock.of("waveform")), ())
        present = self.present(clock)
        signal = signal if present is None else jnp.where(present, signal, 0.0)
        coupling, sites = population.between_sites, population.sites
        phi = self.spread(self.plain("phi"), sites).reshape(population.length, population.abreast)
        # Other cells see no field: none of theirs is next to a compartment of these
        flow = axial_inflow(coupling.tree.parent, coupling.coupling, phi.T).T.reshape(-1)  # nS mV is pA
        scale = u.Quantity(1.0, unit=u.pA).to_decimal(self.input_unit)
        self.put("current", scale * signal * jnp.broadcast_to(self.taken(flow), (self.count,)))

    def value(self, clock):
        return self.plain("current")


class ExtracellularField(Extracellular):
    r"""A uniform electric field.

    .. math:: \phi(x, t) = -E(t)\; n \cdot x

    ::

        cells.add_stimuli(tacs=ExtracellularField(Sine(1 * u.volt / u.meter, 10 * u.Hz), direction=[0, 1, 0]))

    Parameters
    ----------
    waveform : quantity or Stimulus, in V/m (mV/mm)
        E(t): a positive field points along ``direction``, depolarises the ends of a cell there, and
        hyperpolarises those on the other side.
    direction : array (3,)
        n, of any length.
    rotation, start, stop
        As for every extracellular stimulus.
    """

    signal_unit = u.mV / u.mm
    depends_on_position = False

    def __init__(self, waveform: QuantityLike | Stimulus, direction: ArrayLike = (0.0, 0.0, 1.0), **values: Any):
        direction = np.asarray(direction, float)
        if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
            raise ValueError(f"ExtracellularField: direction is a vector of 3 numbers, not zero, given {direction}.")
        super().__init__(waveform, **values)
        vars(self._aside).update(direction=direction / np.linalg.norm(direction))

    def pattern(self, xyz):
        return -1e-3 * xyz @ vars(self._aside)["direction"]


class PointElectrode(Extracellular):
    r"""A point electrode in a homogeneous volume, whose current returns far away.

    .. math:: \phi(x, t) = \frac{I(t)}{4 \pi \sigma\,|x - x_0|}

    ::

        cells.add_stimuli(tip=PointElectrode(Step([-20, 0] * u.uA, [5, 5.2] * u.ms), position=[0, 50, 0] * u.um))

    Parameters
    ----------
    waveform : quantity or Stimulus, current
        I(t): a negative current is cathodic, and excites what is nearby.
    position : quantity (3,)
        :math:`x_0`.
    sigma : quantity, conductivity
        Of the volume.
    rotation, start, stop
        As for every extracellular stimulus.

    Raises
    ------
    ValueError
        For an electrode in the centre of a compartment.
    """

    signal_unit = u.uA

    def __init__(
        self,
        waveform: QuantityLike | Stimulus,
        position: QuantityLike,
        *,
        sigma: QuantityLike = 0.3 * u.siemens / u.meter,
        **values: Any,
    ):
        place = np.asarray(in_unit(position, u.um, "PointElectrode: position"), float)
        conductivity = float(in_unit(sigma, u.siemens / u.meter, "PointElectrode: sigma"))
        if place.shape != (3,) or not np.isfinite(place).all() or not 0 < conductivity < np.inf:
            raise ValueError(
                f"PointElectrode: position has 3 coordinates and sigma is positive, given {position} and {sigma}."
            )
        super().__init__(waveform, **values)
        vars(self._aside).update(position=place, sigma=conductivity)

    def pattern(self, xyz):
        r = np.linalg.norm(xyz - vars(self._aside)["position"], axis=1)
        with np.errstate(divide="ignore"):
            return 1e3 / (4 * np.pi * vars(self._aside)["sigma"] * r)


def _check_settled(population, name):
    """Positions at random are drawn when a population joins a network."""
    drawn = [population._aside.layout.place(population.size, np.random.default_rng(seed)) for seed in range(2)]
    if population._aside.key is None and not np.array_equal(*(one.coordinates for one in drawn)):
        raise ValueError(
            f"{population.path}.{name}: the positions of the cells are drawn when they join a network; assign them to it first."
        )
