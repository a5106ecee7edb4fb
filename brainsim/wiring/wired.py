"""From a rule to synapses: who is connected, in which format, with which weights and delays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import brainunit as u
import numpy as np

from brainsim import connectivity as rules
from brainsim import events
from brainsim._mesh import Share
from brainsim._units import float_dtype, in_unit, joined
from brainsim.delays import Times
from brainsim.paths import Layer
from brainsim.population import View
from brainsim.wiring.formats import (
    alike,
    are_sums_of_spikes,
    beside_sorted,
    can_be_noted,
    can_be_sorted,
    check_memory,
    format_of,
    sorted_by_delay,
)
from brainsim.wiring.groups import can_be_grouped, draw, drawings_of, kept, onto
from brainsim.wiring.procedural import check_layer, procedural
from brainsim.wiring.signal import Nowhere, check_16_bits, check_sender, signal_of
from brainsim.wiring.values import Values, check_drawn, check_weight, is_listed, of_pairs, placed


class Wired(NamedTuple):
    """Synapses between two views, and what they send.

    Parameters
    ----------
    rule : ConnectionRule or Layer
        What made them.
    views : tuple of int arrays
        The neurons of the two views, by their indices.
    without_self : bool
        Whether no neuron may connect to itself.
    signal : str
        State of the presynaptic population that is sent.
    graded : bool
        Whether it is sent at every step.
    unit : Unit
        That weights are kept in.
    signed : bool
        Whether weights may be negative.
    conn : Format, Procedural or Ends
        Who connects to whom, between the whole populations; where a layer stands.
    weight : quantity, () or one per synapse
    times : Times or None
        The delays.
    longest : Times or None
        The longest that they may become, where they change.
    by_delay : bool
        Whether the synapses of a neuron are sorted by delay, and only then by their targets.
    sortable : bool
        Whether they could be.
    noted : bool
        Whether what is under way to them, where they learn, is the spikes of the neurons.
    precision : str or None
        Of the weights as they are kept: ``"float16"``; None for that of all numbers.
    rewired : bool
        Whether others have taken the place of the rule's synapses.
    block : range or None
        The postsynaptic neurons whose synapses this process has; None for all of them.
    each : list of dict of str to quantity
        What parts were given for each synapse.
    """

    rule: rules.ConnectionRule | Layer
    views: tuple[np.ndarray, np.ndarray]
    without_self: bool
    signal: str
    graded: bool
    unit: u.Unit
    signed: bool
    conn: Any  # Format, Unstored or Ends
    weight: u.Quantity
    times: Times | None
    longest: Times | None
    by_delay: bool = False
    sortable: bool = False
    noted: bool = False
    precision: str | None = None
    rewired: bool = False
    block: range | None = None
    each: Sequence[dict[str, u.Quantity]] = ()

    def calendar(self, with_states: bool, rule: Any) -> str | None:
        """The kind of calendar that serves synapses with delays of their own; None where they wait otherwise.

        Parameters
        ----------
        with_states : bool
            Whether each synapse has states.
        rule : Plasticity or None
            What they learn by.
        """
        if self.noted:
            return "noted" if rule is not None and rule.looks_back else None
        if self.by_delay:
            return "sorted"
        return "listed" if self.sortable and with_states else None

    @property
    def facts(self) -> Wired:
        """The same without what the projection holds itself."""
        return self._replace(conn=None, weight=None, times=None, each=())


def wire(
    path: str, rule: Any, pre: View, post: View, receptor: str | None, rng: np.random.Generator, *, weight: Any = None,
    delay: Any = None, max_delay: Any = None, terminal: Any = None, plasticity: Any = None, signal: str | None = None,
    sort_by: str | None = None, precision: str | None = None, share: Share | None = None, parts: Mapping[str, Any] = MappingProxyType({}),
) -> Wired:  # fmt: skip
    """Draw the synapses of a rule from one view to a receptor of another, with their weights and delays.

    Parameters
    ----------
    path : str
        Of the projection, for errors.
    rule : ConnectionRule
    pre, post : View
    receptor : str or None
    rng : numpy.random.Generator
    weight, delay : quantity, array, Distribution, SynapseValue or None
    max_delay : quantity, time, or None
    terminal : Terminal or None
    plasticity : Plasticity or None
    signal : str or None
    sort_by : str or None
        What the synapses of a neuron are sorted by: ``"post"`` or ``"delay"``.
    precision : str or None
        Of the weights as they are kept.
    share : Share or None
        What this process has of a network that is divided; None for all of it.
    parts : dict of str to Dynamics, optional
        Parts that may have been given values for each synapse, by their names, and a delay of the user's own kind.

    Raises
    ------
    TypeError, ValueError, UnitError, UnknownNameError, NotEnoughMemoryError
        For what cannot be wired.
    """
    weight, delay = (
        of_pairs(joined(value, what), what) for value, what in ((weight, f"{path}.weight"), (delay, f"{path}.delay"))
    )
    target = Nowhere(weight) if receptor is None else post.population.receptors[receptor]
    signal = signal_of(path, pre.population, post.population, target, signal, terminal, plasticity, delay is not None)
    check_sender(path, pre, signal)
    pure = signal == "spikes" or terminal is not None  # numbers without unit
    unit = target.weight_unit(u.UNITLESS if pure else pre.population.unit_of(signal))
    check_weight(path, weight, unit)
    same, learns = pre.population is post.population, plasticity is not None
    in_blocks = post.population.units_are_apart and post.extent == post.population.count and not target.one_by_one
    block = share.block(post.extent) if share is not None and in_blocks else None
    fixed = max_delay is None and "delay" not in parts
    noted = fixed and terminal is None and are_sums_of_spikes(target, pre.population, signal)
    sortable = noted and not learns
    known = not getattr(rule, "draws", True) or any(map(is_listed, (weight, delay, *parts.values())))
    by_delay = sortable and (sort_by or ("post" if known else "delay")) == "delay"
    grouped, key, expected = None, None, 0
    if isinstance(rule, Layer):
        check_layer(path, rule, target, weight, delay, learns)
        conn, order, listed = rule.between(path, pre, post), None, 0
    elif isinstance(rule, rules.Procedural):
        conn, weight = procedural(path, rule, pre, post, same, weight, unit, delay, learns, target.signed, rng)
        order, listed = None, conn.n_synapses
    else:
        where = placed(pre, post)
        ids = post.as_seen_by(pre) if same and not rule.self_connections else post.ids
        dtype = float_dtype() if precision is None else np.dtype(precision)
        drawings = drawings_of(path, weight=(weight, unit, dtype), delay=(delay, u.ms, np.float32))
        expected = rule.expected_between(len(pre), len(post), where)
        together = drawings if drawings is not None and can_be_grouped(pre, post, expected) else None
        fraction = 1.0 if together is None or block is None else len(block) / len(post)
        check_memory(path, rule, pre, post, weight, delay, learns, round(fraction * expected), precision)
        if together is not None:
            key = "delay" if by_delay and "delay" in together else None
            grouped = draw(rule, pre, post, ids, rng, same, where, together, key, expected, block)
        if grouped is None:
            synapses = rule.connect(pre.ids, ids, rng, same, where)
            conn, order = format_of(rule, synapses, pre, post, alike(weight, delay, learns))
            # Of the pairs in a list, some may have been left out as self connections
            listed = synapses.size if synapses.order is None else rule.expected_synapses(len(pre), len(post))
            del synapses
        else:
            conn, order, listed = grouped.conn, None, grouped.conn.n_synapses
    if weight is None:
        weight = u.Quantity(np.asarray(rule.values), unit=unit)
    made = Values(conn, order, listed, rule, pre, post, rng, {} if grouped is None else grouped.values)
    each = [made.one_each(part, f"{path}.{name}") for name, part in parts.items()]
    drawn = isinstance(weight, rules.Distribution)
    weight = made.of(weight, unit, float_dtype(), f"{path}.weight")
    if drawn and not target.signed:
        check_drawn(path, weight.mantissa)
    times = None
    if delay is not None:
        # Delays that are drawn are float32 numbers; those that are given stay what they are
        dtype = np.float32 if isinstance(delay, rules.Distribution) else float
        times = Times(
            made.of(delay, u.ms, dtype, f"{path}.delay").mantissa,
            f"{path}.delay",
            ours=isinstance(delay, rules.Distribution),
            rows=None if grouped is None or key is None else np.asarray(grouped.conn.indptr),
        )
    if share is None or block is None or not isinstance(conn, events.CSR | events.FixedFanOut):
        block = None
    else:
        if grouped is None:
            conn, keep = onto(block, conn)
            weight, times = (None if x is None else kept(x, keep) for x in (weight, times))
            each = [{name: kept(one, keep) for name, one in values.items()} for values in each]
        times = None if times is None else times.among(share)
    longest = None if max_delay is None else longest_of(max_delay, times, learns, path)
    sortable = sortable and can_be_sorted(conn, rule, times)
    by_delay = by_delay and sortable
    noted = noted and learns and can_be_noted(conn, times, expected)
    if sort_by == "delay" and not by_delay:
        raise ValueError(
            f"{path}.sort_by: the synapses of a neuron are sorted by delay where spikes have one of their own at each synapse"
            " that stays: without plasticity, terminal or max_delay, and not where all pairs are connected; leave it out."
        )
    if by_delay and times is not None:
        others = [np.asarray(one.mantissa) for values in each for one in values.values()]
        if grouped is None or key is None:
            conn, weight, times, others = sorted_by_delay(conn, weight, times, others)
        elif others:
            others = beside_sorted(conn, others)
        there = iter(others)
        each = [{name: u.Quantity(next(there), unit=one.unit) for name, one in values.items()} for values in each]
    if precision is not None:
        check_16_bits(path, target, conn, learns)
    views, without_self = (pre.ids, post.ids), same and not getattr(rule, "self_connections", True)
    facts = rule, views, without_self, signal, target.graded, unit, target.signed
    return Wired(*facts, conn, weight, times, longest, by_delay, sortable, noted, precision, block=block, each=each)


def longest_of(given: Any, times: Times | None, learns: bool, path: str) -> Times:
    """The longest that a delay may become, checked against the delays that there are.

    Raises
    ------
    UnitError, ValueError
        For what is not a time, or shorter than a delay, or where there is nothing that could change.
    """
    what = f"{path}.max_delay"
    longest = np.asarray(in_unit(given, u.ms, what), float)
    if longest.ndim or not np.isfinite(longest) or longest <= 0:
        raise ValueError(f"{what}: expected one positive time, given {given}.")
    if times is None:
        raise ValueError(f"{what}: there is no delay that could change; give delay=... too.")
    if learns:
        raise ValueError(
            f"{path}: a delay that changes divides a spike between two steps, and plasticity needs whole spikes; leave"
            " out max_delay=... or plasticity=..."
        )
    if times.longest > longest * (1 + 1e-6):
        raise ValueError(
            f"{path}.delay: expected delays above 0 and up to max_delay = {longest} ms, given {times.shortest} to"
            f" {times.longest} ms."
        )
    return Times(longest, f"{path}.max_delay")
