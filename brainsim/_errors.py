"""Messages that say which object, what was given, what is accepted, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

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
