"""Wiring, plasticity rules and surrogates."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, exported, files, folder, larger

# -- wiring: rules, distributions, kernels, masks --------------------------------------------------------------------


def wiring() -> Iterator[Mutant]:
    for name, kind in exported("connectivity", "ConnectionRule", "SpatialRule").items():
        tests = folder("connectivity", "connectivity/test_rule.py")
        yield Mutant(f"wiring: {name} misses synapses", functools.partial(miss, kind), tests, name)
    for name, kind in exported("connectivity", "Distribution").items():
        tests = files("connectivity/test_distributions.py")
        yield Mutant(f"wiring: {name} draws more", larger(kind, "_sample", 1.05), tests, name)
        yield Mutant(f"wiring: {name} has larger quantiles", larger(kind, "_quantile", 1.05), tests, name)
    for name, kind in exported("connectivity", "Kernel").items():
        yield Mutant(
            f"wiring: {name} is larger", larger(kind, "profile", 1.1), files("connectivity/test_spatial.py"), name
        )
    for name, kind in exported("connectivity", "Mask").items():
        tests = files("connectivity/test_spatial.py")
        yield Mutant(f"wiring: {name} is smaller", functools.partial(shrink, kind), tests, name)


def miss(kind: type) -> None:
    """Every tenth synapse, and the first, is missing."""
    import numpy as np

    right = kind._draw

    def _draw(self, pairs, rng):
        synapses = right(self, pairs, rng)
        return synapses.select(np.arange(len(synapses.indices)) % 10 != 0)

    kind._draw = _draw


def shrink(kind: type) -> None:
    right = kind.inside
    kind.inside = lambda self, x: right(self, 1.2 * x)


# -- surrogates, paths -----------------------------------------------------------------------------------------------


def surrogates() -> Iterator[Mutant]:
    from brainsim.surrogate import Surrogate

    for name, kind in exported("surrogate", Surrogate).items():
        yield Mutant(f"surrogates: {name}", larger(kind, "derivative"), files("test_surrogate.py"), name)


# -- plasticity rules: every change a hundredth larger, and traces that decay faster ----------------------------------

NEST, RULES = "references/test_plasticity_nest.py::", "plasticity/test_rules.py::"
ABOUT = {  # the tests of each rule
    "BCM": "plasticity/test_equations.py",
    "CalciumPlasticity": RULES + "test_calcium_solves_the_paper_s_equation",
    "Combined": RULES + "test_rules_combine_in_their_order",
    "Hebb": "plasticity/test_equations.py",
    "HomeostaticScaling": "plasticity/test_equations.py",
    "InhibitorySTDP": NEST + "test_inhibitory",
    "Oja": "plasticity/test_equations.py",
    "PairSTDP": "plasticity/test_stdp.py::test_one_pair",
    "PolicyGradient": RULES + "test_policy_gradient_is_spikes_minus_expectation",
    "PowerLawSTDP": NEST + "test_power_law",
    "RateRule": "plasticity/test_equations.py",
    "RewardModulated": RULES + "test_reward_after_a_pair_is_the_closed_integral",
    "TripletSTDP": NEST + "test_triplets",
    "VoltageSTDP": RULES + "test_voltage_follows_the_equation",
}


def plasticity() -> Iterator[Mutant]:
    from brainsim.plasticity import Trace

    for name, kind in exported("plasticity", "Plasticity").items():
        tests = files(ABOUT[name])
        if name != "RateRule":
            yield Mutant(f"plasticity: {name} changes more", functools.partial(change_more, kind), tests)
        if any(isinstance(declared, Trace) for declared in kind._declared.values()):
            yield Mutant(f"plasticity: {name} forgets sooner", functools.partial(forget, kind), tests)


def change_more(kind: type) -> None:
    right = kind.update

    def update(self, s):
        before = s.weight
        right(self, s)
        s.weight = before + 1.01 * (s.weight - before)

    kind.update = update


def forget(kind: type) -> None:
    right = kind._steps
    kind._steps = lambda self, s, trace: 1.05 * right(self, s, trace)
