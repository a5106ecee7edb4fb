"""Values as they are typed: ``18ms``, ``[1, 2] mV``, ``0.3``, ``3e-2nS/um``."""

from __future__ import annotations

import re

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_VALUE = re.compile(rf"^(?P<number>{_NUMBER}|\[.*\])\s*(?P<unit>.*)$", re.DOTALL)
_WORDS = {"true": True, "false": False, "none": None}


def parse(text: str):
    """The value that ``text`` stands for: a quantity, a number, a list, True, False or None.

    Raises
    ------
    ValueError
        For a number that cannot be read or a unit that does not exist; the message names the nearest.
    """
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    match = _VALUE.match(text)
    if match is None:
        raise ValueError(f"cannot read {text!r}; accepted: 0.3, 18ms, '[1, 2] mV', true, false, none")
    if match["number"].startswith("["):
        number = _list(match["number"])
    else:
        number = (float if set(match["number"]) & set(".eE") else int)(match["number"])
    return number if not match["unit"] else _times(number, match["unit"])


def _list(text):
    import numpy as np

    parts = [part.strip() for part in text[1:-1].split(",") if part.strip()]
    if not parts:
        raise ValueError(f"{text!r} is empty")
    values = [parse(part) for part in parts]
    plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return np.asarray(values) if plain else values


def _times(number, unit: str):
    import brainunit as u

    if isinstance(number, list):
        raise ValueError(f"units stand inside the brackets and behind them: {unit!r}")
    try:
        return u.Quantity(number, unit=u.parse_unit(unit))
    except ValueError:
        unknown = [word for word in re.findall(r"[^\W\d]+", unit) if not _exists(word)]
        raise ValueError(f"there is no unit {unit!r}.{_nearest(unknown[0] if unknown else unit)}") from None


def _exists(name) -> bool:
    import brainunit as u

    try:
        return u.parse_unit(name) is not None
    except ValueError:
        return False


def _nearest(name) -> str:
    """The units most like ``name``; all 2,000 of them would be no help."""
    import difflib

    import brainunit as u

    everyday = {
        "s",
        "ms",
        "us",
        "V",
        "mV",
        "uV",
        "A",
        "mA",
        "uA",
        "nA",
        "pA",
        "S",
        "mS",
        "uS",
        "nS",
        "pS",
        "Hz",
        "kHz",
        "ohm",
        "Mohm",
    }
    everyday |= {"Gohm", "F", "uF", "nF", "pF", "m", "cm", "mm", "um", "M", "mM", "uM", "kelvin"}
    names = {str(value) for value in vars(u).values() if isinstance(value, u.Unit)} | everyday
    near = difflib.get_close_matches(name, everyday, n=1, cutoff=0.5) or difflib.get_close_matches(
        name, names, n=1, cutoff=0.6
    )
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Accepted: units of brainunit, such as ms, mV, nS, pA, Mohm, Hz, and products such as nS/um"


def assignment(text: str, flag: str) -> tuple[str, str]:
    """``(name, value)`` of ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ValueError(f"{flag}: expected NAME=VALUE, given {text!r}")
    return name.strip(), value.strip()
