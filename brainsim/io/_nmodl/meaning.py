"""What the variables of a file stand for: parameters, states, ions, and what is kept between blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

from brainsim.io._nmodl.flow import SET_UP, Program, Routine, targets_of
from brainsim.io._nmodl.parse import solved
from brainsim.io._nmodl.syntax import Declared, Solve
from brainsim.io._nmodl.units import in_python, in_si

#: What NEURON has for ions whatever a file says: Nernst potential (mV), concentration inside and outside (mM), valence.
IONS = {
    "na": (50.0, 10.0, 140.0, 1),
    "k": (-77.0, 54.4, 2.5, 1),
    "ca": (132.4579341637009, 5e-5, 2.0, 2),
}
POOLS = {"na": "Na", "k": "K", "ca": "Ca", "cl": "Cl", "mg": "Mg"}  #: the pools of ions, as channels name them
OTHER_ION = (0.0, 1.0, 1.0, None)
#: Variables of NEURON that are parameters here, with their defaults: those of a section that nothing is said of.
GLOBALS = {
    "celsius": (6.3, None, "temperature, in °C"),
    "diam": (500.0, "u.um", "diameter"),
    "area": (157079.63267948966, "u.um2", "area"),
}
REFUSED = {
    "t": "depends on the time t; let a stimulus do so",
    "area": "depends on the area of the membrane, which is not read of a point process",
    "dt": "depends on dt where no rule of a step does",
}


@dataclass
class Meaning:
    """A file with the meaning of its variables."""

    program: Program
    solve: Solve | None
    parameters: dict[str, tuple[float, str | None, str]] = field(default_factory=dict)
    ions: dict[str, str] = field(default_factory=dict)
    ion_defaults: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    carries: dict[str, str | None] = field(default_factory=dict)
    concentrations: dict[str, str] = field(default_factory=dict)  # written ones, with their pool
    ion_currents: dict[str, str] = field(default_factory=dict)  # read ones, with their pool
    constants: dict[str, float] = field(default_factory=dict)
    remembered: list[str] = field(default_factory=list)
    adjusted: set[str] = field(default_factory=set)  # parameters that INITIAL may change before they are used
    notes: list[str] = field(default_factory=list)

    @property
    def file(self):
        return self.program.file

    @property
    def states(self) -> list[str]:
        """States that change in time, and those that only remember how they began."""
        solved_ones = self.changing()
        by_spikes = self.received()
        changed = {*solved_ones, *self.started(), *by_spikes}
        return [*(s for s in self.file.states if s in changed), *self.kept(), *self.left(), *self.remembered]

    def changing(self) -> list[str]:
        """States that the solved block changes."""
        routine = self.solved_routine()
        if routine is None:
            return []
        return routine.primes if routine.block.kind == "DERIVATIVE" else _states_in(routine.writes, self.file)

    def received(self) -> list[str]:
        """What NET_RECEIVE changes."""
        return self.program.routine("NET_RECEIVE").writes if "NET_RECEIVE" in self.program.blocks else []

    def kept(self) -> list[str]:
        """Variables that are no STATE, change by spikes, and have an effect later."""
        written = [
            n for n in self.received() if n in {**self.file.assigned, **self.file.parameters, **self.file.locals}
        ]
        if not written:
            return []
        depends = self.program.routine("NET_RECEIVE").depends
        routines = [
            self.solved_routine(),
            *(self.program.routine(n) for n in ("BREAKPOINT",) if n in self.program.blocks),
        ]
        needed = {name for routine in routines if routine for name in routine.inputs}
        needed |= set().union(*(depends[n] for n in self.received() if n not in written), set())
        while more := [n for n in written if n in needed and not depends[n] <= needed]:
            needed |= set().union(*(depends[n] for n in more))
        return [name for name in written if name in needed]

    def left(self) -> list[str]:
        """Variables that NET_RECEIVE reads as BREAKPOINT has left them."""
        blocks = self.program.blocks
        if not {"NET_RECEIVE", "BREAKPOINT"} <= blocks.keys():
            return []
        written = set(self.program.routine("BREAKPOINT").writes) & self.file.assigned.keys()
        return [n for n in self.program.routine("NET_RECEIVE").inputs if n in written and n not in self.kept()]

    def started(self) -> list[str]:
        """States that INITIAL gives a value."""
        routine = self.initial()
        return _states_in(routine.writes, self.file) if routine else []

    def solved_routine(self) -> Routine | None:
        """The block that BREAKPOINT solves."""
        return self.program.routine(self.solve.block, self.solve.line) if self.solve else None

    def initial(self) -> Routine | None:
        """The block INITIAL."""
        return self.program.routine("INITIAL") if "INITIAL" in self.program.blocks else None

    def unit(self, declared: Declared) -> str | None:
        """The unit of a declared variable in Python."""
        return in_python(declared.unit, self.file.units)


def meaning_of(program: Program) -> Meaning:
    """What the variables of a file stand for.

    Raises
    ------
    NMODLError
        For what a mechanism of a cell cannot depend on.
    """
    file = program.file
    meaning = Meaning(program, solved(file))
    _constants(meaning)
    _ions(meaning)
    written = program.targets
    initial = program.routine(SET_UP) if SET_UP in program.blocks else None
    adjusted = set(file.parameters) & set(initial.inputs) & set(initial.writes) if initial else set()
    meaning.adjusted = {n for n in adjusted if n not in _written_outside(program)}
    given = {*meaning.ions, *meaning.carries, *meaning.concentrations, *meaning.ion_currents, "v", "t", "dt", "area"}
    for name, declared in file.parameters.items():
        if name in given or name in GLOBALS or name in file.states:
            if name in meaning.ions and declared.value is not None:
                default = meaning.ion_defaults[name][0]
                meaning.notes.append(
                    f"{name} = {declared.value:g} in the file is not used, as NEURON does not: the default is {default:g}."
                )
        elif name in written - meaning.adjusted:
            meaning.notes.append(f"{name} is computed, whatever PARAMETER says.")
        elif name not in program.mentioned and not name.endswith("0"):
            meaning.notes.append(f"{name} is used by nothing.")
        else:
            unit = meaning.unit(declared)
            what = f"{name}, in {declared.unit}" if declared.unit and unit is None and declared.unit != "1" else name
            meaning.parameters[name] = (declared.value or 0.0, unit, what)
    for name, declared in file.assigned.items():
        known = written | given | GLOBALS.keys() | meaning.parameters.keys()
        if name in program.mentioned - known - file.synapse.keys():
            meaning.parameters[name] = (0.0, meaning.unit(declared), f"{name}, which nothing in the file sets")
    for name in GLOBALS:
        if name in program.mentioned and not (name == "area" and file.point):
            meaning.parameters[name] = GLOBALS[name]
    return meaning


def _written_outside(program) -> set[str]:
    """What is written in other blocks than INITIAL, procedures aside."""
    blocks = (b for b in program.blocks.values() if b.kind not in ("INITIAL", "PROCEDURE", "FUNCTION"))
    return {name for block in blocks for name in targets_of(block.body)}


def _states_in(names, file):
    return [name for name in names if name in file.states]


def _constants(meaning):
    file = meaning.file
    for name, (number, first, target, line) in file.constants.items():
        if number is not None:
            meaning.constants[name] = number
            continue
        value, per = in_si(first), in_si(target or "1")
        if value is None or per is None:
            meaning.program.fail(f"the constant {name} = ({first}) ({target}) is of a unit that is not known", line)
        else:
            meaning.constants[name] = value / per


def _ions(meaning):
    for ion in meaning.file.ions:
        name = ion.name
        pool = POOLS.get(name, f"{name}_ion" if name in POOLS.values() else name)
        e, inside, outside, _ = IONS.get(name, OTHER_ION)
        known = {
            f"e{name}": (f"E_{pool}", (e, "u.mV", f"Nernst potential of {pool}")),
            f"{name}i": (pool, (inside, "u.mM", f"concentration of {pool} inside")),
            f"{name}o": (f"{pool}_out", (outside, "u.mM", f"concentration of {pool} outside")),
        }
        for written in ion.writes:
            if written == f"i{name}":
                meaning.carries[written] = pool
            elif written == f"{name}i":
                meaning.concentrations[written] = pool
            else:
                meaning.program.fail(f"WRITE {written} is not read; currents and concentrations inside are", ion.line)
        for read in ion.reads:
            if read == f"i{name}":
                if read not in meaning.carries or f"{name}i" in ion.writes:
                    meaning.ion_currents[read] = pool
            elif read not in known:
                meaning.program.fail(f"READ {read} is nothing that the ion {name} has", ion.line)
            elif read not in meaning.concentrations:
                meaning.ions[read], meaning.ion_defaults[read] = known[read]
    for name in (*meaning.file.nonspecific, *meaning.file.electrode):
        meaning.carries[name] = None
