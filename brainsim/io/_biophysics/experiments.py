"""Experiments as users of BluePyOpt and BluePyEfe write them: protocols and features in JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.cells import MultiCompartment, at
from brainsim.cells.places.regions import distances
from brainsim.cells.view import Sites
from brainsim.io._biophysics.model import SECTIONS
from brainsim.network import Network
from brainsim.stimuli import Constant
from brainsim.train import Features, Protocol, Protocols
from brainsim.train.features import FEATURES

KINDS = ("StepProtocol", "SweepProtocol")  #: of protocols, where one says its type
PULSE = "pulse_{}"  #: what stimuli are called


def read_protocols(
    net: Network,
    population: str,
    protocols: str | Path | Mapping[str, Any],
    features: str | Path | Mapping[str, Any],
    *,
    dt: Any,
    threshold: Any = -20.0 * u.mV,
    thresholds: Mapping[str, Any] | None = None,
    without: Collection[str] = (),
    **options: Any,
) -> Protocols:
    """Protocols and features in the files of BluePyOpt, as an experiment on a cell.

    ::

        experiment = bs.io.read_protocols(
            net, "cell", "config/protocols.json", "config/features.json", dt=0.025 * u.ms,
            thresholds=dict(dend1=-55 * u.mV), without=["AHP_slow_time", "AHP_depth_abs_slow"],
        )
        loss = lambda free: experiment.loss(unknowns.parameters(free))

    Pulses of current go into the middle of the soma: the cell gets stimuli ``pulse_0``, ``pulse_1``, ..., as many as a
    protocol has, which each protocol sets. The window of its features is that of its first pulse, or of the one called
    ``step``. All run as long as the longest. Recordings are ``soma``, and those of ``extra_recordings`` at a distance from
    the middle of the soma: on the first branch of their sections that reaches it.

    Parameters
    ----------
    net : Network
    population : str
        Of one cell with a shape.
    protocols, features : str, Path or dict
        The files, or what stands in them. Features are ``{protocol: {place: {feature: [mean, std]}}}``, or lists of
        ``{"feature": ..., "val": [mean, std]}``; in mV, ms and Hz as eFEL has them.
    dt : quantity, time
    threshold : quantity, voltage
        Of spikes.
    thresholds : dict of str to quantity, optional
        By place, where it is another.
    without : sequence of str
        Features that are left out; those that :data:`brainsim.train.features.FEATURES` has not are refused otherwise.
    **options
        Of :class:`brainsim.train.Protocols`.

    Returns
    -------
    Protocols

    Raises
    ------
    UnknownNameError
        For features, places, sections and protocols that there are not; tells the nearest one.
    ValueError
        For protocols of another kind, and places that no branch reaches.
    TypeError
        For a population that has no shape.

    References
    ----------
    W. Van Geit et al., Front. Neuroinform. 10:17 (2016).
    """
    cell = getattr(net, population, None)
    if not isinstance(cell, MultiCompartment) or cell.count != 1:
        raise TypeError(
            f"read_protocols: {population!r} must be a population of one cell with a shape, given {cell!r:.60}."
        )
    given, asked = (_loaded(x) for x in (protocols, features))
    for name in asked:
        if name not in given:
            raise UnknownNameError(f"read_protocols: there is no protocol {name!r}.{suggestion(str(name), given)}")
    pulses = {name: _pulses(name, one) for name, one in given.items()}
    places: dict[str, Any] = {"soma": cell.at(at("soma", 0.5))}
    for name, one in given.items():
        for recorded in one.get("extra_recordings", ()):
            places.setdefault(recorded.get("name", ""), _place(name, recorded, cell))
    for name in dict(thresholds or {}):
        if name not in places:
            raise UnknownNameError(f"read_protocols: thresholds: there is no place {name!r}.{suggestion(name, places)}")
    count = max(len(each) for each in pulses.values())
    silent = lambda: Constant(0 * u.nA, start=0 * u.ms, stop=1 * u.ms)
    cell.add_stimuli(**{PULSE.format(k): silent() for k in range(count)})
    limits = {place: threshold for place in places} | dict(thresholds or {})
    made: dict[str, Any] = {
        name: Protocol(_values(population, each), _targets(name, asked.get(name, {}), each[0], limits, without))
        for name, each in pulses.items()
    }
    longest = max(pulse["totduration"] for each in pulses.values() for pulse in each)
    return Protocols(net, longest * u.ms, dt=dt, record=places, **options, **made)


def _loaded(given: Any) -> Mapping[str, Any]:
    return json.loads(Path(given).read_text()) if isinstance(given, str | Path) else given


def _pulses(name: str, protocol: Mapping[str, Any]) -> list[Mapping[str, float]]:
    """The pulses of a protocol, the one of its features first."""
    kind = protocol.get("type", KINDS[0])
    if kind not in KINDS:
        raise ValueError(f"read_protocols: {name} is a {kind}; those of square pulses are read ({', '.join(KINDS)}).")
    given = protocol.get("stimuli")
    if isinstance(given, Mapping):
        given = [given[key] for key in sorted(given, key=lambda key: key != "step")]
    if not given:
        raise ValueError(f"read_protocols: {name} has no stimuli.")
    for pulse in given:
        lacking = [key for key in ("amp", "delay", "duration", "totduration") if key not in pulse]
        if lacking:
            raise ValueError(f"read_protocols: a stimulus of {name} says no {', '.join(lacking)}, given {dict(pulse)}.")
    return list(given)


def _values(population: str, pulses: list) -> dict[str, Any]:
    """What a protocol sets."""
    found = {}
    for k, pulse in enumerate(pulses):
        path = f"{population}.{PULSE.format(k)}"
        found[f"{path}.amplitude"] = pulse["amp"] * u.nA
        found[f"{path}.start"] = pulse["delay"] * u.ms
        found[f"{path}.stop"] = (pulse["delay"] + pulse["duration"]) * u.ms
    return found


def _targets(name: str, asked: Mapping[str, Any], pulse: Mapping, limits: Mapping, without) -> list[Any]:
    """What is asked of a protocol, by place."""
    window = dict(start=pulse["delay"] * u.ms, stop=(pulse["delay"] + pulse["duration"]) * u.ms)
    found = []
    for place, listed in asked.items():
        where = place.removesuffix(".v")
        if where not in limits:
            raise UnknownNameError(
                f"read_protocols: {name}: nothing is recorded at {where!r}.{suggestion(where, limits)}"
            )
        pairs = listed.items() if isinstance(listed, Mapping) else [(one["feature"], one["val"]) for one in listed]
        values = {str(name): (float(mean), float(std)) for name, (mean, std) in pairs if name not in without}
        for feature in values:
            if feature not in FEATURES:
                raise UnknownNameError(
                    f"read_protocols: {name}.{where}: there is no feature {feature!r}.{suggestion(feature, FEATURES)} Leave it"
                    " out by without=[...]."
                )
        if values:
            found.append(Features(where, values, threshold=limits[where], **window))
    return found


def _place(protocol: str, recorded: Mapping[str, Any], cell: MultiCompartment) -> Sites:
    """Where an extra recording is."""
    what = f"read_protocols: {protocol}: recording {recorded.get('name', '')!r}"
    if recorded.get("type") != "somadistance" or recorded.get("var", "v") != "v":
        raise ValueError(
            f"{what}: V at a somadistance is read, given {recorded.get('var', 'v')} at {recorded.get('type')}."
        )
    sections, far = recorded["seclist_name"], float(recorded["somadistance"])
    if sections not in SECTIONS:
        raise UnknownNameError(f"{what}: there are no sections {sections!r}.{suggestion(sections, SECTIONS)}")
    cut = cell.compartments
    distance = distances(cut, at("soma", 0.5))
    for branch in np.unique(cut.branch[np.isin(cut.type, SECTIONS[sections])]):
        rows = np.flatnonzero(cut.branch == branch)
        half = cut.length[rows] / 2
        hit = (distance[rows] - half <= far) & (far <= distance[rows] + half)
        if hit.any():
            return Sites(cell, rows[hit][-1:], f"{recorded['name']}")
    raise ValueError(f"{what}: no branch of {sections} reaches {far:g} um from the soma.")
