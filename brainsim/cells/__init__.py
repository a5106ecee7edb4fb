"""Cells with a shape: morphologies, what stands on their membrane, and populations of them."""

from brainsim.cells.morphology import Branch, Morphology

__all__ = ["Branch", "Morphology"]
