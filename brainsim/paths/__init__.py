"""Paths: how what arrives reaches the ports of a receptor."""

from brainsim.paths.base import Path
from brainsim.paths.synapses import Synapses

__all__ = ["Path", "Synapses"]
