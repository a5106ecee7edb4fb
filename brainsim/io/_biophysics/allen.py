"""Models of the Allen Cell Types Database, perisomatic and all-active: their JSON and SWC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.cells import Builder, Morphology, at, discretise, distances, read_swc
from brainsim.io._biophysics.mechanisms import ALLEN, Mechanisms
from brainsim.io._biophysics.model import POTENTIALS, SECTIONS, Biophysics, Every40, Range

AXONS = ("stub", "truncated")


def read_allen(
    fit: str | Path | Mapping[str, Any],
    morphology: str | Path | Morphology,
    mechanisms: str | Path | Mapping[str, type] | None = None,
    *,
    axon: str = "stub",
) -> Biophysics:
    """A model of the Allen Cell Types Database.

    ::

        model = bs.io.read_allen("468193142_fit.json", "reconstruction.swc", "modfiles")
        net.cell = model.cell()
        net.cell.add_stimuli(step=bs.stimuli.Constant(0.35 * u.nA, start=1000 * u.ms, stop=2000 * u.ms))
        rec = bs.simulate(net, 3000 * u.ms, dt=0.025 * u.ms, record="cell.V")
        V = rec["cell.V"] - model.junction_potential * u.mV

    The axon of the reconstruction is replaced by two cylinders of 30 µm, as the models ask. Compartments are those of the
    models too, 1 + 2 floor(L / 40 µm) in each branch.

    Parameters
    ----------
    fit : str, Path or dict
        The file of the fit (``*_fit.json``).
    morphology : str, Path or Morphology
        The reconstruction (``.swc``).
    mechanisms : str, Path, or mapping of str to class, optional
        The folder of NMODL files that comes with the model, or classes by SUFFIX; by default those that brainsim has, with
        the same equations.
    axon : str
        ``"stub"``: 1 µm wide, in the middle of the soma; ``"truncated"``, of the older all-active models: as wide as the
        reconstruction there, at the end of the soma.

    Returns
    -------
    Biophysics

    Raises
    ------
    UnknownNameError
        For keys, sections and mechanisms that are not known; tells the nearest one.
    ValueError
        For what lacks in the file.

    References
    ----------
    N. W. Gouwens et al., Nat. Commun. 9:710 (2018); Y. Nandi et al., Cell Rep. 40:111176 (2022).
    """
    where = "read_allen" if isinstance(fit, Mapping) else Path(fit).name
    data = dict(fit) if isinstance(fit, Mapping) else json.loads(Path(fit).read_text())
    known = ("passive", "fitting", "conditions", "genome")
    for key in data:
        if key not in known:
            raise UnknownNameError(f"{where}: there is {key!r}.{suggestion(key, known)}")
    missing = [key for key in ("passive", "conditions", "genome") if key not in data]
    if missing:
        raise ValueError(f"{where}: there is no {', '.join(missing)}.")
    passive, conditions = data["passive"][0], data["conditions"][0]
    ranges, inserted = _passive(passive, where), {"pas": SECTIONS["all"]}
    for gene in data["genome"]:
        _known(gene, ("section", "name", "value", "mechanism"), where)
        sections, suffix = _sections(gene["section"], where), gene["mechanism"]
        label = f"{gene['name']} on {gene['section']}"
        name = gene["name"].removesuffix(f"_{suffix}") if suffix else gene["name"]
        if suffix:
            inserted[suffix] = (*inserted.get(suffix, ()), *sections)
        ranges.append(Range(sections, suffix, name, float(gene["value"]), label=label))
    for erev in conditions["erev"]:
        sections = _sections(erev["section"], where)
        _known(erev, ("section", *POTENTIALS), where)
        ranges += [Range(sections, "", key, float(erev[key])) for key in POTENTIALS if key in erev]
    fitting = data.get("fitting") or [{}]
    return Biophysics(
        with_axon(morphology if isinstance(morphology, Morphology) else read_swc(morphology), axon),
        Mechanisms(mechanisms, ALLEN),
        inserted,
        ranges,
        celsius=float(conditions["celsius"]),
        v_init=float(conditions["v_init"]),
        junction_potential=float(fitting[0].get("junction_potential", 0.0)),
        where=where,
    )


def _passive(passive: Mapping[str, Any], where: str) -> list[Range]:
    _known(passive, ("ra", "cm", "e_pas"), where)
    found = [Range(SECTIONS["all"], "", "Ra", float(passive["ra"]))] if "ra" in passive else []
    if "e_pas" in passive:
        found.append(Range(SECTIONS["all"], "", "e_pas", float(passive["e_pas"])))
    for each in passive.get("cm", ()):
        found.append(Range(_sections(each["section"], where), "", "cm", float(each["cm"])))
    return found


def _known(given: Mapping[str, Any], accepted: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in accepted:
            raise UnknownNameError(f"{where}: there is {key!r} in {dict(given)!r}.{suggestion(key, accepted)}")


def _sections(name: str, where: str) -> tuple[str, ...]:
    if name not in SECTIONS:
        raise UnknownNameError(f"{where}: there are no sections {name!r}.{suggestion(name, SECTIONS)}")
    return SECTIONS[name]


def with_axon(shape: Morphology, axon: str, *, origin: float = 0.0, end: bool = False) -> Morphology:
    """A reconstruction with two cylinders of 30 µm in place of its axon.

    Parameters
    ----------
    shape : Morphology
    axon : str
        ``"stub"`` or ``"truncated"``, see :func:`read_allen`.
    origin : float
        Where on the soma distances of the axon begin.
    end : bool
        Whether a stub stands at the end of the soma too.
    """
    if axon not in AXONS:
        raise UnknownNameError(f"axon: there is no {axon!r}.{suggestion(axon, AXONS)}")
    wide = [1.0, 1.0]
    if "axon" in shape.types:
        if axon == "truncated":
            wide = _widths(shape, origin)
        shape = shape.cut("axon")
    soma = next(branch.name for branch in shape if branch.type == "soma")
    builder = Builder(shape)
    first = builder.add(
        30 * u.um, wide[0] * u.um, type="axon", parent=soma, at=0.5 if axon == "stub" and not end else 1.0
    )
    builder.add(30 * u.um, wide[1] * u.um, type="axon", parent=first)
    return builder.build()


def _widths(shape: Morphology, origin: float) -> list[float]:
    """Diameters in µm of the axon where it begins, and of its first branch whose middle is 60 µm from the soma."""
    cut = discretise(shape, Every40())
    axon = [np.flatnonzero(cut.branch == k) for k, branch in enumerate(shape) if branch.type == "axon"]
    middle = np.array([rows[len(rows) // 2] for rows in axon])  # counts are odd
    far = middle[distances(cut, at("soma", origin))[middle] > 60]
    return [float(cut.diameter[middle[0]]), float(cut.diameter[far[0] if len(far) else middle[0]])]
