"""A file of NMODL as the source of a class."""

from __future__ import annotations

from brainsim.io._nmodl.concentration import Concentration
from brainsim.io._nmodl.density import Density
from brainsim.io._nmodl.diffusion import with_diffusion
from brainsim.io._nmodl.expand import expand
from brainsim.io._nmodl.flow import Program
from brainsim.io._nmodl.meaning import Meaning, meaning_of
from brainsim.io._nmodl.parse import parse
from brainsim.io._nmodl.point import Point
from brainsim.io._nmodl.synapses import with_synapses


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
    file, wanted, before = with_diffusion(with_synapses(expand(parse(text, name)))), None, ""
    while True:  # each turn drops what only the one before has shown to be of no use
        program = Program(file, wanted)
        writer = _writer(meaning_of(program))
        source = writer.source()
        if source == before:
            return source, writer.name
        before, wanted = source, program.demand


def _writer(meaning: Meaning) -> Density | Concentration:
    if meaning.file.point:
        return Point(meaning)
    if "NET_RECEIVE" in meaning.file.blocks:
        line = meaning.file.blocks["NET_RECEIVE"].line
        meaning.program.fail("NET_RECEIVE stands in a POINT_PROCESS, and this is none", line)
    if meaning.concentrations:
        return Concentration(meaning)
    return Density(meaning)
