"""Equations as Brian 2 writes them, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from brainsim._errors import suggestion
from brainsim.neurons.text.words import Expression, Text

_STATEMENT = re.compile(r"\s*(?:d(?P<rate>\w+)\s*/\s*dt\s*=|(?P<name>\w+)\s*=(?!=))?")
_FLAGS = re.compile(r"(?<![*/(\s])\s*\((?P<flags>[^()]*)\)\s*$")
_RESET = re.compile(r"\s*(?P<name>\w+)\s*(?P<op>[-+*/]?)=(?!=)(?P<value>.*)", re.DOTALL)

#: What may stand in parentheses behind a unit, by what it stands behind.
FLAGS = {
    "differential": ("unless refractory",),
    "subexpression": ("shared",),
    "parameter": ("constant", "shared", "input", "summed"),
}
_ELSEWHERE = {
    "summed": "what synapses add up is a line of its own, 's : 1 (summed)', and a bs.receptors.Summed(into='s')",
    "linked": "what another population has reaches this one by a projection",
    "event-driven": "variables of synapses stand in a rule of plasticity",
    "constant over dt": "subexpressions are evaluated where they are used",
    "clock-driven": "variables of neurons are integrated in any case",
}


@dataclass(frozen=True)
class Equation:
    """A line: an equation for a rate, a subexpression, or a name with its unit."""

    kind: str
    name: str
    value: Expression | None
    unit: Expression
    flags: tuple[str, ...]
    what: str  # the comment behind it
    line: int
    at: int  # where the name stands

    def fail(self, message: str) -> None:
        """Raise an error that points to the name."""
        self.unit.text.fail(message, self.line, self.at, self.at + len(self.name))


def equations(text: Text) -> list[Equation]:
    """The lines of equations.

    Raises
    ------
    EquationsError
        For what is none; points into the text.
    """
    found: list[Equation] = []
    begin = None
    for k, line in enumerate(text.lines):
        if begin is None and not line.strip():
            continue
        begin = k if begin is None else begin
        if ":" in line:
            found.append(_equation(text, begin, k))
            begin = None
    if begin is not None:
        text.fail("a line ends with its unit: 'dv/dt = -v/tau : volt'", begin)
    if not any(equation.kind == "differential" for equation in found):
        text.fail("there is no equation dx/dt = ...", 0)
    for k, equation in enumerate(found):
        if equation.name in (other.name for other in found[:k]):
            equation.fail(f"{equation.name!r} is defined twice")
    return found


def _equation(text, begin, last):
    code = "\n".join(text.lines[begin : last + 1])
    head, colon = _STATEMENT.match(code), code.index(":")
    behind = _FLAGS.search(code, colon + 1)
    end = behind.start() if behind else len(code)
    if ":" in code[colon + 1 :] or not code[colon + 1 : end].strip():
        text.fail("expected one unit behind a colon, and flags in parentheses: 'v : volt (constant)'", last)
    assert head is not None
    kind = "differential" if head["rate"] else "subexpression" if head["name"] else "parameter"
    name, at = head["rate"] or head["name"], head.start("rate" if head["rate"] else "name")
    value = None
    if kind == "parameter":
        name, at = code[:colon].strip(), len(code) - len(code.lstrip())
        if not name.isidentifier():
            text.fail("expected 'dx/dt = ... : unit', 'x = ... : unit' or 'x : unit'", begin)
    else:
        value = Expression(text, begin, head.end(), code[head.end() : colon])
    shift = code.rfind("\n") + 1
    given = behind["flags"] if behind else ""
    flags = tuple(" ".join(flag.split()) for flag in given.split(",") if flag.strip())
    unit = Expression(text, last, colon + 1 - shift, code[colon + 1 : end])
    made = Equation(kind, name, value, unit, flags, text.comments[last], begin + code[:at].count("\n"), at)
    for flag in flags:
        if flag not in FLAGS[kind]:
            assert behind is not None
            place = behind.start("flags") - shift
            further = _ELSEWHERE.get(flag) or suggestion(flag, FLAGS[kind]).strip()
            text.fail(f"({flag}) is not for a {kind} equation: {further}", last, place, place + len(given))
    return made


@dataclass(frozen=True)
class Statement:
    """A statement of a reset: ``name op= value``."""

    name: str
    op: str
    value: Expression
    line: int
    at: int


def statements(text: Text) -> list[Statement]:
    """The statements of a reset, which lines or semicolons divide.

    Raises
    ------
    EquationsError
        For what is none; points into the text.
    """
    found = []
    for k, line in enumerate(text.lines):
        start = 0
        for part in line.split(";"):
            if part.strip():
                matched = _RESET.match(part)
                if matched is None:
                    text.fail(
                        "expected 'x = ...', 'x += ...', 'x -= ...', 'x *= ...' or 'x /= ...'",
                        k,
                        start,
                        start + len(part),
                    )
                value = Expression(text, k, start + matched.start("value"), matched["value"])
                found.append(Statement(matched["name"], matched["op"], value, k, start + matched.start("name")))
            start += len(part) + 1
    return found
