"""Connectomes: tables with one row per connection."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from brainsim._errors import UnknownNameError, a_or_an, suggestion

from . import _checks
from .explicit import FromArrays, _frozen


class _Frame(Protocol):
    """What is used of a data frame."""

    columns: Any

    def __getitem__(self, name: Any, /) -> Any: ...


@dataclass(frozen=True, repr=False, eq=False, init=False)
class FromTable(FromArrays):
    r"""Connect the pairs that a table lists, by the names of the neurons.

    .. math:: S = \{(\text{pre}_s, \text{post}_s) : \text{rows } s \text{ that are selected}\}

    Parameters
    ----------
    table : path, or mapping of column name to array
        A file of comma-separated values whose first line names the columns, a dictionary of arrays, or a data frame.
    names : sequence of str, optional
        Name of each neuron of the presynaptic view (and of the postsynaptic one), in the order of their indices. None:
        the columns hold indices.
    post_names : sequence of str, optional
        Name of each neuron of the postsynaptic view. Default: ``names``.
    where : dict, optional
        Values that a row must have to be selected: ``{"type": "chemical"}`` or
        ``{"type": ("chemical", "electrical")}``.
    pre, post, weight : str, keyword only
        Columns of the two neurons and of the weight (None: the table has no weights). Defaults ``"pre"``, ``"post"``
        and ``"weight"``, the last only if there is one.
    symmetric : bool, keyword only
        Whether each row stands for both directions, as a gap junction does. Default False. A row that connects a neuron
        to itself is one synapse either way.
    unknown : str, keyword only
        What is done with rows that name a neuron that is not listed: ``"refuse"``, the default, or ``"skip"``.
    self_connections, multiple : bool, keyword only
        As in :class:`FromArrays`.

    Attributes
    ----------
    values : ndarray, one per synapse
        Weights as plain numbers, in the order of the list; None where the table has none. A projection takes them, in
        the receptor's unit, where it is given no weight.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnknownNameError
        For a column or neuron that does not exist; the message names the nearest one.
    TypeError, ValueError
        For columns of unequal length, weights that are not finite numbers, or entries that are not indices.
    """

    def __init__(
        self,
        table: str | os.PathLike | Mapping[str, Any] | _Frame,
        names: Sequence[str] | None = None,
        post_names: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        *,
        pre: str = "pre",
        post: str = "post",
        weight: str | None = "weight",
        symmetric: bool = False,
        unknown: str = "refuse",
        self_connections: bool = True,
        multiple: bool = True,
    ):
        columns = _columns(self.name, table)
        if weight == "weight" and weight not in columns:
            weight = None
        for column in (pre, post, *([] if weight is None else [weight]), *(where or {})):
            if column not in columns:
                raise UnknownNameError(
                    f"{self.name}: the table has no column {column!r}.{suggestion(str(column), columns)}"
                )
        if unknown not in ("refuse", "skip"):
            raise ValueError(f"{self.name}: unknown = {unknown!r}; give 'refuse' or 'skip'")
        symmetric = _checks.flag(self.name, "symmetric", symmetric)

        chosen = np.ones(len(columns[pre]), bool)
        for column, accepted in (where or {}).items():
            chosen &= np.isin(columns[column].astype(str), np.asarray(accepted).astype(str))
        sides = []
        for column, listed in ((pre, names), (post, names if post_names is None else post_names)):
            sides.append(_indices(self.name, column, columns[column], listed, chosen if unknown == "refuse" else None))
        chosen &= (sides[0] >= 0) & (sides[1] >= 0)
        source, target = (side[chosen] for side in sides)
        values = None if weight is None else _numbers(self.name, weight, columns[weight][chosen])
        if symmetric:
            back = source != target
            source, target = np.concatenate([source, target[back]]), np.concatenate([target, source[back]])
            values = None if values is None else np.concatenate([values, values[back]])
        self._set("pre", source)
        self._set("post", target)
        self._set("self_connections", self_connections)
        self._set("multiple", multiple)
        if values is not None:
            self._set("values", _frozen(values))
        super().__post_init__()

    def _content(self):
        return (*super()._content(), *([self.values] if self.values is not None else []))


def _columns(rule: str, table) -> dict[str, np.ndarray]:
    if isinstance(table, str | os.PathLike):
        with open(table, newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file) if line]
        if not lines:
            raise ValueError(f"{rule}: {os.fspath(table)} is empty; give a table whose first line names the columns")
        header, rows = [name.strip() for name in lines[0]], lines[1:]
        if wrong := [k for k, row in enumerate(rows, 2) if len(row) != len(header)]:
            raise ValueError(
                f"{rule}: line {wrong[0]} of {os.fspath(table)} has {len(rows[wrong[0] - 2])} entries, not"
                f" {len(header)}"
            )
        table = {name: np.array([row[k].strip() for row in rows], dtype=str) for k, name in enumerate(header)}
    elif not isinstance(table, Mapping) and (hasattr(table, "collect") or not hasattr(table, "columns")):  # lazy frames
        raise TypeError(
            f"{rule}: table is {a_or_an(type(table).__name__)}; give a path, a dictionary of columns, or a data frame"
            f"{': table.collect()' if hasattr(table, 'collect') else ''}"
        )
    columns = {str(name): np.asarray(table[name]) for name in getattr(table, "columns", table)}
    if len({column.shape for column in columns.values()}) != 1 or next(iter(columns.values())).ndim != 1:
        given = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        raise ValueError(f"{rule}: columns have shapes {given}; give one-dimensional columns of equal length")
    return columns


def _indices(rule: str, column: str, entries: np.ndarray, names, must_exist: np.ndarray | None) -> np.ndarray:
    """Index of the neuron that each row names; -1 for one that is not listed."""
    if names is None:
        try:
            return (
                entries.astype(np.int64) if entries.dtype.kind in "US" else _checks.index_array(rule, column, entries)
            )
        except ValueError:
            example = next((x for x in entries if not str(x).lstrip("+-").isdigit()), None)
            if example is None:  # integers, of which some are no index
                raise
            raise ValueError(
                f"{rule}: column {column!r} holds {str(example)!r}, no index; give the names of the neurons"
            ) from None
    names = [str(name) for name in names]
    place = {name: k for k, name in enumerate(names)}
    if len(place) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{rule}: names lists {twice!r} more than once; give each neuron a name of its own")
    index = np.array([place.get(str(entry), -1) for entry in entries], np.int64)
    missing = np.flatnonzero((index < 0) & must_exist) if must_exist is not None else np.empty(0, int)
    if len(missing):
        entry = str(entries[missing[0]])
        raise UnknownNameError(
            f"{rule}: {len(missing)} rows name a neuron in column {column!r} that is not listed, the first {entry!r}."
            f"{suggestion(entry, names[:20])} Leave such rows out with unknown='skip'."
        )
    return index


def _numbers(rule: str, column: str, entries: np.ndarray) -> np.ndarray:
    try:
        values = entries.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{rule}: column {column!r} holds entries that are not numbers; name the weights' column, or weight=None"
        ) from None
    if not np.isfinite(values).all():
        raise ValueError(f"{rule}: column {column!r} holds nan or infinite values; give finite numbers")
    return values
