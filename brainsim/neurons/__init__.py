"""Neurons: a model is its parameters, its states and its equations."""

from brainsim.neurons import patterns as patterns
from brainsim.neurons.adex import AdEx
from brainsim.neurons.alif import ALIF
from brainsim.neurons.base import Neuron
from brainsim.neurons.escape import SRM0, EscapeGIF, PoissonNeuron
from brainsim.neurons.expif import ExpIF
from brainsim.neurons.gif import GIF
from brainsim.neurons.glif import GLIF1, GLIF2, GLIF3, GLIF4, GLIF5
from brainsim.neurons.hodgkin_huxley import HodgkinHuxley
from brainsim.neurons.izhikevich import Izhikevich
from brainsim.neurons.lif import LIF
from brainsim.neurons.mat2 import MAT2
from brainsim.neurons.perfect import IF
from brainsim.neurons.qif import QIF, AdQIF
from brainsim.neurons.theta import Theta
from brainsim.neurons.traub_miles import TraubMiles

__all__ = [
    "ALIF",
    "AdEx",
    "AdQIF",
    "EscapeGIF",
    "ExpIF",
    "GIF",
    "GLIF1",
    "GLIF2",
    "GLIF3",
    "GLIF4",
    "GLIF5",
    "HodgkinHuxley",
    "IF",
    "Izhikevich",
    "LIF",
    "MAT2",
    "Neuron",
    "PoissonNeuron",
    "QIF",
    "SRM0",
    "Theta",
    "TraubMiles",
]
