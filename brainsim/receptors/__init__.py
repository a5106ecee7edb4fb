"""Receptors: linear kinetics on the postsynaptic side, as currents or conductances."""

from brainsim.receptors.base import Receptor
from brainsim.receptors.kinetics import Alpha, Delta, DualExponential, Exponential
from brainsim.receptors.nmda import NMDA

__all__ = ["Alpha", "Delta", "DualExponential", "Exponential", "NMDA", "Receptor"]
