"""A graph of NIR as a network."""

from __future__ import annotations

import os
import re
from typing import Any

import brainunit as u
import numpy as np

from brainsim import neurons, receptors
from brainsim._core import chain
from brainsim._errors import suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.connectivity import AllToAll, OneToOne
from brainsim.io._nir.discrete import exact_tau
from brainsim.io._nir.graph import STATEFUL, Route, flat, in_order, kind, routes
from brainsim.io._nir.layers import Chain, channels_last, moved
from brainsim.network import Network
from brainsim.nn.neurons import LeakyIntegrator, SoftResetLIF
from brainsim.paths import Layer
from brainsim.sources import SpikeInput
from brainsim.surrogate import ATan, Surrogate

RESETS = ("zero", "subtract")
SILENT = ("LI", "CubaLI")


def from_nir(
    graph: Any,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    reset: str = "zero",
    surrogate: Surrogate | None = ATan(),  # noqa: B008
    seed: int = 0,
) -> Network:
    r"""A network from a graph of the Neuromorphic Intermediate Representation.

    Populations have the names of their nodes, with ``_`` for what no name may have in it, and a number first is ``n0``.
    Potentials of 1 are 1 mV, inputs of 1 are 1 in ``"input.input"``. Tools that read NIR step by Euler; here

    .. math:: v \leftarrow \beta v + (1 - \beta)(v_{leak} + r\,I),\qquad \beta = 1 - dt/\tau

    is the exact step of a membrane with :math:`\tau' = -dt/\ln\beta`, and weights are such that spikes act as they do there:
    results are the same to rounding. A population acts in the step after it has fired, so each is one step later than
    the one before; where two ways meet, the shorter one gets a delay. Recurrent layers act in the next step there too.
    Images have their channels last here.

    Parameters
    ----------
    graph : nir.NIRGraph, str or path
        A graph, or a file. Nodes: Input, Output, LIF, CubaLIF, LI, CubaLI, IF; Linear, Affine, Conv1d, Conv2d,
        SumPool2d, AvgPool2d, Flatten, Scale, Delay; graphs of those.
    dt : quantity, time
        Length of the steps that the graph was made for and that the network will run with: 0.1 ms for snnTorch, 1 ms for
        Norse, by default.
    reset : {"zero", "subtract"}
        What a spike does where the node's metadata do not say it: V becomes v_reset, or :math:`V - v_{threshold} +
        v_{reset}`.
    surrogate : Surrogate or None
        Derivative of the spikes.
    seed : int
        Of the network.

    Returns
    -------
    Network

    Raises
    ------
    ImportError
        Without the package ``nir``.
    TypeError, ValueError
        For what is no graph, and nodes that do not fit or have no counterpart.

    References
    ----------
    J. E. Pedersen et al., Nat. Commun. 15:8122 (2024).
    """
    step = float(in_unit(dt, u.second, "dt"))
    if reset not in RESETS:
        raise ValueError(f"from_nir: there is no reset {reset!r}.{suggestion(str(reset), RESETS)}")
    nodes, edges = flat(_graph(graph))
    found = routes(nodes, edges)
    net, made = Network(seed=seed), _names(nodes)
    builder = _Builder(net, nodes, made, step, reset, surrogate)
    names = [name for name, node in nodes.items() if kind(node) in (*STATEFUL, "Input")]
    inner = [route for route in found if kind(nodes[route.post]) != "Output"]
    for route in found:
        if kind(nodes[route.post]) == "Output" and route.layers:
            raise ValueError(
                f"from_nir: {', '.join(map(repr, route.layers))} stand before the output, with no population behind"
                " them; end with a LI or a LIF."
            )
    order, back = in_order(names, [(route.pre, route.post) for route in inner])
    for name in order:
        builder.populate(name, [route for route in inner if route.post == name])
    for route, steps in builder.delays(order, inner, back).items():
        builder.connect(route, steps)
    return net


def _graph(graph):
    try:
        import nir  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError("from_nir: needs the package nir; pip install nir.") from error
    if isinstance(graph, str | os.PathLike):
        return nir.read(os.fspath(graph))
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"from_nir: expected a nir.NIRGraph or a file, given {graph!r}.")
    return graph


def _names(nodes) -> dict[str, str]:
    """Names of populations, by node."""
    taken: dict[str, str] = {}
    for node in nodes:
        name = re.sub(r"\W", "_", node)
        name = name if name[:1].isalpha() else f"n{name}"
        while name in taken.values():
            name += "_"
        taken[node] = name
    return taken


class _Builder:
    """Puts populations and projections into a network."""

    def __init__(self, net, nodes, names, step, reset, surrogate):
        self.net, self.nodes, self.names, self.step = net, nodes, names, step
        self.reset, self.surrogate = reset, surrogate
        self.chains: dict[Route, Chain] = {}
        self.factors: dict[str, np.ndarray] = {}  # what 1 in the graph is here, of each unit

    def populate(self, name: str, into: list[Route]) -> None:
        """Add the population of a node whose inputs are there, or come back from later ones."""
        node = self.nodes[name]
        if kind(node) == "Input":
            self._add(name, SpikeInput(self._input_shape(name)))
            return
        shape = None
        for route in into:
            if self.names[route.pre] in self.net.populations:
                shape = self._chain(route).shape
        own = np.shape(node.v_threshold if hasattr(node, "v_threshold") else node.v_leak)
        size = shape or channels_last(own)
        population, factor = self._population(name, node, size)
        self._add(name, population)
        self.factors[name] = np.broadcast_to(factor, (population.count,))

    def delays(self, order: list[str], routes: list[Route], back: set) -> dict[Route, int]:
        """Steps of delay of each route: those of the graph, and more where a longer way leads to the same population."""
        given = {route: self._chain(route).delay / self.step for route in routes}
        for route, steps in given.items():
            if abs(steps - round(steps)) > 1e-6:
                raise ValueError(
                    f"from_nir: {', '.join(map(repr, route.layers))}: a delay of {self._chain(route).delay} s is not a"
                    f" multiple of dt = {self.step} s."
                )
        late: dict[str, int] = {}  # in which step a population feels an input of the first, with no delay on the way
        for name in order:
            into = [route for route in routes if route.post == name and (route.pre, name) not in back]
            least = min((late[route.pre] + 1 for route in into), default=0)
            late[name] = max([least, *(late[route.pre] + 1 - round(given[route]) for route in into)])
        found = {}
        for route in routes:
            found[route] = round(given[route]) + late[route.post] - late[route.pre]
            found[route] -= (route.pre, route.post) not in back  # what leads back acts in the next step there too
            if found[route] < 0:
                raise ValueError(
                    f"from_nir: {route.pre!r} leads back to {route.post!r} in the next step; there are"
                    f" {late[route.pre] - late[route.post]} populations on the way, which take a step each."
                )
        return found

    def connect(self, route: Route, steps: int) -> None:
        """Connect two populations, with a delay of so many steps."""
        net, chained = self.net, self._chain(route)
        pre, post = net.populations[self.names[route.pre]], net.populations[self.names[route.post]]
        if int(np.prod(chained.shape)) != post.count:
            raise ValueError(
                f"from_nir: what goes from {route.pre!r} to {route.post!r} has shape {chained.shape}, and {route.post!r}"
                f" has {post.count} units."
            )
        graded = kind(self.nodes[route.pre]) in SILENT
        factor = (
            np.ones(post.count) if graded and "Cuba" not in kind(self.nodes[route.post]) else self.factors[route.post]
        )
        options: dict[str, Any] = {"receptor": "graded" if graded else "input", "signal": "V" if graded else None}
        if graded:
            self._take_graded(route, post)
        if steps:
            options["delay"] = steps * self.step * u.second
        unit = post.receptors[options["receptor"]].weight_unit(u.mV if graded else u.UNITLESS)
        if not chained.modules:
            net.connect(pre, post, OneToOne(), weight=factor * unit, **options)
            return
        chained.scale(factor)
        if chained.weight is not None:
            net.connect(pre, post, AllToAll(), weight=chained.weight * unit, **options)
        else:
            net.connect(pre, post, Layer(chain(chained.modules)), weight=1.0 * unit, **options)

    def _take_graded(self, route, post) -> None:
        if "Cuba" in kind(self.nodes[route.post]):
            raise ValueError(
                f"from_nir: {route.pre!r} has no spikes, and {route.post!r} has a synapse that takes spikes only."
            )
        if "graded" not in post.receptors:
            post.add_receptors(graded=receptors.Graded())

    def _add(self, name, population) -> None:
        setattr(self.net, self.names[name], population)

    def _chain(self, route: Route) -> Chain:
        if route not in self.chains:
            made = Chain(self.net.populations[self.names[route.pre]].size)
            for layer, brings in zip(route.layers, route.brings, strict=True):
                made.add(layer, self.nodes[layer], brings)
            made.end()
            self.chains[route] = made
        return self.chains[route]

    def _input_shape(self, name) -> tuple[int, ...]:
        given = next(iter(self.nodes[name].input_type.values()))
        if given is None:
            raise ValueError(f"from_nir: the input {name!r} has no shape; nir.Input(input_type={{'input': (700,)}}).")
        return channels_last(tuple(int(n) for n in np.ravel(given)))

    def _population(self, name, node, size):
        """The population of a node; and what 1 is there."""
        try:
            return getattr(self, f"_{kind(node)}".lower())(node, size)
        except ValueError as error:
            raise ValueError(f"from_nir: {name!r} ({kind(node)}): {error}") from error

    def _of_units(self, values, size) -> np.ndarray:
        """One value per unit, or one for all."""
        values = np.asarray(values, float)
        if values.size == 1:
            return values.reshape(())
        values = moved(values).ravel() if values.ndim > 1 else values
        n = int(np.prod(size))
        if values.size == n:
            return values
        if len(size) > 1 and values.size == size[-1]:  # one per channel
            return np.broadcast_to(values, size).ravel()
        raise ValueError(f"has {values.size} values for {n} units.")

    def _membrane(self, node, size, tau="tau", r="r"):
        tau, r, leak = (self._of_units(getattr(node, x), size) for x in (tau, r, "v_leak"))
        exact, lost = exact_tau(tau, self.step), self.step / tau
        values = {"tau": exact * u.second, "R": r * u.Gohm, "E_L": leak * u.mV, "V": leak * u.mV}
        return values, lost * r / (1 - lost)

    def _threshold(self, node, size) -> dict:
        values = {name: self._of_units(getattr(node, f"v_{name}"), size) for name in ("threshold", "reset")}
        return {"V_th": values["threshold"] * u.mV, "V_reset": values["reset"] * u.mV, "surrogate": self.surrogate}

    def _spiking(self, node):
        how = node.metadata.get("reset", self.reset) if isinstance(node.metadata, dict) else self.reset
        how = how.decode() if isinstance(how, bytes) else how
        if how not in RESETS:
            raise ValueError(f"there is no reset {how!r}.{suggestion(str(how), RESETS)}")
        return neurons.LIF if how == "zero" else SoftResetLIF

    def _lif(self, node, size):
        values, factor = self._membrane(node, size)
        made = self._spiking(node)(size, **values, **self._threshold(node, size))
        made.add_receptors(input=receptors.Delta())
        return made, factor

    def _li(self, node, size):
        values, factor = self._membrane(node, size)
        made = LeakyIntegrator(size, **values)
        made.add_receptors(input=receptors.Delta())
        return made, factor

    def _cubalif(self, node, size):
        values, _ = self._membrane(node, size, "tau_mem")
        return self._with_synapse(self._spiking(node)(size, **values, **self._threshold(node, size)), node, size)

    def _cubali(self, node, size):
        values, _ = self._membrane(node, size, "tau_mem")
        return self._with_synapse(LeakyIntegrator(size, **values), node, size)

    def _with_synapse(self, made, node, size):
        """What arrives in a step acts in full in it, and its mean over the step is that of an exact decay."""
        tau = exact_tau(self._of_units(node.tau_syn, size), self.step)
        made.add_receptors(input=receptors.Exponential(tau=tau * u.second))
        return made, self._of_units(node.w_in, size) * self.step / tau

    def _if(self, node, size):
        made = self._spiking_without_leak(node)(size, C=1.0 * u.pF, V=0.0 * u.mV, **self._threshold(node, size))
        made.add_receptors(input=receptors.Delta())
        return made, self._of_units(node.r, size)

    def _spiking_without_leak(self, node):
        if self._spiking(node) is not neurons.LIF:
            raise ValueError("a reset by subtraction of a neuron without leak has no counterpart.")
        return neurons.IF
