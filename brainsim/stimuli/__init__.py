"""Stimuli: inputs to populations that are not spikes of other populations."""

from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp, ConductanceClamp, VoltageClamp
from brainsim.stimuli.currents import Constant, Ramp, Sine, Step, TimedArray
from brainsim.stimuli.hold import Hold
from brainsim.stimuli.noise import OrnsteinUhlenbeck, SmoothNoise, WhiteNoise
from brainsim.stimuli.point_stimulus import PointStimulus
from brainsim.stimuli.poisson_input import PoissonInput

__all__ = [
    "Clamp",
    "ConductanceClamp",
    "Constant",
    "Hold",
    "OrnsteinUhlenbeck",
    "PointStimulus",
    "PoissonInput",
    "Ramp",
    "Sine",
    "SmoothNoise",
    "Step",
    "Stimulus",
    "TimedArray",
    "VoltageClamp",
    "WhiteNoise",
]
