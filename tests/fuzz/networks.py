"""Random networks: a number makes a network, the same one every time it is asked for."""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs

DT = 0.1 * u.ms

SPIKING = [
    "ALIF AdEx AdQIF ConnorStevens ExpIF GIF GLIF3 GLIF5 HodgkinHuxley IF Izhikevich LIF MAT2 MorrisLecar",
    "PinskyRinzel QIF ReducedTraub TraubMiles WangBuzsaki EscapeGIF SRM0 PoissonNeuron",
]
SPIKING = " ".join(SPIKING).split()
SIMPLE = ["ALIF", "AdEx", "ExpIF", "GIF", "IF", "Izhikevich", "LIF", "MAT2", "QIF"]
BY_CHANCE = {"EscapeGIF", "SRM0", "PoissonNeuron"}  # their spikes are drawn otherwise by kernels and definitions
MASSES = ["WilsonCowan", "QIFMeanField", "ThresholdLinear", "Linear", "StuartLandau"]


class Draw:
    """Choices of one random network."""

    def __init__(self, seed: int, small: bool, chance: bool):
        self.rng, self.small, self.by_chance = np.random.default_rng(seed), small, chance

    def one(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def size(self) -> int:
        return int(self.one([1, 1, 2, 3, 4, 7]))


def network(seed: int, *, small: bool = False, chance: bool = True) -> bs.Network:
    """Network number ``seed``: up to three populations of one to seven units, and whatever can stand between them.

    ``small``: one population of integrate-and-fire neurons, so that it compiles fast. ``chance``: spikes by chance too.
    """
    draw = Draw(seed, small, chance)
    net = bs.Network(seed=seed)
    populations = []
    for k in range(1 if small else 1 + draw.rng.integers(3)):
        name = f"p{k}"
        setattr(net, name, _population(draw))
        populations.append(getattr(net, name))
    if draw.chance(0.7):
        net.source = _source(draw)
        populations.append(net.source)
    for population in populations:
        _receptors(draw, population)
        _stimuli(draw, population)
    if draw.chance(0.3):
        net.dopamine = bs.modulators.Dopamine(tau=20 * u.ms, source=populations[0])
    for _ in range(1 + draw.rng.integers(2 if small else 5)):
        _projection(draw, net, draw.one(populations), draw.one(populations))
    return net


# -- populations -------------------------------------------------------------------------------------------------------


def _population(draw):
    if not draw.small and draw.chance(0.08):
        return getattr(bs.masses, draw.one(MASSES))(draw.size())
    names = SIMPLE if draw.small else SPIKING if draw.by_chance else [k for k in SPIKING if k not in BY_CHANCE]
    kind, n = getattr(bs.neurons, draw.one(names)), draw.size()
    values = {}
    if "refractory" in kind._declared and draw.chance(0.5):
        values["refractory"] = draw.one([0.05, 0.1, 0.3, 2.0]) * u.ms
    start = kind._declared["V"].default if "V" in kind._declared else None
    if isinstance(start, u.Quantity) and draw.chance(0.5):
        values["V"] = bs.Uniform(start, start + 5 * u.get_unit(start))
    if draw.chance(0.2):
        values["surrogate"] = bs.surrogate.FastSigmoid()
    return kind(n, **values)


def _source(draw):
    n = draw.size()
    if draw.by_chance and draw.chance(0.5):
        return bs.sources.PoissonGroup(n, rate=draw.between(100, 1000) * u.Hz)
    k = int(draw.rng.integers(1, 12))
    times = np.sort(draw.rng.integers(1, 35, k)) * 0.1
    pairs = sorted(set(zip(times.round(1).tolist(), draw.rng.integers(0, n, k).tolist())))
    return bs.sources.SpikeTimes(n, [t for t, _ in pairs] * u.ms, [i for _, i in pairs])


def _takes_current(population):
    return isinstance(population, bs.neurons.Neuron) and getattr(population, "input_unit", None) == u.pA


def _receptors(draw, population):
    if not isinstance(population, bs.neurons.Neuron):
        return
    r = bs.receptors
    if _takes_current(population):
        exc, inh = draw.one([{}, {"reversal": 0 * u.mV}]), {"reversal": -80 * u.mV}
        choices = [
            lambda: r.Exponential(tau=draw.between(0.2, 8) * u.ms, **exc),
            lambda: r.Alpha(tau=draw.between(0.2, 4) * u.ms, **exc),
            lambda: r.DualExponential(tau_rise=draw.between(0.2, 2) * u.ms, tau_decay=draw.between(3, 9) * u.ms, **inh),
            r.AMPA,
            r.GABA_A,
            r.NMDA,
        ]
    else:
        choices = [
            lambda: r.Exponential(tau=draw.between(0.2, 8) * u.ms),
            lambda: r.Alpha(tau=draw.between(0.2, 4) * u.ms),
        ]
    parts = {f"r{k}": draw.one(choices)() for k in range(1 if draw.small else 1 + draw.rng.integers(2))}
    if "V" in population._declared:
        if draw.chance(0.25):
            parts["delta"] = r.Delta()
        if draw.chance(0.3):
            parts["gap"] = r.GapJunction()
    for name, part in parts.items():
        try:
            population.add_receptors(**{name: part})
        except (ValueError, TypeError, bs.UnitError):
            continue  # what cannot be is refused, and the population is as it was


def _stimuli(draw, population):
    unit = population.input_unit
    if not isinstance(population, bs.neurons.Neuron):
        return
    size = {"pA": 300.0}.get(str(unit), 5.0) * unit
    s = bs.stimuli
    choices = [
        lambda: s.Constant(size * draw.between(0.5, 3)),
        lambda: s.Constant(size * draw.rng.uniform(0.5, 3, population.count), start=0.5 * u.ms, stop=2.5 * u.ms),
        lambda: s.Step(size * np.array([1.0, 3.0]), [0.3, 1.7] * u.ms),
        lambda: s.Ramp(0 * unit, 3 * size, start=0.2 * u.ms, stop=2.8 * u.ms),
        lambda: s.Sine(size, draw.between(50, 900) * u.Hz, offset=size),
        lambda: s.TimedArray(size * draw.rng.uniform(0, 3, (7, population.count)), draw.one([0.1, 0.25, 0.4]) * u.ms),
        lambda: s.WhiteNoise(0 * unit, size * u.ms**0.5) if draw.chance(0.5) else s.Constant(size),
        lambda: s.OrnsteinUhlenbeck(size, 0.5 * size, 2 * u.ms),
    ]
    for k in range(draw.rng.integers(2 if draw.small else 3)):
        target = population if population.count < 2 or draw.chance(0.7) else population[: population.count // 2 + 1]
        try:
            target.add_stimuli(**{f"s{k}": draw.one(choices)()})
        except (ValueError, TypeError, bs.UnitError):
            continue


# -- projections -------------------------------------------------------------------------------------------------------


def _rule(draw, pre, post):
    n, m = len(pre), len(post)
    choices = [
        bs.AllToAll(),
        bs.FixedProbability(draw.between(0.2, 1.0)),
        bs.connectivity.FixedTotalNumber(int(draw.rng.integers(0, 2 * n * m + 1))),
        bs.connectivity.FixedOutDegree(int(draw.rng.integers(1, m + 1))),
        bs.connectivity.FixedInDegree(int(draw.rng.integers(1, n + 1))),
        bs.connectivity.Procedural(bs.FixedProbability(draw.between(0.2, 1.0))),
    ]
    return draw.one([*choices, bs.OneToOne()] if n == m else choices)


def _weight(draw, unit):
    scale = {"mV": 3.0, "pA": 400.0, "nS": 20.0}.get(str(unit), 1.0) * unit
    return draw.one(
        [scale * draw.between(0.2, 1), bs.Uniform(0.1 * scale, scale), bs.Uniform(0.5 * scale, 0.9 * scale)]
    )


def _delay(draw):
    choices = [
        {},
        {"delay": draw.one([0.1, 0.7, 1.4]) * u.ms},
        {"delay": bs.Uniform(0.1 * u.ms, 1.5 * u.ms)},
        {"delay": draw.between(0.1, 1) * u.ms, "max_delay": 1.5 * u.ms},
        {"delay": bs.Uniform(0.1 * u.ms, 1.5 * u.ms), "max_delay": 2 * u.ms},
    ]
    return draw.one(choices)


def _plasticity(draw, net, unit):
    p, size = bs.plasticity, {"mV": 1.0, "pA": 100.0, "nS": 5.0}.get(str(unit), 1.0) * unit
    bounds = dict(w_min=0 * unit, w_max=4 * size)
    choices = [
        lambda: p.PairSTDP(A_plus=size, A_minus=0.8 * size, **bounds),
        lambda: p.TripletSTDP(A2_plus=size, A2_minus=size, A3_plus=size, A3_minus=0 * unit, **bounds),
        lambda: p.InhibitorySTDP(eta=0.5 * size, **bounds),
    ]
    if "dopamine" in vars(net):
        choices.append(
            lambda: p.RewardModulated(p.PairSTDP(A_plus=size, A_minus=size, w_max=4 * size), net.dopamine, **bounds)
        )
    return draw.one(choices)()


def _projection(draw, net, pre, post):
    receptors = getattr(post, "receptors", {})
    if not receptors or "spikes" not in pre._declared:
        return
    name = draw.one(sorted(receptors))
    receptor = receptors[name]
    if name == "gap":
        if "V" in pre._declared and u.get_unit(pre.V) == u.get_unit(post.V):
            _connect(net, pre, post, bs.OneToOne() if len(pre) == len(post) else bs.AllToAll(), receptor=name,
                     signal="V", weight=draw.between(0.1, 5) * receptor.weight_unit(u.mV), **draw.one([{}, {"delay": 0.3 * u.ms}]))  # fmt: skip
        return
    unit = receptor.weight_unit(u.UNITLESS)
    views = [view if len(view) < 3 or draw.chance(0.7) else view[1:] for view in (pre, post)]
    options = _delay(draw) | {"weight": _weight(draw, unit)}
    if draw.chance(0.2):
        options["terminal"] = draw.one(
            [
                bs.terminals.TsodyksMarkram,
                bs.terminals.QuantalRelease if draw.by_chance else bs.terminals.TsodyksMarkram,
            ]
        )()
    if draw.chance(0.4):
        options["plasticity"] = _plasticity(draw, net, unit)
    _connect(net, *views, _rule(draw, *views), receptor=name, **options)


def _connect(net, pre, post, rule, **options):
    before = set(net.projections)
    try:
        net.connect(pre, post, rule, **options)
    except (ValueError, TypeError, bs.UnitError):
        assert set(net.projections) == before, "a refused projection stays in the network"
