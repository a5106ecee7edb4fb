"""Neurons: a model is its parameters, its states and its equations."""

from brainsim.neurons.adex import AdEx
from brainsim.neurons.base import Neuron
from brainsim.neurons.hodgkin_huxley import HodgkinHuxley
from brainsim.neurons.izhikevich import Izhikevich
from brainsim.neurons.lif import LIF
from brainsim.neurons.qif import QIF
from brainsim.neurons.traub_miles import TraubMiles

__all__ = ["LIF", "QIF", "AdEx", "HodgkinHuxley", "Izhikevich", "Neuron", "TraubMiles"]
