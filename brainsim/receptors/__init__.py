"""Receptors: kinetics on the postsynaptic side, as currents or conductances."""

from brainsim.receptors.base import Receptor
from brainsim.receptors.graded import Diffusive, GapJunction, Graded
from brainsim.receptors.kinetics import Alpha, Delta, DualExponential, Exponential
from brainsim.receptors.nmda import NMDA
from brainsim.receptors.sinusoidal import Sinusoidal

__all__ = ["Alpha", "Delta", "Diffusive", "DualExponential", "Exponential", "GapJunction", "Graded", "NMDA", "Receptor", "Sinusoidal"]
