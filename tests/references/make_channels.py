"""Conductance-based cells, solved once more from the papers' equations, and in other simulators; results in
`channels.npz`.

    python -m tests.references.make_channels

It needs SciPy for the equations, NEURON, NEST and Brian2 for the rest (`pip install brainsim[bench]`), and no brainsim.
What is done to them stands in `channel_protocols.py`. Times in ms, potentials in mV, per area: uF/cm2, mS/cm2, uA/cm2.
"""

from pathlib import Path

import numpy as np
from numpy import cosh, tanh
from scipy.integrate import solve_ivp

from tests.references import channel_equations as eq
from tests.references.channel_protocols import (
    CONNOR,
    FITZHUGH,
    GAP,
    HINDMARSH,
    MORRIS_LECAR,
    NEURON_HH,
    PINSKY,
    PINSKY_START,
    POSPISCHIL,
    POSPISCHIL_RUN,
    REDUCED_TRAUB,
    RELAY,
    WANG_BUZSAKI,
)

FILE = Path(__file__).with_name("channels.npz")

FARADAY, GAS = 96485.33212, 8.314462618

# -- the equations ---------------------------------------------------------------------------------------------------


def solve(f, y0, duration, threshold, breaks=()):
    """Times of upward crossings of the first variable, and its values at every 5 ms."""
    edges = [0.0, *breaks, duration]
    spikes, samples, y = [], [], np.asarray(y0, float)

    def crossing(t, y):
        return y[0] - threshold

    crossing.direction = 1
    for start, stop in zip(edges[:-1], edges[1:]):
        grid = np.arange(start, stop, 5.0)[1:]
        found = solve_ivp(
            f, (start, stop), y, "LSODA", t_eval=[*grid, stop], events=crossing, rtol=1e-9, atol=1e-10, max_step=5.0
        )
        spikes.append(found.t_events[0])
        samples.append(found.y[0])
        y = found.y[:, -1]
    return np.concatenate(spikes), np.concatenate(samples)


def composed(parts, leak, I, V0, C=1.0, Ca0=None, pool=None):
    """Right-hand side and initial state of a cell: parts are (gates, open, g, E or None for Nernst, feeds calcium)."""
    names = [[*gates(np.float64(V0), Ca0)] for gates, *_ in parts]
    start = [V0, *(float(inf) for gates, *_ in parts for inf, _ in gates(np.float64(V0), Ca0).values())]
    if pool is not None:
        start.append(Ca0)

    def f(t, y):
        V, Ca, at = y[0], (y[-1] if pool is not None else None), 1
        total, inflow, slopes = leak[0] * (leak[1] - V) + I(t), 0.0, []
        for (gates, opened, g, E, feeds), own in zip(parts, names):
            x = y[at : at + len(own)]
            at += len(own)
            if E is None:
                E = GAS * 309.15 / (2 * FARADAY) * 1e3 * np.log(pool["outside"] / Ca)
            current = g * opened(V, Ca, *x) * (E - V)
            total += current
            inflow += current if feeds else 0.0
            slopes += [(inf - value) / tau for value, (inf, tau) in zip(x, gates(V, Ca).values())]
        if pool is not None:  # uA/cm2 over um: 1e-2 A/m2 over 1e-6 m, per s; mol/m3 is mM
            slopes.append(
                max(inflow, 0.0) * 1e-2 / (2 * FARADAY * pool["depth"] * 1e-6) * 1e-3
                + (pool["rest"] - Ca) / pool["tau"]
            )
        return [total / C, *slopes]

    return f, start


def channel(name, g, E, feeds=False, **numbers):
    gates = eq.GATES[name]
    return (lambda V, Ca: gates(V, Ca, **numbers)), eq.OPEN[name], g, E, feeds


def wang_buzsaki(I):
    parts = [channel("Na_WangBuzsaki", 35.0, 55.0), channel("K_WangBuzsaki", 9.0, -90.0)]
    return composed(parts, (0.1, -65.0), lambda t: I, -64.0)


def reduced_traub(I):
    def gates(V, Ca):
        return {"h": eq.traub_miles_na(V, VT=-67.0)["h"]}

    def opened(V, Ca, h):
        return eq.traub_miles_na(V, VT=-67.0)["m"][0] ** 3 * h

    parts = [(gates, opened, 100.0, 50.0, False), channel("K_TraubMiles", 80.0, -100.0, VT=-67.0)]
    return composed(parts, (0.1, -67.0), lambda t: I, -67.0)


def connor_stevens(I):
    parts = [
        channel("Na_ConnorStevens", 120.0, 55.0),
        channel("K_ConnorStevens", 20.0, -72.0),
        channel("KA_ConnorStevens", 47.7, -75.0),
    ]
    return composed(parts, (0.3, -17.0), lambda t: I, -68.0)


def morris_lecar(I, g_Ca, V_3, V_4, phi, **_):
    def f(t, y):
        V, w = y
        m, w_inf = (1 + tanh((V + 1.2) / 18)) / 2, (1 + tanh((V - V_3) / V_4)) / 2
        dV = -g_Ca * m * (V - 120) - 8 * w * (V + 84) - 2 * (V + 60) + I
        return dV / 20, phi * cosh((V - V_3) / (2 * V_4)) * (w_inf - w)

    return f, [-60.85, (1 + tanh((-60.85 - V_3) / V_4)) / 2]


def fitzhugh_nagumo(I):
    return lambda t, y: (y[0] - y[0] ** 3 / 3 - y[1] + I, (y[0] + 0.7 - 0.8 * y[1]) / 12.5), [
        -1.1994,
        (-1.1994 + 0.7) / 0.8,
    ]


def hindmarsh_rose(I):
    def f(t, y):
        return y[1] - y[0] ** 3 + 3 * y[0] ** 2 - y[2] + I, 1 - 5 * y[0] ** 2 - y[1], 0.006 * (4 * (y[0] + 1.6) - y[2])

    return f, [-1.6045, 1 - 5 * 1.6045**2, 4 * (-1.6045 + 1.6)]


def pinsky_rinzel(Is, Id, gc=2.1, p=0.5):
    """As printed: potentials relative to rest."""

    def f(t, y):
        Vs, Vd, h, n, s, c, q, Ca = y
        na, k, ca, kc = eq.traub_na(Vs - 60), eq.traub_k(Vs - 60), eq.traub_ca(Vd - 60), eq.traub_c(Vd - 60)
        ICa = 10 * s**2 * (Vd - 140)
        dVs = -0.1 * Vs - 30 * na["m"][0] ** 2 * h * (Vs - 120) - 15 * n * (Vs + 15) + gc / p * (Vd - Vs) + Is / p
        dVd = (
            -0.1 * Vd
            - ICa
            - 0.8 * q * (Vd + 15)
            - 15 * min(Ca / 250, 1) * c * (Vd + 15)
            + (gc * (Vs - Vd) + Id) / (1 - p)
        )
        relax = [
            (inf - x) / tau
            for x, (inf, tau) in ((h, na["h"]), (n, k["n"]), (s, ca["s"]), (c, kc["c"]), (q, eq.traub_ahp(0, Ca)["q"]))
        ]
        return [dVs / 3, dVd / 3, *relax, -0.13 * ICa - 0.075 * Ca]

    start = dict(PINSKY_START, V=PINSKY_START["V"] + 60, V_d=PINSKY_START["V_d"] + 60)
    return f, list(start.values())


def pospischil(kind):
    p = POSPISCHIL[kind]
    V_x = POSPISCHIL_RUN["V_x"].get(kind, 2.0)
    parts = [
        channel("Na_TraubMiles", p["g_Na"], 50.0, VT=p["V_T"]), channel("K_TraubMiles", p["g_K"], -90.0, VT=p["V_T"]),
        channel("KM_Yamada1989", p["g_M"], -90.0, tau_max=p["tau_max"]), channel("CaHT_Reuveni1993", p["g_CaL"], 120.0),
        (lambda V, Ca: eq.destexhe_t(V, Vx=V_x), lambda V, Ca, u: eq.destexhe_t_s(V, V_x) ** 2 * u, p["g_CaT"], 120.0, False),
    ]  # fmt: skip
    return composed(parts, (p["g_L"], p["E_L"]), lambda t: p["hold"] if t < POSPISCHIL_RUN["onset"] else p["I"], -70.0)


def relay():
    p = RELAY
    phi_m, phi_h = 5 ** ((p["celsius"] - 24) / 10), 3 ** ((p["celsius"] - 24) / 10)
    phi_ahp = 3 ** ((p["celsius"] - 22) / 10)

    def t_gates(V, Ca):
        gates = eq.huguenard_t(V)
        return {"m": (gates["m"][0], gates["m"][1] / phi_m), "h": (gates["h"][0], gates["h"][1] / phi_h)}

    def ahp_gates(V, Ca):
        return {"m": eq.ab(phi_ahp * 48 * Ca**2, phi_ahp * 0.03)}

    parts = [
        channel("Na_TraubMiles", p["g_Na"], 50.0, VT=p["V_T"]), channel("K_TraubMiles", p["g_K"], p["E_K"], VT=p["V_T"]),
        (t_gates, eq.OPEN["CaT_HM1992"], p["g_T"], None, True), channel("Ih_HM1992", p["g_h"], -43.0),
        (ahp_gates, eq.OPEN["KAHP_Destexhe1994"], p["g_AHP"], p["E_K"], False),
        (lambda V, Ca: {}, lambda V, Ca: 1.0, p["g_KL"], p["E_K"], False),
    ]  # fmt: skip
    pool = dict(depth=p["depth"], tau=p["tau_Ca"], rest=p["rest"], outside=p["outside"])
    held = lambda t: p["hold"] if p["onset"] <= t < p["release"] else 0.0
    return composed(parts, (p["g_L"], p["E_L"]), held, p["V"], Ca0=p["rest"], pool=pool)


def from_equations() -> dict:
    found = {}

    def keep(name, problem, run, breaks=()):
        f, y0 = problem
        found[f"{name}_spikes"], found[f"{name}_V"] = solve(f, y0, run["duration"], run["threshold"], breaks)

    for k, I in enumerate(WANG_BUZSAKI["currents"]):
        keep(f"wang_buzsaki_{k}", wang_buzsaki(I), WANG_BUZSAKI)
    for k, I in enumerate(REDUCED_TRAUB["currents"]):
        keep(f"reduced_traub_{k}", reduced_traub(I), REDUCED_TRAUB)
    for k, I in enumerate(CONNOR["currents"]):
        keep(f"connor_stevens_{k}", connor_stevens(I), CONNOR)
    for kind, run in MORRIS_LECAR.items():
        for k, I in enumerate(run["currents"]):
            keep(f"morris_lecar_{kind}_{k}", morris_lecar(I, **run), run)
    for k, I in enumerate(FITZHUGH["currents"]):
        keep(f"fitzhugh_nagumo_{k}", fitzhugh_nagumo(I), FITZHUGH)
    for k, I in enumerate(HINDMARSH["currents"]):
        keep(f"hindmarsh_rose_{k}", hindmarsh_rose(I), HINDMARSH)
    for k, (Is, Id) in enumerate(PINSKY["currents"]):
        keep(f"pinsky_rinzel_{k}", pinsky_rinzel(Is, Id), PINSKY | {"threshold": PINSKY["threshold"] + 60})
        found[f"pinsky_rinzel_{k}_V"] -= 60.0
    for kind in POSPISCHIL:
        keep(f"pospischil_{kind}", pospischil(kind), POSPISCHIL_RUN, [POSPISCHIL_RUN["onset"]])
    keep("relay", relay(), RELAY, [RELAY["onset"], RELAY["release"]])
    return found


# -- other simulators ------------------------------------------------------------------------------------------------


def from_neuron() -> dict:
    """A squid cell with adaptive steps at a temperature; and the curves of NEURON's own `hh` at 6.3 °C."""
    from neuron import h

    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10.0
    soma.insert("hh")
    soma.ena, soma.ek, soma.el_hh = 50.0, -77.0, -54.387
    area = np.pi * 10.0 * 10.0 * 1e-8  # cm2
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.0, 1e9, NEURON_HH["current"] * area * 1e3  # uA/cm2 to nA
    times, detector = h.Vector(), h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    detector.threshold = 0.0
    detector.record(times)
    h.CVode().active(1)
    h.CVode().atol(1e-8)
    h.celsius = NEURON_HH["celsius"]
    h.finitialize(NEURON_HH["V"])
    h.continuerun(NEURON_HH["duration"])
    h.celsius = 6.3
    h.setdata_hh(soma(0.5))
    V = np.arange(-99.5, 40.0, 5.0)
    curves = []
    for v in V:
        h.rates_hh(float(v))
        curves.append([getattr(soma(0.5).hh, name) for name in ("minf", "mtau", "hinf", "htau", "ninf", "ntau")])
    return {"neuron_hh_spikes": np.asarray(times), "neuron_hh_curves": np.column_stack([V, curves])}


def from_nest() -> dict:
    """V of two cells with a gap junction, at every millisecond, and what their gates start from."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(
        resolution=0.05,
        use_wfr=True,
        wfr_comm_interval=1.0,
        wfr_tol=1e-7,
        wfr_max_iterations=50,
        wfr_interpolation_order=3,
    )
    cells = nest.Create("hh_cond_beta_gap_traub", 2, params=GAP["cell"])
    gates = np.array([[float(x) for x in np.ravel(cells[0].get(k))] for k in ("Act_m", "Inact_h", "Act_n")])[:, 0]
    cells.I_e = GAP["currents"]
    nest.Connect(
        cells[0],
        cells[1],
        {"rule": "one_to_one", "make_symmetric": True},
        {"synapse_model": "gap_junction", "weight": GAP["weight"]},
    )
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 1.0})
    nest.Connect(meter, cells)
    nest.Simulate(GAP["duration"] + 1.0)
    events = meter.events
    V = np.stack([np.asarray(events["V_m"])[np.asarray(events["senders"]) == i] for i in cells.tolist()], axis=1)
    return {"gap_V": V[: int(GAP["duration"])], "gap_gates": gates}


def from_brian2() -> dict:
    """Connor-Stevens and Wang-Buzsaki cells, from equations in text."""
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    b2.defaultclock.dt = 0.01 * b2.ms
    connor = b2.NeuronGroup(
        len(CONNOR["currents"]),
        """
        dV/dt = (-0.3*(V + 17) - 120*m**3*h*(V - 55) - 20*n**4*(V + 72) - 47.7*a**3*b*(V + 75) + I)/ms : 1
        I : 1 (constant)
        dm/dt = (0.38*(V + 29.7)/(1 - exp(-0.1*(V + 29.7)))*(1 - m) - 15.2*exp(-0.0556*(V + 54.7))*m)/ms : 1
        dh/dt = (0.266*exp(-0.05*(V + 48))*(1 - h) - 3.8/(1 + exp(-0.1*(V + 18)))*h)/ms : 1
        dn/dt = (0.02*(V + 45.7)/(1 - exp(-0.1*(V + 45.7)))*(1 - n) - 0.25*exp(-0.0125*(V + 55.7))*n)/ms : 1
        a_inf = (0.0761*exp(0.0314*(V + 94.22))/(1 + exp(0.0346*(V + 1.17))))**(1/3.0) : 1
        da/dt = (a_inf - a)/(0.3632 + 1.158/(1 + exp(0.0497*(V + 55.96))))/ms : 1
        db/dt = ((1/(1 + exp(0.0688*(V + 53.3))))**4 - b)/(1.24 + 2.678/(1 + exp(0.0624*(V + 50))))/ms : 1
        """,
        threshold="V > 0", refractory="V > 0", method="rk4",
    )  # fmt: skip
    connor.V = -68.0
    for gates in (eq.connor_na, eq.connor_k, eq.connor_a):
        for gate, (inf, _) in gates(-68.0).items():
            setattr(connor, gate, inf)
    connor.I = CONNOR["currents"]
    wang = b2.NeuronGroup(
        len(WANG_BUZSAKI["currents"]),
        """
        dV/dt = (-0.1*(V + 65) - 35*m**3*h*(V - 55) - 9*n**4*(V + 90) + I)/ms : 1
        I : 1 (constant)
        m = am/(am + 4*exp(-(V + 60)/18)) : 1
        am = 0.1*(V + 35)/(1 - exp(-0.1*(V + 35))) : 1
        dh/dt = 5*(0.07*exp(-(V + 58)/20)*(1 - h) - h/(exp(-0.1*(V + 28)) + 1))/ms : 1
        dn/dt = 5*(0.01*(V + 34)/(1 - exp(-0.1*(V + 34)))*(1 - n) - 0.125*exp(-(V + 44)/80)*n)/ms : 1
        """,
        threshold="V > 0", refractory="V > 0", method="rk4",
    )  # fmt: skip
    wang.V, wang.h, wang.n = -64.0, eq.wang_buzsaki_na(-64.0)["h"][0], eq.wang_buzsaki_k(-64.0)["n"][0]
    wang.I = WANG_BUZSAKI["currents"]
    found = {}
    for name, group, run in (("connor_stevens", connor, CONNOR), ("wang_buzsaki", wang, WANG_BUZSAKI)):
        monitor = b2.SpikeMonitor(group)
        b2.Network(group, monitor).run(run["duration"] * b2.ms)
        for k in range(len(run["currents"])):
            found[f"brian2_{name}_{k}_spikes"] = np.asarray(monitor.spike_trains()[k] / b2.ms)
    return found


if __name__ == "__main__":
    results = from_equations() | from_neuron() | from_nest() | from_brian2()
    np.savez_compressed(FILE, **{name: np.round(values, 6) for name, values in results.items()})
    for name, values in sorted(results.items()):
        if name.endswith("spikes"):
            print(name, len(values), np.round(values[:6], 2))
    print(FILE.stat().st_size, "bytes")
