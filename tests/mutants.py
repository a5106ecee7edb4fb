"""Break the code on purpose, one place at a time, and see that tests fail: what survives, no test would miss.

::

    python tests/mutants.py                 # all; or make mutants
    python tests/mutants.py deliver STDP    # those whose name holds one of these words
    python tests/mutants.py --list

A mutant is a line of ``MUTANTS``: a name, what breaks the code after it is imported, the tests that must fail, and which
of them (by their parameters) are about it. To add a kind of thing, add a function that yields its mutants to ``KINDS``.
Each runs in a process of its own, with this file as a plugin of pytest; compiled programs are not kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CHOICE = "BRAINSIM_MUTANT"
BROKEN = "AN ERROR"  # and no failed assertion: the mutant is wrong, and shows nothing


class Mutant(NamedTuple):
    name: str
    apply: Callable[[], None]
    tests: tuple[str, ...]
    about: str | None = None  # part of the identifier of a test, between hyphens


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
                yield Mutant(
                    f"events: definition of {which}", lambda name=name, k=k: break_definition(name, k), tests, "plain"
                )
            yield Mutant(f"events: kernel of {which}", lambda name=name, k=k: break_kernel(name, k), tests, "kernel")


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
    import functools

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


# -- integrators: each takes a step that is a hundredth too long -----------------------------------------------------


def integrators() -> Iterator[Mutant]:
    from brainsim.integrators import METHODS, ODEMethod

    for name, method in METHODS.items():
        kind = "ode" if isinstance(method, ODEMethod) else "sde"
        tests = (f"tests/integrators/test_{kind}_order.py", "tests/integrators/test_conformance.py")
        yield Mutant(f"integrators: {name}", lambda method=method: stretch(method), tests, name)


def stretch(method) -> None:
    from brainsim.integrators import ODEMethod

    kind, right, y_at = type(method), type(method).step, 2 if isinstance(method, ODEMethod) else 3

    def step(self, *arguments):
        new = right(self, *arguments)
        if self != method:
            return new
        return type(new)(b + 1.01 * (a - b) for a, b in zip(new, arguments[y_at], strict=True))

    kind.step = step


# -- receptors: what they give, and what they keep -------------------------------------------------------------------


def exported(module, kind) -> dict:
    import inspect

    found = {name: getattr(module, name) for name in module.__all__}
    return {n: x for n, x in found.items() if inspect.isclass(x) and issubclass(x, kind) and x is not kind}


def receptors() -> Iterator[Mutant]:
    from brainsim import receptors

    files = sorted(
        (ROOT / "tests/receptors").glob("test_*.py"), key=lambda path: (path.stem == "test_conformance", path)
    )
    tests = tuple(f"tests/receptors/{path.name}" for path in files)
    for name, kind in exported(receptors, receptors.Receptor).items():
        yield Mutant(f"receptors: {name} gives more", lambda kind=kind: give_more(kind), tests, name)
        yield Mutant(f"receptors: {name} keeps more", lambda kind=kind: keep_more(kind), tests, name)


def give_more(kind) -> None:
    import jax

    right = kind.advance
    kind.advance = lambda self, clock: jax.tree.map(lambda x: 1.01 * x, right(self, clock))


def keep_more(kind) -> None:
    from brainsim._core import State

    right, states = kind.advance, [name for name, x in kind._declared.items() if isinstance(x, State)]

    def advance(self, clock):
        given = right(self, clock)
        for name in states:
            self.put(name, 1.01 * self.plain(name) + 1e-3)
        return given

    kind.advance = advance


# -- plasticity rules: every change a hundredth larger, and traces that decay faster ----------------------------------


def plasticity() -> Iterator[Mutant]:
    from brainsim import plasticity

    files = (
        "plasticity/test_stdp",
        "plasticity/test_rules",
        "references/test_plasticity",
        "references/test_plasticity_nest",
    )
    tests = tuple(f"tests/{file}.py" for file in files)
    for name, kind in exported(plasticity, plasticity.Plasticity).items():
        yield Mutant(f"plasticity: {name} changes more", lambda kind=kind: change_more(kind), tests)
        if any(isinstance(declared, plasticity.Trace) for declared in kind._declared.values()):
            yield Mutant(f"plasticity: {name} forgets sooner", lambda kind=kind: forget(kind), tests)


def change_more(kind) -> None:
    right = kind.update

    def update(self, s):
        before = s.weight
        right(self, s)
        s.weight = before + 1.01 * (s.weight - before)

    kind.update = update


def forget(kind) -> None:
    right = kind._steps
    kind._steps = lambda self, s, trace: 1.05 * right(self, s, trace)


KINDS = events, integrators, receptors, plasticity


def mutants() -> dict[str, Mutant]:
    return {mutant.name: mutant for kind in KINDS for mutant in kind()}


# -- as a plugin -----------------------------------------------------------------------------------------------------


def pytest_configure(config):
    """Break the code before any test is collected."""
    import jax

    jax.config.update("jax_enable_x64", True)
    mutants()[os.environ[CHOICE]].apply()


def pytest_collection_modifyitems(config, items):
    about = mutants()[os.environ[CHOICE]].about
    if about is not None:
        kept = [x for x in items if "[" not in x.name or about in x.name.split("[", 1)[1].rstrip("]").split("-")]
        config.hook.pytest_deselected(items=[x for x in items if x not in kept])
        items[:] = kept


# -- as a program ----------------------------------------------------------------------------------------------------


def found_by(mutant: Mutant) -> str | None:
    """The test that fails, and how; None where all pass."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {CHOICE: mutant.name, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
    options = ["-x", "-q", "--tb=line", "-p", "mutants", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *mutant.tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode in (0, 5):  # all passed, or nothing collected
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if not failed or "AssertionError" not in failed[0] and "assert" not in failed[0].lower():
        return f"{BROKEN} of its own:\n" + done.stdout[-2000:]
    return failed[0].removeprefix("FAILED ")


def main(words: list[str]) -> int:
    """Run the mutants whose name holds one of the words; 1 if one survives."""
    everyone = mutants()
    if words == ["--list"]:
        print("\n".join(everyone))
        return 0
    chosen = [m for m in everyone.values() if not words or any(word in m.name for word in words)]
    if not chosen:
        print(f"no mutant has a name with {' or '.join(map(repr, words))}; --list shows all")
        return 2
    survivors = []
    for number, mutant in enumerate(chosen, 1):
        began = time.perf_counter()
        how = found_by(mutant)
        survivors += [mutant.name] if how is None or how.startswith(BROKEN) else []
        seconds = time.perf_counter() - began
        print(f"{number:3d}/{len(chosen)}  {mutant.name} ({seconds:.0f} s): {how or 'SURVIVES'}", flush=True)
    print(
        f"\n{len(chosen)} mutants, {len(survivors)} survive or fail by themselves"
        + "".join(f"\n  {name}" for name in survivors)
    )
    return min(len(survivors), 1)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
