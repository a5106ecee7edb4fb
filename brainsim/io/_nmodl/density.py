"""Mechanisms that carry current."""

from __future__ import annotations

import re

from brainsim.channels.equations import Equations
from brainsim.io._nmodl.flow import Routine
from brainsim.io._nmodl.python import python_name
from brainsim.io._nmodl.writer import IMPLICIT, Method, Writer


class Density(Writer):
    """The source of a mechanism with SUFFIX that carries current."""

    base = Equations
    room = "channels"

    def source(self) -> str:
        """All of it."""
        meaning = self.meaning
        methods = self.methods()
        body = [f"class {self.name}({self.base.__name__}):", *self.docstring(), ""]
        body += [self.parameter(name) for name in (*meaning.parameters, *meaning.ions)]
        body += [self.state(name) for name in meaning.states]
        body += self.ions(meaning.ions)
        body += self.further()
        if groups := self._together():
            body.append(f"    together = {groups!r}")
        needed = [n for n in ("Parameter", "State") if any(f" {n}(" in line for line in body)]
        imports = [f"from brainsim import {', '.join(needed)}"] if needed else []
        return self.text([*body, "", *methods][:-1], imports)

    def methods(self) -> list[str]:
        """The methods, as lines of text."""
        return [*self._rates(), *self.flow(), *self._start()]

    def further(self) -> list[str]:
        """Attributes beside parameters, states, ions and currents."""
        return []

    def _rates(self):
        routine = self.meaning.solved_routine()
        if routine is None:
            return []
        if routine.block.kind == "DERIVATIVE":
            method = Method("rates")
            call = self.functions.call(routine.block.name, self.values(routine, method))
            found, changing = f"{call}{'[0]' if routine.writes else ''}", self.meaning.changing()
            if all(self.attribute(n) == n for n in changing):
                return method.written(self, [f"return {found}"])
            given = ", ".join(f'"{self.attribute(n)}": found["{n}"]' for n in changing)  # names that are taken here
            return method.written(self, [f"found = {found}", f"return {{{given}}}"])
        if routine.block.kind != "PROCEDURE":
            self.program.fail(
                f"{routine.block.kind} {routine.block.name} is not solved in BREAKPOINT", routine.block.line
            )
        for name in self.meaning.changing():
            if not {name, "dt"} <= routine.depends[name]:
                self.program.fail(
                    f"PROCEDURE {routine.block.name} is solved, and does not take {name} a step of dt further",
                    routine.block.line,
                )
        method = Method("rates", steps=True)
        values = self.values(routine, method) | {"dt": "dt"}
        results = [python_name(n) if n in self.file.states else "_" for n in routine.writes]
        states = ", ".join(f'"{self.attribute(n)}": {python_name(n)}' for n in self.meaning.changing())
        self.program.demand[routine.block.name] |= set(self.meaning.changing())
        step = [
            "def step(dt):",
            f"    {', '.join(f'{r}_next' if r != '_' else r for r in results)} = "
            + self.functions.call(routine.block.name, values),
            "    return {" + re.sub(r": (\w+)", r": \1_next", states) + "}",
            "",
            "return from_step(step)",
        ]
        return method.written(self, step)

    def _start(self):
        routine = self.meaning.initial()
        if routine is None or not self.meaning.states:
            return []
        method = Method("start", steps=True, shown=self.starting)
        given = [n for n in self.meaning.states if n in routine.writes]
        for name in given:
            if "dt" in routine.depends[name]:
                self.program.fail(f"INITIAL lets {name} depend on dt, which is not read", routine.block.line)
        call = self.results(routine, given, method)
        states = ", ".join(f'"{self.attribute(n)}": {python_name(n)}' for n in given)
        return method.written(self, [call, f"return {{{states}}}"])

    def _together(self):
        solve, routine = self.meaning.solve, self.meaning.solved_routine()
        if solve is None or routine is None or routine.block.kind != "DERIVATIVE":
            return ()
        if solve.method not in IMPLICIT:
            return ()
        return _coupled(routine)


def _coupled(routine: Routine) -> tuple[tuple[str, ...], ...]:
    """The states in groups that do not depend on each other."""
    groups: list[set[str]] = []
    for name in routine.primes:
        near = {name} | (routine.depends[f"{name}'"] & set(routine.primes))
        touching = [group for group in groups if group & near]
        groups = [group for group in groups if not group & near] + [near.union(*touching)]
    return tuple(tuple(name for name in routine.primes if name in group) for group in groups)
