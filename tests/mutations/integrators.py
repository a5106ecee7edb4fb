"""Integrators: each takes a step that is a hundredth too long."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mutations.ways import Mutant, files, larger


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
