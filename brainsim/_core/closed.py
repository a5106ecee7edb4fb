"""Objects that take no new names once they are made, and say which names they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import numpy as np
from flax import nnx

from brainsim._core.aside import Aside
from brainsim._core.clock import name_hash
from brainsim._core.declared import State, _Declared
from brainsim._core.described import docstring, signature
from brainsim._core.recorded import made_with
from brainsim._core.watch import Telling
from brainsim._errors import UnknownNameError, of_arguments, suggestion


class _Closing(Telling, type(nnx.Module)):
    # After construction, an object takes no new names. Its class says all about itself to those who ask.

    recorded = True  # whether what objects are made with is kept
    __signature__ = property(signature)
    __doc__ = property(docstring, lambda cls, text: type.__dict__["__doc__"].__set__(cls, text))  # type: ignore[assignment]  # made when asked for

    def __call__(cls, *args, **kwargs):
        record = made_with(cls, args, kwargs) if cls.recorded else None  # before parts find their place
        try:
            made = super().__call__(*args, **kwargs)
        except TypeError as error:
            if (better := of_arguments(error, cls, cls.__name__, kwargs)) is None:
                raise
            raise better from None
        if "_aside" not in vars(made):
            raise TypeError(f"{cls.__name__}.__init__ does not call super().__init__(...).")
        made._aside.closed = True
        made._aside.made = record
        return made


class Closed(nnx.Module, metaclass=_Closing):
    """A thing with declared numbers, parts and facts: everything else is refused, with the nearest name."""

    _declared: dict[str, _Declared] = {}
    _aside: Aside
    streams: tuple[str, ...] = ()  #: names under which it draws random numbers itself

    if TYPE_CHECKING:  # what :class:`Dynamics` has

        @property
        def path(self) -> str: ...
        def assign(self, name: str, value: Any) -> None: ...
        def parts(self, kind: type) -> dict[str, Any]: ...

    def fix(self, **facts: Any) -> None:
        """Take attributes after construction: facts about the place of the object, which programs depend on."""
        for name, value in facts.items():
            if isinstance(value, Closed):
                self._check_stream(name)
            super().__setattr__(name, value)

    def _check_stream(self, name: str) -> None:
        """Refuse a part whose random numbers would be those of another."""
        for other in (*self.streams, *self.parts(Closed)):
            if other != name and name_hash(other) == name_hash(name):
                raise ValueError(
                    f"{self.path}: {name!r} would draw the same random numbers as {other!r}; call it otherwise."
                )
        if name in self.streams:
            raise ValueError(
                f"{self.path}: {name!r} is the name of random numbers of its own; call the part otherwise."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._declared:
            self.assign(name, value)
        elif is_closed(self) and not name.startswith("_"):
            raise UnknownNameError(self._refusal(name))
        elif _holds_numbers(value):
            raise TypeError(
                f"{type(self).__name__}.{name}: numbers and arrays are declared on the class, {name} = Parameter(...),"
                f" State(...) or, for tables, Fixed(...); other sequences must be tuples. Given {type(value).__name__}."
            )
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in self._declared or isinstance(vars(self).get(name), Closed):
            raise ValueError(f"{self.path}: {name!r} belongs to it and cannot be taken out.")
        super().__delattr__(name)

    def _refusal(self, name: str) -> str:
        """Why ``name`` cannot be assigned."""
        if name in vars(self) or hasattr(type(self), name):
            return f"{self.path}.{name} is fixed at construction."
        return f"{self.path} has no {name!r}.{suggestion(name, self.names())}"

    def names(self) -> list[str]:
        """Names of parameters, states and parts."""
        return [*self._declared, *(name for name, part in vars(self).items() if isinstance(part, Closed))]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # raises what it raised before
        raise UnknownNameError(f"{self.path} has no {name!r}.{suggestion(name, self.names())}")


def _holds_numbers(value) -> bool:
    """Whether a value is an array, something that can be changed in place, or a tuple with one of these in it."""
    if isinstance(value, tuple):
        return any(map(_holds_numbers, value))
    return isinstance(value, np.ndarray | jax.Array | u.Quantity | list | dict | set)


def is_closed(made: Closed) -> bool:
    return "_aside" in vars(made) and made._aside.closed


def check_reserved(cls: type) -> None:
    """Refuse a parameter or state with the name of something else that the class has."""
    for name, declared in vars(cls).items():
        if isinstance(declared, _Declared):
            for base in cls.__mro__[1:]:
                if isinstance(before := vars(base).get(name), _Declared):
                    if isinstance(before, State) and not isinstance(declared, State):
                        raise TypeError(
                            f"{cls.__name__}: {name!r} is a State of {base.__name__}, which steps change, and cannot be a"
                            f" {type(declared).__name__}; give it another name."
                        )
                    break
                if name in vars(base) or name in vars(base).get("__annotations__", ()):
                    raise TypeError(
                        f"{cls.__name__}: the name {name!r} is reserved, {base.__name__} has it already; give the"
                        f" {type(declared).__name__.lower()} another one."
                    )
