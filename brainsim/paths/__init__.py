"""Paths: how what arrives reaches the ports of a receptor, through synapses or through a layer."""

from brainsim.paths.base import Path
from brainsim.paths.layer import Applied, Ends, Layer
from brainsim.paths.synapses import Synapses

__all__ = ["Applied", "Ends", "Layer", "Path", "Synapses"]
