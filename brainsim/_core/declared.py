"""The numbers of a model: descriptors on the class, ``nnx.Variable`` on the instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeAlias, overload

import numpy as np
from flax import nnx

from brainsim._core.held import held
from brainsim._core.stepping import check_in_reach
from brainsim._units import UNITLESS, split_quantity

Shape: TypeAlias = str | int | tuple[int, ...] | None  # or the name of the attribute that holds it


class ParameterVariable(nnx.Variable):
    """A number of the model that does not change in time."""


class StateVariable(nnx.Variable):
    """What a step changes."""


class FixedVariable(nnx.Variable):
    """Arrays that are neither: connectivity, random keys, tables of spike times."""


class _Declared:
    """Descriptor of a number that an instance holds as an ``nnx.Variable`` under the same name."""

    variable_type: type[nnx.Variable]

    def __init__(
        self,
        default: Any,
        doc: str = "",
        *,
        unit: Any = None,
        shape: Shape = "count",
        optional: bool = False,
        positive: bool = False,
        nonnegative: bool = False,
        at_most: float | None = None,
        dtype: Any = None,
        exact: bool = False,
        tau: str | tuple[str, ...] | Callable[..., Any] | None = None,
        counts: str | None = None,
    ):
        self.default, self.__doc__ = default, doc
        self.unit = split_quantity(default)[1] if unit is None else unit
        self.shape, self.optional, self.dtype, self.exact = shape, optional, dtype, exact
        self.positive, self.nonnegative, self.at_most, self.tau = positive, nonnegative, at_most, tau
        self.counts = counts

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Any: ...
    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        check_in_reach(instance, self.name)
        variable = vars(instance).get(self.name)
        if variable is None:
            if self.optional or self.default is None:
                return None
            raise AttributeError(
                f"{type(instance).__name__}.{self.name} has no value yet: add the object to a network first."
            )
        return held(variable.get_value(), variable.get_metadata("unit"), instance, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.assign(self.name, value)

    @property
    def shown_default(self) -> str:
        """The default as a person would write it."""
        if self.default is None or isinstance(self.default, bool):
            return str(self.default)
        if callable(self.default):
            return "<from the others>"
        number, unit = split_quantity(self.default)
        text = f"{number:g}" if np.ndim(number) == 0 else f"<array of shape {np.shape(number)}>"
        return text if unit == UNITLESS else f"{text} {unit}"

    def described(self) -> str:
        """The entry of a docstring: name, unit, default and meaning."""
        unit = f"the unit of {self.unit.removesuffix('_unit')}" if isinstance(self.unit, str) else str(self.unit)
        kind = "number" if self.unit == UNITLESS else f"quantity in {unit}"
        default = {"None": "optional", "<from the others>": "by default made from the others"}.get(
            self.shown_default, f"default {self.shown_default}"
        )
        sign = ", positive" if self.positive else ", not negative" if self.nonnegative else ""
        most = "" if self.at_most is None else f", at most {self.at_most:g}"
        return f"{self.name} : {kind}{sign}{most}, {default}\n    {self.__doc__ or 'a number of the model'}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown_default}, {self.__doc__!r})"


class Parameter(_Declared):
    """A number of the model: one for all, or one per neuron.

    Parameters
    ----------
    default : quantity, float or callable
        Default value; its unit is the unit that the array inside is kept in. A callable gets the object, whose
        other numbers are there by then, and gives the value: ``State(lambda cell: cell.steady_state(cell.V))``.
    doc : str
        What it is.
    unit : Unit or str, optional
        Unit, where the default does not show it; a string names the attribute of the instance that holds it.
    shape : str or None
        Attribute that holds the length of one value per element (``"count"``: per neuron); None for any shape.
    optional : bool
        None is accepted, and then there is no such array.
    positive : bool
        Refuse values that are zero or negative.
    nonnegative : bool
        Refuse values that are negative.
    at_most : float, optional
        Refuse values that are above it, in the unit that the array is kept in.
    exact : bool
        Keep the digits that a float32 has no room for: for times and frequencies, see :meth:`Dynamics.exact`.
    tau : str, tuple of str or callable, optional
        Of a state: the parameters that are its time constants, or a function ``tau(get)`` that gives it in ms, where
        ``get(name)`` is a parameter. Where it is long, :meth:`Dynamics.accumulate` keeps what rounding would lose.
    counts : str, optional
        Of a state: ``"steps"`` where it is a number of steps. It then stands for the same time, rounded to whole steps,
        after dt changes.
    """

    variable_type = ParameterVariable


class State(_Declared):
    """What changes in time: one value per neuron, starting from ``default``. Arguments as in :class:`Parameter`."""

    variable_type = StateVariable


class Fixed(_Declared):
    """A table or an array that is neither: connectivity, templates, lookup tables. It is not trained and never changes.

    Arguments as in :class:`Parameter`. Any shape is accepted unless ``shape`` says otherwise; whole numbers and truth
    values keep their type. It is declared without a value where every object brings its own::

        class Playback(Stimulus):
            frames = Fixed(None, "currents, one row per frame", unit=u.pA)
    """

    variable_type = FixedVariable

    def __init__(self, default: Any, doc: str = "", *, shape: Shape = None, **options: Any):
        super().__init__(default, doc, shape=shape, **options)
