"""How far potentials spread in a cell at rest: impedances, attenuation, length constants."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import QuantityLike, in_unit
from brainsim.cells.cables.admittances import Admittances, admittances, levels_of, spread
from brainsim.cells.cables.linearised import Linearised
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.places.by_place import values_on
from brainsim.cells.places.locations import compartments_at
from brainsim.cells.places.where import Locset, RegionLike

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment

DENSITY = u.siemens / u.cm**2
SPECIFIC_CAPACITANCE = u.uF / u.cm**2


class Electrotonics:
    r"""A cell whose membrane conducts as it does at rest: currents and potentials are proportional.

    .. math::
        \sum_j Y_{ij} V_j = I_i, \qquad Y_{ii} = A_i (g_i + 2 \pi \mathrm i f C_i) + \sum_j c_{ij}, \qquad Y_{ij} = -c_{ij}

    with the areas A and couplings c of the compartments. Impedances are found in two sweeps over the tree, of admittances
    in series and in parallel, so that nothing cancels; the time is proportional to the number of compartments.

    Parameters
    ----------
    compartments : Compartments
        The cell, or several.
    g : Quantity () or (n,), or ByPlace
        Conductance of the membrane per area, such as the leak, in S/cm².
    R_a : Quantity () or (n,), or ByPlace
        Axial resistivity.
    C : Quantity () or (n,), or ByPlace
        Capacitance of the membrane per area.

    Raises
    ------
    ValueError
        For values that are not positive; names the compartment. ``g`` may be zero in places.
    """

    def __init__(self, compartments: Compartments, *, g: Any, R_a: Any, C: Any = 1.0 * u.uF / u.cm**2):
        leak = _plain(g, compartments, DENSITY, "g", 0.0)[:, None]
        capacitance = _plain(C, compartments, SPECIFIC_CAPACITANCE, "C")[:, None]
        self.compartments = compartments
        self.R_a = _plain(R_a, compartments, u.ohm * u.cm, "R_a")
        self._density = lambda hertz: leak + 2e-6j * np.pi * hertz * capacitance

    @classmethod
    def of(cls, cells: MultiCompartment, cell: int = 0) -> Electrotonics:
        """A population's cells as they are now: channels and concentrations take part, with what they do at each frequency.

        Parameters
        ----------
        cells : MultiCompartment
            Its present state is taken: simulate until it rests, and impedances are those of rest.
        cell : int
            Which of several cells of one shape. Cells of several shapes are all there.

        Returns
        -------
        Electrotonics
            Of :class:`Linearised`. Where channels regenerate it may have no ``input_resistance`` that means anything.

        Raises
        ------
        IndexError, ValueError
            For a cell that does not exist, and cells that junctions join: they are no trees.
        """
        if cells.junctions:
            raise ValueError(
                f"Electrotonics.of: {cells.path} is joined by {', '.join(cells.junctions)}, and impedances here are those of"
                " trees."
            )
        if not 0 <= cell < cells.count:
            raise IndexError(f"Electrotonics.of: there is no cell {cell}; there are {cells.count}, from 0 on.")
        own = slice(cell % cells.abreast, None, cells.abreast)
        linear = Linearised(cells)
        made = cls(cells.compartments, g=1 * DENSITY, R_a=cells.R_a)
        made._density = lambda hertz: linear.admittance(hertz)[own]
        return made

    @cached_property
    def _couplings(self) -> np.ndarray:
        return self.compartments.coupling(self.R_a * u.ohm * u.cm).to_decimal(u.uS)

    def input_resistance(self, where: Locset | RegionLike | ArrayLike = "all") -> u.Quantity:
        """Potential per steady current injected at the same place.

        Parameters
        ----------
        where : Locset, Region, str or array of int
            Places, k of them; all compartments if it is not told.

        Returns
        -------
        Quantity (k,)
            In megohm.
        """
        return self.input_impedance(where, 0 * u.Hz).real

    def input_impedance(
        self, where: Locset | RegionLike | ArrayLike = "all", frequency: QuantityLike = 0 * u.Hz
    ) -> u.Quantity:
        """Potential per current injected at the same place, at a frequency.

        Parameters
        ----------
        where : Locset, Region, str or array of int
            Places, k of them.
        frequency : Quantity () or (f,)
            One frequency, or several.

        Returns
        -------
        Quantity (k,) or (f, k)
            Complex, in megohm.
        """
        index = compartments_at(where, self.compartments, "input_impedance")
        return self._megohm(1 / self._admittances(frequency).total[index].T, frequency)

    def transfer_impedance(
        self,
        source: Locset | RegionLike | ArrayLike,
        target: Locset | RegionLike | ArrayLike = "all",
        frequency: QuantityLike = 0 * u.Hz,
    ) -> u.Quantity:
        """Potential at some places per current injected at others; the same with both exchanged.

        Parameters
        ----------
        source, target : Locset, Region, str or array of int
            Where current is injected, k places, and where the potential is read, l of them.
        frequency : Quantity () or (f,)
            One frequency, or several.

        Returns
        -------
        Quantity (k, l) or (f, k, l)
            Complex, in megohm; zero between trees.
        """
        seen = self._admittances(frequency)
        index, to = (compartments_at(one, self.compartments, "transfer_impedance") for one in (source, target))
        ratios = self._ratios(seen, index)[to]
        return self._megohm(np.transpose(ratios / seen.total[index], (2, 1, 0)), frequency)

    def attenuation(
        self,
        source: Locset | RegionLike | ArrayLike,
        target: Locset | RegionLike | ArrayLike = "all",
        frequency: QuantityLike = 0 * u.Hz,
    ) -> np.ndarray:
        """How much larger the potential is where current is injected than at other places.

        Parameters
        ----------
        source, target : Locset, Region, str or array of int
            Where current is injected, k places, and where the potential is read, l of them.
        frequency : Quantity () or (f,)
            One frequency, or several.

        Returns
        -------
        array (k, l) or (f, k, l)
            ``|V_source / V_target|``, at least 1; infinite between trees.
        """
        index, to = (compartments_at(one, self.compartments, "attenuation") for one in (source, target))
        ratios = np.abs(self._ratios(self._admittances(frequency), index)[to])
        with np.errstate(divide="ignore"):
            return _one_or_several(np.transpose(1 / ratios, (2, 1, 0)), frequency)

    def length_constant(self, frequency: QuantityLike = 0 * u.Hz) -> u.Quantity:
        r"""Length over which the amplitude falls to 1/e in an endless cable as thick as each compartment.

        .. math::
            \lambda = \sqrt{\frac{d}{4 R_a}} \Big/ \mathrm{Re} \sqrt{g + 2 \pi \mathrm i f C}

        Parameters
        ----------
        frequency : Quantity ()
            The frequency of a sine.

        Returns
        -------
        Quantity (n,)
            In µm; infinite where nothing leaks.
        """
        cell = self.compartments
        admittance = cell.spines * self._density(_frequencies(frequency))[:, 0]
        with np.errstate(divide="ignore"):  # um / (ohm cm) is 1e-4 S, and over S/cm2 1e4 um2
            return u.Quantity(np.sqrt(1e4 * cell.diameter / (4 * self.R_a)) / np.sqrt(admittance).real, unit=u.um)

    def distance(self, origin: Locset | None = None, frequency: QuantityLike = 0 * u.Hz) -> np.ndarray:
        """Length of the path in length constants, from the start of the tree's root or from a place.

        Parameters
        ----------
        origin : Locset, optional
            One place: paths begin at the centre of its compartment.
        frequency : Quantity ()
            The frequency of a sine.

        Returns
        -------
        array (n,)
            To the centres of compartments; infinite to other trees.
        """
        cell = self.compartments
        half = np.append(cell.length / 2 / self.length_constant(frequency).to_decimal(u.um), 0.0)  # 0: branch points
        n, points = len(cell), np.arange(cell.n_nodes) >= len(cell)
        own = half[np.where(points, n, np.arange(cell.n_nodes))]
        beyond = half[np.where((cell.parent < 0) | (cell.parent >= n), n, cell.parent)]
        edges = (np.where(cell.r_own > 0, own, 0.0) + np.where(cell.r_parent > 0, beyond, 0.0))[:, None]
        starts = cell.roots if origin is None else compartments_at(origin, cell, "Electrotonics.distance: origin")
        if origin is not None and len(starts) != 1:
            raise ValueError(f"Electrotonics.distance: origin is one place, given {len(starts)}: {origin!r}.")
        found = spread(cell.parent, self._levels, starts, edges, edges, np.add, 0.0, np.inf)[:n, :, 0]
        return (found + half[starts] if origin is None else found).min(1)

    @cached_property
    def _levels(self) -> list[np.ndarray]:
        return levels_of(self.compartments.parent)

    def _admittances(self, frequency: QuantityLike) -> Admittances:
        cell, hertz = self.compartments, _frequencies(frequency)
        own = np.zeros((cell.n_nodes, len(hertz)), complex)
        own[: len(cell)] = 1e-2 * cell.area[:, None] * self._density(hertz)  # um2 S/cm2 is 1e-2 uS
        seen = admittances(cell.parent, self._levels, own, self._couplings)
        blocked = (seen.total[cell.roots] == 0).any(1)
        if blocked.any():
            tree = cell.describe(int(cell.roots[blocked][0]))
            raise ValueError(
                f"Electrotonics: nothing leaks from the tree of {tree}, so steady potentials have no limit."
            )
        return seen

    def _ratios(self, seen: Admittances, index: np.ndarray) -> np.ndarray:
        """Potential at every node over that at each source: (nodes, k, f)."""
        return spread(self.compartments.parent, self._levels, index, seen.up, seen.down, np.multiply, 1.0, 0.0)

    def _megohm(self, values: np.ndarray, frequency: QuantityLike) -> u.Quantity:
        return u.Quantity(_one_or_several(values, frequency), unit=u.Mohm)


def _frequencies(frequency: QuantityLike) -> np.ndarray:
    hertz = np.atleast_1d(np.asarray(in_unit(frequency, u.Hz, "Electrotonics: frequency"), float))
    if hertz.ndim != 1 or not (np.isfinite(hertz) & (hertz >= 0)).all():
        raise ValueError(f"Electrotonics: frequencies are one or a row of numbers from 0 Hz on, given {frequency}.")
    return hertz


def _one_or_several(values: np.ndarray, frequency: QuantityLike) -> np.ndarray:
    """Without the axis of frequencies, the first, where one was given."""
    return values if np.ndim(in_unit(frequency, u.Hz, "frequency")) else values[0]


def _plain(value: Any, compartments: Compartments, unit: Any, what: str, least: float | None = None) -> np.ndarray:
    """Numbers per compartment, positive, or from ``least`` on."""
    what = f"Electrotonics: {what}"
    numbers = np.asarray(in_unit(values_on(value, compartments, what), unit, what), float)
    numbers = np.broadcast_to(numbers, len(compartments))
    bad = ~(np.isfinite(numbers) & (numbers > 0 if least is None else numbers >= least))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"{what} must be {'positive' if least is None else 'zero or more'}, given {numbers[k]} at {compartments.describe(k)}."
        )
    return numbers
