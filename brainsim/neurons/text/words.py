"""Text that errors can point into, and the expressions in it."""

from __future__ import annotations

import ast
from typing import NoReturn

from brainsim.neurons.text.functions import FUNCTIONS

_OPERATIONS = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Pow,
    ast.Mod,
    ast.FloorDiv,
    ast.USub,
    ast.UAdd,
    ast.And,
    ast.Or,
    ast.Not,
)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_FORMS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.Name,
    ast.Load,
    ast.Constant,
    *_OPERATIONS,
    *_COMPARISONS,
)


class EquationsError(ValueError):
    """What is no equation, or says what a neuron cannot be; points into the text."""


class Text:
    """What the user wrote, comments blanked, so that places in it are those in what he wrote.

    Parameters
    ----------
    text : str
    what : str
        What it is called in errors: ``"equations"``, ``"threshold"``, ``"reset"``.
    """

    def __init__(self, text: str, what: str):
        if not isinstance(text, str):
            raise TypeError(f"{what} must be a text, given {type(text).__name__}.")
        self.what, self.shown = what, text.split("\n")
        self.lines, self.comments = [], []
        for line in self.shown:
            code, _, comment = line.partition("#")
            self.lines.append(code.replace("\\", " ").replace("\t", " "))
            self.comments.append(comment.strip())

    def fail(self, message: str, line: int, start: int = 0, stop: int | None = None) -> NoReturn:
        """Raise an error that shows the line (from 0) with the place underlined."""
        shown = self.shown[line].replace("\t", " ")
        begin = len(shown) - len(shown.lstrip())
        start = max(start, begin)
        stop = max(len(shown.rstrip()) if stop is None else stop, start + 1)
        where = f", line {line + 1}" if len(self.shown) > 1 else ""
        marks = " " * (start - begin) + "^" * (stop - start)
        raise EquationsError(f"{self.what}{where}: {message}\n    {shown.strip()}\n    {marks}")


class Expression:
    """An expression with the place where it stands.

    Parameters
    ----------
    text : Text
    line, start : int
        Where it begins, from 0.
    code : str
        The expression; it may go over several lines.
    """

    def __init__(self, text: Text, line: int, start: int, code: str):
        self.text, self.line, self.start, self.code = text, line, start, code
        if not code.strip():
            text.fail("there is no expression", line, max(0, start - 1), start + 1)
        try:
            self.tree: ast.expr = ast.parse(f"({code})", mode="eval").body
        except SyntaxError as error:
            at = (error.lineno or 1) - 1
            text.fail("this is no expression", line + at, (error.offset or 1) - 2 + (start if at == 0 else 0))
        for node in ast.walk(self.tree):
            self._check(node)

    def fail(self, message: str, node: ast.expr | None = None) -> NoReturn:
        """Raise an error that points to ``node``, to the whole if None."""
        node = self.tree if node is None else node
        line, start = node.lineno - 1, node.col_offset
        stop = node.end_col_offset if node.end_lineno == node.lineno else None
        first = self.start - 1 if line == 0 else 0
        self.text.fail(message, self.line + line, start + first, None if stop is None else stop + first)

    @property
    def names(self) -> dict[str, ast.expr]:
        """What is mentioned, functions aside, with the place of the first mention."""
        found: dict[str, ast.expr] = {}
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                found.setdefault(node.id, node)
        return found

    def _check(self, node):
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.keywords:
                self.fail("a function is called as exp(x)", node)
            if node.func.id not in FUNCTIONS:
                FUNCTIONS.refuse(self, node)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, int | float | bool):
                self.fail("expected a number", node)
        elif isinstance(node, ast.Compare) and len(node.ops) > 1:
            self.fail("write a < b < c as a < b and b < c", node)
        elif not isinstance(node, _FORMS):
            what = getattr(node, "lineno", None) and node
            self.fail(f"{type(node).__name__} does not belong into an equation", what)
