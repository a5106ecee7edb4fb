"""Cells with a shape: morphologies, what stands on their membrane, and populations of them."""

from brainsim.cells.compartments import Compartments
from brainsim.cells.discretise import discretise
from brainsim.cells.morphology import Branch, Morphology
from brainsim.cells.rules import DLambda, MaxLength, PerBranch, Rule

__all__ = ["Branch", "Compartments", "DLambda", "MaxLength", "Morphology", "PerBranch", "Rule", "discretise"]
