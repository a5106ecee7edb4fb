"""Neural masses and rate units: the activity of whole populations, coupled over a connectome."""

from brainsim.masses.base import Mass
from brainsim.masses.bold import BalloonWindkessel
from brainsim.masses.epileptor import Epileptor
from brainsim.masses.jansen_rit import JansenRit, Wendling
from brainsim.masses.larter_breakspear import LarterBreakspear
from brainsim.masses.montbrio import QIFMeanField
from brainsim.masses.oscillators import FitzHughNagumoField, Hopf, Kuramoto, StuartLandau, VanDerPol
from brainsim.masses.rate import Linear, ThresholdLinear, WilsonCowan
from brainsim.masses.wong_wang import ReducedWongWang, WongWang

__all__ = [
    "BalloonWindkessel",
    "Epileptor",
    "FitzHughNagumoField",
    "Hopf",
    "JansenRit",
    "Kuramoto",
    "LarterBreakspear",
    "Linear",
    "Mass",
    "QIFMeanField",
    "ReducedWongWang",
    "StuartLandau",
    "ThresholdLinear",
    "VanDerPol",
    "Wendling",
    "WilsonCowan",
    "WongWang",
]
