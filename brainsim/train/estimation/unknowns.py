"""The unknown numbers of a model: of which parameters they are made, where on a cell, within which bounds, how probable."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import split
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike, float_dtype, in_unit, with_unit
from brainsim.connectivity import Distribution, LogUniform, Truncated, Uniform, log_density
from brainsim.network import Network
from brainsim.simulation.door import slots_of
from brainsim.train.estimation.elements import Elements, elements_of
from brainsim.train.trained import Trained
from brainsim.train.transforms import Bounded, Logarithmic, Scaled, Transform


@dataclasses.dataclass(frozen=True, eq=False)
class Unknown:
    """Numbers that are looked for: one for all that it stands for, or one for each group.

    Parameters
    ----------
    paths : str or sequence of str
        The parameter, ``"cell.na.g_max"``; several take the same numbers, which begin as those of the first.
    at : Region, Locset, str, or sequence of these, optional
        Where on cells with a shape; elsewhere the parameter stays as it is. Everywhere by default.
    each : str, sequence of regions, or int array, optional
        One number for each ``"compartment"``, ``"branch"``, ``"type"`` or ``"unit"`` (cell or neuron), for each of some
        regions, or for each of the groups 0, 1, ... that an array tells for every element; one for all by default.
    between : tuple of two quantities, optional
        Bounds.
    log : bool
        Between bounds, whether numbers are looked for by their logarithm.
    prior : Distribution, optional
        :class:`brainsim.Normal`, ``LogNormal``, ``Uniform`` or ``LogUniform``, truncated to the bounds; without it all
        between the bounds is as probable.
    times : ByPlace, quantity or array, optional
        What the number is multiplied by at each element, such as
        ``cells.of_distance(lambda d: np.exp(-d / (100 * u.um)))``.
    within : Transform, optional
        Bounds of another kind, of :mod:`brainsim.train.transforms`.
    """

    paths: str | Sequence[str]
    at: Any = None
    each: Any = None
    between: tuple[NumberLike, NumberLike] | None = None
    log: bool = False
    prior: Distribution | None = None
    times: Any = None
    within: Transform | None = None

    def __post_init__(self):
        if self.between is not None and self.within is not None:
            raise ValueError("Unknown: give bounds by between, or by within, not both.")
        if self.between is not None and len(self.between) != 2:
            raise ValueError(f"Unknown: between must be two values, given {self.between!r}.")
        if self.prior is not None and not isinstance(self.prior, Distribution):
            raise TypeError(f"Unknown: prior must be a distribution such as bs.LogNormal(...), given {self.prior!r}.")

    def transform(self, positive: bool) -> Transform:
        """What keeps the numbers where they may be."""
        if self.within is not None:
            return self.within
        if self.between is not None:
            return Bounded(*self.between, log=self.log)
        return Logarithmic() if self.log or positive else Scaled()

    @property
    def distribution(self) -> Distribution | None:
        """How probable each number is; None where nothing is known."""
        if self.prior is None:
            return None if self.between is None else (LogUniform if self.log else Uniform)(*self.between)
        if self.between is None or isinstance(self.prior, Truncated):
            return self.prior
        return self.prior.truncate(*self.between)


class Unknowns:
    """The unknown numbers of a network, as what a fit looks for: free numbers, and the parameters that are made of them.

    ::

        unknowns = bs.train.Unknowns(
            net,
            na=Unknown("cell.na.g_max", "soma", between=(1, 1000) * u.mS / u.cm2, log=True),
            leak=Unknown("cell.g_L", each="type", prior=bs.LogNormal(0.1 * u.mS / u.cm2, 0.05 * u.mS / u.cm2)),
        )
        loss = lambda free: error(run(unknowns.parameters(free), {})) - unknowns.log_prior(free)
        found = bs.train.minimize(loss, unknowns.first, 200)
        print(unknowns.values(found.values))

    Free numbers are a dictionary of arrays by the names given here. They are of size one and may be any numbers, so that
    one learning rate does for all. :attr:`first` are those of the network as it is.

    Parameters
    ----------
    net : Network
    **unknowns : Unknown

    Raises
    ------
    UnknownNameError
        For parameters and places that do not exist.
    ValueError
        For parameters that two unknowns stand for, and values of the network out of bounds.
    """

    def __init__(self, net: Network, **unknowns: Unknown):
        if not unknowns:
            raise ValueError("Unknowns: name what is looked for, na=Unknown('cell.na.g_max', between=(...)).")
        arrays = split(net)[1]
        self.net, self.names = net, tuple(unknowns)
        self._unknowns, self._base, self._placed = dict(unknowns), {}, {}
        self._taken: dict[str, dict[str, np.ndarray]] = {}
        self._slots: dict[str, Any] = {}
        self._transforms: dict[str, Transform] = {}
        self._fixed: dict[str, Any] = {}
        self._units: dict[str, u.Unit] = {}
        self._count: dict[str, int] = {}
        self.labels: tuple[str, ...] = ()
        first = {}
        for name, unknown in unknowns.items():
            first[name] = self._add(name, unknown, arrays)
        #: free numbers of the network as it was
        self.first: dict[str, jax.Array] = first

    # -- how parameters are put together -----------------------------------------------------------------------------

    def _add(self, name: str, unknown: Unknown, arrays: dict) -> jax.Array:
        if not isinstance(unknown, Unknown):
            raise TypeError(f"Unknowns: {name} must be an Unknown, given {unknown!r}.")
        what, placed, present = f"Unknowns: {name}", [], []
        paths = [unknown.paths] if isinstance(unknown.paths, str) else list(unknown.paths)
        for path in paths:
            if path not in arrays:
                raise UnknownNameError(f"{what}: the network has no parameter {path!r}.{suggestion(path, arrays)}")
            self._slots.setdefault(path, slots_of(self.net, {path: arrays[path]})[path])
            elements = elements_of(self.net, path, arrays[path].size, unknown.at, unknown.each, unknown.times, what)
            self._claim(name, path, elements)
            base = self._base.setdefault(path, jnp.asarray(arrays[path]))
            here = jnp.broadcast_to(base, (elements.count,))[elements.index]
            present.append(elements.mean(here / elements.times))
            placed.append((path, elements))
        slots, groups = [self._slots[path] for path in paths], {elements.groups for _, elements in placed}
        unit = slots[0].unit
        if len(groups) > 1:
            raise ValueError(f"{what}: {', '.join(paths)} have {sorted(groups)} groups; tied parameters have as many.")
        for path, slot in zip(paths, slots):
            if not slot.unit.has_same_dim(unit):
                raise ValueError(f"{what}: {paths[0]} is in {unit} and {path} in {slot.unit}; tied, they are the same.")
        if unknown.distribution is not None:
            in_unit(with_unit(1.0, unknown.distribution.unit), unit, f"{what}: prior")
        values = jnp.asarray(present[0], float_dtype())
        transform = unknown.transform(any(slot.positive or slot.nonnegative for slot in slots))
        self._placed[name], self._units[name], self._count[name] = placed, unit, int(values.size)
        self._transforms[name], self._fixed[name] = transform, transform.fixed(values, unit, name)
        self.labels += placed[0][1].labels(name)
        return transform.free(values, self._fixed[name])

    def _claim(self, name: str, path: str, elements: Elements) -> None:
        others = self._taken.setdefault(path, {})
        for other, index in others.items():
            both = np.intersect1d(index, elements.index)
            if both.size:
                raise ValueError(f"Unknowns: {other} and {name} both stand for {path} at {elements.describe(both)}.")
        others[name] = elements.index

    def __len__(self) -> int:
        """How many numbers there are."""
        return sum(self._count.values())

    def __repr__(self) -> str:
        rows = []
        for name in self.names:
            unknown = self._unknowns[name]
            bounds = "" if unknown.between is None else f" between {unknown.between[0]} and {unknown.between[1]}"
            prior = "" if unknown.prior is None else f", {unknown.prior.name}"
            rows.append(f"  {name}: {self._count[name]} of {unknown.paths}{bounds}{prior}")
        return f"Unknowns({len(self)} numbers)\n" + "\n".join(rows)

    # -- what is made of free numbers --------------------------------------------------------------------------------

    def plain(self, free: Mapping[str, Any]) -> dict[str, jax.Array]:
        """The numbers as plain arrays, in the unit of their parameter: a pure function."""
        self._check(free, "free")
        return {name: self._transforms[name].value(free[name], self._fixed[name]) for name in self.names}

    def values(self, free: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers with their units, by name: (k,) each, or () for one that stands for all."""
        found = self.plain(free)
        return {name: with_unit(found[name], self._units[name]) for name in self.names}

    def parameters(self, free: Mapping[str, Any]) -> dict[str, jax.Array]:
        """The parameters of the network by path, plain, for :func:`brainsim.function`: a pure function.

        Parameters
        ----------
        free : dict of str to array

        Returns
        -------
        dict of str to array
            Where two unknowns are parts of one parameter it has both, and elsewhere what the network has.
        """
        numbers, made = self.plain(free), dict(self._base)
        for name in self.names:
            for path, elements in self._placed[name]:
                of_unit = in_unit(with_unit(numbers[name], self._units[name]), self._slots[path].unit, path)
                made[path] = elements.put(made[path], of_unit)
        return made

    def free(self, values: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Free numbers of values by name, quantities or plain in the unit of the parameter.

        Raises
        ------
        UnknownNameError, UnitError, ValueError
            For other names, other dimensions, and values out of bounds.
        """
        self._check(values, "values")
        found = {}
        for name in self.names:
            value = values[name]
            number = in_unit(value, self._units[name], name) if isinstance(value, u.Quantity) else value
            array = jnp.broadcast_to(jnp.asarray(number, float_dtype()), self.first[name].shape)
            if isinstance(self._transforms[name], Bounded):
                self._transforms[name].fixed(array, self._units[name], name)  # refuses what is out of bounds
            found[name] = self._transforms[name].free(array, self._fixed[name])
        return found

    def log_prior(self, free: Mapping[str, Any]) -> jax.Array:
        """Logarithm of the density of the numbers, in the units of their parameters, (): to add to a log-likelihood."""
        numbers, total = self.plain(free), jnp.zeros((), float_dtype())
        for name in self.names:
            distribution = self._unknowns[name].distribution
            if distribution is not None:
                total += jnp.sum(log_density(distribution, numbers[name], self._units[name]))
        return total

    def sample(self, key: jax.Array, count: int | None = None) -> dict[str, jax.Array]:
        """Free numbers drawn from the priors: to start from.

        Parameters
        ----------
        key : uint32 array, (2,)
        count : int, optional
            How many; each array has them on its first axis.

        Raises
        ------
        ValueError
            For an unknown without prior and bounds.
        """
        found = {}
        for k, name in enumerate(self.names):
            distribution = self._unknowns[name].distribution
            if distribution is None:
                raise ValueError(f"Unknowns: {name} has neither a prior nor bounds (between=) to draw from.")
            shape = (*(() if count is None else (count,)), *self.first[name].shape)
            drawn = distribution.sample_jax(jax.random.fold_in(key, k), (int(np.prod(shape)),), self._units[name])
            found[name] = self._transforms[name].free(self._within(name, drawn.reshape(shape)), self._fixed[name])
        return found

    def _within(self, name: str, drawn: jax.Array) -> jax.Array:
        """Numbers that rounding put onto a bound, where free numbers are infinite, a little inside of it."""
        between = self._unknowns[name].between
        if between is None:
            return drawn
        low, high = (float(in_unit(x, self._units[name], name)) for x in between)
        near = 1e-6 * (high - low)
        return jnp.clip(drawn, low + (1e-6 * low if self._unknowns[name].log else near), high - near)

    # -- parts of it -------------------------------------------------------------------------------------------------

    def holding(self, free: Mapping[str, Any], *names: str) -> Unknowns:
        """The same without ``names``, which are held at their values in ``free``: what a later stage of a fit looks for.

        Raises
        ------
        UnknownNameError
            For a name that there is not.
        ValueError
            Where nothing would be left.
        """
        self._check(free, "free")
        for name in names:
            if name not in self.names:
                raise UnknownNameError(f"Unknowns: there is no {name!r}.{suggestion(name, self.names)}")
        left = tuple(name for name in self.names if name not in names)
        if not left:
            raise ValueError("Unknowns: all are held, and nothing is left to look for.")
        found, made = copy.copy(self), self.parameters(free)
        kept = [label for name in left for label in self._placed[name][0][1].labels(name)]
        found.names, found._base, found.labels = left, made, tuple(kept)
        found.first = {name: jnp.asarray(free[name]) for name in left}
        found._count = {name: self._count[name] for name in left}
        return found

    def write(self, free: Mapping[str, Any]) -> None:
        """Put the parameters of free numbers into the network."""
        Trained.write(self, self.parameters(free))  # type: ignore[arg-type]

    def vector(self, free: Mapping[str, Any]) -> jax.Array:
        """The numbers of :meth:`plain` in one row, in the order of :attr:`labels`, (n,)."""
        numbers = self.plain(free)
        return jnp.concatenate([jnp.ravel(numbers[name]) for name in self.names])

    def of_vector(self, vector: Any) -> dict[str, jax.Array]:
        """Free numbers of such a row: a pure function; what is on or out of a bound is not finite."""
        found, at = {}, 0
        for name in self.names:
            part = vector[at : at + self._count[name]].reshape(self.first[name].shape)
            found[name], at = self._transforms[name].free(part, self._fixed[name]), at + self._count[name]
        return found

    @property
    def distributions(self) -> tuple[tuple[str, Distribution | None, u.Unit], ...]:
        """Of each number in the order of :attr:`labels`: its unknown, how probable it is, and its unit."""
        each = ((n, self._unknowns[n].distribution, self._units[n]) for n in self.names for _ in range(self._count[n]))
        return tuple(each)

    def _check(self, given: Mapping, what: str) -> None:
        for name in given:
            if name not in self._count and name not in self._unknowns:
                raise UnknownNameError(f"Unknowns: {what} has {name!r}.{suggestion(name, self.names)}")
        missing = [name for name in self.names if name not in given]
        if missing:
            raise ValueError(f"Unknowns: {what} has no {', '.join(missing)}.")
