"""Feed-forward, recurrent and residual stacks in one expression; what comes out is a network."""

from brainsim.nn.attention import AttentionReadout, AttentiveIntegrator
from brainsim.nn.layers import AvgPool, BatchNorm, Conv, Dropout, Embed, LayerSpec, Linear, MaxPool, SumPool
from brainsim.nn.neurons import ALIF, LIF, LeakyIntegrator, LeakyReadout, Neurons, ResonateAndFire, SoftResetLIF
from brainsim.nn.norms import BNTT, TDBN, TEBN
from brainsim.nn.parallel import PSN, MaskedParallel, MaskedPSN, Parallel, SlidingParallel, SlidingPSN
from brainsim.nn.sequential import Residual, Sequential

__all__ = [
    "ALIF",
    "AttentionReadout",
    "AttentiveIntegrator",
    "AvgPool",
    "BatchNorm",
    "BNTT",
    "Conv",
    "Dropout",
    "Embed",
    "LayerSpec",
    "LeakyIntegrator",
    "LeakyReadout",
    "LIF",
    "Linear",
    "MaskedParallel",
    "MaskedPSN",
    "MaxPool",
    "Neurons",
    "Parallel",
    "PSN",
    "Residual",
    "ResonateAndFire",
    "Sequential",
    "SlidingParallel",
    "SlidingPSN",
    "SoftResetLIF",
    "SumPool",
    "TDBN",
    "TEBN",
]
