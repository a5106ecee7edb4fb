"""Loops and arrays of constant size, written out: what follows sees single variables and straight lines only."""

from __future__ import annotations

from dataclasses import replace

from brainsim.io._nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Compartment,
    Conserve,
    Declared,
    Diffuse,
    Do,
    Equation,
    Expression,
    File,
    From,
    If,
    Item,
    Local,
    Name,
    Number,
    Reaction,
    Return,
    Send,
    Solve,
    Statement,
    Unary,
)
from brainsim.io._nmodl.tokens import NMODLError

MOST = 200  # turns of a loop


def expand(file: File) -> File:
    """The file without loops and arrays.

    Raises
    ------
    NMODLError
        For bounds, lengths and indices that are no constants.
    """
    return _Expansion(file).run()


class _Expansion:
    def __init__(self, file: File):
        self.file = file
        self.lengths: dict[str, int] = {}

    def run(self) -> File:
        file = self.file
        tables = {}
        for kind in ("parameters", "assigned", "states"):
            tables[kind] = {}
            for declared in getattr(file, kind).values():
                for one in self._split(declared):
                    tables[kind][one.name] = one
        locals_ = {}
        for name, length in file.locals.items():
            if length is not None:
                self.lengths[name] = self.constant(length, {}, 1)
            locals_ |= dict.fromkeys(self._elements(name))
        blocks = {name: self._block(block) for name, block in file.blocks.items()}
        return replace(file, **tables, locals=locals_, blocks=blocks)

    def _elements(self, name):
        return [f"{name}_{k}" for k in range(self.lengths[name])] if name in self.lengths else [name]

    def _split(self, declared: Declared):
        if declared.length is None:
            return [declared]
        self.lengths[declared.name] = self.constant(declared.length, {}, declared.line)
        return [replace(declared, name=name, length=None) for name in self._elements(declared.name)]

    def _block(self, block: Block) -> Block:
        return replace(block, body=self.statements(block.body, {}))

    # -- statements --------------------------------------------------------------------------------------------------

    def statements(self, body: tuple[Statement, ...], known: dict[str, int]) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for statement in body:
            found += getattr(self, f"_{type(statement).__name__.lower()}")(statement, known)
        return tuple(found)

    def _assign(self, s: Assign, known):
        target = self.expression(s.target, known, s.line)
        assert isinstance(target, Name)
        return [replace(s, target=target, value=self.expression(s.value, known, s.line))]

    def _do(self, s: Do, known):
        call = self.expression(s.call, known, s.line)
        assert isinstance(call, Call)
        return [replace(s, call=call)]

    def _if(self, s: If, known):
        return [
            replace(
                s,
                condition=self.expression(s.condition, known, s.line),
                then=self.statements(s.then, known),
                other=self.statements(s.other, known),
            )
        ]

    def _from(self, s: From, known):
        first, last, by = (self.constant(x, known, s.line) for x in (s.first, s.last, s.by))
        turns = range(first, last + 1, by) if by > 0 else ()
        if by <= 0 or len(turns) > MOST:
            self.fail(f"a loop FROM {first} TO {last} BY {by} is not read; at most {MOST} turns, upwards", s.line)
        return [one for k in turns for one in self.statements(s.body, known | {s.counter: k})]

    def _local(self, s: Local, known):
        names = []
        for name, length in s.names:
            if length is not None:
                self.lengths[name] = self.constant(length, known, s.line)
            names += [(one, None) for one in self._elements(name)]
        return [replace(s, names=tuple(names))]

    def _solve(self, s: Solve, known):
        return [s]

    def _reaction(self, s: Reaction, known):
        sides = [
            tuple((count, self.expression(state, known, s.line)) for count, state in side) for side in (s.left, s.right)
        ]
        backward = None if s.backward is None else self.expression(s.backward, known, s.line)
        forward = self.expression(s.forward, known, s.line)
        return [replace(s, left=sides[0], right=sides[1], forward=forward, backward=backward)]  # type: ignore[arg-type]

    def _compartment(self, s: Compartment, known):
        found = []
        for state in s.states:
            for k, one in enumerate(self._elements(state)):
                counted = known if s.counter is None else known | {s.counter: k}
                found.append(replace(s, counter=None, volume=self.expression(s.volume, counted, s.line), states=(one,)))
        return found

    def _diffuse(self, s: Diffuse, known):
        found = []
        for state in s.states:
            for k, one in enumerate(self._elements(state)):
                counted = known if s.counter is None else known | {s.counter: k}
                found.append(replace(s, counter=None, flow=self.expression(s.flow, counted, s.line), states=(one,)))
        return found

    def _conserve(self, s: Conserve, known):
        return [replace(s, total=self.sum_of(s.total, s, known), value=self.expression(s.value, known, s.line))]

    def sum_of(self, total: Expression, s: Conserve, known) -> Expression:
        """A total, in which the name of an array is that of the sum of its elements."""
        if isinstance(total, Name) and total.name in self.lengths:
            first, *further = (Name(one) for one in self._elements(total.name))
            for one in further:
                first = Binary("+", first, one)
            return first
        if isinstance(total, Binary):
            return Binary(total.op, self.sum_of(total.left, s, known), self.sum_of(total.right, s, known))
        return self.expression(total, known, s.line)

    def _send(self, s: Send, known):
        delay, flag = (self.expression(e, known, s.line) for e in (s.delay, s.flag))
        return [replace(s, delay=delay, flag=flag)]

    def _return(self, s: Return, known):
        return [] if not known else self.fail("return within a loop is not read", s.line)

    def _equation(self, s: Equation, known):
        left, right = (self.expression(side, known, s.line) for side in (s.left, s.right))
        return [replace(s, left=left, right=right)]

    # -- expressions -------------------------------------------------------------------------------------------------

    def expression(self, e: Expression, known: dict[str, int], line: int) -> Expression:
        again = lambda inner: self.expression(inner, known, line)
        if isinstance(e, Name):
            if e.name in known:
                return Number(str(known[e.name]))
            if e.name in self.file.defines:
                return Number(str(self.file.defines[e.name]))
            if e.name in self.lengths:
                self.fail(f"{e.name} is an array of {self.lengths[e.name]}; name an element, such as {e.name}[0]", line)
            return e
        if isinstance(e, Item):
            return Name(f"{e.name}_{self._index(e, known, line)}")
        if isinstance(e, Unary):
            return Unary(e.op, again(e.value))
        if isinstance(e, Binary):
            return Binary(e.op, again(e.left), again(e.right))
        return Call(e.name, tuple(map(again, e.arguments))) if isinstance(e, Call) else e

    def _index(self, e: Item, known, line) -> int:
        if e.name not in self.lengths:
            self.fail(f"{e.name} is no array", line)
        index = self.constant(e.index, known, line)
        if not 0 <= index < self.lengths[e.name]:
            self.fail(f"{e.name}[{index}] is outside of an array of {self.lengths[e.name]}", line)
        return index

    def constant(self, e: Expression, known: dict[str, int], line: int) -> int:
        """A whole number that is known while reading."""
        e = self.expression(e, known, line)
        if isinstance(e, Number) and float(e.text).is_integer():
            return int(float(e.text))
        if isinstance(e, Unary) and e.op == "-":
            return -self.constant(e.value, known, line)
        if isinstance(e, Binary) and e.op in "+-*":
            left, right = self.constant(e.left, known, line), self.constant(e.right, known, line)
            return {"+": left + right, "-": left - right, "*": left * right}[e.op]
        return self.fail("a bound, a length or an index must be a constant, of numbers, DEFINE and counters", line)

    def fail(self, message: str, line: int):
        raise NMODLError(f"{self.file.name}, line {line}: {message}.")
