"""Cells with a shape: morphologies, what stands on their membrane, and populations of them."""

from brainsim.cells.builder import Builder, ball_and_stick, cable, cylinder, rall_tree
from brainsim.cells.compartments import Compartments
from brainsim.cells.discretise import discretise
from brainsim.cells.morphology import Branch, Morphology
from brainsim.cells.rules import DLambda, MaxLength, PerBranch, Rule
from brainsim.cells.swc import read_swc

__all__ = [
    "Branch",
    "Builder",
    "Compartments",
    "DLambda",
    "MaxLength",
    "Morphology",
    "PerBranch",
    "Rule",
    "ball_and_stick",
    "cable",
    "cylinder",
    "discretise",
    "rall_tree",
    "read_swc",
]
