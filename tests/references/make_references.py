"""Run the same cells in NEST and Brian2 and keep their spike times and voltages in `references.npz`.

    python -m tests.references.make_references

It needs NEST and Brian2 (`pip install brainsim[bench]`) and no brainsim. The protocols below are the common ground: the
tests build the same cells from them. Times are in ms, potentials in mV, capacitances in pF, conductances in nS,
currents in pA.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("references.npz")
STEP = 0.1  # of NEST's clock
EVERY = 5  # steps between two samples of V that are kept

LIF = dict(C_m=250.0, tau=20.0, E_L=-60.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0)
ADEX = dict(
    C_m=281.0,
    g_L=30.0,
    E_L=-70.6,
    V_th=-50.4,
    Delta_T=2.0,
    tau_w=144.0,
    a=4.0,
    b=80.5,
    V_peak=20.0,
    V_reset=-70.6,
    t_ref=0.0,
)
IZHIKEVICH = {
    "regular": dict(a=0.02, b=0.2, c=-65.0, d=8.0),
    "chattering": dict(a=0.02, b=0.2, c=-50.0, d=2.0),
    "fast": dict(a=0.1, b=0.2, c=-65.0, d=2.0),
}
SQUID = dict(C_m=100.0, g_Na=12000.0, g_K=3600.0, g_L=30.0, E_Na=50.0, E_K=-77.0, E_L=-54.402)  # 1e-4 cm2 of membrane
TRAUB = dict(C_m=200.0, g_Na=20000.0, g_K=6000.0, g_L=10.0, E_Na=50.0, E_K=-90.0, E_L=-60.0, V_T=-63.0)
QIF = dict(tau=10.0, a_0=0.07, E_L=-65.0, V_c=-50.0, V_peak=-30.0, V_reset=-68.0)

GLIF = dict(C_m=58.72, g=9.43, E_L=-78.85, V_th=-51.68, V_reset=-78.85, t_ref=3.75)
GLIF = GLIF | dict(th_spike_add=4.5, th_spike_decay=0.009, voltage_reset_fraction=0.2, voltage_reset_add=12.0)
GLIF = GLIF | dict(
    th_voltage_index=0.02, th_voltage_decay=0.09, asc_decay=(0.003, 0.1), asc_amps=(-9.18, -198.94), asc_r=(1.0, 0.8)
)
GLIF_LEVELS = {  # the mechanisms that NEST switches on for each level
    1: (), 2: ("spike_dependent_threshold",), 3: ("after_spike_currents",), 4: ("spike_dependent_threshold", "after_spike_currents"),
    5: ("spike_dependent_threshold", "after_spike_currents", "adapting_threshold"),
}  # fmt: skip
MAT2 = dict(C_m=100.0, tau_m=5.0, E_L=-70.0, omega=-51.0, alpha_1=37.0, alpha_2=2.0, tau_1=10.0, tau_2=200.0, t_ref=2.0)
ESCAPE = dict(C_m=83.1, g_L=3.7, E_L=-67.0, Delta_V=1.4, V_T_star=-39.6, t_ref=4.0, V_reset=-36.7, lambda_0=1.0)
ESCAPE = ESCAPE | dict(tau_stc=[57.8, 218.2], q_stc=[56.7, -6.9], tau_sfa=[53.8, 640.0], q_sfa=[11.7, 1.8])
POINT_PROCESS = dict(C_m=250.0, tau_m=10.0, c_1=0.0, c_2=5.0, c_3=0.25, dead_time=0.1, with_reset=False)
ALIF = dict(tau=20.0, tau_a=100.0, E_L=-60.0, V_th=-50.0, beta=1.8)
EXPIF = dict(C=100.0, g_L=10.0, E_L=-65.0, V_T=-59.9, Delta_T=3.48, V_peak=-30.0, V_reset=-68.0)
ADQIF = dict(tau=10.0, a_0=0.07, E_L=-65.0, V_c=-50.0, R=100.0, tau_w=100.0, a=1.0, b=20.0, V_peak=-30.0, V_reset=-68.0)
GIF = dict(C=100.0, G=5.0, E_L=-70.0, V_r=-70.0, Theta_inf=-50.0, Theta_r=-60.0, a=5e-3, b=1e-2, k_1=0.2, k_2=0.02)
GIF = GIF | dict(R_1=0.0, R_2=1.0, A_1=1000.0, A_2=-60.0)  # tonic bursting
THETA = dict(tau=10.0, eta=-1.0)

GLIF_CURRENT, MAT2_CURRENT, ESCAPE_CURRENT, POINT_PROCESS_CURRENT = 500.0, 700.0, 300.0, 150.0
ALIF_DRIVE, EXPIF_CURRENT, ADQIF_CURRENT, GIF_CURRENT, THETA_DRIVE = 15.0, 150.0, 150.0, 200.0, 1.2
CHANCE = dict(cells=500, duration=2000.0, seed=7)  # of the neurons that fire by chance
LIF_CURRENT, ADEX_CURRENT, IZHIKEVICH_CURRENT, SQUID_CURRENT, TRAUB_CURRENT, QIF_DRIVE = (
    200.0,
    800.0,
    10.0,
    1000.0,
    200.0,
    8.0,
)
DURATION = dict(
    lif_current=200.0, lif_conductance=200.0, adex=500.0, izhikevich=500.0, squid=100.0, traub=200.0, qif=300.0
)
DURATION = DURATION | dict(glif=400.0, mat2=400.0, alif=400.0, expif=200.0, adqif=400.0, gif=400.0, theta=200.0)
TAU_SYN = dict(ex=5.0, inh=10.0)
WEIGHT = dict(lif_conductance=(6.0, 12.0), traub=(6.0, 30.0))  # excitatory, inhibitory
DELAY = 1.0  # of NEST's synapses from the generator to the cell

STDP = dict(
    tau_plus=20.0, tau_minus=30.0, A_plus=0.01, A_minus=0.012, w=0.5, w_max=1.0, duration=2000.0, dendritic_delay=1.0
)


def input_trains(duration, rate=0.2, seed=1):
    """Excitatory and inhibitory input spikes: multiples of the step, in ms."""
    rng = np.random.default_rng(seed)
    steps = int((duration - 5) / STEP)
    return [np.nonzero(rng.random(steps) < p * STEP)[0][1:] * STEP + 1.0 for p in (rate, rate / 4)]


def stdp_trains(seed=2):
    """Pre- and postsynaptic spikes for the pair protocol, never in the same step; a last pre spike reads the weight
    out.
    """
    rng = np.random.default_rng(seed)
    steps = rng.permutation(np.arange(50, int(STDP["duration"] / STEP) - 1000))[:160]
    pre, post = (np.sort(steps[k::2]) * STEP for k in (0, 1))
    return np.append(pre, STDP["duration"] - 10.0), post


# -- NEST ------------------------------------------------------------------------------------------------------------


def nest_cell(model, parameters, duration, *, current=None, generator=None, weights=None):
    """Spike times, and V at the end of every fifth step."""
    import nest

    nest.ResetKernel()
    nest.set(resolution=STEP)
    cell = nest.Create(model, params=parameters | ({} if current is None else {"I_e": current}))
    if generator is not None:
        nest.Connect(nest.Create("dc_generator", params={"amplitude": generator}), cell, syn_spec={"delay": STEP})
    spikes = nest.Create("spike_recorder")
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": STEP})
    nest.Connect(cell, spikes)
    nest.Connect(meter, cell)
    if weights is not None:
        for train, weight, sign in zip(input_trains(duration), weights, (1, -1)):
            generator = nest.Create("spike_generator", params={"spike_times": np.round(train - DELAY, 1)})
            nest.Connect(generator, cell, syn_spec={"weight": sign * weight, "delay": DELAY})
    nest.Simulate(duration + STEP)
    return np.asarray(spikes.events["times"]), np.asarray(meter.events["V_m"])[EVERY - 1 :: EVERY]


def from_nest() -> dict:
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    lif = {k: v for k, v in LIF.items() if k != "tau"}
    synapses = dict(E_ex=0.0, E_in=-80.0, tau_syn_ex=TAU_SYN["ex"], tau_syn_in=TAU_SYN["inh"])
    cases = {
        "lif_current": ("iaf_psc_exp", lif | {"tau_m": LIF["tau"], "V_m": -60.0}, dict(current=LIF_CURRENT)),
        "lif_conductance": (
            "iaf_cond_exp",
            lif | synapses | {"g_L": LIF["C_m"] / LIF["tau"], "V_m": -60.0},
            dict(weights=WEIGHT["lif_conductance"]),
        ),
        "adex": ("aeif_cond_exp", ADEX | {"V_m": -70.6, "gsl_error_tol": 1e-10}, dict(current=ADEX_CURRENT)),
        "squid": ("hh_psc_alpha", SQUID | {"V_m": -65.0}, dict(current=SQUID_CURRENT)),
        "traub": (
            "hh_cond_exp_traub",
            TRAUB | synapses | {"V_m": -65.0},
            dict(weights=WEIGHT["traub"], current=TRAUB_CURRENT),
        ),
    }
    found = {}
    for name, (model, parameters, options) in cases.items():
        spikes, V = nest_cell(model, parameters, DURATION[name], **options)
        found |= {f"{name}_spikes": spikes, f"{name}_V": V}
    for name in ("squid", "traub"):  # where the gates of NEST's cells begin
        model, parameters, _ = cases[name]
        nest.ResetKernel()
        cell = nest.Create(model, params=parameters)
        found[f"{name}_gates"] = np.array([cell.get(k) for k in ("Act_m", "Inact_h", "Act_n")])
    for kind, parameters in IZHIKEVICH.items():
        found[f"izhikevich_{kind}_euler_spikes"], found[f"izhikevich_{kind}_euler_V"] = nest_cell(
            "izhikevich", parameters | {"V_m": -70.0, "U_m": -14.0, "consistent_integration": True},
            DURATION["izhikevich"], current=IZHIKEVICH_CURRENT,
        )  # fmt: skip
    return found | nest_glif() | nest_mat2() | nest_chance() | {"stdp_weight": nest_stdp()}


def nest_glif() -> dict:
    """The five levels, at the current that a generator gives from t = 0.2 ms on."""
    found = {}
    for level, mechanisms in GLIF_LEVELS.items():
        parameters = {k: list(v) if isinstance(v, tuple) else v for k, v in GLIF.items()} | {
            k: True for k in mechanisms
        }
        found[f"glif{level}_spikes"], found[f"glif{level}_V"] = nest_cell(
            "glif_psc", parameters, DURATION["glif"], generator=GLIF_CURRENT
        )
    return found


def nest_mat2() -> dict:
    spikes, V = nest_cell("mat2_psc_exp", MAT2, DURATION["mat2"], current=MAT2_CURRENT)
    return {"mat2_spikes": spikes, "mat2_V": V}


def nest_chance() -> dict:
    """Spikes per cell and 100 ms, and the coefficient of variation of the intervals, of neurons that fire by chance."""
    import nest

    found = {}
    cases = {
        "escape": ("gif_psc_exp", ESCAPE, ESCAPE_CURRENT),
        "point_process": ("pp_psc_delta", POINT_PROCESS, POINT_PROCESS_CURRENT),
    }
    for name, (model, parameters, current) in cases.items():
        nest.ResetKernel()
        nest.set(resolution=STEP, rng_seed=CHANCE["seed"])
        cells = nest.Create(model, CHANCE["cells"], params=parameters | {"I_e": current})
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
        nest.Simulate(CHANCE["duration"])
        times, senders = np.asarray(recorder.events["times"]), np.asarray(recorder.events["senders"])
        counts = np.histogram(times, np.arange(0.0, CHANCE["duration"] + 1, 100.0))[0] / CHANCE["cells"]
        intervals = np.concatenate(
            [np.diff(np.sort(times[(senders == k) & (times > 500)])) for k in np.unique(senders)]
        )
        found |= {f"{name}_counts": counts, f"{name}_cv": np.array(intervals.std() / intervals.mean())}
    return found


def nest_stdp():
    """Weight of a `stdp_synapse` after the protocol.

    NEST's delay is dendritic: a post spike reaches the synapse ``delay`` after it is fired, so it is fired that much
    earlier here. The bounds multiply with the power mu; mu = 0 is the additive rule.
    """
    import nest

    nest.ResetKernel()
    nest.set(resolution=STEP)
    pre, post = stdp_trains()
    delay = STDP["dendritic_delay"]
    generators = [
        nest.Create("spike_generator", params={"spike_times": np.round(t - DELAY, 1)}) for t in (pre, post - delay)
    ]
    cells = nest.Create("parrot_neuron", 2, params={"tau_minus": STDP["tau_minus"]})
    for generator, cell in zip(generators, cells):
        nest.Connect(generator, cell, syn_spec={"delay": DELAY})
    rule = dict(
        synapse_model="stdp_synapse", weight=STDP["w"], delay=delay, tau_plus=STDP["tau_plus"], Wmax=STDP["w_max"],
        lambda_=STDP["A_plus"] / STDP["w_max"], alpha=STDP["A_minus"] / STDP["A_plus"], mu_plus=0.0, mu_minus=0.0,
        receptor_type=1,
    )  # fmt: skip
    nest.Connect(cells[0], cells[1], syn_spec={k.rstrip("_"): v for k, v in rule.items()})
    nest.Simulate(STDP["duration"] + 10.0)
    return np.array(nest.GetConnections(cells[0], cells[1]).weight)


# -- Brian2 ----------------------------------------------------------------------------------------------------------


def brian_cell(equations, threshold, reset, initial, duration, dt=0.002, method="rk4"):
    """Spike times of dimensionless equations in ms, by Runge-Kutta of order 4 with a small step."""
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = dt * b2.ms
    cell = b2.NeuronGroup(1, equations, threshold=threshold, reset=reset, method=method, namespace={"ms": b2.ms})
    for name, value in initial.items():
        setattr(cell, name, value)
    monitor = b2.SpikeMonitor(cell)
    network = b2.Network(cell, monitor)
    network.run(duration * b2.ms)
    return np.asarray(monitor.t / b2.ms) + dt  # Brian2 stamps a spike with the beginning of its step


def from_brian2() -> dict:
    found = {}
    for kind, p in IZHIKEVICH.items():
        found[f"izhikevich_{kind}_spikes"] = brian_cell(
            f"""dv/dt = (0.04*v**2 + 5*v + 140 - w + {IZHIKEVICH_CURRENT})/ms : 1
            dw/dt = {p["a"]}*({p["b"]}*v - w)/ms : 1""",
            "v >= 30", f"v = {p['c']}; w += {p['d']}", {"v": -70.0, "w": -14.0}, DURATION["izhikevich"],
        )  # fmt: skip
    p = QIF
    found["qif_spikes"] = brian_cell(
        f"dv/dt = ({p['a_0']}*(v - ({p['E_L']}))*(v - ({p['V_c']})) + {QIF_DRIVE})/({p['tau']}*ms) : 1",
        f"v > {p['V_peak']}", f"v = {p['V_reset']}", {"v": p["E_L"]}, DURATION["qif"],
    )  # fmt: skip
    p = ALIF
    found["alif_spikes"] = brian_cell(
        f"""dv/dt = ({p["E_L"]} - v + {ALIF_DRIVE})/({p["tau"]}*ms) : 1
        da/dt = -a/({p["tau_a"]}*ms) : 1""",
        f"v > {p['V_th']} + {p['beta']}*a", f"v -= {p['V_th'] - p['E_L']}; a += 1", {"v": p["E_L"], "a": 0.0},
        DURATION["alif"], dt=STEP, method="exact",
    )  # fmt: skip
    p = EXPIF
    found["expif_spikes"] = brian_cell(
        f"dv/dt = ({p['g_L']}*({p['E_L']} - v + {p['Delta_T']}*exp((v + {-p['V_T']})/{p['Delta_T']})) + {EXPIF_CURRENT})/({p['C']}*ms) : 1",
        f"v > {p['V_peak']}", f"v = {p['V_reset']}", {"v": p["E_L"]}, DURATION["expif"],
    )  # fmt: skip
    p = ADQIF
    found["adqif_spikes"] = brian_cell(
        f"""dv/dt = ({p["a_0"]}*(v - ({p["E_L"]}))*(v - ({p["V_c"]})) + 1e-3*{p["R"]}*({ADQIF_CURRENT} - w))/({p["tau"]}*ms) : 1
        dw/dt = ({p["a"]}*(v - ({p["E_L"]})) - w)/({p["tau_w"]}*ms) : 1""",
        f"v > {p['V_peak']}", f"v = {p['V_reset']}; w += {p['b']}", {"v": p["E_L"], "w": 0.0}, DURATION["adqif"],
    )  # fmt: skip
    p = GIF
    found["gif_spikes"] = brian_cell(
        f"""dv/dt = ({p["G"]}*({p["E_L"]} - v) + x + y + {GIF_CURRENT})/({p["C"]}*ms) : 1
        dh/dt = ({p["a"]}*(v - ({p["E_L"]})) - {p["b"]}*(h - ({p["Theta_inf"]})))/ms : 1
        dx/dt = -{p["k_1"]}*x/ms : 1
        dy/dt = -{p["k_2"]}*y/ms : 1""",
        "v > h", f"v = {p['V_r']}; h = clip(h, {p['Theta_r']}, 1e9); x = {p['A_1']} + {p['R_1']}*x; y = {p['A_2']} + {p['R_2']}*y",
        {"v": p["E_L"], "h": p["Theta_inf"], "x": 0.0, "y": 0.0}, DURATION["gif"],
    )  # fmt: skip
    p = THETA
    found["theta_spikes"] = brian_cell(
        f"dq/dt = (1 - cos(q) + (1 + cos(q))*({p['eta']} + {THETA_DRIVE}))/({p['tau']}*ms) : 1",
        "q > pi", "q -= 2*pi", {"q": -np.pi / 2}, DURATION["theta"],
    )  # fmt: skip
    return found


if __name__ == "__main__":
    found = from_nest() | from_brian2()
    np.savez_compressed(FILE, **{k: np.round(v, 6) for k, v in found.items()})
    print({k: v.shape for k, v in found.items()}, FILE.stat().st_size, "bytes")
