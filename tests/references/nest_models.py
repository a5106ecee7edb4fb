"""NEST's neuron models and their counterparts in brainsim: for each, how both are made and driven, and how far they agree.

    python tests/references/nest_models.py

runs all in NEST (`pip install brainsim[bench]`) and keeps what they did in `nest_models.npz`.

Times are in ms, potentials in mV, capacitances in pF, conductances in nS, currents in pA. Every cell gets a constant
current and, where it has synapses, irregular excitatory and inhibitory spikes at multiples of NEST's step of 0.1 ms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from brainsim.receptors import Alpha, Delta, DualExponential, Exponential

FILE = Path(__file__).with_name("nest_models.npz")
DURATION, STEP, DELAY, AREA = 300.0, 0.1, 1.0, 1e-4 * u.cm2


@dataclasses.dataclass(frozen=True)
class Case:
    """A model of NEST and its counterpart.

    Parameters
    ----------
    parameters : dict
        Of NEST's model.
    cell : callable
        Makes brainsim's.
    receptors : callable
        Makes the receptors by name, in the order of ``weights``.
    weights : tuple of float
        NEST's, negative where it takes inhibition so.
    within : float
        How far spike times may differ, in ms; intervals between spikes with ``intervals``.
    V_within : float
        How far V may differ, in mV, before the first spike.
    unit : Unit
        Of the weights here.
    ports : tuple of int
        NEST's receptor types, where it numbers them.
    cells : int
        How many, of those that fire by chance: counts in 100 ms agree within four standard errors.
    sender : dict
        Parameters of a presynaptic cell of the same kind that fires under a constant current, instead of spike times.
    precise : bool
        Input spikes lie between the steps.
    early : bool
        NEST lets a jump act at the end of the step at which it arrives, here it is the beginning of the next.
    generator : bool
        NEST's model has no constant current of its own: a generator gives it, from the second step on.
    terminal : callable, optional
        Makes the terminal.
    """

    parameters: dict
    cell: Callable
    receptors: Callable = dict
    weights: tuple = ()
    within: float = 1e-6
    V_within: float = 0.01
    unit: u.Unit = u.pA
    ports: tuple = ()
    current: float = 0.0
    dt: float = STEP
    cells: int = 1
    intervals: bool = False
    precise: bool = False
    early: bool = False
    generator: bool = False
    terminal: Callable | None = None
    sender: dict | None = None


LIF = dict(C_m=250.0, E_L=-60.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0)
PSC, COND = LIF | dict(tau_m=20.0), LIF | dict(g_L=12.5)
TWO = dict(tau_syn_ex=2.0, tau_syn_in=3.0)
REVERSAL = dict(E_ex=0.0, E_in=-80.0)
AEIF = dict(
    C_m=281.0, g_L=30.0, E_L=-70.6, V_th=-50.4, Delta_T=2.0, tau_w=144.0, a=4.0, b=80.5, V_peak=0.0, V_reset=-60.0,
    t_ref=2.0, gsl_error_tol=1e-10,
)  # fmt: skip
SQUID = dict(C_m=100.0, g_Na=12000.0, g_K=3600.0, g_L=30.0, E_Na=50.0, E_K=-77.0, E_L=-54.402)
TRAUB = dict(C_m=200.0, g_Na=20000.0, g_K=6000.0, g_L=10.0, E_Na=50.0, E_K=-90.0, E_L=-65.0, V_T=-63.0)
GIF = dict(C_m=83.1, g_L=3.7, E_L=-67.0, Delta_V=1.4, V_T_star=-39.6, t_ref=4.0, V_reset=-36.7, lambda_0=1.0)
GIF |= dict(tau_stc=[57.8, 218.2], q_stc=[56.7, -6.9], tau_sfa=[53.8, 640.0], q_sfa=[11.7, 1.8])
GLIF = dict(V_th=-51.68, g=9.43, E_L=-78.85, C_m=58.72, t_ref=3.75, V_reset=-78.85)
MAT2 = dict(C_m=100.0, tau_m=5.0, E_L=-70.0, omega=-51.0, alpha_1=37.0, alpha_2=2.0, tau_1=10.0, tau_2=200.0, t_ref=2.0)
POINT = dict(C_m=250.0, tau_m=10.0, c_1=0.0, c_2=5.0, c_3=0.25, dead_time=0.1, with_reset=False)
TUM = dict(tau_psc=2.0, U=0.5, tau_rec=100.0, tau_fac=50.0)
WANG = dict(tau_rise_NMDA=2.0, tau_decay_NMDA=100.0, alpha=0.5, tau_AMPA=2.0, tau_GABA=5.0)


def lif(**options):
    return lambda p: bs.neurons.LIF(
        1, tau=20.0 * u.ms, R=20.0 / p["C_m"] * u.Gohm, E_L=p["E_L"] * u.mV, V=p["E_L"] * u.mV, V_th=p["V_th"] * u.mV,
        V_reset=p["V_reset"] * u.mV, refractory=p["t_ref"] * u.ms, **options,
    )  # fmt: skip


def aeif(p):
    mV = {k: p[k] * u.mV for k in ("E_L", "Delta_T", "V_peak", "V_reset")}
    return bs.neurons.AdEx(
        1, C=p["C_m"] * u.pF, g_L=p["g_L"] * u.nS, V_T=p["V_th"] * u.mV, tau_w=p["tau_w"] * u.ms, a=p["a"] * u.nS,
        b=p["b"] * u.pA, V=p["E_L"] * u.mV, refractory=p["t_ref"] * u.ms, spike_times="exact", **mV,
    )  # fmt: skip


def squid(p):
    S = {k: p[k] * u.nS / AREA for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L")}
    return bs.neurons.HodgkinHuxley(1, C=p["C_m"] * u.pF / AREA, V=-65.0 * u.mV, method="rk4", **S, **E)


def traub(p):
    S = {k: p[k] * u.nS for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L", "V_T")}
    return bs.neurons.TraubMiles(1, C=p["C_m"] * u.pF, V=-65.0 * u.mV, method="rk4", **S, **E)


def izhikevich(p):
    return bs.neurons.Izhikevich(
        1, a=p["a"] / u.ms, b=p["b"], c=p["c"] * u.mV, d=p["d"] * u.mV, V=-70.0 * u.mV, method="euler"
    )


def mat2(p):
    mV = {k: p[k] * u.mV for k in ("E_L", "omega", "alpha_1", "alpha_2")}
    ms = {k: p[k] * u.ms for k in ("tau_1", "tau_2")}
    return bs.neurons.MAT2(
        1, tau=p["tau_m"] * u.ms, R=p["tau_m"] / p["C_m"] * u.Gohm, refractory=p["t_ref"] * u.ms, V=p["E_L"] * u.mV,
        **mV, **ms,
    )  # fmt: skip


def gif(p):
    adaptation = {}
    for k in (1, 2):
        adaptation |= {f"tau_eta_{k}": p["tau_stc"][k - 1] * u.ms, f"q_eta_{k}": p["q_stc"][k - 1] * u.pA}
        adaptation |= {f"tau_gamma_{k}": p["tau_sfa"][k - 1] * u.ms, f"q_gamma_{k}": p["q_sfa"][k - 1] * u.mV}
    return bs.neurons.EscapeGIF(
        400, C=p["C_m"] * u.pF, g_L=p["g_L"] * u.nS, E_L=p["E_L"] * u.mV, V_T=p["V_T_star"] * u.mV,
        Delta_V=p["Delta_V"] * u.mV, lambda_0=p["lambda_0"] * u.Hz, V_reset=p["V_reset"] * u.mV,
        refractory=p["t_ref"] * u.ms, V=p["E_L"] * u.mV, method="rk4", **adaptation,
    )  # fmt: skip


def glif(p):
    mV = {k: p[k] * u.mV for k in ("E_L", "V_th", "V_reset")}
    return bs.neurons.GLIF1(
        1, C=p["C_m"] * u.pF, g_L=p.get("g", p.get("g_m")) * u.nS, V=p["E_L"] * u.mV, refractory=p["t_ref"] * u.ms, **mV
    )


def point_process(p):
    return bs.neurons.PoissonNeuron(
        400, transfer=jnp.exp, tau=p["tau_m"] * u.ms, R=p["tau_m"] / p["C_m"] * u.Gohm, E_L=0.0 * u.mV, V_0=0.0 * u.mV,
        Delta=1.0 / p["c_3"] * u.mV, rate=p["c_2"] * u.Hz, V=0.0 * u.mV, refractory=p["dead_time"] * u.ms,
    )  # fmt: skip


def currents(kind, ex=2.0, inh=3.0):
    return lambda: dict(ex=kind(tau=ex * u.ms), inh=kind(tau=inh * u.ms))


def conductances(kind, ex=2.0, inh=3.0):
    return lambda: dict(ex=kind(tau=ex * u.ms, reversal=0 * u.mV), inh=kind(tau=inh * u.ms, reversal=-80 * u.mV))


def rising(reversals=(0, -80)):
    E = [value * u.mV for value in reversals]
    return lambda: dict(
        ex=DualExponential(tau_rise=0.4 * u.ms, tau_decay=2 * u.ms, reversal=E[0]),
        inh=DualExponential(tau_rise=1.0 * u.ms, tau_decay=6 * u.ms, reversal=E[1]),
    )


def three(kind):
    return lambda: {name: kind(tau=tau * u.ms) for name, tau in (("a", 0.2), ("b", 2.0), ("c", 5.0))}


def deltas():
    return dict(ex=Delta(), inh=Delta())


MANY = dict(tau_syn=[0.2, 2.0, 5.0])
BETA = dict(tau_rise_ex=0.4, tau_decay_ex=2.0, tau_rise_in=1.0, tau_decay_in=6.0)
PS = dict(precise=True, within=1e-6)
# NEST resets between steps, stamps the end of a step and counts refractoriness from there: a step for each spike
AEIF_TIMES = dict(intervals=True, within=0.35, V_within=1e-4)
# NEST takes a spike at the maximum of V, not at the crossing
AT_MAXIMUM = dict(intervals=True, within=0.1, V_within=0.01)
BY_CHANCE = dict(cells=400, within=0.0)

CASES = {
    "iaf_psc_delta": Case(PSC, lif(), deltas, (0.8, -1.0), unit=u.mV, current=140.0, within=0.2001, early=True, V_within=0.05),
    "iaf_psc_exp": Case(PSC | TWO, lif(), currents(Exponential), (100.0, -80.0), current=140.0),
    "iaf_psc_alpha": Case(PSC | TWO, lif(), currents(Alpha), (50.0, -40.0), current=140.0),
    "iaf_psc_exp_multisynapse": Case(
        PSC | MANY, lif(), three(Exponential), (500.0, 60.0, -30.0), ports=(1, 2, 3), current=140.0
    ),
    "iaf_psc_alpha_multisynapse": Case(
        PSC | MANY, lif(), three(Alpha), (200.0, 30.0, -15.0), ports=(1, 2, 3), current=140.0
    ),
    "iaf_psc_delta_ps": Case(
        PSC, lif(spike_times="exact"), deltas, (0.8, -1.0), unit=u.mV, current=140.0, **PS
    ),
    "iaf_psc_exp_ps": Case(
        PSC | TWO, lif(spike_times="exact"), currents(Exponential), (100.0, -80.0), current=140.0, **PS
    ),
    "iaf_psc_alpha_ps": Case(
        PSC | TWO, lif(spike_times="exact"), currents(Alpha), (50.0, -40.0), current=140.0, **PS
    ),
    "iaf_tum_2000": Case(
        PSC | dict(tau_syn_ex=2.0, tau_syn_in=3.0) | TUM, lif(), currents(Exponential), (2500.0,), current=140.0,
        within=0.2001, ports=(1,), sender=PSC | TWO | TUM | dict(I_e=300.0, t_ref=2.0, x=1.0),
        terminal=lambda p: bs.terminals.ThreeState(
            U=p["U"], tau_rec=p["tau_rec"] * u.ms, tau_facil=p["tau_fac"] * u.ms, tau_inactive=p["tau_psc"] * u.ms
        ),
    ),
    "iaf_cond_exp": Case(
        COND | TWO | REVERSAL, lif(), conductances(Exponential), (3.0, -6.0), unit=u.nS, current=120.0
    ),
    "iaf_cond_alpha": Case(COND | TWO | REVERSAL, lif(), conductances(Alpha), (1.5, -3.0), unit=u.nS, current=120.0),
    "iaf_cond_beta": Case(COND | BETA | REVERSAL, lif(), rising(), (2.0, -3.0), unit=u.nS, current=120.0),
    "iaf_bw_2001_exact": Case(
        COND | WANG | REVERSAL, lif(), lambda: dict(nmda=bs.receptors.GatedNMDA()), (1.5,), unit=u.nS, current=140.0,
        within=0.1001, generator=True, ports=(3,), terminal=lambda p: bs.terminals.NMDAGating(
            tau_rise=p["tau_rise_NMDA"] * u.ms, tau_decay=p["tau_decay_NMDA"] * u.ms, alpha=p["alpha"] / u.ms
        ),
    ),
    "aeif_cond_exp": Case(AEIF | TWO | REVERSAL, aeif, conductances(Exponential), (6.0, -9.0), unit=u.nS, **AEIF_TIMES, current=600.0),
    "aeif_cond_alpha": Case(AEIF | TWO | REVERSAL, aeif, conductances(Alpha), (3.0, -4.0), unit=u.nS, **AEIF_TIMES, current=600.0),
    "aeif_cond_beta_multisynapse": Case(
        AEIF | dict(E_rev=[0.0, -80.0], tau_rise=[0.4, 1.0], tau_decay=[2.0, 6.0]), aeif, rising(), (4.0, 4.0),
        unit=u.nS, ports=(1, 2), **AEIF_TIMES, current=600.0,
    ),
    "aeif_psc_exp": Case(AEIF | TWO, aeif, currents(Exponential), (300.0, -200.0), **AEIF_TIMES, current=600.0),
    "aeif_psc_alpha": Case(AEIF | TWO, aeif, currents(Alpha), (150.0, -100.0), **AEIF_TIMES, current=600.0),
    "aeif_psc_delta": Case(AEIF, aeif, deltas, (2.0, -1.5), unit=u.mV, **AEIF_TIMES, current=600.0),
    "hh_psc_alpha": Case(SQUID | TWO, squid, currents(Alpha), (100.0, -50.0), **AT_MAXIMUM, current=500.0, dt=0.01),
    "hh_cond_exp_traub": Case(
        TRAUB | TWO | REVERSAL, traub, conductances(Exponential), (6.0, -12.0), unit=u.nS, **AT_MAXIMUM, current=100.0, dt=0.01
    ),
    "izhikevich": Case(
        dict(a=0.02, b=0.2, c=-65.0, d=8.0, V_m=-70.0, U_m=-14.0, consistent_integration=True), izhikevich,
        deltas, (1.5, -1.0), unit=u.mV, current=8.0,
    ),
    "mat2_psc_exp": Case(MAT2 | TWO, mat2, currents(Exponential), (150.0, -100.0), current=350.0),
    "gif_psc_exp": Case(GIF | TWO, gif, currents(Exponential), (60.0, -40.0), current=120.0, **BY_CHANCE),
    "gif_cond_exp": Case(
        GIF | TWO | REVERSAL, gif, conductances(Exponential), (1.0, -1.0), unit=u.nS, current=110.0, **BY_CHANCE
    ),
    "glif_psc": Case(
        GLIF | dict(tau_syn=[2.0, 3.0]), glif, currents(Alpha), (100.0, -60.0), ports=(1, 2), current=250.0, generator=True
    ),
    "glif_cond": Case(
        {"g_m" if k == "g" else k: v for k, v in GLIF.items()} | dict(tau_syn=[2.0, 3.0], E_rev=[0.0, -80.0]), glif,
        conductances(Alpha), (2.0, 4.0), unit=u.nS, ports=(1, 2), current=220.0, generator=True,
    ),
    "pp_psc_delta": Case(POINT, point_process, deltas, (1.0, -0.8), unit=u.mV, current=100.0, **BY_CHANCE),
}  # fmt: skip

NO_COUNTERPART = {
    "amat2_psc_exp": "its threshold follows the derivative of V through an alpha kernel; MAT2 has the two parts that"
    " spikes leave",
    "ht_neuron": "its threshold is a sodium equilibrium that a spike sets and that relaxes, with channels of its own;"
    " ConductanceBased with shipped channels is another cell",
    "gif_pop_psc_exp": "it is not a neuron but the mesoscopic mean of a population of them",
}


def trains(precise=False, seed=5):
    """Excitatory and inhibitory input spikes, and one train more, between the steps if ``precise``."""
    rng = np.random.default_rng(seed)
    steps = int((DURATION - 10) / STEP)
    found = [np.nonzero(rng.random(steps) < rate * STEP)[0][1:] * STEP + 2.0 for rate in (0.2, 0.06, 0.1)]
    return [np.round(t - precise * rng.uniform(0.01, 0.09, len(t)), 6) for t in found]


# -- NEST ------------------------------------------------------------------------------------------------------------


def in_nest(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Spike times, and V at the end of every step (of the first cell)."""
    import nest

    case = CASES[name]
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution, nest.rng_seed = STEP, 11
    p = case.parameters
    start = {} if "V_m" in p else {"V_m": -65.0 if "g_Na" in p else p.get("E_L", 0.0)}
    start = {} if name == "glif_cond" or name == "glif_psc" else start
    current = {} if case.generator else {"I_e": case.current}
    cells = nest.Create(name, case.cells, params=p | start | current)
    if case.generator:
        nest.Connect(nest.Create("dc_generator", params={"amplitude": case.current}), cells, syn_spec={"delay": STEP})
    recorder = nest.Create("spike_recorder")
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": STEP})
    nest.Connect(cells, recorder)
    nest.Connect(meter, cells[0])
    ports = case.ports or (0,) * len(case.weights)
    for times, weight, port in zip(trains(case.precise), case.weights, ports):
        options = {"weight": weight, "delay": DELAY, "receptor_type": port}
        if case.sender is not None:
            source = nest.Create(name, params=case.sender | {"V_m": case.sender["E_L"]})
        else:
            kind = {"precise_times": True} if case.precise else {}
            source = nest.Create("spike_generator", params={"spike_times": np.round(times - DELAY, 6)} | kind)
        if name == "iaf_bw_2001_exact":  # its NMDA takes spikes of neurons only
            parrot = nest.Create("parrot_neuron")
            source.spike_times = np.round(times - 2 * DELAY, 6)[times > 2 * DELAY + STEP]
            nest.Connect(source, parrot, syn_spec={"delay": DELAY})
            source = parrot
        nest.Connect(source, cells, syn_spec=options)
    nest.Simulate(DURATION + STEP)
    times = np.sort(np.asarray(recorder.events["times"]))
    if case.sender is not None:  # its stamps carry what is released in their digits
        times = np.ceil(times / STEP - 1e-9) * STEP
    return times, np.asarray(meter.events["V_m"])


def kept(times, V) -> np.ndarray:
    """V before the first spike, at every fifth step."""
    end = len(V) if not len(times) else max(int(times[0] / STEP) - 5, 1)
    return V[:end:5]


def from_nest() -> dict:
    """Spike times of every model, and V before the first spike."""
    found = {}
    for name in CASES:
        times, V = in_nest(name)
        found |= {f"{name}_times": times, f"{name}_V": np.round(kept(times, V), 8)}
    return found


# -- brainsim --------------------------------------------------------------------------------------------------------


def in_brainsim(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The same."""
    case = CASES[name]
    net = bs.Network(seed=3)
    net.E = case.cell(case.parameters)
    unit, exact = net.E.input_unit, net.E.spike_times == "exact"
    drive = case.current * u.pA / AREA if unit.has_same_dim(u.uA / u.cm2) else case.current * unit
    net.E.add_stimuli(drive=bs.stimuli.Constant(drive, start=2 * case.generator * STEP * u.ms))
    receptors = dict(list(case.receptors().items())[: len(case.weights)])
    net.E.add_receptors(**receptors)
    for kind, times, weight in zip(receptors, trains(case.precise), case.weights):
        if case.sender is not None:
            net.S = lif()(case.sender)
            net.S.add_stimuli(drive=bs.stimuli.Constant(case.sender["I_e"] * u.pA))
        else:
            if exact:
                times = times - DELAY
            elif case.early:
                times = times - STEP
            elif name == "iaf_bw_2001_exact":
                times = times[times > 2 * DELAY + STEP]
            setattr(net, f"S_{kind}", bs.sources.SpikeTimes(1, times * u.ms, np.zeros(len(times), int),
                                                           exact=case.precise))  # fmt: skip
        source = net.S if case.sender is not None else net[f"S_{kind}"]
        weight = abs(weight) if case.unit == u.nS else weight
        weight = weight * case.unit / (AREA if unit.has_same_dim(u.uA / u.cm2) else 1)
        delay = DELAY * u.ms if exact or case.sender is not None else None
        terminal = None if case.terminal is None else case.terminal(case.parameters)
        net.connect(source, net.E, bs.AllToAll(), receptor=kind, weight=weight, delay=delay, terminal=terminal)
    every = round(STEP / case.dt)
    rec = bs.simulate(
        net, DURATION * u.ms, dt=case.dt * u.ms, record=["E.spikes", "E.V[:1]"], sample_every=every * case.dt * u.ms,
        progress=False,
    )  # fmt: skip
    return np.asarray(rec.spikes["E"].times / u.ms), np.asarray(u.get_mantissa(rec["E.V[:1]"]))[:, 0]


if __name__ == "__main__":
    found = from_nest()
    np.savez_compressed(FILE, **found)
    print({k: v.shape for k, v in found.items()}, FILE.stat().st_size, "bytes")
