"""Networks that one can edit: parts are taken out, and others put in their place."""

from __future__ import annotations

import copy
from typing import Any, cast

import brainunit as u
import numpy as np

from brainsim._core import Dynamics, key_at
from brainsim._errors import a_or_an
from brainsim.population import Population
from brainsim.projection import Projection
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus


def remove(net: Any, path: str) -> None:
    """Take a projection, receptor or stimulus out that nothing else refers to.

    Raises
    ------
    ValueError
        For what something refers to, and for what is no such part; the network stays as it was.
    """
    part = net[path]
    owner, _, name = path.rpartition(".")
    if isinstance(part, Projection):
        users = [p.path for p in net.projections.values() if p is not part and p.held_by == path]
        _check_unused(path, users, "its terminal serves")
        net.let_go(path)
    elif isinstance(part, Receptor):
        _check_unused(path, _onto(net, owner, name), "there is still")
        _let_go(net[owner], name)
    elif isinstance(part, Stimulus) and isinstance(net[owner], Population):
        _let_go(net[owner], name)
    else:
        raise ValueError(f"Network: {path!r} is {a_or_an(type(part).__name__)}; what it belongs to can be taken out.")
    _forget(net, path)


def _check_unused(path, users, why) -> None:
    if users:
        raise ValueError(f"Network: {path!r} cannot be taken out: {why} {', '.join(users)}.")


def _onto(net, owner: str, name: str) -> list[str]:
    """What refers to a receptor: projections, and stimuli that act through it."""
    projections = [p.path for p in net.projections.values() if p.post == owner and name in p.receptors]
    stimuli = net[owner].parts(Stimulus).values()
    return projections + [s.path for s in stimuli if getattr(s, "receptor", None) == name]


def _let_go(owner: Dynamics, name: str) -> None:
    part = vars(owner)[name]
    owner.let_go(name)
    part.leave()


def _forget(net, path: str) -> None:
    """Drop what is remembered of the states of a part that is gone."""
    moment = net._aside.moment
    gone = [state for state in moment.assigned if state.startswith(f"{path}.")]
    moment.assigned = {state: array for state, array in moment.assigned.items() if state not in gone}
    moment.drawn, moment.settled = moment.drawn - set(gone), False


# -- in the place of another -------------------------------------------------------------------------------------------


def replace(net: Any, path: str, new: Dynamics) -> None:
    """Put another population, receptor or stimulus in the place of one.

    Raises
    ------
    TypeError, ValueError
        For what does not fit there; the network stays as it was.
    """
    old = net[path]
    kind = next((kind for kind in (Population, Receptor, Stimulus) if isinstance(old, kind)), None)
    if kind is None:
        raise ValueError(
            f"Network: {path!r} is {a_or_an(type(old).__name__)}; populations, receptors and stimuli are replaced. Take a"
            " projection out (del net[...]) and connect again."
        )
    if not isinstance(new, kind):
        raise TypeError(
            f"Network: {path!r} is replaced by {a_or_an(kind.__name__.lower())}, given {type(new).__name__}."
        )
    if new.bound:
        raise ValueError(
            f"Network: the {kind.__name__.lower()} given for {path!r} belongs to {new.path}; make another."
        )
    change: Any = _population if kind is Population else _part
    change(copy.deepcopy(net), path, copy.deepcopy(new))  # what does not fit is refused there
    change(net, path, new)
    _forget(net, path)


def _part(net, path: str, new: Any) -> None:
    owner, _, name = path.rpartition(".")
    population = cast(Population, net[owner])
    mask = vars(net[path]).get("mask")
    _let_go(population, name)
    ids = None if mask is None else np.flatnonzero(np.asarray(mask.get_value()))
    population.attach_parts({name: new}, Receptor if isinstance(new, Receptor) else Stimulus, ids)
    if isinstance(new, Receptor):
        for projection in net.projections.values():
            if projection.post == owner and name in projection.receptors:
                _check_receptor(projection, new, net[projection.pre])


def _check_receptor(projection: Projection, receptor: Receptor, pre: Population) -> None:
    """Refuse a receptor that does not take what a projection sends."""
    unit, given, signed = (
        receptor.weight_unit(cast(u.Unit, projection.signal_unit)),
        projection.weight_unit,
        projection.signed,
    )
    where, name = f"{receptor.path}: {projection.path}", receptor.path.rpartition(".")[2]
    if name != projection.receptor and "also" in vars(projection):
        branch = vars(projection.also)[name]
        given, signed = given * branch.factor_unit, branch.signed
    if unit is None or not unit.has_same_dim(given) or unit != given:
        raise ValueError(f"{where} has weights in {given}, and {a_or_an(type(receptor).__name__)} in {unit}.")
    single = projection.adds_up and not receptor.adds_up
    if (
        single
        or (receptor.graded, receptor.signed, receptor.within_steps)
        != (
            projection.graded,
            signed,
            projection.signal == "fired_at",
        )
        or len(receptor.ports) > 1
    ):
        raise ValueError(
            f"{where} sends something that {a_or_an(type(receptor).__name__)} does not take; connect it again."
        )


def _population(net, path: str, new: Population) -> None:
    old = cast(Population, net[path])
    if (old.units, old.sites) != (new.units, new.sites):
        raise ValueError(f"Network: {path!r} has {old.count} units, and what is given for it {new.count}.")
    parts = old.parts(Receptor) | old.parts(Stimulus)
    for name, part in parts.items():
        if not isinstance(held := vars(new).get(name, part), Receptor if isinstance(part, Receptor) else Stimulus):
            what = "receptor" if isinstance(part, Receptor) else "stimulus"
            other = type(new._declared[name]).__name__.lower() if name in new._declared else type(held).__name__
            raise ValueError(
                f"Network: {path!r} has a {what} {name!r}, and {type(new).__name__} a {other} of that name."
            )
    masks = {name: vars(part).get("mask") for name, part in parts.items()}
    net.let_go(path)
    moved = {name: part for name, part in parts.items() if name not in vars(new)}
    for name in moved:
        _let_go(old, name)
    old.leave()
    new._aside.moment = net._aside.moment
    new.join(path, key_at(net.plain("key"), path))
    net.fix(**{path: new})
    for name, part in moved.items():
        mask = masks[name]
        ids = None if mask is None else np.flatnonzero(np.asarray(mask.get_value()))
        new.attach_parts({name: part}, Receptor if isinstance(part, Receptor) else Stimulus, ids)
    for projection in net.projections.values():
        _check_ends(projection, path, old, new, net)


def _check_ends(projection: Projection, path: str, old: Population, new: Population, net) -> None:
    """Refuse a population that a projection does not fit."""
    if projection.pre == path:
        signal = projection.signal
        if signal not in vars(new) or new.dtype_of(signal) != old.dtype_of(signal):
            raise ValueError(
                f"Network: {projection.path} sends {signal!r} of {path!r}, which {type(new).__name__} has not."
            )
    if projection.post == path:
        for name in projection.receptors:
            if name not in vars(new):
                raise ValueError(f"Network: {projection.path} needs the receptor {path}.{name}.")
            _check_receptor(projection, vars(new)[name], net[projection.pre])
        if projection.plastic and projection.fires and "spikes" not in new._declared:
            raise ValueError(f"Network: {projection.path} learns from spikes of {path!r}, which has none.")
