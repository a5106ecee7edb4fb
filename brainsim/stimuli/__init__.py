"""Stimuli: inputs to populations that are not spikes of other populations."""

from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.currents import Constant, Ramp, Sine, Step, TimedArray
from brainsim.stimuli.noise import OrnsteinUhlenbeck, WhiteNoise
from brainsim.stimuli.poisson_input import PoissonInput

__all__ = [
    "Constant",
    "OrnsteinUhlenbeck",
    "PoissonInput",
    "Ramp",
    "Sine",
    "Step",
    "Stimulus",
    "TimedArray",
    "WhiteNoise",
]
