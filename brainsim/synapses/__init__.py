"""Synapses that each have states of their own, which change when a spike arrives and follow closed forms in between."""

from brainsim.synapses.base import Synapse
from brainsim.synapses.tsodyks_markram import ThreeState, TsodyksMarkram

__all__ = ["Synapse", "ThreeState", "TsodyksMarkram"]
