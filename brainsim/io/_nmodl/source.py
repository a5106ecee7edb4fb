"""A file of NMODL as the source of a class."""

from __future__ import annotations

from brainsim.io._nmodl.concentration import Concentration
from brainsim.io._nmodl.density import Density
from brainsim.io._nmodl.expand import expand
from brainsim.io._nmodl.flow import Program
from brainsim.io._nmodl.meaning import Meaning, meaning_of
from brainsim.io._nmodl.parse import parse


def source_of(text: str, name: str) -> tuple[str, str]:
    """The source of the class that a file stands for, and its name.

    Parameters
    ----------
    text : str
        What the file says.
    name : str
        Of the file, for errors and for the docstring.

    Returns
    -------
    source, name : str

    Raises
    ------
    NMODLError
        For what is not NMODL or is not read; names file and line.
    """
    file, wanted, before = expand(parse(text, name)), None, ""
    while True:  # each turn drops what only the one before has shown to be of no use
        program = Program(file, wanted)
        writer = _writer(meaning_of(program))
        source = writer.source()
        if source == before:
            return source, writer.name
        before, wanted = source, program.demand


def _writer(meaning: Meaning) -> Density | Concentration:
    program = meaning.program
    if program.file.point:
        program.fail("a POINT_PROCESS is not read; a synapse is a receptor of the population, a clamp a stimulus", 1)
    if meaning.concentrations:
        return Concentration(meaning)
    return Density(meaning)
