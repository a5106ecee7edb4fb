"""What a sweep consists of, as short digests: those of the same sweep are the same on another day, in another process."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import types
from collections.abc import Iterator, Mapping
from typing import Any

import brainunit as u
import jax
import numpy as np

from brainsim._core import Dynamics
from brainsim._core.outside import INSTALLED, follow, globals_of, is_filled
from brainsim._units import split_quantity
from brainsim.simulation.batches import Batches


def facts_of(batches: Batches, axes: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what a sweep consists of, by what it is.

    Classes and functions of the user's count with their source, and with numbers and functions that these read.
    """
    entry = batches.entry
    arrays = entry.parameters | entry.fixed | entry.state
    parts = list(_parts(batches.net))
    kinds = sorted((path, type(part).__qualname__) for path, part in parts)
    window = [batches.step_ms, batches.n_steps, str(jax.config.jax_enable_x64)]  # type: ignore[attr-defined]
    window += [] if batches.adaptive is None else [batches.adaptive.adaptive.key]
    asked = [
        (r.label, r.path, str(r.elements), r.every, r.window, r.initial, r.over, r.total)
        + (() if r.derived is None else (code_of(r.derived.function),))
        for r in batches.requests
    ]
    varied = [] if batches.wirings is None else ["wiring"]
    return {
        "networks": digest(kinds, *(x for path in sorted(arrays) for x in (path, *jax.tree.leaves(arrays[path])))),
        "code of models": digest(*sorted({str(code_of(type(part))) for _, part in parts})),
        "values or seeds": digest(*(plain(values) for values in axes.values()), list(axes), *varied),
        "durations, dt or precision": digest(window),
        "things to record": digest(asked),
        "inputs": digest(*(x for path in sorted(entry.inputs) for x in (path, entry.inputs[path]))),
        "reduce": digest(code_of(batches.reduce)),
    }


def code_of(thing: Any, met: set[int] | None = None) -> Any:
    """What a function or class of the user's does, as text: its source, with what that reads from around it."""
    met = set() if met is None else met
    inside = functools.partial(code_of, met=met)
    if isinstance(thing, np.ndarray | np.generic | jax.Array | u.Quantity):
        number, unit = split_quantity(thing)
        return digest(np.asarray(number), str(unit))
    if isinstance(thing, bool | int | float | complex | str | u.Unit | None):
        return str(thing)
    if isinstance(thing, types.MethodType | staticmethod | classmethod):
        return inside(thing.__func__)
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if id(thing) in met:
        return _name(thing)
    met.add(id(thing))
    if isinstance(thing, types.FunctionType) and _is_installed(
        thing
    ):  # made by a function, perhaps, with numbers of the user's
        return [_name(thing), *(inside(cell.cell_contents) for cell in thing.__closure__ or () if is_filled(cell))]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return [_name(thing), *(inside(getattr(thing, field.name)) for field in dataclasses.fields(thing))]
    if _is_installed(thing) and not isinstance(thing, functools.partial | tuple | list | dict):
        return _name(thing)
    if isinstance(thing, functools.partial):
        return [inside(part) for part in (thing.func, *thing.args, *thing.keywords.values())]
    if isinstance(thing, list | tuple):
        return [inside(part) for part in thing]
    if isinstance(thing, dict):
        return [(str(name), inside(part)) for name, part in thing.items()]
    if isinstance(thing, type):
        own = [base for base in thing.__mro__ if not _is_installed(base)]
        return [(_name(base), [(k, inside(v)) for k, v in vars(base).items() if _is_told(k, v)]) for base in own]
    if isinstance(thing, types.FunctionType):
        outside, names = thing.__globals__, globals_of(thing.__code__)
        read = [follow(outside[name], rest) for name, *rest in names if name in outside]
        read += [cell.cell_contents for cell in thing.__closure__ or () if is_filled(cell)]
        return [_source(thing), *map(inside, (*read, *(thing.__defaults__ or ())))]
    return _name(thing)


def _is_told(name: str, value: Any) -> bool:
    simple = isinstance(value, bool | int | float | str | tuple)
    return isinstance(value, types.FunctionType | staticmethod | classmethod) or (simple and not name.startswith("__"))


def _is_installed(thing: Any) -> bool:
    if isinstance(thing, types.FunctionType):
        return thing.__code__.co_filename.startswith(INSTALLED) or thing.__module__.startswith("brainsim.")
    return (getattr(thing, "__module__", None) or "").partition(".")[0] in (
        "brainsim",
        "builtins",
        "flax",
        "jax",
        "numpy",
    )


def _name(thing: Any) -> str:
    return getattr(thing, "__qualname__", type(thing).__qualname__)


def _source(function: types.FunctionType) -> Any:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed at a prompt
        code = function.__code__
        return code.co_code.hex(), [str(c) for c in code.co_consts if not isinstance(c, types.CodeType)]


def _parts(part: Dynamics, path: str = "") -> Iterator[tuple[str, Dynamics]]:
    yield path, part
    for name, inner in part.parts(Dynamics).items():
        yield from _parts(inner, f"{path}.{name}")


def digest(*things: Any) -> str:
    """A short text that is the same for the same arrays and values."""
    found = hashlib.blake2b(digest_size=16)
    for thing in things:
        if isinstance(thing, np.ndarray | jax.Array | np.generic):
            array = np.ascontiguousarray(thing)
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(array.data if array.size else b"")
        else:
            found.update(json.dumps(thing, default=str).encode())
    return found.hexdigest()


def plain(values: Any) -> dict:
    """Numbers and unit, as JSON has them."""
    number, unit = split_quantity(values)
    return {"values": np.asarray(number).tolist(), "unit": str(unit)}
