"""Networks divided among the devices of a mesh."""

from brainsim._mesh import mesh_of
from brainsim.simulation.mesh.report import Report, report
from brainsim.simulation.mesh.run import Run, is_alone

__all__ = ["Report", "Run", "is_alone", "mesh_of", "report"]
