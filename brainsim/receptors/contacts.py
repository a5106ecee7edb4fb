"""What each synapse onto a point process keeps for itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, Dynamics, FixedVariable, Site, State
from brainsim._units import float_dtype, with_unit


class Contacts(Dynamics):
    """The variables of single synapses onto a point process, and what spikes that arrive by them do.

    Each synapse has a value of everything that the point process names in ``synapse``. Spikes that arrive at one place
    in one step take effect together where they add up, and otherwise one after the other, in the order of the synapses.
    Made by :meth:`of`.
    """

    declares: ClassVar[tuple[str, ...]] = ()
    n_synapses: int
    single: bool
    additive: bool
    waiting: ClassVar[int] = 0

    @staticmethod
    def of(receptor: Any, site: Site) -> Contacts:
        """Those of a projection onto a point process, where ``site`` is."""
        kind = type(receptor)
        if "contacts" not in vars(kind):
            states = {
                name: State(with_unit(0.0, kind.synapse_units.get(name, u.UNITLESS)), what, shape="n_synapses")
                for name, what in kind.synapse.items()
            }
            facts = {"declares": tuple(states), "waiting": kind.waiting}
            if kind.waiting:
                shape = "waiting_shape"
                states["due"] = State(
                    0, "steps until an event of its own", shape=shape, dtype=jnp.int32, counts="steps"
                )
                states["due_flag"] = State(0.0, "flag of that", shape=shape)
                states["due_late"] = State(0.0 * u.ms, "what it is later than that", shape=shape)
            kind.contacts = type(f"{kind.__name__}Contacts", (Contacts,), {**states, **facts})
        made = kind.contacts()
        made.place(site._replace(facts={**site.facts, "additive": kind.additive}))
        return made

    @property
    def waiting_shape(self) -> tuple[int, int]:
        """Of what waits: places for events, synapses."""
        return self.waiting, self.n_synapses

    def count_anew(self, before, step_ms):
        if self.waiting:  # what waits comes in a step at least
            self.put("due", jnp.asarray(np.ceil(np.asarray(self.plain("due")) * before / step_ms - 1e-6), jnp.int32))

    def serve(self, conn: events.Format) -> None:
        """Take note of which synapses there are."""
        targets = np.asarray(conn.coo()[1])
        self.hold("targets", FixedVariable(jax.device_put(targets.astype(np.int32))))
        if not self.additive:
            self.hold("rounds", FixedVariable(jax.device_put(_in_rounds(targets))))

    def derived(self):
        return [name for name in self.declares if name not in self._aside.given]

    def settle(self, names):
        """They follow from the receptor, which :meth:`begin` is given."""

    def begin(self, receptor: Any, weight: jax.Array, around: dict, held: Collection[str] = ()) -> None:
        """Start: the variables that were not given, and are not ``held``, follow from the receptor and the weights."""
        at = self.plain("targets")
        given = {"weight": jnp.broadcast_to(jnp.ravel(weight), at.shape)}
        given |= {name: self.plain(name) for name in self.declares}
        for name, value in receptor.arrival("begin", jnp.zeros((), float_dtype()), around, given, at).items():
            if name not in self._aside.given and name not in held:
                old = self.plain(name)
                self.put(name, jnp.broadcast_to(jnp.asarray(value, old.dtype), old.shape))

    def deliver(
        self, clock: Clock, conn: events.Format, weight: jax.Array, arrived: jax.Array, receptor: Any, around: dict
    ) -> None:
        """Let the spikes that arrive at t + dt take effect.

        Parameters
        ----------
        clock : Clock
        conn : Format
        weight : float array, () or one per synapse
        arrived : bool or float array, (n_pre,), or (n_synapses,) where each synapse has its own delay
        receptor : PointProcess
        around : dict
            What the receptor sees of its population at t + dt.
        """
        targets = self.plain("targets")
        if not self.single:
            arrived = jnp.broadcast_to(conn.spread(arrived), conn.weight_shape).ravel()
        came = _Came(receptor, around, (clock.t + clock.dt).to_decimal(u.ms), clock.step_ms, targets,
                     jnp.broadcast_to(jnp.ravel(weight), targets.shape))  # fmt: skip
        states = {name: receptor.plain(name) for name in receptor.gates}
        own = {name: self.plain(name) for name in self._declared if name in vars(self)}
        if self.waiting:
            own["due"] = own["due"] - 1  # 0 now, below where nothing waits
        states, own = self._due(came, states, own, False)
        states, own = self._effect(came, states, own, arrived)
        states, own = self._due(came, states, own, True)
        if self.waiting:
            own["due"] = jnp.maximum(own["due"], 0)
        for part, values in ((receptor, states), (self, own)):
            for name, value in values.items():
                part.put(name, value)

    def _due(self, came, states, own, after):
        """States and variables after the events that are due, those at the time of the spikes and before or those
        ``after``.
        """
        if not self.waiting:
            return states, own

        def happens(states, own):
            def one(carry, place):
                states, own = carry
                late = own["due_late"][place]
                now = (own["due"][place] == 0) & ((late > 1e-6) == after)
                own = own | {"due": own["due"].at[place].set(jnp.where(now, -1, own["due"][place]))}
                return self._effect(came, states, own, now, own["due_flag"][place], late), None

            return jax.lax.scan(one, (states, own), jnp.arange(self.waiting))[0]

        any_now = jnp.any((own["due"] == 0) & ((own["due_late"] > 1e-6) == after))
        return jax.lax.cond(any_now, happens, lambda *same: same, states, own)

    def _effect(self, came, states, own, arrived, flag=0.0, late=0.0):
        """States and variables after what arrives at once, where anything does."""

        def happens(states, own):
            if "rounds" not in vars(self):
                return came.effect(states, own, arrived, flag, late)
            step = lambda carry, places: (came.effect(*carry, arrived, flag, late, places), None)
            return jax.lax.scan(step, (states, own), self.plain("rounds"))[0]

        if arrived.dtype != jnp.bool_:  # spikes that did not come have a derivative too
            return happens(states, own)
        return jax.lax.cond(jnp.any(arrived != 0), happens, lambda *same: same, states, own)


class _Came(NamedTuple):
    """What arrives by the synapses at one time."""

    receptor: Any
    around: dict
    t: jax.Array
    dt: jax.Array
    targets: jax.Array
    weight: jax.Array

    def effect(
        self, states: dict, own: dict, arrived, flag, late, places: jax.Array | None = None
    ) -> tuple[dict, dict]:
        """States and variables after what arrives by the synapses in ``places``: all if None, none beyond the last."""
        pick = lambda x: x if places is None or jnp.ndim(x) == 0 else jnp.take(x, places, axis=-1, mode="clip")
        at, arrived = pick(self.targets), pick(arrived)
        here = arrived != 0
        if places is not None:
            here = here & (places < self.targets.shape[0])
        before = {name: x[at] for name, x in states.items()} | {name: pick(x) for name, x in own.items()}
        values = {"weight": pick(self.weight), "flag": pick(flag), "dt": self.dt, **before}
        states, own = dict(states), dict(own)
        found = dict(self.receptor.arrival("received", self.t + pick(late), self.around, values, at))
        for sent, delay, further in found.pop("net_send", ()):
            here_too = here & (jnp.broadcast_to(jnp.asarray(sent), at.shape) != 0)
            own, lost = _waiting(own, here_too, delay, further, self.dt, places)
            first = next(iter(states))
            states[first] = jnp.where(lost, jnp.nan, states[first])
        for name, value in found.items():
            change = jnp.asarray(value - before[name], before[name].dtype)
            change = jnp.where(here, change, 0) + _slope(arrived, change)
            if name in states:
                states[name] = states[name].at[at].add(change)
            elif places is None:
                own[name] = own[name] + change
            else:
                own[name] = own[name].at[places].add(change, mode="drop")
        return states, own


def _waiting(own, here, delay, flag, dt, places):
    """The variables with an event where it is sent, and whether one had no room."""
    due = own["due"] if places is None else jnp.take(own["due"], places, axis=1, mode="clip")
    # It comes with the first step that begins within half a step of its time, or later
    steps = jnp.maximum(jnp.ceil(jnp.broadcast_to(delay, here.shape) / dt - 0.5 - 1e-6), 1)
    free = due < 0
    place = jnp.argmax(free, axis=0)
    taken = here & jnp.any(free, axis=0)
    row = jnp.arange(len(due))[:, None] == place[None]
    put = {"due": steps.astype(jnp.int32), "due_flag": flag, "due_late": delay - steps * dt}
    own = dict(own)
    for name, value in put.items():
        old = own[name] if places is None else jnp.take(own[name], places, axis=1, mode="clip")
        new = jnp.where(row & taken[None], jnp.broadcast_to(jnp.asarray(value, old.dtype), here.shape)[None], old)
        own[name] = new if places is None else own[name].at[:, places].set(new, mode="drop")
    return own, jnp.any(here & ~taken)


def _slope(arrived, change):
    """Zero, with the derivative of an effect in the spike; of one that is true or false there is none."""
    if arrived.dtype == jnp.bool_:
        return 0
    return (arrived - jax.lax.stop_gradient(arrived)) * jax.lax.stop_gradient(change)


def _in_rounds(targets: np.ndarray) -> np.ndarray:
    """Numbers of the synapses in rounds, none of which has two with the same target; their number for none."""
    count = len(targets)
    order = np.argsort(targets, kind="stable")
    ordered = targets[order]
    first = np.searchsorted(ordered, ordered)
    number = np.arange(count) - first
    rounds = np.full((int(number.max(initial=-1)) + 1, int(np.bincount(number).max(initial=0))), count, np.int32)
    for k in range(len(rounds)):
        chosen = np.sort(order[number == k])
        rounds[k, : len(chosen)] = chosen
    return rounds
