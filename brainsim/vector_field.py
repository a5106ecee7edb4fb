"""The right-hand side of a population's equations as a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import split
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit, with_unit
from brainsim.population import Population


class VectorField:
    r""":math:`\dot y = f(t, y)` of a population: ``f(t, y)``, pure and elementwise in arrays of any one shape.

    What :meth:`IntegratedPopulation.vector_field` makes, and what a step integrates.

    Parameters
    ----------
    t : quantity (time) or number of ms
    y : mapping from name to value, named tuple, or sequence in the order of ``variables``
        Quantities, or plain numbers in the ``units``.

    Returns
    -------
    dict, named tuple, tuple or list
        Rates, in the form of ``y``: quantities where ``t`` or any of ``y`` is one, otherwise plain numbers in the
        ``units`` per ms.

    Raises
    ------
    UnknownNameError, ValueError
        For variables that are not those of the population, or a ``derivative`` that returns another number of rates.
    """

    frozen: Mapping[str, Any] = {}  # where variables are held, by name

    def __init__(self, model: Population, inputs: Mapping[str, Any]):
        self.model, self.inputs = model, inputs
        self.variables: tuple[str, ...] = model.variables

    @property
    def units(self) -> tuple[u.Unit, ...]:
        """The unit of each variable."""
        return tuple(cast(u.Unit, self.model.unit_of(name)) for name in self.variables)

    @property
    def potentials(self) -> tuple[int, ...]:
        """Places, among the variables, of those that receptors act on: membrane potentials, each linear in itself up
        to conductances that follow it at once.
        """
        acted_on = [name for name in self.model.inputs.values() if name in self.variables]
        return tuple(self.variables.index(name) for name in dict.fromkeys(acted_on)) or (0,)

    @property
    def coupling(self) -> Any:
        """Solver for sites that are coupled, see :class:`brainsim.integrators.Field`; None for point neurons."""
        return self.model.between_sites

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        """Groups of places of variables that are advanced as one, see :class:`brainsim.integrators.Field`."""
        return tuple(tuple(map(self.variables.index, group)) for group in getattr(self.model, "together", ()))

    @property
    def holds(self) -> bool:
        """Whether conductances that follow V at once can be told from V itself: :meth:`held` differs from a call."""
        return self.model.takes_held

    def __call__(self, t: Any, y: Any) -> Any:
        return self.held(t, y, y)

    def held(self, t: Any, y: Any, at: Any) -> Any:
        """The rates at y, with conductances that follow V at once as they are at the variables ``at``."""
        return self._evaluated(t, y, at, self.coupling)

    def alone(self, t: Any, y: Any, at: Any) -> Any:
        """As :meth:`held`, of sites that are not coupled with each other."""
        return self._evaluated(t, y, at, None)

    def _evaluated(self, t, y, at, coupling):
        values, at = self._named(y), self._named(at)
        bare = not any(isinstance(value, u.Quantity) for value in (t, *values.values()))
        if bare:
            t, values, at = u.Quantity(t, unit=u.ms), self._with_units(values), self._with_units(at)
        rates = {}
        for name, rate, unit in zip(self.variables, self._rates(t, values, at), self.units):
            rates[name] = in_unit(rate, unit / u.ms, f"{self.model.path}: the rate of {name}")
            if coupling is not None and name == self.variables[self.potentials[0]]:
                rates[name] = rates[name] + coupling.rate(in_unit(values[name], unit, name))
            if name in self.frozen:
                rates[name] = jnp.where(self.frozen[name], 0.0, rates[name])
            rates[name] = rates[name] if bare else u.Quantity(rates[name], unit=cast(u.Unit, unit / u.ms))
        if isinstance(y, Mapping):
            return rates
        return y._make(rates.values()) if hasattr(y, "_make") else type(y)(rates.values())

    def _rates(self, t, values, at) -> tuple:
        inputs = {name: drive(t, values) if callable(drive) else drive for name, drive in self.inputs.items()}
        further = {"V_held": at["V"]} if self.holds else {}
        rates = self.model.returned("derivative", self.model.derivative(t, **values, **inputs, **further))
        units = (self.model.sites,)
        if all(jnp.shape(u.get_mantissa(value)) == units for value in values.values()):
            for name, rate in zip(self.variables, rates):
                if (given := jnp.shape(u.get_mantissa(rate))) not in ((), units):
                    raise ValueError(
                        f"{self.model.path}: {type(self.model).__name__}.derivative must give the rate of {name} for each"
                        f" of {units[0]} units, given shape {given}."
                    )
        return rates

    def _with_units(self, values):
        return {name: with_unit(value, unit) for (name, value), unit in zip(values.items(), self.units)}

    def _named(self, y) -> dict:
        if not isinstance(y, Mapping):
            y = tuple(y)
            if len(y) != len(self.variables):
                raise ValueError(
                    f"{self.model.path}: y has {len(y)} variables, expected {len(self.variables)}:"
                    f" {', '.join(self.variables)}."
                )
            return dict(zip(self.variables, y))
        for name in y:
            if name not in self.variables:
                raise UnknownNameError(f"{self.model.path} has no variable {name!r}.{suggestion(name, self.variables)}")
        missing = [name for name in self.variables if name not in y]
        if missing:
            raise ValueError(f"{self.model.path}: y lacks {', '.join(missing)}.")
        return {name: y[name] for name in self.variables}


class Distances:
    r"""The vector field in the distances :math:`d = y - y_0` of some variables from where they are, and others as they
    are: what is integrated where y is slow, since a float has room for d and none for what it adds to y.

    Parameters
    ----------
    field : VectorField
    origin : mapping from field name to quantity
        :math:`y_0`, of the variables that are distances.
    """

    def __init__(self, field: VectorField, origin: Mapping):
        self.field, self.origin = field, origin
        self.potentials, self.holds, self.coupling = field.potentials, field.holds, field.coupling
        self.together = field.together
        name, unit = field.variables[self.potentials[0]], field.units[self.potentials[0]]
        if self.coupling is not None and name in origin:
            self.coupling = _CouplingOfDistances(self.coupling, in_unit(origin[name], unit, name))

    def place(self, y: Any) -> Any:
        """The variables themselves."""
        return y._replace(**{name: start + getattr(y, name) for name, start in self.origin.items()})

    def __call__(self, t: Any, y: Any) -> Any:
        return self.field(t, self.place(y))

    def held(self, t: Any, y: Any, at: Any) -> Any:
        """As :meth:`VectorField.held`."""
        return self.field.held(t, self.place(y), self.place(at))

    def alone(self, t: Any, y: Any, at: Any) -> Any:
        """As :meth:`VectorField.alone`."""
        return self.field.alone(t, self.place(y), self.place(at))


class _CouplingOfDistances:
    """A coupling of potentials that are given as distances from ``origin``."""

    def __init__(self, coupling, origin):
        self.coupling, self.origin = coupling, origin

    def increment(self, d, rate, slope, h):
        return self.coupling.increment(self.origin + d, rate, slope, h)


def of(population: Population, parameters: Mapping | None, inputs: Mapping | None) -> VectorField:
    """The vector field of a population with some parameters changed, driven by ``inputs``; the rest are zero."""
    given = dict(inputs or {})
    for name in given:
        if name not in population.takes:
            raise UnknownNameError(
                f"{population.path}: derivative takes no input {name!r}.{suggestion(name, population.takes)}"
            )
    drives = {name: _drive(population, name, given.get(name, 0.0 * population.input_unit)) for name in population.takes}
    return VectorField(_with_parameters(population, parameters) if parameters else population, drives)


def _drive(population, name, value):
    unit = population.input_unit
    if callable(value) and not isinstance(value, jax.Array | u.Quantity | u.Unit):
        return value
    return u.Quantity(in_unit(value, unit, f"{population.path}: input {name}"), unit=unit)


def _with_parameters(population, parameters: Mapping):
    """A copy with other parameters, assigned as they are on a live object: by name, or by path below the population."""
    structure, *arrays = split(population)
    known = arrays[0]
    copy = structure.merge(*arrays)
    copy._aside = copy._aside.but(given=dict(copy._aside.given))
    for path, value in parameters.items():
        if path not in known:
            raise UnknownNameError(f"{population.path} has no parameter {path!r}.{suggestion(path, known)}")
        *owners, name = path.split(".")
        owner = copy
        for part in owners:
            owner = vars(owner)[part]
        owner.assign(name, value)
    return copy
