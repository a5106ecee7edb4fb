"""Cells with channels by section, as databases and optimisers of models write them."""
