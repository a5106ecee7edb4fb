"""What a projection sends, checked against what a receptor takes."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import numpy as np

from brainsim import connectivity as rules
from brainsim import events
from brainsim._core import State
from brainsim._errors import UnitError, UnknownNameError, suggestion
from brainsim._units import float_dtype
from brainsim.delays import Delay
from brainsim.plasticity.structural import Structural
from brainsim.population import Population, View
from brainsim.synapses import Synapse
from brainsim.terminals.base import Terminal


class Nowhere:
    """In place of a receptor, for synapses that learn and send nothing: their weights have the unit they are given in."""

    graded, signal, path, signed, within_steps, adds_up, one_by_one = (
        False,
        "spikes",
        "nothing",
        True,
        False,
        True,
        False,
    )

    def __init__(self, weight):
        self.unit = weight.unit if isinstance(weight, rules.Distribution) else u.get_unit(weight)

    def weight_unit(self, signal_unit):
        return self.unit


def signal_of(
    path: str, pre: Population, post: Population, receptor, signal: str | None, terminal, plasticity, delayed: bool
) -> str:
    """Name of the presynaptic variable to send, checked against what the receptor takes.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For a signal that does not exist, or that receptor, terminal or plasticity cannot take.
    """
    if terminal is not None and not isinstance(terminal, Terminal):
        raise TypeError(f"{path}.terminal: expected one of brainsim.terminals, given {terminal!r}.")
    chosen = signal is not None
    signal = _named_signal(path, pre, receptor, signal, terminal)
    if terminal is not None:
        _check_taken(path, pre, signal, terminal)
    if terminal is not None and receptor.within_steps:
        raise ValueError(
            f"{path}: a terminal takes spikes at the ends of steps; {receptor.path} has exact spike times."
        )
    graded = signal not in ("spikes", "fired_at") or (terminal is not None and terminal.graded)
    graded = graded or (chosen and signal == "spikes" and receptor.graded and terminal is None)
    if graded != receptor.graded:
        takes, given = ("a graded signal", "spikes") if receptor.graded else ("spikes", "a graded signal")
        raise ValueError(f"{path}: {receptor.path} takes {takes}, given {given}.")
    learns = plasticity is not None and plasticity.of_spikes
    if graded and learns and (terminal is None or delayed):
        raise ValueError(
            f"{path}: plasticity on spikes cannot serve a graded signal, other than that of a terminal without a delay."
        )
    if learns and "spikes" not in post._declared:
        raise ValueError(f"{path}: plasticity on spikes needs postsynaptic units that fire; {post.path} has no spikes.")
    return signal


def check_one_by_one(path: str, receptor, wired, terminal, delay) -> None:
    """Refuse what a receptor cannot take whose synapses are followed one by one, or whose arrivals do not add up.

    Raises
    ------
    ValueError
        For layers and synapses that are not stored, terminals, and delays that change or know only sums.
    """
    what = ""
    if not isinstance(wired.conn, events.Format):
        what = f"what {wired.rule.name} makes, which are no single synapses"
    elif terminal is not None and receptor.one_by_one:
        what = f"{type(terminal).__name__}, since what its spikes do is the receptor's own matter"
    elif wired.longest is not None:
        what = "a delay that changes, which divides a spike between two steps; leave out max_delay=..."
    elif delay is not None and type(delay).deliver is not Delay.deliver:
        what = f"the delay {type(delay).__name__}, which knows sums over synapses only"
    if what:
        raise ValueError(f"{path}: {receptor.path} takes whole spikes of single synapses, and not {what}.")


def check_synapse(path: str, synapse, receptor, wired, delay, post: Population) -> None:
    """Refuse what synapses with states of their own cannot have.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For what is no kind of synapse, or serves a projection already; for receptors, formats and delays that know no single
        spikes; and for states that it takes and the postsynaptic population does not have.
    """
    if not isinstance(synapse, Synapse):
        raise TypeError(f"{path}.synapse: expected one of brainsim.synapses, given {synapse!r}.")
    if synapse.bound:
        raise ValueError(f"{path}: the synapse given belongs to {synapse.path}; make another one.")
    if receptor is None:
        raise ValueError(f"{path}: synapses that send nothing have nothing that {type(synapse).__name__} could change.")
    if receptor.graded or receptor.one_by_one or receptor.within_steps or not receptor.adds_up:
        raise ValueError(f"{path}: {type(synapse).__name__} multiplies spikes, which {receptor.path} does not add up.")
    if len(receptor.ports) > 1:
        raise ValueError(f"{path}: {type(synapse).__name__} sends one number, and {receptor.path} takes several.")
    there = post.seen_from(receptor.path.rpartition(".")[2])
    for name in synapse.of_post:
        known = [key for key, declared in there._declared.items() if isinstance(declared, State) and key in vars(there)]
        if name not in known:
            raise UnknownNameError(
                f"{path}: {type(synapse).__name__} takes {name!r} of {post.path}.{suggestion(name, known)}"
            )
        if there.plain(name).shape != (wired.conn.n_post,):
            raise ValueError(
                f"{path}: {type(synapse).__name__} takes {name!r} of {post.path}, which has one for each of its"
                f" {post.count} units; connect to all of them."
            )
    check_one_by_one(path, receptor, wired, None, delay)


def check_coupling(path: str, receptor, conn, signal_unit: u.Unit) -> None:
    """Refuse what a function of both sides cannot stand on, and functions that give something else.

    Raises
    ------
    ValueError, UnitError
        For layers and synapses that are not stored; for a function of another unit or shape.
    """
    if not isinstance(conn, events.Format):
        raise ValueError(f"{path}: {receptor.path} compares both sides of single synapses, which are not stored here.")
    one = jax.ShapeDtypeStruct((2,), float_dtype())
    jax.eval_shape(lambda x, y, w: receptor.between(x, signal_unit, y, w), one, one, one)


def check_16_bits(path: str, receptor, conn, learns: bool) -> None:
    """Refuse weights of 16 bits where they would be no shorter, or too coarse.

    Raises
    ------
    ValueError
        For formats without rows of targets, rules of plasticity, and what looks at single synapses.
    """
    what = ""
    if not isinstance(conn, events.CSR | events.FixedFanOut):
        what = "are of single synapses that stand in rows, not of all pairs, pairs one to one, or a layer"
    elif learns:
        what = "do not change in a run: the steps of plasticity would be lost"
    elif receptor.couples or receptor.one_by_one or receptor.within_steps or not receptor.adds_up:
        what = f"are summed, which {receptor.path} does not do"
    if what:
        raise ValueError(f"{path}.precision: weights of 16 bits {what}; leave it out.")


def check_structure(path: str, structure: Any, receptor: str | None, post: Population, wired: Any, parts: dict) -> None:
    """Refuse what synapses that form and break cannot have.

    Raises
    ------
    TypeError, ValueError
        For what is no such rule, or serves a projection already; for values of single synapses, and whatever follows them.
    """
    if not isinstance(structure, Structural):
        raise TypeError(f"{path}.structure: expected plasticity.Structural(...), given {structure!r}.")
    if structure.bound:
        raise ValueError(f"{path}: the structure given belongs to {structure.path}; make another one.")
    target = None if receptor is None else vars(post)[receptor]
    each = np.ndim(u.get_mantissa(wired.weight)) or (wired.times is not None and wired.times.shape)
    what = ""
    if not isinstance(wired.conn, events.Format):
        what = f"what {wired.rule.name} makes, which are no single synapses"
    elif each or wired.longest is not None or parts.get("delay") is not None:
        what = "a weight or delay of each, or that changes: give one weight and one delay for all"
    elif parts["plasticity"] is not None or parts["synapse"] is not None:
        what = "weights that change, or states of each"
    elif target is None or target.graded or target.one_by_one or target.within_steps or not target.adds_up:
        what = "a receptor that does not add up spikes"
    elif "spikes" not in post._declared or wired.signal != "spikes":
        what = "sides that fire no spikes, from which calcium follows"
    if what:
        raise ValueError(f"{path}: synapses that form and break cannot have {what}.")


def check_sender(path: str, pre: View, signal: str) -> None:
    """Refuse to send, from units, what there is one of for each site of a cell, and the other way round."""
    population = pre.population
    if population.shape_of(signal) != (pre.extent,):
        other = ".at(...)" if pre.counts == "count" else ""
        raise ValueError(
            f"{path}: there is not one {signal!r} for each of the {pre.extent} {pre.what} of {population.path}; connect"
            f" from {population.path}{other}."
        )


def _check_taken(path, pre, signal, terminal):
    """Refuse a terminal that takes something else than it is given."""
    takes = f"{type(terminal).__name__} takes {terminal.takes}"
    if signal != terminal.takes:
        raise ValueError(f"{path}: {takes}, given signal={signal!r}.")
    if not pre.unit_of(signal).has_same_dim(terminal.takes_unit):
        raise UnitError(
            f"{path}: {takes} in {terminal.takes_unit}, and that of {pre.path} is in {pre.unit_of(signal)}."
        )


def _named_signal(path, pre, receptor, signal, terminal):
    states = {name for name, declared in pre._declared.items() if isinstance(declared, State)}
    if signal is None:
        signal = receptor.signal if terminal is None else terminal.takes
        if signal == "fired_at" and signal not in vars(pre):  # it fires at the ends of steps
            signal = "spikes"
        if signal == "spikes" and receptor.graded and terminal is None:
            raise ValueError(
                f"{path}: {receptor.path} is graded; say with signal=... what of {pre.path} it takes. Accepted:"
                f" {', '.join(sorted(states))}."
            )
    if signal not in states:
        raise UnknownNameError(f"{path}: {pre.path} has no {signal!r} to send.{suggestion(signal, states)}")
    return signal
