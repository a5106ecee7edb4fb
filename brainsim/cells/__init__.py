"""Cells with a shape: morphologies, what stands on their membrane, and populations of them."""

from brainsim.cells.asc import read_asc
from brainsim.cells.builder import Builder
from brainsim.cells.compartments import Compartments
from brainsim.cells.detectors import Detector
from brainsim.cells.discretise import discretise
from brainsim.cells.electrodes import Electrodes
from brainsim.cells.electrotonics import Electrotonics
from brainsim.cells.extracellular import Extracellular, ExtracellularField, PointElectrode
from brainsim.cells.junctions import Junctions
from brainsim.cells.linearised import Linearised
from brainsim.cells.locations import (
    at,
    branch_points,
    centres,
    compartments_at,
    every,
    nearest,
    point,
    root,
    tips,
    uniform,
)
from brainsim.cells.measures import Measures
from brainsim.cells.morphology import Branch, Morphology
from brainsim.cells.multi_compartment import MultiCompartment
from brainsim.cells.neuroml import read_neuroml
from brainsim.cells.places import ByPlace, by_region, of, of_diameter, of_distance, rows_of, values_on
from brainsim.cells.regions import (
    below,
    branches,
    cells,
    diameter,
    distance,
    distances,
    labelled,
    of_type,
    order,
    path_to,
)
from brainsim.cells.rules import DLambda, MaxLength, PerBranch, Rule
from brainsim.cells.simple_shapes import ball_and_stick, cable, cylinder, rall_tree
from brainsim.cells.swc import read_swc
from brainsim.cells.to_swc import write_swc
from brainsim.cells.transmembrane import transmembrane_currents
from brainsim.cells.where import Locset, Region, region

__all__ = [
    "Branch",
    "Builder",
    "ByPlace",
    "Compartments",
    "DLambda",
    "Detector",
    "Electrodes",
    "Electrotonics",
    "Extracellular",
    "ExtracellularField",
    "Junctions",
    "Linearised",
    "Locset",
    "MaxLength",
    "Measures",
    "Morphology",
    "MultiCompartment",
    "PerBranch",
    "PointElectrode",
    "Region",
    "Rule",
    "at",
    "ball_and_stick",
    "below",
    "branch_points",
    "branches",
    "by_region",
    "cable",
    "cells",
    "centres",
    "compartments_at",
    "cylinder",
    "diameter",
    "discretise",
    "distance",
    "distances",
    "every",
    "labelled",
    "nearest",
    "of",
    "of_diameter",
    "of_distance",
    "of_type",
    "order",
    "path_to",
    "point",
    "rall_tree",
    "read_asc",
    "read_neuroml",
    "read_swc",
    "region",
    "root",
    "rows_of",
    "tips",
    "transmembrane_currents",
    "uniform",
    "values_on",
    "write_swc",
]
