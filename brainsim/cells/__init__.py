"""Cells with a shape: morphologies, what stands on their membrane, and populations of them."""

from brainsim.cells.cables.electrotonics import Electrotonics
from brainsim.cells.cables.linearised import Linearised
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.compartments.discretise import discretise
from brainsim.cells.compartments.rules import DLambda, MaxLength, PerBranch, Rule
from brainsim.cells.detectors import Detector
from brainsim.cells.fields.electrodes import Electrodes
from brainsim.cells.fields.extracellular import Extracellular, ExtracellularField, PointElectrode
from brainsim.cells.fields.transmembrane import transmembrane_currents
from brainsim.cells.files.asc import read_asc
from brainsim.cells.files.neuroml import read_neuroml
from brainsim.cells.files.swc import read_swc
from brainsim.cells.files.to_swc import write_swc
from brainsim.cells.junctions import Junctions
from brainsim.cells.morphologies.builder import Builder
from brainsim.cells.morphologies.measures import Measures
from brainsim.cells.morphologies.morphology import Branch, Morphology
from brainsim.cells.morphologies.simple_shapes import ball_and_stick, cable, cylinder, rall_tree
from brainsim.cells.multi_compartment import MultiCompartment
from brainsim.cells.places.by_place import ByPlace, by_region, of, of_diameter, of_distance, rows_of, values_on
from brainsim.cells.places.locations import (
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
from brainsim.cells.places.regions import (
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
from brainsim.cells.places.where import Locset, Region, region

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
