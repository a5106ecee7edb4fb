"""Compiled programs: kept with the structure that they are for, as long as a network has it or it was run lately."""

from __future__ import annotations

import contextlib
import functools
import gc
import operator
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator

import jax

from brainsim import _memory
from brainsim._core import Structure, forget_programs
from brainsim.events.ends import looks_for_nan
from brainsim.simulation import fused
from brainsim.simulation.one_pass import one_pass_is_best

_PLACE, _TYPE = map(operator.attrgetter, ("sharding", "aval"))  # of an array, read without a call of Python
LATELY = 32  # structures whose programs are kept though no network has them any more


class Programs:
    """The programs of ``function(plan, structure, platform, *trees)``, whose first three arguments are static.

    Parameters
    ----------
    function : callable
        Takes a plan, a structure, the name of a platform, and then trees of arrays.
    one_pass : bool
        Whether variables may be advanced in one pass where that is best (see :mod:`brainsim.simulation.fused`).
    """

    def __init__(self, function: Callable, one_pass: bool = False):
        self.function, self.one_pass = function, one_pass
        self.compiled = 0  # programs so far

    def __call__(self, plan, structure: Structure, *trees):
        leaves, tree = jax.tree.flatten(trees)
        leaves = [leaf if hasattr(leaf, "sharding") else _array(leaf) for leaf in leaves]
        settings = jax.config.jax_enable_x64, looks_for_nan()  # type: ignore[attr-defined]
        asked = [tree, settings, list(map(_TYPE, leaves)), list(map(_PLACE, leaves))]
        kept = keep(structure).setdefault((self, plan), [])
        program = next((program for known, program in kept if known == asked), None)  # mostly of the very same objects
        if program is None:
            program = self._program(plan, structure, tree.unflatten(leaves), asked)
            kept.append((asked, program))
        return program(leaves)

    def _program(self, plan, structure, trees, asked):
        """The program for arrays of these types on these devices, wherever it is said that they are."""
        *facts, types, places = asked
        devices = frozenset().union(*(place.device_set for place in places))
        programs = keep(structure).setdefault((self, plan, devices), [])
        found = next((program for known, program in programs if known == [*facts, types]), None)
        if found is None:
            found = self._compile(plan, structure, trees, devices)
            _memory.give_back()
            programs.append(([*facts, types], found))
        return found

    def _cache_size(self) -> int:
        """Number of programs compiled so far."""
        return self.compiled

    def trace(self, plan, structure, platform: str, trees):
        """``jax.stages.Traced`` of the function for a platform."""

        def chunk(*trees):
            return self.function(plan, structure, platform, *trees)

        # A function of its own, so that what JAX keeps of it goes with it
        return jax.jit(chunk, keep_unused=True).trace(*trees)

    def _compile(self, plan, structure, trees, devices):
        self.compiled += 1
        device = next(iter(devices))
        with _uncollected():
            traced = self.trace(plan, structure, device.platform, trees)
            lowered = traced.lower()
        one_pass = len(devices) == 1 and self.one_pass and one_pass_is_best(traced.jaxpr)
        execute = fused.load(lowered, device) if one_pass else None
        if execute is not None:
            result = jax.tree.structure(lowered.out_info)
            return lambda leaves: jax.tree.unflatten(result, execute(leaves))
        program, given = lowered.compile(compiler_options=fused.options(device)), jax.tree.structure(trees)
        return lambda leaves: program(*given.unflatten(leaves))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for garbage: a program is a great many objects, and none of them is garbage before its end."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _array(leaf) -> jax.Array:
    if isinstance(leaf, int):
        return _whole(leaf, jax.config.jax_default_device)  # type: ignore[attr-defined]
    return leaf if isinstance(leaf, jax.Array) else jax.numpy.asarray(leaf)


@functools.lru_cache(maxsize=64)
def _whole(number: int, device) -> jax.Array:
    """A number of steps on a device: to put one there takes longer than a step."""
    with jax.ensure_compile_time_eval():
        return jax.numpy.asarray(number, jax.numpy.int32)


_lately: OrderedDict[Structure, None] = OrderedDict()
_guard = threading.RLock()


def keep(structure: Structure) -> dict:
    """The programs of a structure that is run now."""
    _follow_clear_caches()
    home = structure.shared or structure
    with _guard:
        _lately[home] = None
        _lately.move_to_end(home)
        while len(_lately) > LATELY:
            _lately.popitem(last=False)
    return home.programs


class _Token:
    """What JAX alone holds on to, in its caches."""


_token: weakref.ref = weakref.ref(_Token())
_cached = jax.jit(lambda token: 0, static_argnums=0)


def _follow_clear_caches() -> None:
    """See to it that ``jax.clear_caches()`` clears the programs too."""
    global _token
    if _token() is None:
        token = _Token()
        _cached.trace(token)
        weakref.finalize(token, _forget).atexit = False
        _token = weakref.ref(token)


def _forget() -> None:
    _lately.clear()
    forget_programs()
