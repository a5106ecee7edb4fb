"""From numbers to what a network is given step by step, and back: pure functions of arrays, random keys explicit."""

from brainsim.encoding.base import Encoder
from brainsim.encoding.changes import Delta
from brainsim.encoding.decoders import count, first_spike, first_time, last, maximum, mean, rate, sequence
from brainsim.encoding.latency import Latency, RankOrder, SpikeTime
from brainsim.encoding.population import Population
from brainsim.encoding.rates import Bernoulli, Constant, Phase, Poisson

__all__ = [
    "Bernoulli",
    "Constant",
    "count",
    "Delta",
    "Encoder",
    "first_spike",
    "first_time",
    "last",
    "Latency",
    "maximum",
    "mean",
    "Phase",
    "Poisson",
    "Population",
    "RankOrder",
    "rate",
    "sequence",
    "SpikeTime",
]
