"""What each name in equations stands for: variables, states, parameters, subexpressions, inputs, units."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnitError, UnknownNameError, suggestion
from brainsim._units import UNITLESS, split_quantity
from brainsim.neurons.base import Neuron
from brainsim.neurons.text.dimensions import NUMBERS, Dimensions, shown, unit_named
from brainsim.neurons.text.parse import Equation, Statement
from brainsim.neurons.text.words import Expression

#: Units that neurons are measured in, for what the text declares in those of the SI.
HANDY = {"volt": "mV", "amp": "pA", "siemens": "nS", "second": "ms", "farad": "pF", "ohm": "Mohm"}
RATE, NOISE = u.UNITLESS / u.second, u.second**-0.5
KINDS = ("integer", "boolean")  # in the place of a unit: numbers without one
_BASES = ("meter", "kilogram", "second", "amp", "kelvin", "mole", "candle")  # as dimensions are counted
_RESERVED = {
    "t": "the time",
    "dt": "the length of a step",
    "xi": "white noise",
    "self": "the neuron",
    "jnp": "jax.numpy",
    "N": "the number of neurons: net.E.count",
    "i": "the number of a neuron: give it as a parameter, i=np.arange(n)",
    "lastspike": "the time of the last spike: declare 'last : second' and let the reset say 'last = t'",
    "not_refractory": "whether a neuron may fire: flag what is held with (unless refractory)",
}


class Names:
    """The names of equations.

    Parameters
    ----------
    equations : list of Equation
    reset : list of Statement
    values : mapping from str to quantity or number
        What the user gave: values of parameters, and what states start from.
    """

    def __init__(self, equations: list[Equation], reset: list[Statement], values: Mapping[str, Any]):
        self.equations = {equation.name: equation for equation in equations}
        self.values = {name: _number(name, value) for name, value in values.items()}
        moved = {statement.name for statement in reset}
        moved |= {equation.name for equation in equations if "summed" in equation.flags}
        self.variables = self._of("differential")
        self.subexpressions = self._of("subexpression")
        self.booleans = [equation.name for equation in equations if set(equation.unit.names) == {"boolean"}]
        declared = self._of("parameter")
        self.inputs = [name for name in declared if "input" in self.equations[name].flags]
        self.states = [name for name in declared if name in moved and name not in self.inputs]
        further = [name for name in values if name not in self.equations]
        self.parameters = [n for n in declared if n not in self.inputs and n not in self.states] + further
        self.units: dict[str, u.Unit] = {"t": u.second, "dt": u.second} | dict.fromkeys(NUMBERS, UNITLESS)
        self.python: dict[str, str] = {}
        for equation in equations:
            self._declare(equation)
        for name in further:
            self.units[name], self.python[name] = _unit_of(self.values[name])
        for name in self.values:
            self._check_value(name)

    def _of(self, kind):
        return [name for name, equation in self.equations.items() if equation.kind == kind]

    def _declare(self, equation):
        name = equation.name
        if name in self.values and name in (*self.subexpressions, *self.inputs):
            equation.fail(f"{name}={self.values[name]} was given, and an {equation.kind} has no value of its own")
        if name in _RESERVED or name in NUMBERS or name.startswith("xi_"):
            equation.fail(f"{name!r} is taken: {_RESERVED.get(name, 'a number')}")
        if any(name in vars(base) or name in vars(base).get("__annotations__", ()) for base in Neuron.__mro__):
            equation.fail(f"every neuron has {name!r} already; give the {equation.kind} another name")
        text = ast.unparse(equation.unit.tree)
        if text in KINDS and equation.kind != "differential":
            self.units[name], self.python[name] = UNITLESS, ""
            return
        for word, node in equation.unit.names.items():
            if unit_named(word) is None:
                units = ("volt", "amp", "siemens", "second", "farad", "ohm", "Hz", "meter", "1", *KINDS)
                equation.unit.fail(f"{word!r} is no unit.{suggestion(word, units)}", node)
        known = {word: unit_named(word) for word in equation.unit.names}
        self.units[name] = Dimensions(known, equation.unit).of(equation.unit.tree)  # type: ignore[arg-type]
        self.python[name] = f"{{u}}.{HANDY[text]}" if text in HANDY else _in_python(equation.unit)

    def _check_value(self, name):
        value, unit = self.values[name], self.units[name]
        if not split_quantity(value)[1].has_same_dim(unit):
            raise UnitError(f"{name}: expected {shown(unit)} as the equations say, given {value}.")

    # -- names that are used -----------------------------------------------------------------------------------------

    def resolve(self, expression: Expression, further: Iterable[str] = ()) -> None:
        """Find out what the names of an expression are.

        Raises
        ------
        EquationsError
            For one that is nothing.
        """
        for name, node in expression.names.items():
            if name in self.units and name != "dt":
                continue
            unit = unit_named(name)
            if name in further or name.startswith("xi_") and "xi" in further:
                self.units[name] = NOISE if name.startswith("xi") else u.second
            elif name == "I":
                self.inputs.append(name)
                self.units[name], self.python[name] = u.amp, "{u}.pA"
            elif name in _RESERVED:
                expression.fail(f"{name!r} is {_RESERVED[name]}; it cannot stand here", node)
            elif unit is not None:
                self.units[name] = unit
            else:
                known = [*self.equations, *self.parameters]
                expression.fail(f"{name!r} is not known.{suggestion(name, known)} Or give {name}=...", node)

    def is_unit(self, name: str) -> bool:
        """Whether a name that is known is a unit."""
        own = (*self.equations, *self.parameters, *self.inputs, *NUMBERS, "t", "dt")
        return name not in own and not name.startswith("xi")

    def check_shared(self) -> None:
        """Refuse subexpressions of one value for all neurons that depend on what each neuron has."""
        for name in self.subexpressions:
            value = self.equations[name].value
            if "shared" in self.equations[name].flags and value is not None:
                for other, node in value.names.items():
                    if other in self.equations and "shared" not in self.equations[other].flags:
                        value.fail(f"{name!r} is (shared), and every neuron has {other!r} of its own", node)

    def check_used(self, expressions: Iterable[Expression]) -> None:
        """Refuse values that nothing uses."""
        used = {name for expression in expressions for name in expression.names} | set(self.equations)
        for name in self.parameters:
            if name not in used:
                known = used - {name for name in used if name in self.units and self.is_unit(name)}
                raise UnknownNameError(f"from_equations: nothing uses {name!r}.{suggestion(name, known)}")

    def order(self) -> list[str]:
        """Subexpressions, those that others use first.

        Raises
        ------
        EquationsError
            Where they go round in a circle.
        """
        done: list[str] = []

        def visit(name, above):
            expression = self.equations[name].value
            assert expression is not None
            for other, node in expression.names.items():
                if other in above:
                    expression.fail(f"{other!r} depends on itself", node)
                if other in self.subexpressions and other not in done:
                    visit(other, (*above, other))
            if name not in done:
                done.append(name)

        for name in self.subexpressions:
            visit(name, (name,))
        return done

    def needed(self, *expressions: Expression) -> list[str]:
        """Names that expressions mention, and the subexpressions in them, all the way down."""
        found: list[str] = []
        for expression in expressions:
            for name in expression.names:
                value = self.equations[name].value if name in self.subexpressions else None
                found += [name, *(self.needed(value) if value is not None else [])]
        return list(dict.fromkeys(found))

    def default(self, name: str) -> str:
        """What a parameter or state starts from, as Python."""
        unit = self.python[name]
        value = self.values.get(name, 0.0)
        number, given = split_quantity(value)
        if given == UNITLESS:
            return f"{float(number)!r}" if unit == "" else f"{float(number)!r} * {unit}"
        if _called(given):  # as the user wrote it
            return f"{float(number)!r} * {_called(given)}"
        target = u.get_unit(eval(unit.format(u="u"), {"u": u}) * 1.0)
        return f"{float(f'{float(u.Quantity(number, unit=given).to_decimal(target)):.12g}')!r} * {unit}"


def _number(name, value):
    """A value that can stand in a source."""
    number, unit = split_quantity(value)
    if isinstance(value, Mapping):
        brians = {
            "namespace": "give its values by name, tau=20 * u.ms",
            "events": "see 'custom events' of Coming from Brian2",
        }
        raise TypeError(
            f"from_equations: {name} must be one number or quantity, given {type(value).__name__}"
            f"{'; ' + brians[name] if name in brians else ''}."
        )
    if callable(value) or np.ndim(number) != 0 or isinstance(number, str):
        raise TypeError(
            f"from_equations: {name} must be one number or quantity, given {type(value).__name__}; arrays, distributions"
            " and functions of time are given to the population, or are stimuli."
        )
    if value is None or not np.isfinite(number):
        raise ValueError(f"from_equations: {name} must be one finite number or quantity, given {value!r}.")
    return u.Quantity(float(number), unit=unit) if unit != UNITLESS else float(number)


def _unit_of(value):
    unit = split_quantity(value)[1]
    if unit == UNITLESS:
        return UNITLESS, ""
    if _called(unit):
        return unit, _called(unit)
    factors = [f"{{u}}.{name}**{_plain(power)}" for name, power in zip(_BASES, unit.dim._dims) if power]
    return unit, f"({' * '.join(factors).replace('**1 ', ' ').removesuffix('**1')})"


def _plain(power):
    return int(power) if power == int(power) else float(power)


def _called(unit):
    """A unit by its name; nothing where it has none."""
    return next((f"{{u}}.{name}" for name in (str(unit), unit.name) if getattr(u, name, None) == unit), "")


def _words(name):
    word = ""
    for letter in name:
        if letter.isalnum() and (word == "" or word[-1].isalnum()):
            word += letter
        else:
            yield word
            word = letter
    yield word


def _in_python(unit: Expression) -> str:
    """A unit as the text declares it; nothing for a number."""
    if not unit.names:
        return ""
    text = ast.unparse(unit.tree)
    words = "".join(f"{{u}}.{word}" if unit_named(word) else word for word in _words(text))
    return words if " " not in words else f"({words})"
