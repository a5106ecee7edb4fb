"""Networks that hold every class that the package exports, a few units of each; a new class is in them by being exported.

Each function takes the number of units. What needs more to be made than its class says so in ``GIVEN``.
"""

from __future__ import annotations

import inspect

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim._core import split
from brainsim.testing.plasticity import example

ABSTRACT = {
    "neurons": {"Neuron", "ConductanceBased"},
    "masses": {"Mass"},
    "receptors": {"Receptor", "LinearReceptor", "PointProcess", "Summed"},
    "synapses": {"Synapse"},
    "terminals": {"Terminal"},
    "plasticity": {"Plasticity", "RateRule"},
    "stimuli": {"Stimulus", "Clamp", "PointStimulus"},
    "modulators": {"Modulator", "LeakyModulator"},
}

UP = dict(w_min=0.0 * u.pA, w_max=1000.0 * u.pA)
PAIRS = dict(A_plus=5.0 * u.pA, A_minus=4.0 * u.pA, **UP)


def coupled(x, y, w):
    return w * (x - y) * u.pA / u.mV


GIVEN = {
    "Combined": lambda net: bs.plasticity.Combined(
        stdp=bs.plasticity.PairSTDP(**PAIRS),
        scaling=bs.plasticity.HomeostaticScaling(target_rate=20 * u.Hz, **UP),
    ),
    "HomeostaticScaling": lambda net: bs.plasticity.HomeostaticScaling(target_rate=20 * u.Hz, **UP),
    "RewardModulated": lambda net: bs.plasticity.RewardModulated(bs.plasticity.PairSTDP(**PAIRS), net.dopamine, **UP),
    "Coupling": lambda net: bs.receptors.Coupling(coupled),
    "TsodyksMarkram": lambda net: bs.terminals.TsodyksMarkram(tau_facil=30 * u.ms),
    "Kinetic": lambda net: bs.terminals.Kinetic(T_dur=0.5 * u.ms),
}
# The input that makes a neuron fire now and then within 10 ms, in its unit
DRIVE = {
    "ALIF": 60000.0, "AdEx": 4096.0, "AdQIF": 1024.0, "BalancedResonateAndFire": 4.0, "ConnorStevens": 32.0, "EscapeGIF": 1024.0,
    "ExpIF": 512.0,
    "FitzHughNagumo": 8.0, "GIF": 512.0, "GLIF1": 512.0, "GLIF2": 512.0, "GLIF3": 1024.0, "GLIF4": 512.0,
    "GLIF5": 512.0, "HindmarshRose": 4.0, "HodgkinHuxley": 64.0, "IF": 1024.0, "Izhikevich": 16.0, "LIF": 60000.0,
    "MAT2": 1024.0, "MorrisLecar": 256.0, "PinskyRinzel": 8.0, "PoissonNeuron": 16384.0, "QIF": 40000.0,
    "ReducedTraub": 8.0, "ResonateAndFire": 2.0, "SRM0": 1024.0, "Theta": 32.0, "TraubMiles": 1024.0, "WangBuzsaki": 4.0,
    "GChI": 1.0,
}  # fmt: skip


def exported(room: str) -> dict[str, type]:
    """Classes of a room that models are made of, by name."""
    module = getattr(bs, room)
    kind = {"neurons": "Neuron", "glia": "GChI", "masses": "Mass", "receptors": "Receptor", "terminals": "Terminal", "synapses": "Synapse",
            "plasticity": "Plasticity", "stimuli": "Stimulus", "sources": "Population", "modulators": "Modulator"}[room]  # fmt: skip
    base = getattr(module, kind, None) or getattr(bs, kind)
    found = {name: getattr(module, name) for name in module.__all__}
    return {
        name: cls
        for name, cls in found.items()
        if inspect.isclass(cls) and issubclass(cls, base) and name not in ABSTRACT.get(room, ())
    }


def neurons(n: int) -> bs.Network:
    """Every neuron, with noise and from a random potential."""
    net = bs.Network(seed=1)
    for name, kind in (exported("neurons") | exported("glia")).items():
        optional = {"refractory": 1.0 * u.ms} if "refractory" in kind._declared else {}
        setattr(net, name, kind(n, **optional))
        _disturbed(getattr(net, name))
    return net


def masses(n: int) -> bs.Network:
    """Every mass, likewise."""
    net = bs.Network(seed=1)
    for name, kind in exported("masses").items():
        setattr(net, name, kind(n))
        _disturbed(getattr(net, name), 0.1)
    return net


def _disturbed(population, size=None):
    first, unit = population.variables[0], population.input_unit
    start = u.Quantity(population.plain(first), unit=population.unit_of(first))
    width = (1.0 if population.unit_of(first) == u.mV else 0.01) * population.unit_of(first)
    population.assign(first, bs.Uniform(start[0], start[0] + width))
    drive = (DRIVE.get(type(population).__name__, 1024.0) if size is None else size) * unit
    population.add_stimuli(
        drive=bs.stimuli.Constant(drive), noise=bs.stimuli.OrnsteinUhlenbeck(0 * unit, 0.1 * drive, 2 * u.ms)
    )


def made(net, kind):
    """One of a class, with what it needs."""
    if kind.__name__ in GIVEN:
        return GIVEN[kind.__name__](net)
    return example(kind, **UP) if issubclass(kind, bs.plasticity.Plasticity) else kind()


def synapses(n: int) -> bs.Network:
    """Every receptor, terminal and rule, from noisy cells onto cells of their own."""
    net = bs.Network(seed=1)
    net.C = bs.neurons.LIF(n, V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=0.5 * u.ms)
    net.C.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(80 * u.nA, 20 * u.nA, 1 * u.ms))
    net.dopamine = bs.modulators.Dopamine(tau=20 * u.ms, source=net.C)
    for name, kind in exported("receptors").items():
        cell = bs.neurons.LIF(n, V_th=0 * u.mV)
        setattr(net, f"R_{name}", cell)
        cell.add_receptors(syn=made(net, kind))
        signal, unit = ("V", u.mV) if kind.graded else (None, u.UNITLESS)
        net.connect(
            net.C, cell, bs.AllToAll(), receptor="syn", signal=signal,
            weight=0.5 * cell.syn.weight_unit(unit),
        )  # fmt: skip
    for name, kind in exported("terminals").items():
        cell = bs.neurons.LIF(n, V_th=0 * u.mV)
        setattr(net, f"T_{name}", cell)
        cell.add_receptors(syn=bs.receptors.Graded() if kind.graded else bs.receptors.Exponential())
        weight = 1.0 * u.pA
        net.connect(net.C, cell, bs.AllToAll(), receptor="syn", weight=weight, terminal=made(net, kind))
    for name, kind in exported("synapses").items():
        cell = bs.neurons.LIF(n, V_th=0 * u.mV)
        setattr(net, f"S_{name}", cell)
        cell.add_receptors(syn=bs.receptors.Exponential())
        net.connect(net.C, cell, bs.AllToAll(), receptor="syn", weight=1.0 * u.pA, synapse=kind())
    for name, kind in exported("plasticity").items():
        cell = bs.neurons.LIF(n, refractory=0.5 * u.ms)
        setattr(net, f"P_{name}", cell)
        cell.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(80 * u.nA, 20 * u.nA, 1 * u.ms))
        cell.add_receptors(syn=bs.receptors.Exponential())
        weight = bs.Uniform(100 * u.pA, 500 * u.pA)
        net.connect(net.C, cell, bs.AllToAll(), receptor="syn", weight=weight, plasticity=made(net, kind))
    return net


def inputs(n: int) -> bs.Network:
    """Every stimulus, source, modulator and kind of delay."""
    net = bs.Network(seed=1)
    s, ms = bs.stimuli, u.ms
    stimuli = {
        "ConductanceClamp": lambda: s.ConductanceClamp(s.Ramp(0 * u.nS, 50 * u.nS, stop=4 * ms), 0 * u.mV),
        "Constant": lambda: s.Constant(60 * u.nA, start=0.5 * ms, stop=3 * ms),
        "OrnsteinUhlenbeck": lambda: s.OrnsteinUhlenbeck(20 * u.nA, 10 * u.nA, 2 * ms),
        "PoissonInput": lambda: s.PoissonInput("syn", rate=1000 * u.Hz, weight=2 * u.nA, sources=30),
        "Ramp": lambda: s.Ramp(0 * u.nA, 80 * u.nA, stop=4 * ms),
        "Sine": lambda: s.Sine(30 * u.nA, 200 * u.Hz),
        "SmoothNoise": lambda: s.SmoothNoise(20 * u.nA, 10 * u.nA, 2 * ms, length=1.5),
        "Step": lambda: s.Step([10.0, 40.0] * u.nA, [0.5, 2.5] * ms),
        "TimedArray": lambda: s.TimedArray(np.arange(40.0) * 2 * u.nA, 0.25 * ms),
        "Hold": lambda: s.Hold("V", s.Sine(5 * u.mV, 100 * u.Hz, offset=-58 * u.mV), start=1 * ms, stop=2 * ms),
        "VoltageClamp": lambda: s.VoltageClamp(
            s.Step([-60.0, -40.0] * u.mV, [0.5, 2.5] * ms), R_s=1 * u.Mohm, stop=4 * ms
        ),
        "WhiteNoise": lambda: s.WhiteNoise(100 * u.nA * ms**0.5),
    }
    for name in exported("stimuli"):
        cell = bs.neurons.LIF(n, refractory=1 * ms, V=bs.Uniform(-60 * u.mV, -51 * u.mV))
        setattr(net, f"I_{name}", cell)
        cell.add_receptors(syn=bs.receptors.Exponential())
        cell.add_stimuli(drive=stimuli[name]())
    sources = {
        "PoissonGroup": lambda: bs.sources.PoissonGroup(n, rate=500 * u.Hz),
        "GammaGroup": lambda: bs.sources.GammaGroup(n, rate=500 * u.Hz, order=3),
        "RenewalGroup": lambda: bs.sources.RenewalGroup(n, rate=500 * u.Hz, dead_time=0.3 * u.ms),
        "CompoundPoissonGroup": lambda: bs.sources.CompoundPoissonGroup(n, rate=300 * u.Hz, amplitudes=[0, 0.7, 0.3]),
        "CorrelatedGroup": lambda: bs.sources.CorrelatedGroup(n, rate=300 * u.Hz, correlation=0.3),
        "SpikeInput": lambda: bs.sources.SpikeInput(n, input=1.0),
        "SpikeTimes": lambda: bs.sources.SpikeTimes(n, [0.5, 1.0, 2.6] * ms, [0, 0, 0]),
    }
    for name in exported("sources"):
        setattr(net, name, sources[name]())
    modulators = {
        "Dopamine": lambda: bs.modulators.Dopamine(tau=20 * ms, source=net.PoissonGroup),
        "Astrocyte": lambda: bs.modulators.Astrocyte(excited_by=net.PoissonGroup),
        "Schedule": lambda: bs.modulators.Schedule(lambda t: u.math.exp(-t / (10 * ms))),
    }
    for name in exported("modulators"):
        setattr(net, f"M_{name}", modulators[name]())
    net.D = bs.neurons.LIF(n, V_th=0 * u.mV)
    net.D.add_receptors(syn=bs.receptors.Exponential(), gap=bs.receptors.GapJunction())
    delays = dict(
        axonal=dict(delay=0.5 * ms),
        synaptic=dict(delay=bs.Uniform(0.2 * ms, 1.0 * ms)),
        changing=dict(delay=0.5 * ms, max_delay=1.0 * ms),
        changing_each=dict(delay=bs.Uniform(0.2 * ms, 0.9 * ms), max_delay=1.0 * ms),
        learned=dict(delay=bs.delays.Gaussian(bs.Uniform(0.2 * ms, 0.9 * ms), width=0.3 * ms), max_delay=1.0 * ms),
        followed=dict(
            delay=bs.Uniform(0.2 * ms, 1.0 * ms), plasticity=bs.plasticity.PairSTDP(**PAIRS, pre_delay=0.3 * ms)
        ),
        lines=dict(plasticity=bs.plasticity.PairSTDP(**PAIRS, pre_delay=0.3 * ms, post_delay=0.5 * ms)),
    )  # fmt: skip
    for name, delay in delays.items():
        weight = 10 * u.pA
        net.connect(net.PoissonGroup, net.D, bs.AllToAll(), receptor="syn", weight=weight, name=name, **delay)
    each = (3 + np.arange(n) % 7) * 0.1 * ms  # drawn delays round to other times at another dt, which is refused
    kinds = {
        "sorted": {"sort_by": "delay"},
        "listed": {"synapse": bs.synapses.TsodyksMarkram()},
        "learning": {"plasticity": bs.plasticity.PairSTDP(**PAIRS)},
    }
    for name, more in kinds.items():
        rule, weight = bs.FixedInDegree(1), 10 * u.pA
        net.connect(net.PoissonGroup, net.D, rule, receptor="syn", weight=weight, delay=each, name=name, **more)
    graded = dict(
        graded=dict(delay=0.5 * ms),
        graded_each=dict(delay=bs.Uniform(0.2 * ms, 1.0 * ms)),
        graded_changing=dict(delay=0.5 * ms, max_delay=1.0 * ms),
    )
    for name, delay in graded.items():
        weight = 1 * u.nS
        net.connect(net.I_Ramp, net.D, bs.AllToAll(), receptor="gap", weight=weight, signal="V", name=name, **delay)
    return net


def shaped(n: int) -> bs.Network:
    """Cells of many compartments, alike and each of its own shape, with parts at places and a rule of plasticity there."""
    net = bs.Network(seed=1)
    net.C = bs.sources.PoissonGroup(n, rate=500 * u.Hz)
    ch, shapes = bs.channels, [bs.cells.ball_and_stick(), bs.cells.rall_tree(2, soma=20 * u.um)]
    for name, shape in (("alike", shapes[0]), ("various", [shapes[k % 2] for k in range(n)])):
        squid = dict(na=ch.Na_HH1952().on("soma"), k=ch.K_HH1952().on("soma"), t=ch.CaT_HM1992(E=None))
        cells = bs.cells.MultiCompartment(
            n, shape, compartments=bs.cells.PerBranch(3), channels=squid, pools=dict(Ca=ch.Calcium())
        )
        setattr(net, name, cells)
        cells.add_receptors(syn=bs.receptors.DualExponential(reversal=0 * u.mV).on("dend"))
        cells.add_stimuli(
            drive=bs.stimuli.OrnsteinUhlenbeck(1 * u.nA, 0.2 * u.nA, 2 * u.ms),
            clamp=bs.stimuli.ConductanceClamp(1 * u.nS, 0 * u.mV).on(bs.cells.at("dend", 0.5)),
            field=bs.cells.ExtracellularField(bs.stimuli.Sine(10 * u.mV / u.mm, 100 * u.Hz)),
        )
        cells.add_junctions(gap=bs.cells.Junctions(bs.FixedProbability(0.7), g=0.1 * u.nS))
        cells.add_detectors(end=bs.cells.Detector().on(bs.cells.at(1, 1.0)))
        cells[:1].add_stimuli(step=bs.stimuli.Constant(0.1 * u.nA).on("dend"))
        rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.nS, A_minus=0.1 * u.nS, w_max=5 * u.nS)
        net.connect(
            net.C, cells.at("dend"), bs.AllToAll(), receptor="syn", weight=1 * u.nS, delay=0.3 * u.ms, plasticity=rule
        )
    return net


ROOMS = {  # the rooms whose classes each network holds
    "neurons": ["neurons", "glia"],
    "masses": ["masses"],
    "synapses": ["receptors", "terminals", "plasticity"],
    "inputs": ["stimuli", "sources", "modulators"],
    "shaped": [],
}
NETWORKS = {make.__name__: make for make in (neurons, masses, synapses, inputs, shaped)}


def states(net) -> dict[str, np.ndarray]:
    """All that changes, by path."""
    return {path: np.asarray(array) for path, array in split(net)[3].items()}
