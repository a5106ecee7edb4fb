"""What serves an operation: on each platform of XLA a table of compiled kernels, elsewhere its plain definition."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax

from brainsim.events import _library
from brainsim.events.cuda import lowered as cuda

# lowering(context, *arguments, numbers=, aliases=) gives the results of a call, or None where its kernel does not serve
# arguments of these types; aliases are {argument: result}
Lowering: TypeAlias = Callable[..., Any]

# For each platform, what gives the lowering of an operation by its name, or None where it has no kernel there.
BACKENDS: dict[str, Callable[[str], Lowering | None]] = {"cpu": _library.lowering, "cuda": cuda.lowering}

IMPLEMENTATIONS = ("kernel", "plain")
EMULATED = "emulated"  # the kernels of a GPU on the CPU, with a driver and a compiler that tests bring
_chosen = jax.make_user_context("kernel")  # a part of the key of all that JAX traces and compiles


def of(name: str) -> dict[str, Lowering]:
    """The lowerings of an operation, by platform."""
    return {platform: found for platform, backend in BACKENDS.items() if (found := backend(name)) is not None}


def lowering(platform: str, name: str, implementation: str) -> Lowering | None:
    """The lowering of an operation for a platform, by what is to serve it; None where it is the plain definition."""
    if implementation == EMULATED and platform == "cpu":
        return cuda.emulated(name)
    return BACKENDS[platform](name) if implementation == "kernel" and platform in BACKENDS else None


def kernels(platform: str = "cpu") -> dict[str, bool]:
    """Which operations have a compiled kernel.

    Parameters
    ----------
    platform : str
        A platform of XLA, such as ``"cpu"``.

    Returns
    -------
    dict
        Name of each kernel, and whether it is compiled and loaded for the platform.
    """
    return {name: platform in of(name) for name in _library.HANDLERS}


def implementation() -> str:
    """What serves the operations that are traced here, ``"kernel"`` or ``"plain"``; see :func:`served_by`."""
    return _chosen.value


@contextlib.contextmanager
def served_by(implementation: str) -> Iterator[None]:
    """Trace with compiled kernels where the platform has them, or with the plain-JAX definitions.

    What is traced in the block keeps its implementation, its derivatives included, and a network that is run in the block
    is compiled for it. Nothing that was traced for one is taken for the other.

    Parameters
    ----------
    implementation : str
        ``"kernel"``, which is the default everywhere, or ``"plain"``.

    Raises
    ------
    ValueError
        For another name.
    """
    if implementation not in (*IMPLEMENTATIONS, EMULATED):
        raise ValueError(f"events.served_by: operations are served by 'kernel' or 'plain'; got {implementation!r}.")
    with _chosen(implementation):
        yield
