"""Mechanisms that write a concentration."""

from __future__ import annotations

from brainsim.channels.equations import PoolEquation
from brainsim.io._nmodl.meaning import IONS, OTHER_ION
from brainsim.io._nmodl.python import python_name
from brainsim.io._nmodl.syntax import Assign, Name
from brainsim.io._nmodl.writer import IMPLICIT, Method, Writer


class Concentration(Writer):
    """The source of a mechanism that writes the concentration of one ion, of one state."""

    base = PoolEquation
    room = "channels"

    def source(self) -> str:
        """All of it."""
        meaning, program = self.meaning, self.program
        (name, pool), *more = meaning.concentrations.items()
        ion = next(ion for ion in self.file.ions if name in ion.writes)
        changing = meaning.changing()
        if more or meaning.carries or len(changing) != 1:
            program.fail(
                f"what writes {name} is read if it has one state, which is {name} or what {name} is set to, and carries no"
                f" current; it has {', '.join(changing) or 'none'}",
                ion.line,
            )
        if changing != [name] and not self._is_set_to(name, changing[0]):
            program.fail(f"{name} is not set to {changing[0]}, the state of the file", ion.line)
        _, inside, outside, valence = IONS.get(ion.name, OTHER_ION)
        valence = ion.valence or valence
        self.own = {name, *changing}
        parameters = [self.parameter(n) for n in meaning.parameters if n != "celsius"]
        body = [f"class {self.name}(PoolEquation):", *self.docstring(), ""]
        body += [f"    valence = {valence!r}"] if valence else []
        body += ["    implicit = True"] if meaning.solve and meaning.solve.method in IMPLICIT else []
        body += [
            f'    inside = Parameter({inside!r} * u.mM, "concentration of {pool} inside to start from", positive=True)',
            f'    outside = Parameter({outside!r} * u.mM, "concentration of {pool} outside", positive=True)',
            *parameters,
            "",
            *self._rate(changing[0]),
            *self._start(changing[0]),
        ]
        return self.text(body[:-1], ["from brainsim import Parameter"])

    def _is_set_to(self, name, state):
        bodies = [block.body for block in self.program.blocks.values() if block.kind in ("DERIVATIVE", "BREAKPOINT")]
        sets = [s for body in bodies for s in body if isinstance(s, Assign) and s.target.name == name and not s.prime]
        return bool(sets) and all(s.value == Name(state) for s in sets)

    def attribute(self, name):
        return name if name == "celsius" else super().attribute(name)

    def _value(self, name, method, routine):
        if name in self.own:
            return "concentration" if method.name == "rate" else "p.inside"
        if name in self.meaning.ion_currents:
            if method.name != "rate":
                self.program.fail(f"INITIAL reads {name}, which is not known then", routine.block.line)
            return "current"
        if name in self.meaning.ions:
            return "p.outside"
        if name == "v":
            self.program.fail("what writes a concentration depends on v, which is not read", routine.block.line)
        return super()._value(name, method, routine)

    def _rate(self, state):
        routine = self.meaning.solved_routine()
        if routine is None or routine.block.kind != "DERIVATIVE":
            self.program.fail("what writes a concentration is solved by no DERIVATIVE or KINETIC", 1)
        method = Method("rate")
        method.arguments = ["concentration", "current"]
        call = self.functions.call(routine.block.name, self.values(routine, method))
        return method.written(self, [f'return {call}{"[0]" if routine.writes else ""}["{state}"]'])

    def _start(self, state):
        routine = self.meaning.initial()
        if routine is None or state not in routine.writes:
            return []
        method = Method("start", steps=True)
        return method.written(self, [self.results(routine, [state], method), f"return {python_name(state)}"])
