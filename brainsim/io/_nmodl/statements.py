"""Statements of NMODL: text to tree."""

from __future__ import annotations

import re

from brainsim._errors import suggestion
from brainsim.io._nmodl.expressions import arguments, expression
from brainsim.io._nmodl.syntax import (
    Assign,
    Block,
    Call,
    Compartment,
    Conserve,
    Diffuse,
    Do,
    Equation,
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
)
from brainsim.io._nmodl.tokens import Words

METHODS = (
    "cnexp", "derivimplicit", "sparse", "euler", "runge", "adams", "adeuler", "adrunge", "heun", "gear", "newton", "simplex",
    "simeq", "seidel", "clsoda", "after_cvode", "cvode_t", "cvode_t_v", "cvode_v", "expeuler",
)  # fmt: skip
PRINTING = ("printf", "fprintf", "prterr", "print")
REFUSED = {
    "WATCH": "WATCH is not read: a spike is what the population says it is",
    "net_event": "net_event is not read: a spike is what the population says it is",
    "net_move": "net_move is not read",
    "nrn_pointing": "pointers are not read",
    "while": "a while loop is not read; write FROM ... TO with constant bounds",
    "WHILE": "a while loop is not read; write FROM ... TO with constant bounds",
    "FOR_NETCONS": "FOR_NETCONS is not read: plasticity stands on a projection",
    "PROTECT": "PROTECT is not read: nothing is shared between threads",
    "FORALL": "FORALL is not read",
}
RETURN = re.compile(r"VERBATIM\s*return\s*;\s*ENDVERBATIM")
NO_EFFECT = re.compile(r"VERBATIM\s*(return\s+0\s*;|/\*.*?\*/|//[^\n]*)?\s*ENDVERBATIM", re.DOTALL)


def _returning(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Statements that leave the block early as cases: what follows is for the other case."""
    for k, s in enumerate(body):
        if isinstance(s, Return):
            return body[: k + 1]
        if isinstance(s, If) and s.then and _leaves(s.then) and not s.other:
            return (*body[:k], If(s.condition, s.then[:-1], _returning(body[k + 1 :]), s.line))
    return body


def _leaves(body) -> bool:
    return bool(body) and isinstance(body[-1], Return)


class Statements:
    """Takes statements from the words of a file, and notes what has no effect."""

    def __init__(self, words: Words, file: File):
        self.words, self.file, self.linear = words, file, False
        self.kind, self.sends = "", 0
        self.beginning: Block | None = None  # the INITIAL within NET_RECEIVE

    def block(self) -> tuple[Statement, ...]:
        """Take ``{ ... }``."""
        opening = self.words.expect("{", "that opens the block")
        statements: list[Statement] = []
        while not self.words.sees("}"):
            if self.words.next.kind == "end":
                self.words.fail("the block does not end", opening.line)
            found = self.statement()
            if found is not None:
                statements.append(found)
        self.words.take()
        return _returning(tuple(statements))

    def none(self, what: str, line: int) -> None:
        """Note what has no effect."""
        self.file.without_effect.append((what, line))

    def statement(self) -> Statement | None:
        """Take one; None for what has no effect."""
        words, token = self.words, self.words.next
        if token.kind == "verbatim":
            if self.kind == "NET_RECEIVE" and RETURN.fullmatch(token.text):
                words.take()
                return Return(token.line)
            if not NO_EFFECT.fullmatch(token.text):
                words.fail("VERBATIM holds C, which is not read; write it in NMODL")
            words.take()
            return self.none("VERBATIM with nothing but a return", token.line)
        if token.text in REFUSED:
            words.fail(REFUSED[token.text])
        special = {
            "LOCAL": self._local,
            "if": self._if,
            "IF": self._if,
            "FROM": self._from,
            "SOLVE": self._solve,
            "TABLE": self._table,
            "~": self._equation if self.linear else self._reaction,
            "COMPARTMENT": lambda line: self._of_states(Compartment, line),
            "LONGITUDINAL_DIFFUSION": lambda line: self._of_states(Diffuse, line),
            "CONSERVE": self._conserve,
            "INITIAL": self._beginning,
        }.get(token.text)
        if special is not None:
            words.take()
            return special(token.line)
        if token.text in ("UNITSOFF", "UNITSON", "MUTEXLOCK", "MUTEXUNLOCK"):
            words.take()
            return self.none(token.text, token.line)
        return self._assignment_or_call()

    def _assignment_or_call(self):
        words, line = self.words, self.words.next.line
        name = words.name_of("a variable")
        if words.accept("("):
            return self._do(Call(name, arguments(words)), line)
        target: Name | Item = Name(name)
        if words.accept("["):
            target = Item(name, expression(words))
            words.expect("]", "that closes the index")
        prime = words.accept("'") is not None
        words.expect("=", f"after {name!r}")
        return Assign(target, expression(words), line, prime)

    def _do(self, call, line):
        name, given = call.name, call.arguments
        if name in PRINTING or name == "at_time":
            return self.none(f"{name}(...)", line)
        if name in ("state_discontinuity", "net_send") and len(given) != 2:
            self.words.fail(f"{name} takes two arguments, given {len(given)}", line)
        if name == "state_discontinuity":
            if not isinstance(given[0], Name | Item):
                self.words.fail("state_discontinuity takes a state, and what it becomes", line)
            return Assign(given[0], given[1], line)
        if name == "net_send":
            if self.kind != "NET_RECEIVE":
                self.words.fail("net_send is read in NET_RECEIVE, for the synapse that a spike came by", line)
            self.sends += 1
            return Send(given[0], given[1], self.sends, line)
        return Do(call, line)

    def _beginning(self, line):
        if self.kind != "NET_RECEIVE" or self.beginning is not None:
            self.words.fail("INITIAL stands outside of other blocks, or once in NET_RECEIVE", line)
        self.beginning = Block("CONNECT", "CONNECT", (), self.block(), line)

    def _local(self, line):
        words, names = self.words, []
        while True:
            name, length = words.name_of("a local variable"), None
            if words.accept("["):
                length = expression(words)
                words.expect("]", "that closes the length")
            words.unit()
            names.append((name, length))
            if not words.accept(","):
                return Local(tuple(names), line)

    def _if(self, line):
        words = self.words
        words.expect("(", "after if")
        condition = expression(words)
        words.expect(")", "after the condition")
        then, other = self.block(), ()
        if words.accept("else", "ELSE"):
            if token := words.accept("if", "IF"):
                other = (self._if(token.line),)
            else:
                other = self.block()
        return If(condition, then, other, line)

    def _from(self, line):
        words = self.words
        counter = words.name_of("a counter")
        words.expect("=", "after the counter of FROM")
        first = expression(words)
        words.expect("TO", "in FROM")
        last = expression(words)
        by = expression(words) if words.accept("BY") else Number("1")
        return From(counter, first, last, by, self.block(), line)

    def _solve(self, line):
        words = self.words
        block, method, steady = words.name_of("a block"), None, False
        if words.accept("METHOD"):
            method = words.name_of("a method")
        elif words.accept("STEADYSTATE"):
            method, steady = words.name_of("a method"), True
        if words.accept("IFERROR"):
            words.fail("IFERROR is not read")
        if method is not None and method not in METHODS:
            words.fail(f"there is no method {method!r}.{suggestion(method, METHODS)}".removesuffix("."), line)
        return Solve(block, method, steady, line)

    def _table(self, line):
        words = self.words
        while not words.sees("FROM", "DEPEND"):
            words.name_of("a variable of TABLE, or FROM")
            words.accept(",")
        if words.accept("DEPEND"):
            while not words.sees("FROM"):
                words.name_of("a variable of DEPEND, or FROM")
                words.accept(",")
        words.expect("FROM", "in TABLE")
        expression(words)
        words.expect("TO", "in TABLE")
        expression(words)
        words.expect("WITH", "in TABLE")
        expression(words)
        return self.none("TABLE", line)

    def _side(self):
        """States on one side of an arrow, with how many of each."""
        words, side = self.words, []
        while True:
            count = int(words.take().text) if words.next.kind == "number" else 1
            name = words.name_of("a state")
            target: Name | Item = Name(name)
            if words.accept("["):
                target = Item(name, expression(words))
                words.expect("]", "that closes the index")
            side.append((count, target))
            if not words.accept("+"):
                return tuple(side)

    def _reaction(self, line):
        words = self.words
        left = self._side()
        arrow = words.accept("<->", "->", "<<")
        if arrow is None:
            words.fail("expected <->, -> or << in the reaction")
        right = self._side() if arrow.text == "<->" else ()
        words.expect("(", "before the rates of a reaction")
        rates = arguments(words)
        if len(rates) != (2 if arrow.text == "<->" else 1):
            words.fail(f"a reaction with {arrow.text} has {2 if arrow.text == '<->' else 1} rates, given {len(rates)}")
        return Reaction(arrow.text, left, right, rates[0], rates[1] if len(rates) > 1 else None, line)

    def _equation(self, line):
        left = expression(self.words)
        self.words.expect("=", "in an equation")
        return Equation(left, expression(self.words), line)

    def _of_states(self, kind, line):
        words = self.words
        counter = None
        if words.ahead().text == ",":
            counter = words.name_of("a counter")
            words.take()
        volume = expression(words)
        words.expect("{", "before the states of COMPARTMENT or LONGITUDINAL_DIFFUSION")
        states = []
        while not words.accept("}"):
            states.append(words.name_of("a state"))
            words.accept(",")
        return kind(counter, volume, tuple(states), line)

    def _conserve(self, line):
        words = self.words
        total = expression(words, level=3)
        words.expect("=", "in CONSERVE")
        return Conserve(total, expression(words), line)
