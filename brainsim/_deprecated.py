"""How a public name goes: it warns for as long as the policy in ``docs/versions.md`` says, and is then removed."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

DEPRECATED: dict[
    str, str
] = {}  # version in which each name is removed, by name; a test compares it with the present one


def deprecated(name: str, *, since: str, removed_in: str, instead: str) -> Callable[[T], T]:
    """Warn where a public function or class is called that will be removed.

    Parameters
    ----------
    name : str
        The public name: ``"brainsim.simulate_all"``.
    since, removed_in : str
        The first version that warns, and the first without it.
    instead : str
        What to use.

    Returns
    -------
    callable
        Decorator: the function or class works as before, warns, and says so in its docstring.
    """
    text = f"{name} is deprecated since brainsim {since} and will be removed in {removed_in}; use {instead}."

    def decorate(old: T) -> T:
        DEPRECATED[name] = removed_in
        note = f"\n\n.. deprecated:: {since}\n    Removed in {removed_in}; use {instead}.\n"
        if isinstance(old, type):
            return _warning_class(old, text, note)  # type: ignore[return-value]

        @functools.wraps(old)
        def warning(*args, **kwargs):
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return old(*args, **kwargs)

        warning.__doc__ = (old.__doc__ or name) + note
        return warning  # type: ignore[return-value]

    return decorate


def _warning_class(old, text, note):
    first = old.__init__

    @functools.wraps(first)
    def warning(self, *args, **kwargs):
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        first(self, *args, **kwargs)

    old.__init__ = warning
    old.__doc__ = (vars(old).get("__doc__") or text) + note
    return old


def renamed_argument(old: str, new: str, *, since: str, removed_in: str) -> Callable[[T], T]:
    """Take an argument by its old name too, with a warning.

    Parameters
    ----------
    old, new : str
        The names.
    since, removed_in : str
        The first version that warns, and the first that refuses the old name.

    Returns
    -------
    callable
        Decorator of a function that takes ``new``.
    """

    def decorate(function: T) -> T:
        name = f"{function.__module__}.{function.__qualname__}({old})"
        DEPRECATED[name] = removed_in

        @functools.wraps(function)
        def warning(*args, **kwargs):
            if old in kwargs:
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}: {old!r} is the old name of {new!r}; give one of them.")
                text = f"{function.__qualname__}: {old!r} is now {new!r}; the old name goes in {removed_in}."
                warnings.warn(f"{text} Deprecated since {since}.", DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return warning  # type: ignore[return-value]

    return decorate
