"""What a unit or a synaptic event of each kind costs, so that a kind that costs far more than its like is seen.

    python -m benchmarks.kinds
    python -m benchmarks.kinds noise sources

One line of JSON for each kind: CPU nanoseconds for a unit and step, or for a synaptic event, in the fastest of several runs after the
first; of kinds of input, of synapses and of rules those of the network without them are taken away.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator

import brainunit as u
import numpy as np

import brainsim as bs
from brainsim import plasticity, receptors, sources, stimuli, synapses, terminals

N, FAN_OUT, RATE = 20_000, 100, 20.0  # units, synapses of each, Hz
DT, STEPS, RUNS = 0.1 * u.ms, 200, 3
MS, NA, PA = u.ms, u.nA, u.pA

Made = Callable[[], bs.Network]


def each(value: float) -> np.ndarray:
    """A number for each unit, all different."""
    return np.linspace(0.9, 1.1, N) * value


def cells(**inputs) -> bs.Network:
    """LIF neurons with these stimuli."""
    net = bs.Network(seed=1)
    net.cells = bs.neurons.LIF(N, refractory=1 * MS, V_th=0 * u.mV)
    net.cells.add_receptors(syn=receptors.Exponential())
    if inputs:
        net.cells.add_stimuli(**inputs)
    return net


def noise() -> Iterator[tuple[str, Made]]:
    """Random input."""
    poisson = dict(weight=2 * PA, sources=30)
    yield "WhiteNoise", lambda: cells(x=stimuli.WhiteNoise(100 * PA * MS**0.5))
    yield "OrnsteinUhlenbeck", lambda: cells(x=stimuli.OrnsteinUhlenbeck(20 * PA, 10 * PA, 2 * MS))
    for name, hertz in (("rare", 10), ("of 2 events", 670), ("of 8 events", 2670)):
        yield f"PoissonInput {name}", lambda r=hertz: cells(x=stimuli.PoissonInput("syn", rate=r * u.Hz, **poisson))
        yield (
            f"PoissonInput {name}, a rate of each",
            lambda r=hertz: cells(x=stimuli.PoissonInput("syn", rate=each(r) * u.Hz, **poisson)),
        )


def of_source(make: Callable[[], bs.Population]) -> Made:
    """A network of one source."""

    def made():
        net = bs.Network(seed=1)
        net.source = make()
        return net

    return made


def spiking() -> Iterator[tuple[str, Made]]:
    """Sources of spikes."""
    rate = RATE * u.Hz
    times, units = (1 + np.arange(N * RATE) * 0.99 * 1e3 / (N * RATE)), np.resize(np.arange(N), int(N * RATE))
    for name, make in {
        "PoissonGroup": lambda: sources.PoissonGroup(N, rate=rate),
        "PoissonGroup, a rate of each": lambda: sources.PoissonGroup(N, rate=each(RATE) * u.Hz),
        "GammaGroup": lambda: sources.GammaGroup(N, rate=rate, order=3),
        "RenewalGroup": lambda: sources.RenewalGroup(N, rate=rate, dead_time=1 * MS),
        "CorrelatedGroup": lambda: sources.CorrelatedGroup(N, rate=rate, correlation=0.3),
        "CompoundPoissonGroup": lambda: sources.CompoundPoissonGroup(N, rate=1 * u.Hz, amplitudes=[0, 0.7, 0.3]),
        "SpikeTimes": lambda: sources.SpikeTimes(N, times * MS, units),
    }.items():
        yield name, of_source(make)


def connected(**options) -> Made:
    """LIF neurons with 100 synapses from each of as many Poisson units."""

    def made():
        net = cells()
        net.source = sources.PoissonGroup(N, rate=RATE * u.Hz)
        options_here = dict(weight=0.1 * PA) | {
            k: v() if k in ("synapse", "terminal") else v for k, v in options.items()
        }
        net.connect(net.source, net.cells, bs.FixedOutDegree(FAN_OUT), receptor="syn", **options_here)
        return net

    return made


def events() -> Iterator[tuple[str, Made]]:
    """Synapses."""
    drawn, delay = bs.Uniform(0.1 * PA, 0.5 * PA), bs.Uniform(0.5 * MS, 3 * MS)
    rng = np.random.default_rng(0)
    listed = rng.uniform(0.5, 3, N * FAN_OUT) * MS
    for name, options in {
        "one weight": {},
        "drawn weights": dict(weight=drawn),
        "16 bits": dict(weight=drawn, precision="float16"),
        "one delay": dict(delay=1 * MS),
        "drawn delays": dict(delay=delay),
        "drawn weights and delays": dict(weight=drawn, delay=delay),
        "listed delays": dict(delay=listed),
        "changing delays": dict(delay=delay, max_delay=3 * MS),
        "terminal TsodyksMarkram": dict(terminal=terminals.TsodyksMarkram),
        "synapse TsodyksMarkram": dict(synapse=synapses.TsodyksMarkram),
        "synapse TsodyksMarkram, drawn delays": dict(synapse=synapses.TsodyksMarkram, delay=delay),
    }.items():
        yield name, connected(**options)


def learning() -> Iterator[tuple[str, Made]]:
    """Rules of plasticity onto neurons that fire as often as those that they hear."""
    one, each, low = dict(delay=1 * MS), dict(delay=bs.Uniform(0.5 * MS, 3 * MS)), 0.01 * PA
    pairs = dict(A_plus=low, A_minus=low, w_max=9 * PA)
    triplets = dict(A2_plus=low, A2_minus=low, A3_plus=low, A3_minus=low, w_max=9 * PA)
    for name, rule in {
        "PairSTDP": lambda: plasticity.PairSTDP(**pairs),
        "PairSTDP, power law": lambda: plasticity.PairSTDP(**pairs, mu_plus=0.4, mu_minus=0.4),
        "TripletSTDP": lambda: plasticity.TripletSTDP(**triplets),
        "InhibitorySTDP": lambda: plasticity.InhibitorySTDP(eta=low, target_rate=RATE * u.Hz, w_max=9 * PA),
    }.items():
        for delays, options in (("", {}), (", one delay", one), (", drawn delays", each)):
            yield name + delays, learned(rule, **options)


def learned(rule: Callable, **options) -> Made:
    """As :func:`connected`, with a rule, and targets that are thrown over their thresholds."""

    def made():
        net = _driven()
        wiring, weight = bs.FixedOutDegree(FAN_OUT), 5 * PA
        net.connect(net.source, net.cells, wiring, receptor="syn", weight=weight, plasticity=rule(), **options)
        return net

    return made


def _driven() -> bs.Network:
    net = _without_synapses()
    net.cells.add_receptors(kick=receptors.Delta())
    net.kicks = sources.PoissonGroup(N, rate=RATE * u.Hz)
    net.connect(net.kicks, net.cells, bs.OneToOne(), receptor="kick", weight=200 * u.mV)
    return net


KINDS = {"noise": noise, "sources": spiking, "synapses": events, "rules": learning}


def nanoseconds(make: Made) -> tuple[float, float]:
    """CPU time of a step, and CPU seconds of building and the first call."""
    begin = time.process_time()
    net = make()
    bs.simulate(net, STEPS * DT, dt=DT)
    first = time.process_time() - begin
    found = []
    for _ in range(RUNS):
        begin = time.process_time()
        bs.simulate(net, STEPS * DT, dt=DT)
        found.append(time.process_time() - begin)
    return 1e9 * min(found) / STEPS, first


def measured(names: list[str]) -> Iterator[dict]:
    """A row for each kind."""
    in_step = N * FAN_OUT * RATE * 1e-3 * DT.to_decimal(u.ms)
    without = {
        "noise": nanoseconds(cells)[0],
        "sources": 0.0,
        "synapses": nanoseconds(_without_synapses)[0],
        "rules": nanoseconds(_driven)[0],
    }
    for group in names:
        for name, make in KINDS[group]():
            step, first = nanoseconds(make)
            per, unit = (in_step, "event") if group in ("synapses", "rules") else (N, "unit and step")
            cost = round((step - without[group]) / per, 2)
            yield {"group": group, "kind": name, "ns": cost, "per": unit, "first_s": round(first, 2)}


def _without_synapses() -> bs.Network:
    net = cells()
    net.source = sources.PoissonGroup(N, rate=RATE * u.Hz)
    return net


if __name__ == "__main__":
    for row in measured(sys.argv[1:] or list(KINDS)):
        print(json.dumps(row), flush=True)
