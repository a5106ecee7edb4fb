"""What a step reads from outside the network: code, globals, closures and class attributes, as one hashable value.

A compiled program keeps what Python code read while it was traced. Programs are therefore kept by the structure of the
network and by this value, which is made anew at every call: an edited function, a changed global or a replaced method
gives another program, and the old value gives the old program again.

What belongs to installed packages and to Python itself is taken as constant, brainsim's functions too. Attributes of
brainsim's classes are watched.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import pickle
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.core import Tracer

from brainsim._core import dice
from brainsim._core.declared import _Declared
from brainsim._core.outside import (
    INSTALLED,
    bases,
    changed,
    follow,
    globals_of,
    imports_of,
    is_constant,
    is_filled,
    slots,
)
from brainsim._core.watch import ClassWatch

ATOMS = frozenset((type(None), bool, int, str, bytes, complex, type(Ellipsis), type(NotImplemented), range))


class Reads:
    """What was read, as something to compare and to look up fast: two of equal contents are the same object."""

    def __init__(self, contents: tuple, dice: tuple = ()):
        self.contents, self.dice = contents, dice


# What JAX has traced inside, a function of the user's with its own ``jit``, is traced again too
tracing_with = jax.make_user_context(default_value=None)
_known: weakref.WeakValueDictionary[tuple, Reads] = weakref.WeakValueDictionary()
NOTHING = _known.setdefault((), Reads(()))


class Readers(NamedTuple):
    """What of a network's graph may read from outside: its classes, and attributes that are more than a plain value."""

    kinds: tuple[type, ...]
    attributes: tuple

    @classmethod
    def of(cls, graphdef: Any) -> Readers:
        """Those of a graph."""
        kinds = dict.fromkeys(k for node in graphdef.nodes if isinstance(k := getattr(node, "metadata", None), type))
        named = [(name, getattr(attribute, "value", None)) for name, attribute in graphdef.attributes]
        own = [value for name, value in named if name != "_aside" and not str(name).startswith("_pytree__")]
        return cls(tuple(kinds), tuple(value for value in own if not _is_plain(value)))

    @classmethod
    def among(cls, parts: Iterable) -> Readers:
        """Those of objects, each without what it is made of."""
        parts = list(parts)
        held = [
            value
            for part in parts
            for name, value in vars(part).items()
            if not name.startswith(("_aside", "_pytree__"))
        ]
        own = [x for x in held if not (isinstance(x, nnx.Variable) or hasattr(type(x), "_declared") or _is_plain(x))]
        return cls(tuple(dict.fromkeys(map(type, parts))), tuple(own))

    @property
    def are_ours(self) -> bool:
        """Whether all of it is the package's; what was made of somebody's file is not."""
        modules = [kind.__module__ for kind in (*self.kinds, *map(type, self.attributes))]
        return all(name.startswith("brainsim.") and not name.startswith("brainsim.io.nmodl.") for name in modules)


def _is_plain(value) -> bool:
    return all(map(_is_plain, value)) if type(value) is tuple else isinstance(value, u.Unit) or type(value) in ATOMS


def reads_of(readers: Readers) -> Reads:
    """What they read from outside now."""
    return watched(readers)[0]


def watched(readers: Readers) -> tuple[Reads, ClassWatch | None]:
    """What they read from outside now, and a watch on it; None where something can change that is no attribute, as the
    contents of a list, or what code of the user's reads.
    """
    walk = _Walk()
    contents = walk.all_of(readers)
    reads = _known.setdefault(contents, Reads(contents, tuple(walk.dice)))
    return reads, ClassWatch(walk.classes, walk.passed) if walk.watchable else None


def also_known_as(reads: Reads, readers: Readers) -> None:
    """Take what is outside now for ``reads``: what tracing itself has changed (a counter, a log) is not an edit.

    Raises
    ------
    OutsideStepError
        If it has changed a generator of random numbers.
    """
    walk = _Walk()
    contents = walk.all_of(readers)
    if contents != reads.contents:
        if tuple(walk.dice) != reads.dice:
            dice.refuse()
        _known[contents] = reads


class _Same:
    """Equal to itself only."""

    def __init__(self, thing):
        self.thing = thing

    def __eq__(self, other):
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self):
        return id(self.thing)


class _Walk:
    """One walk over all that can be reached; what is met again is told by its number."""

    def __init__(self):
        self.met: dict[int, int] = {}
        self.kept: list = []  # so that no id is used twice
        self.bases: set[type] = set()
        self.foreign = False  # whether something was met that is not brainsim's or of plain numbers
        self.dice: list = []  # generators of random numbers that were met, as they stand
        self.classes: list[type] = []  # that were met
        self.passed: list[Mapping] = []  # attributes of objects that were met
        self.watchable = True  # whether nothing else of it can change

    def all_of(self, readers: Readers) -> tuple:
        """What classes and attributes read, without those that read nothing of the user's."""
        found = [told for kind in readers.kinds if (told := self.class_attributes(kind))]
        for value in readers.attributes:
            self.foreign = False
            told = self.of(value)
            if self.foreign:
                found.append(told)
        return tuple(found)

    def of(self, value: Any) -> Any:
        """A hashable stand-in for a value."""
        kind = type(value)
        if kind in ATOMS:
            return kind, value
        if kind is float:
            return kind, value.hex()
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return self.array(value)
        if isinstance(value, u.Unit | np.dtype | enum.Enum):
            return kind, value
        number = self.met.get(id(value))
        if number is not None:
            return "met", number
        self.met[id(value)] = len(self.met)
        self.kept.append(value)
        return self.thing(value)

    def all(self, values: Iterable) -> tuple:
        return tuple(map(self.of, values))

    def named(self, values: Mapping) -> tuple:
        return tuple((name, self.of(value)) for name, value in values.items())

    def thing(self, value):
        if hasattr(type(value), "reads_through"):  # what it remembers beside that says no more
            return type(value), value, *self.all(value.reads_through)
        for kind, parts in _PARTS:
            if isinstance(value, kind):
                self.watchable = self.watchable and kind in _UNCHANGING
                return type(value), *self.all(parts(value))
        if isinstance(value, set | frozenset):
            self.watchable = self.watchable and isinstance(value, frozenset)
            return type(value), frozenset(self.all(value))
        if isinstance(value, type):
            return _Same(value), *self.class_attributes(value)
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, types.ModuleType):
            return self.module(value)
        return self.object(value)

    def array(self, value):
        traced = isinstance(value, Tracer)
        if (
            traced
            or not getattr(value, "is_fully_addressable", True)
            or jnp.issubdtype(value.dtype, jax.dtypes.extended)
        ):
            return _Same(value)
        self.watchable = self.watchable and not isinstance(value, np.ndarray)
        array = np.asarray(value)
        if array.dtype.hasobject:
            return type(value), array.shape, *self.all(array.ravel())
        content = array.tobytes()
        short = content if len(content) <= 64 else hashlib.blake2b(content, digest_size=16).digest()
        return type(value), array.dtype.str, array.shape, getattr(value, "weak_type", False), short

    def function(self, function):
        self.watchable = False
        code = function.__code__
        inside = [cell.cell_contents for cell in function.__closure__ or () if is_filled(cell)]
        held = [part for part in (function.__defaults__, function.__kwdefaults__, inside, vars(function)) if part]
        if code.co_filename.startswith(INSTALLED):
            return _Same(code), *self.all(held)
        self.foreign = True
        outside = function.__globals__
        read = [follow(outside[name], rest) for name, *rest in globals_of(code) if name in outside]
        read += [sys.modules.get(name) for name in imports_of(code)]
        return code, *self.all([*held, *read])

    def module(self, module):
        self.watchable = False
        if is_constant(module.__name__):
            return module.__name__
        self.foreign = True
        return module.__name__, *self.named({k: v for k, v in vars(module).items() if not k.startswith("__")})

    def class_attributes(self, kind) -> tuple:
        """Of a class of the user's all; of one of brainsim's those that are not what they were; else none."""
        told = []
        for base, ours, skipped in bases(kind):
            if base in self.bases:
                continue
            self.bases.add(base)
            self.classes.append(base)
            attributes = changed(base) if ours else vars(base)
            if attributes or not ours:
                found = {name: value for name, value in attributes.items() if name not in skipped}
                told.append((_Same(base), *self.named(found)))
        self.foreign = self.foreign or bool(told)
        return tuple(told)

    def object(self, value):
        kind = type(value)
        if isinstance(value, dice.Dice):
            self.foreign, self.watchable = True, False
            self.dice.append(pickle.dumps(value))
            return kind, self.dice[-1]
        if isinstance(value, _Declared):
            return self.of(value.default) if callable(value.default) else _Same(value)
        inside = {k: getattr(value, k) for base in kind.__mro__ for k in slots(base) if hasattr(value, k)}
        self.watchable = self.watchable and not inside and hasattr(value, "__dict__")
        inside |= getattr(value, "__dict__", {})
        self.passed.append(getattr(value, "__dict__", {}))
        if hasattr(kind, "_declared"):  # another component: that a step reads its arrays is refused
            inside = {k: v for k, v in inside.items() if k != "_aside" and not isinstance(v, nnx.Variable)}
        if isinstance(value, nnx.Pytree):
            inside = {k: v for k, v in inside.items() if not k.startswith("_pytree__")}
        self.foreign = self.foreign or not kind.__module__.startswith(("brainsim.", "saiunit."))
        if inside or hasattr(value, "__dict__"):
            return self.of(kind), *self.named(inside)
        try:
            made = value.__reduce_ex__(2)
        except Exception:  # nothing that could be copied: the thing itself
            return _Same(value)
        return _Same(value) if isinstance(made, str) else (self.of(kind), *self.all(made[1:]))


_PARTS: tuple[tuple[Any, Callable[[Any], Iterable]], ...] = (
    (types.MethodType, lambda method: (method.__func__, method.__self__)),
    ((staticmethod, classmethod), lambda method: (method.__func__,)),
    (property, lambda p: (p.fget, p.fset, p.fdel)),
    (functools.partial, lambda p: (p.func, p.args, p.keywords)),
    (slice, lambda s: (s.start, s.stop, s.step)),
    (tuple, iter),
    ((list, deque), iter),
    ((dict, types.MappingProxyType), lambda d: (*d.keys(), *d.values())),
)
_UNCHANGING = (slice, tuple)
