"""Equations on trees of compartments: potentials of cells with dendrites, solved implicitly in linear time.

Pure functions on plain arrays, in any units that fit together. A definition in plain JAX works everywhere, a compiled kernel
for the CPU is held against it, and derivatives of all orders are exact.
"""

from brainsim.trees.coupled import solve_coupled
from brainsim.trees.solve import solve
from brainsim.trees.structure import Tree

__all__ = ["Tree", "solve", "solve_coupled"]
