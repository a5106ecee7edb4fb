"""Ion channels and the concentrations they act on: what a membrane is composed of."""

from brainsim.channels.base import Channel, Gate
from brainsim.channels.calcium import (
    CaHT_Reuveni1993,
    CaHT_Traub1991,
    CaL_MH1992,
    CalciumChannel,
    CaLVA_Hay2011,
    CaN_Jaffe1994,
    CaT_Destexhe1996,
    CaT_HM1992,
    CaT_HP1992,
)
from brainsim.channels.calcium_activated import (
    CAN_Destexhe1994,
    KAHP_Destexhe1994,
    KAHP_Traub1991,
    KC_Traub1991,
    SK_Hay2011,
)
from brainsim.channels.calcium_pools import BufferedCalcium, radial_calcium
from brainsim.channels.cases import select
from brainsim.channels.equations import Equations, Further, PoolEquation, from_step, linear, steady
from brainsim.channels.hyperpolarisation import Ih_Destexhe1996, Ih_Hay2011, Ih_HM1992
from brainsim.channels.kinetics import Rates, Relaxation, exprel, q10
from brainsim.channels.leak import Leak
from brainsim.channels.mechanism import Mechanism
from brainsim.channels.pools import Calcium, Calcium_Hay2011, Calcium_Traub1991, Pool, nernst
from brainsim.channels.potassium import (
    K_HH1952,
    K_ConnorStevens,
    K_Traub1991,
    K_TraubMiles,
    K_WangBuzsaki,
    KM_Hay2011,
    KM_Yamada1989,
    KP_Hay2011,
    Kv3_Hay2011,
)
from brainsim.channels.potassium_transient import K2_HM1992, KA_HM1992, KA_ConnorStevens, KA_Traub1991, KT_Hay2011
from brainsim.channels.sodium import (
    Na_ConnorStevens,
    Na_HH1952,
    Na_Traub1991,
    Na_TraubMiles,
    Na_WangBuzsaki,
    NaP_Hay2011,
    NaTa_Hay2011,
    NaTs_Hay2011,
)
from brainsim.channels.sodium_potassium import KLeak_GHK, NaKPump, NaLeak_GHK, Potassium, Sodium, ghk
from brainsim.channels.temperature import Celsius, Kelvin, RateFactor

__all__ = [
    "BufferedCalcium",
    "radial_calcium",
    "Celsius",
    "Kelvin",
    "RateFactor",
    "CaLVA_Hay2011",
    "SK_Hay2011",
    "Ih_Hay2011",
    "Calcium_Hay2011",
    "KM_Hay2011",
    "KP_Hay2011",
    "Kv3_Hay2011",
    "KT_Hay2011",
    "NaP_Hay2011",
    "NaTa_Hay2011",
    "NaTs_Hay2011",
    "CAN_Destexhe1994",
    "CaHT_Reuveni1993",
    "CaHT_Traub1991",
    "CaL_MH1992",
    "CaN_Jaffe1994",
    "CaT_Destexhe1996",
    "CaT_HM1992",
    "CaT_HP1992",
    "Calcium",
    "CalciumChannel",
    "Calcium_Traub1991",
    "Channel",
    "Equations",
    "Further",
    "Gate",
    "Ih_Destexhe1996",
    "Ih_HM1992",
    "K2_HM1992",
    "KAHP_Destexhe1994",
    "KAHP_Traub1991",
    "KA_ConnorStevens",
    "KA_HM1992",
    "KA_Traub1991",
    "KC_Traub1991",
    "KM_Yamada1989",
    "K_ConnorStevens",
    "K_HH1952",
    "K_Traub1991",
    "K_TraubMiles",
    "K_WangBuzsaki",
    "KLeak_GHK",
    "Leak",
    "Mechanism",
    "NaKPump",
    "NaLeak_GHK",
    "Na_ConnorStevens",
    "Na_HH1952",
    "Na_Traub1991",
    "Na_TraubMiles",
    "Na_WangBuzsaki",
    "Pool",
    "PoolEquation",
    "Potassium",
    "Rates",
    "Relaxation",
    "Sodium",
    "exprel",
    "from_step",
    "ghk",
    "linear",
    "nernst",
    "q10",
    "select",
    "steady",
]
