"""What an NMODL file says, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

# -- expressions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A number, as written."""

    text: str


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True)
class Item:
    """An element of an array: ``inf[i]``."""

    name: str
    index: Expression


@dataclass(frozen=True)
class Unary:
    """``-x`` or ``!x``."""

    op: str
    value: Expression


@dataclass(frozen=True)
class Binary:
    """``left op right``."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Call:
    """``function(x, ...)``."""

    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Number | Name | Item | Unary | Binary | Call


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of."""
    yield expression
    inner = {
        Item: lambda e: (e.index,),
        Unary: lambda e: (e.value,),
        Binary: lambda e: (e.left, e.right),
        Call: lambda e: e.arguments,
    }.get(type(expression), lambda e: ())
    for part in inner(expression):
        yield from parts_of(part)


# -- statements --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assign:
    """``target = value``, or ``target' = value`` with ``prime``."""

    target: Name | Item
    value: Expression
    line: int
    prime: bool = False


@dataclass(frozen=True)
class Do:
    """``procedure(x, ...)``."""

    call: Call
    line: int


@dataclass(frozen=True)
class If:
    """``if (condition) {...} else {...}``."""

    condition: Expression
    then: tuple[Statement, ...]
    other: tuple[Statement, ...]
    line: int


@dataclass(frozen=True)
class From:
    """``FROM i = first TO last BY by {...}``."""

    counter: str
    first: Expression
    last: Expression
    by: Expression
    body: tuple[Statement, ...]
    line: int


@dataclass(frozen=True)
class Local:
    """``LOCAL a, b[2]``: names with their length, None for a number."""

    names: tuple[tuple[str, Expression | None], ...]
    line: int


@dataclass(frozen=True)
class Solve:
    """``SOLVE block METHOD method``, or ``STEADYSTATE method``."""

    block: str
    method: str | None
    steady: bool
    line: int


@dataclass(frozen=True)
class Reaction:
    """``~ left <-> right (forward, backward)``, ``~ left -> (forward)``, ``~ left << (forward)``; sides are (count, state)."""

    arrow: str
    left: tuple[tuple[int, Name | Item], ...]
    right: tuple[tuple[int, Name | Item], ...]
    forward: Expression
    backward: Expression | None
    line: int


@dataclass(frozen=True)
class Compartment:
    """``COMPARTMENT i, volume {states}``."""

    counter: str | None
    volume: Expression
    states: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Diffuse:
    """``LONGITUDINAL_DIFFUSION i, coefficient times area {states}``."""

    counter: str | None
    flow: Expression
    states: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Conserve:
    """``CONSERVE total = value``."""

    total: Expression
    value: Expression
    line: int


@dataclass(frozen=True)
class Equation:
    """``~ left = right`` of a LINEAR block."""

    left: Expression
    right: Expression
    line: int


@dataclass(frozen=True)
class Send:
    """``net_send(delay, flag)``: the ``number``-th of its block."""

    delay: Expression
    flag: Expression
    number: int
    line: int


@dataclass(frozen=True)
class Return:
    """``return`` in C."""

    line: int


Statement: TypeAlias = (
    Assign | Do | If | From | Local | Solve | Reaction | Compartment | Diffuse | Conserve | Equation | Send | Return
)

# -- blocks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared:
    """A name in PARAMETER, ASSIGNED, STATE or CONSTANT."""

    name: str
    value: float | None
    unit: str | None
    length: Expression | None
    line: int


@dataclass(frozen=True)
class Ion:
    """``USEION name READ ... WRITE ... VALENCE ...``."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    valence: float | None
    line: int


@dataclass(frozen=True)
class Block:
    """A block of statements; ``kind`` is PROCEDURE, FUNCTION, DERIVATIVE, KINETIC, LINEAR, INITIAL, BREAKPOINT,
    NET_RECEIVE or CONNECT, which is the INITIAL within NET_RECEIVE.
    """

    kind: str
    name: str
    arguments: tuple[str, ...]
    body: tuple[Statement, ...]
    line: int
    units: tuple[str | None, ...] = ()  # of the arguments


@dataclass
class File:
    """All that a file declares."""

    name: str
    title: str = ""
    text: str = ""
    suffix: str = ""
    point: bool = False
    ions: list[Ion] = field(default_factory=list)
    nonspecific: list[str] = field(default_factory=list)
    electrode: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    parameters: dict[str, Declared] = field(default_factory=dict)
    assigned: dict[str, Declared] = field(default_factory=dict)
    states: dict[str, Declared] = field(default_factory=dict)
    constants: dict[str, tuple[float | None, str, str | None, int]] = field(default_factory=dict)  # of UNITS, CONSTANT
    units: dict[str, str] = field(default_factory=dict)  # names that UNITS gives to units
    defines: dict[str, int] = field(default_factory=dict)
    locals: dict[str, Expression | None] = field(default_factory=dict)  # LOCAL outside of blocks
    blocks: dict[str, Block] = field(default_factory=dict)
    synapse: dict[str, str | None] = field(default_factory=dict)  # variables of a synapse with their units
    diffusing: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # states, with what says how much and in which volume
    without_effect: list[tuple[str, int]] = field(default_factory=list)  # what changes no number, with its line
