"""Rules of event operations: each device has the synapses onto its neurons, and hears all spikes. And of cells, whose
compartments a device has all of.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainsim import events
from brainsim.events._contract import POST, contract_p, procedural_p
from brainsim.events.arriving import add_on_due_p, deliver_due_p, is_due_p
from brainsim.events.calendar import deliver_sorted_p, pass_on_p
from brainsim.events.delay import delay_line_p, deliver_delayed_p
from brainsim.events.plasticity import PostIndex, add_on_post_p, add_on_pre_p
from brainsim.events.random import poisson_input_p
from brainsim.simulation.mesh.evaluate import Evaluation, rule
from brainsim.simulation.mesh.layout import OWN, Layout, Part
from brainsim.trees._operation import tree_p


class Here:
    """The synapses of a connectivity onto the neurons of this device.

    Parameters
    ----------
    conn : Format
        In the numbers of this device's targets.
    post : Layout
        Of one value per postsynaptic neuron.
    each : Layout
        Of one value per synapse.
    pre : Layout or None
        Of one value per row; None for the whole.
    by_post : PostIndex, optional
    begins, listed : array, optional
        Of a calendar: where its segments begin, and its synapses in their order.
    """

    def __init__(self, conn, post: Layout, each: Layout, pre: Layout | None, by_post=None, begins=None, listed=None):
        self.conn, self.post, self.each, self.pre, self.by_post = conn, post, each, pre, by_post
        self.begins, self.listed = begins, listed

    @classmethod
    def of(
        cls, evaluation: Evaluation, conn: Any, targets: Part, learns: bool = False, later: tuple[str, ...] = ()
    ) -> Here | None:
        """Those of a connectivity whose arrays are parts; None where they are not divided. ``targets`` has one value for each
        target; ``later`` says what of a calendar is needed: every array is made for it, and stays.
        """
        if isinstance(conn, events.CSR | events.FixedFanOut):
            return cls._stored(evaluation, conn, evaluation.devices.tables, learns, later)
        post = _of_places(targets) or evaluation.blocks.get(conn.n_post)
        if post is None:
            return None
        size = post.rows * post.size
        if isinstance(conn, events.Diagonal):
            numbers = jnp.arange(size + 1, dtype=jnp.int32)
            by_post = PostIndex(numbers, numbers[:-1], numbers[:-1]) if learns else None
            return cls(events.Diagonal(size), post, post, post, by_post)
        if isinstance(conn, events.Dense):
            by_post = _dense_by_post(conn.n_pre, size) if learns else None
            return cls(events.Dense(conn.n_pre, size), post, post.at(1), None, by_post)
        return None

    @classmethod
    def _stored(cls, evaluation: Evaluation, conn: Any, table, learns: bool, later: tuple[str, ...]) -> Here | None:
        indices: Any = conn.indices
        if not indices.of:
            return None
        path, each = indices.of, indices.layout
        post = evaluation.posts[path]
        pointers: Any = None if isinstance(conn, events.FixedFanOut) else conn.indptr
        rows = pointers is None or pointers.of == path
        indptr, indices = table(f"{path}:indptr"), table(f"{path}:indices")
        if not rows:
            indptr = jnp.minimum(jnp.arange(each.size + 1, dtype=jnp.int32), indptr[-1])
        local = jax.tree.unflatten(jax.tree.structure(events.CSR([0], [], post.shape((0,))[0])), [indptr, indices])
        names = ("indptr", "source", "position")
        by_post = PostIndex(*(table(f"{path}:post.{name}") for name in names)) if learns else None
        begins, listed = (table(f"{path}:{name}") if name in later else None for name in ("begins", "listed"))
        return cls(local, post, each, None if rows else each.at(0), by_post, begins, listed)


def _of_places(targets: Part) -> Layout | None:
    """The layout of targets that are places of cells: how long an axis of them is does not say it."""
    layout = targets.layout
    if not isinstance(layout, Layout) or layout.synapses or layout.begins or layout.rows == 1:
        return None
    return layout.at(0)


def _dense_by_post(n_pre: int, size: int) -> PostIndex:
    post, pre = jnp.meshgrid(jnp.arange(size, dtype=jnp.int32), jnp.arange(n_pre, dtype=jnp.int32), indexing="ij")
    return PostIndex(jnp.arange(size + 1, dtype=jnp.int32) * n_pre, pre.ravel(), (pre * size + post).ravel())


class Call:
    """An event operation whose arguments are parts."""

    def __init__(self, evaluation: Evaluation, equation, given: list[Part]):
        p = equation.params
        n = p["tree"].num_leaves
        self.devices, self.p = evaluation.devices, p
        self.shared, self.operands = p["tree"].unflatten(given[:n]), given[n:]
        self.results = [v.aval.shape for v in equation.outvars]

    def __call__(self, operation, shared, operands, static=None) -> list[jax.Array]:
        static = self.p["static"] if static is None else static
        return operation(shared, *operands, static=static, implementation=self.p["served_by"])

    def laid(self, part: Part, layout: Layout | None) -> jax.Array:
        """A number as it is, other values in a layout."""
        return part.array if part.shape == () else self.devices.laid(part, layout)

    def whole(self, tree):
        """The whole of shared arguments."""
        return jax.tree.map(self.devices.whole, tree, is_leaf=lambda x: isinstance(x, Part))


def _within_the_whole(call: Call, operation, at: tuple[int, ...], only_here: tuple[int, ...] = ()) -> list[Part] | None:
    """An operation that adds to operands ``at`` these places, each along its last axis; every device makes all of it and
    keeps its part. Of operands ``only_here`` no more than its own part is needed.
    """
    laid = {k: call.operands[k].layout for k in at}
    if any(not isinstance(layout, Layout) for layout in laid.values()) or call.p["batch"].extents:
        return None
    arrays = []
    for k, part in enumerate(call.operands):
        if k in at or (k in only_here and isinstance(part.layout, Layout)):
            arrays.append(call.devices.among_all(part.array, part.layout, part.shape))
        else:
            arrays.append(call.devices.whole(part))
    made = call(operation, call.whole(call.shared), arrays)
    parts = []
    for shape, array in zip(call.results, made, strict=True):
        layout = next(laid[k] for k in at if call.operands[k].shape == shape)
        parts.append(Part(shape, call.devices.laid(Part.whole(array), layout), layout))
    return parts


@rule(contract_p.primitive.name, procedural_p.primitive.name)
def _contract(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    if call.p["static"].towards != POST or call.p["batch"].extents:
        return None
    conn, *delays = call.shared
    spikes, weight, into = call.operands
    here = Here.of(evaluation, conn, into)
    if here is None:
        operation = contract_p if equation.primitive is contract_p.primitive else procedural_p
        return _within_the_whole(call, operation, (2,))
    post = here.post.at(len(into.shape) - 1)
    late = [call.laid(delays[0], here.each), call.devices.whole(delays[1])] if delays else []
    operands = call.laid(spikes, here.pre), call.laid(weight, here.each), call.laid(into, post)
    return [Part(into.shape, call(contract_p, (here.conn, *late), operands)[0], post)]


@rule(deliver_sorted_p.primitive.name)
def _deliver_sorted(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    conn, _, step = call.shared
    spikes, weight, fired, waiting, into = call.operands
    here = None if fired.layout != OWN else Here.of(evaluation, conn, into, later=("begins",))
    if here is None:
        return None
    shared = here.conn, here.begins, call.devices.whole(step)
    operands = (
        call.laid(spikes, None),
        call.laid(weight, here.each),
        fired.array,
        waiting.array,
        call.laid(into, here.post),
    )
    return list(map(Part, call.results, call(deliver_sorted_p, shared, operands), (here.post, OWN, OWN)))


def _due(evaluation: Evaluation, call: Call, fired: Part) -> tuple[Here, tuple] | None:
    """The synapses of a calendar that are here, and the shared arguments of an operation on what is due."""
    conn, _, step, *order = call.shared
    names = ("begins", "listed") if order and order[0] is not None else ("begins",)
    if fired.layout != OWN or (here := Here.of(evaluation, conn, fired, later=names)) is None:
        return None
    return here, (here.conn, here.begins, call.devices.whole(step), *(here.listed for _ in order))


@rule(pass_on_p.primitive.name)
def _pass_on(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    spikes, fired, waiting = call.operands
    if (due := _due(evaluation, call, fired)) is None:
        return None
    made = call(pass_on_p, due[1], (call.laid(spikes, None), fired.array, waiting.array))
    return list(map(Part, call.results, made, (OWN, OWN)))


@rule(is_due_p.primitive.name)
def _is_due(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    fired, waiting = call.operands
    if (due := _due(evaluation, call, fired)) is None:
        return None
    here, shared = due
    return [Part(call.results[0], call(is_due_p, shared, (fired.array, waiting.array))[0], here.each)]


@rule(deliver_due_p.primitive.name)
def _deliver_due(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    fired, waiting, weight, into = call.operands
    if (due := _due(evaluation, call, fired)) is None:
        return None
    here, shared = due
    operands = fired.array, waiting.array, call.laid(weight, here.each), call.laid(into, here.post)
    return [Part(into.shape, call(deliver_due_p, shared, operands)[0], here.post)]


@rule(add_on_due_p.primitive.name)
def _add_on_due(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    fired, waiting, weight, delta, *rest = call.operands
    if (due := _due(evaluation, call, fired)) is None:
        return None
    here, shared = due
    own = fired.array, waiting.array, call.laid(weight, here.each), call.laid(delta, here.post)
    made = call(add_on_due_p, shared, (*own, *map(call.devices.whole, rest)))
    return [Part(weight.shape, made[0], here.each)]


@rule(deliver_delayed_p.primitive.name)
def _deliver_delayed(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    conn, delay, step = call.shared
    spikes, weight, ring, into = call.operands
    here = None if call.p["batch"].extents else Here.of(evaluation, conn, into)
    if here is None:
        return None
    shared = here.conn, call.devices.laid(delay, here.each), call.devices.whole(step)
    operands = (
        call.laid(spikes, here.pre),
        call.laid(weight, here.each),
        call.laid(ring, here.post.at(1)),
        call.laid(into, here.post),
    )
    return list(map(Part, call.results, call(deliver_delayed_p, shared, operands), (here.post, here.post.at(1))))


@rule(delay_line_p.primitive.name)
def _delay_line(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    ring, spikes = call.operands
    if not isinstance(ring.layout, Layout) or ring.layout.axis != 1 or call.p["batch"].extents:
        return None
    layout = ring.layout.at(0)
    operands = ring.array, call.laid(spikes, layout)
    made = call(delay_line_p, (call.devices.whole(call.shared[0]),), operands, tuple(ring.array.shape))
    arriving = call.devices.arriving.get(ring.of)
    return [
        Part(call.results[0], made[0], ring.layout),
        Part(call.results[1], made[1], layout, arriving, free=arriving is not None),
    ]


@rule(add_on_pre_p.primitive.name)
def _add_on_pre(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    spikes, weight, delta, *numbers = call.operands
    here = None if call.p["batch"].extents else Here.of(evaluation, call.shared[0], delta)
    if here is None:
        return None
    operands = call.laid(spikes, here.pre), call.laid(weight, here.each), call.laid(delta, here.post)
    made = call(add_on_pre_p, (here.conn,), (*operands, *map(call.devices.whole, numbers)))
    return [Part(weight.shape, made[0], here.each)]


@rule(add_on_post_p.primitive.name)
def _add_on_post(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    call = Call(evaluation, equation, given)
    _, conn, *ago = call.shared
    spikes, weight, delta, *numbers = call.operands
    here = None if call.p["batch"].extents else Here.of(evaluation, conn, spikes, learns=True)
    if here is None:
        return None
    if ago:
        delay, step = ago
        if isinstance(conn, events.Dense):  # of which a column is a target's
            delay = Part.whole(call.devices.whole(delay).reshape(conn.weight_shape))
        ago = [call.laid(delay, here.each).ravel(), call.devices.whole(step)]
        before = call.devices.whole(delta)
    else:
        before = call.laid(delta, here.pre)
    operands = call.laid(spikes, here.post), call.laid(weight, here.each), before
    made = call(add_on_post_p, (here.by_post, here.conn, *ago), (*operands, *map(call.devices.whole, numbers)))
    return [Part(weight.shape, made[0], here.each)]


@rule(poisson_input_p.primitive.name)
def _poisson_input(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """The counts are drawn of the whole, one after the other."""
    return _within_the_whole(Call(evaluation, equation, given), poisson_input_p, (4,), only_here=(3,))


@rule(tree_p.primitive.name)
def _tree(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """Cells that stand side by side, each solved by the device that has it."""
    call = Call(evaluation, equation, given)
    if call.shared[0].layout == OWN:
        return _forest(evaluation, call)
    static, (couplings, *rest) = call.p["static"], call.operands
    layout = next((x.layout for x in rest if isinstance(x.layout, Layout)), None)
    if call.p["batch"].extents or not static.cells or layout is None or (layout.axis, layout.rows) != (1, 1):
        return None
    here = static._replace(cells=layout.size)
    s = call.laid(couplings, layout if static.own_s else None)
    made = call(tree_p, call.whole(call.shared), (s, *(call.laid(x, layout) for x in rest)), here)
    return [Part(call.results[0], made[0], layout)]


def _forest(evaluation: Evaluation, call: Call) -> list[Part]:
    """Cells of several shapes, of which each device has the trees of its own."""
    plan, rows, _ = call.shared
    forest, devices, (couplings, *rest) = evaluation.forests[plan.of], evaluation.devices, call.operands
    sites, whole = forest.sites, devices.whole(couplings)
    s = [devices.laid(Part.whole(whole[: sites.n]), sites)]
    if forest.points is not None:
        s.append(devices.laid(Part.whole(whole[sites.n :]), forest.points))
    static = call.p["static"]._replace(n_compartments=sites.size)
    parents = jnp.full(plan.array.shape[1], -1, jnp.int32)  # for derivatives alone
    operands = jnp.concatenate(s), *(call.laid(x, sites) for x in rest)
    made = call(tree_p, (plan.array, rows.array, parents), operands, static)
    return [Part(call.results[0], made[0], sites)]
