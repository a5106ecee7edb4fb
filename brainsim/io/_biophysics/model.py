"""A cell as NEURON's users describe it: sections, what is inserted where, and values that later ones replace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit, with_unit
from brainsim.cells import ByPlace, Compartments, Morphology, MultiCompartment, at, discretise, distances
from brainsim.io._biophysics.mechanisms import Mechanisms, Suffix
from brainsim.train import Unknown

#: Sections by the names that lists of them have.
SECTIONS: dict[str, tuple[str, ...]] = {
    "all": ("soma", "axon", "dend", "apic"),
    "soma": ("soma",),
    "axon": ("axon",),
    "dend": ("dend",),
    "apic": ("apic",),
    "somatic": ("soma",),
    "axonal": ("axon",),
    "basal": ("dend",),
    "apical": ("apic",),
    "alldend": ("dend", "apic"),
    "somadend": ("soma", "dend", "apic"),
    "somaxon": ("soma", "axon"),
}

#: Of sections themselves: our names, NEURON's units, and what NEURON has where nothing is said.
OWN: dict[str, tuple[str, Any, float]] = {
    "cm": ("C", u.uF / u.cm2, 1.0),
    "Ra": ("R_a", u.ohm * u.cm, 35.4),
    "g_pas": ("g_L", u.siemens / u.cm2, 1e-3),
    "e_pas": ("E_L", u.mV, -70.0),
}
POTENTIALS = {"ena": 50.0, "ek": -77.0, "eca": 132.4579341637009}  # what NEURON has where nothing is said


@dataclasses.dataclass(frozen=True)
class Every40:
    r"""Compartments as many models count them, :math:`1 + 2 \lfloor L / 40\,\mathrm{µm} \rfloor` in each branch."""

    def counts(self, morphology: Morphology) -> np.ndarray:
        """Of every branch."""
        return np.array([1 + 2 * int(branch.length_um / 40.0) for branch in morphology])


@dataclasses.dataclass(frozen=True)
class Range:
    """A value of a parameter on some sections.

    Parameters
    ----------
    sections : tuple of str
    mechanism : str
        Its SUFFIX; empty for what belongs to sections.
    name : str
        NEURON's name.
    value : float, optional
        In NEURON's unit; None where it is looked for between ``bounds``.
    bounds : tuple of float, optional
    profile : callable, optional
        ``profile(value, distance)``, the value at distances from the soma in µm.
    label : str
        What it is called in its file.
    """

    sections: tuple[str, ...]
    mechanism: str
    name: str
    value: float | None
    bounds: tuple[float, float] | None = None
    profile: Callable | None = None
    label: str = ""


class Biophysics:
    """A cell that was read: its shape, what stands in its membrane, and where.

    ``net.cell = model.cell()`` is a population of it. :attr:`compartments` is its shape, cut.

    Parameters
    ----------
    morphology : Morphology
    mechanisms : Mechanisms
    inserted : dict of str to tuple of str
        Sections of each mechanism.
    ranges : list of Range
        Later ones replace earlier ones.
    celsius, v_init : float
        Temperature in °C, and V at the beginning in mV.
    junction_potential : float
        In mV; what a recording shows is V less this.
    where : str
        The file, for errors.
    """

    def __init__(
        self,
        morphology: Morphology,
        mechanisms: Mechanisms,
        inserted: Mapping[str, tuple[str, ...]],
        ranges: list[Range],
        *,
        celsius: float,
        v_init: float,
        junction_potential: float = 0.0,
        where: str = "",
    ):
        self.morphology, self.celsius, self.v_init = morphology, celsius, v_init
        self.junction_potential, self.where = junction_potential, where
        self.compartments: Compartments = discretise(morphology, Every40())
        self.inserted = {name: tuple(dict.fromkeys(sections)) for name, sections in inserted.items() if name != "pas"}
        self.passive = tuple(dict.fromkeys(inserted.get("pas", ())))
        self.suffixes: dict[str, Suffix] = {name: mechanisms[name] for name in self.inserted}
        self.ranges = ranges
        for each in ranges:
            self._check(each)

    def __repr__(self) -> str:
        placed = "; ".join(f"{name} on {', '.join(sections)}" for name, sections in self.inserted.items())
        return f"Biophysics({self.where}: {len(self.compartments)} compartments; {placed})"

    @property
    def unknown(self) -> dict[str, Range]:
        """What is looked for between bounds, by its name in the file."""
        return {each.label: each for each in self.ranges if each.value is None}

    def _check(self, each: Range) -> None:
        where = f"{self.where}: {each.label or each.name}"
        if not each.mechanism:
            known = [*OWN, *POTENTIALS]
            if each.name not in known:
                raise UnknownNameError(f"{where}: sections have no {each.name!r}.{suggestion(each.name, known)}")
            return
        if each.mechanism not in self.suffixes:
            hint = suggestion(each.mechanism, self.suffixes)
            raise UnknownNameError(f"{where}: {each.mechanism!r} is inserted nowhere.{hint}")
        self.suffixes[each.mechanism].parameter(each.name, where)
        missing = set(each.sections) - set(self.inserted[each.mechanism])
        if missing & set(self.compartments.type):
            raise ValueError(f"{where}: {each.mechanism} is not inserted on {', '.join(sorted(missing))}.")

    # -- values of every compartment ---------------------------------------------------------------------------------

    def mask(self, sections: tuple[str, ...]) -> np.ndarray:
        """Which compartments belong to sections, (n,)."""
        return np.isin(self.compartments.type, sections)

    def _distance(self) -> np.ndarray:
        return distances(self.compartments, at("soma", 0.5))

    def values(self, mechanism: str, name: str, chosen: Mapping[str, float]) -> np.ndarray:
        """A parameter at every compartment in NEURON's unit, (n,); NaN where nothing is said."""
        found = np.full(len(self.compartments), np.nan)
        for each in self.ranges:
            if each.mechanism == mechanism and each.name == name:
                value, mask = chosen[each.label] if each.value is None else each.value, self.mask(each.sections)
                found[mask] = value if each.profile is None else each.profile(value, self._distance()[mask])
        return found

    def _chosen(self, given: Mapping[str, float] | None) -> dict[str, float]:
        """Values of what is looked for: those given, and the middle of the bounds of the others."""
        unknown, given = self.unknown, dict(given or {})
        for name in given:
            if name not in unknown:
                raise UnknownNameError(f"{self.where}: {name!r} is not looked for.{suggestion(name, unknown)}")
        middle = {name: 0.5 * sum(each.bounds) for name, each in unknown.items() if each.bounds is not None}
        return {name: float(value) for name, value in (middle | given).items()}

    # -- the cell ----------------------------------------------------------------------------------------------------

    def cell(
        self, size: int | tuple[int, ...] = 1, values: Mapping[str, float] | None = None, **options: Any
    ) -> MultiCompartment:
        """A population of the cell.

        Parameters
        ----------
        size : int or tuple of int
        values : dict of str to float, optional
            Of what is looked for, by its name in the file and in NEURON's unit; the middle of the bounds by default.
        **options
            As of :class:`brainsim.cells.MultiCompartment`.

        Returns
        -------
        brainsim.cells.MultiCompartment
            Its channels and pools have the names of their mechanisms, the pool of calcium that of its ion.

        Raises
        ------
        UnknownNameError
            For values of what is not looked for.
        """
        chosen = self._chosen(values)
        own = {}
        for name, (ours, unit, usual) in OWN.items():
            found = self.values("", name, chosen)
            found = np.where(np.isnan(found), usual, found)
            if ours == "g_L":
                found = np.where(self.mask(self.passive), found, 0.0)
            own[ours] = _by_compartment(name, found, unit)
        parts = {name: self._part(name, suffix, chosen) for name, suffix in self.suffixes.items()}
        pools = [name for name, suffix in self.suffixes.items() if suffix.is_pool]
        if len(pools) > 1:
            raise ValueError(f"{self.where}: {', '.join(pools)} all write a concentration, of which one can stand.")
        return MultiCompartment(
            size,
            self.compartments,
            channels={name: part for name, part in parts.items() if name not in pools},
            pools=dict(Ca=parts[pools[0]]) if pools else {},
            V=self.v_init * u.mV,
            **own | options,
        )

    def unknowns(self, population: str) -> dict[str, Unknown]:
        """What is looked for, for ``Unknowns(net, **model.unknowns("cell"))``, by its name in the file.

        Parameters
        ----------
        population : str
            Name of the population in its network.

        Raises
        ------
        ValueError
            For a distribution that is not proportional to its value.
        """
        found = {}
        for label, each in self.unknown.items():
            ours, unit = (
                OWN[each.name][:2] if not each.mechanism else self.suffixes[each.mechanism].parameter(each.name, "")
            )
            owner = population if not each.mechanism else f"{population}.{self._named(each.mechanism)}"
            sections = [name for name in each.sections if name in self.compartments.types]
            bounds = with_unit(np.array(each.bounds), unit)
            found[label] = Unknown(f"{owner}.{ours}", sections, between=(bounds[0], bounds[1]), times=self._times(each))
        return found

    def _named(self, suffix: str) -> str:
        return "Ca" if self.suffixes[suffix].is_pool else suffix

    def _times(self, each: Range) -> ByPlace | None:
        """What a value is multiplied by at each place."""
        if each.profile is None:
            return None
        profile, distance = each.profile, self._distance()
        once, twice = (np.asarray(profile(value, distance)) for value in (1.0, 2.0))
        if not np.allclose(twice, 2 * once, rtol=1e-9):
            raise ValueError(f"{self.where}: the distribution of {each.label} is not proportional to its value.")
        return ByPlace(each.label, lambda compartments, index: once[index])

    def _part(self, name: str, suffix: Suffix, chosen: Mapping[str, float]):
        """A mechanism with its values, where it stands."""
        rows, given = np.flatnonzero(self.mask(self.inserted[name])), suffix.temperature(self.celsius)
        for key in dict.fromkeys([*suffix.usual, *(each.name for each in self.ranges if each.mechanism == name)]):
            ours, unit = suffix.parameter(key, self.where)
            usual = in_unit(suffix.kind._declared[ours].default, unit, f"{name}.{key}")  # type: ignore[attr-defined]
            usual = np.asarray(suffix.usual.get(key, usual))
            found = self.values(name, key, chosen)
            given[ours] = _by_compartment(f"{name}.{key}", np.where(np.isnan(found), usual, found), unit, rows)
        for key, ours in suffix.reversals.items():
            found = self.values("", key, chosen)
            if key == "eca" and np.isnan(found[rows]).all() and any(s.is_pool for s in self.suffixes.values()):
                given |= {} if ours == "eca" else {ours: None}  # it follows the pool
                continue
            numbers = np.where(np.isnan(found), POTENTIALS[key], found)
            given[ours] = _by_compartment(f"{name}.{key}", numbers, u.mV, rows)
        return suffix.kind(**suffix.start, **given).on(rows)


def _by_compartment(name: str, numbers: np.ndarray, unit: Any, rows: np.ndarray | None = None) -> Any:
    """Numbers of every compartment as one value, where all of ``rows`` are the same, or by place."""
    here = numbers if rows is None else numbers[rows]
    if np.all(here == here[0]):
        return with_unit(float(here[0]), unit)
    return ByPlace(name, lambda compartments, index: with_unit(numbers[index], unit))
