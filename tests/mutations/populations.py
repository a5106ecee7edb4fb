"""Neurons and masses: rates, what a spike does, where it is, what is observed; channels and pools."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, exported, files, folder, larger, own

EQUATIONS = files("test_equations.py")


def neurons() -> Iterator[Mutant]:
    from brainsim.neurons import Neuron

    for name, kind in exported("neurons", "Neuron", "ConductanceBased").items():
        yield from rates(f"neurons: {name}", kind, name)
        if own(kind, Neuron, "after_spike") or "V_reset" in kind._declared:
            yield Mutant(
                f"neurons: {name} is reset to more", larger(kind, "after_spike"), EQUATIONS, name, changes=kind
            )
        if own(kind, Neuron, "hazard"):
            yield Mutant(f"neurons: {name} fires more", larger(kind, "hazard"), EQUATIONS, name, changes=kind)
        else:
            yield Mutant(
                f"neurons: {name} fires late", functools.partial(fire_late, kind), EQUATIONS, name, changes=kind
            )


def masses() -> Iterator[Mutant]:
    from brainsim.masses import Mass

    for name, kind in exported("masses", "Mass").items():
        yield from rates(f"masses: {name}", kind, name)
        if own(kind, Mass, "observe"):
            yield Mutant(f"masses: {name} shows more", larger(kind, "observe"), EQUATIONS, name, changes=kind)


def rates(what: str, kind: type, name: str) -> Iterator[Mutant]:
    """The rate of each variable alone is a hundredth larger."""
    for variable in kind.variables or ("V", "a.b"):  # of a cell of channels, what no test of channels sees
        change = functools.partial(hasten, kind, variable)
        yield Mutant(f"{what}, rate of {variable}", change, EQUATIONS, name, changes=kind)


def hasten(kind: type, variable: str) -> None:
    right = kind.derivative

    @functools.wraps(right)
    def derivative(self, *arguments, **named):
        values = right(self, *arguments, **named)
        values = values if isinstance(values, tuple) else (values,)
        return tuple(1.01 * x if v == variable else x for v, x in zip(self.variables, values, strict=True))

    kind.derivative = derivative


def fire_late(kind: type) -> None:
    """A hundredth of the unit of the first variable over the threshold."""
    import brainunit as u

    right = kind.fires

    def fires(self, before, after):
        first = self.variables[0]
        return right(self, before, after | {first: after[first] - u.Quantity(0.01, unit=self.unit_of(first))})

    kind.fires = fires


# -- channels and pools ------------------------------------------------------------------------------------------------


def channels() -> Iterator[Mutant]:
    from brainsim.channels import Channel, Pool

    tests = folder("channels", "test_equations.py")
    for name, kind in exported("channels", Channel, "CalciumChannel").items():
        yield Mutant(f"channels: {name} lets more through", larger(kind, "current"), tests, name)
        for gate in kind.gates:
            yield Mutant(f"channels: {name}, rate of {gate}", functools.partial(move_gate, kind, gate), tests, name)
    for name, kind in exported("channels", Pool).items():
        yield Mutant(f"channels: {name} changes faster", larger(kind, "slope"), tests, name)


def move_gate(kind: type, gate: str) -> None:
    if "slopes" in vars(kind):  # it has no kinetics of single gates
        quicken(kind, gate)
        return
    right = kind.kinetics

    @functools.wraps(right)
    def kinetics(self, *arguments, **named):
        found = dict(right(self, *arguments, **named))
        found[gate] = type(found[gate])(1.01 * found[gate][0], *found[gate][1:])
        return found

    kind.kinetics = kinetics


def quicken(kind: type, gate: str) -> None:
    right = kind.slopes

    @functools.wraps(right)
    def slopes(self, *arguments, **named):
        found = right(self, *arguments, **named)
        return found | {gate: 1.01 * found[gate]}

    kind.slopes = slopes
