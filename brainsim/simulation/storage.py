"""Save and load the full state of a network, so that a run goes on bit by bit."""

from __future__ import annotations

import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from brainsim._core import split, write_back
from brainsim.network import Network


def save(net: Network, path) -> None:
    """Write parameters, state and random key of a network into a new folder, with orbax.

    Parameters
    ----------
    net : Network
    path : str or Path
        Folder that does not exist yet, or an earlier checkpoint, which is replaced.
    """
    import orbax.checkpoint as ocp

    _, parameters, fixed, state = split(net)
    step = np.asarray(net._aside.step_ms or 0.0)
    tree = {
        "parameters": parameters,
        "state": state,
        "key": net.plain("key"),
        "step_ms": step,
        "wiring": np.asarray(_wiring(fixed)),
    }
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(Path(path).absolute(), tree, force=True)


def _wiring(fixed: dict) -> int:
    """A checksum of the synapses, which are not stored: they come from the seed."""
    total = 0
    for path, array in sorted(fixed.items()):
        if ".connectivity" in path:
            total = zlib.crc32(np.ascontiguousarray(array), total)
    return total


def load(net: Network, path) -> None:
    """Bring a network of the same structure into the state that :func:`save` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If a path, a shape or the wiring differs; the network stays as it was.
    """
    import orbax.checkpoint as ocp

    path = Path(path).absolute()
    if not path.is_dir():
        raise FileNotFoundError(f"load: no checkpoint at {path}.")
    with ocp.StandardCheckpointer() as checkpointer:
        saved = checkpointer.restore(path)
    step_ms = float(saved["step_ms"])
    if step_ms:
        net.prepare(step_ms)
    _, parameters, fixed, state = split(net)
    for mine, theirs, what in ((parameters, saved["parameters"], "parameter"), (state, saved["state"], "state")):
        for name in mine.keys() ^ theirs.keys():
            raise ValueError(f"load: {what} {name!r} is only in the {'network' if name in mine else 'checkpoint'}.")
        for name, array in mine.items():
            if array.shape != theirs[name].shape:
                raise ValueError(
                    f"load: {what} {name!r} has shape {array.shape} in the network, {theirs[name].shape} in the"
                    " checkpoint."
                )
    if int(saved["wiring"]) != _wiring(fixed):
        raise ValueError(
            "load: the wiring of the network is not that of the checkpoint; build it with the same code and seed."
        )
    for mine, theirs in ((parameters, saved["parameters"]), (state, saved["state"])):
        write_back(net, {name: jnp.asarray(theirs[name], array.dtype) for name, array in mine.items()})
    net.put("key", jnp.asarray(saved["key"], jnp.uint32))
