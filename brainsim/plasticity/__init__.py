"""Plasticity: how weights change with spikes."""

from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.stdp import PairSTDP

__all__ = ["PairSTDP", "Plasticity"]
