"""Checkpoints of training: all that the next update depends on, written whole or not at all, without pickle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.simulation import checkpoint

KIND = "brainsim training, 1"


@dataclasses.dataclass
class Place:
    """Where in the loop training is.

    Parameters
    ----------
    epoch : int
        Epochs that are done.
    batch : int
        Batches of the next epoch that are done.
    sums : dict of str to list of float
        What these batches measured.
    rows : list of dict
        History of the epochs.
    memory : dict
        What callbacks remember, as JSON.
    """

    epoch: int = 0
    batch: int = 0
    sums: dict = dataclasses.field(default_factory=dict)
    rows: list = dataclasses.field(default_factory=list)
    memory: dict = dataclasses.field(default_factory=dict)


def save(path: str | Path, learning: Any, place: Place, facts: dict) -> None:
    """Write a checkpoint, in the place of an earlier one.

    Parameters
    ----------
    path : str or Path
        Folder.
    learning : tree of arrays
    place : Place
    facts : dict
        What must be the same when training goes on, as JSON.
    """
    arrays = {f"{k:05d}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(learning))}
    about = {"training": KIND, "names": _names(learning), "place": dataclasses.asdict(place), "facts": facts}
    checkpoint.write(Path(path).absolute(), {"learning": arrays}, about)


def exists(path: str | Path) -> bool:
    """Whether a checkpoint stands there."""
    return (Path(path) / checkpoint.PAGE).is_file()


def load(path: str | Path, learning: Any, facts: dict) -> tuple[Any, Place]:
    """``(learning, place)`` as they were saved, for a ``learning`` of the same structure.

    Raises
    ------
    ValueError
        For a checkpoint that is damaged, of another model, optimiser or data set.
    """
    path = Path(path).absolute()
    with checkpoint.reading(path) as page:
        if page.get("training") != KIND:
            raise ValueError(f"checkpoint: {path} is one of a network, not of training; bs.load reads it.")
        _compare(path, page, learning, facts)
        stored = checkpoint.read_arrays(path, page)["learning"]
    leaves, tree = jax.tree.flatten(learning)
    arrays = [jnp.asarray(stored[f"{k:05d}"], leaf.dtype) for k, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, arrays), Place(**page["place"])


def _names(learning) -> list[str]:
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(learning)[0]]


def _compare(path, page, learning, facts) -> None:
    mine, theirs = _names(learning), page["names"]
    for name in [*(n for n in mine if n not in theirs), *(n for n in theirs if n not in mine)]:
        where = "network and its optimiser" if name in mine else "checkpoint"
        raise ValueError(f"checkpoint: {path} is of another model or optimiser: only the {where} has {name}.")
    for k, (name, leaf) in enumerate(zip(mine, jax.tree.leaves(learning))):
        found = page["arrays"]["learning"][f"{k:05d}"]
        if tuple(found["shape"]) != leaf.shape or found["dtype"] != str(leaf.dtype):
            raise ValueError(
                f"checkpoint: {path} is of another model: {name} has shape {tuple(found['shape'])} and type"
                f" {found['dtype']} there, {leaf.shape} and {leaf.dtype} here."
            )
    asked = page["facts"].get("asked", {})
    for name, told in facts.get("asked", {}).items():
        if asked.get(name) != told:
            raise ValueError(
                f"checkpoint: {path} is of a training with another {name}=... (its numbers count, and code of one's own); give"
                " another folder to begin anew, or what it was made with to go on."
            )
    for name, value in facts.items():
        if page["facts"].get(name) != value:
            raise ValueError(
                f"checkpoint: {path} was made with {name} = {page['facts'].get(name)!r}, now it is {value!r}; give another"
                " folder to begin anew."
            )
