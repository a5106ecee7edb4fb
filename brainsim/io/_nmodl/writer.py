"""What the sources of all kinds of mechanisms share."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from brainsim._core.written import wrapped
from brainsim.io._nmodl.flow import SET_UP, Routine, targets_of
from brainsim.io._nmodl.meaning import GLOBALS, REFUSED, Meaning
from brainsim.io._nmodl.python import Functions, python_name

IMPLICIT = ("sparse", "derivimplicit", "newton")


class Writer:
    """What sources of all kinds of mechanisms share."""

    base: type
    room: str
    starting = "start"  # what the method is called that gives initial values

    def __init__(self, meaning: Meaning):
        self.meaning, self.program, self.file = meaning, meaning.program, meaning.file
        self.functions = Functions(self.program)
        name = re.sub(r"\W", "_", self.file.suffix)
        self.name = f"{name}_" if name in self.program.blocks or keyword.iskeyword(name) else name

    def attribute(self, name: str) -> str:
        """The name of a parameter or state on the class."""
        return f"{name}_" if hasattr(self.base, name) or keyword.iskeyword(name) or name == "p" else name

    def parameter(self, name: str) -> str:
        """The declaration of a parameter."""
        if name == "celsius":
            return f"    {name} = Celsius()"
        if name in GLOBALS:
            default, unit, field = GLOBALS[name]
            return f'    {self.attribute(name)} = OfCompartment("{field}", {default!r} * {unit})'
        default, unit, what = self.meaning.parameters.get(name) or self.meaning.ion_defaults[name]
        if name in self.meaning.ions:
            what += f"; None for that of the pool {self.meaning.ions[name].removeprefix('E_').removesuffix('_out')}"
        value = f"{default!r}" if unit is None else f"{default!r} * {factor(unit)}"
        further = ", optional=True" if name in self.meaning.ions else ""
        return f'    {self.attribute(name)} = Parameter({value}, "{what}"{further})'

    def state(self, name: str) -> str:
        """The declaration of a state."""
        declared = self.file.states.get(name) or self.file.assigned[name]
        unit = self.meaning.unit(declared)
        what = f"{name}, in {declared.unit}" if declared.unit and unit is None and declared.unit != "1" else name
        if name in self.meaning.remembered:
            what += ", which stays as it was in the beginning"
        return f'    {self.attribute(name)} = State(0.0{"" if unit is None else f" * {factor(unit)}"}, "{what}")'

    def ions(self, taken: dict[str, str]) -> list[str]:
        """What it takes of ions, and what it carries of which."""
        lines = [f"    ions = {quoted({self.attribute(n): x for n, x in taken.items()})}"] if taken else []
        return [*lines, f"    carries = {quoted(self.meaning.carries)}"] if self.meaning.carries else lines

    def flow(self) -> list[str]:
        """The method that gives the currents."""
        routine = self.program.routine("BREAKPOINT") if "BREAKPOINT" in self.program.blocks else None
        written = [n for n in self.meaning.carries if routine and n in routine.writes]
        missing = [n for n in self.meaning.carries if n not in written]
        for name in missing:
            self.program.fail(f"BREAKPOINT gives {name} no value", routine.block.line if routine else 1)
        if not routine or not written:
            return []
        method = Method("flow", steps=True)
        call = self.results(routine, written, method)
        given = ", ".join(f'"{n}": {"-" if n in self.file.electrode else ""}{python_name(n)}' for n in written)
        return method.written(self, [call, f"return {{{given}}}"])

    # -- where the inputs of a block come from -----------------------------------------------------------------------

    def results(self, routine: Routine, used: list[str], method: Method) -> str:
        """``a, b = block(...)`` for the results that are used."""
        self.program.demand[routine.block.name] |= set(used)
        call = self.functions.call(routine.block.name, self.values(routine, method, used))
        targets = ["_"] if routine.block.kind == "DERIVATIVE" else []
        targets += [method.own(n) if n in used else "_" for n in routine.writes]
        return f"{', '.join(targets)} = {call}"

    def values(self, routine: Routine, method: Method, used: list[str] | None = None) -> dict[str, str]:
        """What each input of a block is, in a method that calls it, for the sake of results that are ``used``: all if None."""
        needed = set(routine.inputs)
        if used is not None and routine.block.kind == "DERIVATIVE":  # which has rates too, that are of no use then
            needed = set().union(*(routine.depends[name] for name in used))
        return {n: self._value(n, method, routine) if n in needed else "jnp.nan" for n in routine.inputs}

    def _value(self, name, method, routine):
        meaning = self.meaning
        if name in method.local:
            return method.local[name]
        if name in meaning.parameters and (name not in meaning.adjusted or routine.block.name in ("INITIAL", SET_UP)):
            return f"p.{self.attribute(name)}"
        if name == "v" or name in meaning.ions or name in meaning.ion_currents:
            return method.take(python_name(name))
        if name in self.file.states or name in meaning.remembered or name in meaning.concentrations:
            if method.name == "start" and name not in meaning.remembered:
                first = f"{name}0"
                return f"p.{self.attribute(first)}" if first in meaning.parameters else "0.0"
            return method.take(self.attribute(name))
        if name == "dt" and method.steps:
            return "0.0"
        if name in REFUSED:
            self.program.fail(f"{routine.block.name} {REFUSED[name]}", routine.block.line)
        return self._kept(name, method, routine)

    def _kept(self, name, method, routine):
        """What stays from another block."""
        meaning, program = self.meaning, self.program
        solved, before = meaning.solved_routine(), program.routine(SET_UP) if SET_UP in program.blocks else None
        first = routine.block.name in ("INITIAL", SET_UP)
        if solved is not None and method.name == "flow" and name in solved.writes and routine is not solved:
            return method.call_first(self, solved, name)
        block = program.blocks.get("BREAKPOINT")
        stale = block is not None and name in targets_of(block.body)
        if not first and (stale or (routine is solved and name in targets_of(routine.block.body))):
            program.fail(
                f"{routine.block.name} reads {name} as it was left in the step before, which is not read",
                routine.block.line,
            )
        if before is not None and name in before.writes and not first:
            self.program.demand[SET_UP].add(name)
            if not any(map(self._varies, before.depends[name])):
                return method.call_first(self, before, name)
            if name not in meaning.remembered:
                meaning.remembered.append(name)
            return method.take(self.attribute(name))
        if name in self.file.assigned or name in self.file.locals:
            if method.name == "start" or name not in program.targets:
                return "0.0"
            program.fail(
                f"{routine.block.name} reads {name} as it was left in the step before, which is not read",
                routine.block.line,
            )
        return program.fail(f"{routine.block.name} reads {name!r}, which is not declared", routine.block.line)

    def _varies(self, name):
        """Whether what INITIAL reads may be another at the beginning of another run."""
        meaning, file = self.meaning, self.file
        if name in meaning.parameters or name in meaning.constants:
            return False
        given = {"v", *meaning.ions, *meaning.ion_currents, *meaning.concentrations, *file.states}
        return name in given or not (name in file.assigned or name in file.locals)  # those are 0 before anything

    # -- the text ----------------------------------------------------------------------------------------------------

    def docstring(self) -> list[str]:
        """What the class says of itself."""
        file = self.file
        lines = [f'    """{_plain(file.title) or self.name}', "", f"    From the NMODL file {Path(file.name).name}."]
        lines += ["", *(f"    {_plain(note)}" for note in self.meaning.notes)] if self.meaning.notes else []
        if file.without_effect:
            found: dict[str, list[str]] = {}
            for what, line in file.without_effect:
                found.setdefault(what, []).append(str(line))
            listed = "; ".join(f"{what} (line {', '.join(at)})" for what, at in found.items())
            lines += ["", f"    Without effect: {listed}."]
        return [*lines, '    """']

    def text(self, body: list[str], imports: list[str]) -> str:
        """The source: imports, constants, functions, class."""
        functions = ["\n".join(lines) for lines in self.functions.written.values()]
        used = "\n".join([*functions, *body])
        constants = [f"{n} = {x!r}" for n, x in self.meaning.constants.items() if re.search(rf"\b{n}\b", used)]
        helpers = [name for name in ("from_step", "linear", "select", "steady") if re.search(rf"\b{name}\(", used)]
        lines = ["import brainunit as u"] if re.search(r"\bu\.", used) else []
        lines += ["import jax.numpy as jnp"] if "jnp." in used else []
        helpers = [*(name for name in ("Celsius", "Further", "OfCompartment") if f"{name}(" in used), *helpers]
        rooms = {"channels": helpers}
        rooms.setdefault(self.room, []).insert(0, self.base.__name__)
        lines += ["", *imports, *(f"from brainsim.{k} import {', '.join(v)}" for k, v in rooms.items() if v)]
        head = f'"""{self.name}: made from {Path(self.file.name).name}."""\n\n' + "\n".join(lines).strip()
        blocks = [head, "\n".join(constants), *(f"\n{one}" for one in functions), "\n" + "\n".join(body)]
        text = "\n\n".join(block for block in blocks if block.strip())
        return "\n".join(part for line in text.split("\n") for part in wrapped(line)) + "\n"


class Method:
    """A method of the class while it is written: what it takes, and what it calls before all else."""

    def __init__(self, name: str, steps: bool = False, shown: str | None = None):
        self.name, self.steps, self.shown = name, steps, shown or name
        self.arguments: list[str] = []
        self.local: dict[str, str] = {}
        self.called: dict[str, tuple[Routine, list[str]]] = {}

    def take(self, name: str) -> str:
        """An argument."""
        if name not in self.arguments:
            self.arguments.append(name)
        return name

    def own(self, name: str) -> str:
        """What a result is called in the method."""
        return python_name(name)

    def call_first(self, writer: Writer, routine: Routine, name: str) -> str:
        """A variable that another block leaves behind, which is called for it."""
        if routine.block.name not in self.called:
            self.called[routine.block.name] = (routine, [])
        self.called[routine.block.name][1].append(name)
        self.local[name] = python_name(name)
        return self.local[name]

    def prepare(self, writer: Writer) -> list[str]:
        """The calls of what must be called first."""
        lines: list[str] = []
        for routine, names in self.called.values():
            inner = Method("start" if routine.block.name == SET_UP else self.name, steps=True)
            inner.arguments = self.arguments
            call = writer.results(routine, names, inner)
            lines += [*inner.prepare(writer), call]
        return lines

    def written(self, writer: Writer, lines: list[str]) -> list[str]:
        """The method as text."""
        first = self.prepare(writer)
        taken = ", ".join(["self", "p", *self.arguments])
        return [f"    def {self.shown}({taken}):", *(f"        {line}".rstrip() for line in [*first, *lines]), ""]


def factor(unit):
    return unit if unit.startswith("u.") and " " not in unit else f"({unit})"


def quoted(table):
    return (
        "{" + ", ".join(f'"{k}": {f"{chr(34)}{v}{chr(34)}" if v is not None else None}' for k, v in table.items()) + "}"
    )


def _plain(text):
    return text.replace("\\", "/").replace('"', "'").strip()
