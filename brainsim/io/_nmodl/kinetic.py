"""KINETIC blocks as differential equations."""

from __future__ import annotations

from dataclasses import replace

from brainsim.io._nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Compartment,
    Conserve,
    Expression,
    Local,
    Name,
    Number,
    Reaction,
    Statement,
    Unary,
)


def as_derivative(block: Block, states: set[str]) -> Block:
    r"""The block with its reactions written as the rates of the ``states``.

    .. math:: \dot x = \frac{1}{\text{volume}_x} \sum_r (\pm n_{x,r})\,(\text{forward}_r - \text{backward}_r)
    """
    body: list[Statement] = []
    gains: dict[str, list[Expression]] = {}
    volumes: dict[str, Expression] = {}
    count, last = 0, block.line
    for statement in block.body:
        last = statement.line
        if isinstance(statement, Compartment):
            volumes |= dict.fromkeys(statement.states, statement.volume)
        elif isinstance(statement, Reaction):
            count += 1
            flux = f"flux_{count}"
            body += _fluxes(statement, flux)
            sign = 1 if statement.arrow == "<<" else -1
            for side, direction in ((statement.left, sign), (statement.right, 1)):
                for number, state in side:
                    if isinstance(state, Name) and state.name in states:
                        gains.setdefault(state.name, []).append(_times(direction * number, Name(flux)))
        elif not isinstance(statement, Conserve):
            body.append(statement)
    for state, terms in gains.items():
        total = terms[0]
        for term in terms[1:]:
            total = Binary("+", total, term)
        if state in volumes:
            total = Binary("/", total, volumes[state])
        body.append(Assign(Name(state), total, last, prime=True))
    names = ("f_flux", "b_flux", *(f"flux_{k + 1}" for k in range(count)))
    return replace(block, kind="DERIVATIVE", body=(Local(tuple((n, None) for n in names), block.line), *body))


def conserved(block: Block) -> tuple[Conserve, ...]:
    """What a KINETIC block says that its reactions conserve: amounts, of states in a COMPARTMENT volume times state."""
    volumes = {name: s.volume for s in block.body if isinstance(s, Compartment) for name in s.states}

    def amount(e: Expression) -> Expression:
        if isinstance(e, Binary):
            return Binary(e.op, amount(e.left), amount(e.right))
        return Binary("*", volumes[e.name], e) if isinstance(e, Name) and e.name in volumes else e

    return tuple(replace(s, total=amount(s.total)) for s in block.body if isinstance(s, Conserve))


def _fluxes(reaction, flux):
    line = reaction.line
    forward = reaction.forward if reaction.arrow == "<<" else _rate(reaction.forward, reaction.left)
    backward = Number("0") if reaction.backward is None else _rate(reaction.backward, reaction.right)
    return [
        Assign(Name("f_flux"), forward, line),
        Assign(Name("b_flux"), backward, line),
        Assign(Name(flux), Binary("-", Name("f_flux"), Name("b_flux")), line),
    ]


def _rate(constant, side):
    for number, state in side:
        for _ in range(number):
            constant = Binary("*", constant, state)
    return constant


def _times(number, value):
    if number in (1, -1):
        return value if number == 1 else Unary("-", value)
    product = Binary("*", Number(str(abs(number))), value)
    return product if number > 0 else Unary("-", product)
