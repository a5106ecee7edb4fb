"""From a rule to synapses: who is connected, in which format, with which weights and delays."""

from brainsim.wiring.connection import Connection
from brainsim.wiring.wired import Wired, wire

__all__ = ["Connection", "Wired", "wire"]
