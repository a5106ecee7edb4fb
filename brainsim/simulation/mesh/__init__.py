"""Networks divided among the devices of a mesh."""

from brainsim.simulation.mesh.report import Report, report
from brainsim.simulation.mesh.run import Run, is_alone, mesh_of

__all__ = ["Report", "Run", "is_alone", "mesh_of", "report"]
