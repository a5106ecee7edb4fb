"""Units of expressions: what cannot be added, and what must be a number, is found in the text."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import brainunit as u

from brainsim._units import UNITLESS
from brainsim.neurons.text.functions import FUNCTIONS
from brainsim.neurons.text.words import Expression

NUMBERS = {"pi": "jnp.pi", "e": "jnp.e", "inf": "jnp.inf"}


def unit_named(name: str) -> u.Unit | None:
    """The unit of a name, ``mV``, ``siemens``, ``ufarad``; None where it is none."""
    found = getattr(u, name, None)
    return found if isinstance(found, u.Unit) else None


def shown(unit: u.Unit) -> str:
    """A unit for people."""
    return "a number without unit" if unit.has_same_dim(UNITLESS) else str(unit)


class Dimensions:
    """Finds the unit of an expression.

    Parameters
    ----------
    units : mapping from str to Unit
        Of every name.
    expression : Expression
        Which errors point into.
    """

    def __init__(self, units: Mapping[str, u.Unit], expression: Expression):
        self.units, self.expression = units, expression

    def check(self, expected: u.Unit) -> None:
        """Refuse an expression that is of another unit."""
        found = self.of(self.expression.tree)
        if not found.has_same_dim(expected):
            self.expression.fail(f"expected {shown(expected)}, given {shown(found)}")

    def of(self, node: ast.expr) -> Any:
        """The unit of a part of the expression."""
        return getattr(self, f"_{type(node).__name__.lower()}")(node)

    def _name(self, node):
        return self.units[node.id]

    def _constant(self, node):
        return UNITLESS

    def _unaryop(self, node):
        return self.of(node.operand)

    def _boolop(self, node):
        for part in node.values:
            self.of(part)
        return UNITLESS

    def _compare(self, node):
        self._same(node, node.left, *node.comparators, doing="compared")
        return UNITLESS

    def _binop(self, node):
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mod | ast.FloorDiv):
            doing = {ast.Add: "added", ast.Sub: "subtracted"}.get(type(node.op), "divided with a rest")
            unit = self._same(node, node.left, node.right, doing=doing)
            return UNITLESS if isinstance(node.op, ast.FloorDiv) else unit
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        self._number(node.right, right, "an exponent")
        if left.has_same_dim(UNITLESS):
            return UNITLESS
        try:
            power = eval(compile(ast.Expression(node.right), "", "eval"), {"__builtins__": {}})
        except NameError:
            self.expression.fail(f"what is in {shown(left)} needs an exponent that is a plain number", node.right)
        return left**power

    def _call(self, node):
        name, arguments = node.func.id, node.args
        if name not in FUNCTIONS:
            self.expression.fail(f"{name}() stands here alone, as 'rand() < rate*dt'", node)
        function = FUNCTIONS[name]
        if len(arguments) != function.arguments:
            self.expression.fail(f"{name} takes {function.arguments} argument(s), given {len(arguments)}", node)
        if function.units == "same":
            return self._same(node, *arguments, doing=f"arguments of one {name}")
        unit = self.of(arguments[0])
        if function.units == "none":
            self._number(arguments[0], unit, f"what {name} is taken of")
        return unit**0.5 if function.units == "root" else UNITLESS

    def _same(self, node, first, *others, doing):
        unit = self.of(first)
        for other in others:
            if not (found := self.of(other)).has_same_dim(unit):
                self.expression.fail(f"{shown(unit)} and {shown(found)} cannot be {doing}", node)
        return unit

    def _number(self, node, unit, what):
        if not unit.has_same_dim(UNITLESS):
            self.expression.fail(f"{what} must be a number, given {shown(unit)}", node)
