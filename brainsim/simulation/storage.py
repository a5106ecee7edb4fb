"""Save and load the full state of a network, so that a run goes on bit by bit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from brainsim._core import Moment, split, write_back
from brainsim._mesh import check_held
from brainsim.delays import Times
from brainsim.network import Network
from brainsim.plasticity.rewire import with_pairs
from brainsim.simulation import checkpoint
from brainsim.simulation.continuous.between import Between

PRE, POST, DELAY = ".synapses.pre", ".synapses.post", ".synapses.delay"  # of projections that were rewired


def save(net: Network, path: str | Path) -> None:
    """Write parameters, state and random key of a network into a folder, whole or not at all.

    Parameters
    ----------
    net : Network
    path : str or Path
        Folder that does not exist yet, or an earlier checkpoint, which is replaced once the new one is complete.

    Raises
    ------
    FileExistsError
        If anything else stands at ``path``; it is not touched.
    OSError
        If the checkpoint cannot be written; an earlier one stays as it is.

    Notes
    -----
    Synapses come from the seed and are not stored, unless :func:`~brainsim.plasticity.rewire` has changed them; their
    checksums are. The arrays are written by orbax. Nothing in a
    checkpoint is executed when it is loaded.
    """
    _check(net, "save")
    _, parameters, fixed, state = split(net)
    arrays = {"parameter": parameters, "state": state, "fixed": {"key": net.plain("key")} | _rewired(net)}
    between = net._aside.moment.between
    facts = {"step_ms": net._aside.step_ms, "wiring": _wiring(fixed), "between": between is not None}
    if between is not None:
        arrays["between"] = between.arrays
    checkpoint.write(Path(path).absolute(), arrays, facts)


def load(net: Network, path: str | Path) -> None:
    """Bring a network of the same structure into the state that :func:`save` wrote.

    Everything is read and checked before the first number is written.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is not a checkpoint, is damaged, or differs from the network in a name, a shape, a type or the wiring; the
        network stays as it was.
    """
    _check(net, "load")
    path = Path(path).absolute()
    with checkpoint.reading(path) as page:
        if "training" in page:
            raise ValueError(
                f"load: {path} is a checkpoint of training; bs.train.fit(..., checkpoint=...) goes on from it."
            )
        _compare(net, page)
        arrays = checkpoint.read_arrays(path, page)
    between = arrays.pop("between", None)
    if page["step_ms"] and between is None:
        net.prepare(page["step_ms"])
    _rewire(net, arrays["fixed"])
    kept = {name: array.dtype for part in split(net)[1:] for name, array in part.items()}
    for group in arrays.values():
        write_back(net, {name: jnp.asarray(array, kept[name]) for name, array in group.items()})
    net.went_on()
    if between is not None:
        net._aside = net._aside.but(step_ms=page["step_ms"])
        net._aside.moment.between = Between({name: np.asarray(array) for name, array in between.items()})


def _check(net, what) -> None:
    if not isinstance(net, Network):
        raise TypeError(f"{what}: expected a Network, given {type(net).__name__}.")
    check_held(net._aside.share)


def _wiring(fixed: dict) -> dict[str, str]:
    """A checksum of the synapses of every projection."""
    sums: dict[str, hashlib._Hash] = {}
    for path, array in sorted(fixed.items()):
        projection, mark, _ = path.partition(".connectivity")
        if mark:
            sums.setdefault(projection, hashlib.sha256()).update(checkpoint.checksum(array).encode())
    return {projection: total.hexdigest() for projection, total in sums.items()}


def _rewired(net) -> dict:
    """Synapses, and their delays, of the projections that have been rewired, by path."""
    found = {}
    for path, projection in net.projections.items():
        if projection.rewired:
            found[f"{path}{PRE}"], found[f"{path}{POST}"] = projection.indices_of_synapses()
            times = projection.axon.times
            if times is not None and times.shape:
                found[f"{path}{DELAY}"] = times.ms
    return found


def _rewire(net, fixed: dict) -> None:
    """Take the synapses of rewired projections out of ``fixed``, into the network."""
    for path, projection in net.projections.items():
        if f"{path}{PRE}" in fixed:
            pre, post = (fixed.pop(f"{path}{side}") for side in (PRE, POST))
            times, ms = projection.axon.times, fixed.pop(f"{path}{DELAY}", None)
            times = times if ms is None else Times(np.asarray(ms), f"{path}.delay")
            projection.rewire(with_pairs(projection.plain("connectivity"), np.asarray(pre), np.asarray(post)), times)


def _compare(net, page) -> None:
    """Refuse a checkpoint that is not of this network, which stays as it is."""
    if page["step_ms"] and not page.get("between"):
        net = _twin(net)
        net.prepare(page["step_ms"])
    _, parameters, fixed, state = split(net)
    for mine, what in ((parameters, "parameter"), (state, "state")):
        theirs = page["arrays"][what]
        for name in sorted(mine.keys() ^ theirs.keys()):
            raise ValueError(f"load: {what} {name!r} is only in the {'network' if name in mine else 'checkpoint'}.")
        for name, array in mine.items():
            shape, dtype = tuple(theirs[name]["shape"]), np.dtype(theirs[name]["dtype"])
            if array.shape != shape:
                raise ValueError(
                    f"load: {what} {name!r} has shape {array.shape} in the network, {shape} in the checkpoint."
                )
            if not np.can_cast(dtype, array.dtype):
                raise ValueError(
                    f"load: {what} {name!r} is {array.dtype} in the network, {dtype} in the checkpoint; load it at the"
                    " precision it was saved with."
                )
    for name, total in _wiring(fixed).items():
        if f"{name}{PRE}" in page["arrays"]["fixed"]:
            _compare_size(net.projections[name], page["arrays"]["fixed"][f"{name}{PRE}"]["shape"])
        elif page["wiring"].get(name) != total:
            raise ValueError(
                f"load: the wiring of {name!r} is not that of the checkpoint; build the network with the same code and"
                " seed."
            )


def _compare_size(projection, shape) -> None:
    if tuple(shape) != (projection.n_synapses,):
        raise ValueError(
            f"load: {projection.path!r} has {projection.n_synapses} synapses in the network, {shape[0]} in the"
            " checkpoint."
        )


def _twin(net):
    """A network of the same arrays that can be prepared without a trace in ``net``."""
    structure, *arrays = split(net)
    twin = structure.merge(*arrays)
    twin._aside = twin._aside.but(moment=Moment())
    return twin
