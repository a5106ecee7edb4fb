"""Receptors: kinetics on the postsynaptic side, as currents or conductances."""

from brainsim.receptors.base import Receptor
from brainsim.receptors.coupling import Coupling, Summed
from brainsim.receptors.delta import Delta
from brainsim.receptors.gaba_b import GABA_B
from brainsim.receptors.graded import Diffusive, GapJunction, Graded
from brainsim.receptors.ionotropic import AMPA, GABA_A
from brainsim.receptors.kinetics import Alpha, DualExponential, Exponential
from brainsim.receptors.linear import LinearReceptor
from brainsim.receptors.nmda import NMDA, GatedNMDA
from brainsim.receptors.point_process import PointProcess
from brainsim.receptors.sinusoidal import Sinusoidal
from brainsim.receptors.state_space import StateSpace

__all__ = [
    "AMPA",
    "GABA_A",
    "GABA_B",
    "NMDA",
    "Alpha",
    "Coupling",
    "Delta",
    "Diffusive",
    "DualExponential",
    "Exponential",
    "GapJunction",
    "GatedNMDA",
    "Graded",
    "LinearReceptor",
    "PointProcess",
    "Receptor",
    "Sinusoidal",
    "StateSpace",
    "Summed",
]
