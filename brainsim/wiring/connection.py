"""What stands between two populations: weights, delays and what they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import events
from brainsim._core import (
    Dynamics,
    FixedVariable,
    Site,
    State,
    StateVariable,
    change_back,
    changing_values,
)
from brainsim._units import float_dtype, with_unit
from brainsim.connectivity import AllToAll, ConnectionRule
from brainsim.delays import Calendar, Delay, Exact, Listed, Noted, Synaptic, Times, delay_for
from brainsim.events._library import use_huge_pages
from brainsim.paths import Ends, Layer
from brainsim.plasticity import Structural
from brainsim.plasticity.bounds import check_weights
from brainsim.plasticity.synapses import single_rows
from brainsim.population import Population
from brainsim.receptors.contacts import Contacts
from brainsim.synapses import Synapse
from brainsim.wiring.branches import Branches
from brainsim.wiring.matrix import matrix_of
from brainsim.wiring.parameters import DelayParameter, WeightParameter
from brainsim.wiring.signal import check_coupling, check_one_by_one, check_synapse
from brainsim.wiring.wired import Wired


class Connection(Dynamics):
    """What a projection is made of, built from what a rule made.

    Parameters
    ----------
    path : str
        Where it will stand.
    pre, post : Population
    receptor : str or None
    wired : Wired
    terminal : Terminal, optional
    plasticity : Plasticity, optional
    delay : Delay, optional
        One of the user's own kind.
    also : dict of str to quantity, optional
        Further receptors, with what arrives there for a weight of 1.
    synapse : Synapse, optional
        States of single synapses, and what spikes do to them.
    structure : Structural, optional
        How synapses form and break.
    """

    recorded = False  # what Network.connect was given is kept instead

    weight = WeightParameter(0.0, "what a spike adds to the receptor", unit="weight_unit", shape="weight_shape")
    delay = DelayParameter(None, "time from spike to arrival", unit=u.ms, shape="weight_shape", optional=True)
    arrived = State(None, "what arrives in a step", unit="signal_unit", shape="arrived_shape", optional=True)

    def __init__(self, path: str, pre: Population, post: Population, receptor: str | None, wired: Wired, *,
                 terminal: Any = None, plasticity: Any = None, delay: Delay | None = None, also: Any = None,
                 synapse: Synapse | None = None, structure: Structural | None = None):  # fmt: skip
        self._path, self.pre, self.post, self.receptor = path, pre.path, post.path, receptor
        moment = pre._aside.moment
        conn, self.signal, self.graded = wired.conn, wired.signal, wired.graded
        self.weight_unit, self.signed, self.fires = wired.unit, wired.signed, "spikes" in post._declared
        self.n_pre, self.n_post, self.plastic = conn.n_pre, conn.n_post, plasticity is not None
        pure = self.signal == "spikes" or terminal is not None
        self.signal_unit = u.UNITLESS if pure else pre.unit_of(self.signal)
        changing = {}
        if wired.longest is not None and wired.times is not None:
            changing = {"delay": with_unit(wired.times.ms, u.ms)}
        super().__init__(weight=wired.weight, **changing)
        self._aside.wired, self._aside.moment = wired.facts, moment
        if isinstance(conn, Ends) and isinstance(wired.rule, Layer):
            self.ends, self.layer = conn, wired.rule.module
            self._aside.layer = changing_values(self.layer)
        elif structure is None:
            self.hold("connectivity", FixedVariable(conn))
        sent = jnp.dtype(float_dtype() if terminal is not None else pre.dtype_of(self.signal)).name
        target = None if receptor is None else post.receptors[receptor]
        each = target is not None and target.one_by_one
        self.adds_up = target is None or all(post.receptors[name].adds_up for name in (receptor, *(also or ())))
        self.couples = target is not None and target.couples
        if self.couples:
            check_coupling(path, target, conn, cast(u.Unit, self.signal_unit))
        if also:
            self.also = Branches.of(f"{path}.also", wired.unit, also, post, moment)
        singly = each or not self.adds_up
        if singly:
            check_one_by_one(path, target, wired, terminal, delay)
        if synapse is not None:
            check_synapse(path, synapse, target, wired, delay, post)
            singly = singly or not wired.sortable  # or a calendar knows
        calendar = wired.calendar(synapse is not None, None if singly else plasticity)
        self.axon = delay_for(f"{path}.axon", wired.times, self.n_pre, sent, moment=moment, own=delay, graded=self.graded,
                              follow=self.plastic or singly, longest=wired.longest, exact=target is not None and target.within_steps,
                              calendar=calendar)  # fmt: skip
        if target is not None:
            first = target.expect(conn, self.axon.single)
            if isinstance(self.axon, Exact):
                self.axon.fix(first=first)
        if each:
            facts = dict(n_synapses=conn.n_synapses, single=self.axon.single)
            self.contacts = Contacts.of(target, Site(f"{path}.contacts", moment, facts))
            self.contacts.serve(cast(events.Format, conn))
        self._give_parts(conn, synapse, structure, wired.views, pre is post)
        self.allocate()
        if not isinstance(weight := self.plain("weight"), Tracer):
            use_huge_pages(weight)
        self._aside.given = {}  # or a second copy of the weights would stay in memory
        if terminal is not None:
            terminal.bind(path, self.pre, conn.n_pre, moment)
        # The projection that holds the terminal
        self.held_by = None if terminal is None else terminal.path.rpartition(".")[0]
        if self.held_by == path:
            self.terminal = terminal
        if self.plastic:
            self.spike_dtype = "bool" if self.graded or terminal is not None else self.axon.arriving_dtype
            self.fired_dtype = jnp.dtype(post.dtype_of("spikes")).name if self.fires else "bool"
            self._learn_by(plasticity)

    def _give_parts(self, conn, synapse, structure, views, same):
        """Let parts with states of synapses stand here."""
        moment = self._aside.moment
        if synapse is not None:
            synapse.bind(Site(f"{self._path}.synapse", moment), conn.n_synapses)
            self.synapse = synapse
        if structure is not None:
            structure.bind(Site(f"{self._path}.structure", moment), conn, views, same)
            self.structure = structure

    def _learn_by(self, plasticity):
        conn = self.conn
        rows = single_rows(conn) if self.axon.single else conn
        later = isinstance(self.axon, Noted)
        facts = dict(n_post=rows.n_post, weight_unit=self.weight_unit, single=self.axon.single, later=later)
        site = Site(f"{self.path}.plasticity", self._aside.moment, facts)
        plasticity.bind(site, rows.n_pre, rows.weight_shape)
        self.plasticity = plasticity
        weights = self.plain("weight")
        if isinstance(weights, Tracer):
            weights = jnp.broadcast_to(weights, conn.weight_shape)
        else:  # JAX would compile it for every number of synapses
            weights = jax.device_put(np.broadcast_to(weights, conn.weight_shape))
        self.let_change(weights)
        self.check_weights({})
        self.hold("by_post", FixedVariable(events.transpose_index(rows)))

    def check_weights(self, varied: Mapping[str, Any]) -> None:
        """Refuse weights beyond the bounds of a rule; ``varied`` holds values, (k, ...) by path, that parameters and weights will take."""
        if self.plastic:
            check_weights(self.plasticity, f"{self.path}.weight", self.plain("weight"), varied)

    def let_change(self, weights: jax.Array) -> None:
        """Make the weights a state, which a reset puts back to ``weights``."""
        self.hold("weight", StateVariable(weights, unit=self.weight_unit))
        self._aside.given["weight"] = with_unit(weights, self.weight_unit)

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of all receptors that it reaches: the first, then the others in the order of their names."""
        first = () if self.receptor is None else (self.receptor,)
        return (*first, *(self.also.factors if "also" in vars(self) else ()))

    @property
    def beyond_sums(self) -> str:
        """What it has, in words, because of which it does not deliver sums of weights to one receptor; empty where it does."""
        if "synapse" in vars(self):
            return f"synapses with states of their own ({type(self.synapse).__name__})"
        if "also" in vars(self):
            return f"several receptors ({', '.join(self.receptors)})"
        if "structure" in vars(self):
            return "synapses that form and break"
        if self.couples:
            return f"a receptor that couples by a function ({self.receptor})"
        return "" if self.adds_up else f"a receptor whose arrivals do not add up ({self.receptor})"

    @property
    def sender(self) -> str:
        """Name of the population that sends, or whose places do."""
        return self.pre.partition(".")[0]

    @property
    def conn(self) -> events.Format:
        """Who connects to whom, between the whole populations; of synapses that form and break, all places for them."""
        if "structure" in vars(self):
            return self.structure.conn
        return cast(events.Format, self.plain("connectivity"))

    @property
    def _ends(self) -> events.Format | Ends:
        """What is between the populations: synapses, or where a layer stands."""
        return self.ends if "layer" in vars(self) else self.conn

    # Both follow from the synapses, or other seeds of a rule would be other programs

    @property
    def n_synapses(self) -> int:
        """Number of synapses; of a layer, of its parameters."""
        if "structure" in vars(self):
            return self.structure.number
        return self._ends.n_synapses

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of one value per synapse."""
        return () if "structure" in vars(self) else self._ends.weight_shape

    def of_synapses(self) -> list[str] | None:
        """Names, from here, of everything whose last axis counts the synapses, if it has axes; None where a program
        depends on their number.
        """
        conn, inner = vars(self).get("connectivity"), self.axon.of_synapses()
        if (
            conn is None
            or type(self.conn) is not events.CSR
            or inner is None
            or not {"contacts", "synapse"}.isdisjoint(vars(self))
        ):
            return None
        names = [name for name in ("weight", "delay") if name in vars(self)]
        names += [
            "connectivity.indices",
            *(["arrived"] if "arrived" in vars(self) and self.arrived_shape != (self.n_pre,) else []),
        ]
        names += [f"axon.{name}" for name in inner if name in vars(self.axon)]
        if self.plastic:
            names += ["by_post.source", "by_post.position"]
            names += [f"plasticity.{name}" for name in self.plasticity.of_synapses()]
        return names

    @property
    def delay_kind(self) -> str:
        """``"none"``, ``"axonal"``: one delay for all synapses, or ``"synaptic"``: one each."""
        return self.axon.kind

    @property
    def sorted_by(self) -> str:
        """What the synapses of a presynaptic neuron are sorted by: ``"post"``, or ``"delay"`` first."""
        return "delay" if self._aside.wired.by_delay else "post"

    @property
    def max_delay(self) -> u.Quantity | None:
        """The longest that a delay may become; None where delays do not change."""
        return with_unit(self.axon.longest.longest, u.ms) if self.axon.changes else None

    @property
    def rule(self) -> ConnectionRule | Layer:
        """The rule that made the synapses."""
        return self._aside.wired.rule

    def dtype_of(self, name):
        """Type of an array; of weights, that in which they are kept."""
        if name == "weight" and self._aside.wired.precision is not None:
            return np.dtype(self._aside.wired.precision)
        return super().dtype_of(name)

    def slot(self, name):
        slot = super().slot(name)
        if name == "weight":
            return dataclasses.replace(slot, nonnegative=not self.signed, grid=self._other_shape())
        if name == "delay" and self.axon.changes:
            longest = self.axon.longest.longest
            return dataclasses.replace(slot, positive=True, at_most=longest, grid=self._other_shape())
        return slot

    def acts_at_once(self, name):
        return name == "weight" and self.graded and self.held_by is None and self.delay_kind == "none"

    def _other_shape(self) -> tuple[int, ...] | None:
        """In which one value per synapse may come too: flat, or as a matrix of all pairs."""
        if len(self.weight_shape) > 1:
            return (self.n_synapses,)
        views = self._aside.wired.views
        pairs = tuple(len(view) for view in views)
        ascending = all(np.all(np.diff(view) > 0) for view in views)
        all_pairs = isinstance(self.rule, AllToAll) and self.n_synapses == pairs[0] * pairs[1] and ascending
        return pairs if all_pairs else None

    def assign(self, name, value):
        axon = vars(self).get("axon")
        if name == "delay" and axon is not None and not axon.changes:
            raise ValueError(
                f"{self.path}.delay is fixed, given {value}; connect with max_delay=... for delays that may change."
            )
        super().assign(name, value)

    def clear(self):
        super().clear()
        if "layer" in vars(self):
            change_back(self.layer, self._aside.layer)

    def rewire(self, conn: events.Format, times: Times | None) -> None:
        """Put other synapses, as many as there are, in place of those of the rule, with these delays."""
        self.put("connectivity", conn)
        if self.plastic:
            self.put("by_post", events.transpose_index(single_rows(conn) if self.axon.single else conn))
        if "contacts" in vars(self):
            self.contacts.serve(conn)
        self.axon.serve(conn, times, self._aside.prepared_for)
        self._aside = self._aside.but(wired=self._aside.wired._replace(rewired=True))

    @property
    def block(self) -> range | None:
        """The postsynaptic neurons whose synapses this process has, of a network that several build; None for all."""
        return self._aside.wired.block

    @property
    def rewired(self) -> bool:
        """Whether the synapses are no longer those of the rule."""
        return self._aside.wired.rewired

    @property
    def arrived_shape(self) -> tuple[int, ...]:
        """Of ``arrived``: one value per presynaptic unit, or per synapse where each has its own delay."""
        return (self.n_synapses,) if self.axon.single or isinstance(self.axon, Noted) else (self.n_pre,)

    def keep_arrived(self) -> None:
        """Keep what arrives in each step as the state ``arrived``, to be recorded, or for rules of one's own.

        It is what the projection hands to the ports of its receptor before the weights: after terminal and delay, one
        value per presynaptic unit; where each synapse has its own delay, one per synapse, in their order. Those are
        followed one by one then, which takes time for every synapse in every step.

        Raises
        ------
        ValueError
            For delays of single synapses that change, or while spikes are under way.
        """
        if self.axon.kind == "synaptic" and not self.axon.single and not isinstance(self.axon, Noted):
            own, under_way = type(self.axon) not in (Calendar, Listed, Synaptic), self.axon.under_way.values()
            if own or any(jnp.any(array) for array in under_way):
                kind = "its delays change" if self.axon.changes else f"its delay is {type(self.axon).__name__}"
                why = kind if own else "spikes are under way in it"
                raise ValueError(f"{self.path}: what arrives at single synapses cannot be kept, {why}.")
            old = self.axon
            self.fix(axon=delay_for(old.path, old.times, self.n_pre, old.sent_dtype, moment=self._aside.moment,
                                    graded=self.graded, follow=True))  # fmt: skip
            self._aside = self._aside.but(prepared_for=None)
        dtype = float_dtype()
        self.hold("arrived", StateVariable(jnp.zeros(self.arrived_shape, dtype), unit=self.signal_unit))

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neuron of every synapse, (n_synapses,) each.

        This is the one order of synapses, whatever the rule: ``weight.ravel()`` follows it, ``delay.ravel()``, ``synapse.U``,
        what is recorded as ``"E->I.weight[...]"`` and what is assigned. They are sorted by presynaptic, then postsynaptic
        neuron, several of one pair as they were given; where :attr:`sorted_by` is ``"delay"``, those of a neuron by delay first:
        by default where pairs, weights and delays are drawn. What ``connect`` is given goes with its synapses.

        Raises
        ------
        ValueError
            For a layer, which has no single synapses.
        """
        return self.indices_of_synapses()

    def as_matrix(self, name: str = "weight", missing: float = 0.0) -> u.Quantity | np.ndarray:
        """A number of each synapse as a matrix, (n_pre, n_post); what ``projection.weight.as_matrix()`` does.

        Parameters
        ----------
        name : str
            ``"weight"`` or ``"delay"``. Weights of several synapses of one pair are summed.
        missing : float
            What stands for pairs without a synapse.

        Raises
        ------
        ValueError
            For a layer, a projection without delays, or different delays of one pair.
        UnknownNameError
            For another name.
        NotEnoughMemoryError
            For a matrix that does not fit.
        """
        return matrix_of(self, name, missing)

    def indices_of_synapses(self) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`pairs`."""
        if "layer" in vars(self):
            raise ValueError(f"{self.path}: a layer has no single synapses; its parameters are {self.path}.layer.")
        if "structure" in vars(self):
            return self.structure.pairs()
        pre, post = (np.asarray(side) for side in self.conn.coo())
        return pre, post
