"""What breaks the code, one place at a time, and which tests must see it: the table that ``tests/mutants.py`` runs.

To add a kind of thing, add a function that yields its mutants to ``KINDS``. Classes are those that the package exports,
so that a new one has its mutants by being exported.
"""

from mutations.cells import morphologies
from mutations.integrators import integrators
from mutations.operations import alike, events
from mutations.parts import delays, inputs, receptors, terminals
from mutations.populations import channels, masses, neurons
from mutations.ways import ROOT, Mutant
from mutations.wired import plasticity, surrogates, wiring

KINDS = (
    events, alike, neurons, masses, channels, integrators, receptors, terminals, inputs, delays, wiring, surrogates, plasticity,
    morphologies,
)  # fmt: skip


def mutants() -> dict[str, Mutant]:
    """All mutants by name."""
    return {mutant.name: mutant for kind in KINDS for mutant in kind()}


__all__ = ["KINDS", "ROOT", "Mutant", "mutants"]
