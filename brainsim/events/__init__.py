"""Event-driven operations on sparse connectivity: work proportional to spikes, not to neurons or synapses.

Pure functions on plain arrays. Each has a definition in plain JAX that works everywhere, compiled kernels for the CPU and
for NVIDIA GPUs that are held against it, exact derivatives, and a batching rule that never replicates connectivity or weights.
"""

from brainsim.events._backends import implementation, kernels, served_by
from brainsim.events.arriving import add_on_due, deliver_due, is_due
from brainsim.events.calendar import calendar_of, deliver_sorted, nothing_under_way
from brainsim.events.convolution import convolve
from brainsim.events.delay import delay_line, deliver_delayed
from brainsim.events.deliver import deliver, deliver_transposed, weight_gradient
from brainsim.events.formats import CSR, Block, Dense, Diagonal, FixedFanOut, Format
from brainsim.events.interpolated import deliver_interpolated, whole_and_rest
from brainsim.events.matmul import spike_matmul
from brainsim.events.meeting import multiply, overwrite
from brainsim.events.plasticity import Ago, PostIndex, PowerLaw, add_on_post, add_on_pre, seen_ago, transpose_index
from brainsim.events.procedural import ProceduralFixedOutDegree, ProceduralFixedProbability, ProceduralOutDegrees
from brainsim.events.quantiles import Quantiles
from brainsim.events.random import bernoulli_spikes, poisson_counts, poisson_input
from brainsim.events.reached import ByNeurons, Due, Reached, due, visit
from brainsim.events.record import append_events
from brainsim.events.unstored import Unstored

__all__ = [
    "Ago",
    "CSR",
    "Block",
    "ByNeurons",
    "Dense",
    "Due",
    "FixedFanOut",
    "Format",
    "Diagonal",
    "PostIndex",
    "PowerLaw",
    "Unstored",
    "ProceduralFixedOutDegree",
    "ProceduralFixedProbability",
    "ProceduralOutDegrees",
    "Quantiles",
    "Reached",
    "add_on_due",
    "add_on_post",
    "add_on_pre",
    "append_events",
    "calendar_of",
    "bernoulli_spikes",
    "convolve",
    "delay_line",
    "due",
    "deliver",
    "deliver_delayed",
    "deliver_due",
    "deliver_interpolated",
    "deliver_sorted",
    "deliver_transposed",
    "implementation",
    "is_due",
    "kernels",
    "multiply",
    "nothing_under_way",
    "overwrite",
    "poisson_counts",
    "poisson_input",
    "seen_ago",
    "served_by",
    "spike_matmul",
    "transpose_index",
    "visit",
    "weight_gradient",
    "whole_and_rest",
]
