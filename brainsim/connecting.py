"""What ``Network.connect`` is given, checked and made into projections."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Protocol

import brainunit as u
import numpy as np

from brainsim._core import Aside, Dynamics, name_hash
from brainsim._core.recorded import There, recorded, seen
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit
from brainsim.connectivity import ConnectionRule
from brainsim.delays import Delay
from brainsim.modulators import Modulator
from brainsim.paths import Layer
from brainsim.plasticity import Combined, Plasticity, Structural
from brainsim.population import Population, Sender, View, view_of
from brainsim.projection import Projection
from brainsim.synapses import Synapse
from brainsim.terminals.base import Terminal
from brainsim.wiring import wire
from brainsim.wiring.branches import check_several, receptors_of
from brainsim.wiring.signal import check_structure


class Members(Protocol):
    """What a network is to those who connect: its populations, projections and modulators, and names that are taken."""

    _aside: Aside

    @property
    def populations(self) -> Mapping[str, Population]: ...
    @property
    def senders(self) -> Mapping[str, Sender]: ...
    @property
    def projections(self) -> Mapping[str, Projection]: ...
    @property
    def modulators(self) -> Mapping[str, Modulator]: ...


def connect(
    net: Members,
    pre: Sender | View,
    post: Population | View | list | tuple,
    rule: ConnectionRule | Layer,
    receptor: Any,
    name: str | None,
    options: dict[str, Any],
) -> list[Projection]:
    """The projections from ``pre`` to each of ``post``: all of them, or none and everything is as it was.

    Parameters
    ----------
    net : Network
    pre, post, rule, receptor, name
        As in :meth:`Network.connect`.
    options : dict
        Its other arguments.
    """
    terminal, delay = options["terminal"], options["delay"]
    rules = options["plasticity"] if isinstance(options["plasticity"], list | tuple) else [options["plasticity"]]
    fresh = [
        (part, dict(part._aside.given))
        for part in (terminal, delay, options["synapse"], options["structure"], *rules)
        if isinstance(part, Terminal | Delay | Synapse | Structural | Plasticity) and not part.bound
    ]
    if isinstance(terminal, Terminal) and terminal.bound:
        _check_terminal(net, terminal)
    targets = list(post) if isinstance(post, list | tuple) else [post]
    single = (
        ("plasticity", options["plasticity"]),
        ("delay", delay if isinstance(delay, Delay) else None),
        ("synapse", options["synapse"]),
        ("structure", options["structure"]),
    )
    for what, part in single:
        if part is not None and len(targets) > 1:
            raise ValueError(f"connect: one {what} object serves one projection; connect the populations one by one.")
    several = isinstance(post, list | tuple) and name is not None
    names = [f"{name}#{k + 1}" for k in range(len(targets))] if several else [name] * len(targets)
    made: list[Projection] = []
    try:
        for target, own in zip(targets, names):
            made.append(_projection(net, pre, target, rule, receptor, own, {p.path for p in made}, dict(options)))
    except Exception:
        for part, given in fresh:
            part.leave()
            part._aside.given = given
        raise
    return made


def _projection(net: Members, pre, post, rule, receptor, name, taken: Set[str], options: dict[str, Any]) -> Projection:
    if not isinstance(rule, ConnectionRule | Layer):
        raise TypeError(
            "connect: the third argument is a connection rule such as FixedProbability(0.02), or paths.Layer(module),"
            f" given {rule!r}."
        )
    pre, post = view_of(pre), view_of(post)
    call = {"pre": _kept(pre), "post": _kept(post), "rule": rule, "receptor": receptor, **_options(options)}
    for view, known in ((pre, net.senders), (post, net.populations)):
        if known.get(view.population.path) is not view.population:
            raise ValueError(
                f"connect: {view.population.path} is not a population of this network; assign it first (net.E = ...)."
            )
    receptor, others = receptors_of(receptor)
    for each in (receptor, *others):
        _check_receptor(post.population, each, options["plasticity"])
    post = post if receptor is None else post.onto(getattr(post.population, receptor))
    _check_choices(options)
    if options["weight"] is None and rule.values is None:
        raise ValueError(f"connect: {rule.name} carries no weights; give weight=...")
    path = (
        _free_name(net, f"{pre.population.path.replace('.', '_')}->{post.population.path}", taken)
        if name is None
        else name
    )
    if not isinstance(path, str) or not path:
        raise TypeError(f"connect: the name of a projection is a string such as 'E->I', given {path!r}.")
    if path in vars(net) or hasattr(type(net), path) or set(path) & set("./[]"):
        raise ValueError(f"connect: the name {path!r} is taken or contains one of . / [ ]")
    if receptor is not None and others:
        check_several(path, post.population, receptor, others)
    options["plasticity"] = _plasticity(net, options["plasticity"])
    seed = net._aside.seed
    rng = np.random.default_rng([abs(seed), int(seed < 0), name_hash(path)])
    parts = {k: options[k] for k in ("terminal", "plasticity")}
    parts |= {k: options.pop(k) for k in ("synapse", "structure")} | {"also": others}
    if isinstance(options["delay"], Delay):
        parts["delay"] = _unplaced(path, options["delay"])
        options["delay"] = parts["delay"].given
    of_single_synapses = parts["synapse"] is not None or parts["structure"] is not None or bool(others)
    share = None if of_single_synapses else net._aside.share
    singly = {
        k: part
        for k in ("synapse", "delay", "plasticity")
        if isinstance(part := parts.get(k), Dynamics) and not part.bound
    }
    wired = wire(path, rule, pre, post, receptor, rng, share=share, parts=singly, **options)
    for part, values in zip(singly.values(), wired.each, strict=True):
        part._aside.given.update(values)
    if parts["structure"] is not None:
        check_structure(path, parts["structure"], receptor, post.population, wired, parts)
    made = Projection(path, pre.population, post.population, receptor, wired, **parts)
    if call["weight"] is LISTED:
        call["weight"] = with_unit(0.0, made.weight_unit)
    if wired.sortable:
        call["sort_by"] = "delay" if wired.by_delay else "post"  # which follows from values that are not kept
    made._aside.call = call
    return made


SORTED_BY, PRECISIONS = ("post", "delay"), ("float16",)
LISTED = "listed"  # weights that are given one by one stand in the projection alone


def _check_choices(options: dict[str, Any]) -> None:
    for what, accepted in (("sort_by", SORTED_BY), ("precision", PRECISIONS)):
        given = options[what]
        if given is not None and not (isinstance(given, str) and given in accepted):
            shown = " or ".join(map(repr, accepted))
            raise ValueError(f"connect: {what} is {shown}, given {given!r}.{suggestion(str(given), accepted)}")


def _kept(view: View) -> There:
    whole = type(view) is View and np.array_equal(view.ids, np.arange(view.extent))
    return There(view.population.path) if whole else seen(view)


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call as they are kept."""
    kept = {name: recorded(value) for name, value in options.items()}
    weight = options["weight"]
    listed = isinstance(weight, u.Quantity | np.ndarray) and np.ndim(u.get_mantissa(weight)) > 0
    return kept | {"weight": LISTED if listed else kept["weight"]}


def _unplaced(path: str, delay: Delay) -> Delay:
    if delay.bound:
        raise ValueError(f"{path}: the delay given is that of {delay.path.rpartition('.')[0]}; make another one.")
    return delay


def _check_terminal(net: Members, terminal: Terminal) -> None:
    if not any(vars(p).get("terminal") is terminal for p in net.projections.values()):
        raise ValueError(
            f"connect: the terminal given is that of {terminal.path} of another network; make another one."
        )


def _check_receptor(post: Population, receptor: str | None, plasticity) -> None:
    receptors = getattr(post, "receptors", {})
    if receptor is None and plasticity is None:
        raise ValueError(
            "connect: synapses without a receptor only learn; give plasticity=..., or the name of a receptor."
        )
    if receptor is not None and receptor not in receptors:
        raise UnknownNameError(f"{post.path} has no receptor {receptor!r}.{suggestion(str(receptor), receptors)}")


def _plasticity(net: Members, given) -> Plasticity | None:
    """One rule from what was given: none, one, or several in their order."""
    rule = Combined(*given) if isinstance(given, list | tuple) else given
    if rule is None:
        return None
    if not isinstance(rule, Plasticity):
        raise TypeError(f"connect: plasticity must be one of brainsim.plasticity, given {rule!r}.")
    for unknown in rule.modulators() - net.modulators.keys():
        raise UnknownNameError(
            f"connect: plasticity follows {unknown!r}, no modulator here.{suggestion(unknown, net.modulators)}"
        )
    return rule


def _free_name(net: Members, base: str, taken: Set[str]) -> str:
    name, k = base, 1
    while name in vars(net) or name in taken:
        k += 1
        name = f"{base}#{k}"
    return name
