"""What spikes do at the synapses that they reach: functions of each synapse, with work that goes with these synapses."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from brainsim.events import _check, _pieces, _under_way, calendar
from brainsim.events._frozen import Frozen
from brainsim.events._pieces import BLOCK, Rows, are_served, take_operation
from brainsim.events._primitive import Operation
from brainsim.events._rows import in_blocks, parts_of
from brainsim.events._shared import Calendar, Take
from brainsim.events.formats import CSR, Dense, Diagonal, FixedFanOut, Format


class Reached(Frozen, abc.ABC, interface=True):
    """Which synapses spikes reach in a step, and with which values."""

    conn: Format

    def of_all(self) -> tuple:
        """What is the same for all examples of a batch that are worked on together."""
        return (self.conn,)

    @property
    @abc.abstractmethod
    def dtype(self) -> Any:
        """That of the values."""

    @property
    @abc.abstractmethod
    def taken_by(self) -> Operation:
        """The operation that takes a piece of them, where kernels serve."""

    @abc.abstractmethod
    def parts(self) -> tuple[tuple, tuple, tuple]:
        """What that operation takes: shared arguments, its first operands, and the first of its static numbers."""

    @abc.abstractmethod
    def rows(self) -> tuple[jax.Array, ...] | None:
        """How many synapses of each row are reached, int32 ``[n_pre]``, and what :meth:`locate` needs, an element for each row;
        None for synapses that do not stand in rows.
        """

    @staticmethod
    @abc.abstractmethod
    def locate(offset: jax.Array, *of_rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Place and value of a synapse: that with ``offset`` others before it among those that are reached in its row."""

    def number(self, found: jax.Array) -> jax.Array:
        """The synapses in these places."""
        return found

    @abc.abstractmethod
    def values(self) -> jax.Array:
        """The value that reaches each synapse, ``[n_synapses]``; zero for nothing."""


class ByNeurons(Reached):
    """All synapses of the neurons that spike.

    Parameters
    ----------
    conn : Format
        Who connects to whom.
    spikes : bool or float array ``[n_pre]``
        A float is the value of a spike; zeros are none.
    """

    conn: Format
    spikes: jax.Array

    @property
    def dtype(self):
        return self.spikes.dtype

    @property
    def taken_by(self):
        return take_spiking_p

    def parts(self):
        return (self.conn,), (self.spikes,), ()

    def rows(self):
        conn, spikes = self.conn, self.spikes
        if isinstance(conn, CSR | FixedFanOut):
            begins, lengths = parts_of(conn, spikes)
            return lengths, begins, spikes
        if isinstance(conn, Dense | Diagonal):
            length = conn.n_post if isinstance(conn, Dense) else 1
            begins = jnp.arange(conn.n_pre, dtype=jnp.int32) * length
            return jnp.where(spikes != 0, length, 0).astype(jnp.int32), begins, spikes
        return None

    @staticmethod
    def locate(offset, *of_rows):
        begins, spikes = of_rows
        return begins + offset, spikes

    def values(self):
        return jnp.broadcast_to(self.conn.spread(self.spikes), self.conn.weight_shape).ravel()


class Due(Reached):
    """The synapses, each with a delay of its own, that spikes under way reach now.

    Parameters
    ----------
    conn : Format
        Who connects to whom, the synapses of each neuron in the order of their delays.
    begins : int32 array ``[n_pre, depth + 1]``
        What :func:`calendar_of` gives.
    step : int32 array ``[]``
        Number of this step.
    order : int32 array ``[n_synapses]``, or None
        The synapses in the order of the rows that ``begins`` is of, where they stand in another.
    fired : uint32 array ``[n_pre, words]``
    waiting : uint32 array ``[ceil(n_pre / 32)]``
        What is under way, this step's spikes among it or not.
    """

    conn: Format
    begins: jax.Array
    step: jax.Array
    order: jax.Array | None
    fired: jax.Array
    waiting: jax.Array

    @property
    def dtype(self):
        return jnp.dtype(bool)

    @property
    def taken_by(self):
        return take_due_p

    def parts(self):
        return (self.conn, self.begins, self.step, self.order), (self.fired, self.waiting), self.fired.shape[1:]

    @property
    def _here(self):
        """Whether what each neuron sent 1 to depth steps ago is under way, ``[n_pre, depth]``."""
        return _under_way.under_way(self.begins, self.step, self.fired, self.waiting)

    def rows(self):
        here = self._here
        return self._lengths(self.begins, here).sum(1, dtype=jnp.int32), self.begins, here

    def of_all(self):
        return self.conn, self.order

    def number(self, found):
        return found if self.order is None else self.order[found]

    @staticmethod
    def _lengths(begins, here):
        return jnp.where(here, jnp.diff(begins, axis=-1), 0)

    @staticmethod
    def locate(offset, *of_rows):
        begins, here = of_rows
        lengths = Due._lengths(begins, here)
        ends = jnp.cumsum(lengths, axis=1)
        delay = jnp.sum(ends <= offset[:, None], axis=1)[:, None]
        of_delay = lambda x: jnp.take_along_axis(x, delay, axis=1, mode="clip")[:, 0]  # noqa: E731
        return of_delay(begins) + offset - of_delay(ends) + of_delay(lengths), jnp.ones(offset.shape, bool)

    def values(self):
        return self._of_synapses(_under_way.due_now(self.conn, self.begins, self._here).ravel())

    def delays(self) -> jax.Array:
        """Delay of each synapse in steps, int32 ``[n_synapses]``."""
        return self._of_synapses(_under_way.delays_of(self.conn, self.begins))

    def _of_synapses(self, listed: jax.Array) -> jax.Array:
        """What is listed by delay, in the order of the synapses. Behind the last one there may be room, which is of none."""
        if self.order is None or listed.size == 0:
            return listed
        there = jnp.arange(listed.size, dtype=jnp.int32) < self.begins[-1, -1]
        return jnp.zeros_like(listed).at[jnp.where(there, self.order, listed.size)].set(listed, mode="drop")


def due(
    conn: Format, spikes: jax.Array, begins: jax.Array, fired: jax.Array, waiting: jax.Array, step: jax.Array,
    order: jax.Array | None = None,
) -> tuple[Due, jax.Array, jax.Array]:  # fmt: skip
    """What is due now, and what is under way after this step.

    Parameters
    ----------
    conn, spikes, begins, fired, waiting, step
        As those of :func:`deliver_sorted`, with a bit of ``fired`` for each of more steps than the longest delay has: what is
        due now stays until the next step.
    order : int32 array ``[n_synapses]``, optional
        The synapses, those of each neuron by delay, where they stand in another order.

    Returns
    -------
    Due
        For :func:`visit`.
    fired, waiting

    Raises
    ------
    ValueError
        For ``fired`` without such a bit, and where a shape or dtype does not fit.
    """
    step = _check.integer("due", "step", step)
    fired, waiting = calendar.passed_on(conn, spikes, begins, fired, waiting, step)
    return Due(conn, begins, step, order, fired, waiting), fired, waiting


def _numbers_of_spiking(shared, static):
    (conn,) = shared
    return None if conn.layout is None else (*conn.layout, *Take(*static, listed=0))


def _numbers_of_due(shared, static):
    conn, begins, _, order = shared
    words, *piece = static
    calendar = Calendar(begins.shape[1] - 1, words)
    return None if conn.layout is None else (*conn.layout, *calendar, *Take(*piece, listed=int(order is not None)))


take_spiking_p = take_operation("take_spiking", ByNeurons, 1, _numbers_of_spiking)
take_due_p = take_operation("take_due", Due, 2, _numbers_of_due)


def visit(
    reached: Reached, function: Callable, own: tuple, known: tuple, into: jax.Array, of_targets: tuple = ()
) -> tuple[tuple[jax.Array, ...], jax.Array]:
    """Let ``function`` change what each synapse keeps where it is reached, and add what it gives to the targets.

    .. math:: (r_k, y_k) \\leftarrow f(s_k, y_k, p_k),\\qquad \\text{into}_{post(k)} \\leftarrow \\text{into}_{post(k)} + r_k

    for the synapses k that are reached, by the value :math:`s_k`. Work goes with these, in batches too; derivatives cost work
    at every synapse.

    Parameters
    ----------
    reached : Reached
        The synapses: :class:`ByNeurons`, or what :func:`due` gives.
    function : callable
        ``function(value, *own, *known, *of_targets) -> (result, *own)`` of arrays with one element for each of some
        synapses.
    own : tuple of arrays ``[n_synapses]``
        What synapses keep.
    known : tuple of arrays ``[]`` or ``[n_synapses]``
        Further numbers that the function takes.
    into : float array ``[n_post]``
        What results are added to.
    of_targets : tuple of arrays ``[n_post]``, optional
        Numbers of the targets that the function takes, each of its synapse's.

    Returns
    -------
    own : tuple of arrays ``[n_synapses]``
    into : float array ``[n_post]``

    Raises
    ------
    ValueError
        For arrays that have not one element for each synapse, or target.
    """
    n, n_post = reached.conn.n_synapses, reached.conn.n_post
    asked = (
        ("own", own, [(n,)], f"{n} synapses"),
        ("known", known, [(), (n,)], f"{n} synapses"),
        ("of_targets", of_targets, [(n_post,)], f"{n_post} targets"),
    )
    for what, arrays, shapes, of in asked:
        for array in arrays:
            if jnp.shape(array) not in shapes:
                raise ValueError(f"events.visit: {what} has one number for each of {of}, given {jnp.shape(array)}.")

    @jax.custom_jvp
    def run(reached, own, known, of_targets, into):
        if reached.rows() is None or n == 0:
            return _everywhere(function, reached, own, known, of_targets, into)
        return _by_rows(function, reached, own, known, of_targets, into)

    @run.defjvp
    def jvp(primals, tangents):
        return jax.jvp(lambda *x: _everywhere(function, *x), primals, tangents)

    return run(reached, tuple(own), tuple(map(jnp.asarray, known)), tuple(of_targets), into)


def _everywhere(function, reached, own, known, of_targets, into):
    """The definition, at all synapses."""
    conn = reached.conn
    if conn.n_synapses == 0:
        return own, into
    s = reached.values()
    here = s != 0
    targets = jnp.broadcast_to(conn.targets(), conn.weight_shape).ravel()
    result, *after = function(s, *own, *known, *(x[targets] for x in of_targets))
    own = tuple(jnp.where(here, new, old).astype(old.dtype) for new, old in zip(after, own, strict=True))
    return own, into.at[targets].add(jnp.where(here, result, 0).astype(into.dtype))


def _by_rows(function, reached, own, known, of_targets, into):
    """The same at the synapses that are reached; a batch lays those of all examples end to end."""

    def laid_out(on_gpu, reached, own, known, of_targets, into):
        own, known, of_targets, into = jax.tree.map(lambda x: x[None], (own, known, of_targets, into))
        parts = tuple(x[None] for x in reached.rows())
        own, into = _laid_out(function, on_gpu, reached, parts, own, known, of_targets, into)
        return jax.tree.map(lambda x: x[0], (own, into))

    def by_platform(cpu, gpu, *given):
        return jax.lax.platform_dependent(*given, cpu=cpu, default=gpu)

    @jax.custom_batching.custom_vmap
    def run(reached, own, known, of_targets, into):
        served = are_served(reached, (*own, *known, *of_targets), into)
        cpu = functools.partial(_pieces.in_pieces, function) if served else functools.partial(laid_out, False)
        return by_platform(cpu, functools.partial(laid_out, True), reached, own, known, of_targets, into)

    @run.def_vmap
    def batched(size, flags, reached, own, known, of_targets, into):
        if any(jax.tree.leaves(flags[0].of_all())):  # the connectivity differs: one after the other
            several = jax.tree.map(
                lambda x, flag: x if flag else jnp.broadcast_to(x, (size, *x.shape)),
                (reached, own, known, of_targets, into),
                tuple(flags),
            )
            return jax.lax.map(lambda x: run(*x), several), ((True,) * len(own), True)
        axes = jax.tree.map(lambda flag: 0 if flag else None, flags[0])
        parts = jax.vmap(lambda reached: reached.rows(), in_axes=(axes,), axis_size=size)(reached)
        own = tuple(x if flag else jnp.broadcast_to(x, (size, *x.shape)) for x, flag in zip(own, flags[1], strict=True))
        known, of_targets = (
            tuple(x if flag else x[None] for x, flag in zip(arrays, several, strict=True))
            for arrays, several in ((known, flags[2]), (of_targets, flags[3]))
        )
        into = into if flags[4] else jnp.broadcast_to(into, (size, *into.shape))
        cpu, gpu = (functools.partial(_laid_out, function, on_gpu) for on_gpu in (False, True))
        return by_platform(cpu, gpu, reached, parts, own, known, of_targets, into), ((True,) * len(own), True)

    return run(reached, own, known, of_targets, into)


def _laid_out(function, on_gpu, reached, parts, own, known, of_targets, into):
    """All examples, (size, ...), as one list of rows; what is known may be of one for all, (1, ...)."""
    conn, (size, rows) = reached.conn, parts[0].shape
    n, n_post = conn.n_synapses, conn.n_post
    laid = Rows.laid(*(x.reshape(size * rows, *x.shape[2:]) for x in parts))
    targets = conn.targets().ravel()
    length = min(n, BLOCK)

    def block(begin, carry):
        own, into = carry
        place = begin + jnp.arange(length, dtype=jnp.int32)
        here, row, synapse, value = laid.at(place, reached, unrolled=on_gpu)
        example = row // rows
        at = example * n + synapse

        def of(x):
            """Of what is known, the number of each synapse."""
            if x.ndim == 1:
                return x[0] if x.shape[0] == 1 else x[example]
            return x[0, synapse] if x.shape[0] == 1 else x.ravel()[at]

        target = targets[synapse % targets.shape[0]]
        before = [x.ravel()[at] for x in own]
        if on_gpu:  # or XLA reads again what is written behind, and copies the whole arrays for it
            before = jax.lax.optimization_barrier(before)
        there = [x[0, target] if x.shape[0] == 1 else x[example, target] for x in of_targets]
        result, *after = function(value, *before, *map(of, known), *there)
        put = jnp.where(here, at, size * n)
        own = tuple(_written(x, put, old, new) for x, old, new in zip(own, before, after, strict=True))
        into = into.ravel().at[example * n_post + target].add(jnp.where(here, result, 0).astype(into.dtype))
        return own, into.reshape(size, n_post)

    return in_blocks(block, laid.ends[-1], length, (own, into))


def _written(x, at, old, new):
    """``x`` with ``new`` in the places ``at``, where it holds ``old``; nowhere for places beyond the last.

    What is written depends on what was read, or XLA would copy the whole array: it does not see that reading comes first.
    """
    flat, new = x.ravel(), jnp.broadcast_to(new, at.shape).astype(x.dtype)
    if jnp.issubdtype(x.dtype, jnp.floating):
        return flat.at[at].set(new + 0 * old, mode="drop").reshape(x.shape)
    return flat.at[at].add(new - old, mode="drop").reshape(x.shape)
