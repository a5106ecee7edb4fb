"""Blocks of NMODL as functions of Python."""

from __future__ import annotations

import keyword
import re

from brainsim.io._nmodl.flow import FUNCTIONS, Choice, Program, Routine, sent, unknowns
from brainsim.io._nmodl.syntax import Assign, Binary, Call, Do, Equation, Expression, Name, Number, Send, Solve, Unary

RESERVED = {
    "size",
    "u",
    "jnp",
    "p",
    "self",
    "select",
    "steady",
    "linear",
    "from_step",
    "Parameter",
    "State",
    "Equations",
    "PointProcess",
    "PointStimulus",
    "PoolEquation",
    "Further",
    "OfCompartment",
}
TURNS = 30  # of Newton's method, for steady states of schemes that are not linear
_LEVELS = {"||": 1, "&&": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 7}
_COMPARED = ("<", ">", "<=", ">=", "==", "!=")


def python_name(name: str) -> str:
    """A name of NMODL as one of Python."""
    return f"{name}_" if keyword.iskeyword(name) or name in RESERVED else name


class Functions:
    """Writes the blocks of a program as functions; those that are called first come first."""

    def __init__(self, program: Program):
        self.program = program
        self.written: dict[str, list[str]] = {}

    def need(self, name: str) -> Routine:
        """The block ``name``, which is written if it is not yet."""
        routine = self.program.routine(name)
        if name not in self.written:
            self.written[name] = []
            lines = self._function(routine)
            del self.written[name]  # behind those that it calls
            self.written[name] = lines
        return routine

    def call(self, name: str, given: dict[str, str]) -> str:
        """A call of block ``name`` with all that it takes, by ``given`` or by its own name."""
        routine = self.need(name)
        return f"{python_name(name)}({', '.join(given.get(n, python_name(n)) for n in routine.inputs)})"

    def _function(self, routine: Routine) -> list[str]:
        block = routine.block
        what = {"DERIVATIVE": "KINETIC" if block.name in self.program.kinetic else "DERIVATIVE"}
        shown = what.get(block.kind, block.kind) + ("" if block.name == block.kind else f" {block.name}")
        lines = [
            f"def {python_name(block.name)}({', '.join(map(python_name, routine.inputs))}):",
            f'    """{shown}, line {block.line}."""',
        ]
        if routine.zeros:
            lines.append(f"    {' = '.join(map(python_name, routine.zeros))} = 0.0")
        lines += self._body(routine.body, 1)
        return [*lines, f"    return {self._result(routine)}"]

    def _result(self, routine):
        if routine.block.kind == "FUNCTION":
            return python_name(routine.block.name)
        if routine.block.kind == "LINEAR":
            sides = [s for s in routine.body if isinstance(s, Equation)]
            return f"({', '.join(self.text(Binary('-', s.left, s.right), s.line) for s in sides)},)"
        given = list(map(python_name, routine.writes))
        if routine.block.kind == "DERIVATIVE":
            given.insert(0, "{" + ", ".join(f'"{name}": {slope_name(name)}' for name in routine.primes) + "}")
        return ", ".join(given) or "None"

    # -- statements --------------------------------------------------------------------------------------------------

    def _body(self, body, depth: int) -> list[str]:
        lines = []
        for s in body:
            if isinstance(s, Assign):
                target = slope_name(s.target.name) if s.prime else python_name(s.target.name)
                lines.append(f"{'    ' * depth}{target} = {self.text(s.value, s.line)}")
            elif isinstance(s, Do):
                lines.append("    " * depth + self._do(s))
            elif isinstance(s, Choice):
                lines += self._choice(s, depth)
            elif isinstance(s, Send):
                given = ", ".join(["1.0", self.text(s.delay, s.line), self.text(s.flag, s.line)])
                lines.append(f"{'    ' * depth}{', '.join(sent(s))} = {given}")
            elif isinstance(s, Solve):
                lines += ["    " * depth + line for line in self._steady(s)]
        return lines

    def _do(self, s):
        routine = self.program.called(s.call, s.line)
        return f"{', '.join(map(python_name, routine.writes))} = {self.text(s.call, s.line)}"

    def _choice(self, s, depth) -> list[str]:
        pad, inputs = "    " * depth, self._inputs(s)
        taken, results = ", ".join(map(python_name, inputs)), ", ".join(map(python_name, s.results))
        cases, lines = [], []
        for branch, case in ((s.then, "then"), (s.other, "other")):
            single = len(s.results) == 1 and len(branch) <= 1 and all(isinstance(x, Assign) for x in branch)
            if single:
                value = self.text(branch[0].value, s.line) if branch else python_name(s.results[0])
                cases.append(f"lambda {taken}: {value}")
                continue
            name = f"{case}_{s.line}"
            lines += [
                "",
                f"{pad}def {name}({taken}):",
                *self._body(branch, depth + 1),
                f"{pad}    return {results}",
                "",
            ]
            cases.append(name)
        return [*lines, f"{pad}{results} = select({self.condition(s.condition, s.line)}, {', '.join(cases)}, {taken})"]

    def _inputs(self, s) -> list[str]:
        """What the cases of an ``if`` read, and what one of them leaves as it was."""
        found: dict[str, None] = {}
        ends = [self._reads(branch, set(), found) for branch in (s.then, s.other)]
        for name in s.results:
            if not all(name in end for end in ends):
                found[name] = None
        return list(found)

    def _reads(self, body, written, found):
        for s in body:
            used = []
            if isinstance(s, Assign):
                used = self.program.names_in(s.value, s.line)
            elif isinstance(s, Do):
                used = self.program.names_in(s.call, s.line)
            elif isinstance(s, Send):
                used = [n for e in (s.delay, s.flag) for n in self.program.names_in(e, s.line)]
            elif isinstance(s, Choice):
                used = [*self.program.names_in(s.condition, s.line), *self._inputs(s)]
            found |= dict.fromkeys(n for n in used if n not in written and n not in self.program.file.constants)
            if isinstance(s, Assign):
                written.add(s.target.name)
            elif isinstance(s, Do):
                written |= set(self.program.routine(s.call.name).writes)
            elif isinstance(s, Send):
                written |= set(sent(s))
            elif isinstance(s, Choice):
                written |= set(s.results)
        return written

    def _steady(self, s) -> list[str]:
        program, routine = self.program, self.need(s.block)
        names = unknowns(program, routine)
        taken = ", ".join(map(python_name, names))
        if routine.block.kind == "LINEAR":
            solved = f"linear(lambda {taken}: {self.call(s.block, {})}, {len(names)})"
            return [f"{taken} = {solved}"]
        if not s.steady or routine.block.kind != "DERIVATIVE":
            program.fail("what INITIAL solves must be LINEAR, or solved with STEADYSTATE", s.line)
        slopes = self.call(s.block, {}) + ("[0]" if routine.writes else "")
        states = "{" + ", ".join(f'"{name}": {python_name(name)}' for name in names) + "}"
        kept = [
            f"(lambda {taken}: {self.text(c.total, c.line)}, {self.text(c.value, c.line)})"
            for c in program.conserved[s.block]
        ]
        turns = f", turns={TURNS}" if not program.is_linear(s.block) else ""
        found = f"steady(lambda {taken}: {slopes}, {states}{', ' + ', '.join(kept) if kept else ''}{turns})"
        return [f"{taken}{',' if len(names) == 1 else ''} = {found}"]

    # -- expressions -------------------------------------------------------------------------------------------------

    def text(self, e: Expression, line: int, level: int = 0) -> str:
        """An expression of numbers."""
        if isinstance(e, Number):
            return re.sub(r"^0+(?=\d)", "", e.text)
        if isinstance(e, Name):
            return python_name(e.name)
        if isinstance(e, Call):
            return self._call_text(e, line)
        if isinstance(e, Unary):
            if e.op == "!":
                return f"(1.0 * {self.condition(e, line)})"
            inner = f"-{self.text(e.value, line, 6)}"
            return f"({inner})" if level > 4 else inner
        assert isinstance(e, Binary)
        if e.op in _COMPARED or e.op in ("&&", "||"):
            return f"(1.0 * ({self.condition(e, line)}))"
        own = _LEVELS[e.op]
        left = self.text(e.left, line, own + (e.op == "^"))
        right = self.text(e.right, line, own if e.op == "^" else own + (e.op in "-/%*"))
        joined = f"{left}**{right}" if e.op == "^" else f"{left} {e.op} {right}"
        return f"({joined})" if own < level else joined

    def _call_text(self, e, line):
        given = [self.text(argument, line) for argument in e.arguments]
        if e.name in FUNCTIONS and e.name not in self.program.blocks:
            return f"jnp.{FUNCTIONS[e.name]}({', '.join(given)})"
        routine = self.program.called(e, line)
        self.need(e.name)
        return f"{python_name(e.name)}({', '.join([*given, *map(python_name, routine.reads)])})"

    def condition(self, e: Expression, line: int) -> str:
        """An expression that is true or false."""
        if isinstance(e, Unary) and e.op == "!":
            return f"jnp.logical_not({self.condition(e.value, line)})"
        if isinstance(e, Binary) and e.op in _COMPARED:
            return f"{self.text(e.left, line, 4)} {e.op} {self.text(e.right, line, 4)}"
        if isinstance(e, Binary) and e.op in ("&&", "||"):
            joint = "&" if e.op == "&&" else "|"
            return f"({self.condition(e.left, line)}) {joint} ({self.condition(e.right, line)})"
        return f"{self.text(e, line, 4)} != 0"


def slope_name(state: str) -> str:
    """The name of the derivative of a state."""
    return f"d_{state}"
