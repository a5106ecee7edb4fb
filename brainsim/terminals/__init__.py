"""Terminals: what a presynaptic neuron sends when it fires, with short-term memory, by chance, or as a gate that
saturates; or what its potential releases.
"""

from brainsim.terminals.base import Terminal
from brainsim.terminals.gating import NMDAGating
from brainsim.terminals.graded_release import GradedRelease, ReleaseByPotential
from brainsim.terminals.kinetic import Kinetic, SecondMessenger, TwoStage
from brainsim.terminals.quantal import QuantalRelease
from brainsim.terminals.tsodyks_markram import ThreeState, TsodyksMarkram

__all__ = [
    "GradedRelease",
    "Kinetic",
    "NMDAGating",
    "QuantalRelease",
    "ReleaseByPotential",
    "SecondMessenger",
    "Terminal",
    "ThreeState",
    "TsodyksMarkram",
    "TwoStage",
]
