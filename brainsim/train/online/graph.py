"""Which populations learn, which read out, and the ways between them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from brainsim._core import Structure, changing_values
from brainsim._errors import UnknownNameError, suggestion
from brainsim.network import Network
from brainsim.train.online.edge import Edge, LayerEdge
from brainsim.train.online.own import Own
from brainsim.train.online.site import OfLayer, OneWeight, Site, Weights


class Loop(NamedTuple):
    """Synapses of neurons onto themselves in a projection.

    Parameters
    ----------
    projection : Projection
    receptor : Receptor
    positions : int array, (m,)
        Which of its synapses.
    units : int array, (m,)
        Of which neurons.
    """

    projection: Any
    receptor: Any
    positions: np.ndarray
    units: np.ndarray


class Graph(NamedTuple):
    """What is upstream of what.

    Parameters
    ----------
    order : tuple of str
        Populations with traces, those nearest to the loss first.
    readouts : tuple of str
        Those that send to none of the others.
    edges : tuple of Edge
        Ways back between them; recurrent ones are left out.
    loops : tuple of Loop
    """

    order: tuple[str, ...]
    readouts: tuple[str, ...]
    edges: tuple[Edge, ...]
    loops: tuple[Loop, ...]


def chosen(train: Sequence[str] | str | None, parameters: dict, net: Network) -> tuple[str, ...]:
    """Paths of the trained parameters: those that match a pattern; without patterns the weights of all projections onto
    receptors, and the parameters of layers.

    Raises
    ------
    UnknownNameError
        For a pattern that matches no parameter.
    """
    ways = {n: "layer" in vars(p) for n, p in net.projections.items() if p.receptor is not None}
    patterns = [train] if isinstance(train, str) else train
    if patterns is None:
        found = [f"{n}.weight" for n, layer in ways.items() if not layer and f"{n}.weight" in parameters]
        found += [path for n, layer in ways.items() if layer for path in parameters if path.startswith(f"{n}.layer.")]
        if not found:
            raise ValueError("train: the network has no weights that are parameters; say which parameters, by path.")
        return tuple(found)
    found = []
    for pattern in patterns:
        matching = [pattern] if pattern in parameters else fnmatch.filter(parameters, pattern)
        if not matching:
            raise UnknownNameError(f"train: no parameter is called {pattern!r}.{suggestion(pattern, parameters)}")
        found += [path for path in matching if path not in found]
    if not found:
        raise ValueError("train: no parameter is given.")
    return tuple(found)


def home(path: str, parameters: dict, net: Network, rule: str) -> tuple[str, Any]:
    """``(population, projection)`` that a trained parameter acts on; the projection is None where it is the population's
    own.

    Raises
    ------
    ValueError
        For a parameter that belongs to neither.
    """
    owner, of_layer, _ = path.partition(".layer.")
    owner = owner if of_layer else path.removesuffix(".weight")
    if owner != path and owner in net.projections and net.projections[owner].receptor is not None:
        return net.projections[owner].post, net.projections[owner]
    population = path.partition(".")[0]
    if population in net.populations and parameters[path].shape in ((), (net[population].count,)):
        return population, None
    raise ValueError(
        f"train: {path} is neither a weight of synapses nor a parameter of a population with one value or one per unit,"
        f" so that rule={rule!r} has no traces of it; rule='rtrl' and rule='uoro' take any parameter."
    )


def site_of(path: str, projection: Any, own: Own, parameters: dict, net: Network, structure: Structure) -> Site:
    """Where a trained parameter acts."""
    shape = parameters[path].shape
    if projection is None:
        return Site(path, own, shape)
    receptor = net[projection.post].receptors[projection.receptor]
    if "layer" in vars(projection):
        _check_layer(projection)
        return OfLayer(path, own, shape, projection, receptor, structure)
    return (Weights if shape else OneWeight)(path, own, shape, projection, receptor)


def _check_layer(projection) -> None:
    """Refuse layers that do something else while they train."""
    if changing_values(projection.layer):
        raise ValueError(
            f"{projection.path}: its layer keeps statistics or draws at random while it trains, as batch normalisation and"
            " dropout do, which rules without the past cannot follow; gradient=bs.train.bptt does."
        )


def connect(
    net: Network, learning: set[str], readout: Sequence[str] | None, feedback: str, decay: float,
    structure: Structure, fixed: dict,
) -> Graph:  # fmt: skip
    """The graph of the populations downstream of those that learn.

    Raises
    ------
    UnknownNameError, ValueError
        For readouts that do not exist or send on, and for ways back that do not exist.
    """
    projections = [p for p in net.projections.values() if p.receptor is not None]
    for projection in projections:
        if projection.pre != projection.sender:
            raise ValueError(
                f"{projection.path}: rules without the past follow spikes of whole units, and {projection.pre} sends spikes of"
                " its own; gradient=bs.train.bptt takes them."
            )
    after = {name: {p.post for p in projections if p.pre == name} for name in net.populations}
    reach = {name: _closure(after, name) for name in after}
    members = set(learning).union(*(reach[name] for name in learning))
    readouts = _readouts(net, members, reach, readout)
    order = tuple(sorted(members, key=lambda name: (len(reach[name] & members), name)))
    between = [p for p in projections if {p.pre, p.post} <= members and p.pre not in reach[p.post]]
    edges = [_edge(p, net, feedback, decay, structure, fixed) for p in between]
    _check_feedback(edges if feedback != "random" else _last(edges, readouts), feedback)
    if feedback == "random":
        edges = [_direct(net, hidden, e) for hidden in order for e in _last(edges, readouts) if hidden not in readouts]
    return Graph(order, readouts, tuple(edges), _loops(projections, net, members))


def _closure(after, name):
    found: set = set()
    front = {name}
    while front := set().union(*(after[n] for n in front)) - found:
        found |= front
    return found


def _readouts(net, members, reach, given):
    if given is None:
        last = [name for name in members if not (reach[name] - {name})]
        return tuple(sorted(last))
    given = [given] if isinstance(given, str) else list(given)
    for name in given:
        if name not in net.populations:
            raise UnknownNameError(f"readout: there is no population {name!r}.{suggestion(name, net.populations)}")
        if name not in members:
            raise ValueError(f"readout: nothing that is trained reaches {name}.")
        if reach[name] - {name} & members:
            raise ValueError(
                f"readout: {name} sends to {', '.join(sorted(reach[name] - {name}))}; a readout sends to none."
            )
    return tuple(given)


def _check_feedback(edges, feedback):
    for edge in edges:
        if isinstance(edge, LayerEdge) and feedback != "symmetric":
            raise ValueError(
                f"{edge.name}: feedback={feedback!r} stands in place of a matrix of weights, and it is a layer;"
                " feedback='symmetric' goes back through layers, and 'random' past all but the last."
            )


def _edge(projection, net, feedback, decay, structure, fixed):
    if projection.delay_kind != "none" or projection.held_by is not None:
        what = "a delay" if projection.delay_kind != "none" else "a terminal"
        raise ValueError(
            f"{projection.path}: no learning signal goes back through {what} between populations that learn;"
            " rule='rtrl' and rule='uoro' do it, and other projections may have both."
        )
    pre, post = net[projection.pre], net[projection.post]
    if projection.signal == "spikes" and not np.issubdtype(np.dtype(pre.dtype_of("spikes")), np.floating):
        raise ValueError(
            f"{projection.pre}: its spikes have no derivative, so that no learning signal comes back from"
            f" {projection.post}; give it a surrogate ({type(pre).__name__}(..., surrogate=bs.surrogate.ATan()))."
        )
    receptor = post.receptors[projection.receptor]
    facts = (projection.path, projection.pre, projection.post, f"{projection.pre}.{projection.signal}", projection,
             receptor, feedback, (projection.n_pre, projection.n_post), decay)  # fmt: skip
    if "layer" not in vars(projection):
        return Edge(*facts)
    _check_layer(projection)
    return LayerEdge(*facts, structure, fixed)


def _last(edges, readouts):
    """One way into each readout."""
    found: dict = {}
    for edge in edges:
        if edge.post in readouts:
            found.setdefault(edge.post, edge)
    return list(found.values())


def _direct(net, hidden, edge):
    if hidden == edge.pre:
        return edge
    leaf, shape = f"{hidden}.spikes", (net[hidden].count, edge.shape[1])
    return Edge(f"{hidden}->{edge.post} (feedback)", hidden, edge.post, leaf, edge.projection, edge.receptor, "random",
                shape)  # fmt: skip


def _loops(projections, net, members) -> tuple[Loop, ...]:
    """Synapses of neurons onto themselves."""
    found = []
    for p in projections:
        plain = "layer" not in vars(p) and p.delay_kind == "none" and p.held_by is None
        if plain and p.pre == p.post and p.pre in members:
            pre, post = p.indices_of_synapses()
            positions = np.flatnonzero(pre == post)
            found.append(Loop(p, net[p.post].receptors[p.receptor], positions, pre[positions]))
    return tuple(found)


def autapses(loops: Sequence[Loop], parameters: dict, state: dict) -> dict:
    """Weights of neurons onto themselves, by population, port and what is sent: (n,) each."""
    found: dict = {}
    for loop in loops:
        p, path = loop.projection, f"{loop.projection.path}.weight"
        weight = parameters[path] if path in parameters else state[path]
        flat = jnp.broadcast_to(weight, p.conn.weight_shape).ravel()
        diagonal = jnp.zeros(p.n_post, flat.dtype).at[loop.units].add(flat[loop.positions])
        key = f"{loop.receptor.path}.{loop.receptor.port}", f"{p.pre}.{p.signal}"
        of = found.setdefault(p.post, {})
        of[key] = of.get(key, 0.0) + diagonal
    return found
