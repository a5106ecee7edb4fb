"""Cells with a shape: published ones, and fits of them."""
