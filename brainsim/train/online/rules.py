"""All rules by name, for arguments of their own: ``bs.train.rules.PPProp(alpha=0.95)``."""

from brainsim.train.online.d_rtrl import DRTRL, OSTL, EProp, SnAp1
from brainsim.train.online.pp_prop import PPProp
from brainsim.train.online.presynaptic import DECOLLE, OTPE, OTTT, SLTT, ThreeFactor
from brainsim.train.online.rule import Rule, TraceRule
from brainsim.train.online.whole import RTRL, UORO

__all__ = [
    "DECOLLE",
    "DRTRL",
    "EProp",
    "OSTL",
    "OTPE",
    "OTTT",
    "PPProp",
    "RTRL",
    "Rule",
    "SLTT",
    "SnAp1",
    "ThreeFactor",
    "TraceRule",
    "UORO",
]
