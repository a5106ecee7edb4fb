"""Every exported neuron and mass under constant inputs: what its accuracy at dt = 0.1 ms is measured on."""

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import channels as ch
from brainsim import masses, neurons

DURATION = 500.0  # ms
SHARES = np.array([0.94, 0.97, 1.0, 1.03, 1.06])  # of the input below, so that no interval is a multiple of a step

S = u.mS / u.cm2

# Input in the input unit of the class, for some 10 to 100 spikes a second.
DRIVES = {
    "ALIF": 20e3, "AdEx": 1000.0, "AdQIF": 100.0, "ConnorStevens": 12.0, "ExpIF": 100.0, "FitzHughNagumo": 0.5, "GIF": 200.0,
    "GLIF1": 500.0, "GLIF2": 500.0, "GLIF3": 500.0, "GLIF4": 500.0, "GLIF5": 500.0, "HindmarshRose": 4.0, "HodgkinHuxley": 10.0,
    "IF": 125.0, "Izhikevich": 10.0, "LIF": 15e3, "MAT2": 600.0, "MorrisLecar": 120.0, "PinskyRinzel": 5.0, "QIF": 8e3,
    "ReducedTraub": 1.0, "Theta": 2.0, "TraubMiles": 300.0, "WangBuzsaki": 1.0,
}  # fmt: skip
WITHOUT_SPIKES = {  # what fires by chance: its variables are compared, without spikes
    "EscapeGIF": dict(lambda_0=0.0 * u.Hz, eta_1=50.0 * u.pA, V=-60.0 * u.mV),
    "PoissonNeuron": dict(rate=0.0 * u.Hz, V=-50.0 * u.mV),
    "SRM0": dict(rho_0=0.0 * u.Hz, eta=-10.0 * u.mV, V=-50.0 * u.mV),
}
# Constant input does not make them fire again and again: tests/neurons/test_resonators.py has their steps and spikes.
ELSEWHERE = ("BalancedResonateAndFire", "ResonateAndFire")
MASSES = {  # input and start, where the default is at rest
    "BalloonWindkessel": (1.0, {}), "Epileptor": (0.0, {}), "FitzHughNagumoField": (0.5, {}), "Hopf": (0.0, {}),
    "JansenRit": (0.0, {}), "Kuramoto": (0.01, {}), "LarterBreakspear": (0.0, dict(delta_V=0.6)), "Linear": (1.0, {}),
    "QIFMeanField": (3.0, {}), "ReducedWongWang": (0.1, {}), "StuartLandau": (0.0, {}), "ThresholdLinear": (1.0, {}),
    "VanDerPol": (0.0, {}), "Wendling": (0.0, {}), "WilsonCowan": (0.0, {}), "WongWang": (0.02, {}),
}  # fmt: skip
# Minimal cortical cells of Pospischil et al. (2008), without their calcium and with it.
CORTICAL = {
    "RS": dict(I=2.0, g_L=0.0205, E_L=-70.3, g_Na=56.0, V_T=-56.2, g_K=6.0, g_M=0.075, tau_max=608.0),
    "FS": dict(I=2.0, g_L=0.038, E_L=-70.4, g_Na=58.0, V_T=-57.9, g_K=3.9, g_M=0.0, tau_max=502.0),
    "IB": dict(I=0.7, g_L=0.01, E_L=-70.0, g_Na=50.0, V_T=-56.2, g_K=5.0, g_M=0.03, tau_max=608.0, g_CaL=0.15),
    "LTS": dict(I=1.0, g_L=0.019, E_L=-50.0, g_Na=50.0, V_T=-50.0, g_K=4.0, g_M=0.028, tau_max=4000.0, g_CaT=0.4),
}


def cortical(p, n, method):
    V_T = p["V_T"] * u.mV
    channels = dict(
        na=ch.Na_TraubMiles(g_max=p["g_Na"] * S, V_T=V_T),
        kd=ch.K_TraubMiles(g_max=p["g_K"] * S, V_T=V_T),
        m=ch.KM_Yamada1989(g_max=p["g_M"] * S, tau_max=p["tau_max"] * u.ms),
    )
    if "g_CaL" in p:
        channels["l"] = ch.CaHT_Reuveni1993(g_max=p["g_CaL"] * S)
    if "g_CaT" in p:
        channels["t"] = ch.CaT_Destexhe1996(g_max=p["g_CaT"] * S, V_x=-7.0 * u.mV)
    return neurons.ConductanceBased(
        n, g_L=p["g_L"] * S, E_L=p["E_L"] * u.mV, V=-70.0 * u.mV, channels=channels, method=method
    )


def network(method=None, only=None) -> bs.Network:
    """All cases (or ``only`` these) side by side, one population each; spiking ones of a neuron for each of
    ``SHARES``.
    """
    net = bs.Network()

    def add(name, population, drive, shares):
        if only is not None and name not in only:
            return
        setattr(net, name, population)
        amplitude = u.Quantity(drive * shares, unit=population.input_unit)
        population.add_stimuli(drive=bs.stimuli.Constant(amplitude))

    for name, drive in DRIVES.items():
        add(name, getattr(neurons, name)(len(SHARES), method=method), drive, SHARES)
    for name, p in CORTICAL.items():
        add(name, cortical(p, len(SHARES), method), p["I"], SHARES)
    for name, values in WITHOUT_SPIKES.items():
        add(name, getattr(neurons, name)(1, method=method, **values), 0.0, np.ones(1))
    for name, (drive, values) in MASSES.items():
        add(name, getattr(masses, name)(1, method=method, **values), drive, np.ones(1))
    return net


def run(dt, method=None):
    """Spike times (ms) of each neuron, and the first variable of every population at every 0.1 ms."""
    net = network(method)
    spiking = [*DRIVES, *CORTICAL]
    leading = {name: f"{name}.{net[name].variables[0]}" for name in [*spiking, *WITHOUT_SPIKES, *MASSES]}
    every = None if dt == 0.1 else 0.1 * u.ms
    rec = bs.simulate(
        net,
        DURATION * u.ms,
        dt=dt * u.ms,
        sample_every=every,
        record=[*(f"{name}.spikes" for name in spiking), *leading.values()],
        progress=False,
    )
    spikes = {name: [np.asarray(rec.spikes[name].of(k) / u.ms) for k in range(len(SHARES))] for name in spiking}
    return spikes, {name: np.asarray(u.get_mantissa(rec[path])) for name, path in leading.items()}
