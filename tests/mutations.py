"""What breaks the code, one place at a time, and which tests must see it: the table that ``tests/mutants.py`` runs.

To add a kind of thing, add a function that yields its mutants to ``KINDS``. Classes are those that the package exports,
so that a new one has its mutants by being exported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutant(NamedTuple):
    """A name, what breaks the code after it is imported, and the tests that must fail.

    ``about`` is the name of a class or method: tests with it among their parameters come first, then those that name it
    in their text, then the others. ``only`` restricts what has parameters to tests with this one. ``changes`` is the
    class that is changed, where the tests compile nothing that depends on it: such mutants share a process.
    """

    name: str
    apply: Callable[[], None]
    tests: tuple[str, ...]
    about: str | None = None
    only: str | None = None
    changes: type | None = None


def wrong(x):
    """A little off: what is real by a hundredth, counts by one, and what is true or false by its first element."""
    import jax.numpy as jnp

    if x.dtype == bool:
        return x.ravel().at[:1].set(~x.ravel()[:1]).reshape(x.shape) if x.size else x
    return x * 1.01 if jnp.issubdtype(x.dtype, jnp.floating) else x + jnp.ones((), x.dtype)


# -- event operations: the definition, and what the kernel gives -----------------------------------------------------

TESTS_OF = {
    "contract": ("tests/events/test_smallest.py", "tests/events/test_operations.py"),
    "procedural": ("tests/events/test_procedural.py",),
    "deliver_delayed": ("tests/events/test_smallest.py",),
    "delay_line": ("tests/events/test_delay.py",),
    "add_on_pre": ("tests/events/test_smallest.py",),
    "add_on_post": ("tests/events/test_smallest.py",),
    "append_events": ("tests/events/test_smallest.py",),
    "poisson_counts": ("tests/events/test_random.py",),
    "poisson_input": ("tests/events/test_random.py",),
    "bernoulli_spikes": ("tests/events/test_random.py",),
    "deliver_together": ("tests/simulation/test_grouped.py",),
}
RESULTS = {"deliver_delayed": 2, "delay_line": 2, "append_events": 3}


def events() -> Iterator[Mutant]:
    for name, tests in TESTS_OF.items():
        for k in range(RESULTS.get(name, 1)):
            which = f"{name}, result {k}" if name in RESULTS else name
            if name != "deliver_together":  # which is defined by what it puts together
                change = functools.partial(break_definition, name, k)
                yield Mutant(f"events: definition of {which}", change, tests, only="plain")
            change = functools.partial(break_kernel, name, k)
            yield Mutant(f"events: kernel of {which}", change, tests, only="kernel")


def operations() -> dict:
    from brainsim.events import _contract, delay, plasticity, random, record
    from brainsim.events._primitive import Operation

    modules = _contract, delay, plasticity, random, record
    return {x.name: x for module in modules for x in vars(module).values() if isinstance(x, Operation)}


def break_definition(name: str, k: int) -> None:
    operation = operations()[name]
    right = operation.plain

    def plain(*arguments):
        results = list(right(*arguments))
        results[k] = wrong(results[k])
        return tuple(results)

    operation.plain = plain


def break_kernel(name: str, k: int) -> None:
    from jax.interpreters import mlir

    from brainsim.events import _backends, _together

    (lowering,) = _backends.of(name).values()
    if name == "deliver_together":
        primitive, lower = _together._deliver_p, functools.partial(_together._lower, lowering)
    else:
        primitive, lower = operations()[name].primitive, functools.partial(operations()[name]._lower, lowering)

    def broken(context, *arguments, kernel=True, **parameters):
        given = parameters if name == "deliver_together" else parameters | {"kernel": kernel}
        results = list(lower(context, *arguments, **given))
        if kernel:
            inner = context.replace(avals_in=[context.avals_out[k]], avals_out=[context.avals_out[k]])
            (results[k],) = mlir.lower_fun(wrong, multiple_results=False)(inner, results[k])
        return results

    mlir.register_lowering(primitive, broken, platform="cpu")


# -- populations that are alike, as one program -----------------------------------------------------------------------


def alike() -> Iterator[Mutant]:
    broken = {
        "join": functools.partial(break_joined, "join"),
        "split": functools.partial(break_joined, "split"),
        "places of what stands behind each other": break_places,
        "numbers of each population": break_numbers,
        "numbers within equations": break_literals,
    }
    for name, change in broken.items():
        about = "test_populations_alike_are_one_program"
        yield Mutant(f"populations alike: {name}", change, TESTS_OF["deliver_together"], about=about)


def break_joined(name: str) -> None:
    from jax.interpreters import mlir

    from brainsim.events import _backends, _joined

    primitive, lower = getattr(_joined, f"_{name}_p"), getattr(_joined, f"_lower_{name}")
    (lowering,) = _backends.of(name).values()

    def broken(context, *arguments, **parameters):
        results = list(lower(lowering, context, *arguments, **parameters))
        inner = context.replace(avals_in=context.avals_out[-1:], avals_out=context.avals_out[-1:])
        (results[-1],) = mlir.lower_fun(wrong, multiple_results=False)(inner, results[-1])
        return results

    mlir.register_lowering(primitive, broken, platform="cpu")


def break_places() -> None:
    from brainsim.simulation.alike import Values

    right = Values.put_behind_each_other

    def put(self, variables, array):  # those of the same length change places
        right(self, sorted(variables, key=lambda v: -v.aval.size), array)

    Values.put_behind_each_other = put


def break_numbers() -> None:
    from brainsim.simulation.alike import Values

    right = Values.read_all

    def read_all(self, variables, sizes):
        numbers = all(v.aval.shape == () for v in variables)
        return right(self, variables[::-1] if numbers else variables, sizes)

    Values.read_all = read_all


def break_literals() -> None:
    from jax.extend.core import Literal

    from brainsim.simulation import alike

    right = alike._name

    def name(v, n, number):
        found = right(v, n, number)
        return ("", *found[1:]) if isinstance(v, Literal) else found

    alike._name = name


# -- ways to break a class -------------------------------------------------------------------------------------------


def exported(room: str, kind: str | type, *abstract: str) -> dict[str, type]:
    """Classes of a room of the package, by name."""
    import inspect

    import brainsim

    module = getattr(brainsim, room)
    base = getattr(module, kind) if isinstance(kind, str) else kind
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    found = {name: getattr(module, name) for name in names}
    classes = {name: x for name, x in found.items() if inspect.isclass(x) and issubclass(x, base) and x is not base}
    return {name: x for name, x in classes.items() if name not in abstract}


def larger(kind: type, method: str, factor: float = 1.01) -> Callable[[], None]:
    """What ``method`` gives is larger by a factor: a number, a quantity, or a tuple or dictionary of them."""

    def apply():
        right = getattr(kind, method)

        @functools.wraps(right)
        def wrong(self, *arguments, **named):
            return scaled(right(self, *arguments, **named), factor)

        setattr(kind, method, wrong)

    return apply


def scaled(values, factor):
    if isinstance(values, dict):
        return {name: factor * value for name, value in values.items()}
    return tuple(factor * value for value in values) if isinstance(values, tuple) else factor * values


def own(kind: type, base: type, method: str) -> bool:
    """Whether a class, or one between it and ``base``, gives a method."""
    return getattr(kind, method) is not getattr(base, method)


def files(*names: str) -> tuple[str, ...]:
    """Test files and functions, from names without the folder of tests."""
    return tuple(f"tests/{name}" for name in names)


def folder(name: str, *first: str) -> tuple[str, ...]:
    """All test files of a folder, those of ``first`` before the others and its conformance suite last."""
    paths = sorted((ROOT / "tests" / name).glob("test_*.py"), key=lambda path: (path.stem == "test_conformance", path))
    return (*files(*first), *(f"tests/{name}/{path.name}" for path in paths))


# -- neurons and masses: rates, what a spike does, where it is, what is observed ---------------------------------------

EQUATIONS = files("test_equations.py")


def neurons() -> Iterator[Mutant]:
    from brainsim.neurons import Neuron

    for name, kind in exported("neurons", "Neuron", "ConductanceBased").items():
        yield from rates(f"neurons: {name}", kind, name)
        if own(kind, Neuron, "after_spike") or "V_reset" in kind._declared:
            yield Mutant(
                f"neurons: {name} is reset to more", larger(kind, "after_spike"), EQUATIONS, name, changes=kind
            )
        if own(kind, Neuron, "hazard"):
            yield Mutant(f"neurons: {name} fires more", larger(kind, "hazard"), EQUATIONS, name, changes=kind)
        else:
            yield Mutant(
                f"neurons: {name} fires late", functools.partial(fire_late, kind), EQUATIONS, name, changes=kind
            )


def masses() -> Iterator[Mutant]:
    from brainsim.masses import Mass

    for name, kind in exported("masses", "Mass").items():
        yield from rates(f"masses: {name}", kind, name)
        if own(kind, Mass, "observe"):
            yield Mutant(f"masses: {name} shows more", larger(kind, "observe"), EQUATIONS, name, changes=kind)


def rates(what: str, kind: type, name: str) -> Iterator[Mutant]:
    """The rate of each variable alone is a hundredth larger."""
    for variable in kind.variables or ("V", "a.b"):  # of a cell of channels, what no test of channels sees
        change = functools.partial(hasten, kind, variable)
        yield Mutant(f"{what}, rate of {variable}", change, EQUATIONS, name, changes=kind)


def hasten(kind: type, variable: str) -> None:
    right = kind.derivative

    @functools.wraps(right)
    def derivative(self, *arguments, **named):
        values = right(self, *arguments, **named)
        values = values if isinstance(values, tuple) else (values,)
        return tuple(1.01 * x if v == variable else x for v, x in zip(self.variables, values, strict=True))

    kind.derivative = derivative


def fire_late(kind: type) -> None:
    """A hundredth of the unit of the first variable over the threshold."""
    import brainunit as u

    right = kind.fires

    def fires(self, before, after):
        first = self.variables[0]
        return right(self, before, after | {first: after[first] - u.Quantity(0.01, unit=self.unit_of(first))})

    kind.fires = fires


# -- channels and pools ------------------------------------------------------------------------------------------------


def channels() -> Iterator[Mutant]:
    from brainsim.channels import Channel, Pool

    tests = folder("channels", "test_equations.py")
    for name, kind in exported("channels", Channel, "CalciumChannel").items():
        yield Mutant(f"channels: {name} lets more through", larger(kind, "current"), tests, name)
        for gate in kind.gates:
            yield Mutant(f"channels: {name}, rate of {gate}", functools.partial(move_gate, kind, gate), tests, name)
    for name, kind in exported("channels", Pool).items():
        yield Mutant(f"channels: {name} changes faster", larger(kind, "slope"), tests, name)


def move_gate(kind: type, gate: str) -> None:
    if "slopes" in vars(kind):  # it has no kinetics of single gates
        quicken(kind, gate)
        return
    right = kind.kinetics

    @functools.wraps(right)
    def kinetics(self, *arguments, **named):
        found = dict(right(self, *arguments, **named))
        found[gate] = type(found[gate])(1.01 * found[gate][0], *found[gate][1:])
        return found

    kind.kinetics = kinetics


def quicken(kind: type, gate: str) -> None:
    right = kind.slopes

    @functools.wraps(right)
    def slopes(self, *arguments, **named):
        found = right(self, *arguments, **named)
        return found | {gate: 1.01 * found[gate]}

    kind.slopes = slopes


# -- integrators: each takes a step that is a hundredth too long -----------------------------------------------------


def integrators() -> Iterator[Mutant]:
    from brainsim.integrators import ADAPTIVE, FRACTIONAL, METHODS, ODEMethod

    for name, method in METHODS.items():
        kind = "ode" if isinstance(method, ODEMethod) else "sde"
        tests = (f"tests/integrators/test_{kind}_order.py", "tests/integrators/test_conformance.py")
        yield Mutant(f"integrators: {name}", functools.partial(stretch, method), tests, name)
    for name in ADAPTIVE:
        tests = files("integrators/test_adaptive.py", "integrators/test_stiff.py")
        yield Mutant(f"integrators: {name}, adaptive", functools.partial(stretch_adaptive, name), tests, name)
    for name, method in FRACTIONAL.items():
        tests = files("integrators/test_fractional.py")
        yield Mutant(f"integrators: {name}, fractional", larger(type(method), "scale"), tests, name)
        yield Mutant(f"integrators: {name} forgets", larger(type(method), "weights"), tests, name)
    tests = files("integrators/test_delay.py")
    yield Mutant("integrators: integrate_dde looks back too far", look_back, tests, "delay")


def stretch(method) -> None:
    from brainsim.integrators import ODEMethod

    kind, right, y_at = type(method), type(method).step, 2 if isinstance(method, ODEMethod) else 3

    def step(self, *arguments):
        new = right(self, *arguments)
        if self != method:
            return new
        return type(new)(b + 1.01 * (a - b) for a, b in zip(new, arguments[y_at], strict=True))

    kind.step = step


def stretch_adaptive(name: str) -> None:
    """The solver of this name integrates a right-hand side that is a thousandth larger."""
    from brainsim.integrators import ADAPTIVE, embedded

    right = embedded._solver

    def solver(method):
        found = right(method)
        if method is not ADAPTIVE[name]:
            return found
        kind = type(found)

        class Stretched(kind):
            def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
                y1, error, dense, state, result = kind.step(self, terms, t0, t1, y0, args, solver_state, made_jump)
                y1 = tree_map(lambda new, old: old + 1.001 * (new - old), y1, y0)
                return y1, error, dense | {"y1": y1} if "y1" in dense else dense, state, result

        from jax.tree_util import tree_map

        return Stretched(**vars(found))

    embedded._solver = solver


def look_back() -> None:
    from brainsim.integrators import delay

    right = delay._interpolate
    delay._interpolate = lambda mesh, memory, s, known: right(mesh, memory, s - 0.01, known)


# -- receptors and terminals: what they give, and what they keep -----------------------------------------------------


def receptors() -> Iterator[Mutant]:
    for name, kind in exported("receptors", "Receptor").items():
        tests = folder("receptors", "receptors/test_advance.py")
        yield Mutant(f"receptors: {name} gives more", larger(kind, "advance"), tests, name)
        if states_of(kind):
            yield Mutant(f"receptors: {name} keeps more", functools.partial(keep_more, kind, "advance"), tests, name)


def terminals() -> Iterator[Mutant]:
    for name, kind in exported("terminals", "Terminal").items():
        tests = (*folder("terminals", "terminals/test_gates.py"), "tests/references/test_synapses.py")
        yield Mutant(f"terminals: {name} sends more", larger(kind, "update", 1.05), tests, name)
        yield Mutant(f"terminals: {name} keeps more", functools.partial(keep_more, kind, "update"), tests, name)


def states_of(kind: type) -> list[str]:
    from brainsim._core import State

    return [name for name, declared in kind._declared.items() if isinstance(declared, State)]


def keep_more(kind: type, method: str) -> None:
    import jax.numpy as jnp

    right, states = getattr(kind, method), states_of(kind)

    def wrong(self, *arguments):
        given = right(self, *arguments)
        for name in states:
            if name in vars(self) and jnp.issubdtype(self.plain(name).dtype, jnp.floating):
                self.put(name, 1.01 * self.plain(name) + 1e-3)
        return given

    setattr(kind, method, wrong)


# -- stimuli, sources, modulators ------------------------------------------------------------------------------------


def inputs() -> Iterator[Mutant]:
    from brainsim.stimuli import Stimulus

    tests = folder("stimuli")
    for name, kind in exported("stimuli", "Stimulus").items():
        if own(kind, Stimulus, "value"):
            factor = 1.2 if name in ("WhiteNoise", "OrnsteinUhlenbeck") else 1.01  # of those, a sample is looked at
            yield Mutant(f"stimuli: {name} is stronger", larger(kind, "value", factor), tests, name)
        if own(kind, Stimulus, "rate_now") if hasattr(Stimulus, "rate_now") else hasattr(kind, "rate_now"):
            yield Mutant(f"stimuli: {name} fires more", larger(kind, "rate_now", 1.1), tests, name)
    yield Mutant("stimuli: windows are open", lambda: setattr(Stimulus, "present", nowhere), tests, "Constant")
    from brainsim import Population

    for name, kind in exported("sources", Population).items():
        change = functools.partial(change_spikes, kind)
        yield Mutant(f"sources: {name} fires otherwise", change, folder("sources"), name)
    for name, kind in exported("modulators", "Modulator").items():
        for level in ("level", "mean"):
            change = functools.partial(raise_level, kind, level)
            yield Mutant(f"modulators: {name}, {level} is larger", change, folder("modulators"), name)


def nowhere(self, clock):
    return None


def change_spikes(kind: type) -> None:
    """One step late; of those by chance, a tenth of the spikes is missing."""
    import jax
    import jax.numpy as jnp

    right = kind.update

    def update(self, clock):
        before = self.plain("spikes")
        right(self, clock)
        if kind.__name__ == "PoissonGroup":
            kept = jax.random.uniform(jax.random.fold_in(clock.key, clock.step), before.shape) > 0.1
            self.put("spikes", self.plain("spikes") * kept.astype(before.dtype))
        else:
            self.put("spikes", jnp.roll(self.plain("spikes"), 1) if len(before) > 1 else before)

    kind.update = update


def raise_level(kind: type, level: str) -> None:
    right = kind.update

    def update(self, clock, populations):
        right(self, clock, populations)
        self.put(level, 1.01 * self.plain(level))

    kind.update = update


# -- delays: a step too long -----------------------------------------------------------------------------------------


def delays() -> Iterator[Mutant]:
    from brainsim.delays import Delay

    tests = files("test_delays.py", "delays/test_graded.py", "references/test_precise.py", "receptors/test_graded.py")
    for name, kind in exported("delays", Delay, "Changing").items():
        yield Mutant(f"delays: {name} is a step late", functools.partial(late, kind), tests, name)


def late(kind: type) -> None:
    from unittest import mock

    from brainsim.delays import Times

    prepare, send, deliver = kind.prepare, kind.send, kind.deliver
    steps, longest = Times.steps, Times.longest_in_steps

    def later(self, step_ms, conn):
        with (
            mock.patch.object(Times, "steps", lambda *a: steps(*a) + 1),
            mock.patch.object(Times, "longest_in_steps", lambda *a: longest(*a) + 1),
        ):
            prepare(self, step_ms, conn)

    kind.prepare = later
    if kind.changes:
        kind.send = lambda self, clock, sent, delay=None: send(self, clock, sent, delay + 1)
        kind.deliver = lambda self, clock, path, arrived, receptor, delay=None: deliver(
            self, clock, path, arrived, receptor, delay + 1
        )


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


KINDS = (
    events, alike, neurons, masses, channels, integrators, receptors, terminals, inputs, delays, wiring, surrogates, plasticity,
)  # fmt: skip


def mutants() -> dict[str, Mutant]:
    """All mutants by name."""
    return {mutant.name: mutant for kind in KINDS for mutant in kind()}
