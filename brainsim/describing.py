"""Networks as plain data, and networks from it."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable
from typing import Any, cast

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainsim import initial
from brainsim._core import Dynamics, key_of, split, trained_by_default
from brainsim._core.plain import NotPlainError, Reader, encode
from brainsim._core.recorded import Made, There, recorded
from brainsim._errors import a_or_an
from brainsim._mesh import check_held
from brainsim._units import with_unit
from brainsim.cells import Detector, Junctions
from brainsim.connectivity import FromArrays
from brainsim.operation import Operation
from brainsim.population import Population
from brainsim.projection import Projection
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus

FORMAT = "brainsim network description, 1"

#: What is attached to populations, in this order.
ATTACHED = {"receptors": Receptor, "stimuli": Stimulus, "junctions": Junctions, "detectors": Detector}


def describe(net: Any) -> dict[str, Any]:
    """A network at its beginning as plain data; see :meth:`brainsim.Network.describe`."""
    if type(net).__module__ != "brainsim.network":
        raise NotPlainError(
            f"describe: {a_or_an(type(net).__name__)} is described by the code that makes it; a Network by its parts."
        )
    check_held(net._aside.share)
    seed = net._aside.seed
    described: dict[str, Any] = {"format": FORMAT, "seed": seed}
    if not np.array_equal(net.plain("key"), key_of(seed)):
        described["key"] = np.asarray(net.plain("key")).tolist()
    members = {
        name: part
        for name, part in vars(net).items()
        if isinstance(part, Dynamics) and not isinstance(part, Projection)
    }
    described["members"] = {name: _member(part) for name, part in members.items()}
    described["projections"] = {
        name: _projection(part) for name, part in vars(net).items() if isinstance(part, Projection)
    }
    described["drawn"] = _drawn(net)
    described["trainable"] = _trainable(net)
    described["values"] = {}
    described = json.loads(json.dumps(described))  # what JSON makes of it
    still = net.copy()
    still.reset()
    own = own_of(net)
    described["values"] = _differences(still, build(type(net), described, own))
    if described["values"]:
        for path in _differences(still, build(type(net), described, own)):
            raise NotPlainError(f"describe: {path} is not what a description would make of it.")
    return described


def _member(part: Dynamics) -> dict:
    described = encode(_made(part), f"describe: {part.path}")
    if isinstance(part, Population):
        for what, kind in ATTACHED.items():
            attached = {name: _attached(one) for name, one in part.parts(kind).items() if isinstance(one, kind)}
            described |= {what: attached} if attached else {}
    return described


def _made(part: Dynamics) -> Made:
    made, where = part._aside.made, vars(part._aside).get("asked")
    return made if where is None else Made(made.kind, made.arguments, made.named, where)


def _attached(part: Dynamics) -> dict:
    described = encode(_made(part), f"describe: {part.path}")
    mask, units = vars(part).get("mask"), vars(part._aside).get("units")  # of cells with a shape, those it stands on
    if mask is not None:
        units = np.flatnonzero(np.asarray(mask.get_value()))
    if units is not None:
        described["units"] = encode(np.asarray(units, np.int32), part.path)
    return described


def _projection(projection: Projection) -> dict:
    call, what = projection._aside.call, f"describe: {projection.path}"
    try:
        described = {name: encode(value, f"{what}, {name}") for name, value in call.items() if value is not None}
    except NotPlainError:
        if "layer" in vars(projection) or call["delay"] is not None and not projection.axon.times:
            raise
        described = {
            name: encode(value, f"{what}, {name}") for name, value in _listed(projection).items() if value is not None
        }
    if "arrived" in vars(projection):
        described["keep_arrived"] = True
    return described


def _listed(projection: Projection) -> dict:
    """A call that gives pair after pair, for rules and values that are functions."""
    call = projection._aside.call
    pre, post = projection.pairs()
    views = projection._aside.wired.views
    local = [np.searchsorted(np.sort(view), side) for view, side in zip(views, (pre, post))]
    order = [np.argsort(view)[side] for view, side in zip(views, local)]
    times = projection.axon.times
    delay = None if times is None else u.Quantity(times.ms, unit=u.ms)
    return call | {"rule": FromArrays(*order), "weight": 0.0 * projection.weight_unit, "delay": delay}


def _drawn(net) -> dict:
    """Distributions that states were given after they were made."""
    found = {}
    for path, part in initial.components(net):
        for name in part.distributed():
            given, made = part._aside.given[name], part._aside.made
            if made is None or made.named.get(name) is not given:
                found[f"{path}.{name}"] = encode(recorded(given), f"describe: {path}.{name}")
    return found


def _trainable(net) -> list[str]:
    return [f"{path}.{name}" for path, part in initial.components(net) for name in trained_by_default(part)]


def own_of(net: Any) -> list[Any]:
    """Classes and functions of the network, for :func:`build`."""
    kinds: dict = {}

    def walk(value):
        if isinstance(value, Made):
            kinds[value.kind] = None
            walk([*value.arguments, *value.named.values()])
        elif isinstance(value, list | tuple):
            for one in value:
                walk(one)
        elif isinstance(value, dict):
            walk(list(value.values()))
        elif callable(value) and hasattr(value, "__qualname__"):
            kinds[value] = None
        elif isinstance(value, functools.partial):
            walk([value.func, *value.args, *value.keywords.values()])
        elif not isinstance(value, There | np.ndarray):
            kinds[type(value)] = None
            walk(list(vars(value).values()) if dataclasses.is_dataclass(value) else [])

    for _, part in initial.components(net):
        walk(part._aside.made)
        walk(vars(part._aside).get("call", ()))
    return [kind for kind in kinds if getattr(kind, "__module__", None) not in (None, "builtins")]


def _differences(still: Any, built: Any) -> dict[str, Any]:
    """Values by path, plain data, in which a network differs from one that was built of its description."""
    if still._aside.step_ms is not None:
        for one in (still, built):
            one.prepare(still._aside.step_ms)
    found: dict[str, Any] = {}
    for (path, part), (_, there) in zip(initial.components(still), initial.components(built)):
        if getattr(part, "runs", None) != getattr(there, "runs", None):
            raise NotPlainError(f"describe: where {path} stands is not what a description would make of it.")
    for one, other in zip(split(still)[1:], split(built)[1:]):
        for path in one.keys() ^ other.keys():
            raise NotPlainError(f"describe: {path} is not what a description would make of it.")
        for path, array in one.items():
            there = np.asarray(other[path])
            array = np.asarray(array)
            if array.dtype != there.dtype or array.shape != there.shape or array.tobytes() != there.tobytes():
                found[path] = encode(array, path)
    return found


# -- and back ----------------------------------------------------------------------------------------------------------


def build(kind: type, description: dict[str, Any], own: Iterable[Any] = ()) -> Any:
    """The network of a description; see :meth:`brainsim.Network.from_description`."""
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        given = description.get("format") if isinstance(description, dict) else type(description).__name__
        raise ValueError(f"from_description: expected what Network.describe() gives, {FORMAT!r}, given {given!r}.")
    net = kind(seed=description["seed"])
    reader = Reader(own, net.__getitem__)
    later = []
    for name, data in description["members"].items():
        member = reader.decode({key: one for key, one in data.items() if key not in ATTACHED})
        setattr(net, name, member)
        if isinstance(member, Operation | Population):
            later.append((member, data))
    for member, data in later:
        for what, kind_of in ATTACHED.items():
            for name, part in data.get(what, {}).items():
                ids = reader.decode(part["units"]) if "units" in part else None
                made = reader.decode({key: one for key, one in part.items() if key != "units"})
                member.attach_parts({name: made}, kind_of, ids)
    for name, data in description["projections"].items():
        call = {key: reader.decode(one) for key, one in data.items() if key != "keep_arrived"}
        projection = net.connect(call.pop("pre"), call.pop("post"), call.pop("rule"),
                                 receptor=call.pop("receptor", None), name=name, **call)  # fmt: skip
        if data.get("keep_arrived"):
            projection.keep_arrived()
    for path, data in description["drawn"].items():
        owner, _, name = path.rpartition(".")
        net[owner].assign(name, reader.decode(data))
    for path in description["trainable"]:
        owner, _, name = path.rpartition(".")
        net[owner].trainable(name)
    if "key" in description:
        net.put("key", jnp.asarray(np.array(description["key"], np.uint32)))
    net.reset()
    for path, data in description["values"].items():
        put(net, path, data, own)
    return net


def put(net: Any, path: str, data: Any, own: Iterable[Any] = ()) -> None:
    """Put a value of a description where it stands, as if it had been given."""
    array: np.ndarray = Reader(own, net.__getitem__).decode(data)
    owner, _, name = path.rpartition(".")
    part = cast(Dynamics, net[owner]) if owner else net
    if name in part._declared and name in vars(part) and not part._declared[name].exact:
        part.assign(name, with_unit(array, part.unit_of(name)))
    else:
        part.put(name, jnp.asarray(array))
