"""Morphologies: branches joined to trees, how they are made, changed, measured and drawn."""
