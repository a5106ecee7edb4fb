"""Compiled programs: kept with the structure that they are for, as long as a network has it or it was run lately."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import itertools
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
    goes_on : tuple of int, optional
        Which of the trees, a dictionary, is in the next call which of the results.
    """

    def __init__(self, function: Callable, one_pass: bool = False, goes_on: tuple[int, int] | None = None):
        self.function, self.one_pass, self.goes_on = function, one_pass, goes_on
        self.compiled = 0  # programs so far

    def __call__(self, plan, structure: Structure, *trees):
        settings = jax.config.jax_enable_x64, looks_for_nan()  # type: ignore[attr-defined]
        kept = keep(structure).setdefault((self, plan), _Kept([]))
        trees = [_array(tree) if type(tree) is int else tree for tree in trees]
        if self.goes_on is None:
            program, leaves = self._found(plan, structure, settings, trees, kept.programs)
            return program(leaves)
        arrays, last, (taken, given) = _listed(trees), kept.last, self.goes_on
        if last is None or not last.fits(settings, arrays):
            program, leaves = self._found(plan, structure, settings, trees, kept.programs)
            order = _order(trees)
            if not all(map(operator.is_, leaves, order(arrays))):
                return program(leaves)
            last = _Last(settings, list(map(weakref.ref, arrays)), program, order)
        made = last.program(last.order(arrays))
        before = sum(map(len, trees[:taken]))
        kept.last = last.followed_by(before, [made[given][path] for path in trees[taken]])
        return made

    def _found(self, plan, structure, settings, trees, programs):
        """The program for trees of arrays, and their leaves."""
        leaves, tree = jax.tree.flatten(tuple(trees))
        leaves = [leaf if hasattr(leaf, "sharding") else _array(leaf) for leaf in leaves]
        asked = [tree, settings, list(map(_TYPE, leaves)), list(map(_PLACE, leaves))]
        program = next((program for known, program in programs if known == asked), None)  # mostly of the same objects
        if program is None:
            program = self._program(plan, structure, tree.unflatten(leaves), asked)
            programs.append((asked, program))
        return program, leaves

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
        program, given = lowered.compile(compiler_options=fused.options(lowered, device)), jax.tree.structure(trees)
        return lambda leaves: program(*given.unflatten(leaves))


@dataclasses.dataclass
class _Kept:
    """Of a plan: its programs, each with what it is for, and the last call."""

    programs: list
    last: _Last | None = None


@dataclasses.dataclass(frozen=True)
class _Last:
    """A call, for the next: arrays that it was given too, or that it gave to go on with, need not be looked at.

    Parameters
    ----------
    settings : tuple
    arrays : list of weakref.ref
    program : callable
    order : callable
        Gives the arrays in the order in which the program takes them.
    """

    settings: tuple
    arrays: list[weakref.ref]
    program: Callable
    order: Callable

    def fits(self, settings: tuple, arrays: list) -> bool:
        """Whether a call is of the same arrays."""
        same = settings == self.settings and len(arrays) == len(self.arrays)
        return same and all(map(operator.is_, map(operator.call, self.arrays), arrays))

    def followed_by(self, before: int, arrays: list) -> _Last:
        """The call that goes on with some arrays in place of those behind so many."""
        known = self.arrays
        known = [*known[:before], *map(weakref.ref, arrays), *known[before + len(arrays) :]]
        return _Last(self.settings, known, self.program, self.order)


def _listed(trees) -> list:
    """The arrays of dictionaries and tuples, and those between them, in the order in which they stand there."""
    found: list = []
    for tree in trees:
        found += tree.values() if type(tree) is dict else tree if isinstance(tree, tuple) else (tree,)
    return found


def _order(trees) -> Callable:
    """Takes what :func:`_listed` gives, in the order of the leaves."""
    number = itertools.count()
    numbered = [
        {name: next(number) for name in tree}
        if type(tree) is dict
        else [next(number) for _ in tree]
        if isinstance(tree, tuple)
        else next(number)
        for tree in trees
    ]
    return operator.itemgetter(*jax.tree.leaves(numbered))


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
