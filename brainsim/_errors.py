"""Messages that say which object, what was given, what is accepted, and the nearest valid name."""

from __future__ import annotations

import abc
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

#: Names that other simulators and papers use, and ours.
SYNONYMS = {
    "refractory": (
        "t_ref",
        "tau_ref",
        "tau_refrac",
        "refrac",
        "t_refractory",
        "tau_rp",
        "abs_ref",
        "refractory_period",
    ),
    "tau": ("tau_m", "taum", "tau_mem", "membrane_time_constant"),
    "C": ("C_m", "Cm", "cm", "capacitance"),
    "E_L": ("V_rest", "v_rest", "El", "EL", "V_leak", "E_leak", "E_rest"),
    "V_th": ("V_threshold", "threshold", "v_thresh", "Vt", "V_t", "theta", "v_th"),
    "V_reset": ("v_reset", "V_r", "Vr", "reset"),
    "V": ("v", "Vm", "V_m", "v_init", "membrane_potential"),
    "reversal": ("E", "E_rev", "e_rev", "E_syn"),
    "tau_decay": ("tau_d", "decay"),
    "tau_rise": ("tau_r", "rise"),
}
_MEANT = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}


def suggestion(name: str, accepted: Iterable[str]) -> str:
    """``"Did you mean 'tau'? Accepted: ..."`` for a mistyped ``name``."""
    accepted = sorted(accepted)
    near = [_MEANT[name]] if _MEANT.get(name) in accepted else _nearest(name, accepted)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(accepted) if accepted else "none"
    return f"{hint} Accepted: {listed}."


def _nearest(name: str, accepted: list[str]) -> list[str]:
    same = [other for other in accepted if other.lower() == name.lower()]
    return same or difflib.get_close_matches(name, accepted, n=1, cutoff=0.5)


def a_or_an(name: str) -> str:
    """A name with its article: ``"an Exponential"``, ``"a Normal"``, ``"an STDP"``, ``"a CSR"``."""
    spelt = name[:2].isupper()  # letter by letter
    vowel = (
        name[:1] in "AEFHILMNORSX"
        if spelt
        else name[:1].lower() in tuple("aeiou") and not name.lower().startswith("uni")
    )
    return f"{'an' if vowel else 'a'} {name}"


_UNEXPECTED = re.compile(r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"(.+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.+)")


def names_arguments(function: F) -> F:
    """Let a function say which argument is meant where it is called with a name that it has none of.

    It stays a TypeError. Nothing is looked up in a call that is right.
    """

    @functools.wraps(function)
    def call(*arguments, **named):
        try:
            return function(*arguments, **named)
        except TypeError as error:
            if (better := of_arguments(error, function, function.__name__, named)) is None:
                raise
            raise better from None

    return cast(F, call)


class NamesArguments(abc.ABCMeta):
    """Metaclass of classes that say which argument is meant, as functions with :func:`names_arguments` do."""

    __signature__ = property(lambda cls: _signature(cls.__init__))  # or inspect would show that of ``__call__``

    if not TYPE_CHECKING:  # constructors are what ``__init__`` says

        def __call__(cls, *arguments, **named):
            try:
                return super().__call__(*arguments, **named)
            except TypeError as error:
                if (better := of_arguments(error, cls, cls.__name__, named)) is None:
                    raise
                raise better from None


def _signature(method: Callable) -> inspect.Signature:
    """Of a method, without ``self``."""
    whole = inspect.signature(method)
    return whole.replace(parameters=list(whole.parameters.values())[1:], return_annotation=whole.empty)


def of_arguments(error: TypeError, called: Callable, name: str, named: Iterable[str]) -> TypeError | None:
    """What to raise in place of ``error`` if it is that ``called``, by the user's ``name``, has no such argument, or that one is
    missing; else None.

    Parameters
    ----------
    error : TypeError
        What a call ended with.
    called : callable
        A function or a class.
    name : str
    named : iterable of str
        Names of the arguments that it was called with.
    """
    if missing := _MISSING.fullmatch(str(error)):
        return _of_missing(called, name, named, missing[1], re.findall(r"'(\w+)'", missing[2]))
    found = _UNEXPECTED.fullmatch(str(error))
    if found is None or found[2] not in named:
        return None
    where = f"{called.__qualname__}" if not isinstance(called, type) else "__init__"
    accepted = inspect.signature(called).parameters
    if found[2] in accepted or not found[1].endswith(where):  # it called something else by that name
        return None
    given = [
        key for key, p in accepted.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and key != "self"
    ]
    return TypeError(f"{name}: there is no argument {found[2]!r}.{suggestion(found[2], given)}")


def _of_missing(called: Callable, name: str, named: Iterable[str], where: str, missing: list[str]) -> TypeError | None:
    """The same where ``where`` was called without some arguments: a class says it of the base that takes them."""
    kinds = called.__mro__ if isinstance(called, type) else ()
    if where not in {called.__qualname__, *(kind.__init__.__qualname__ for kind in kinds)} or {*missing} & {*named}:
        return None
    few = (
        f"the argument {missing[0]!r} is" if len(missing) == 1 else f"the arguments {', '.join(map(repr, missing))} are"
    )
    given, known = ", ".join(named), inspect.signature(called).parameters
    meant = [(near[0], key) for key in named if key not in known and (near := _nearest(key, missing))]
    hint = "".join(f" Did you mean {near!r} by {key!r}?" for near, key in meant)
    return TypeError(f"{name}: {few} missing{f'; given were {given}' if given else ''}.{hint}")


def check_flag(what: str, given: Any) -> None:
    """Refuse what is neither True nor False.

    Raises
    ------
    TypeError
    """
    if type(given).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{what}: expected True or False, given {given!r}.")


class UnitError(TypeError):
    """A value has the wrong physical dimension."""


class UnknownNameError(AttributeError, KeyError):
    """A name does not exist on the object that was asked for it."""

    __str__ = Exception.__str__


class OutsideStepError(RuntimeError):
    """A step used an object that takes no part in it."""


class NetworkInUseError(RuntimeError):
    """A network is to be run while a run of it goes on."""


class NonFiniteError(FloatingPointError):
    """The state of a run became infinite or not a number.

    Attributes
    ----------
    path : str
        The state variable, for example ``"E.V"``.
    time : brainunit.Quantity
        End of the first step after which it was not finite.
    recording : Recording or None
        What was recorded before that step.
    """

    def __init__(self, message: str, path: str | None = None, time: Any = None, recording: Any = None):
        super().__init__(message)
        self.path, self.time, self.recording = path, time, recording


class AccuracyWarning(UserWarning):
    """A result will be less accurate than it looks."""


class NotEnoughMemoryError(MemoryError):
    """What was asked for needs more memory than the machine has free."""
