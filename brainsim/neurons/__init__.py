"""Neurons: a model is its parameters, its states and its equations."""

from brainsim._core.written import source_of
from brainsim.neurons import patterns as patterns
from brainsim.neurons.adex import AdEx
from brainsim.neurons.alif import ALIF
from brainsim.neurons.base import Neuron
from brainsim.neurons.conductance_based import ConductanceBased
from brainsim.neurons.connor_stevens import ConnorStevens
from brainsim.neurons.escape import SRM0, EscapeGIF, PoissonNeuron
from brainsim.neurons.expif import ExpIF
from brainsim.neurons.fitzhugh_nagumo import FitzHughNagumo
from brainsim.neurons.gif import GIF
from brainsim.neurons.glif import GLIF1, GLIF2, GLIF3, GLIF4, GLIF5
from brainsim.neurons.hindmarsh_rose import HindmarshRose
from brainsim.neurons.hodgkin_huxley import HodgkinHuxley
from brainsim.neurons.izhikevich import Izhikevich
from brainsim.neurons.lif import LIF
from brainsim.neurons.mat2 import MAT2
from brainsim.neurons.morris_lecar import MorrisLecar
from brainsim.neurons.perfect import IF
from brainsim.neurons.pinsky_rinzel import PinskyRinzel
from brainsim.neurons.qif import QIF, AdQIF
from brainsim.neurons.resonate_and_fire import BalancedResonateAndFire, ResonateAndFire
from brainsim.neurons.text.from_equations import from_equations
from brainsim.neurons.text.words import EquationsError
from brainsim.neurons.theta import Theta
from brainsim.neurons.traub_miles import TraubMiles
from brainsim.neurons.wang_buzsaki import ReducedTraub, WangBuzsaki

__all__ = [
    "ALIF",
    "AdEx",
    "AdQIF",
    "BalancedResonateAndFire",
    "ConductanceBased",
    "ConnorStevens",
    "EquationsError",
    "EscapeGIF",
    "ExpIF",
    "FitzHughNagumo",
    "GIF",
    "GLIF1",
    "GLIF2",
    "GLIF3",
    "GLIF4",
    "GLIF5",
    "HindmarshRose",
    "HodgkinHuxley",
    "IF",
    "Izhikevich",
    "LIF",
    "MAT2",
    "MorrisLecar",
    "Neuron",
    "PinskyRinzel",
    "PoissonNeuron",
    "QIF",
    "ReducedTraub",
    "ResonateAndFire",
    "SRM0",
    "Theta",
    "TraubMiles",
    "WangBuzsaki",
    "from_equations",
    "source_of",
]
