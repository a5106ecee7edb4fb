"""An NMODL file: text to tree."""

from __future__ import annotations

from brainsim._errors import suggestion
from brainsim.io._nmodl.expressions import expression
from brainsim.io._nmodl.statements import Statements
from brainsim.io._nmodl.syntax import Block, Declared, File, Ion, Solve
from brainsim.io._nmodl.tokens import Words

REFUSED = {
    "NONLINEAR": "systems of algebraic equations",
    "DISCRETE": "difference equations",
    "FUNCTION_TABLE": "tables that a program fills in",
    "BEFORE": "BEFORE and AFTER",
    "AFTER": "BEFORE and AFTER",
    "CONSTRUCTOR": "CONSTRUCTOR and DESTRUCTOR",
    "DESTRUCTOR": "CONSTRUCTOR and DESTRUCTOR",
    "PARTIAL": "partial differential equations",
    "INCLUDE": "files that include others",
    "EXTERNAL": "variables of another file",
}
REFUSED_IN_NEURON = {
    "ARTIFICIAL_CELL": "a population of its own, see brainsim.neurons and brainsim.sources",
    "POINTER": "variables of another mechanism; receptors of kind Graded and Diffusive take those of other cells",
    "BBCOREPOINTER": "C data; random numbers are those of terminals and sources",
    "EXTERNAL": "variables of another file",
    "RANDOM": "random numbers; see brainsim.terminals.QuantalRelease and brainsim.sources",
}


def parse(text: str, name: str) -> File:
    """Read the text of an NMODL file.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for errors.

    Returns
    -------
    File

    Raises
    ------
    NMODLError
        For what is not NMODL or is not read; names file and line.
    """
    file = File(name, text=text)
    _Parser(Words(text, name), file).run()
    return file


class _Parser:
    def __init__(self, words: Words, file: File):
        self.words, self.file = words, file
        self.statements = Statements(words, file)
        self.blocks = {
            "NEURON": self._neuron,
            "UNITS": self._units,
            "PARAMETER": lambda: self._declarations(self.file.parameters),
            "ASSIGNED": lambda: self._declarations(self.file.assigned),
            "STATE": lambda: self._declarations(self.file.states),
            "CONSTANT": self._constants,
            "DEFINE": self._define,
            "LOCAL": self._locals,
            "INDEPENDENT": self._independent,
            "UNITSOFF": lambda: None,
            "UNITSON": lambda: None,
            **{kind: lambda kind=kind: self._code(kind) for kind in ("INITIAL", "BREAKPOINT", "NET_RECEIVE")},
            **{
                kind: lambda kind=kind: self._code(kind, named=True)
                for kind in ("PROCEDURE", "FUNCTION", "DERIVATIVE", "KINETIC", "LINEAR")
            },
        }

    def run(self) -> None:
        words = self.words
        while words.next.kind != "end":
            token = words.take()
            if token.kind == "title":
                self.file.title = token.text.removeprefix("TITLE").strip()
            elif token.kind == "verbatim":
                words.fail("VERBATIM holds C, which is not read; write it in NMODL", token.line)
            elif token.text in REFUSED:
                words.fail(f"{token.text} is not read ({REFUSED[token.text]})", token.line)
            elif token.text in self.blocks:
                if token.text in ("INDEPENDENT", "UNITSOFF", "UNITSON"):
                    self.statements.none(token.text, token.line)
                self.blocks[token.text]()
            else:
                words.fail(
                    f"{token.text!r} begins no block.{suggestion(token.text, self.blocks)}".removesuffix("."),
                    token.line,
                )
        if not self.file.suffix:
            words.fail("the file has no NEURON block with SUFFIX or POINT_PROCESS", 1)

    # -- declarations ------------------------------------------------------------------------------------------------

    def _neuron(self):
        words, file = self.words, self.file
        words.expect("{", "after NEURON")
        lists = {
            "RANGE": file.ranges,
            "GLOBAL": [],
            "NONSPECIFIC_CURRENT": file.nonspecific,
            "ELECTRODE_CURRENT": file.electrode,
        }
        while not words.accept("}"):
            token = words.take()
            if token.text in ("SUFFIX", "POINT_PROCESS"):
                file.suffix, file.point = words.name_of("the mechanism"), token.text == "POINT_PROCESS"
            elif token.text == "USEION":
                file.ions.append(self._ion(token.line))
            elif token.text in lists:
                lists[token.text] += self._names()
            elif token.text == "THREADSAFE":
                self.statements.none("THREADSAFE", token.line)
            elif token.text == "REPRESENTS":
                words.name_of("what the mechanism is")
                self.statements.none("REPRESENTS", token.line)
            elif token.text in REFUSED_IN_NEURON:
                words.fail(f"{token.text} is not read ({REFUSED_IN_NEURON[token.text]})", token.line)
            else:
                words.fail(
                    f"{token.text!r} is not known in NEURON.{suggestion(token.text, lists)}".removesuffix("."),
                    token.line,
                )

    def _names(self):
        names = []
        while True:
            names.append(self.words.name_of("a variable"))
            if not self.words.accept(","):
                return names

    def _ion(self, line):
        words, reads, writes, valence = self.words, (), (), None
        name = words.name_of("an ion")
        while words.sees("READ", "WRITE", "VALENCE", "CHARGE", "REPRESENTS"):
            what = words.take()
            if what.text == "READ":
                reads = tuple(self._names())
            elif what.text == "WRITE":
                writes = tuple(self._names())
            elif what.text == "REPRESENTS":
                words.name_of("what the ion is")
            else:
                valence = words.number("the valence")
        return Ion(name, reads, writes, valence, line)

    def _units(self):
        words, file = self.words, self.file
        words.expect("{", "after UNITS")
        while not words.accept("}"):
            line = words.next.line
            if words.sees("("):
                own = words.unit()
                words.expect("=", "in UNITS")
                file.units[own or ""] = words.unit() or ""
                continue
            name, number, first = words.name_of("a constant"), None, None
            words.expect("=", "in UNITS")
            if words.next.kind == "number" or words.sees("-"):
                number = words.number("the value of a constant")
            else:
                first = words.unit()
            file.constants[name] = (number, first or "", words.unit(), line)

    def _constants(self):
        words = self.words
        words.expect("{", "after CONSTANT")
        while not words.accept("}"):
            line, name = words.next.line, words.name_of("a constant")
            words.expect("=", "in CONSTANT")
            value = words.number("the value of a constant")
            self.file.constants[name] = (value, "", words.unit(), line)

    def _declarations(self, into: dict[str, Declared]):
        words = self.words
        words.expect("{", "that opens the block")
        while not words.accept("}"):
            line, name, value, length = words.next.line, words.name_of("a variable"), None, None
            if words.accept("["):
                length = expression(words)
                words.expect("]", "that closes the length")
            if words.accept("="):
                value = words.number(f"the value of {name}")
            if words.accept("FROM"):
                words.number("the least value")
                words.expect("TO", "in FROM")
                words.number("the largest value")
            if words.accept("START"):
                value = words.number("the initial value")
            unit = words.unit()
            if words.accept("<"):
                while not words.accept(">"):
                    words.take()
            words.accept(",")
            into[name] = Declared(name, value, unit, length, line)

    def _define(self):
        name = self.words.name_of("a number")
        self.file.defines[name] = int(self.words.number(f"the value of {name}"))

    def _locals(self):
        found = self.statements._local(self.words.next.line)
        self.file.locals.update(dict(found.names))

    def _independent(self):
        self.words.expect("{", "after INDEPENDENT")
        while not self.words.accept("}"):
            self.words.take()

    # -- code --------------------------------------------------------------------------------------------------------

    def _code(self, kind, named=False):
        words, line = self.words, self.words.next.line
        name = words.name_of(f"the {kind}") if named else kind
        arguments, units = [], []
        if words.accept("("):
            while not words.accept(")"):
                arguments.append(words.name_of("an argument"))
                units.append(words.unit())
                words.accept(",")
        words.unit()
        if words.accept("METHOD"):
            words.name_of("a method")
        self.statements.linear, self.statements.kind = kind == "LINEAR", kind
        body = self.statements.block()
        if self.statements.beginning is not None:
            self.file.blocks["CONNECT"], self.statements.beginning = self.statements.beginning, None
        if kind == "INITIAL" and name in self.file.blocks:  # several are one, as in NEURON
            body = (*self.file.blocks.pop(name).body, *body)
        if name in self.file.blocks:
            words.fail(f"there is a second block {name!r}", line)
        self.file.blocks[name] = Block(kind, name, tuple(arguments), body, line, tuple(units))


def solved(file: File) -> Solve | None:
    """What BREAKPOINT solves; None for nothing.

    Raises
    ------
    NMODLError
        For several.
    """
    block = file.blocks.get("BREAKPOINT")
    found = [s for s in (block.body if block else ()) if isinstance(s, Solve)]
    if len(found) > 1:
        Words("", file.name).fail("BREAKPOINT solves several blocks; one is read", found[1].line)
    if found and found[0].block not in file.blocks:
        what = suggestion(found[0].block, file.blocks).removesuffix(".")
        Words("", file.name).fail(f"there is no block {found[0].block!r} to solve.{what}", found[0].line)
    return found[0] if found else None
