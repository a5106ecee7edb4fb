"""Messages that say which object, what was given, what is accepted, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, accepted: Iterable[str]) -> str:
    """``"Did you mean 'tau'? Accepted: ..."`` for a mistyped ``name``."""
    accepted = sorted(accepted)
    near = difflib.get_close_matches(name, accepted, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(accepted) if accepted else "none"
    return f"{hint} Accepted: {listed}."


class UnitError(TypeError):
    """A value has the wrong physical dimension."""


class UnknownNameError(AttributeError, KeyError):
    """A name does not exist on the object that was asked for it."""

    __str__ = Exception.__str__


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

    def __init__(self, message, path=None, time=None, recording=None):
        super().__init__(message)
        self.path, self.time, self.recording = path, time, recording


class NotEnoughMemoryError(MemoryError):
    """What was asked for needs more memory than the machine has free."""
