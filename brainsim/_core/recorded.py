"""What objects are made with, so that others like them can be made."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import numpy as np

PLAIN = (type(None), bool, int, float, str, u.Quantity, u.Unit, np.ndarray, jax.Array)


class Made:
    """A class, and what an object of it was made with. It is not changed, and copies share it.

    Parameters
    ----------
    kind : type
    arguments : tuple
    named : dict of str to value
    where : tuple, optional
        The places of a cell that the object was asked to stand at.
    """

    def __init__(self, kind: type, arguments: tuple, named: dict[str, Any], where: tuple | None = None):
        self.kind, self.arguments, self.named, self.where = kind, arguments, named, where

    def __copy__(self) -> Made:
        return self

    def __deepcopy__(self, memo: dict) -> Made:
        return self


class There:
    """Something that stands in a network already, by its path; or some of its units.

    Parameters
    ----------
    path : str
    ids : int array, optional
        Of the units, or of what else the view numbers.
    view : type, optional
        The class of the view.
    """

    def __init__(self, path: str, ids: np.ndarray | None = None, view: type | None = None):
        self.path, self.ids, self.view = path, ids, view

    def __copy__(self) -> There:
        return self

    def __deepcopy__(self, memo: dict) -> There:
        return self


def recorded(value: Any) -> Any:
    """A value with which something is made, as it is kept: objects that have numbers by what they are made with."""
    if isinstance(value, PLAIN):
        return value
    if "_aside" in getattr(value, "__dict__", ()):
        if value.bound:
            return There(value.path)
        made = value._aside.made
        where = vars(value._aside).get("asked")
        return made if where is None or made is None else Made(made.kind, made.arguments, made.named, where)
    if isinstance(made := getattr(value, "made", None), Made):  # it says so itself
        return made
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(recorded, value))
    if type(value) is list:
        return list(map(recorded, value))
    if type(value) is dict:
        return {key: recorded(one) for key, one in value.items()}
    return seen(value) if hasattr(type(value), "as_seen_by") else value


def seen(view: Any) -> There:
    """A view, as it is kept."""
    return There(view.population.path, np.asarray(view.ids), type(view))


def made_with(kind: type, arguments: tuple, named: dict[str, Any]) -> Made:
    """What an object of a class is made with."""
    return Made(kind, tuple(map(recorded, arguments)), {name: recorded(value) for name, value in named.items()})
