"""Neurons: a model is its parameters, its states and its equations."""

from brainsim.neurons.base import Neuron
from brainsim.neurons.lif import LIF

__all__ = ["LIF", "Neuron"]
