"""Temperature: one of a whole cell, which its parts take unless they have their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from brainsim._core import Dynamics, Parameter
from brainsim.channels.kinetics import q10

FARTHEST = 25.0  # degrees from where rates were measured, within which a Q10 says what they are
LEAST, MOST = 0.0, 50.0  # °C, of a cell
ABSOLUTE_ZERO = -273.15  # °C


class OfTemperature(Parameter):
    """A parameter that follows the temperature of the cell, if that has one and the parameter is not given."""

    measured: float | None = None

    def at(self, celsius: Any) -> Any:
        """Its value, plain, at a temperature in °C."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it follows: define at(self, celsius).")


class RateFactor(OfTemperature):
    r"""A factor of rates, :math:`Q_{10}^{(T - T_0)/10}` in a cell of temperature T.

    Parameters
    ----------
    factor : float
        What ten degrees make of a rate, :math:`Q_{10}`.
    measured : float
        Temperature :math:`T_0` that the rates were measured at, in °C.
    doc : str
        What it is.
    default : float
        Where the cell has no temperature.
    """

    measured: float

    def __init__(self, factor: float, measured: float, doc: str = "factor of the rates", default: float = 1.0):
        what = f"{doc}: {factor:g} to the power (temperature - {measured:g} °C) / 10 °C; None: that of the cell"
        super().__init__(default, what, positive=True, optional=True)
        self.factor, self.measured = factor, measured

    def at(self, celsius):
        return q10(self.factor, celsius, self.measured)


class Celsius(OfTemperature):
    """A temperature in °C."""

    def __init__(self, default: float = 6.3, doc: str = "temperature, in °C"):
        super().__init__(default, f"{doc}; None: that of the cell", optional=True)

    def at(self, celsius):
        return celsius


class Kelvin(OfTemperature):
    """An absolute temperature."""

    def __init__(self, default: Any, doc: str = "absolute temperature"):
        super().__init__(default, f"{doc}; None: that of the cell", positive=True, optional=True)

    def at(self, celsius):
        return celsius + 273.15


def _declared(part: Dynamics) -> Iterator[tuple[str, OfTemperature]]:
    return ((name, one) for name, one in part._declared.items() if isinstance(one, OfTemperature))


def follow(part: Dynamics, path: str, has_one: bool) -> None:
    """Let a part follow the temperature of a cell with what it was not given, before it stands there.

    Raises
    ------
    ValueError
        For a part that is to follow the temperature of a cell that has none.
    """
    for name, _ in _declared(part):
        if has_one and name not in part._aside.given:
            part._aside.given[name] = None
            part.let_go(name)
        elif not has_one and part._aside.given.get(name, 0.0) is None:
            raise ValueError(
                f"{path}.{name} is None, to follow the temperature of the cell, which has none: give celsius."
            )


@contextmanager
def warmed(parts: Iterable[Dynamics], celsius: Any) -> Iterator[None]:
    """Within this, what follows the temperature is what it is at ``celsius``."""
    held = []
    for part in parts:
        for name, declared in _declared(part):
            if name not in vars(part):
                vars(part)[name] = declared.variable_type(declared.at(celsius), unit=part.unit_of(name))
                held.append((part, name))
    try:
        yield
    finally:
        for part, name in held:
            vars(part).pop(name)


def check(path: str, celsius: Any, parts: Iterable[Dynamics]) -> None:
    """Warn of temperatures at which no cell lives, and where a Q10 does not say what rates are; refuse what is none."""
    parts, values = list(parts), np.unique(np.asarray(celsius, float))
    if values[0] <= ABSOLUTE_ZERO:
        raise ValueError(f"{path}.celsius: a temperature is above {ABSOLUTE_ZERO} °C, given {values[0]:g}.")
    for value in {float(x) for x in (values[0], values[-1])}:
        if not LEAST <= value <= MOST:
            _warn(f"{path}.celsius = {value:g}: cells live between {LEAST:g} and {MOST:g} °C")
        far = [
            f"{part.path}.{name} ({declared.measured:g} °C)"
            for part in parts
            for name, declared in _declared(part)
            if part._aside.given.get(name, 0.0) is None and _is_far(value, declared.measured)
        ]
        if far:
            _warn(
                f"{path}.celsius = {value:g} is more than {FARTHEST:g} degrees from where the rates of {', '.join(far)} were"
                f" measured, and a Q10 may not hold so far; give them values of their own"
            )


def _is_far(celsius: float, measured: float | None) -> bool:
    return measured is not None and abs(celsius - measured) > FARTHEST


def _warn(message: str) -> None:
    warnings.warn(f"{message}.", stacklevel=6)
