"""Neurons: a model is its parameters, its states and its equations."""

from brainsim.neurons.adex import AdEx
from brainsim.neurons.base import Neuron
from brainsim.neurons.conductance_based import ConductanceBased
from brainsim.neurons.connor_stevens import ConnorStevens
from brainsim.neurons.fitzhugh_nagumo import FitzHughNagumo
from brainsim.neurons.hindmarsh_rose import HindmarshRose
from brainsim.neurons.hodgkin_huxley import HodgkinHuxley
from brainsim.neurons.izhikevich import Izhikevich
from brainsim.neurons.lif import LIF
from brainsim.neurons.morris_lecar import MorrisLecar
from brainsim.neurons.pinsky_rinzel import PinskyRinzel
from brainsim.neurons.qif import QIF
from brainsim.neurons.traub_miles import TraubMiles
from brainsim.neurons.wang_buzsaki import ReducedTraub, WangBuzsaki

__all__ = [
    "LIF",
    "QIF",
    "AdEx",
    "ConductanceBased",
    "ConnorStevens",
    "FitzHughNagumo",
    "HindmarshRose",
    "HodgkinHuxley",
    "Izhikevich",
    "MorrisLecar",
    "Neuron",
    "PinskyRinzel",
    "ReducedTraub",
    "TraubMiles",
    "WangBuzsaki",
]
