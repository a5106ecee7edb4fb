"""What a rule sees of its synapses in one step, and how it changes them."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import events
from brainsim._core import Clock
from brainsim._core.rounding import compensated
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import split_quantity
from brainsim.plasticity.later import PAST, Later
from brainsim.plasticity.term import Term
from brainsim.population import Population, Sender

OFFERED = ("pre", "post", "w", "dt", "noise", "on_pre", "on_post", "on_either", "every_step", "put")  # to every rule


class Surroundings(NamedTuple):
    """What a projection is between, for rules that look at more than spikes.

    Parameters
    ----------
    pre : Sender
    post : Population
    modulators : dict of str to Modulator
        The network's, by name.
    """

    pre: Sender
    post: Population
    modulators: dict


class Side:
    """Population variables on one side of the synapses, as terms: ``s.post.V``; its ``spikes`` are those that reach the
    rule.
    """

    def __init__(
        self,
        where: events.Format | Later,
        side: str,
        population: Sender,
        spikes: jax.Array,
        source: jax.Array | None = None,
    ):
        self._where, self._side, self._population, self._spikes = where, side, population, spikes
        self._source = source

    def __getattr__(self, name: str) -> Term:
        declared = self._population._declared
        if name not in declared:
            raise UnknownNameError(
                f"{self._population.path} has no {name!r}, which a plasticity rule reads.{suggestion(name, declared)}"
            )
        if name == "spikes" and self._side == "pre" and isinstance(self._where, Later):
            return Term(self._where, each=self._where.arrived().astype(float))
        value = self._spikes if name == "spikes" else getattr(self._population, name)
        number, unit = split_quantity(value)
        number = number.astype(float) if number.dtype == bool else number
        if self._source is not None and jnp.ndim(number) and name != "spikes":
            number = number[self._source]
        return Term(self._where, unit, **{self._side if jnp.ndim(number) else "one": number})


@dataclasses.dataclass
class Synapses:
    """The synapses of a rule in one step.

    The rule's parameters, traces and states are attributes (``s.A_plus``, ``s.x``), as terms that know their side and
    with modulated parameters at their present value; so are ``s.w``, the weights, and ``s.dt``, the length of the step.
    ``s.pre`` and ``s.post`` give the variables of the two populations. Changes apply at once, in the order in which
    they are written, and keep each weight that they touch between ``w_min`` and ``w_max``.

    Parameters
    ----------
    rule : Plasticity
    clock : Clock
    conn, by_post : Format, PostIndex
        The synapses, by presynaptic and by postsynaptic neuron.
    spikes_pre, spikes_post : bool or float arrays, (n_pre,) and (n_post,)
        Presynaptic spikes that reach the synapses at t + dt, or with ``later`` are fired then, and postsynaptic spikes fired
        then.
    weight : float array, one per synapse
        What the rule changes.
    around : Surroundings
    actual : float array, optional
        The weights, where what the rule changes is something else, such as their eligibility.
    source : int array, one per synapse, optional
        Presynaptic neuron of each synapse, where every synapse has its own delay: then each is a row of ``conn``, with
        presynaptic spikes and traces of its own.
    later : Later, optional
        Where every synapse has its own delay, and finds in what was presynaptic what reaches it now.
    """

    rule: Any  # Plasticity, which knows of this
    clock: Clock
    conn: events.Format
    by_post: events.PostIndex | None
    spikes_pre: jax.Array
    spikes_post: jax.Array
    weight: jax.Array
    around: Surroundings
    actual: jax.Array | None = None
    source: jax.Array | None = None
    later: Later | None = None

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def where(self) -> events.Format | Later:
        """Where terms are."""
        return self.conn if self.later is None else self.later

    @property
    def pre(self) -> Side:
        """Variables of the presynaptic population, at t + dt."""
        return Side(self.where, "pre", self.around.pre, self.spikes_pre, self.source)

    @property
    def post(self) -> Side:
        """Variables of the postsynaptic population, at t + dt."""
        return Side(self.where, "post", self.around.post, self.spikes_post)

    @property
    def w(self) -> Term:
        """The weights."""
        return Term(self.where, self.rule.weight_unit, each=self.weight if self.actual is None else self.actual)

    @property
    def dt(self) -> Term:
        """Length of the step."""
        return Term(self.where, u.ms, one=self.clock.step_ms)

    def noise(self) -> Term:
        """Standard normal numbers, one per synapse."""
        return Term(self.where, each=self.clock.normal(self.conn.weight_shape))

    def level(self, path: str, what: str = "level") -> Term:
        """State ``what`` of the modulator at ``path``."""
        return Term(self.where, one=self.around.modulators[path].plain(what))

    def power_law(self, anchor: Term, scale: Term, power: Term) -> Term:
        r"""The factor :math:`(|w - anchor| / scale)^{power}` of a change."""
        unit = self.rule.weight_unit
        from_, over = (jnp.asarray(t.factors(unit, n).one) for t, n in ((anchor, "anchor"), (scale, "scale")))
        law = events.PowerLaw(from_, over, power.one)
        return Term(self.where, law=law, weight=self.weight if self.actual is None else self.actual)

    def __getattr__(self, name: str) -> Term:
        rule = self.__dict__["rule"]
        declared = rule._declared.get(name)
        if declared is None:
            known = (*rule._declared, *OFFERED)
            raise UnknownNameError(f"{rule.path} has no {name!r}.{suggestion(name, known)}")
        if vars(rule).get(name) is None:
            raise AttributeError(f"{rule.path}.{name} is None.")
        side = rule.side_of(name)
        array = rule.plain(name if side != "past" else name + PAST)
        for path in rule.modulators_of(name):
            array = array * self.around.modulators[path].plain("level")
        return Term(self.where, rule.unit_of(name), **{side: array})

    def arrived(self) -> jax.Array:
        """The presynaptic spikes that reach each synapse."""
        return self.conn.spread(self.spikes_pre) if self.later is None else self.later.arrived()

    # -- what can be done --------------------------------------------------------------------------------------------

    def on_pre(self, change: Term) -> None:
        """Change the synapses of the presynaptic neurons that spike."""
        self._change(change, "pre")

    def on_post(self, change: Term) -> None:
        """Change the synapses of the postsynaptic neurons that spike."""
        self._change(change, "post")

    def on_either(self, *, pre: Term, post: Term) -> None:
        """Change the synapses of the neurons that spike on either side, by ``pre``, ``post`` or, where both do, their
        sum.

        As :meth:`on_post` and :meth:`on_pre` after it, but a synapse whose two neurons spike in the same step is kept
        within bounds once, after both changes.
        """
        if self.later is None:
            together = Term(self.conn, pre=(self.spikes_pre != 0).astype(self.weight.dtype))
        else:
            together = Term(self.later, each=self.later.arrived().astype(self.weight.dtype))
        self._change(post * (1.0 - together), "post")
        self._change(post * self.post.spikes, "pre", bounded=False)
        self._change(pre, "pre")

    def every_step(self, change: Term) -> None:
        """Change all synapses; where the change is a product, only those of neurons whose factor is not zero are
        touched.
        """
        rest = vars(self.rule).get("w_rounding")
        if rest is None or self.actual is not None:
            self._change(change, None)
            return
        # Into what rounding has left over, which has room for it, and from there into the weights
        weight, (low, high) = self.weight, self.rule.bounds(self)
        self.weight = rest.get_value()
        self._change(change if change.law is None else change._each(), None, bounded=False)
        total, kept = compensated(weight, self.weight)
        self.weight = jnp.where(total < low, low, jnp.where(total > high, high, total))
        rest.set_value(jnp.where(self.weight == total, kept, 0.0))

    def put(self, **states: Term) -> None:
        """Give states of the rule new values."""
        for name, term in states.items():
            term = self.dt._lift(term).factors(self.rule.unit_of(name), f"{self.rule.path}.{name}")
            side = self.rule.side_of(name)
            self.rule.put(name, jnp.broadcast_to(term.at(side), self._shapes.get(side, self.rule.shape_of(name))))

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"pre": (self.conn.n_pre,), "post": (self.conn.n_post,), "each": self.conn.weight_shape}

    def run(self, rule: Any, into: jax.Array | None = None) -> jax.Array:
        """Let another rule change the weights, or ``into`` in their place; returns what it changed."""
        actual = self.actual if into is None else self.weight if self.actual is None else self.actual
        clock = self.clock.of(rule.path)
        other = dataclasses.replace(
            self, rule=rule, clock=clock, weight=self.weight if into is None else into, actual=actual
        )
        rule.advance(other)
        if into is None:
            self.weight = other.weight
        return other.weight

    def _change(self, change: Term, event: str | None, bounded: bool = True) -> None:
        rule, dtype = self.rule, self.weight.dtype
        term = self.dt._lift(change) * self.rate
        term = term.factors(rule.weight_unit, f"{rule.path}: change of the weight")
        low, high = rule.bounds(self) if bounded and self.actual is None else (-jnp.inf, jnp.inf)
        if term.each is not None or (term.law is not None and self.actual is not None):
            self._change_each(term, event, low, high)
            return
        if self.later is not None and (event == "pre" or term.past is not None):
            self._change_later(self.later, term, event, low, high)
            return
        pre = None if term.pre is None else term.pre.astype(dtype)
        post = None if term.post is None else term.post.astype(dtype)
        spikes = self.spikes_pre if event == "pre" else self.spikes_post if event == "post" else None
        rows = event == "pre" or (event is None and post is None)
        own, other = (pre, post) if rows else (post, pre)
        n_own, n_other = (self.conn.n_pre, self.conn.n_post) if rows else (self.conn.n_post, self.conn.n_pre)
        if own is None:
            own = jnp.ones(n_own, dtype) if spikes is None else spikes
        elif spikes is not None:
            own = _times(spikes, own)
        delta = jnp.full(n_other, term.one, dtype) if other is None else jnp.asarray(other * term.one, dtype)
        numbers = (low, high, term.law)
        if rows:
            self.weight = events.add_on_pre(self.conn, own, self.weight, delta, *numbers)
        else:
            self.weight = events.add_on_post(
                self.conn, cast(events.PostIndex, self.by_post), own, self.weight, delta, *numbers
            )

    def _change_later(self, later: Later, term: Term, event: str | None, low, high) -> None:
        """Change synapses by what was presynaptic a delay ago, or those that it reaches now."""
        if event is None and term.post is None:
            self._change_each(term, event, low, high)
            return
        dtype, past = self.weight.dtype, term.past
        if term.pre is not None:
            past = term.pre[None] if past is None else past * term.pre[None]
        past = None if past is None else past.astype(dtype)
        one = jnp.asarray(term.one, dtype)
        post = jnp.full(self.conn.n_post, one) if term.post is None else term.post.astype(dtype) * one
        if event == "pre":
            self.weight = events.add_on_due(later.due, self.weight, post, low, high, term.law, past)
            return
        own = post if event is None else _times(self.spikes_post, post)
        by_post = cast(events.PostIndex, self.by_post)
        self.weight = events.add_on_post(
            self.conn, by_post, own, self.weight, cast(jax.Array, past), low, high, term.law, later.ago
        )

    def _change_each(self, term: Term, event: str | None, low, high) -> None:
        change, dtype = term.per_synapse(), self.weight.dtype
        if event == "pre":
            touched = self.arrived().astype(dtype)
        elif event == "post":
            touched = self.spikes_post.astype(dtype)[self.conn.targets()]
        else:
            touched = jnp.ones((), dtype)
        new = self.weight + touched * change
        self.weight = jnp.where(touched != 0, jnp.where(new < low, low, jnp.where(new > high, high, new)), new)


def _times(spikes: jax.Array, factor: jax.Array) -> jax.Array:
    """Spikes times a factor of their own side."""
    return jnp.where(spikes != 0, factor, 0.0) if spikes.dtype == bool else factor * spikes


def single_rows(conn: events.Format) -> events.Format:
    """The same synapses as a format in which each of them is a row: what arrives then has a value for each."""
    if isinstance(conn, events.Diagonal):
        return conn
    targets = conn.targets()
    numbers = jnp if isinstance(targets, Tracer) else np
    targets = numbers.broadcast_to(targets, conn.weight_shape).ravel()
    indptr = numbers.arange(conn.n_synapses + 1, dtype=np.int32)
    if isinstance(conn, events.CSR):
        indptr = numbers.minimum(indptr, conn.indptr[-1])
    return events.CSR(indptr, targets, conn.n_post)
