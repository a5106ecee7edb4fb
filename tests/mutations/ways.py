"""What a mutant is, and ways to break a class."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


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
