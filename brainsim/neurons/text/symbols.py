"""What SymPy does with equations: noise is taken out of them, and they are shown as formulas."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from brainsim.neurons.text.words import Expression

_BACK = {"Abs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "ceiling": "ceil"}


def _sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise ImportError("equations as text need SymPy: pip install 'brainsim[equations]'.") from error
    return sympy


def symbolic(expression: Expression, units: Iterable[str] = (), evaluate: bool = True) -> Any:
    """The expression for SymPy."""
    sympy = _sympy()
    local = {name: sympy.Symbol(name, real=True) for name in expression.names}
    local |= {name: sympy.Symbol(name, positive=True) for name in units}
    known = {"arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "abs": sympy.Abs, "ceil": sympy.ceiling}
    called = {n.func.id for n in ast.walk(expression.tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    plain = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor")
    for name in called:
        local[name] = known.get(name) or (getattr(sympy, name) if name in plain else sympy.Function(name))
    with sympy.evaluate(evaluate):
        return sympy.sympify(ast.unparse(_Booleans().visit(_copy(expression.tree))), locals=local, evaluate=evaluate)


def without_noise(
    expression: Expression, noises: list[str], units: Iterable[str] = ()
) -> tuple[ast.expr, ast.expr, set[str]]:
    r"""An expression :math:`f + \sum_k g_k \xi_k`, taken apart.

    Parameters
    ----------
    expression : Expression
    noises : list of str
        The names of the :math:`\xi_k`.
    units : iterable of str
        What of the names are units, and so positive.

    Returns
    -------
    drift : expression
        :math:`f`.
    amplitude : expression
        :math:`\sqrt{\sum_k g_k^2}`, or :math:`g` of one.
    names : set of str
        What the amplitude depends on.

    Raises
    ------
    EquationsError
        Where noise does not stand in it linearly.
    """
    sympy = _sympy()
    whole = symbolic(expression, units)
    symbols = [sympy.Symbol(name, real=True) for name in noises]
    slopes = [sympy.simplify(sympy.diff(whole, symbol)) for symbol in symbols]
    if any(slope.has(*symbols) for slope in slopes):
        expression.fail("noise must be added, or multiplied by what is no noise: sigma*xi")
    drift = whole.subs({symbol: 0 for symbol in symbols})
    amplitude = slopes[0] if len(slopes) == 1 else sympy.sqrt(sum(slope**2 for slope in slopes))
    return _python(drift), _python(amplitude), {symbol.name for symbol in amplitude.free_symbols}


def _python(value) -> ast.expr:
    tree = ast.parse(_sympy().sstr(value, full_prec=False), mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = _BACK.get(node.id, node.id)
    return tree


def formula(left: str, expression: Expression) -> str:
    r"""An equation as LaTeX: ``\frac{d v}{d t} &= ...``."""
    sympy = _sympy()
    right = sympy.latex(symbolic(expression, evaluate=False), order="none")
    return f"{left} &= {right}".replace(r"\left(-1\right) ", "- ")


def symbol(name: str) -> str:
    """A name as LaTeX."""
    sympy = _sympy()
    return sympy.latex(sympy.Symbol(name))


class _Booleans(ast.NodeTransformer):
    """Conditions as SymPy has them."""

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        return ast.UnaryOp(ast.Invert(), node.operand) if isinstance(node.op, ast.Not) else node

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        operation = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        left, *others = node.values
        for other in others:
            left = ast.BinOp(left, operation, other)
        return left


def _copy(tree):
    return ast.parse(ast.unparse(tree), mode="eval").body
