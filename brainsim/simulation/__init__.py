"""What runs a network."""

from brainsim.simulation.at_once import Solution, at_once
from brainsim.simulation.function import Function, function
from brainsim.simulation.recording import Recording
from brainsim.simulation.run import simulate
from brainsim.simulation.spikes import SpikeTrain, SpikeTrains
from brainsim.simulation.storage import load, save
from brainsim.simulation.sweep import Reduced, Sweep, sweep
from brainsim.simulation.wanted import Record

__all__ = [
    "Function",
    "Solution",
    "at_once",
    "Record",
    "Recording",
    "Reduced",
    "SpikeTrain",
    "SpikeTrains",
    "Sweep",
    "function",
    "load",
    "save",
    "simulate",
    "sweep",
]
