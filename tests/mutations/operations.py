"""Event operations: the definition, and what the kernel gives; and populations that are alike, as one program."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, wrong

TESTS_OF = {
    "contract": ("tests/events/test_smallest.py", "tests/events/test_operations.py"),
    "rows": ("tests/events/test_matmul.py",),
    "recurrence": ("tests/events/test_recurrence.py",),
    "procedural": ("tests/events/test_procedural.py",),
    "deliver_delayed": ("tests/events/test_smallest.py",),
    "deliver_sorted": ("tests/delays/test_calendar.py",),
    "sorted_gradient": ("tests/delays/test_calendar.py",),
    "pass_on": ("tests/events/test_reached.py",),
    "take_spiking": ("tests/events/test_reached.py",),
    "take_due": ("tests/events/test_reached.py",),
    "is_due": ("tests/events/test_arriving.py",),
    "deliver_due": ("tests/events/test_arriving.py",),
    "add_on_due": ("tests/events/test_arriving.py",),
    "delay_line": ("tests/events/test_delay.py",),
    "add_on_pre": ("tests/events/test_smallest.py",),
    "add_on_post": ("tests/events/test_smallest.py",),
    "append_events": ("tests/events/test_smallest.py",),
    "poisson_counts": ("tests/events/test_random.py",),
    "poisson_input": ("tests/events/test_random.py",),
    "bernoulli_spikes": ("tests/events/test_random.py",),
    "deliver_together": ("tests/simulation/test_grouped.py",),
}
PARTS = ("deliver_together", "rows", "recurrence")
RESULTS = {"deliver_delayed": 2, "delay_line": 2, "append_events": 3, "pass_on": 2, "take_spiking": 5, "take_due": 5}


def events() -> Iterator[Mutant]:
    for name, tests in TESTS_OF.items():
        for k in range(RESULTS.get(name, 1)):
            which = f"{name}, result {k}" if name in RESULTS else name
            if name not in PARTS:  # which are defined by what they are part of
                change = functools.partial(break_definition, name, k)
                yield Mutant(f"events: definition of {which}", change, tests, only="plain")
            change = functools.partial(break_kernel, name, k)
            yield Mutant(f"events: kernel of {which}", change, tests, only="kernel")


def operations() -> dict:
    from brainsim.events import _contract, arriving, calendar, delay, plasticity, random, reached, record
    from brainsim.events._primitive import Operation

    modules = _contract, arriving, calendar, delay, plasticity, random, reached, record
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

    from brainsim.events import _backends, _dense, _together, recurrence

    parts = {
        "deliver_together": (_together, "_deliver_p"),
        "rows": (_dense, "_rows_p"),
        "recurrence": (recurrence, "_call_p"),
    }
    if name in parts:
        part, primitive = parts[name]
        given = "cpu" if name == "deliver_together" else _backends.of(name)["cpu"]
        primitive, lower = getattr(part, primitive), functools.partial(part._lower, given)
    else:
        primitive, lower = operations()[name].primitive, functools.partial(operations()[name]._lower, "cpu")

    def broken(context, *arguments, **parameters):
        results = list(lower(context, *arguments, **parameters))
        if parameters.get("served_by", "kernel") == "kernel":
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
    lowering = _backends.of(name)["cpu"]

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
