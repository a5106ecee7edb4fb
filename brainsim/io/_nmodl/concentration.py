"""Mechanisms that write a concentration."""

from __future__ import annotations

from brainsim.channels.equations import PoolEquation
from brainsim.io._nmodl.diffusion import ALONG
from brainsim.io._nmodl.flow import targets_of
from brainsim.io._nmodl.meaning import IONS, OTHER_ION
from brainsim.io._nmodl.python import python_name
from brainsim.io._nmodl.syntax import Assign, Name
from brainsim.io._nmodl.writer import IMPLICIT, Method, Writer, factor


class Concentration(Writer):
    """The source of a mechanism that writes the concentration of one ion, and may carry current."""

    base = PoolEquation
    room = "channels"

    def source(self) -> str:
        """All of it."""
        meaning, program = self.meaning, self.program
        (name, pool), *more = meaning.concentrations.items()
        ion = next(ion for ion in self.file.ions if name in ion.writes)
        changing = meaning.changing()
        if more:
            program.fail(f"what writes {', '.join(meaning.concentrations)} is not read: one concentration is", ion.line)
        self.read_current = f"i{ion.name}" if f"i{ion.name}" in ion.reads else ""
        self._asked: set[tuple[str, str]] = set()
        self.main = next((n for n in changing if n == name or self._is_set_to(name, n)), "")
        if not self.main:
            among = ", ".join(changing) or "it has none"
            program.fail(f"{name} is no state that changes, and is set to none ({among})", ion.line)
        self.further = [n for n in meaning.states if n not in (self.main, name)]
        _, inside, outside, valence = IONS.get(ion.name, OTHER_ION)
        valence = ion.valence or valence
        self.own = {name, self.main}
        self.outside, self.E = f"{ion.name}o", f"e{ion.name}"
        others = {n: x for n, x in meaning.ions.items() if n not in (self.outside, self.E)}
        taken = {n: x for n, x in meaning.ions.items() if n != self.outside}
        parameters = [self.parameter(n) for n in (*meaning.parameters, *others) if n != "celsius"]
        body = [f"class {self.name}(PoolEquation):", *self.docstring(), ""]
        body += [f"    valence = {valence!r}"] if valence else []
        body += ["    implicit = True"] if meaning.solve and meaning.solve.method in IMPLICIT else []
        body += [
            f'    inside = Parameter({inside!r} * u.mM, "concentration of {pool} inside to start from", positive=True)',
            f'    outside = Parameter({outside!r} * u.mM, "concentration of {pool} outside", positive=True)',
            *parameters,
            *map(self.state, self.further),
            *self.ions(taken),
            "",
            *self._rates(),
            *self.flow(),
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
        if name in method.local:
            return method.local[name]
        if name in self.own:
            return "p.inside" if method.name in ("start", "flows") else method.take("concentration")
        if name in self.meaning.ion_currents:
            if method.name != "rates" or name != self.read_current:
                self.program.fail(f"{routine.block.kind} reads {name}, which is not known then", routine.block.line)
            return "current"
        if name == self.outside:
            return "p.outside"
        return self._left(name, method, routine) or super()._value(name, method, routine)

    def _left(self, name, method, routine):
        """What BREAKPOINT or the solved block leaves behind, as it is in the present states; None for other variables.

        NEURON has what they have left in the step before: a pump's own current is told from all that flows by it.
        """
        if method.name not in ("rates", "flow") or name in self.file.states:
            return None
        solve = self.meaning.solve
        leavers = [n for n in ("BREAKPOINT", solve.block if solve else "") if n in self.program.blocks]
        leavers = [n for n in leavers if name in targets_of(self.program.blocks[n].body)]
        if not leavers or (asked := (leavers[0], name)) in self._asked:
            return None
        leaver = self.program.routine(leavers[0])
        if name not in leaver.writes:
            return None
        self._asked.add(asked)
        own = method.call_first(self, leaver, name)
        method.prepare(self)  # refuses what would depend on itself
        self._asked.discard(asked)
        return own

    def _rates(self):
        routine = self.meaning.solved_routine()
        if routine is None or routine.block.kind != "DERIVATIVE":
            self.program.fail("what writes a concentration is solved by no DERIVATIVE or KINETIC", 1)
        alone = not self.further and not self.meaning.carries and "v" not in routine.inputs
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
            lines = [self.results(routine, given, method), f"return {python_name(self.main)}"]
            if not method.arguments:
                return method.written(self, lines)
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
