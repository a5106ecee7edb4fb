"""Which array of a network is divided how, and the way between the whole arrays and their parts."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from brainsim import events
from brainsim._mesh import Share
from brainsim.delays import Calendar, Listed
from brainsim.delays.calendar import listed
from brainsim.events._sorted_rows import row_pointers
from brainsim.network import Network
from brainsim.plasticity.synapses import single_rows
from brainsim.population import Population
from brainsim.projection import Projection
from brainsim.simulation.mesh.forests import Forest
from brainsim.simulation.mesh.layout import OWN, Layout

OPAQUE = ("axon.begins", "axon.order", "axon.fired", "axon.waiting")  # what only operations of a calendar read


class Entered(NamedTuple):
    """An array as it enters a program.

    Parameters
    ----------
    shape : tuple of int
        Of what one device gets.
    dtype : dtype
    piece : callable or None
        ``piece(device)`` is what a device gets; None where all get the whole.
    whole : array, optional
    """

    shape: tuple[int, ...]
    dtype: Any
    piece: Callable[[int], np.ndarray] | None
    whole: Any = None


class Division:
    """How a network is divided among devices.

    Populations of at least as many units as there are devices are divided in blocks, with everything of theirs that has one
    value per unit. A projection's synapses are where their targets are. What belongs to presynaptic units (terminals,
    presynaptic traces, what a calendar holds) is kept by every device for all of them, but for lines of spikes, which are where
    those are fired. Cells of one shape are divided as neurons are, with all compartments of theirs. Everything else is on every
    device: small populations, cells with junctions, which are solved together, numbers, layers, modulators. Cells of several
    shapes are divided in blocks of about as many compartments.

    Parameters
    ----------
    net : Network
        Ready to run.
    devices : int
    share : Share, optional
        What this process has of a network that was built in parts.
    """

    def __init__(self, net: Network, devices: int, share: Share | None = None):
        self.net, self.devices, self.share = net, devices, share
        self.populations = {name: p for name, p in net.populations.items() if _in_blocks(p, devices)}
        self.forests = {
            name: Forest(p, devices) for name, p in net.populations.items() if p.is_forest and p.count >= devices
        }
        #: by the length of an axis
        self.blocks = {p.count: Layout.even(p.count, devices) for p in self.populations.values()}
        for forest in self.forests.values():
            self.blocks = forest.blocks | self.blocks
        #: of one value for each target of a projection, by path, where synapses are divided
        self.posts = {name: layout for name, p in net.projections.items() if (layout := self._posts(p)) is not None}
        self.projections = {name: net.projections[name] for name in self.posts}
        # Of these, this process has only the synapses onto its own neurons
        self.partial = {name for name, p in net.projections.items() if p.block is not None}
        if wrong := sorted(self.partial - self.posts.keys()):
            raise ValueError(
                f"mesh: {wrong[0]} was built in parts, and its targets are not divided as they were then; build the network"
                " without mesh=..., and give it to simulate."
            )

    def _posts(self, projection: Projection) -> Layout | None:
        if "connectivity" not in vars(projection) or "contacts" in vars(projection):
            return None
        if "synapse" in vars(projection) and isinstance(projection.axon, Calendar):  # looks at all of what is under way
            return None
        if not isinstance(projection.conn, events.CSR | events.FixedFanOut):
            return None
        if projection.post in self.forests:
            return self.forests[projection.post].targets(projection)
        return self._of_post(projection) if projection.post in self.populations else None

    # -- layouts -------------------------------------------------------------------------------------------------------

    def layout(self, path: str, shape: tuple[int, ...]) -> Any:
        """How the array at ``path`` is divided."""
        owner, _, rest = path.partition(".")
        if owner in self.populations:
            population = self.populations[owner]
            if population.between_sites is not None:
                return self._of_cells(population, rest, shape)
            return self._blocks(population.count, shape)
        if owner in self.forests:
            return self.forests[owner].layout(rest, shape)
        projection = self.net.projections.get(owner)
        if projection is None or not shape:
            return None
        if owner in self.projections and (rest in OPAQUE or rest.startswith("by_post.")):
            return OWN
        if owner in self.partial and rest == "connectivity.indptr":
            return OWN
        if owner in self.projections and rest == "connectivity.indices":
            return self.synapses(owner, shape)
        return self._of_projection(projection, owner, rest, shape)

    def _of_projection(self, projection, owner, rest, shape):
        part, _, name = rest.rpartition(".")
        if part.startswith("plasticity"):
            return self._of_rule(projection, owner, self.net[f"{owner}.{part}"], name, shape)
        if rest in ("weight", "delay", "axon.steps", "axon.sources", "arrived"):
            if rest == "arrived" and not projection.axon.single:
                return None
            if owner in self.projections:
                return self.synapses(owner, shape)
            if "connectivity" in vars(projection) and isinstance(projection.conn, events.Dense | events.Diagonal):
                return self._targets(projection, owner, shape)
            return None
        if rest == "axon.ring" and shape[-1] == projection.n_post:  # of sums for targets
            return None if projection.delay_kind == "axonal" else self._targets(projection, owner, shape)
        if rest == "axon.line" and not projection.axon.single and projection.held_by is None:
            return self._senders(projection, shape)
        if rest == "axon.last" and projection.held_by is None:
            return self._senders(projection, shape)
        return None

    def _of_rule(self, projection, owner, rule: Any, name: str, shape):
        base = name.removesuffix("_rounding")
        side = {"post_line": "post", "pre_line": "pre", "w": "each"}.get(base)
        if side is None:
            side = rule.side_of(base) if base in rule._declared else "one"
        if side == "post":
            return self._targets(projection, owner, shape)
        single = side == "pre" and projection.axon.single
        if side == "each" or single:
            if owner in self.projections:
                return self.synapses(owner, shape, axis=len(shape) - 1 if single or len(shape) == 1 else 0)
            if isinstance(projection.conn, events.Dense | events.Diagonal) and not single:
                return self._targets(projection, owner, shape)
        return None

    def _senders(self, projection: Projection, shape) -> Layout | None:
        """Of one value for each who sends, along the last axis."""
        owner, _, part = projection.pre.partition(".")
        if owner not in self.forests:
            return self._blocks(projection.n_pre, shape, last=True)
        layout = self.forests[owner].of_part(part)
        return layout.at(len(shape) - 1) if layout is not None and layout.n == shape[-1] else None

    def _targets(self, projection: Projection, owner: str, shape) -> Layout | None:
        """Of one value for each target, along the last axis."""
        layout = self.posts.get(owner) or self._of_post(projection)
        return layout.at(len(shape) - 1) if layout is not None and shape and shape[-1] == projection.n_post else None

    def _of_post(self, projection: Projection) -> Layout | None:
        """Of one value for each target, of which cells may have several places."""
        if projection.post in self.populations:
            return self.blocks[self.populations[projection.post].count].of_length(projection.n_post)
        return self.blocks.get(projection.n_post)

    def _of_cells(self, cells: Any, rest: str, shape) -> Layout | None:
        """Values of cells, of their compartments, and of what stands there: all cells of a place, then all of the next."""
        part, _, name = rest.rpartition(".")
        owner = functools.reduce(getattr, part.split(".") if part else (), cells)
        declared = getattr(type(owner), "_declared", {}).get(name.removesuffix("_rounding"))
        if not shape or declared is None or declared.shape not in ("count", "sites"):
            return None
        return self.blocks[cells.count].at(len(shape) - 1).of_length(shape[-1])

    def _blocks(self, n: int, shape, last: bool = False) -> Layout | None:
        layout = self.blocks.get(n)
        axes = [axis for axis in range(len(shape)) if shape[axis] == n]
        if last:
            axes = [axis for axis in axes if axis == len(shape) - 1]
        return layout.at(axes[-1]) if layout is not None and axes else None

    def synapses(self, path: str, shape, axis: int = 0) -> Layout | None:
        """The layout of one value per synapse."""
        if not shape:
            return None
        n, rows = self.projections[path].n_synapses, self.rows(path)
        if shape[axis] == n:
            return Layout(axis, n, rows.size, path)
        if int(np.prod(shape[axis : axis + 2])) == n:
            return Layout(axis, n, rows.size, path, 2)
        return None

    # -- synapses ------------------------------------------------------------------------------------------------------

    def rows(self, path: str) -> Rows:
        """Where the synapses of a projection are."""
        conn: Any = self.projections[path].conn
        known = self.net._aside.placed
        where = "rows", path, self.devices
        indices, rows = known.get(where, (None, None))
        if indices is None or indices() is not conn.indices:
            rows = Rows(conn, self.devices, self.posts[path], self.share if path in self.partial else None)
            known[where] = weakref.ref(conn.indices), rows
        return rows

    def table(self, name: str) -> Entered:
        """An array of the synapses of a projection, for the operations that use it: ``"E->I:indptr"``; or the numbers of
        places that parts of cells have, as a device counts them: ``"cells.syn.at:here"``.
        """
        path, _, what = name.rpartition(":")
        if what == "here":
            forest = self.forests[path.partition(".")[0]]
            own = functools.partial(forest.own_numbers, path)
            return Entered((forest.numbers[path][0].size,), np.int32, own)
        projection, rows = self.projections[path], self.rows(path)
        n, post = rows.size, rows.n_post
        narrow = np.uint16 if post <= 1 << 16 else np.int32
        if path in self.partial and what in ("inverse", "order"):
            raise ValueError(
                f"mesh: something in this run looks at all synapses of {path}, and each process has built only those onto"
                " its own neurons; build the network without mesh=..., and give it to simulate."
            )
        if what == "inverse":
            whole = np.empty(projection.n_synapses, np.int32)
            for device in range(self.devices):
                order = rows.order(device)
                whole[order] = device * n + np.arange(len(order), dtype=np.int32)
            return Entered(whole.shape, whole.dtype, None, whole)
        pieces: dict[str, tuple[tuple[int, ...], Any, Callable]] = {
            "order": ((n,), np.int32, lambda d: _longer(rows.order(d), n)),
            "indptr": ((projection.n_pre + 1,), np.int32, rows.indptr),
            "indices": ((n,), narrow, lambda d: _longer(rows.targets(d), n).astype(narrow)),
        }
        if isinstance(projection.axon, Calendar):
            depth = projection.axon.plain("begins").shape[1]
            pieces["begins"] = (projection.n_pre, depth), np.int32, functools.partial(self._begins, path)
            pieces["listed"] = (n,), np.int32, lambda d: _longer(self._listed(path, d), n)
        for k, (field, length) in enumerate((("indptr", post + 1), ("source", n), ("position", n))):
            pieces[f"post.{field}"] = (length,), np.int32, functools.partial(self._by_post, path, k, length)
        return Entered(*pieces[what])

    def _begins(self, path, device):
        projection, rows = self.projections[path], self.rows(path)
        times = self._times(path, device)
        if isinstance(projection.axon, Listed):
            times = times.reordered(self._listed(path, device))
        depth = projection.axon.plain("begins").shape[1] - 1
        return np.asarray(times.begins(rows.indptr(device), projection._aside.prepared_for, depth))

    def _times(self, path, device):
        """Delays of the synapses of a device."""
        given: Any = self.projections[path].axon.times
        return given.reordered(self.rows(path).order(device))

    def _listed(self, path, device):
        """These synapses in the order of a calendar that lists them."""
        return listed(self.rows(path).indptr(device), self._times(path, device))

    def _by_post(self, path, k, length, device):
        projection, rows = self.projections[path], self.rows(path)
        conn = events.CSR(rows.indptr(device), rows.targets(device), rows.n_post)
        index = events.transpose_index(single_rows(conn) if projection.axon.single else conn)
        return _longer(np.asarray((index.indptr, index.source, index.position)[k]), length)

    # -- in and out ----------------------------------------------------------------------------------------------------

    def enter(self, path: str, array: jax.Array) -> Entered:
        """A variable as it enters a program."""
        layout = self.layout(path, array.shape)
        if layout is None:
            return Entered(array.shape, array.dtype, None, array)
        if layout == OWN:
            whole = np.asarray(array)
            if path.endswith(("axon.fired", "axon.waiting")):
                return Entered(whole.shape, whole.dtype, lambda device: whole)
            owner, _, rest = path.partition(".")
            if owner in self.forests:
                pieces = self.forests[owner].trees[rest]
                return Entered(pieces[0].shape, array.dtype, pieces.__getitem__)
            return Entered((0,), array.dtype, lambda device: np.zeros(0, array.dtype))
        shape, values = layout.shape(array.shape), np.asarray(array)
        if layout.synapses:
            flat = values.reshape(*values.shape[: layout.axis], layout.n, *values.shape[layout.axis + layout.span :])
            rows = self.rows(layout.synapses)
            pick = lambda device: np.take(flat, _longer(rows.order(device), layout.size), layout.axis)  # noqa: E731
        else:
            first = layout.n * np.arange(layout.rows)[:, None]
            pick = lambda device: np.take(values, (first + layout.places(device)).ravel(), layout.axis)  # noqa: E731
        return Entered(shape, array.dtype, pick)

    def leave(self, path: str, shape: tuple[int, ...], parts: Any) -> np.ndarray:
        """A variable of ``shape`` from its parts, (devices, ...), or a dictionary of those that are here."""
        layout = self.layout(path, shape)
        if layout == OWN:
            return np.bitwise_or.reduce(parts, 0)
        assert isinstance(layout, Layout)
        if not layout.synapses:
            before, behind = shape[: layout.axis], shape[layout.axis + 1 :]
            rows = np.stack([part.reshape(*before, layout.rows, layout.size, *behind) for part in parts])
            joined = layout.joined(np.moveaxis(rows, layout.axis + 2, -1))
            return np.moveaxis(joined, -1, layout.axis + 1).reshape(shape)
        there = parts if isinstance(parts, dict) else dict(enumerate(parts))
        dtype = next(iter(there.values())).dtype
        flat = np.empty((*shape[: layout.axis], layout.n, *shape[layout.axis + layout.span :]), dtype)
        rows, before = self.rows(layout.synapses), (slice(None),) * layout.axis
        for device, part in there.items():
            order = rows.order(device)
            flat[(*before, order)] = part[(*before, slice(len(order)))]
        return flat.reshape(shape)


def _in_blocks(population: Population, devices: int) -> bool:
    """Whether a population is divided: not where it is small, nor where places of different units are solved together."""
    return population.count >= devices and population.units_are_apart


class Rows:
    """The synapses of a connectivity by the device that has their targets, in the order that they have.

    Parameters
    ----------
    conn : CSR or FixedFanOut
    devices : int
    post : Layout
        Of one value for each target.
    share : Share, optional
        Where other processes have the synapses of other devices.
    """

    def __init__(self, conn: Any, devices: int, post: Layout, share: Share | None = None):
        self.n_pre, self.post, self.n_post = conn.n_pre, post, post.rows * post.size
        indices = np.asarray(conn.indices).ravel()
        pointers = np.asarray(row_pointers(conn))
        unit = indices if post.rows == 1 else indices % post.n
        blocks = [post.first(device) for device in range(devices)]
        block = np.searchsorted(blocks, unit, side="right") - 1 if post.begins else unit // post.own
        home = block.astype(np.uint16 if devices <= 1 << 16 else np.int32)
        here = np.bincount(home, minlength=devices)
        one = np.count_nonzero(here) <= 1  # device that has them all
        self._order = np.arange(len(home), dtype=np.int32) if one else np.argsort(home, kind="stable").astype(np.int32)
        self.begins = np.concatenate([[0], np.cumsum(here)])
        self._indices, self._pointers = indices, pointers
        self.counts = here if share is None else share.everywhere(here).sum(0)  # of each device
        self.size = max(int(self.counts.max(initial=0)), 1)  # of the device that has most

    def order(self, device: int) -> np.ndarray:
        """The synapses of a device, by their places in the whole."""
        return self._order[self.begins[device] : self.begins[device + 1]]

    def targets(self, device: int) -> np.ndarray:
        """Their targets, in the numbers of the device."""
        targets, first = self._indices[self.order(device)].astype(np.int32), np.int32(self.post.first(device))
        if self.post.rows == 1:
            return targets - first
        row, unit = np.divmod(targets, np.int32(self.post.n))
        return row * np.int32(self.post.size) + unit - first

    def indptr(self, device: int) -> np.ndarray:
        """Where the rows of a device begin."""
        return np.searchsorted(self.order(device), self._pointers).astype(np.int32)


def _longer(values: np.ndarray, length: int) -> np.ndarray:
    if not len(values):
        return np.zeros(length, values.dtype)
    return np.pad(values, (0, length - len(values)), mode="edge")
