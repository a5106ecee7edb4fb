"""Distributions of parameters over a cell, written as formulas of the value and the distance from the soma."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from brainsim._errors import UnknownNameError, suggestion

FUNCTIONS = {name: getattr(jnp, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh")}
ALLOWED = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Call,
    ast.Name,
    ast.Attribute,
    ast.Load,
    ast.operator,
)


def formula(text: str, where: str) -> Callable[[Any, Any], Any]:
    """The function that a formula such as ``"(-0.87 + 2.09*math.exp({distance}*0.003))*{value}"`` stands for.

    Parameters
    ----------
    text : str
        Of ``{value}``, ``{distance}`` in µm, numbers, + - * / ** and functions of ``math``.
    where : str
        For errors.

    Returns
    -------
    callable
        ``f(value, distance)``.

    Raises
    ------
    UnknownNameError, ValueError
        For other names, and what is no formula.
    """
    plain = re.sub(r"\{(\w+)\}", r"\1", text)
    try:
        tree = ast.parse(plain, mode="eval")
    except SyntaxError:
        raise ValueError(f"{where}: {text!r} is no formula of {{value}} and {{distance}}.") from None
    for node in ast.walk(tree):
        if not isinstance(node, (*ALLOWED, ast.unaryop)):
            raise ValueError(f"{where}: {text!r} may have numbers, + - * / ** and functions of math only.")
        if isinstance(node, ast.Name) and node.id not in ("value", "distance", "math", *FUNCTIONS):
            raise UnknownNameError(
                f"{where}: {node.id!r} in {text!r}.{suggestion(node.id, ['value', 'distance', *FUNCTIONS])}"
            )
        if isinstance(node, ast.Attribute) and (not _is_math(node) or node.attr not in FUNCTIONS):
            raise UnknownNameError(f"{where}: {node.attr!r} in {text!r}.{suggestion(node.attr, FUNCTIONS)}")
    return lambda value, distance: _value(tree.body, {"value": value, "distance": distance})


def _is_math(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "math"


OPERATORS: dict[type, Callable] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, names)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return FUNCTIONS[name](*(_value(argument, names) for argument in node.args))
    raise ValueError(f"{ast.unparse(node)} has no value.")
