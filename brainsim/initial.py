"""The state at the beginning: a function of parameters, of what was given, and of a random key.

What :func:`draw` and :func:`settle` do to a network they do to any copy of it, so a copy made of traced arrays makes of
them the pure function that ``sweep``, ``function`` and ``jax.vmap`` call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import jax

from brainsim._core import Dynamics, key_at, write_back


def components(net: Dynamics, path: str = "") -> Iterator[tuple[str, Dynamics]]:
    """Every object of a network with its path, parts before what they are part of, the network last."""
    for name, part in net.parts(Dynamics).items():
        yield from components(part, _at(path, name))
    yield path, net


def drawn(net: Dynamics) -> tuple[str, ...]:
    """Paths of the states that were given as distributions."""
    return tuple(_at(path, name) for path, part in components(net) for name in part.distributed())


def follows(net: Dynamics) -> bool:
    """Whether anything at the beginning follows from other values: a state from others, or a signal that is graded."""
    return any(part.derived() for _, part in components(net)) or any(p.graded for p in net.projections.values())


def draw(net: Dynamics, key: jax.Array, paths: Collection[str] | None = None) -> None:
    """Put states to what they were given as, distributions drawn with ``key``; nothing is under way any more.

    ``paths``: those to put, and nothing else; all by default.
    """
    for path, part in components(net):
        if paths is None:
            part.clear()
            part.draw(key_at(key, path))
        else:
            chosen = [name for name in part.states() if _at(path, name) in paths]
            if chosen:
                part.draw(key_at(key, path), chosen)


def settle(net: Dynamics, held: Collection[str] = ()) -> None:
    """Make what follows from initial values: derived states, histories in delays, and the graded signals of t = 0.

    ``held``: paths of states that stay as they are.
    """
    for path, part in components(net):
        names = [name for name in part.derived() if _at(path, name) not in held]
        if names:
            part.settle(names)
    _couple(net, held)


def _couple(net, held) -> None:
    """Graded signals have been what they are at the beginning, and have arrived."""
    for projection in net.projections.values():
        if "contacts" in vars(projection):
            receptor, path = _receptor(net, projection), f"{projection.path}.contacts."
            own = [name.removeprefix(path) for name in held if name.startswith(path)]
            with (post := net.populations[projection.post]).warmed():
                projection.contacts.begin(receptor, projection.plain("weight"), post.around(receptor), own)
    graded = [projection for projection in net.projections.values() if projection.graded]
    for receptor in dict.fromkeys(_receptor(net, projection) for projection in graded):
        receptor.draw(None, [port for port in receptor.ports if f"{receptor.path}.{port}" not in held])
    for projection in graded:
        terminal = None if projection.held_by is None else net.projections[projection.held_by].terminal
        sent = projection.sends(net.senders[projection.pre], terminal)
        receptor = _receptor(net, projection)
        for port, sums in projection.first_delivery(sent, receptor, net.populations[projection.post]).items():
            if f"{receptor.path}.{port}" not in held:
                receptor.put(port, receptor.plain(port) + sums)
        histories = {f"{projection.path}.{name}": array for name, array in projection.histories(sent).items()}
        write_back(net, {path: array for path, array in histories.items() if path not in held})


def catch_up(net: Dynamics, before: dict) -> None:
    """After states or weights have been assigned in the course of a simulation: graded signals without a delay are those
    of now.

    ``before`` holds them by path as they were.
    """
    for projection in net.projections.values():
        if "synapse" in vars(projection) and before:
            projection.synapse.catch_up(before, net.plain("steps"))
    for projection in net.projections.values():
        signal, weight = f"{projection.pre}.{projection.signal}", f"{projection.path}.weight"
        if not projection.acts_at_once("weight"):
            continue
        receptor, post = _receptor(net, projection), net.populations[projection.post]
        own = f"{projection.post}.{receptor.of}" if receptor.couples else weight
        if not before.keys().isdisjoint({signal, weight, own}):
            present, there = projection.plain("weight"), post.plain(receptor.of) if receptor.couples else None
            sent = projection.sends(net.senders[projection.pre])
            now = projection.first_delivery(sent, receptor, post)
            projection.put("weight", before.get(weight, present))
            if receptor.couples:
                post.put(receptor.of, before.get(own, there))
            then = projection.first_delivery(before.get(signal, sent), receptor, post)
            projection.put("weight", present)
            if receptor.couples:
                post.put(receptor.of, there)
            for port, sums in then.items():
                receptor.put(port, receptor.plain(port) + now[port] - sums)


def at_once(net: Dynamics) -> tuple[str, ...]:
    """Paths of the parameters from which follows what has arrived already."""
    return tuple(f"{name}.weight" for name, p in net.projections.items() if p.acts_at_once("weight"))


def _receptor(net, projection):
    return net.populations[projection.post].receptors[projection.receptor]


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
