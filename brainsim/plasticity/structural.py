"""Structural plasticity in the course of a run: synapses form between vacant elements, and break where elements retract."""

from __future__ import annotations

import warnings
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import events
from brainsim._core import Clock, Dynamics, FixedVariable, Parameter, Site, State
from brainsim._errors import AccuracyWarning, check_flag
from brainsim._units import QuantityLike, in_unit
from brainsim.plasticity import matching
from brainsim.plasticity.growth import Growth, whole


class Structural(Dynamics):
    r"""Synapses of a projection that form and break, so that neurons reach their target of calcium.

    .. math:: \dot C = -C/\tau_{Ca},\qquad C \leftarrow C + \beta \text{ at a spike},\qquad \dot z = \nu f(C)

    Neurons of the presynaptic side have axonal, those of the postsynaptic side dendritic elements z, each by a curve of its own.
    At every ``interval``, in this order: neurons with fewer axonal elements than synapses lose some of these, at random; so do those
    with fewer dendritic elements; vacant elements of both sides are paired at random, as many as there are on the side that has
    fewer; and a fraction of what is vacant still is lost. In steps, elements follow the calcium from before the spikes::

        grows = plasticity.Structural(axon=GaussianGrowth(eta=0.0, eps=0.05), dendrite=GaussianGrowth(eta=0.0, eps=0.05),
                                      capacity=64, interval=10 * u.second)
        net.connect(net.N[:800], net.N, FromArrays([], []), receptor="exc", weight=1 * u.pA, delay=1 * u.ms, structure=grows)

    The rule of connection gives the first synapses, whose elements there are from the beginning. All synapses have the weight of the
    projection; ``capacity`` is the most that one neuron can send, and places for them all are kept, so that nothing is compiled or
    allocated while they form. Elements for which there is no place stay vacant, and are counted in ``turned_away``; the run warns.
    Spikes that are under way arrive by the synapses of then.

    Parameters
    ----------
    axon, dendrite : Growth
        Growth of elements: :class:`LinearGrowth`, :class:`GaussianGrowth`, :class:`SigmoidGrowth`.
    capacity : int
        The most synapses that a neuron can send.
    interval : quantity, time
        Between two updates of connectivity.
    self_connections, multiple : bool
        Whether neurons may connect to themselves, and twice to the same neuron.
    **values
        Parameters and initial states by name.

    Attributes
    ----------
    targets : int, (n_pre, capacity)
        Postsynaptic neuron of each place, -1 where it is free; ``projection.pairs()`` lists the synapses that there are.
    n_formed : float
        Number of synapses.
    turned_away : float
        Elements that found no place, at the last update.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013); S. Diaz-Pier, M. Naveau, M. Butz-Ostendorf, A. Morrison, Front.
    Neuroanat. 10:57 (2016).
    """

    n_pre: int
    n_post: int

    tau_Ca = Parameter(10000.0 * u.ms, "time constant of calcium", positive=True, shape=())
    beta_Ca = Parameter(0.001, "calcium that a spike brings", nonnegative=True, shape=())
    Ca_pre = State(0.0, "calcium of presynaptic neurons", shape="n_pre", tau="tau_Ca")
    Ca_post = State(0.0, "calcium of postsynaptic neurons", shape="n_post", tau="tau_Ca")
    targets = State(-1, "postsynaptic neuron of each place, -1 where it is free", shape="places", dtype=jnp.int32)
    n_formed = State(0.0, "number of synapses", shape=())
    turned_away = State(0.0, "elements that found no place at the last update", shape=())

    def __init__(
        self,
        *,
        axon: Growth,
        dendrite: Growth,
        capacity: int,
        interval: QuantityLike = 1.0 * u.second,
        self_connections: bool = False,
        multiple: bool = True,
        **values: Any,
    ):
        name = type(self).__name__
        for what, growth in (("axon", axon), ("dendrite", dendrite)):
            if not isinstance(growth, Growth):
                raise TypeError(f"{name}.{what}: expected a growth curve such as GaussianGrowth(), given {growth!r}.")
            if growth.bound:
                raise ValueError(f"{name}.{what}: the growth given belongs to {growth.path}; make another one.")
        if axon is dendrite:
            raise ValueError(f"{name}: axon and dendrite have elements of their own; give two growth curves.")
        if not isinstance(capacity, int | np.integer) or isinstance(capacity, bool) or capacity < 1:
            raise ValueError(
                f"{name}: capacity is the most synapses that a neuron sends, 1 or more; given {capacity!r}."
            )
        ms = in_unit(interval, u.ms, f"{name}.interval")
        if np.ndim(ms) or not np.isfinite(ms) or ms <= 0:
            raise ValueError(f"{name}.interval: expected a positive time, given {interval}.")
        for what, given in (("self_connections", self_connections), ("multiple", multiple)):
            check_flag(f"{name}.{what}", given)
        super().__init__(**values)
        self.axon, self.dendrite = axon, dendrite
        self.capacity, self.interval_ms = int(capacity), float(ms)
        self.self_connections, self.multiple = bool(self_connections), bool(multiple)

    @property
    def places(self) -> tuple[int, int]:
        """Shape of the places for synapses."""
        return self.n_pre, self.capacity

    @property
    def conn(self) -> events.FixedFanOut:
        """The places as a format; those that are free lead to a neuron beyond the last."""
        targets = self.plain("targets")
        return events.FixedFanOut(jnp.where(targets < 0, self.n_post, targets), self.n_post + 1)

    def bind(self, site: Site, conn: events.Format, views: tuple[np.ndarray, np.ndarray], same: bool) -> None:
        """Serve the projection that ``site`` is on, which begins with the synapses ``conn`` between these neurons.

        Raises
        ------
        ValueError
            For more synapses of a neuron than there are places.
        """
        pre, post = (np.asarray(x) for x in conn.coo())
        out = np.bincount(pre, minlength=conn.n_pre)
        if out.max(initial=0) > self.capacity:
            raise ValueError(
                f"{site.path}: capacity={self.capacity}, and the rule gives a neuron {out.max()} synapses."
            )
        if not self.multiple and conn.n_pre * conn.n_post >= 2**31:
            raise ValueError(
                f"{site.path}: multiple=False is for up to 2^31 pairs, given {conn.n_pre} x {conn.n_post}."
            )
        targets = np.full((conn.n_pre, self.capacity), -1, np.int32)
        targets[pre, np.arange(len(pre)) - np.concatenate([[0], np.cumsum(out)[:-1]])[pre]] = post
        self._aside.given |= {"targets": targets, "n_formed": float(len(pre))}
        self.place(site._replace(facts={**site.facts, "n_pre": conn.n_pre, "n_post": conn.n_post, "same": same}))
        sides = {
            "axon": (self.axon, views[0], out),
            "dendrite": (self.dendrite, views[1], np.bincount(post, minlength=conn.n_post)),
        }
        for name, (growth, ids, begins) in sides.items():
            count = len(begins)
            if "z" not in growth._aside.given and begins.any():
                growth._aside.given["z"] = begins.astype(float)
            growth.place(Site(f"{site.path}.{name}", site.moment, dict(count=count)))
            grows = np.zeros(count, bool)
            grows[ids] = True
            self.hold(f"{name}_grows", FixedVariable(jnp.asarray(grows)))

    def prepare(self, step_ms: float) -> None:
        """Count the interval in steps of this length."""
        steps = round(self.interval_ms / step_ms)
        if steps < 1 or abs(self.interval_ms / step_ms - steps) > 1e-6 * steps:
            raise ValueError(f"{self.path}.interval: {self.interval_ms} ms is not a multiple of dt = {step_ms} ms.")
        self.hold("interval_steps", FixedVariable(jnp.asarray(steps, jnp.int32)))

    @property
    def number(self) -> int:
        """How many synapses there are; within a transformation, places for them."""
        n = self.plain("n_formed")
        return self.n_pre * self.capacity if isinstance(n, Tracer) else int(n)

    def say_full(self) -> None:
        """Warn where elements found no place."""
        away = self.plain("turned_away")
        if not isinstance(away, Tracer) and away > 0:
            warnings.warn(
                f"{self.path}: {int(away)} axonal elements found no place at the last update, since a neuron sends"
                f" capacity={self.capacity} synapses at most; give a larger capacity.",
                AccuracyWarning,
                stacklevel=3,
            )

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neuron of each synapse that there is."""
        targets = np.asarray(self.plain("targets"))
        pre, place = np.nonzero(targets >= 0)
        return pre.astype(np.int32), targets[pre, place]

    def advance(self, clock: Clock, pre: jax.Array, post: jax.Array) -> None:
        """One step, at whose end neurons of both sides fire: elements, calcium, and every so often synapses."""
        for side, growth, name, fired in (
            ("axon", self.axon, "Ca_pre", pre),
            ("dendrite", self.dendrite, "Ca_post", post),
        ):
            growth.grow(clock, self.plain(name), self.plain(f"{side}_grows"))
            self.relax(name, clock.step_ms / self.plain("tau_Ca"))
            self.accumulate(name, self.plain("beta_Ca") * (fired != 0))
        changing = [
            (self, "targets"),
            (self, "n_formed"),
            (self, "turned_away"),
            (self.axon, "z"),
            (self.dendrite, "z"),
        ]
        before = [part.plain(name) for part, name in changing]
        due = (clock.step + 1) % self.plain("interval_steps") == 0
        update = lambda: self._updated(jax.random.fold_in(clock.key, clock.step), *before)  # noqa: E731
        for (part, name), value in zip(changing, jax.lax.cond(due, update, lambda: before), strict=True):
            part.put(name, value)

    def _updated(self, key: jax.Array, targets, n_formed, turned_away, axon, dendrite) -> list[jax.Array]:
        """Break synapses whose elements are gone, form new ones, and let vacant elements decay."""
        of_rows, of_targets, to_form = jax.random.split(key, 3)
        axons = jnp.where(self.plain("axon_grows"), whole(axon), 0)  # of the neurons that take part
        dendrites = jnp.where(self.plain("dendrite_grows"), whole(dendrite), 0)
        sent = lambda targets: jnp.sum(targets >= 0, axis=1, dtype=jnp.int32)  # noqa: E731
        received = lambda targets: matching.incoming(targets, self.n_post)  # noqa: E731
        targets = matching.break_of_rows(of_rows, targets, jnp.maximum(sent(targets) - axons, 0))
        targets = matching.break_of_targets(of_targets, targets, jnp.maximum(received(targets) - dendrites, 0))
        vacant = axons - sent(targets), dendrites - received(targets)
        loops = self.self_connections or not self.same
        targets, away = matching.form(to_form, targets, *vacant, loops=loops, multiple=self.multiple)
        axon = self.axon.decayed(axon, axons - sent(targets))
        dendrite = self.dendrite.decayed(dendrite, dendrites - received(targets))
        formed = jnp.sum(targets >= 0).astype(n_formed.dtype)
        return [targets, formed, away.astype(turned_away.dtype), axon, dendrite]
