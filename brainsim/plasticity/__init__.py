"""Plasticity: how weights change with spikes."""

from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.bcm import BCM
from brainsim.plasticity.calcium import CalciumPlasticity
from brainsim.plasticity.combined import Combined
from brainsim.plasticity.growth import GaussianGrowth, Growth, LinearGrowth, SigmoidGrowth
from brainsim.plasticity.hebb import Hebb
from brainsim.plasticity.homeostatic import HomeostaticScaling
from brainsim.plasticity.inhibitory import InhibitorySTDP
from brainsim.plasticity.oja import Oja
from brainsim.plasticity.policy_gradient import PolicyGradient
from brainsim.plasticity.power_law import PowerLawSTDP
from brainsim.plasticity.rates import RateRule
from brainsim.plasticity.reward import RewardModulated
from brainsim.plasticity.rewire import rewire
from brainsim.plasticity.stdp import PairSTDP
from brainsim.plasticity.structural import Structural
from brainsim.plasticity.synapses import Side, Surroundings, Synapses
from brainsim.plasticity.term import Term
from brainsim.plasticity.trace import Trace
from brainsim.plasticity.triplet import TripletSTDP
from brainsim.plasticity.voltage import VoltageSTDP

__all__ = [
    "BCM",
    "CalciumPlasticity",
    "Combined",
    "GaussianGrowth",
    "Growth",
    "Hebb",
    "HomeostaticScaling",
    "InhibitorySTDP",
    "LinearGrowth",
    "Oja",
    "PairSTDP",
    "Plasticity",
    "PolicyGradient",
    "PowerLawSTDP",
    "RateRule",
    "RewardModulated",
    "rewire",
    "Side",
    "SigmoidGrowth",
    "Structural",
    "Surroundings",
    "Synapses",
    "Term",
    "Trace",
    "TripletSTDP",
    "VoltageSTDP",
]
