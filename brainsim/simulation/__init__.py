"""What runs a network."""

from brainsim.simulation.recording import Recording, SpikeTrain
from brainsim.simulation.run import Function, function, simulate
from brainsim.simulation.storage import load, save

__all__ = ["Function", "Recording", "SpikeTrain", "function", "load", "save", "simulate"]
