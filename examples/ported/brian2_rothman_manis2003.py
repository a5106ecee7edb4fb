"""What potassium currents make of a cell.

Six kinds of neurons of the ventral cochlear nucleus differ in their conductances alone: the first fire as long as the current lasts, the
last once at its beginning, which keeps time. After Brian2's example of Rothman and Manis, J. Neurophysiol. 89:3097 (2003).
"""

import brainunit as u
import numpy as np

import brainsim as bs

Cell = bs.neurons.from_equations(
    """
    dv/dt = (g_Na*m**3*h*(50*mV - v) + (g_KHT*(0.85*n**2 + 0.15*p) + g_KLT*w**4*z + g_KA*a**4*b*c)*(-70*mV - v)
             + (g_h*r + g_hO*o)*(-43*mV - v) + 2*nS*(-65*mV - v) + I)/(12*pF) : volt
    vu = v/mV : 1
    dm/dt = (1/(1 + exp(-(vu + 38)/7)) - m)/((10/(5*exp((vu + 60)/18) + 36*exp(-(vu + 60)/25)) + 0.04)*ms) : 1
    dh/dt = (1/(1 + exp((vu + 65)/6)) - h)/((100/(7*exp((vu + 60)/11) + 10*exp(-(vu + 60)/25)) + 0.6)*ms) : 1
    dn/dt = ((1 + exp(-(vu + 15)/5))**-0.5 - n)/((100/(11*exp((vu + 60)/24) + 21*exp(-(vu + 60)/23)) + 0.7)*ms) : 1
    dp/dt = (1/(1 + exp(-(vu + 23)/6)) - p)/((100/(4*exp((vu + 60)/32) + 5*exp(-(vu + 60)/22)) + 5)*ms) : 1
    dw/dt = ((1 + exp(-(vu + 48)/6))**-0.25 - w)/((100/(6*exp((vu + 60)/6) + 16*exp(-(vu + 60)/45)) + 1.5)*ms) : 1
    dz/dt = (0.5 + 0.5/(1 + exp((vu + 71)/10)) - z)/((1000/(exp((vu + 60)/20) + exp(-(vu + 60)/8)) + 50)*ms) : 1
    da/dt = ((1 + exp(-(vu + 31)/6))**-0.25 - a)/((100/(7*exp((vu + 60)/14) + 29*exp(-(vu + 60)/24)) + 0.1)*ms) : 1
    db/dt = ((1 + exp((vu + 66)/7))**-0.5 - b)/((1000/(14*exp((vu + 60)/27) + 29*exp(-(vu + 60)/24)) + 1)*ms) : 1
    dc/dt = ((1 + exp((vu + 66)/7))**-0.5 - c)/((90/(1 + exp((-66 - vu)/17)) + 10)*ms) : 1
    dr/dt = (1/(1 + exp((vu + 76)/7)) - r)/((100000/(237*exp((vu + 60)/12) + 17*exp(-(vu + 60)/14)) + 25)*ms) : 1
    do/dt = (1/(1 + exp((vu + 66)/7)) - o)*0.0029*4.5**-1.1*(1 + exp(k*(vu + 84)))/exp(0.6*k*(vu + 84))/ms : 1
    """,
    k=3e-3 * 9.648e4 / (8.315 * 295.16), v=-65 * u.mV, g_Na=1000 * u.nS, g_KHT=150 * u.nS, g_KLT=0 * u.nS, g_KA=0 * u.nS,
    g_h=0 * u.nS, g_hO=0 * u.nS,
)  # fmt: skip
KINDS = ["I-c", "I-t", "I-II", "II-I", "II", "octopus"]


def run(pulse=250 * u.pA, dt=0.02 * u.ms):
    net = bs.Network()
    net.cell = Cell(
        6, g_KHT=[150, 80, 150, 150, 150, 150] * u.nS, g_KLT=[0, 0, 20, 35, 200, 600] * u.nS,
        g_KA=[0, 65, 0, 0, 0, 0] * u.nS, g_h=[0.5, 0.5, 2, 3.5, 20, 0] * u.nS, g_hO=[0, 0, 0, 0, 0, 40] * u.nS,
    )  # fmt: skip
    net.cell.add_stimuli(pulse=bs.stimuli.Constant(pulse, start=50 * u.ms))
    return bs.simulate(net, 150 * u.ms, dt=dt, record="cell.v")


def draw(rec, ax):
    ax.plot(rec.times / u.ms - 50, rec["cell.v"] / u.mV + 100 * np.arange(6), lw=0.8)
    ax.set(xlabel="time (ms)", ylabel="cell", yticks=100 * np.arange(6) - 60, yticklabels=KINDS)
