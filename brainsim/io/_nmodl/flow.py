"""What each block reads and writes: the global variables of NMODL become arguments and results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from brainsim._errors import suggestion
from brainsim.io._nmodl.kinetic import as_derivative, conserved
from brainsim.io._nmodl.syntax import (
    Assign,
    Block,
    Call,
    Conserve,
    Do,
    Equation,
    Expression,
    File,
    If,
    Local,
    Name,
    Reaction,
    Send,
    Solve,
    Statement,
    parts_of,
)
from brainsim.io._nmodl.tokens import NMODLError

#: Functions of NMODL that jax.numpy has, by its names for them.
FUNCTIONS = {
    **{
        name: name
        for name in ["exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "ceil"]
    },
    "fabs": "abs",
    "abs": "abs",
    "pow": "power",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "fmin": "minimum",
    "fmax": "maximum",
}


SET_UP = "set_up"  # INITIAL without what it solves: what stays as it is
SENT = "net_send"  # begins the names of what NET_RECEIVE sends


@dataclass(frozen=True)
class Choice:
    """An ``if`` of which the variables ``results`` are used further on."""

    condition: Expression
    then: tuple
    other: tuple
    results: tuple[str, ...]
    line: int


@dataclass
class Routine:
    """A block as a function: ``arguments`` of its own, global variables that it reads and writes, and what its results
    depend on.
    """

    block: Block
    body: tuple = ()
    locals: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    primes: list[str] = field(default_factory=list)
    zeros: list[str] = field(default_factory=list)  # locals that are read before anything is written to them
    depends: dict[str, set[str]] = field(default_factory=dict)

    @property
    def inputs(self) -> list[str]:
        """All that it takes, in order."""
        return [*self.block.arguments, *self.reads]


class Program:
    """A file whose blocks are functions.

    Parameters
    ----------
    file : File
        Without loops and arrays.
    wanted : dict of str to set of str, optional
        What of each block is used by the others; by default all that is mentioned anywhere.
    """

    def __init__(self, file: File, wanted: dict[str, set[str]] | None = None):
        self.file, self.wanted = file, wanted
        self.demand: dict[str, set[str]] = {name: set() for name in file.blocks}
        self.conserved = {name: conserved(block) for name, block in file.blocks.items()}
        states = set(file.states)
        self.blocks = {n: as_derivative(b, states) if b.kind == "KINETIC" else b for n, b in file.blocks.items()}
        if (initial := self.blocks.get("INITIAL")) is not None:
            body = tuple(s for s in initial.body if not isinstance(s, Solve))
            self.blocks[SET_UP] = Block("PROCEDURE", SET_UP, (), body, initial.line)
            self.demand[SET_UP] = set()
        self.kinetic = {name for name, block in file.blocks.items() if block.kind == "KINETIC"}
        self.known: dict[str, Routine | None] = {}
        self.mentioned = {
            name
            for block in (*self.blocks.values(), *file.blocks.values())
            for statement in block.body
            for name in self.all_names(statement)
        }
        self.mentioned |= {name for names in file.diffusing.values() for name in names}

        self.targets = {name for block in self.blocks.values() for name in targets_of(block.body)}

    def is_linear(self, name: str) -> bool:
        """Whether the rates of a KINETIC block are linear in the states: no two meet, and none is within a rate."""
        states = set(self.file.states)

        def met(s: Reaction) -> Iterable[int]:
            for rate, side in ((s.forward, s.left), (s.backward, s.right)):
                inside = sum(part.name in states for part in parts_of(rate) if isinstance(part, Name)) if rate else 0
                yield sum(n for n, one in side if isinstance(one, Name) and one.name in states) + inside

        reactions = [s for s in self.file.blocks[name].body if isinstance(s, Reaction)]
        return name in self.kinetic and all(n <= 1 for s in reactions for n in met(s))

    def fail(self, message: str, line: int):
        """Refuse the file."""
        raise NMODLError(f"{self.file.name}, line {line}: {message}.")

    def routine(self, name: str, line: int = 1) -> Routine:
        """The block ``name`` as a function."""
        if name not in self.blocks:
            self.fail(f"there is no {name!r}.{suggestion(name, [*self.blocks, *FUNCTIONS])}".removesuffix("."), line)
        if name not in self.known:
            self.known[name] = None
            self.known[name] = _Reader(self, self.blocks[name]).routine
        found = self.known[name]
        if found is None:
            self.fail(f"{name} calls itself, which is not read", line)
        assert found is not None
        return found

    def names_in(self, expression: Expression, line: int) -> list[str]:
        """Variables that an expression reads, those of the functions that it calls included."""
        found = []
        for part in parts_of(expression):
            if isinstance(part, Name):
                found.append(part.name)
            elif isinstance(part, Call) and part.name not in FUNCTIONS:
                found += self.called(part, line).reads
        return found

    def called(self, call: Call, line: int) -> Routine:
        """What a call calls, with as many arguments as it takes."""
        routine = self.routine(call.name, line)
        if len(routine.block.arguments) != len(call.arguments):
            self.fail(f"{call.name} takes {len(routine.block.arguments)} arguments, given {len(call.arguments)}", line)
        return routine

    def all_names(self, statement) -> Iterable[str]:
        """Variables that a statement names."""
        if isinstance(statement, If):
            yield from (part.name for part in parts_of(statement.condition) if isinstance(part, Name))
            for inner in (*statement.then, *statement.other):
                yield from self.all_names(inner)
            return
        fields = {
            Assign: ("value",),
            Do: ("call",),
            Send: ("delay", "flag"),
            Equation: ("left", "right"),
            Conserve: ("total", "value"),
        }.get(type(statement), ())
        for name in fields:
            yield from (part.name for part in parts_of(getattr(statement, name)) if isinstance(part, Name))


class _Reader:
    """Follows the statements of one block."""

    def __init__(self, program: Program, block: Block):
        self.program, self.block = program, block
        self.routine = Routine(block)
        self.routine.locals = {*block.arguments, *_locals(block.body)}
        if block.kind == "FUNCTION":
            self.routine.locals.add(block.name)
        wanted = self._wanted()
        self.routine.body = self._live(block.body, wanted)[0]
        self.roots: dict[str, set[str]] = {}
        self._follow(self.routine.body, set(block.arguments))
        self.routine.writes = [n for n in self.routine.writes if n in wanted or n.startswith(SENT)]
        results = block.name if block.kind == "FUNCTION" else None
        if results and results not in self.roots:
            program.fail(f"the FUNCTION {block.name} gives {block.name} no value", block.line)
        self.routine.depends = {
            name: self.roots.get(name, set()) for name in (*self.routine.writes, *_primed(self.routine.primes))
        }

    def _wanted(self) -> set[str]:
        """What is of use at the end of the block."""
        file, block = self.program.file, self.block
        if block.kind == "FUNCTION":
            return {block.name}
        if block.kind in ("NET_RECEIVE", "CONNECT"):
            return self._left_behind() if self.program.wanted is None else set(self.program.wanted[block.name])
        if self.program.wanted is not None:
            return set(self.program.wanted[block.name])
        currents = {*file.nonspecific, *file.electrode, *(name for ion in file.ions for name in ion.writes)}
        if block.kind == "BREAKPOINT":
            received = file.blocks.get("NET_RECEIVE")
            left = self.program.routine("NET_RECEIVE").reads if received else ()
            if any(f"{ion.name}i" in ion.writes for ion in file.ions):  # a pool, which may have to know its own current
                left = {*left, *(n for solved in self._solved() for n in self.program.routine(solved).reads)}
            return currents | (self.program.mentioned & set(file.states)) | set(left)
        return self.program.mentioned | set(file.states) | currents

    def _solved(self) -> list[str]:
        """The block that is solved, where there is one."""
        return [s.block for s in self.block.body if isinstance(s, Solve) and s.block in self.program.blocks]

    def _left_behind(self) -> set[str]:
        """Of what NET_RECEIVE writes, what others may read, and what it finds itself the next time."""
        program, file = self.program, self.program.file
        others = (b for n, b in program.blocks.items() if n not in ("NET_RECEIVE", "CONNECT"))
        wanted = {name for b in others for s in b.body for name in program.all_names(s)}
        wanted |= {*file.states, *file.synapse}
        while more := (self._live(self.block.body, wanted)[1] & set(targets_of(self.block.body))) - wanted:
            wanted |= more
        return wanted

    # -- what is of no use goes --------------------------------------------------------------------------------------

    def _live(self, body: tuple[Statement, ...], live: set[str]) -> tuple[tuple, set[str]]:
        kept, live = [], set(live)
        for s in reversed(body):
            if isinstance(s, Assign):
                if not s.prime and s.target.name not in live:
                    continue
                if not s.prime:
                    live.discard(s.target.name)
                live |= set(self.program.names_in(s.value, s.line))
                kept.append(s)
            elif isinstance(s, Do):
                routine = self.program.called(s.call, s.line)
                if not live & set(routine.writes):
                    continue
                self.program.demand[s.call.name] |= live & set(routine.writes)
                live -= set(routine.writes)
                live |= set(self.program.names_in(s.call, s.line))
                kept.append(s)
            elif isinstance(s, If):
                then, after_then = self._live(s.then, live)
                other, after_other = self._live(s.other, live)
                written = [n for n in (*self._written(then), *self._written(other)) if n in live]
                written += [n for n in (*self._written(then), *self._written(other)) if n.startswith(SENT)]
                if written:
                    kept.append(Choice(s.condition, then, other, tuple(dict.fromkeys(written)), s.line))
                    live = after_then | after_other | set(self.program.names_in(s.condition, s.line))
            elif isinstance(s, Equation | Send):
                kept.append(s)
                live |= {n for e in _parts_of(s) for n in self.program.names_in(e, s.line)}
            elif isinstance(s, Solve) and self.block.kind == "INITIAL":
                kept.append(s)
                live |= set(self.program.routine(s.block, s.line).reads)
        return tuple(reversed(kept)), live

    def _written(self, body) -> list[str]:
        found = []
        for s in body:
            if isinstance(s, Solve):
                self.program.fail("SOLVE within an if is not read", s.line)
            if isinstance(s, Assign):
                if s.prime:
                    self.program.fail("a derivative within an if is not read; write the case into a variable", s.line)
                found.append(s.target.name)
            elif isinstance(s, Do):
                found += self.program.routine(s.call.name, s.line).writes
            elif isinstance(s, Choice):
                found += s.results
            elif isinstance(s, Send):
                found += sent(s)
        return found

    # -- what is read and written ------------------------------------------------------------------------------------

    def _follow(self, body: tuple, written: set[str]) -> set[str]:
        for s in body:
            if isinstance(s, Assign):
                roots = self._use(self.program.names_in(s.value, s.line), written)
                self._write(f"{s.target.name}'" if s.prime else s.target.name, roots, written, s.line)
            elif isinstance(s, Do):
                self._call(s, written)
            elif isinstance(s, Choice):
                self._choose(s, written)
            elif isinstance(s, Send):
                roots = self._use([n for e in _parts_of(s) for n in self.program.names_in(e, s.line)], written)
                for name in sent(s):
                    self._write(name, roots, written, s.line)
            elif isinstance(s, Equation):
                self._use(self.program.names_in(s.left, s.line) + self.program.names_in(s.right, s.line), written)
            elif isinstance(s, Solve):
                solved = self.program.routine(s.block, s.line)
                roots = self._use(solved.reads, written)
                for c in self.program.conserved[s.block]:
                    used = self.program.names_in(c.total, c.line) + self.program.names_in(c.value, c.line)
                    roots |= self._use(used, written)
                for name in unknowns(self.program, solved):
                    self._write(name, roots, written, s.line)
        return written

    def _call(self, s, written):
        routine = self.program.called(s.call, s.line)
        given = dict(zip(routine.block.arguments, s.call.arguments))
        sources = {n: self._use(self.program.names_in(e, s.line), written) for n, e in given.items()}
        sources |= {name: self._use([name], written) for name in routine.reads}
        for name in routine.writes:
            roots = set().union(*(sources.get(source, {source}) for source in routine.depends[name]), set())
            self._write(name, roots, written, s.line)

    def _choose(self, s, written):
        roots = self._use(self.program.names_in(s.condition, s.line), written)
        before = dict(self.roots)
        ends, found = [], {}
        for branch in (s.then, s.other):
            self.roots = dict(before)
            ends.append(self._follow(branch, set(written)))
            for name in s.results:
                found.setdefault(name, set(roots)).update(self.roots.get(name, {name}))
        self.roots = before
        for name in s.results:
            if name not in ends[0] or name not in ends[1]:
                found[name] |= self._use([name], written)
        for name in s.results:
            self._write(name, found[name], written, s.line)

    def _use(self, names, written) -> set[str]:
        roots: set[str] = set()
        for name in names:
            if name in written:
                roots |= self.roots.get(name, {name})
            elif name in self.routine.locals:
                if name not in self.routine.zeros:
                    self.routine.zeros.append(name)
            else:
                roots |= self.roots.get(name, {name})
                if name not in self.routine.reads and name not in self.program.file.constants:
                    self.routine.reads.append(name)
        return roots

    def _write(self, name, roots, written, line):
        self.roots[name] = set(roots)
        written.add(name)
        if name.endswith("'"):
            if name[:-1] not in self.program.file.states:
                self.program.fail(f"{name[:-1]} has a derivative and is no STATE", line)
            self.routine.primes.append(name[:-1])
        elif self.block.kind != "FUNCTION" and name not in self.routine.locals and name not in self.routine.writes:
            self.routine.writes.append(name)


def sent(s: Send) -> tuple[str, str, str]:
    """What says that an event is sent, in how long, and with which flag."""
    return f"{SENT}_{s.number}", f"{SENT}_{s.number}_in", f"{SENT}_{s.number}_flag"


def _parts_of(s) -> tuple[Expression, ...]:
    return (s.delay, s.flag) if isinstance(s, Send) else ()


def unknowns(program: Program, routine: Routine) -> list[str]:
    """The states that a block which is solved gives values to."""
    if routine.block.kind == "LINEAR":
        return [name for name in routine.reads if name in program.file.states]
    return routine.primes


def targets_of(body) -> Iterable[str]:
    """All that is written anywhere."""
    for s in body:
        if isinstance(s, Assign):
            yield s.target.name
        elif isinstance(s, If):
            yield from targets_of((*s.then, *s.other))


def _primed(names):
    return [f"{name}'" for name in names]


def _locals(body) -> set[str]:
    found: set[str] = set()
    for s in body:
        if isinstance(s, Local):
            found |= {name for name, _ in s.names}
        elif isinstance(s, If):
            found |= _locals(s.then) | _locals(s.other)
    return found
