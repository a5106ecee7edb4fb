"""Rules of equations that move elements, and of those that loop."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from brainsim.simulation.mesh import uneven
from brainsim.simulation.mesh.evaluate import Evaluation, function_of, moved, rule
from brainsim.simulation.mesh.layout import Layout, Part, same_axis


def _is_laid(part: Part) -> bool:
    return isinstance(part.layout, Layout) and not part.uniform


@rule("broadcast_in_dim")
def _broadcast_in_dim(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    part, shape = given[0], equation.params["shape"]
    if len(given) > 1 or not shape:
        return None
    if part.shape == () or part.uniform:
        return [Part(shape, make=part.make or functools.partial(jnp.broadcast_to, part.array))]
    if not _is_laid(part) or part.layout.span > 1:
        return None
    dimensions = equation.params["broadcast_dimensions"]
    layout = part.layout.at(dimensions[part.layout.axis])
    if shape[layout.axis] != part.shape[part.layout.axis]:
        return None
    array = jax.lax.broadcast_in_dim(part.array, layout.shape(shape), dimensions)
    return moved(equation, part, layout, array, function_of(equation))


@rule("reshape", "squeeze", "expand_dims")
def _reshape(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    part, shape = given[0], equation.outvars[0].aval.shape
    if part.make is not None:
        return [Part(shape, make=part.make)] if shape else [Part.whole(part.make(()))]
    if (
        len(given) > 1
        or not _is_laid(part)
        or equation.params.get("dimensions")
        and equation.primitive.name == "reshape"
    ):
        return None
    layout = same_axis(part.shape, shape, part.layout)
    if layout is None:
        return None
    return moved(equation, part, layout, part.array.reshape(layout.shape(shape)), function_of(equation))


@rule("transpose")
def _transpose(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    (part,) = given
    permutation = equation.params["permutation"]
    if part.uniform:
        return [Part(equation.outvars[0].aval.shape, make=part.make)]
    if not _is_laid(part) or part.layout.span > 1:
        return None
    layout = part.layout.at(permutation.index(part.layout.axis))
    return moved(equation, part, layout, jnp.transpose(part.array, permutation), function_of(equation))


@rule("slice")
def _slice(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    (part,) = given
    p, shape = equation.params, equation.outvars[0].aval.shape
    if part.uniform:
        return [Part(shape, make=part.make)]
    if not _is_laid(part) or part.layout.span > 1:
        return None
    starts, stops, axis = list(p["start_indices"]), list(p["limit_indices"]), part.layout.axis
    if part.layout.begins:
        return uneven.cut(evaluation, equation, part)
    layout = part.layout.of_length(shape[axis])  # of some rows, where not of all
    first, rest = divmod(starts[axis], part.layout.n)
    if layout is None or rest or p["strides"] is not None and p["strides"][axis] != 1:
        return None
    starts[axis] = first * layout.size
    stops[axis] = starts[axis] + layout.rows * layout.size
    array = jax.lax.slice(part.array, starts, stops, p["strides"])
    return moved(equation, part, layout, array, function_of(equation))


@rule("dynamic_slice")
def _dynamic_slice(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    part, *starts = given
    shape = equation.outvars[0].aval.shape
    if part.uniform:
        return [Part(shape, make=part.make)]
    if not _is_laid(part) or part.layout.span > 1 or shape[part.layout.axis] != part.shape[part.layout.axis]:
        return None
    at = [evaluation.devices.whole(start) for start in starts]
    array = jax.lax.dynamic_slice(part.array, at, part.layout.shape(shape))
    return [Part(shape, array, part.layout)]


@rule("dynamic_update_slice")
def _dynamic_update_slice(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    into, update, *starts = given
    layout = into.layout if _is_laid(into) else update.layout if into.uniform and _is_laid(update) else None
    if layout is None or layout.span > 1 or update.shape[layout.axis] != into.shape[layout.axis]:
        return None
    at = [evaluation.devices.whole(start) for start in starts]
    arrays = [evaluation.devices.laid(part, layout) for part in (into, update)]
    return [Part(into.shape, jax.lax.dynamic_update_slice(arrays[0], arrays[1], at), layout)]


@rule("concatenate")
def _concatenate(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    if given[0].uniform and all(part.make is given[0].make for part in given):
        return uneven.repeated(evaluation, equation, given[0])
    laid = [part.layout for part in given if _is_laid(part)]
    axis, shape = equation.params["dimension"], equation.outvars[0].aval.shape
    if not laid or laid[0].span > 1 or axis == laid[0].axis and laid[0].synapses:
        return None
    given = [part for part in given if part.shape[axis]]
    at = laid[0].axis
    if axis == at and any(layout.begins for layout in laid):
        return uneven.joined(evaluation, equation, given)
    layouts = [laid[0].of_length(part.shape[at]) for part in given]  # rows behind rows, or along another axis
    if None in layouts:
        return None
    arrays = [evaluation.devices.laid(part, layout) for part, layout in zip(given, layouts, strict=True)]
    return [Part(shape, jnp.concatenate(arrays, axis), laid[0].of_length(shape[at]))]


@rule("stack")
def _stack(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    layout = next((part.layout for part in given if _is_laid(part)), None)
    if layout is None or layout.span > 1:
        return None
    axis, shape = equation.params["axis"], equation.outvars[0].aval.shape
    arrays = [evaluation.devices.laid(part, layout) for part in given]
    return [Part(shape, jnp.stack(arrays, axis), layout.at(layout.axis + (axis <= layout.axis)))]


@rule("unstack")
def _unstack(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    (part,) = given
    axis = equation.params["axis"]
    if not _is_laid(part) or part.layout.span > 1 or part.layout.axis == axis:
        return None
    layout = part.layout.at(part.layout.axis - (axis < part.layout.axis))
    arrays = evaluation.bind(equation, [part.array])
    return [Part(v.aval.shape, array, layout) for v, array in zip(equation.outvars, arrays, strict=True)]


@rule("pad")
def _pad(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    part, value = given
    if not _is_laid(part) or part.layout.span > 1 or any(equation.params["padding_config"][part.layout.axis]):
        return None
    array = jax.lax.pad(part.array, evaluation.devices.whole(value), equation.params["padding_config"])
    return [Part(equation.outvars[0].aval.shape, array, part.layout)]


@rule("rev")
def _rev(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    (part,) = given
    if not _is_laid(part) or part.layout.span > 1 or part.layout.axis in equation.params["dimensions"]:
        return None
    return [Part(part.shape, jax.lax.rev(part.array, equation.params["dimensions"]), part.layout)]


REDUCTIONS = ["sum", "max", "min", "prod", "or", "and", "xor"]


@rule(*(f"reduce_{name}" for name in REDUCTIONS), "argmax", "argmin")
def _reduce(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    part, axes = given[0], equation.params["axes"]
    if len(given) > 1 or not _is_laid(part) or part.layout.span > 1 or part.layout.axis in axes:
        return None
    layout = part.layout.at(part.layout.axis - sum(axis < part.layout.axis for axis in axes))
    (array,) = evaluation.bind(equation, [part.array])
    return [Part(equation.outvars[0].aval.shape, array, layout)]


@rule("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
def _cumulative(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    (part,) = given
    if not _is_laid(part) or part.layout.span > 1 or part.layout.axis == equation.params["axis"]:
        return None
    return [Part(part.shape, evaluation.bind(equation, [part.array])[0], part.layout)]


@rule("gather")
def _gather(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """Of what every device has, at places that are divided; or along another axis than the divided one."""
    operand, indices = given
    if (found := uneven.found(evaluation, equation, operand, indices)) is not None:
        return found
    p, shape = equation.params, equation.outvars[0].aval.shape
    numbers = p["dimension_numbers"]
    if numbers.operand_batching_dims or operand.uniform and not _is_laid(indices):
        return None
    if _is_laid(indices) and indices.layout.span == 1 and indices.layout.axis < len(indices.shape) - 1:
        if not operand.cheap and not operand.uniform and not indices.layout.synapses:
            return None
        lead = [axis for axis in range(len(shape)) if axis not in numbers.offset_dims]
        layout = indices.layout.at(lead[indices.layout.axis])
        (array,) = evaluation.bind(equation, [evaluation.devices.whole(operand), indices.array])
        return [Part(shape, array, layout)]
    if not _is_laid(operand) or operand.layout.span > 1:
        return None
    axis, sizes = operand.layout.axis, list(p["slice_sizes"])
    if axis in (*numbers.start_index_map, *numbers.collapsed_slice_dims):
        return None
    kept = [k for k in range(len(operand.shape)) if k not in numbers.collapsed_slice_dims]
    layout = operand.layout.at(numbers.offset_dims[kept.index(axis)])
    sizes[axis] = operand.array.shape[axis]
    array = equation.primitive.bind(
        operand.array, evaluation.devices.whole(indices), **{**p, "slice_sizes": tuple(sizes)}
    )
    return [Part(shape, array, layout)]


@rule("scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter_mul", "scatter_max", "scatter-max")
def _scatter(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """Along another axis than the divided one, or within a cell."""
    into, indices, updates = given
    if (put := uneven.put(evaluation, equation, into, indices, updates)) is not None:
        return put
    numbers = equation.params["dimension_numbers"]
    if numbers.operand_batching_dims or not _is_laid(into) or into.layout.span > 1:
        return None
    axis = into.layout.axis
    if axis in (*numbers.inserted_window_dims, *numbers.scatter_dims_to_operand_dims):
        return None
    kept = [k for k in range(len(into.shape)) if k not in numbers.inserted_window_dims]
    window = numbers.update_window_dims[kept.index(axis)]
    if updates.shape[window] != into.shape[axis]:
        return None
    arrays = into.array, evaluation.devices.whole(indices), evaluation.devices.laid(updates, into.layout.at(window))
    return [Part(into.shape, evaluation.bind(equation, arrays)[0], into.layout)]


# -- loops and branches -----------------------------------------------------------------------------------------------------


def _all_whole(given) -> bool:
    return all(part.layout is None for part in given)


def _entered(evaluation, parts):
    """Arrays of parts, and what makes parts of such arrays."""
    arrays = [evaluation.devices.whole(part) if part.layout is None else part.array for part in parts]

    def again(arrays):
        return [
            dataclasses.replace(p, array=x, replica=None, free=False, make=None)
            for p, x in zip(parts, arrays, strict=True)
        ]

    return arrays, again


def _left(evaluation, parts, like):
    return [evaluation.devices.laid(part, one.layout) for part, one in zip(parts, like, strict=True)]


@rule("cond")
def _cond(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    index, *operands = given
    if _all_whole(given):
        return None
    arrays, again = _entered(evaluation, operands)
    like = [_as_operand(v.aval, operands) for v in equation.outvars]

    def branch(closed):
        return lambda *arrays: _left(evaluation, evaluation.run(closed, again(arrays)), like)

    branches = [branch(closed) for closed in equation.params["branches"]]
    made = jax.lax.switch(evaluation.devices.whole(index).astype(jnp.int32), branches, *arrays)
    return [dataclasses.replace(part, array=x) for part, x in zip(like, made, strict=True)]


def _as_operand(aval, operands) -> Part:
    """How a result is best divided: as an operand of its shape."""
    found = next((p.layout for p in operands if p.shape == aval.shape and _is_laid(p)), None)
    return Part(aval.shape, layout=found)


@rule("while")
def _while(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    if _all_whole(given):
        return None
    p = equation.params
    n, m = p["cond_nconsts"], p["body_nconsts"]
    held, carried = given[: n + m], given[n + m :]
    constants, consts_again = _entered(evaluation, held)
    arrays, again = _entered(evaluation, carried)

    def test(arrays):
        parts = evaluation.run(p["cond_jaxpr"], [*consts_again(constants)[:n], *again(arrays)])
        return evaluation.devices.whole(parts[0])

    def body(arrays):
        parts = evaluation.run(p["body_jaxpr"], [*consts_again(constants)[n:], *again(arrays)])
        return _left(evaluation, parts, carried)

    made = jax.lax.while_loop(test, body, arrays)
    return again(made)


@rule("scan")
def _scan(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    if _all_whole(given):
        return None
    p = equation.params
    n, m = p["num_consts"], p["num_carry"]
    held, carried, rows = given[:n], given[n : n + m], list(map(_rows(evaluation), given[n + m :]))
    constants, consts_again = _entered(evaluation, held)
    arrays, again = _entered(evaluation, carried)
    courses, _ = _entered(evaluation, rows)
    closed = p["jaxpr"] if isinstance(p["jaxpr"], ClosedJaxpr) else ClosedJaxpr(p["jaxpr"], ())
    layouts: list = []

    def body(arrays, now):
        one = [Part(r.shape[1:], x, _inner(r.layout)) for r, x in zip(rows, now, strict=True)]
        parts = evaluation.run(closed, [*consts_again(constants), *again(arrays), *one])
        made = [Part(x.shape, x.array, x.layout) if not x.uniform else Part.whole(evaluation.devices.whole(x))
                for x in parts[m:]]  # fmt: skip
        layouts[:] = [x.layout for x in made]
        return _left(evaluation, parts[:m], carried), [x.array for x in made]

    made, stacked = jax.lax.scan(body, arrays, courses, length=p["length"], reverse=p["reverse"])
    shapes = [v.aval.shape for v in equation.outvars[m:]]
    outer = [layout.at(layout.axis + 1) if isinstance(layout, Layout) else layout for layout in layouts]
    return [*again(made), *map(Part, shapes, stacked, outer)]


def _rows(evaluation):
    def whole_if_needed(part):
        first = _is_laid(part) and part.layout.axis == 0
        return Part.whole(evaluation.devices.whole(part)) if first or part.uniform else part

    return whole_if_needed


def _inner(layout):
    return layout.at(layout.axis - 1) if isinstance(layout, Layout) else layout
