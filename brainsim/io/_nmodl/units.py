"""Units of NMODL: as those of brainunit, and as numbers."""

from __future__ import annotations

import re

_KNOWN = {
    "u.mV": "mV millivolt",
    "u.volt": "volt V volts",
    "u.mA": "mA milliamp",
    "u.uA": "uA microamp",
    "u.nA": "nA nanoamp",
    "u.pA": "pA picoamp",
    "u.siemens": "S siemens mho",
    "u.mS": "mS millisiemens mmho",
    "u.uS": "uS microsiemens umho micromho",
    "u.nS": "nS nanosiemens",
    "u.psiemens": "pS picosiemens",
    "u.um": "um micron microns",
    "u.mm": "mm",
    "u.cm": "cm",
    "u.ms": "ms millisecond",
    "u.second": "s sec second seconds",
    "u.mM": "mM millimolar mmolar",
    "u.uM": "uM micromolar",
    "u.nM": "nM nanomolar",
    "u.mole": "mol mole",
    "u.uF": "uF microfarad",
    "u.ohm": "ohm ohms",
    "u.Mohm": "megohm Mohm",
    "u.coulomb": "coulomb coulombs coul C",
    "u.joule": "joule joules J",
}
_BY_NAME = {name: python for python, names in _KNOWN.items() for name in names.split()}

#: Values of what UNITS may name, in the units of the SI, as NEURON 9 has them (CODATA 2018).
_SI = {
    "faraday": 96485.3321233100184,
    "k": 1.380649e-23,
    "boltzmann": 1.380649e-23,
    "mole": 6.02214076e23,
    "mol": 6.02214076e23,
    "e": 1.602176634e-19,
    "pi": 3.14159265358979323846,
    "PI": 3.14159265358979323846,
    **dict.fromkeys(
        ("coulomb", "coulombs", "coul", "C", "joule", "joules", "J", "volt", "V", "K", "degC", "degK"), 1.0
    ),
    **dict.fromkeys(("kelvin", "liter", "1"), 1.0),
    **dict.fromkeys(("mV", "millivolt", "millicoul", "millicoulomb"), 1e-3),
    **dict.fromkeys(("kilocoulombs", "kilocoulomb", "kilocoul"), 1e3),
}
_FACTOR = re.compile(r"([A-Za-z]+)(\d*)$")
_ONE = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+|[+-]\d+)?$")


def in_python(text: str | None, own: dict[str, str]) -> str | None:
    """A unit as an expression of brainunit; None where it is a number or is not known, as ``degC``.

    Parameters
    ----------
    text : str or None
        What stands between the parentheses.
    own : dict of str to str
        Names that the file gives to units.
    """
    if not text or text.strip() in ("", "1"):
        return None
    over, *under = text.split("/", 1)
    top, bottom = _product(over, own), _product(under[0], own) if under else []
    if top is None or bottom is None or not (top or bottom):
        return None
    above = " * ".join(top) or "1"
    if not bottom:
        return above
    return f"{above} / {bottom[0]}" if len(bottom) == 1 else f"{above} / ({' * '.join(bottom)})"


def _product(text, own):
    """The factors of a product of units; None where one is not known."""
    factors = []
    for word in re.split(r"[\s*-]+", text.strip()):
        found = _FACTOR.match(word)
        if word in ("", "1"):
            continue
        if found is None:
            return None
        name, power = found.groups()
        python = _BY_NAME.get(name)
        if python is None and name in own and own[name] not in (name, f"{name}{power}"):
            python = in_python(own[name], {key: value for key, value in own.items() if key != name})
            python = f"({python})" if python and " " in python else python
        if python is None:
            return None
        factors.append(f"{python}**{power}" if power and power != "1" else python)
    return factors


def in_si(text: str) -> float | None:
    """What a unit, or a constant of nature by its name, is in those of the SI; None where it is not known."""
    value, sign = 1.0, 1
    for group in text.split("/", 1):
        for word in re.split(r"[\s*-]+", group.strip()):
            found = _FACTOR.match(word)
            if word == "":
                continue
            if _ONE.match(word):
                value *= float(re.sub(r"(?<=\d)([+-]\d+)$", r"e\1", word) if "e" not in word.lower() else word) ** sign
            elif found is not None and found[1] in _SI:
                value *= _SI[found[1]] ** (sign * int(found[2] or 1))
            else:
                return None
        sign = -1
    return value
