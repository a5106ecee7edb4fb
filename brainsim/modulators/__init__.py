"""Modulators: signals of a whole network, such as dopamine or calcium in an astrocyte, that plasticity rules follow."""

from brainsim.modulators.astrocyte import Astrocyte
from brainsim.modulators.base import LeakyModulator, Modulator
from brainsim.modulators.dopamine import Dopamine
from brainsim.modulators.schedule import Schedule

__all__ = ["Astrocyte", "Dopamine", "LeakyModulator", "Modulator", "Schedule"]
