"""The solver as a primitive: its plain definition, and its derivative, which is one more solve with the same matrix.

Nodes are compartments and then branch points. With all potentials u = v + x, and those of branch points where no current is
left over, the equations are e x + L u = r at compartments and L u = 0 at branch points. The right-hand side may be given for
branch points too, and their u be asked for, less the v that stands in for theirs: derivatives with respect to couplings need
both.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from brainsim.events._primitive import Batch, Operation, is_zero, no_tangent, undefined
from brainsim.events._shared import Tree as Numbers


class Static(NamedTuple):
    """What is fixed of a call: sizes, and whether r and x have branch points too."""

    n_compartments: int
    cells: int  # 0: no axis for cells
    r_nodes: bool = False
    x_nodes: bool = False
    own_s: bool = False  # whether each cell has its own couplings
    moving: bool = True  # whether there are potentials


def definition(shared, static, s, e, r, *v):
    """``x`` for operands with nodes in front; ``shared`` is the plan, rows of positions, and the parents."""
    (node, up, edge, here, there), rows, _ = shared
    n, count = node.shape[0], static.n_compartments
    flat = lambda x: x.reshape(x.shape[0], -1)  # noqa: E731
    s, e, r, *v = map(flat, (s, e, r, *v))
    r = jnp.zeros((n, r.shape[1]), r.dtype).at[: r.shape[0]].set(r)
    e = jnp.zeros((n, e.shape[1]), e.dtype).at[:count].set(e)
    # One position more, whose neighbours do not feel it; roots have it as parent
    up = jnp.append(jnp.where(up < 0, n, up), n)
    s = jnp.pad(jnp.where(up[:-1, None] == n, 0, s[edge]), ((0, 1), (0, 0)), constant_values=1)
    w = jnp.pad(e[node], ((0, 1), (0, 0)), constant_values=1)
    z = jnp.pad(r[node], ((0, 1), (0, 0)))
    if v:
        flow = s[:-1] * (v[0][here] - v[0][there])
        z = z.at[:-1].add(-flow).at[up[:-1]].add(flow)

    def eliminate(k, carry):
        w, z = carry
        row = rows[len(rows) - 1 - k]
        s_row, w_row = s[row], w[row]
        part = s_row / (w_row + s_row)
        z_row = z[row]
        w, z = w.at[up[row]].add(part * w_row), z.at[up[row]].add(part * z_row)
        return w.at[row].set(part), z.at[row].set(z_row / (w_row + s_row))

    def substitute(k, carry):
        part, x = carry
        row = rows[k]
        above = jnp.where((up[row] < n)[:, None], x[up[row]], 0)
        return part, x.at[row].add(part[row] * above)

    carry = jax.lax.fori_loop(0, len(rows), eliminate, (w, z))
    _, x = jax.lax.fori_loop(0, len(rows), substitute, carry)
    x = jnp.zeros((n, x.shape[1]), x.dtype).at[node].set(x[:-1])[: n if static.x_nodes else count]
    return (x if static.cells else x[:, 0],)


def _results(shared, static, s, e, r, *v):
    rows = shared[0].shape[1] if static.x_nodes else static.n_compartments
    return (jax.ShapeDtypeStruct((rows, static.cells) if static.cells else (rows,), e.dtype),)


def _numbers(shared, static):
    n, count, cells = shared[0].shape[1], static.n_compartments, max(1, static.cells)
    return Numbers(
        nodes=n,
        compartments=count,
        cells=cells,
        s_cells=cells if static.own_s else 1,
        r_rows=n if static.r_nodes else count,
        x_rows=n if static.x_nodes else count,
        moving=int(static.moving),
        places=shared[1].size,
    )


tree_p = Operation("tree", definition=definition, numbers=_numbers, results=_results, real=(0, 1, 2))


def _levelled(x, mask, rank):
    """With an axis of length 1 for each level that it lacks, and such axes behind up to the rank of its core."""
    x = jnp.expand_dims(x, [level for level, flag in enumerate(mask) if not flag])
    return x.reshape(*x.shape, *[1] * (len(mask) + rank - x.ndim))


def _along(levels, part):
    """An index of nodes, behind the levels."""
    return (*[slice(None)] * levels, part)


def stand_ins(plan):
    """The compartment whose v stands in for that of each node."""
    node, _, _, here, _ = plan
    return jnp.zeros_like(here).at[node].set(here)


def flows(shared, ds, u, levels):
    """What changes of the couplings let flow to each node: -dL u."""
    parent = shared[2]
    above = jnp.maximum(parent, 0)
    rank = u.ndim - levels - 1
    edges = (parent >= 0).reshape(-1, *[1] * rank)
    flow = jnp.where(edges, ds * (u - u[_along(levels, above)]), 0)
    return (-flow).at[_along(levels, above)].add(flow)


def _jvp(shared, operands, tangents, *, static, batch):
    s, e, r, *v = operands
    ds, de, dr, *dv = tangents
    levels, rank, count = len(batch.extents), 1 + (static.cells > 0), static.n_compartments
    whole, first = static.x_nodes or not is_zero(ds), _along(levels, slice(count))
    (x,) = tree_p(shared, *operands, static=static._replace(x_nodes=whole), batch=batch)
    result = x if whole == static.x_nodes else x[first]
    if all(map(is_zero, tangents)):
        return [result], [no_tangent(result)]
    lift = lambda x, k: _levelled(x, batch.masks[k], rank)  # noqa: E731
    full, mask, terms = (True,) * levels, (False,) * levels, []
    nodes = static.r_nodes or not is_zero(ds)
    shape = (shared[0].shape[1] if nodes else count, *[static.cells] * (static.cells > 0))
    if not is_zero(dr):
        terms.append(dr)
        mask = batch.masks[2]
        if nodes and not static.r_nodes:
            terms = [padded(dr, sum(mask), shape[0])]
    if not (is_zero(ds) and is_zero(de)):
        terms, mask = [_levelled(t, mask, rank) for t in terms], full
        if not is_zero(de):
            change = -lift(de, 1) * x[first]
            terms.append(padded(change, levels, shape[0]))
        if not is_zero(ds):
            potentials = x
            if v:
                potentials = x + lift(v[0], 3)[_along(levels, stand_ins(shared[0]))]
            terms.append(flows(shared, lift(ds, 0), potentials, levels))
    right = sum(terms[1:], terms[0]) if terms else jnp.zeros(shape, x.dtype)
    moving = [t for t in dv if not is_zero(t)]
    masks = (batch.masks[0], batch.masks[1], mask, *batch.masks[3 : 3 + len(moving)])
    along = static._replace(r_nodes=nodes, moving=bool(moving))
    made = tree_p(shared, s, e, right, *moving, static=along, batch=Batch(batch.extents, masks))
    return [result], made


def padded(x, levels, n):
    """With zeros for branch points."""
    short = n - x.shape[levels]
    return jnp.pad(x, [(0, short if k == levels else 0) for k in range(x.ndim)]) if short else x


def _transpose(cotangents, shared, operands, *, static, batch):
    (ct,) = cotangents
    if is_zero(ct):
        return [None] * len(operands)
    s, e, r, *v = operands
    levels, rank, count = len(batch.extents), 1 + (static.cells > 0), static.n_compartments
    masks = (*batch.masks[:2], (True,) * levels)
    moves, first = bool(v) and undefined(v[0]), _along(levels, slice(count))
    turned = static._replace(r_nodes=static.x_nodes, x_nodes=static.r_nodes or moves, moving=False)
    (back,) = tree_p(shared, s, e, ct, static=turned, batch=Batch(batch.extents, masks))
    own = back if static.r_nodes or not moves else back[first]
    found = [None, None, _summed(own, batch.masks[2]) if undefined(r) else None]
    if moves:
        # What flows, -L back, and not the same as e back - ct, of which nothing is left where e is large
        towards = flows(shared, _levelled(s, batch.masks[0], rank), back, levels)[first]
        if static.x_nodes:  # the potentials of branch points are told less those that stand in
            rest = _along(levels, slice(count, None))
            towards = towards.at[_along(levels, stand_ins(shared[0])[count:])].add(-ct[rest])
        found.append(_summed(towards, batch.masks[3]))
    elif v:
        found.append(None)
    return found


def _summed(x, mask):
    """Over the levels that an operand lacks."""
    return x.sum([level for level, flag in enumerate(mask) if not flag])


tree_p.def_jvp(_jvp)
tree_p.def_transpose(_transpose)
