"""Mechanisms in NMODL, each with some of its constructs."""

GATES = """
TITLE Two ions, gates with and without a singular point
: comments of both kinds
COMMENT
    anything, also NEURON { SUFFIX no }
ENDCOMMENT
NEURON {
    THREADSAFE
    SUFFIX gates
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT il
    RANGE gnabar, gkbar, gl, el
    GLOBAL q10, taumin
}
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) (pS) = (picosiemens) (um) = (micron) }
DEFINE N 2
PARAMETER {
    gnabar = 0.12 (S/cm2) <0, 1e9>
    gkbar = 360 (pS/um2)
    gl = 3e-4 (S/cm2)
    el = -54.3 (mV)
    ena = 61 (mV)
    q10 = 3
    taumin = 0.02 (ms)
    celsius (degC)
    vmin = -120 (mV)
}
ASSIGNED {
    v (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    il (mA/cm2)
    tadj
    inf[N]
    tau[N] (ms)
    peak (mV)
}
STATE { m FROM 0 TO 1 h n }
LOCAL shift
INITIAL {
    tadj = q10^((celsius - 6.3)/10 (degC))
    rates(v)
    m = inf[0]
    h = inf[1]
    n = alpha(v)/(alpha(v) + beta(v))
    peak = v
}
BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gnabar*m^3*h*(v - ena)
    ik = (1e-4)*gkbar*n*n*n*n*(v - ek)
    il = gl*(v - el)
    if (v > peak) { peak = v }
}
DERIVATIVE states {
    LOCAL a, b
    rates(v)
    m' = (inf[0] - m)/tau[0]
    h' = (inf[1] - h)/tau[1]
    a = alpha(v)
    b = beta(v)
    n' = tadj*(a*(1 - n) - b*n)
}
PROCEDURE rates(v (mV)) {
    LOCAL a[N], b[N]
    TABLE inf, tau DEPEND celsius, q10 FROM -120 TO 100 WITH 220
    UNITSOFF
    a[0] = 0.1*vtrap(-(v + 40), 10)
    b[0] = 4*exp(-(v + 65)/18)
    a[1] = 0.07*exp(-(v + 65)/20)
    b[1] = 1/(exp(-(v + 35)/10) + 1)
    FROM i = 0 TO N - 1 {
        inf[i] = a[i]/(a[i] + b[i])
        tau[i] = 1/(tadj*(a[i] + b[i]))
        if (tau[i] < taumin && i != 1) { tau[i] = taumin } else if (tau[i] > 1e3) { tau[i] = 1e3 }
    }
    UNITSON
}
FUNCTION alpha(v (mV)) (/ms) { LOCAL x
    x = v
    if (x == -55) { x = x + 1e-4 }
    alpha = 0.01*(x + 55)/(1 - exp(-(x + 55)/10))
}
FUNCTION beta(v (mV)) (/ms) { beta = 0.125*exp(-(v + 65)/80) }
FUNCTION vtrap(x, y) {
    if (fabs(x/y) < 1e-6) {
        vtrap = y*(1 - x/y/2)
    } else {
        vtrap = x/(exp(x/y) - 1)
    }
}
"""

SCHEME = """
NEURON { SUFFIX scheme USEION na READ ena WRITE ina RANGE gbar, g }
UNITS { (mV) = (millivolt) (S) = (siemens) }
PARAMETER { gbar = 0.01 (S/cm2) total = 1 k = 0.3 (/ms) }
ASSIGNED { v (mV) ena (mV) ina (mA/cm2) g (S/cm2) }
STATE { c1 c2 o i }
INITIAL { SOLVE kin STEADYSTATE sparse }
BREAKPOINT {
    SOLVE kin METHOD sparse
    g = gbar*o
    ina = g*(v - ena)
}
KINETIC kin {
    LOCAL a, b
    a = 2*exp((v + 40)/12)
    b = 1.5*exp(-(v + 40)/18)
    ~ c1 <-> c2 (2*a, b)
    ~ c2 <-> o (a, 2*b)
    ~ o <-> i (k, 0.01*b)
    CONSERVE c1 + c2 + o + i = total
}
"""

GHK = """
NEURON { SUFFIX ghkca USEION ca READ cai, cao WRITE ica RANGE pbar }
UNITS {
    (mV) = (millivolt) (mA) = (milliamp) (mM) = (milli/liter)
    F = (faraday) (coulombs)
    R = (k-mole) (joule/degC)
}
PARAMETER { pbar = 1e-4 (cm/s) celsius = 36 (degC) dt (ms) }
ASSIGNED { v (mV) cai (mM) cao (mM) ica (mA/cm2) minf taum (ms) part }
STATE { m }
INITIAL {
    rates(v)
    m = minf
}
BREAKPOINT {
    SOLVE advance
    ica = pbar*m*m*ghk(v, cai, cao)
}
PROCEDURE advance() {
    rates(v)
    m = m + part*(minf - m)
    VERBATIM
    return 0;
    ENDVERBATIM
}
PROCEDURE rates(v (mV)) {
    minf = 1/(1 + exp(-(v + 20)/6))
    taum = 0.5 + 4/(1 + ((v + 20)/15)^2)
    part = 1 - exp(-dt/taum)
}
FUNCTION ghk(v (mV), ci (mM), co (mM)) (.001 coul/cm3) {
    LOCAL z
    z = (1e-3)*2*F*v/(R*(celsius + 273.15))
    ghk = (.001)*2*F*(ci*efun(-z) - co*efun(z))
}
FUNCTION efun(z) {
    if (fabs(z) < 1e-4) { efun = 1 - z/2 } else { efun = z/(exp(z) - 1) }
}
"""

IMPLICIT = """
NEURON { SUFFIX pair3 NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 1e-3 (S/cm2) a = 0.2 }
ASSIGNED { v (mV) i (mA/cm2) began }
STATE { r s z }
INITIAL {
    SOLVE begin
    began = v
    z = 0.1
}
BREAKPOINT {
    SOLVE pair METHOD derivimplicit
    i = g*(r + z)*v
}
LINEAR begin {
    ~ r + 2*s = 1 + a
    ~ r - s = 0
}
DERIVATIVE pair {
    r' = -r + 3*s*exp(v/50)
    s' = r/5 - s
    z' = (began/100 - z)/7
}
"""

SHELL = """
NEURON { SUFFIX shell USEION ca READ ica, cai WRITE cai RANGE depth }
UNITS { (mM) = (milli/liter) (um) = (micron) (mA) = (milliamp) F = (faraday) (coulomb) }
PARAMETER { depth = 0.2 (um) tau = 50 (ms) rest = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) drive (mM/ms) }
STATE { ca (mM) cai (mM) }
INITIAL {
    ca = 2*rest
    cai = ca
}
BREAKPOINT { SOLVE shells METHOD derivimplicit }
DERIVATIVE shells {
    drive = -(10000)*ica/(2*F*depth)
    if (drive <= 0) { drive = 0 }
    ca' = drive + (rest - ca)/tau
    cai = ca
}
"""

SHELLS = """
TITLE Calcium in three shells with a buffer, along a cable
NEURON {
    SUFFIX shells
    USEION ca READ cai, ica WRITE cai
    RANGE total
    GLOBAL vol
}
DEFINE N 3
UNITS {
    (mM) = (milli/liter)
    (mA) = (milliamp)
    (um) = (micron)
    FARADAY = (faraday) (10000 coulomb)
    PI = (pi) (1)
}
PARAMETER {
    D = 0.6 (um2/ms)
    kon = 50 (/mM-ms)
    koff = 0.1 (/ms)
    total = 0 (mM)
}
ASSIGNED { diam (um) ica (mA/cm2) cai (mM) vol[N] (1) }
STATE { ca[N] (mM) free[N] (mM) bound[N] (mM) }
LOCAL between[N]
INITIAL {
    LOCAL r
    r = 0.5
    FROM i = 0 TO N - 1 {
        vol[i] = PI*(r*r - (r - 0.5/N)*(r - 0.5/N))
        between[i] = 2*PI*(r - 0.5/N)*N*2
        r = r - 0.5/N
        ca[i] = cai
        bound[i] = total*cai/(cai + koff/kon)
        free[i] = total - bound[i]
    }
}
BREAKPOINT { SOLVE state METHOD sparse }
KINETIC state {
    COMPARTMENT i, diam*diam*vol[i] {ca free bound}
    LONGITUDINAL_DIFFUSION i, D*diam*diam*vol[i] {ca}
    ~ ca[0] << (-ica*PI*diam/(2*FARADAY))
    FROM i = 0 TO N - 2 {
        ~ ca[i] <-> ca[i+1] (D*between[i], D*between[i])
    }
    FROM i = 0 TO N - 1 {
        ~ ca[i] + free[i] <-> bound[i] (kon*diam*diam*vol[i], koff*diam*diam*vol[i])
    }
    cai = ca[0]
}
"""

INFLUX = """
NEURON { SUFFIX influx USEION ca WRITE ica RANGE i0 }
UNITS { (mA) = (milliamp) }
PARAMETER { i0 = 0 (mA/cm2) }
ASSIGNED { ica (mA/cm2) }
BREAKPOINT { ica = i0 }
"""

PUMP = """
TITLE A pool with a pump that carries current, started from its steady state
NEURON {
    SUFFIX pump
    USEION ca READ cao, cai, ica WRITE cai, ica
    RANGE i_pump, i_last
}
UNITS {
    (mA) = (milliamp) (um) = (micron) (mM) = (milli/liter) (mol) = (1)
    F = (faraday) (10000 coulomb)
    PI = (pi) (1)
}
PARAMETER {
    k1 = 0.2 (um/ms)
    k2 = 0.05 (/ms)
    k3 = 0.3 (/ms)
    k4 = 1e-5 (um/ms)
    length = 20 (um)
}
ASSIGNED {
    diam (um)
    area (um2)
    ica (mA/cm2)
    cao (mM)
    i_pump (mA/cm2)
    i_last (mA/cm2)
    around (um)
}
STATE { cai (mM) held (mM um) }
BREAKPOINT {
    SOLVE scheme METHOD sparse
    i_last = i_pump
    ica = i_pump
}
INITIAL {
    around = area/length
}
INITIAL {
    cai = 1e-4
    held = 1e-4*k1/k2
    ica = 0
    i_pump = 0
    i_last = 0
    SOLVE scheme STEADYSTATE sparse
}
KINETIC scheme {
    COMPARTMENT PI*diam*diam/4 {cai}
    COMPARTMENT around {held}
    COMPARTMENT 1e10 {cao}
    ~ cai <-> held (k1*around, k2*around)
    ~ held <-> cao (k3*around, k4*around)
    i_pump = 2*F*(f_flux - b_flux)/around
    ~ cai << (-(ica - i_last)*around/(2*F))
}
"""

WHOLE = """
TITLE A pool that is a channel too: gates, currents of three kinds, and the calcium that they let in
NEURON {
    SUFFIX whole
    USEION ca READ eca, cai WRITE cai, ica
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT i
}
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) (mM) = (milli/liter) }
PARAMETER {
    g = 2e-4 (S/cm2)
    gk = 1e-3 (S/cm2)
    gl = 1e-4 (S/cm2)
    el = -65 (mV)
    phi = 0.01 (mM cm2/mA/ms)
    rest = 1e-4 (mM)
    tau = 20 (ms)
}
ASSIGNED { v (mV) eca (mV) ek (mV) ica (mA/cm2) ik (mA/cm2) i (mA/cm2) minf }
STATE { m cai (mM) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    ica = g*m*m*(v - eca)
    ik = gk*cai/(cai + 1e-3)*(v - ek)
    i = gl*(v - el)
}
INITIAL {
    rates(v)
    m = minf
    cai = rest
}
DERIVATIVE states {
    rates(v)
    m' = (minf - m)/3
    cai' = -phi*ica - (cai - rest)/tau
}
PROCEDURE rates(v (mV)) {
    minf = 1/(1 + exp(-(v + 50)/8))
}
"""
