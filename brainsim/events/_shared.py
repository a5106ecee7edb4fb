"""What Python and C++ share: codes, and the places of the numbers that a handler is told.

``setup.py`` writes ``csrc/shared.h`` from these classes before it compiles, and :func:`digest` is in the library that it
builds: one that was built from other sources is not loaded. Nothing but the standard library is imported here.
"""

from __future__ import annotations

import enum
import hashlib
from pathlib import Path
from typing import NamedTuple


class Layout(enum.IntEnum):
    """Formats with a kernel. ``_16``: with indices of 16 bits."""

    CSR = 0
    FIXED_FAN_OUT = 1
    ONE_TO_ONE = 2
    DENSE = 3
    CSR_16 = 4
    FIXED_FAN_OUT_16 = 5


class Role(enum.IntEnum):
    """The arguments of T(s, W, v)."""

    PRE = 0
    WEIGHT = 1
    POST = 2


class Rule(enum.IntEnum):
    """Connectivity that is not stored."""

    FIXED_PROBABILITY = 0
    FIXED_OUT_DEGREE = 1
    OUT_DEGREES = 2


class Purpose(enum.IntEnum):
    """What the words of a generator are for: each has a stream of its own."""

    POISSON = 0
    THINNING = 1
    BERNOULLI = 2
    TARGETS = 16
    WEIGHTS = 17
    NORMALS = 18


class Quantile(enum.IntEnum):
    """Shape of a table of quantiles: tails, octaves of each, and segments of each octave."""

    TAILS = 2
    OCTAVES = 32
    SEGMENTS = 32


class Block(enum.IntEnum):
    """Deliveries that are made for several steps at once: how many."""

    STEPS = 8


class Step(enum.IntEnum):
    """Operations of a step of one element; ``_WHOLE``: of whole numbers, as which bools count."""

    COPY = 0
    ADD = 1
    SUB = 2
    MUL = 3
    DIV = 4
    MAX = 5
    MIN = 6
    NEG = 7
    ABS = 8
    SQRT = 9
    EXP = 10
    FLOOR = 11
    CEIL = 12
    SIGN = 13
    IS_FINITE = 14
    GT = 15
    GE = 16
    LT = 17
    LE = 18
    EQ = 19
    NE = 20
    SELECT = 21
    TO_REAL = 22
    TO_WHOLE = 23
    ADD_WHOLE = 24
    SUB_WHOLE = 25
    MUL_WHOLE = 26
    MAX_WHOLE = 27
    MIN_WHOLE = 28
    GT_WHOLE = 29
    GE_WHOLE = 30
    LT_WHOLE = 31
    LE_WHOLE = 32
    EQ_WHOLE = 33
    NE_WHOLE = 34
    AND = 35
    OR = 36
    XOR = 37
    LOG = 38
    LOG1P = 39
    EXPM1 = 40
    TANH = 41
    SIN = 42
    COS = 43
    POW = 44


class Connectivity(NamedTuple):
    layout: int
    n_pre: int
    n_post: int
    fan_out: int = 0


class Contract(NamedTuple):
    towards: int  # a role
    depth: int  # slots of the ring on the postsynaptic side; 0: no ring


class Rows(NamedTuple):
    towards: int  # a role
    rows: int
    n_in: int
    n_out: int
    part: int  # of 256 numbers, how many may be spikes
    alone: int  # nothing is added to


class Convolution(NamedTuple):  # one Axis follows for each
    towards: int  # a role
    images: int
    channels: int  # of a group, as features are
    features: int
    groups: int
    part: int  # of 256 numbers, how many may be spikes
    alone: int  # nothing is added to
    axes: int


class Axis(NamedTuple):
    into: int  # pixels
    out: int  # places
    window: int
    stride: int
    dilation: int
    pad: int  # zeros before


class Recurrence(NamedTuple):  # more follow: see csrc/recurrence.cc
    steps: int
    elements: int
    backwards: int
    examples: int
    fixed: int
    carried: int


class Procedural(NamedTuple):
    rule: int
    parameter: int  # bits of the table of gaps, targets of each neuron, or blocks of targets
    n_pre: int
    n_post: int
    pre_begin: int
    pre_end: int
    post_begin: int
    post_end: int
    loops: int
    most: int  # synapses onto one target
    weighted: int
    exponent: int
    towards: int


class Ring(NamedTuple):
    depth: int


class Line(NamedTuple):
    depth: int
    n: int


class Calendar(NamedTuple):  # after a connectivity
    depth: int  # of the longest delay, in steps; 0: what is sent arrives at once
    words: int  # of 32 bits, in which the last steps of a neuron are


class Take(NamedTuple):  # after a connectivity, or a calendar
    room: int  # synapses
    of_synapses: int  # arrays with one element for each synapse
    of_targets: int  # the same for each target
    listed: int  # whether the synapses are listed in another order


class Put(NamedTuple):
    room: int
    n_post: int
    n_synapses: int
    arrays: int


class OnPre(NamedTuple):
    law: int


class OnPost(NamedTuple):
    n_pre: int
    n_post: int
    n_synapses: int
    law: int
    slots: int  # of the last steps of the presynaptic side; 0: its values are those of now


class OnDue(NamedTuple):  # after a calendar
    law: int
    slots: int  # as above; 0: there are no values of the presynaptic side
    listed: int  # whether the synapses are listed in another order


class DueNow(NamedTuple):  # after a calendar
    listed: int


class Append(NamedTuple):
    populations: int


class Together(NamedTuple):
    sources: int
    deliveries: int
    targets: int
    ahead: int = 0  # places that have slots for a block of steps


class Delivery(NamedTuple):  # after the connectivity of each
    first: int  # of its shared arrays
    source: int
    target: int
    source_at: int = 0  # where its neurons begin in the array of the source
    source_rest: int = 0  # how many others come after them
    target_at: int = 0
    target_rest: int = 0
    ahead: int = -1  # of the places that have slots; -1: none


class Recorded(NamedTuple):  # of each population, after the deliveries
    source: int
    at: int = 0
    rest: int = 0


class Tree(NamedTuple):
    nodes: int
    compartments: int
    cells: int
    s_cells: int  # of the couplings: 1, or those of the rest
    r_rows: int  # nodes or compartments
    x_rows: int
    moving: int  # whether there are potentials
    places: int  # in the rows of the plain definition


CODES = (Layout, Role, Rule, Purpose, Quantile, Block, Step)
NUMBERS = (
    Connectivity,
    Contract,
    Rows,
    Convolution,
    Axis,
    Recurrence,
    Procedural,
    Ring,
    Line,
    Calendar,
    Take,
    Put,
    OnPre,
    OnPost,
    OnDue,
    DueNow,
    Append,
    Together,
    Delivery,
    Recorded,
    Tree,
)

_HEADER = """// Written by setup.py from events/_shared.py: codes, and the places of the numbers that a handler is told.
#ifndef BRAINSIM_SHARED_H_
#define BRAINSIM_SHARED_H_

#include <cstdint>

namespace brainsim::shared {{

{text}

}}  // namespace brainsim::shared

#endif  // BRAINSIM_SHARED_H_
"""


def header() -> str:
    """The text of ``csrc/shared.h``."""
    parts = []
    for kind in CODES:
        parts.append((kind, [f"{name} = {code.value}" for name, code in kind.__members__.items()]))
    for kind in NUMBERS:
        parts.append((kind, [*kind._fields, "size"]))
    structs = (f"struct {kind.__name__} {{ enum : int64_t {{ {', '.join(names)} }}; }};" for kind, names in parts)
    return _HEADER.format(text="\n".join(structs))


def digest(folder: Path) -> str:
    """What identifies the sources in a folder, with the header that belongs to this table."""
    found = hashlib.sha256(header().encode())
    for path in sorted([*folder.glob("*.cc"), *folder.glob("*.h")]):
        if path.name != "shared.h":
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]
