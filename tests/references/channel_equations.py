"""The channels' equations once more, typed from the papers in plain NumPy and in the papers' own form.

V in mV, times in ms, rates per ms. `GATES[channel](V, Ca)` gives (steady state, time constant) of every gate, `OPEN`
the part that conducts, `DEFAULTS` the conductance in mS/cm2 and the reversal potential in mV. No brainsim in here.
"""

import numpy as np
from numpy import exp


def ratio(a, x, k):
    """a x / (exp(x / k) - 1), the textbook form; not defined at x = 0."""
    return a * x / (exp(x / k) - 1)


def ab(a, b):
    return a / (a + b), 1 / (a + b)


def hh_na(V, Ca=None):
    return {
        "m": ab(0.1 * (V + 40) / (1 - exp(-(V + 40) / 10)), 4 * exp(-(V + 65) / 18)),
        "h": ab(0.07 * exp(-(V + 65) / 20), 1 / (1 + exp(-(V + 35) / 10))),
    }


def hh_k(V, Ca=None):
    return {"n": ab(0.01 * (V + 55) / (1 - exp(-(V + 55) / 10)), 0.125 * exp(-(V + 65) / 80))}


def traub_miles_na(V, Ca=None, VT=-63.0):
    v = V - VT
    return {
        "m": ab(ratio(0.32, 13 - v, 4), ratio(0.28, v - 40, 5)),
        "h": ab(0.128 * exp((17 - v) / 18), 4 / (1 + exp((40 - v) / 5))),
    }


def traub_miles_k(V, Ca=None, VT=-63.0):
    v = V - VT
    return {"n": ab(ratio(0.032, 15 - v, 5), 0.5 * exp((10 - v) / 40))}


def traub_na(V, Ca=None):
    v = V + 60
    return {
        "m": ab(ratio(0.32, 13.1 - v, 4), ratio(0.28, v - 40.1, 5)),
        "h": ab(0.128 * exp((17 - v) / 18), 4 / (1 + exp((40 - v) / 5))),
    }


def traub_k(V, Ca=None):
    v = V + 60
    return {"n": ab(ratio(0.016, 35.1 - v, 5), 0.25 * exp((20 - v) / 40))}


def traub_a(V, Ca=None):
    v = V + 60
    return {
        "a": ab(ratio(0.02, 13.1 - v, 10), ratio(0.0175, v - 40.1, 10)),
        "b": ab(0.0016 * exp((-13 - v) / 18), 0.05 / (1 + exp((10.1 - v) / 5))),
    }


def traub_ca(V, Ca=None):
    v = V + 60
    r = np.where(v <= 0, 0.005, exp(-v / 20) / 200)
    return {
        "s": ab(1.6 / (1 + exp(-0.072 * (v - 65))), ratio(0.02, v - 51.1, 5)),
        "r": ab(r, np.where(v <= 0, 0.0, 0.005 - r)),
    }


def traub_c(V, Ca=None):
    v = V + 60
    low = exp((v - 10) / 11 - (v - 6.5) / 27) / 18.975
    high = 2 * exp((6.5 - v) / 27)
    return {"c": ab(np.where(v <= 50, low, high), np.where(v <= 50, high - low, 0.0))}


def traub_ahp(V, Ca):
    return {"q": ab(np.minimum(0.2e-4 * Ca, 0.01), 0.001)}


def wang_buzsaki_na(V, Ca=None):
    return {"h": ab(5 * 0.07 * exp(-(V + 58) / 20), 5 / (exp(-0.1 * (V + 28)) + 1))}


def wang_buzsaki_m(V):
    return ab(-0.1 * (V + 35) / (exp(-0.1 * (V + 35)) - 1), 4 * exp(-(V + 60) / 18))[0]


def wang_buzsaki_k(V, Ca=None):
    return {"n": ab(-5 * 0.01 * (V + 34) / (exp(-0.1 * (V + 34)) - 1), 5 * 0.125 * exp(-(V + 44) / 80))}


def connor_na(V, Ca=None):
    return {
        "m": ab(0.38 * (V + 29.7) / (1 - exp(-0.1 * (V + 29.7))), 15.2 * exp(-0.0556 * (V + 54.7))),
        "h": ab(0.266 * exp(-0.05 * (V + 48)), 3.8 / (1 + exp(-0.1 * (V + 18)))),
    }


def connor_k(V, Ca=None):
    return {"n": ab(0.02 * (V + 45.7) / (1 - exp(-0.1 * (V + 45.7))), 0.25 * exp(-0.0125 * (V + 55.7)))}


def connor_a(V, Ca=None):
    return {
        "a": (
            (0.0761 * exp(0.0314 * (V + 94.22)) / (1 + exp(0.0346 * (V + 1.17)))) ** (1 / 3),
            0.3632 + 1.158 / (1 + exp(0.0497 * (V + 55.96))),
        ),
        "b": ((1 / (1 + exp(0.0688 * (V + 53.3)))) ** 4, 1.24 + 2.678 / (1 + exp(0.0624 * (V + 50)))),
    }


def yamada_m(V, Ca=None, tau_max=608.0):
    return {"p": (1 / (exp(-(V + 35) / 10) + 1), tau_max / (3.3 * exp((V + 35) / 20) + exp(-(V + 35) / 20)))}


def huguenard_a(V, Ca=None):
    tau_m = 1 / (exp((V + 35.8) / 19.7) + exp((V + 79.7) / -12.7)) + 0.37
    tau_h = 1 / (exp((V + 46) / 5) + exp((V + 238) / -37.5))
    h = 1 / (1 + exp((V + 78) / 6))
    return {
        "m1": (1 / (1 + exp(-(V + 60) / 8.5)), tau_m),
        "h1": (h, np.where(V < -63, tau_h, 19.0)),
        "m2": (1 / (1 + exp(-(V + 36) / 20)), tau_m),
        "h2": (h, np.where(V < -73, tau_h, 60.0)),
    }


def huguenard_k2(V, Ca=None):
    h = 1 / (1 + exp((V + 58) / 10.6))
    tau = 1 / (exp((V - 1329) / 200) + exp((V + 130) / -7.1)) + 120
    m = (1 / (1 + exp(-(V + 43) / 17)), 1 / (exp((V - 81) / 25.6) + exp((V + 132) / -18)) + 9.9)
    return {"m": m, "h1": (h, tau), "h2": (h, np.where(V < -70, tau, 8900.0))}


def huguenard_t(V, Ca=None):
    tau_h = np.where(V < -80, exp((V + 467) / 66.6), exp((V + 22) / -10.5) + 28)
    return {
        "m": (1 / (1 + exp(-(V + 57) / 6.2)), 1 / (exp((V + 132) / -16.7) + exp((V + 16.8) / 18.2)) + 0.612),
        "h": (1 / (1 + exp((V + 81) / 4)), tau_h),
    }


def reticular_t(V, Ca=None):
    return {
        "m": (1 / (1 + exp(-(V + 52) / 7.4)), 3 + 1 / (exp((V + 27) / 10) + exp(-(V + 102) / 15))),
        "h": (1 / (1 + exp((V + 80) / 5)), 85 + 1 / (exp((V + 48) / 4) + exp(-(V + 407) / 50))),
    }


def destexhe_t(V, Ca=None, Vx=2.0):
    tau = (30.8 + (211.4 + exp((V + Vx + 113.2) / 5)) / (1 + exp((V + Vx + 84) / 3.2))) / 3.7
    return {"u": (1 / (1 + exp((V + Vx + 81) / 4)), tau)}


def destexhe_t_s(V, Vx=2.0):
    return 1 / (1 + exp(-(V + Vx + 57) / 6.2))


def mccormick_l(V, Ca=None):
    return {"m": ab(1.6 / (1 + exp(-0.072 * (V - 5))), ratio(0.02, V - 1.31, 5.36))}


def reuveni_l(V, Ca=None):
    return {
        "q": ab(0.055 * (-27 - V) / (exp((-27 - V) / 3.8) - 1), 0.94 * exp((-75 - V) / 17)),
        "r": ab(0.000457 * exp((-13 - V) / 50), 0.0065 / (exp((-15 - V) / 28) + 1)),
    }


def jaffe_n(V, Ca=None):
    return {
        "m": ab(0.1967 * (-V + 19.88) / (exp((-V + 19.88) / 10) - 1), 0.046 * exp(-V / 20.73)),
        "h": ab(1.6e-4 * exp(-V / 48.4), 1 / (exp((-V + 39) / 10) + 1)),
    }


def destexhe_ahp(V, Ca):
    return {"m": ab(48 * Ca**2, 0.03)}


def destexhe_can(V, Ca):
    return {"m": ab(20 * Ca**2, 0.002)}


def huguenard_h(V, Ca=None):
    return {"m": (1 / (1 + exp((V + 75) / 5.5)), 1 / (exp(-14.59 - 0.086 * V) + exp(-1.87 + 0.0701 * V)))}


def destexhe_h(V):
    """Steady state and time constant of opening, without calcium."""
    return 1 / (1 + exp((V + 75) / 5.5)), 20 + 1000 / (exp((V + 71.5) / 14.2) + exp(-(V + 89) / 11.6))


QT = 2.3 ** ((34 - 21) / 10)


def hay_na(V, Ca=None, shift=0.0):
    V = V - shift
    m = ab(0.182 * (V + 38) / (1 - exp(-(V + 38) / 6)), 0.124 * (-V - 38) / (1 - exp(-(-V - 38) / 6)))
    h = ab(-0.015 * (V + 66) / (1 - exp((V + 66) / 6)), -0.015 * (-V - 66) / (1 - exp((-V - 66) / 6)))
    return {"m": (m[0], m[1] / QT), "h": (h[0], h[1] / QT)}


def hay_nap(V, Ca=None):
    h = ab(-2.88e-6 * (V + 17) / (1 - exp((V + 17) / 4.63)), 6.94e-6 * (V + 64.4) / (1 - exp(-(V + 64.4) / 2.63)))
    return {
        "m": (1 / (1 + exp((V + 52.6) / -4.6)), 6 * hay_na(V)["m"][1]),
        "h": (1 / (1 + exp((V + 48.8) / 10)), h[1] / QT),
    }


def hay_kp(V, Ca=None):
    v = V + 10
    slow = np.where(v < -50, 1.25 + 175.03 * exp(-v * -0.026), 1.25 + 13 * exp(-v * 0.026))
    return {
        "m": (1 / (1 + exp(-(v + 1) / 12)), slow / QT),
        "h": (1 / (1 + exp(-(v + 54) / -11)), (360 + (1010 + 24 * (v + 55)) * exp(-(((v + 75) / 48) ** 2))) / QT),
    }


def hay_kt(V, Ca=None):
    v = V + 10
    return {
        "m": (1 / (1 + exp(-v / 19)), (0.34 + 0.92 * exp(-(((v + 71) / 59) ** 2))) / QT),
        "h": (1 / (1 + exp(-(v + 66) / -10)), (8 + 49 * exp(-(((v + 73) / 23) ** 2))) / QT),
    }


def hay_kv3(V, Ca=None):
    return {"m": (1 / (1 + exp((V - 18.7) / -9.7)), 0.2 * 20 / (1 + exp((V + 46.56) / -44.14)))}


def hay_km(V, Ca=None):
    m = ab(3.3e-3 * exp(2.5 * 0.04 * (V + 35)), 3.3e-3 * exp(-2.5 * 0.04 * (V + 35)))
    return {"m": (m[0], m[1] / QT)}


def hay_lva(V, Ca=None):
    v = V + 10
    return {
        "m": (1 / (1 + exp((v + 30) / -6)), (5 + 20 / (1 + exp((v + 25) / 5))) / QT),
        "h": (1 / (1 + exp((v + 80) / 6.4)), (20 + 50 / (1 + exp((v + 40) / 7))) / QT),
    }


def hay_sk(V, Ca):
    return {"z": (1 / (1 + (0.00043 / Ca) ** 4.8), 1.0)}


def hay_h(V, Ca=None):
    return {"m": ab(0.001 * 6.43 * (V + 154.9) / (exp((V + 154.9) / 11.9) - 1), 0.001 * 193 * exp(V / 33.1))}


GATES = {
    "Na_HH1952": hh_na, "K_HH1952": hh_k, "Na_TraubMiles": traub_miles_na, "K_TraubMiles": traub_miles_k,
    "Na_Traub1991": traub_na, "K_Traub1991": traub_k, "KA_Traub1991": traub_a, "CaHT_Traub1991": traub_ca,
    "KC_Traub1991": traub_c, "KAHP_Traub1991": traub_ahp, "Na_WangBuzsaki": wang_buzsaki_na, "K_WangBuzsaki": wang_buzsaki_k,
    "Na_ConnorStevens": connor_na, "K_ConnorStevens": connor_k, "KA_ConnorStevens": connor_a, "KM_Yamada1989": yamada_m,
    "KA_HM1992": huguenard_a, "K2_HM1992": huguenard_k2, "CaT_HM1992": huguenard_t, "CaT_HP1992": reticular_t,
    "CaT_Destexhe1996": destexhe_t, "CaL_MH1992": mccormick_l, "CaHT_Reuveni1993": reuveni_l, "CaN_Jaffe1994": jaffe_n,
    "KAHP_Destexhe1994": destexhe_ahp, "CAN_Destexhe1994": destexhe_can, "Ih_HM1992": huguenard_h,
    "NaTa_Hay2011": hay_na, "NaTs_Hay2011": lambda V, Ca=None: hay_na(V, shift=6.0), "NaP_Hay2011": hay_nap,
    "KP_Hay2011": hay_kp, "KT_Hay2011": hay_kt, "Kv3_Hay2011": hay_kv3, "KM_Hay2011": hay_km, "CaLVA_Hay2011": hay_lva,
    "SK_Hay2011": hay_sk, "Ih_Hay2011": hay_h,
}  # fmt: skip

# Conducting part, of V, Ca and the gates in the order above.
OPEN = {
    "Na_HH1952": lambda V, Ca, m, h: m**3 * h, "K_HH1952": lambda V, Ca, n: n**4,
    "Na_TraubMiles": lambda V, Ca, m, h: m**3 * h, "K_TraubMiles": lambda V, Ca, n: n**4,
    "Na_Traub1991": lambda V, Ca, m, h: m**2 * h, "K_Traub1991": lambda V, Ca, n: n,
    "KA_Traub1991": lambda V, Ca, a, b: a * b, "CaHT_Traub1991": lambda V, Ca, s, r: s**2 * r,
    "KC_Traub1991": lambda V, Ca, c: c * np.minimum(1, Ca / 250), "KAHP_Traub1991": lambda V, Ca, q: q,
    "Na_WangBuzsaki": lambda V, Ca, h: wang_buzsaki_m(V) ** 3 * h, "K_WangBuzsaki": lambda V, Ca, n: n**4,
    "Na_ConnorStevens": lambda V, Ca, m, h: m**3 * h, "K_ConnorStevens": lambda V, Ca, n: n**4,
    "KA_ConnorStevens": lambda V, Ca, a, b: a**3 * b, "KM_Yamada1989": lambda V, Ca, p: p,
    "KA_HM1992": lambda V, Ca, m1, h1, m2, h2: 0.6 * m1**4 * h1 + 0.4 * m2**4 * h2,
    "K2_HM1992": lambda V, Ca, m, h1, h2: m * (0.6 * h1 + 0.4 * h2),
    "CaT_HM1992": lambda V, Ca, m, h: m**2 * h, "CaT_HP1992": lambda V, Ca, m, h: m**2 * h,
    "CaT_Destexhe1996": lambda V, Ca, u: destexhe_t_s(V) ** 2 * u, "CaL_MH1992": lambda V, Ca, m: m**2,
    "CaHT_Reuveni1993": lambda V, Ca, q, r: q**2 * r, "CaN_Jaffe1994": lambda V, Ca, m, h: m**2 * h,
    "KAHP_Destexhe1994": lambda V, Ca, m: m**2, "CAN_Destexhe1994": lambda V, Ca, m: m**2, "Ih_HM1992": lambda V, Ca, m: m,
    "NaTa_Hay2011": lambda V, Ca, m, h: m**3 * h, "NaTs_Hay2011": lambda V, Ca, m, h: m**3 * h,
    "NaP_Hay2011": lambda V, Ca, m, h: m**3 * h, "KP_Hay2011": lambda V, Ca, m, h: m**2 * h,
    "KT_Hay2011": lambda V, Ca, m, h: m**4 * h, "Kv3_Hay2011": lambda V, Ca, m: m, "KM_Hay2011": lambda V, Ca, m: m,
    "CaLVA_Hay2011": lambda V, Ca, m, h: m**2 * h, "SK_Hay2011": lambda V, Ca, z: z, "Ih_Hay2011": lambda V, Ca, m: m,
}  # fmt: skip
