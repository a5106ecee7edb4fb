"""What LONGITUDINAL_DIFFUSION says, as a block of its own."""

from __future__ import annotations

from dataclasses import replace

from brainsim.io._nmodl.syntax import Assign, Block, Compartment, Diffuse, File, Name, Number
from brainsim.io._nmodl.tokens import NMODLError

ALONG = "along_the_cell"  #: the block


def with_diffusion(file: File) -> File:
    """The file without LONGITUDINAL_DIFFUSION: the block :data:`ALONG` gives, for each state that diffuses along the cell, its
    coefficient times the area, and the volume per length in which it stands; ``file.diffusing`` has their names.

    Raises
    ------
    NMODLError
        For what is no state, and outside of KINETIC.
    """
    body, diffusing, blocks, line = [], {}, {}, 1
    for name, block in file.blocks.items():
        volumes = {s.states[0]: s.volume for s in block.body if isinstance(s, Compartment)}
        for s in block.body:
            if not isinstance(s, Diffuse):
                continue
            state, line = s.states[0], s.line
            if block.kind != "KINETIC" or state not in file.states:
                what = f"{state} is no STATE" if state not in file.states else f"in {block.kind} it is not read"
                raise NMODLError(f"{file.name}, line {line}: LONGITUDINAL_DIFFUSION: {what}.")
            diffusing[state] = f"flow_of_{state}", f"volume_of_{state}"
            given = s.flow, volumes.get(state, Number("1"))
            body += [Assign(Name(one), value, line) for one, value in zip(diffusing[state], given)]
        blocks[name] = replace(block, body=tuple(s for s in block.body if not isinstance(s, Diffuse)))
    if diffusing:
        blocks[ALONG] = Block("PROCEDURE", ALONG, (), tuple(body), line)
    return replace(file, blocks=blocks, diffusing=diffusing)
