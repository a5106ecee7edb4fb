"""Mechanisms that write a concentration."""

from __future__ import annotations

from brainsim.channels.equations import PoolEquation
from brainsim.io._nmodl.diffusion import ALONG
from brainsim.io._nmodl.meaning import IONS, OTHER_ION
from brainsim.io._nmodl.python import python_name
from brainsim.io._nmodl.syntax import Assign, Name
from brainsim.io._nmodl.writer import IMPLICIT, Method, Writer, factor


class Concentration(Writer):
    """The source of a mechanism that writes the concentration of one ion."""

    base = PoolEquation
    room = "channels"

    def source(self) -> str:
        """All of it."""
        meaning, program = self.meaning, self.program
        (name, pool), *more = meaning.concentrations.items()
        ion = next(ion for ion in self.file.ions if name in ion.writes)
        changing = meaning.changing()
        if more or meaning.carries:
            what = "the concentrations of several ions" if more else "a current"
            program.fail(f"what writes {name} and {what} is not read; let another mechanism do that", ion.line)
        self.main = next((n for n in changing if n == name or self._is_set_to(name, n)), "")
        if not self.main:
            among = ", ".join(changing) or "it has none"
            program.fail(f"{name} is no state that changes, and is set to none ({among})", ion.line)
        self.further = [n for n in meaning.states if n not in (self.main, name)]
        _, inside, outside, valence = IONS.get(ion.name, OTHER_ION)
        valence = ion.valence or valence
        self.own = {name, self.main}
        parameters = [self.parameter(n) for n in meaning.parameters if n != "celsius"]
        body = [f"class {self.name}(PoolEquation):", *self.docstring(), ""]
        body += [f"    valence = {valence!r}"] if valence else []
        body += ["    implicit = True"] if meaning.solve and meaning.solve.method in IMPLICIT else []
        body += [
            f'    inside = Parameter({inside!r} * u.mM, "concentration of {pool} inside to start from", positive=True)',
            f'    outside = Parameter({outside!r} * u.mM, "concentration of {pool} outside", positive=True)',
            *parameters,
            *map(self.state, self.further),
            "",
            *self._rates(),
            *self._start(),
            *self._flows(),
        ]
        return self.text(body[:-1], ["from brainsim import Parameter"])

    def state(self, name):
        declared = self.file.states.get(name) or self.file.assigned.get(name)
        unit = self.meaning.unit(declared) if declared else None
        what = f"{name}, which stays as it was in the beginning" if name in self.meaning.remembered else name
        return f'    {self.attribute(name)} = Further("{what}"{"" if unit is None else f", {factor(unit)}"})'

    def _is_set_to(self, name, state):
        bodies = [block.body for block in self.program.blocks.values() if block.kind in ("DERIVATIVE", "BREAKPOINT")]
        sets = [s for body in bodies for s in body if isinstance(s, Assign) and s.target.name == name and not s.prime]
        return bool(sets) and all(s.value == Name(state) for s in sets)

    def attribute(self, name):
        return "concentration" if name in self.own else name if name == "celsius" else super().attribute(name)

    def _value(self, name, method, routine):
        if name in self.own:
            return method.take("concentration") if method.name == "rates" else "p.inside"
        if name in self.meaning.ion_currents:
            if method.name != "rates":
                self.program.fail(f"{routine.block.kind} reads {name}, which is not known then", routine.block.line)
            return "current"
        if name in self.meaning.ions:
            return "p.outside"
        if name == "v":
            self.program.fail("what writes a concentration depends on v, which is not read", routine.block.line)
        return super()._value(name, method, routine)

    def _rates(self):
        routine = self.meaning.solved_routine()
        if routine is None or routine.block.kind != "DERIVATIVE":
            self.program.fail("what writes a concentration is solved by no DERIVATIVE or KINETIC", 1)
        alone = not self.further
        method = Method("rates", shown="rate" if alone else "rates")
        method.arguments = ["concentration", "current"] if alone else ["current", "concentration"]
        call = (
            f"{self.functions.call(routine.block.name, self.values(routine, method))}{'[0]' if routine.writes else ''}"
        )
        if alone:
            return method.written(self, [f'return {call}["{self.main}"]'])
        for name in self.further:
            method.take(self.attribute(name))
        given = ", ".join(f'"{self.attribute(n)}": {self._slope(n)}' for n in (self.main, *self.further))
        return method.written(self, [f"found = {call}", f"return {{{given}}}"])

    def _slope(self, name):
        """The derivative of a state among those that were found."""
        changes = name in self.meaning.changing()
        return f'found["{name}"]' if changes else f"0.0 * {self.attribute(name)}"

    def _start(self):
        routine = self.meaning.initial()
        given = [n for n in (self.main, *self.further) if routine is not None and n in routine.writes]
        if routine is None or not given:
            return []
        if not self.further:
            method = Method("start", steps=True)
            return method.written(self, [self.results(routine, given, method), f"return {python_name(self.main)}"])
        method = Method("start", steps=True, shown="starts")
        states = ", ".join(f'"{self.attribute(n)}": {python_name(n)}' for n in given)
        states += "" if self.main in given else ', "concentration": p.inside'
        return method.written(self, [self.results(routine, given, method), f"return {{{states}}}"])

    def _flows(self):
        diffusing = self.file.diffusing
        if not diffusing:
            return []
        routine = self.program.routine(ALONG)
        method = Method("flows", steps=True)
        call = self.results(routine, [n for names in diffusing.values() for n in names], method)
        if method.arguments:
            self.program.fail(
                f"LONGITUDINAL_DIFFUSION depends on {', '.join(method.arguments)}, which changes", routine.block.line
            )
        given = ", ".join(f'"{self.attribute(n)}": ({flow}, {volume})' for n, (flow, volume) in diffusing.items())
        return method.written(self, [call, f"return {{{given}}}"])
