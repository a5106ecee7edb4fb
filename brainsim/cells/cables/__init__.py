"""Cells at rest as linear cables: impedances, attenuation, length constants."""
