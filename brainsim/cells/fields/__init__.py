"""Potentials outside of cells, both ways: recorded by electrodes, and applied."""
