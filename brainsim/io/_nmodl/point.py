"""Point processes: synapses and electrodes."""

from __future__ import annotations

from brainsim.io._nmodl.density import Density
from brainsim.io._nmodl.flow import SENT
from brainsim.io._nmodl.meaning import Meaning
from brainsim.io._nmodl.python import python_name
from brainsim.io._nmodl.synapses import adds_in_proportion, adds_only
from brainsim.io._nmodl.units import in_python
from brainsim.io._nmodl.writer import Method, factor, quoted
from brainsim.receptors.point_process import PointProcess
from brainsim.stimuli.point_stimulus import PointStimulus


class Point(Density):
    """The source of a POINT_PROCESS: with NET_RECEIVE a receptor, without a stimulus."""

    starting = "initial"

    def __init__(self, meaning: Meaning):
        self.synaptic = "NET_RECEIVE" in meaning.program.blocks
        self.base = PointProcess if self.synaptic else PointStimulus
        self.room = "receptors" if self.synaptic else "stimuli"
        super().__init__(meaning)
        self.weight, *self.own = [*self.file.synapse] or [""]
        if not meaning.carries:
            self.program.fail(
                f"{self.file.suffix} carries no current; what a population sends and counts is its own", 1
            )
        if meaning.concentrations:
            self.program.fail("a POINT_PROCESS that writes a concentration is not read", 1)

    # -- what a synapse does -----------------------------------------------------------------------------------------

    @property
    def kept(self) -> list[str]:
        """Variables that are no STATE and that spikes leave changed."""
        return self.meaning.kept()

    @property
    def left(self) -> list[str]:
        """Variables that spikes find as BREAKPOINT has left them."""
        return self.meaning.left()

    def further(self) -> list[str]:
        """Attributes beside parameters, states, ions and currents."""
        if not self.synaptic:
            return []
        block, file = self.program.blocks["NET_RECEIVE"], self.file
        routine = self.program.routine("NET_RECEIVE")
        changing = {name for name in routine.writes if name in file.states or name in self.kept}
        if self.weight in routine.writes:
            self.program.fail(f"{self.weight} is changed: plasticity of weights stands on a projection", block.line)
        lines = []
        if self.own:
            lines.append(f"    synapse = {quoted({n: n for n in self.own})}")
            units = {n: in_python(file.synapse[n], file.units) for n in self.own}
            known = ", ".join(f'"{n}": {unit}' for n, unit in units.items() if unit is not None)
            lines += [f"    synapse_units = {{{known}}}"] if known else []
        unit = in_python(file.synapse[self.weight], file.units)
        lines += [f"    weight_in = {unit}"] if unit else []
        if any(name.startswith(SENT) for name in routine.writes):
            lines.append("    waiting = 8")
        others = {*self.own, "flag", "t", "dt"}
        if not self.own and adds_in_proportion(routine.body, self.weight, others):
            lines.append("    linear = True")
        elif adds_only(block.body, changing):
            lines.append("    additive = True")
        return lines

    def methods(self) -> list[str]:
        return [*super().methods(), *self._stays(), *self._received(), *self._begin()]

    def _stays(self):
        if not self.left:
            return []
        routine, method = self.program.routine("BREAKPOINT"), Method("stays", steps=True)
        call = self.results(routine, self.left, method)
        given = ", ".join(f'"{self.attribute(n)}": {python_name(n)}' for n in self.left)
        return method.written(self, [call, f"return {{{given}}}"])

    def _received(self):
        if not self.synaptic:
            return []
        routine = self.program.routine("NET_RECEIVE")
        sends = [name for name in routine.writes if name.startswith(SENT)]
        used = [n for n in routine.writes if n in self.file.states or n in self.kept or n in self.own]
        method = Method("received", steps=True)
        if not used:
            self.program.fail("NET_RECEIVE changes nothing that has an effect", routine.block.line)
        call = self.results(routine, [*used, *sends], method)
        given = [f'"{self.attribute(n)}": {python_name(n)}' for n in used]
        if sends:
            events = [", ".join(sends[k : k + 3]) for k in range(0, len(sends), 3)]
            given.append(f'"net_send": ({"".join(f"({event}), " for event in events)})'.replace("), )", "),)"))
        return method.written(self, [call, f"return {{{', '.join(given)}}}"])

    def _begin(self):
        if "CONNECT" not in self.program.blocks:
            return []
        routine = self.program.routine("CONNECT")
        used = [name for name in routine.writes if name in self.own]
        if not used:
            return []
        method = Method("begin", steps=True)
        call = self.results(routine, used, method)
        given = ", ".join(f'"{n}": {python_name(n)}' for n in used)
        return method.written(self, [call, f"return {{{given}}}"])

    # -- where the inputs of a block come from -----------------------------------------------------------------------

    def attribute(self, name):
        return name if name in self.own else super().attribute(name)

    def _value(self, name, method, routine):
        received = method.name in ("received", "begin")
        if name == "t":
            return method.take("t") if method.name in ("rates", "flow", "received") else "0.0"
        if name.startswith(SENT):
            return "0.0"
        if name in ("flag", "dt") and method.name == "received":
            return method.take(name)
        if name in self.file.synapse:
            if not received:
                self.program.fail(
                    f"{routine.block.name} reads {name}, which each synapse has its own", routine.block.line
                )
            return method.take("weight" if name == self.weight else name)
        if name in self.left and received:
            return method.take(self.attribute(name))
        if name in self.kept:
            return self._start_of(name) if method.name == "start" else method.take(self.attribute(name))
        return super()._value(name, method, routine)

    def _start_of(self, name):
        declared = self.file.parameters.get(name)
        return repr(declared.value) if declared is not None and declared.value is not None else "0.0"

    def state(self, name):
        if name not in (*self.kept, *self.left):
            return super().state(name)
        declared = self.file.parameters.get(name) or self.file.assigned[name]
        unit = self.meaning.unit(declared)
        why = "spikes change" if name in self.kept else "stays from the beginning of the step"
        scale = "" if unit is None else f" * {factor(unit)}"
        return f'    {self.attribute(name)} = State({self._start_of(name)}{scale}, "{name}, which {why}")'
