"""Models and experiments as users of BluePyOpt write them: parameters, mechanisms, protocols and features in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainsim._errors import UnknownNameError, suggestion
from brainsim.cells import Morphology, read_asc, read_swc
from brainsim.io._biophysics.allen import with_axon
from brainsim.io._biophysics.distributions import formula
from brainsim.io._biophysics.mechanisms import Mechanisms
from brainsim.io._biophysics.model import SECTIONS, Biophysics, Range

KEYS = ("param_name", "sectionlist", "type", "dist_type", "dist", "mech", "mech_param", "value", "bounds")


def read_bluepyopt(
    parameters: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    morphology: str | Path | Morphology,
    mechanisms: str | Path | Mapping[str, type] | None = None,
    *,
    inserted: str | Path | Mapping[str, Sequence[str]] | None = None,
    axon: str | None = "truncated",
) -> Biophysics:
    """A model in the files of BluePyOpt.

    ::

        model = bs.io.read_bluepyopt(
            "config/parameters.json", "morphology/C060114A7.asc", "mechanisms", inserted="config/mechanisms.json"
        )
        net.cell = model.cell(values={"gNaTs2_tbar_NaTs2_t.somatic": 0.98})
        unknowns = bs.train.Unknowns(net, **model.unknowns("cell"))

    Both forms are read that its examples have: a list of parameters (``param_name``, ``sectionlist``, ``value`` or
    ``bounds``, ``dist``), with the mechanisms in a file of their own; and one file with ``mechanisms``,
    ``distributions`` and ``parameters`` by sections. Compartments are as there, 1 + 2 floor(L / 40 µm).

    Parameters
    ----------
    parameters : str, Path, list or dict
        The file, or what stands in it.
    morphology : str, Path or Morphology
        The reconstruction (``.swc`` or ``.asc``).
    mechanisms : str, Path, or mapping of str to class, optional
        The folder of NMODL files, or classes by SUFFIX; by default the channels of Hay et al. (2011) that brainsim has.
    inserted : str, Path or dict, optional
        Of a list of parameters: which mechanisms each list of sections has (``mechanisms.json``).
    axon : str, optional
        What replaces the axon: ``"truncated"`` as BluePyOpt does, ``"stub"``, or None to leave it.

    Returns
    -------
    Biophysics

    Raises
    ------
    UnknownNameError
        For keys, sections, mechanisms and parameters that are not known; tells the nearest one.
    ValueError
        For what lacks in the files.

    References
    ----------
    W. Van Geit et al., Front. Neuroinform. 10:17 (2016).
    """
    where = Path(parameters).name if isinstance(parameters, str | Path) else "read_bluepyopt"
    given, placed = _loaded(parameters), None if inserted is None else _loaded(inserted)
    if isinstance(given, Mapping):
        _known(given, ("mechanisms", "distributions", "parameters"), where)
        placed = given["mechanisms"] if placed is None else placed
    elif placed is None:
        raise ValueError(f"{where}: a list of parameters needs inserted=, the file that says where mechanisms are.")
    stands: dict[str, tuple[str, ...]] = {}
    for sections, names in placed.items():
        for name in names["mech"] if isinstance(names, Mapping) else names:
            stands[name] = (*stands.get(name, ()), *_sections(sections, where))
    of_all: dict[str, float] = {}
    each = _by_sections(given, stands, of_all, where) if isinstance(given, Mapping) else _listed(given, of_all, where)
    ranges = list(each)
    for name in of_all:
        if name not in ("celsius", "v_init"):
            raise UnknownNameError(f"{where}: there is no global {name!r}.{suggestion(name, ['celsius', 'v_init'])}")
    shape = morphology if isinstance(morphology, Morphology) else _shape(Path(morphology))
    return Biophysics(
        shape if axon is None else with_axon(shape, axon, origin=0.5, end=True),
        Mechanisms(mechanisms),
        stands,
        ranges,
        celsius=of_all.get("celsius", 6.3),
        v_init=of_all.get("v_init", -65.0),
        where=where,
    )


def _loaded(given: Any) -> Any:
    return json.loads(Path(given).read_text()) if isinstance(given, str | Path) else given


def _shape(path: Path) -> Morphology:
    readers = {".swc": read_swc, ".asc": read_asc}
    if path.suffix.lower() not in readers:
        raise ValueError(f"read_bluepyopt: a morphology is an .swc or .asc file, given {path.name}.")
    return readers[path.suffix.lower()](path)


def _known(given: Mapping, accepted: Sequence[str], where: str) -> None:
    for key in given:
        if key not in accepted and not str(key).startswith("__"):  # comments
            raise UnknownNameError(f"{where}: there is {key!r}.{suggestion(str(key), accepted)}")


def _sections(name: str, where: str) -> tuple[str, ...]:
    if name not in SECTIONS:
        raise UnknownNameError(f"{where}: there are no sections {name!r}.{suggestion(name, SECTIONS)}")
    return SECTIONS[name]


def _listed(given: Sequence[Mapping], of_all: dict[str, float], where: str) -> Iterator[Range]:
    """Parameters in a list."""
    for one in given:
        _known(one, KEYS, where)
        name = one["param_name"]
        if one.get("type") == "global":
            of_all[name] = float(one["value"])
            continue
        if ("value" in one) == ("bounds" in one):
            raise ValueError(f"{where}: {name} needs a value or bounds.")
        suffix = one.get("mech", "")
        profile = formula(one["dist"], f"{where}: {name}") if "dist" in one else None
        if profile is None and one.get("dist_type", "uniform") != "uniform":
            raise ValueError(
                f"{where}: {name} is distributed by {one['dist_type']!r}, and there is no dist, its formula."
            )
        yield _range(name, one["sectionlist"], suffix, one.get("mech_param", name), one, profile, where)


def _range(name, sections, suffix, own, one, profile, where) -> Range:
    low_high = [float(x) for x in one["bounds"]] if "bounds" in one else None
    bounds = None if low_high is None else (low_high[0], low_high[1])
    value = None if bounds else float(one["value"])
    return Range(_sections(sections, where), suffix, own, value, bounds, profile, f"{name}.{sections}")


def _by_sections(given: Mapping, stands: Mapping, of_all: dict[str, float], where: str) -> Iterator[Range]:
    """Parameters by lists of sections."""
    distributions = given.get("distributions", {})
    for sections, listed in given["parameters"].items():
        if str(sections).startswith("__"):
            continue
        for one in listed:
            _known(one, ("name", "val", "dist"), where)
            name, value = one["name"], one["val"]
            if sections == "global":
                of_all[name] = float(value)
                continue
            suffix = max((s for s in stands if name.endswith(f"_{s}") and s != "pas"), key=len, default="")
            kind = one.get("dist", "uniform")
            if kind != "uniform" and kind not in distributions:
                raise UnknownNameError(f"{where}: there is no distribution {kind!r}.{suggestion(kind, distributions)}")
            profile = None if kind == "uniform" else formula(distributions[kind]["fun"], f"{where}: {kind}")
            told = {"bounds": value} if isinstance(value, list | tuple) else {"value": value}
            yield _range(
                name, sections, suffix, name.removesuffix(f"_{suffix}") if suffix else name, told, profile, where
            )
