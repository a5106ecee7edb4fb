"""The model gallery: one row per exported model with its equation, a picture of what it does, and its source.

Everything is read from the code: the rooms' ``__all__``, the first equation and the references of each docstring.
`make(folder)` writes ``gallery.md`` and the pictures beside it; a model is in the gallery by being exported.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace

import brainunit as u
import matplotlib
import numpy as np

import brainsim as bs
from brainsim import plot

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

BLUE, RED = "#0072B2", "#D55E00"


def make(folder: Path) -> Path:
    """Write the gallery into ``folder``; returns the page."""
    folder.mkdir(exist_ok=True)
    page = [
        "# Model gallery",
        "",
        "Made from the code: one row per model, with what it does at its default parameters.",
        "",
    ]
    for title, room, base, draw in ROOMS:
        models = [getattr(room, name) for name in room.__all__]
        models = [
            m
            for m in models
            if inspect.isclass(m)
            and issubclass(m, base)
            and m not in TO_BE_COMPLETED
            and ".. math::" in (m.__doc__ or "")
        ]
        if not models:
            continue
        page += [f"## {title}", "", "::::{list-table}", ":header-rows: 1", ":widths: 15 45 25 15", ""]
        page += ["* - model", "  - equation", "  - what it does", "  - source"]
        for model in models:
            picture = folder / f"{model.__module__.split('.')[1]}_{model.__name__}.png"
            figure, axes = pyplot.subplots(figsize=(3.2, 1.7), layout="constrained")
            try:
                draw(model, axes)
            except Exception as error:
                raise RuntimeError(f"gallery: {model.__module__}.{model.__name__} could not be drawn") from error
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=6, length=2)
            figure.savefig(picture, dpi=110)
            pyplot.close(figure)
            page += row(model, picture.name)
        page += ["::::", ""]
    path = folder / "gallery.md"
    path.write_text("\n".join(page) + "\n", encoding="utf-8")
    return path


def row(model, picture):
    doc = inspect.cleandoc(model.__doc__)
    first = doc.splitlines()[0].rstrip(".")
    equation = re.search(r"\.\. math::(.*?)(?=\n\S|\Z)", doc, re.DOTALL)[1]
    equation = textwrap.dedent(equation).strip()
    if "\\begin" not in equation and ("&" in equation or "\\\\" in equation):
        equation = f"\\begin{{aligned}}{equation}\\end{{aligned}}"
    source = re.search(r"References\n-+\n(.*)", doc, re.DOTALL)
    source = " ".join(source[1].split()) if source else ""
    name = f"{{py:class}}`~{model.__module__.rpartition('.')[0]}.{model.__name__}`"
    cells = [f"{name}: {first}", f"```{{math}}\n{equation}\n```", f"![{model.__name__}]({picture})", source]
    lines = []
    for k, cell in enumerate(cells):
        marker = "* - " if k == 0 else "  - "
        lines += [marker + cell.replace("\n", "\n    ")]
    return lines


# -- what is drawn
# -------------------------------------------------------------------------------------------------------------


def neuron(model, ax):
    """Response to the weakest of many constant inputs that makes it fire three times in 200 ms; at rest if none does."""
    shown = "V" if "V" in model._declared else model.variables[0]
    for largest in (15, 9, 5, 2):  # strong currents are more than some equations bear
        amplitudes = np.geomspace(2.0**-6, 2.0**largest, 43)  # as many each time: it is compiled once
        net = bs.Network(seed=1)
        net.cell = model(len(amplitudes))
        net.cell.add_stimuli(step=bs.stimuli.Constant(amplitudes * model.input_unit, start=20 * u.ms, stop=220 * u.ms))
        try:
            rec = bs.simulate(
                net,
                250 * u.ms,
                dt=0.02 * u.ms,
                record=["cell.spikes", f"cell.{shown}"],
                sample_every=0.2 * u.ms,
                progress=False,
            )
            break
        except bs.NonFiniteError:
            if largest == 2:
                raise
    counts = np.bincount(rec.spikes["cell"].indices, minlength=len(amplitudes))
    chosen = int(np.argmax(counts >= 3)) if counts.max() >= 3 else int(np.argmax(counts))
    values = np.asarray(u.get_mantissa(rec[f"cell.{shown}"]))[:, chosen]
    ax.plot(rec.times / u.ms, values, color=BLUE, lw=0.8)
    fired = np.asarray(rec.spikes["cell"].times / u.ms)[rec.spikes["cell"].indices == chosen]
    ax.plot(fired, np.full(len(fired), 1.02), "|", color=RED, ms=4, transform=ax.get_xaxis_transform(), clip_on=False)
    label(ax, "ms", shown, net.cell.unit_of(shown))


def astrocyte(model, ax):
    """Calcium over a minute, while there is transmitter for a part of it."""
    net = bs.Network()
    net.cell = model(1)
    for Y_S in (0.0, 5.0, 0.0):
        net.cell.Y_S = Y_S * u.uM
        rec = bs.simulate(net, 20 * u.second, dt=10 * u.ms, record=["cell.spikes", "cell.C"], progress=False)
        ax.plot(rec.times / u.second, rec["cell.C"] / u.uM, color=BLUE, lw=0.8)
        fired = rec.spikes["cell"].times / u.second
        ax.plot(
            fired, np.full(len(fired), 1.02), "|", color=RED, ms=4, transform=ax.get_xaxis_transform(), clip_on=False
        )
    label(ax, "s", "C", u.uM)


def mass(model, ax):
    """Its variables over a second (a minute for the slow ones)."""
    slow = {"BalloonWindkessel": 40.0, "Hopf": 60.0, "Epileptor": 8.0}
    fast = {"StuartLandau", "VanDerPol", "FitzHughNagumoField", "ThresholdLinear", "Linear"}
    seconds = slow.get(model.__name__, 0.1 if model.__name__ in fast else 1.0)
    net = bs.Network(seed=1)
    net.m = model(1)
    pulse = (
        0.0
        if model.__name__ in ("JansenRit", "Wendling", "WilsonCowan", "Kuramoto", "LarterBreakspear", "Epileptor")
        else 1.0
    )
    level = {"QIFMeanField": 3.0, "ReducedWongWang": 0.2, "WongWang": 0.0156}.get(model.__name__, pulse)
    net.m.add_stimuli(
        pulse=bs.stimuli.Constant(
            level * model.input_unit, start=0.1 * seconds * u.second, stop=0.4 * seconds * u.second
        )
    )
    observed = [n for n in ("psp", "bold", "lfp") if n in model._declared]
    shown = observed or list(model.variables)[:2]
    dt = 0.1 if seconds < 10 else 5.0
    every = dt * max(1, round(seconds * 1e3 / dt / 1500))
    rec = bs.simulate(
        net,
        seconds * u.second,
        dt=dt * u.ms,
        record=[f"m.{n}" for n in shown],
        sample_every=every * u.ms,
        progress=False,
    )
    for name, color in zip(shown, (BLUE, RED)):
        ax.plot(rec.times / u.second, u.get_mantissa(rec[f"m.{name}"])[:, 0], color=color, lw=0.8, label=name)
    if len(shown) > 1:
        ax.legend(fontsize=5, frameon=False)
    label(ax, "s", shown[0] if len(shown) == 1 else "", net.m.unit_of(shown[0]))


def receptor(model, ax):
    """What one spike, or a step of a graded signal, does to a unit at rest."""
    net = bs.Network(seed=1)
    syn = model()
    conductance = model._declared["reversal"].default is not None
    net.E = (
        bs.neurons.LIF(1, R=100 * u.Mohm, V_th=1e9 * u.mV) if conductance or not model.graded else bs.masses.Linear(1)
    )
    net.E.add_receptors(syn=syn)
    if model.graded:
        net.S = bs.masses.Linear(1)
        net.S.add_stimuli(step=bs.stimuli.Constant(1.0, start=10 * u.ms, stop=50 * u.ms))
        net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", signal="x", weight=1 * syn.weight_unit(u.UNITLESS))
    else:
        net.S = bs.sources.SpikeTimes(1, [10.0] * u.ms, [0])
        amount = 100 if syn.is_current and syn.port != "jump" else 1
        net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", weight=amount * syn.weight_unit(u.UNITLESS))
    shown = net.E.variables[0]
    rec = bs.simulate(net, 100 * u.ms, record=[f"E.{shown}"], progress=False)
    values = u.get_mantissa(rec[f"E.{shown}"])[:, 0]
    ax.plot(rec.times / u.ms, values - values[0], color=BLUE, lw=0.9)
    label(ax, "ms", shown, net.E.unit_of(shown))


def terminal(model, ax):
    """What it sends in answer to a train of 30 Hz and a last spike after a pause, or to a slow wave of the potential."""
    if model.takes == "V":
        return _released(model, ax)
    _answered(ax, bs.receptors.Graded() if model.graded else bs.receptors.Exponential(tau=10 * u.ms), terminal=model())


def synapse(model, ax):
    """What it makes of a train of 30 Hz and a last spike after a pause."""
    _answered(ax, bs.receptors.Exponential(tau=10 * u.ms), synapse=model())


def _answered(ax, syn, **how):
    times = np.append(np.arange(10) * 33.0 + 20.0, 700.0)
    net = bs.Network(seed=1)
    net.S = bs.sources.SpikeTimes(1, times * u.ms, np.zeros(len(times), int))
    net.E = bs.neurons.LIF(1, V_th=1e9 * u.mV)
    net.E.add_receptors(syn=syn)
    net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", weight=1 * u.pA, **how)
    rec = bs.simulate(net, 800 * u.ms, dt=0.5 * u.ms, record=["E.syn.g"], progress=False)
    ax.plot(rec.times / u.ms, (rec["E.syn.g"] / u.pA)[:, 0], color=BLUE, lw=0.9)
    label(ax, "ms", "sent", u.UNITLESS)


def _released(model, ax):
    net = bs.Network(seed=1)
    net.S, net.E = bs.neurons.LIF(1, R=100 * u.Mohm, V_th=1e9 * u.mV), bs.neurons.LIF(1, V_th=1e9 * u.mV)
    net.S.add_stimuli(wave=bs.stimuli.Sine(amplitude=400 * u.pA, frequency=0.5 * u.Hz))
    net.E.add_receptors(syn=bs.receptors.Graded())
    net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=model())
    rec = bs.simulate(net, 4000 * u.ms, dt=0.5 * u.ms, record=["E.syn.g", "S.V"], progress=False)
    ax.plot(rec.times / u.ms, (rec["E.syn.g"] / u.pA)[:, 0], color=BLUE, lw=0.9)
    potential = ax.twinx()
    potential.plot(rec.times / u.ms, (rec["S.V"] / u.mV)[:, 0], color=RED, lw=0.5)
    potential.set_axis_off()
    label(ax, "ms", "sent", u.UNITLESS)


def channel(model, ax):
    """Steady states of the gates against V, at a raised calcium concentration; a leak has its current."""
    one = model()
    V = np.linspace(-110, 60, 171) * u.mV
    pool = bs.channels.Calcium_Traub1991 if model.__name__.endswith("Traub1991") else bs.channels.Calcium
    calcium = 1e-3 if pool is bs.channels.Calcium else 100.0  # 1 uM; the other pool has no unit
    given = {name: np.full(V.shape, calcium) * pool._declared["concentration"].unit for name in one.reads}
    curves = one.steady_state(V, **given) or {"I": one.current(V)}
    for (name, values), color in zip(curves.items(), (BLUE, RED, "#009E73", "#CC79A7")):
        ax.plot(V / u.mV, np.broadcast_to(u.get_mantissa(values), V.shape), color=color, lw=0.9, label=name)
    ax.legend(fontsize=5, frameon=False)
    label(ax, "V (mV)", "steady state", u.UNITLESS)


class Clamped(bs.neurons.Neuron):
    """Units whose potential and spikes are given, to show a rule of plasticity by itself."""

    V = bs.State(-65.0 * u.mV, "membrane potential")
    given = bs.State(0.0, "who fires at the end of the step")

    def derivative(self, t, V):
        return 0.0 * V / u.ms

    def fires(self, before, after):
        return self.plain("given") != 0


def rule(model, ax):
    """Change of the weight after 20 pairs of spikes at 10 Hz, by the lag from the presynaptic to the postsynaptic
    spike.
    """
    lags = np.arange(-60, 61, 2)
    n, steps = len(lags), 2200
    pre, post = np.zeros((steps, n)), np.zeros((steps, n))
    for k in range(20):
        pre[70 + 100 * k, :] = 1
        post[70 + 100 * k + lags, np.arange(n)] = 1
    V = np.where(post == 1, 20.0, -65.0)
    for after in range(1, 30):  # a spike's afterdepolarisation, for rules that read V
        V[after:] = np.maximum(V[after:], -65.0 + 20.0 * np.exp(-after / 10) * (post[:-after] == 1))
    net = bs.Network(seed=1)
    net.pre, net.post = Clamped(n), Clamped(n)
    net.post.add_receptors(syn=bs.receptors.Exponential())
    net.dopamine = bs.modulators.Dopamine(tau=50 * u.ms)
    made = example(model, net)
    net.connect(net.pre, net.post, bs.OneToOne(), receptor="syn", weight=0.5 * u.pA, plasticity=made)
    inputs = {"pre.given": pre, "post.given": post, "post.V": V * u.mV, "dopamine.release": np.full(steps, 2.0) * u.Hz}
    bs.simulate(net, steps * u.ms, dt=1 * u.ms, inputs=inputs, progress=False)
    change = np.asarray(net["pre->post"].weight / u.pA) - 0.5
    ax.axhline(0, color="#999999", lw=0.5)
    ax.axvline(0, color="#999999", lw=0.5)
    ax.plot(lags, change, ".", color=BLUE, ms=2.5)
    label(ax, "post - pre (ms)", "change", u.UNITLESS)


def example(model, net):
    """A rule with bounds, and with its required arguments filled by their unit."""
    rules = bs.plasticity
    if model is rules.Combined:
        return model(stdp=example(rules.PairSTDP, net), scaling=example(rules.HomeostaticScaling, net))
    if model is rules.RewardModulated:
        return model(example(rules.PairSTDP, net), net.dopamine, gain=20 * u.Hz, w_max=1 * u.pA)
    values = {"w_min": 0.0 * u.pA, "w_max": 1.0 * u.pA}
    special = {"target_rate": 20 * u.Hz, "w_max": 1.0 * u.pA}
    for name, parameter in inspect.signature(model.__init__).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            unit = model._declared[name].unit
            if isinstance(unit, str):  # that of a weight, or one made from it
                unit = (
                    u.pA
                    if unit == "weight_unit"
                    else getattr(model, unit).fget(SimpleNamespace(weight_unit=u.pA, bound=True))
                )
            small = 1e-5 if issubclass(model, rules.RateRule) else 0.005
            values[name] = special.get(name, small * unit)
    return model(**values)


def label(ax, time, name, unit):
    text = plot._style.unit_text(unit)
    ax.set_xlabel(time, fontsize=6, labelpad=1)
    ax.set_ylabel(f"{name} ({text})" if text else name, fontsize=6, labelpad=1)


# Bases, which are not models yet.
TO_BE_COMPLETED = (
    bs.neurons.Neuron,
    bs.neurons.ConductanceBased,
    bs.channels.Channel,
    bs.channels.CalciumChannel,
    bs.masses.Mass,
    bs.receptors.Receptor,
    bs.receptors.LinearReceptor,
    bs.receptors.PointProcess,
    bs.receptors.Coupling,
    bs.receptors.Summed,
    bs.synapses.Synapse,
    bs.terminals.Terminal,
    bs.plasticity.Plasticity,
    bs.plasticity.RateRule,
)

ROOMS = [
    ("Neurons", bs.neurons, bs.neurons.Neuron, neuron),
    ("Channels", bs.channels, bs.channels.Channel, channel),
    ("Glia", bs.glia, bs.neurons.Neuron, astrocyte),
    ("Masses", bs.masses, bs.masses.Mass, mass),
    ("Receptors", bs.receptors, bs.receptors.Receptor, receptor),
    ("Terminals", bs.terminals, bs.terminals.Terminal, terminal),
    ("Synapses", bs.synapses, bs.synapses.Synapse, synapse),
    ("Plasticity", bs.plasticity, bs.plasticity.Plasticity, rule),
]

if __name__ == "__main__":
    print(make(Path(__file__).parent / "gallery"))
