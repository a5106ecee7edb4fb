"""Values as plain data, which JSON can hold, and back."""

from __future__ import annotations

import base64
import dataclasses
import functools
import importlib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

import brainunit as u
import jax
import numpy as np

from brainsim._core.recorded import Made, There
from brainsim._errors import UnknownNameError, suggestion

SHORT = 256  # numbers of an array that are written one by one
_MARKS = frozenset(
    {"class", "of", "array", "tuple", "type", "function", "partial", "number", "unit", "map", "slice", "set", "dims"}
)


class NotPlainError(TypeError):
    """Something that no plain data stands for; names it."""


# -- to plain data -----------------------------------------------------------------------------------------------------


def encode(value: Any, what: str) -> Any:
    """A value as plain data.

    Parameters
    ----------
    value : object
        Numbers, arrays, quantities, texts, containers of them, classes, functions of modules, dataclasses, and what objects
        with numbers were made with.
    what : str
        What it is, for errors.

    Raises
    ------
    NotPlainError
        For anything else; names ``what`` and the value.
    """
    for kind, writer in _WRITERS:
        if isinstance(value, kind):
            return writer(value, what)
    if dataclasses.is_dataclass(value):
        known = {f.name: f for f in dataclasses.fields(value) if f.init}
        if not set(_arguments(value)) <= known.keys():
            raise NotPlainError(f"{what}: {value!r} is no plain data.")
        given = {name: getattr(value, name) for name, f in known.items() if not _is_default(f, value)}
        return {"class": name_of(type(value), what), **({"with": _all(given, what)} if given else {})}
    names = _arguments(value)
    if names and names == [
        name for name in names if name in getattr(value, "__dict__", ())
    ]:  # it keeps what it was given
        return {"class": name_of(type(value), what), "with": _all({name: getattr(value, name) for name in names}, what)}
    raise NotPlainError(f"{what}: {value!r} is no plain data.")


def _arguments(value):
    return [name for name in inspect.signature(type(value).__init__).parameters if name != "self"]


def _is_default(field, value):
    default = field.default
    if default is dataclasses.MISSING:
        return False
    given = getattr(value, field.name)
    return given is default or (
        isinstance(default, bool | int | float | str) and given == default and type(given) is type(default)
    )


def _all(values, what):
    return {name: encode(value, f"{what}, {name}") for name, value in values.items()}


def _float(value, what):
    return value if math.isfinite(value) else {"number": repr(value)}


def _array(value, what):
    array = np.asarray(value)
    if array.dtype.kind not in "biufU":
        raise NotPlainError(f"{what}: an array of {array.dtype} is no plain data.")
    if array.size <= SHORT and (array.dtype.kind == "U" or np.all(np.isfinite(array))):
        return {
            "array": array.tolist(),
            "dtype": str(array.dtype),
            **({"shape": list(array.shape)} if not array.size else {}),
        }
    text = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"array": text, "dtype": str(array.dtype), "shape": list(array.shape)}


def _unit(unit, what):
    for name in (str(unit), unit.name):
        if name and isinstance(found := getattr(u, name, None), u.Unit) and found == unit:
            return {"unit": name}
    return {
        "unit": {
            "dims": [float(x) for x in unit.dim._dims],
            "scale": unit.scale,
            "base": unit.base,
            "factor": unit.factor,
        }
    }


def _quantity(value, what):
    number = value.mantissa
    plain = float(number) if isinstance(number, float | int) and not isinstance(number, bool) else None
    return {"number": _array(number, what) if plain is None else _float(plain, what), **_unit(value.unit, what)}


def _made(made, what):
    described: dict[str, Any] = {"class": name_of(made.kind, what)}
    if made.arguments:
        described["args"] = [encode(value, what) for value in made.arguments]
    if made.named:
        described["with"] = _all(made.named, what)
    if made.where is not None:
        described["on"] = [encode(place, what) for place in made.where]
    return described


def _there(there, what):
    if there.ids is None:
        return {"of": there.path}
    return {"of": there.path, "units": _array(there.ids, what), "view": name_of(there.view, what)}


def _dict(value, what):
    if all(isinstance(key, str) for key in value) and not _MARKS & value.keys():
        return _all(value, what)
    return {"map": [[encode(key, what), encode(one, what)] for key, one in value.items()]}


def _tuple(value, what):
    if hasattr(value, "_asdict"):
        return {"class": name_of(type(value), what), "with": _all(value._asdict(), what)}
    return {"tuple": [encode(one, what) for one in value]}


def _function(value, what):
    return {"function": name_of(value, what)}


def _partial(value, what):
    given = {"args": encode(list(value.args), what), **({"with": _all(value.keywords, what)} if value.keywords else {})}
    return {"partial": name_of(value.func, what), **given}


def name_of(thing: Any, what: str) -> Any:
    """Under which name a class or function is found again; or of a class that a program has written, from what.

    Raises
    ------
    NotPlainError
        For one of a function, a lambda, and what is not found under its name.
    """
    if isinstance(thing, type) and "described" in vars(thing):
        maker, given = thing.described  # type: ignore[attr-defined]
        return {"by": maker, "with": _all(given, what)}
    module, name = thing.__module__, thing.__qualname__
    if "<" in name:
        raise NotPlainError(f"{what}: {name} has no name under which it could be found again; define it in a module.")
    short = f"{module}.{name}"
    if module.startswith("brainsim."):  # by the room that exports it, which stays
        room = ".".join(module.split(".")[:2])
        for place in ("brainsim", room):
            if getattr(importlib.import_module(place), name, None) is thing:
                return f"{place}.{name}"
    return short


_WRITERS: tuple[tuple[Any, Callable[[Any, str], Any]], ...] = (
    ((type(None), bool, int, str), lambda value, what: value),
    (float, _float),
    (np.generic, lambda value, what: encode(value.item(), what)),
    ((np.ndarray, jax.Array), _array),
    (u.Quantity, _quantity),
    (u.Unit, _unit),
    (Made, _made),
    (There, _there),
    (list, lambda value, what: [encode(one, what) for one in value]),
    (dict, _dict),
    (Mapping, lambda value, what: _dict(dict(value), what)),
    (slice, lambda s, what: {"slice": [encode(x, what) for x in (s.start, s.stop, s.step)]}),
    (range, lambda r, what: {"tuple": list(r)}),
    ((set, frozenset), lambda value, what: {"set": sorted(encode(one, what) for one in value)}),
    (type, lambda value, what: {"type": name_of(value, what)}),
    (FunctionType, _function),
    (functools.partial, _partial),
    (tuple, _tuple),
)


# -- and back ----------------------------------------------------------------------------------------------------------


class Reader:
    """Makes values of plain data.

    Parameters
    ----------
    own : iterable of classes and functions
        Those of the user's that the data may name; nothing but brainsim's and these is looked up.
    there : callable
        Gives the object at a path.
    """

    def __init__(self, own: Iterable[Any] = (), there: Callable[[str], Any] | None = None):
        self.own = {f"{thing.__module__}.{thing.__qualname__}": thing for thing in own}
        self.there = there

    def decode(self, data: Any) -> Any:
        """The value.

        Raises
        ------
        UnknownNameError, ValueError
            For a class that there is not, and for what is no description.
        """
        if isinstance(data, list):
            return [self.decode(one) for one in data]
        if not isinstance(data, dict):
            return data
        for mark, reader in _READERS.items():
            if mark in data:
                return reader(self, data)
        return {key: self.decode(one) for key, one in data.items()}

    def named(self, name: Any) -> Any:
        """A class or function by its name."""
        if isinstance(name, dict):
            return self.named(name["by"])(**self.given(name))
        if name in self.own:
            return self.own[name]
        room, _, own = name.rpartition(".")
        if room.partition(".")[0] != "brainsim":
            raise UnknownNameError(
                f"a description names {name!r}, which is not brainsim's; give own=[...].{suggestion(name, self.own)}"
            )
        found = getattr(importlib.import_module(room), own, None)
        if found is None:
            raise UnknownNameError(f"a description names {name!r}, which there is not.")
        return found

    def given(self, data: dict) -> dict[str, Any]:
        """Arguments by name."""
        return {name: self.decode(one) for name, one in data.get("with", {}).items()}

    def made(self, data: dict) -> Any:
        """An object of what it was made with."""
        made = self.named(data["class"])(*self.decode(data.get("args", [])), **self.given(data))
        return made.on(*self.decode(data["on"])) if "on" in data else made

    def array(self, data: dict) -> np.ndarray:
        """An array."""
        given, dtype = data["array"], np.dtype(data["dtype"])
        if isinstance(given, str):
            return np.frombuffer(base64.b64decode(given), dtype).reshape(data["shape"]).copy()
        array = np.array(given, dtype)
        return array.reshape(data["shape"]) if "shape" in data else array

    def unit(self, data: Any) -> u.Unit:
        """A unit."""
        if isinstance(data, str):
            return getattr(u, data)
        dim = u.get_or_create_dimension(data["dims"])
        return u.Unit(dim, scale=data["scale"], base=data["base"], factor=data["factor"])

    def number(self, data: dict) -> Any:
        """A number, or a quantity."""
        number = data["number"]
        number = self.decode(number) if isinstance(number, dict) else float(number)
        return u.Quantity(number, unit=self.unit(data["unit"])) if "unit" in data else number

    def part(self, data: dict) -> Any:
        """What stands at a path, or some of its units."""
        assert self.there is not None
        found = self.there(data["of"])
        return self.named(data["view"])(found, self.decode(data["units"])) if "units" in data else found


_READERS: dict[str, Callable[[Reader, dict], Any]] = {
    "number": Reader.number,
    "class": Reader.made,
    "of": Reader.part,
    "array": Reader.array,
    "unit": lambda reader, data: reader.unit(data["unit"]),
    "tuple": lambda reader, data: tuple(map(reader.decode, data["tuple"])),
    "type": lambda reader, data: reader.named(data["type"]),
    "function": lambda reader, data: reader.named(data["function"]),
    "partial": lambda reader, data: functools.partial(
        reader.named(data["partial"]), *reader.decode(data["args"]), **reader.given(data)
    ),
    "slice": lambda reader, data: slice(*map(reader.decode, data["slice"])),
    "set": lambda reader, data: frozenset(map(reader.decode, data["set"])),
    "map": lambda reader, data: {reader.decode(key): reader.decode(one) for key, one in data["map"]},
}
