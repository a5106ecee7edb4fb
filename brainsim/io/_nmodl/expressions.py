"""Expressions of NMODL: text to tree."""

from __future__ import annotations

from brainsim.io._nmodl.syntax import Binary, Call, Expression, Item, Name, Number, Unary
from brainsim.io._nmodl.tokens import Words

LEVELS = (("||",), ("&&",), ("<", ">", "<=", ">=", "==", "!="), ("+", "-"), ("*", "/", "%"))


def expression(words: Words, level: int = 0) -> Expression:
    """Take an expression."""
    if level == len(LEVELS):
        return _signed(words)
    left = expression(words, level + 1)
    while operator := words.accept(*LEVELS[level]):
        left = Binary(operator.text, left, expression(words, level + 1))
    return left


def _signed(words):
    sign = words.accept("-", "!", "+")
    if sign is None:
        return _power(words)
    value = _signed(words)
    return value if sign.text == "+" else Unary(sign.text, value)


def _power(words):
    left = _atom(words)
    while words.accept("^"):
        exponent = _atom(words) if not words.sees("-", "+") else _signed_atom(words)
        left = Binary("^", left, exponent)
    return left


def _signed_atom(words):
    sign = words.take().text
    value = _atom(words)
    return Unary("-", value) if sign == "-" else value


def _atom(words):
    if words.accept("("):
        value = expression(words)
        words.expect(")", "that closes the parenthesis")
        return value
    token = words.next
    if token.kind == "number":
        words.take()
        words.unit()  # says what the number is in; it changes nothing
        return Number(token.text)
    if token.kind != "name":
        words.fail(f"expected an expression, found {token.text or 'the end of the file'!r}")
    words.take()
    if words.accept("["):
        index = expression(words)
        words.expect("]", "that closes the index")
        return Item(token.text, index)
    if words.accept("("):
        return Call(token.text, arguments(words))
    return Name(token.text)


def arguments(words: Words) -> tuple[Expression, ...]:
    """Take what stands between the parentheses of a call, the first of which is behind."""
    given = []
    while not words.sees(")"):
        if words.next.kind == "string":
            given.append(Number(words.take().text))
        else:
            given.append(expression(words))
        if not words.accept(","):
            break
    words.expect(")", "that closes the call")
    return tuple(given)
