"""Save and load the full state of a network, so that a run goes on bit by bit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from brainsim._core import split, write_back
from brainsim.network import Network
from brainsim.simulation import checkpoint


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
    Synapses come from the seed and are not stored; their checksums are. The arrays are written by orbax. Nothing in a
    checkpoint is executed when it is loaded.
    """
    _check(net, "save")
    _, parameters, fixed, state = split(net)
    arrays = {"parameter": parameters, "state": state, "fixed": {"key": net.plain("key")}}
    facts = {"step_ms": net._aside.step_ms, "wiring": _wiring(fixed)}
    checkpoint.write(Path(path).absolute(), arrays, facts)


def load(net: Network, path: str | Path) -> None:
    """Bring a network of the same structure into the state that :func:`save` wrote.

    Everything is read and checked before the first number is written.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is no checkpoint, is damaged, or differs from the network in a name, a shape, a type or the wiring; the
        network stays as it was.
    """
    _check(net, "load")
    path = Path(path).absolute()
    with checkpoint.reading(path) as page:
        _compare(net, page)
        arrays = checkpoint.read_arrays(path, page)
    if page["step_ms"]:
        net.prepare(page["step_ms"])
    kept = {name: array.dtype for part in split(net)[1:] for name, array in part.items()}
    for group in arrays.values():
        write_back(net, {name: jnp.asarray(array, kept[name]) for name, array in group.items()})


def _check(net, what) -> None:
    if not isinstance(net, Network):
        raise TypeError(f"{what}: expected a Network, given {type(net).__name__}.")


def _wiring(fixed: dict) -> dict[str, str]:
    """A checksum of the synapses of every projection."""
    sums: dict[str, hashlib._Hash] = {}
    for path, array in sorted(fixed.items()):
        projection, mark, _ = path.partition(".connectivity")
        if mark:
            sums.setdefault(projection, hashlib.sha256()).update(checkpoint.checksum(array).encode())
    return {projection: total.hexdigest() for projection, total in sums.items()}


def _compare(net, page) -> None:
    """Refuse a checkpoint that is not of this network, which stays as it is."""
    if page["step_ms"]:
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
        if page["wiring"].get(name) != total:
            raise ValueError(
                f"load: the wiring of {name!r} is not that of the checkpoint; build the network with the same code and"
                " seed."
            )


def _twin(net):
    """A network of the same arrays that can be prepared without a trace in ``net``."""
    structure, *arrays = split(net)
    twin = structure.merge(*arrays)
    twin._aside = twin._aside.but(initial=dict(twin._aside.initial))
    return twin
