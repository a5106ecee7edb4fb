"""Every neuron and mass against its published equations, written here in plain NumPy with the published numbers.

A line of a table holds the variables and input that the equations are taken at, and the equations: rates per ms, then
what a spike makes of the variables, and the distance to threshold. Potentials are in mV, currents in pA or uA/cm2.
"""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from numpy import cos, cosh, exp, pi, sin, sqrt, tanh  # noqa: F401

import brainsim as bs
from brainsim import masses, neurons

# -- rates of gates: opening and closing, per ms ----------------------------------------------------------------------


def gate(x, alpha, beta, phi=1.0):
    return phi * (alpha * (1 - x) - beta * x)


def linoid(x, width):
    """x / (exp(x / width) - 1)."""
    return x / (exp(x / width) - 1)


def hodgkin_huxley(V, m, h, n, I):
    dV = 120 * m**3 * h * (50 - V) + 36 * n**4 * (-77 - V) + 0.3 * (-54.387 - V) + I
    return (
        dV,
        gate(m, 0.1 * linoid(-(V + 40), 10), 4 * exp(-(V + 65) / 18)),
        gate(h, 0.07 * exp(-(V + 65) / 20), 1 / (1 + exp(-(V + 35) / 10))),
        gate(n, 0.01 * linoid(-(V + 55), 10), 0.125 * exp(-(V + 65) / 80)),
    )


def traub_miles_gates(v):
    return {
        "m": (0.32 * linoid(13 - v, 4), 0.28 * linoid(v - 40, 5)),
        "h": (0.128 * exp((17 - v) / 18), 4 / (1 + exp((40 - v) / 5))),
        "n": (0.032 * linoid(15 - v, 5), 0.5 * exp((10 - v) / 40)),
    }


def traub_miles(V, m, h, n, I):
    gates = traub_miles_gates(V + 63)
    dV = (20e3 * m**3 * h * (50 - V) + 6e3 * n**4 * (-90 - V) + 10 * (-60 - V) + I) / 200
    return dV, gate(m, *gates["m"]), gate(h, *gates["h"]), gate(n, *gates["n"])


def reduced_traub(V, h, n, I):
    gates = traub_miles_gates(V + 67)
    m = gates["m"][0] / sum(gates["m"])
    dV = 100 * m**3 * h * (50 - V) + 80 * n**4 * (-100 - V) + 0.1 * (-67 - V) + I
    return dV, gate(h, *gates["h"]), gate(n, *gates["n"])


def wang_buzsaki(V, h, n, I):
    a_m, b_m = 0.1 * linoid(-(V + 35), 10), 4 * exp(-(V + 60) / 18)
    dV = 35 * (a_m / (a_m + b_m)) ** 3 * h * (55 - V) + 9 * n**4 * (-90 - V) + 0.1 * (-65 - V) + I
    h_rate = gate(h, 0.07 * exp(-(V + 58) / 20), 1 / (exp(-0.1 * (V + 28)) + 1), 5)
    return dV, h_rate, gate(n, 0.01 * linoid(-(V + 34), 10), 0.125 * exp(-(V + 44) / 80), 5)


def connor_stevens(V, m, h, n, a, b, I):
    """Dayan and Abbott (2001), section 6.2."""
    dV = 120 * m**3 * h * (55 - V) + 20 * n**4 * (-72 - V) + 47.7 * a**3 * b * (-75 - V) + 0.3 * (-17 - V) + I
    a_inf = (0.0761 * exp(0.0314 * (V + 94.22)) / (1 + exp(0.0346 * (V + 1.17)))) ** (1 / 3)
    tau_a = 0.3632 + 1.158 / (1 + exp(0.0497 * (V + 55.96)))
    b_inf, tau_b = (1 / (1 + exp(0.0688 * (V + 53.3)))) ** 4, 1.24 + 2.678 / (1 + exp(0.0624 * (V + 50)))
    return (
        dV,
        gate(m, 0.38 * linoid(-(V + 29.7), 10), 15.2 * exp(-0.0556 * (V + 54.7))),
        gate(h, 0.266 * exp(-0.05 * (V + 48)), 3.8 / (1 + exp(-0.1 * (V + 18)))),
        gate(n, 0.02 * linoid(-(V + 45.7), 10), 0.25 * exp(-0.0125 * (V + 55.7))),
        (a_inf - a) / tau_a,
        (b_inf - b) / tau_b,
    )


def pinsky_rinzel(V, V_d, h, n, s, c, q, Ca, I, I_d):
    """Potentials of the paper count from -60 mV."""
    v, v_d = V + 60, V_d + 60
    a_m, b_m = 0.32 * linoid(13.1 - v, 4), 0.28 * linoid(v - 40.1, 5)
    dV = (
        0.1 * (-60 - V)
        + 30 * (a_m / (a_m + b_m)) ** 2 * h * (60 - V)
        + 15 * n * (-75 - V)
        + (2.1 * (V_d - V) + I) / 0.5
    )
    I_Ca, slow = 10 * s**2 * (80 - V_d), 0.8 * q * (-75 - V_d) + 15 * c * min(Ca / 250, 1) * (-75 - V_d)
    dV_d = 0.1 * (-60 - V_d) + I_Ca + slow + (2.1 * (V - V_d) + I_d) / 0.5
    a_c = exp((v_d - 10) / 11 - (v_d - 6.5) / 27) / 18.975
    return (
        dV / 3,
        dV_d / 3,
        gate(h, 0.128 * exp((17 - v) / 18), 4 / (1 + exp((40 - v) / 5))),
        gate(n, 0.016 * linoid(35.1 - v, 5), 0.25 * exp(0.5 - 0.025 * v)),
        gate(s, 1.6 / (1 + exp(-0.072 * (v_d - 65))), 0.02 * linoid(v_d - 51.1, 5)),
        gate(c, a_c, 2 * exp((6.5 - v_d) / 27) - a_c),
        gate(q, min(0.00002 * Ca, 0.01), 0.001),
        0.13 * I_Ca - 0.075 * Ca,
    )


def morris_lecar(V, w, I):
    dV = 4.4 * (1 + tanh((V + 1.2) / 18)) / 2 * (120 - V) + 8 * w * (-84 - V) + 2 * (-60 - V) + I
    return dV / 20, 0.04 * cosh((V - 2) / 60) * ((1 + tanh((V - 2) / 30)) / 2 - w)


def leaky(E_L, tau, R):
    return lambda V, I: (E_L - V + R * I) / tau


def exponential(C, g_L, E_L, V_T, Delta):
    return lambda V, I: (g_L * (E_L - V) + g_L * Delta * exp((V - V_T) / Delta) + I) / C


def glif(V, I):
    return (9.43 * (-78.85 - V) + I) / 58.72


kept = exp(-0.003 * 3.75), exp(-0.1 * 3.75)  # of the after-spike currents, by the refractory time
fallen = lambda V: -78.85 + 0.2 * (V + 78.85) + 18.51  # noqa: E731
lifted = lambda theta: theta * exp(-0.009 * 3.75) + 0.37  # noqa: E731
after = lambda I_1, I_2: (I_1 * kept[0] - 9.18, I_2 * kept[1] - 198.94)  # noqa: E731

# Name: variables, inputs, rates, after a spike (by name), threshold of the first variable
NEURONS = {
    "ALIF": ((-53.0, 0.7), (900.0,), lambda V, a, I: ((-60 - V + 1e-3 * I) / 20, -a / 200),
             lambda V, a: {"V": V - 10, "a": a + 1}, lambda V, a: -50 + 1.8 * a),
    "AdEx": ((-51.0, 60.0), (500.0,),
             lambda V, w, I: (exponential(281, 30, -70.6, -50.4, 2)(V, I - w), (4 * (V + 70.6) - w) / 144),
             lambda V, w: {"V": -70.6, "w": w + 80.5}, lambda V, w: 20.0),
    "AdQIF": ((-57.0, 30.0), (300.0,),
              lambda V, w, I: ((0.07 * (V + 65) * (V + 50) + 0.1 * (I - w)) / 10, (V + 65 - w) / 100),
              lambda V, w: {"V": -68.0, "w": w + 20}, lambda V, w: -30.0),
    "BalancedResonateAndFire": ((0.8, 0.3, 0.5), (0.2,),
              lambda x, V, q, I: (-(0.05 + 0.1 * q) * x - 0.1 * np.pi * V + I, 0.1 * np.pi * x - (0.05 + 0.1 * q) * V, -q / 9.5),
              lambda x, V, q: {"q": q + 1}, lambda x, V, q: 1 + q),
    "ConnorStevens": ((-45.0, 0.1, 0.6, 0.3, 0.4, 0.25), (9.0,), connor_stevens, None, lambda V, *_: 0.0),
    "EscapeGIF": ((-50.0, 20.0, -3.0, 5.0, 1.0), (200.0,),
                  lambda V, e1, e2, g1, g2, I: ((3.7 * (-67 - V) - e1 - e2 + I) / 83.1, -e1 / 57.8, -e2 / 218.2, -g1 / 53.8, -g2 / 640),
                  lambda V, e1, e2, g1, g2: {"V": -36.7, "eta_1": e1 + 56.7, "eta_2": e2 - 6.9, "gamma_1": g1 + 11.7, "gamma_2": g2 + 1.8},
                  lambda V, e1, e2, g1, g2: 1e-3 * exp((V + 39.6 - g1 - g2) / 1.4)),
    "ExpIF": ((-61.0,), (40.0,), exponential(100, 10, -65, -59.9, 3.48), lambda V: {"V": -68.0}, lambda V: -30.0),
    "FitzHughNagumo": ((0.4, -0.3), (0.5,), lambda V, w, I: (V - V**3 / 3 - w + I, (V + 0.7 - 0.8 * w) / 12.5), None,
                       lambda V, w: 1.0),
    "GIF": ((-55.0, -49.0, 12.0, 7.0), (60.0,),
            lambda V, T, I1, I2, I: ((5 * (-70 - V) + I1 + I2 + I) / 100, -0.01 * (T + 50), -0.2 * I1, -0.02 * I2),
            lambda V, T, I1, I2: {"V": -70.0, "Theta": max(T, -60.0), "I_1": 0.0, "I_2": I2}, lambda V, T, I1, I2: T),
    "GLIF1": ((-60.0,), (100.0,), glif, lambda V: {"V": -78.85}, lambda V: -51.68),
    "GLIF2": ((-60.0, 0.5), (100.0,), lambda V, s, I: (glif(V, I), -0.009 * s),
              lambda V, s: {"V": fallen(V), "theta_s": lifted(s)}, lambda V, s: -51.68 + s),
    "GLIF3": ((-60.0, -5.0, -20.0), (100.0,), lambda V, a, b, I: (glif(V, I + a + b), -0.003 * a, -0.1 * b),
              lambda V, a, b: {"V": -78.85, "I_1": after(a, b)[0], "I_2": after(a, b)[1]}, lambda V, a, b: -51.68),
    "GLIF4": ((-60.0, 0.5, -5.0, -20.0), (100.0,),
              lambda V, s, a, b, I: (glif(V, I + a + b), -0.009 * s, -0.003 * a, -0.1 * b),
              lambda V, s, a, b: {"V": fallen(V), "theta_s": lifted(s), "I_1": after(a, b)[0], "I_2": after(a, b)[1]},
              lambda V, s, a, b: -51.68 + s),
    "GLIF5": ((-60.0, 0.5, 0.8, -5.0, -20.0), (100.0,),
              lambda V, s, v, a, b, I: (glif(V, I + a + b), -0.009 * s, 0.005 * (V + 78.85) - 0.09 * v, -0.003 * a, -0.1 * b),
              lambda V, s, v, a, b: {"V": fallen(V), "theta_s": lifted(s), "I_1": after(a, b)[0], "I_2": after(a, b)[1]},
              lambda V, s, v, a, b: -51.68 + s + v),
    "HindmarshRose": ((-0.4, -2.0, 3.0), (2.0,),
                      lambda x, y, z, I: (y - x**3 + 3 * x**2 - z + I, 1 - 5 * x**2 - y, 0.006 * (4 * (x + 1.6) - z)),
                      None, lambda *_: 1.0),
    "HodgkinHuxley": ((-50.0, 0.2, 0.4, 0.45), (8.0,), hodgkin_huxley, None, lambda *_: 0.0),
    "IF": ((-55.0,), (150.0,), lambda V, I: I / 250, lambda V: {"V": -60.0}, lambda V: -50.0),
    "Izhikevich": ((-55.0, -9.0), (7.0,), lambda V, r, I: (0.04 * V**2 + 5 * V + 140 - r + I, 0.02 * (0.2 * V - r)),
                   lambda V, r: {"V": -65.0, "u": r + 8}, lambda V, r: 30.0),
    "LIF": ((-55.0,), (900.0,), leaky(-60, 20, 1e-3), lambda V: {"V": -60.0}, lambda V: -50.0),
    "MAT2": ((-60.0, 20.0, 3.0), (100.0,),
             lambda V, a, b, I: ((-70 - V + 0.05 * I) / 5, -a / 10, -b / 200),
             lambda V, a, b: {"theta_1": a + 37, "theta_2": b + 2}, lambda V, a, b: -51 + a + b),
    "MorrisLecar": ((-15.0, 0.3), (90.0,), morris_lecar, None, lambda *_: 0.0),
    "PinskyRinzel": ((-40.0, -35.0, 0.5, 0.3, 0.2, 0.15, 0.1, 90.0), (1.0, 0.5), pinsky_rinzel, None, lambda *_: -30.0),
    "PoissonNeuron": ((-51.0,), (80.0,), leaky(-60, 20, 0.1), lambda V: {}, lambda V: 0.2 / (1 + exp(-(V + 50)))),
    "ResonateAndFire": ((0.8, 0.3), (0.2,),
              lambda x, V, I: (-x / 20 - 0.1 * np.pi * V + I, 0.1 * np.pi * x - V / 20),
              lambda x, V: {"x": 0.0, "V": 1.0}, lambda x, V: 1.0),
    "QIF": ((-57.0,), (3e3,), lambda V, I: (0.07 * (V + 65) * (V + 50) + 1e-3 * I) / 10, lambda V: {"V": -68.0}, lambda V: -30.0),
    "ReducedTraub": ((-45.0, 0.5, 0.3), (1.0,), reduced_traub, None, lambda *_: 0.0),
    "SRM0": ((-52.0, -3.0), (50.0,), lambda V, e, I: (leaky(-60, 20, 0.1)(V, I), -e / 20),
             lambda V, e: {"eta": -10.0}, lambda V, e: 0.1 * exp(V + e + 50)),
    "Theta": ((0.6,), (1.5,), lambda x, I: (1 - cos(x) + (1 + cos(x)) * (I - 1)) / 10, lambda x: {"theta": x - 2 * pi}, lambda x: pi),
    "TraubMiles": ((-45.0, 0.2, 0.5, 0.3), (300.0,), traub_miles, None, lambda *_: -20.0),
    "WangBuzsaki": ((-45.0, 0.5, 0.3), (1.0,), wang_buzsaki, None, lambda *_: 0.0),
}  # fmt: skip
BY_CHANCE = ("EscapeGIF", "PoissonNeuron", "SRM0")  # the last column is the rate of firing, per ms


def sigmoid(x):
    return 1 / (1 + exp(-x))


def balloon(s, f, v, q, I):
    """Per second."""
    out = v ** (1 / 0.32)
    rates = I - 0.65 * s - 0.41 * (f - 1), s, (f - out) / 0.98, (f / 0.34 * (1 - 0.66 ** (1 / f)) - out / v * q) / 0.98
    return tuple(rate / 1000 for rate in rates)


def epileptor(x1, y1, z, x2, y2, g, I):
    f1 = x1**3 - 3 * x1**2 if x1 < 0 else (x2 - 0.6 * (z - 4) ** 2) * x1
    f2 = 0 if x2 < -0.25 else 6 * (x2 + 0.25)
    return (
        y1 - f1 - z + 3.1 + I,
        1 - 5 * x1**2 - y1,
        (4 * (x1 + 1.6) - z) / 2857,
        -y2 + x2 - x2**3 + 0.45 + 2 * g - 0.3 * (z - 3.5),
        (-y2 + f2) / 10,
        -0.01 * (g - 0.1 * x1),
    )


def firing(v):
    """Of Jansen and Rit, per ms."""
    return 0.005 / (1 + exp(0.56 * (6 - v)))


def potential(A, a, pulses, y, slope):
    return A * a * pulses - 2 * a * slope - a**2 * y


def jansen_rit(y0, y1, y2, y3, y4, y5, I):
    """Rates and inputs per ms; C = 135."""
    excited = 0.22 + 1e-3 * I + 108 * firing(135 * y0)
    inhibited = 33.75 * firing(33.75 * y0)
    return (
        y3, y4, y5, potential(3.25, 0.1, firing(y1 - y2), y0, y3), potential(3.25, 0.1, excited, y1, y4),
        potential(22, 0.05, inhibited, y2, y5),
    )  # fmt: skip


def wendling(y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, I):
    excited, slow = 0.09 + 1e-3 * I + 108 * firing(135 * y0), firing(33.75 * y0)
    return (
        y5, y6, y7, y8, y9, potential(5, 0.1, firing(y1 - y2 - y3), y0, y5), potential(5, 0.1, excited, y1, y6),
        potential(50, 0.05, 33.75 * slow, y2, y7), potential(15, 0.5, 108 * firing(40.5 * y0 - y4), y3, y8),
        potential(50, 0.05, 13.5 * slow, y4, y9),
    )  # fmt: skip


def larter_breakspear(V, W, Z, I):
    rises = lambda x, T, d: 0.5 * (1 + tanh((x - T) / d))  # noqa: E731
    Q_V, Q_Z = rises(V, 0, 0.65), rises(Z, 0, 0.7)
    excitation = 0.4 * Q_V  # no coupling by default
    dV = -(1.1 + 0.25 * excitation) * rises(V, -0.01, 0.15) * (V - 1) - 2 * W * (V + 0.7) - 0.5 * (V + 0.5)
    dV += -(6.7 * rises(V, 0.3, 0.15) + excitation) * (V - 0.53) - 2 * Z * Q_Z + 0.3
    return dV, 0.7 * (rises(V, 0, 0.3) - W), 0.1 * (0.4 * 0.3 + 2 * V * Q_V)


def wilson_cowan(E, I, I_E, I_I):
    S = lambda z, a, theta: sigmoid(a * (z - theta)) - sigmoid(-a * theta)  # noqa: E731
    k_E, k_I = 1 - sigmoid(-1.3 * 4), 1 - sigmoid(-2 * 3.7)
    dE = -E + (k_E - E) * S(16 * E - 12 * I + 1.25 + I_E, 1.3, 4)
    return dE / 10, (-I + (k_I - I) * S(15 * E - 3 * I + I_I, 2, 3.7)) / 10


def gating(S, x):
    """Of Wong and Wang, per ms; x in nA."""
    excess = 270 * x - 108
    return -S / 100 + (1 - S) * 0.641e-3 * excess / (1 - exp(-0.154 * excess))


def wong_wang(S1, S2, I1, I2):
    x1, x2 = (0.2609 * a - 0.0497 * b + 0.3255 for a, b in ((S1, S2), (S2, S1)))
    return gating(S1, x1 + I1), gating(S2, x2 + I2)


def qif_mean_field(r, v, I):
    """r in Hz, whose rate is per ms too."""
    rate = 0.01 * r
    return 1000 * (1 / pi + 2 * rate * v) / 100, (v**2 - 5 - (pi * rate) ** 2 + 15 * rate + I) / 10


def circle(growth, turn):
    return lambda x, y, I_x, I_y: (growth(x, y) * x - turn * y + I_x, growth(x, y) * y + turn * x + I_y)


MASSES = {  # name: variables, inputs, rates per ms, what is observed
    "BalloonWindkessel": ((0.1, 1.2, 1.1, 0.9), (0.7,), balloon,
                          lambda s, f, v, q: {"bold": 0.02 * (2.38 * (1 - q) + 2 * (1 - q / v) + 0.48 * (1 - v))}),
    "Epileptor": ((0.3, -8.0, 3.2, 0.1, 0.2, 0.05), (0.4,), epileptor, lambda x1, y1, z, x2, *_: {"lfp": x2 - x1}),
    "FitzHughNagumoField": ((0.4, -0.3), (0.5,), lambda v, w, I: (v - v**3 / 3 - w + I, 0.08 * (v + 0.7 - 0.8 * w)), None),
    "Hopf": ((0.4, -0.3), (0.2, 0.1), lambda x, y, I_x, I_y: tuple(
        1e-3 * rate for rate in circle(lambda x, y: -0.02 - x**2 - y**2, pi / 10)(x, y, I_x, I_y)), None),
    "JansenRit": ((0.05, 12.0, 5.0, 0.01, 0.3, 0.2), (15.0,), jansen_rit,
                  lambda y0, y1, y2, *_: {"psp": y1 - y2, "rate": 1e3 * firing(y1 - y2)}),
    "Kuramoto": ((0.4,), (0.1,), lambda theta, I: 0.02 * pi + I, None),
    "LarterBreakspear": ((0.1, 0.2, 0.05), (0.3,), larter_breakspear, lambda V, *_: {"Q_V": 0.5 * (1 + tanh(V / 0.65))}),
    "Linear": ((0.4,), (0.7,), lambda x, I: (I - x) / 10, None),
    "QIFMeanField": ((30.0, -0.5), (0.3,), qif_mean_field, None),
    "ReducedWongWang": ((0.2,), (0.05,), lambda S, I: gating(S, 0.9 * 0.2609 * S + 0.3 + I), None),
    "StuartLandau": ((0.4, -0.3), (0.2, 0.1), circle(lambda x, y: 0.1 - x**2 - y**2, 1.0), None),
    "ThresholdLinear": ((0.4,), (0.7,), lambda r, I: (max(I, 0) - r) / 10, None),
    "VanDerPol": ((0.4, -0.3), (0.2,), lambda x, y, I: (y, (1 - x**2) * y - x + I), None),
    "Wendling": ((0.05, 9.0, 3.0, 2.0, 1.0, 0.01, 0.3, 0.2, 0.1, 0.05), (15.0,), wendling,
                 lambda y0, y1, y2, y3, *_: {"psp": y1 - y2 - y3, "rate": 1e3 * firing(y1 - y2 - y3)}),
    "WilsonCowan": ((0.2, 0.1), (0.3, 0.2), wilson_cowan, None),
    "WongWang": ((0.2, 0.1), (0.02, 0.01), wong_wang, None),
}  # fmt: skip
CASES = {**{name: (neurons, *case) for name, case in NEURONS.items()}, **{k: (masses, *c) for k, c in MASSES.items()}}


def with_units(cell, y):
    return {name: u.Quantity(jnp.array([value]), unit=cell.unit_of(name)) for name, value in zip(cell.variables, y)}


def plain(cell, values):
    return {name: float(u.Quantity(value).to_decimal(cell.unit_of(name))[0]) for name, value in values.items()}


def test_every_exported_class_has_its_equations():
    abstract = {"Neuron", "Mass", "ConductanceBased", "EquationsError"}
    exported = {
        name for room in (neurons, masses) for name in room.__all__ if inspect.isclass(getattr(room, name))
    } - abstract
    assert exported == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_rates(name):
    room, y, inputs, rates, *_ = CASES[name]
    cell = getattr(room, name)(1)
    assert len(cell.variables) == len(y) and len(cell.takes) == len(inputs)
    f = cell.vector_field(inputs={k: I * cell.input_unit for k, I in zip(cell.takes, inputs)})
    expected = rates(*y, *inputs)
    np.testing.assert_allclose(f(0.0, y), expected if isinstance(expected, tuple) else (expected,), rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in NEURONS if NEURONS[name][3]])
def test_what_a_spike_does(name):
    y, _, _, spike, _ = NEURONS[name]
    cell = getattr(neurons, name)(1)
    found = plain(cell, {k: jnp.broadcast_to(v, (1,)) if not isinstance(v, u.Quantity) else u.math.broadcast_to(v, (1,))
                         for k, v in cell.after_spike(with_units(cell, y)).items()})  # fmt: skip
    expected = spike(*y)
    assert found.keys() == expected.keys()
    for k, value in expected.items():
        assert found[k] == pytest.approx(value, rel=1e-9), k


SECOND = {"ResonateAndFire": 1}  # which variable is compared with the threshold, if not the first


@pytest.mark.parametrize("name", NEURONS)
def test_where_it_fires(name):
    """Just below the threshold it does not, just above it does; or the rate at which it fires."""
    y, *_, threshold = NEURONS[name]
    cell = getattr(neurons, name)(1)
    before = with_units(cell, y)
    if name in BY_CHANCE:
        hazard = cell.hazard(before, before)
        assert float(hazard.to_decimal(u.ms**-1)[0]) == pytest.approx(threshold(*y), rel=1e-9)
        return
    at, k = threshold(*y), SECOND.get(name, 0)
    assert y[k] < at
    for factor, expected in ((-1e-6, False), (1e-6, True)):
        after = with_units(cell, (*y[:k], at + factor, *y[k + 1 :]))
        assert bool(jnp.asarray(cell.fires(before, after) != 0)[0]) == expected


@pytest.mark.parametrize("name", [name for name in MASSES if MASSES[name][3]])
def test_what_is_observed(name):
    y, _, _, observe = MASSES[name]
    mass = getattr(masses, name)(1)
    found = plain(mass, mass.observe(with_units(mass, y)))
    assert found == pytest.approx(observe(*y), rel=1e-9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(tau=np.nan * u.ms), "tau must be one finite number or quantity, given"),
        (dict(tau=None), "tau must be one finite number or quantity, given None"),
        (dict(namespace={"tau": 3}), "given dict; give its values by name, tau=20 . u.ms"),
        (dict(events={"a": "v > 0"}), "given dict; see 'custom events'"),
    ],
)
def test_values_that_are_none_are_refused_by_name(values, message):
    with pytest.raises((TypeError, ValueError), match=message):
        bs.neurons.from_equations("dv/dt = -v/tau : 1", **{"tau": 20 * u.ms} | values)


def test_a_parameter_that_spikes_are_to_move_is_told_how_to_be_a_state():
    cell = bs.neurons.from_equations("dv/dt = -v/tau : 1\nx : 1", tau=20 * u.ms)(1)
    with pytest.raises(
        bs.UnknownNameError, match="'a' is to move 'x'. That is a parameter, and spikes move states: .*dx/dt = 0"
    ):
        cell.add_receptors(a=bs.receptors.Delta(into="x"))
