"""Mechanisms by the names that NEURON has for them: classes, and what their parameters are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brainunit as u

from brainsim import channels
from brainsim._errors import UnknownNameError, suggestion
from brainsim.channels import Mechanism, Pool
from brainsim.io._nmodl.read import read_mod

SIEMENS = u.siemens / u.cm2

#: Channels of Hay et al. (2011) as classes of brainsim: NEURON's names of their parameters, with ours and NEURON's units.
NATIVE: dict[str, tuple[type, dict[str, tuple[str, Any]]]] = {
    "NaTa_t": (channels.NaTa_Hay2011, {"gNaTa_tbar": ("g_max", SIEMENS)}),
    "NaTs2_t": (channels.NaTs_Hay2011, {"gNaTs2_tbar": ("g_max", SIEMENS)}),
    "Nap_Et2": (channels.NaP_Hay2011, {"gNap_Et2bar": ("g_max", SIEMENS)}),
    "K_Tst": (channels.KT_Hay2011, {"gK_Tstbar": ("g_max", SIEMENS)}),
    "K_Pst": (channels.KP_Hay2011, {"gK_Pstbar": ("g_max", SIEMENS)}),
    "SKv3_1": (channels.Kv3_Hay2011, {"gSKv3_1bar": ("g_max", SIEMENS)}),
    "Im": (channels.KM_Hay2011, {"gImbar": ("g_max", SIEMENS)}),
    "Ih": (channels.Ih_Hay2011, {"gIhbar": ("g_max", SIEMENS), "ehcn": ("E", u.mV)}),
    "SK_E2": (channels.SK_Hay2011, {"gSK_E2bar": ("g_max", SIEMENS), "zTau": ("tau", u.ms)}),
    "Ca_HVA": (channels.CaHT_Reuveni1993, {"gCa_HVAbar": ("g_max", SIEMENS)}),
    "Ca_LVAst": (channels.CaLVA_Hay2011, {"gCa_LVAstbar": ("g_max", SIEMENS)}),
    "CaDynamics_E2": (
        channels.Calcium_Hay2011,
        {"gamma": ("gamma", u.UNITLESS), "decay": ("tau", u.ms), "minCai": ("rest", u.mM), "depth": ("depth", u.um)},
    ),
}

_DENSITY = {"gbar": ("g_max", SIEMENS)}
#: Those of the models of the Allen Cell Types Database.
ALLEN: dict[str, tuple[type, dict[str, tuple[str, Any]]]] = {
    "NaTs": (channels.NaTs_Allen, _DENSITY),
    "NaTa": (channels.NaTa_Allen, _DENSITY),
    "NaV": (channels.NaV_Allen, {"gbar": ("gbar", SIEMENS)}),
    "Nap": (channels.NaP_Allen, {"gbar": ("gbar", SIEMENS)}),
    "K_T": (channels.KT_Allen, _DENSITY),
    "K_P": (channels.KP_Allen, _DENSITY),
    "Kd": (channels.Kd_Allen, _DENSITY),
    "Kv2like": (channels.Kv2_Allen, _DENSITY),
    "Kv3_1": (channels.Kv3_Hay2011, _DENSITY),
    "Im": (channels.KM_Hay2011, _DENSITY),
    "Im_v2": (channels.KM_Allen, _DENSITY),
    "Ih": (channels.Ih_Hay2011, _DENSITY),
    "SK": (channels.SK_Hay2011, _DENSITY),
    "Ca_HVA": (channels.CaHT_Reuveni1993, _DENSITY),
    "Ca_LVA": (channels.CaLVA_Hay2011, _DENSITY),
    "CaDynamics": NATIVE["CaDynamics_E2"],
}
#: What NEURON starts from where a file of NATIVE says nothing: calcium at 5e-5 mM, below the rest of the pump.
STARTS: dict[str, dict[str, Any]] = {"CaDynamics_E2": {"concentration": 5e-5 * u.mM}}

REVERSALS = {"ena": "Na", "ek": ("K", "SK"), "eca": "Ca"}  # and how the names of our classes begin


class Suffix:
    """A mechanism by its SUFFIX: what makes it, and its parameters by NEURON's names.

    Parameters
    ----------
    name : str
    kind : type
        Of Mechanism or Pool.
    names : dict of str to (str, unit), optional
        NEURON's names of its parameters; by default it has them itself, in its own units.
    warmed : bool
        Whether a factor of its rates follows the temperature of the model.
    """

    def __init__(self, name: str, kind: type, names: dict[str, tuple[str, Any]] | None = None, *, warmed: bool = False):
        self.name, self.kind, self.warmed = name, kind, warmed
        declared: Mapping[str, Any] = kind._declared  # type: ignore[attr-defined]
        own = {key: (key, slot.unit) for key, slot in declared.items() if hasattr(slot, "positive")}
        self.names = own if names is None else dict(names)
        #: what NEURON's files have for the densities of our classes where nothing is said, in S/cm2
        self.usual = {
            key: 1e-6 if name in ("SK_E2", "SK") else 1e-5
            for key, (ours, _) in (names or {}).items()
            if ours == "g_max"
        }
        self.start = STARTS.get(name, {}) if names is not None else {}  #: initial values that are no parameters
        #: reversal potentials that NEURON sets by section, and what they are called here
        self.reversals = {key: key for key in REVERSALS if key in declared}
        if names is not None and issubclass(kind, channels.Channel):
            self.reversals = {key: "E" for key, start in REVERSALS.items() if kind.__name__.startswith(start)}

    @property
    def is_pool(self) -> bool:
        """Whether it is a concentration."""
        return issubclass(self.kind, Pool)

    def temperature(self, celsius: float) -> dict[str, Any]:
        """The parameter that says how warm it is, if it has one."""
        declared: Mapping[str, Any] = self.kind._declared  # type: ignore[attr-defined]
        if "celsius" in declared:
            return {"celsius": celsius}
        if self.warmed and "phi" in declared:  # there Q10 is 2.3 from 21 °C; those of Hay et al. stay at 34 °C
            return {"phi": 2.3 ** ((celsius - 21.0) / 10.0)}
        return {"temperature": (celsius + 273.15) * u.kelvin} if "temperature" in declared else {}

    def parameter(self, name: str, where: str) -> tuple[str, Any]:
        """Our name of a parameter, and the unit of NEURON's numbers.

        Raises
        ------
        UnknownNameError
            Tells the nearest one.
        """
        if name not in self.names:
            raise UnknownNameError(f"{where}: {self.name} has no parameter {name!r}.{suggestion(name, self.names)}")
        return self.names[name]


class Mechanisms:
    """Where mechanisms come from: a folder of NMODL files, classes by name, or those that brainsim has.

    Parameters
    ----------
    given : str, Path, mapping of str to class, or None
    native : dict
        Those that brainsim has, as :data:`NATIVE`.

    Raises
    ------
    FileNotFoundError, TypeError
        For what is no folder with such files, and no class.
    """

    def __init__(self, given: Any, native: Mapping[str, tuple[type, dict]] = NATIVE):
        self._native = native
        self._made: dict[str, Suffix] = {}
        self._files: dict[str, Path] = {}
        self._classes: dict[str, type] = {}
        if isinstance(given, str | Path):
            folder = Path(given)
            self._files = {_suffix_of(file) or file.stem: file for file in sorted(folder.glob("*.mod"))}
            if not self._files:
                raise FileNotFoundError(f"mechanisms: there are no NMODL files (*.mod) in {folder}.")
        elif isinstance(given, Mapping):
            self._classes = dict(given)
            for name, kind in self._classes.items():
                if not (isinstance(kind, type) and issubclass(kind, Mechanism | Pool)):
                    raise TypeError(f"mechanisms[{name!r}]: expected a class of channels or pools, given {kind!r}.")
        elif given is not None:
            raise TypeError(f"mechanisms: expected a folder, or classes by name, given {given!r}.")

    @property
    def names(self) -> list[str]:
        """Those that there are."""
        own = [] if self._files else list(self._native)
        return sorted({*self._files, *self._classes, *own})

    def __getitem__(self, name: str) -> Suffix:
        if name not in self._made:
            if name in self._classes:
                self._made[name] = Suffix(name, self._classes[name])
            elif name in self._files:
                self._made[name] = Suffix(name, read_mod(self._files[name]))
            elif name in self._native and not self._files:
                self._made[name] = Suffix(name, *self._native[name], warmed=self._native is ALLEN)
            else:
                raise UnknownNameError(
                    f"mechanisms: there is no {name!r}.{suggestion(name, self.names)} Give the folder of its NMODL file,"
                    " mechanisms='modfiles', or a class, mechanisms={...}."
                )
        return self._made[name]


def _suffix_of(file: Path) -> str | None:
    found = re.search(r"^[^:\n]*\bSUFFIX\s+(\w+)", file.read_text(encoding="latin-1"), re.MULTILINE)
    return found.group(1) if found else None
