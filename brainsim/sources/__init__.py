"""Spike sources: populations without a membrane."""

from brainsim.sources.compound_poisson_group import CompoundPoissonGroup
from brainsim.sources.correlated_group import CorrelatedGroup
from brainsim.sources.gamma_group import GammaGroup
from brainsim.sources.poisson_group import PoissonGroup
from brainsim.sources.renewal_group import RenewalGroup
from brainsim.sources.spike_input import SpikeInput
from brainsim.sources.spike_times import SpikeTimes

__all__ = [
    "CompoundPoissonGroup",
    "CorrelatedGroup",
    "GammaGroup",
    "PoissonGroup",
    "RenewalGroup",
    "SpikeInput",
    "SpikeTimes",
]
