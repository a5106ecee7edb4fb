"""Terminals: what a presynaptic neuron sends when it fires, with short-term memory or release by chance."""

from brainsim.terminals.base import Terminal

__all__ = ["Terminal"]
