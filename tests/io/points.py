"""Point processes in NMODL, each with some of its constructs."""

NMDA_CA = """
TITLE Two exponentials, magnesium and calcium
NEURON {
    POINT_PROCESS NMDACa
    USEION ca READ eca WRITE ica
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, mg, e, share, g
}
UNITS { (mV) = (millivolt) (nA) = (nanoamp) (uS) = (microsiemens) (mM) = (milli/liter) }
PARAMETER {
    tau1 = 2 (ms) <1e-9, 1e9>
    tau2 = 30 (ms)
    mg = 1 (mM)
    e = 0 (mV)
    share = 0.1
}
ASSIGNED { v (mV) eca (mV) ica (nA) i (nA) g (uS) factor total (uS) }
STATE { A (uS) B (uS) }
INITIAL {
    LOCAL tp
    total = 0
    if (tau1/tau2 > 0.999) { tau1 = 0.999*tau2 }
    A = 0
    B = 0
    tp = tau1*tau2/(tau2 - tau1)*log(tau2/tau1)
    factor = 1/(exp(-tp/tau2) - exp(-tp/tau1))
}
BREAKPOINT {
    SOLVE state METHOD cnexp
    g = (B - A)*block(v)
    i = (1 - share)*g*(v - e)
    ica = share*g*(v - eca)
}
DERIVATIVE state {
    A' = -A/tau1
    B' = -B/tau2
}
FUNCTION block(v (mV)) {
    block = 1/(1 + mg/3.57*exp(-0.062*v))
}
NET_RECEIVE(w (uS)) {
    state_discontinuity(A, A + w*factor)
    state_discontinuity(B, B + w*factor)
    total = total + w
}
"""

RELEASE = """
TITLE Depression and facilitation of each synapse
NEURON { POINT_PROCESS Release RANGE tau, e, U, rec, fac, R NONSPECIFIC_CURRENT i }
UNITS { (mV) = (millivolt) (nA) = (nanoamp) (uS) = (microsiemens) }
PARAMETER { tau = 3 (ms) e = 0 (mV) U = 0.3 rec = 60 (ms) fac = 40 (ms) loud = 0 }
ASSIGNED { v (mV) i (nA) x }
STATE { g (uS) }
INITIAL { g = 0 }
BREAKPOINT {
    SOLVE decay METHOD cnexp
    i = g*(v - e)
}
DERIVATIVE decay { g' = -g/tau }
NET_RECEIVE(weight (uS), R, u, last (ms)) {
    INITIAL {
        R = 1
        u = 0
        last = t
    }
    if (t < 0) {
        VERBATIM
        return;
        ENDVERBATIM
    }
    R = 1 - (1 - R)*exp(-(t - last)/rec)
    if (fac > 0) {
        u = u*exp(-(t - last)/fac)
        u = u + U*(1 - u)
    } else {
        u = U
    }
    x = u*R
    R = R - x
    last = t
    if (loud > 0) { printf("%g %g\\\\n", t, x) }
    g = g + weight*x
}
"""

PULSES = """
TITLE Pulses of transmitter that do not add, and a place that tires
NEURON { POINT_PROCESS Pulses RANGE Cdur, alpha, beta, e, tired NONSPECIFIC_CURRENT i }
UNITS { (mV) = (millivolt) (nA) = (nanoamp) (uS) = (microsiemens) }
PARAMETER { Cdur = 1.01 (ms) alpha = 1.5 (/ms) beta = 0.3 (/ms) e = -10 (mV) }
ASSIGNED { v (mV) i (nA) on tired }
STATE { O }
INITIAL { O = 0 on = 0 tired = 1 }
BREAKPOINT {
    SOLVE kin METHOD sparse
    i = O*(v - e)
}
KINETIC kin {
    ~ O << (alpha*on)
    ~ O -> (beta)
}
NET_RECEIVE(weight (uS), n) {
    if (flag == 0) {
        n = n + 1
        if (n == 1) {
            on = on + weight*tired
            tired = 0.8*tired
        }
        net_send(Cdur, n)
    }
    if (flag == n && n > 0) {
        on = on - weight*tired/0.8
        if (on < 0) { on = 0 }
        n = 0
    }
}
"""

PULSE = """
NEURON { POINT_PROCESS Pulse RANGE del, dur, amp, tau ELECTRODE_CURRENT i }
UNITS { (nA) = (nanoamp) }
PARAMETER { del = 2 (ms) dur = 8 (ms) amp = 0.1 (nA) tau = 2 (ms) }
ASSIGNED { i (nA) }
STATE { s }
INITIAL { s = 0 }
BREAKPOINT {
    at_time(del)
    SOLVE rise METHOD cnexp
    if (t >= del && t < del + dur) { i = amp*s } else { i = 0 }
}
DERIVATIVE rise { s' = (1 - s)/tau }
"""
