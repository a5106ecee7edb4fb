"""Equations that move elements between uneven blocks: what belongs to a cell stays where the cell is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.simulation.mesh.evaluate import Evaluation
from brainsim.simulation.mesh.layout import Layout, Part


def cut(evaluation: Evaluation, equation: Any, part: Part) -> list[Part] | None:
    """A slice: of each block what is in it."""
    p, shape, whole = equation.params, equation.outvars[0].aval.shape, part.layout
    axis = whole.axis
    start, stop = p["start_indices"][axis], p["limit_indices"][axis]
    starts, stops, strides = list(p["start_indices"]), list(p["limit_indices"]), p["strides"]
    if stop == start or strides is not None and strides[axis] != 1:
        return None
    layout = Layout.uneven(np.clip(np.array(whole.begins) - start, 0, stop - start)).at(axis)
    starts[axis], stops[axis] = 0, whole.size
    places = _table(evaluation, lambda d: np.clip(layout.places(d) + start - whole.first(d), 0, whole.size - 1))
    array = jnp.take(jax.lax.slice(part.array, starts, stops, strides), places, axis, mode="clip")
    return [Part(shape, array, layout)]


def _table(evaluation: Evaluation, places: Callable[[int], np.ndarray]) -> jax.Array:
    """Places that each device has of its own: they go in with the arrays, and no step counts them again."""
    rows = [places(device).astype(np.int32) for device in range(evaluation.devices.count)]
    name = hashlib.sha1(np.concatenate(rows).tobytes()).hexdigest()
    return evaluation.devices.tables(f"places:{name}", rows)


def repeated(evaluation: Evaluation, equation: Any, part: Part) -> list[Part] | None:
    """Pieces that are the same everywhere: joined as they are on one device, so that what follows is computed with what it
    is computed with there, and rounded alike.
    """
    shape = equation.outvars[0].aval.shape
    layout = evaluation.blocks.get(shape[0])
    if len(shape) > 1 or part.make is None or layout is None or not layout.begins:
        return None
    array = jnp.concatenate([part.make((1,)), part.make((layout.size - 1,))])
    return [Part(shape, array, layout)]


def joined(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """Pieces of blocks, and between them what is the same everywhere, where what a device has of them follows each other."""
    axis, shape = equation.params["dimension"], equation.outvars[0].aval.shape
    if len(shape) > 1 or any(not p.uniform and not (isinstance(p.layout, Layout) and p.layout.begins) for p in given):
        return None
    layout = _blocks_of(evaluation, given, shape[axis])
    if layout is None:
        return None
    arrays = [p.make((1,)) if p.make is not None else p.array for p in given]
    room = np.cumsum([0, *(x.shape[0] for x in arrays)]).tolist()
    begins = np.cumsum([0, *(p.shape[0] for p in given)]).tolist()

    def places(device):
        wanted = layout.places(device)
        found = np.zeros_like(wanted)
        for part, at, begin in zip(given, room, begins, strict=False):
            own = at if part.uniform else at + wanted - begin - part.layout.first(device)
            found = np.where(wanted >= begin, own, found)
        return np.clip(found, 0, room[-1] - 1)

    array = jnp.take(jnp.concatenate(arrays), _table(evaluation, places), mode="clip")
    return [Part(shape, array, layout, joined=tuple(given))]


def _blocks_of(evaluation: Evaluation, given: list[Part], length: int) -> Layout | None:
    """The blocks in which all pieces are where they are."""
    homes = np.concatenate([np.full(p.shape[0], -1) if p.uniform else _homes(p.layout) for p in given])
    for layout in (evaluation.blocks.get(length), *(forest.sites for forest in evaluation.forests.values())):
        if layout is None or not layout.begins or layout.n != length:
            continue
        if np.all((homes < 0) | (homes == _homes(layout))):
            return layout
    home = np.maximum.accumulate(np.maximum(homes, 0))  # what is the same everywhere goes with what stands before it
    if np.any((homes >= 0) & (homes < home)):
        return None
    return Layout.uneven(np.searchsorted(home, np.arange(evaluation.devices.count + 1)))


def _homes(layout: Layout) -> np.ndarray:
    return np.repeat(np.arange(len(layout.begins) - 1), np.diff(layout.begins))


def found(evaluation: Evaluation, equation: Any, operand: Part, indices: Part) -> list[Part] | None:
    """Elements of a cell, by numbers that each device has of its own; the number after the last reads what stands behind."""
    home = evaluation.homes.get(indices.of)
    if home is None or not _one_by_one(indices) or len(operand.shape) > 1:
        return None
    behind = operand.joined[-1] if len(operand.joined) == 2 else None
    if operand.shape == (home.n,) and isinstance(operand.layout, Layout):
        array = evaluation.devices.laid(operand, home)
    elif operand.shape == (home.n + 1,) and behind is not None and behind.make is not None and behind.shape == (1,):
        array = jnp.concatenate([evaluation.devices.laid(operand.joined[0], home), behind.make((1,))])
    else:
        return None
    (made,) = evaluation.bind(equation, [array, _numbers(evaluation, indices)])
    return [Part(equation.outvars[0].aval.shape, made, indices.layout)]


def put(evaluation: Evaluation, equation: Any, into: Part, indices: Part, updates: Part) -> list[Part] | None:
    """Elements put together cell by cell."""
    home = evaluation.homes.get(indices.of)
    if home is None or not _one_by_one(indices) or into.shape != (home.n,) or updates.shape != indices.shape[:1]:
        return None
    array = evaluation.devices.laid(into, home)
    room = jnp.concatenate([array, array[:1]])  # for what lies behind the last
    given = room, _numbers(evaluation, indices), evaluation.devices.laid(updates, indices.layout)
    return [Part(into.shape, evaluation.bind(equation, given)[0][:-1], home)]


def _numbers(evaluation: Evaluation, indices: Part) -> jax.Array:
    """The numbers of a device, in its own counting: those behind the last are one more than there are."""
    return evaluation.devices.tables(f"{indices.of}:here")[:, None].astype(indices.array.dtype)


def _one_by_one(indices: Part) -> bool:
    """Whether an array of indices has one number for each element, and is divided along them."""
    return isinstance(indices.layout, Layout) and indices.layout.axis == 0 and indices.shape[1:] == (1,)
