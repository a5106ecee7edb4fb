"""A network as a graph of NIR."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from brainsim import neurons, receptors
from brainsim._errors import a_or_an
from brainsim._units import QuantityLike, in_unit
from brainsim.integrators import ExponentialEuler
from brainsim.io._nir.discrete import euler_tau
from brainsim.io._nir.graph import in_order
from brainsim.io._nir.layers import channels_first
from brainsim.io._nir.modules import written
from brainsim.network import Network
from brainsim.nn.neurons import LeakyIntegrator, SoftResetLIF
from brainsim.population import Population
from brainsim.projection import Projection
from brainsim.sources import SpikeInput
from brainsim.stimuli.base import Stimulus


def to_nir(net: Network, *, dt: QuantityLike = 0.1 * u.ms) -> Any:
    r"""A network as a graph of the Neuromorphic Intermediate Representation, for ``nir.write(path, graph)``.

    The inverse of :func:`from_nir`: time constants are such that tools which step by Euler keep as much of a variable from
    step to step as the network does, and weights such that spikes act in full; what they then give in one step is what
    the network gives as many steps later as populations stand between. Where ways of different length meet, the longer is
    given a ``Delay``. Images have their channels first there. Whether a spike subtracts is in the metadata of its node:
    ``{"reset": "subtract"}``.

    snnTorch 1.0 and Norse 1.1 read no leaky integrators without spikes (``LI``): end a stack that is for them with LIF neurons.

    Parameters
    ----------
    net : Network
        Of :class:`brainsim.sources.SpikeInput`; :class:`brainsim.neurons.LIF` and :class:`brainsim.neurons.IF`
        without refractoriness, populations of :mod:`brainsim.nn`, stepped by exponential Euler; receptors ``Delta``,
        ``Exponential`` without reversal potential, and ``Graded`` between potentials; synapses and layers without
        plasticity or terminals, with one delay for all of a projection.
    dt : quantity, time
        Length of the steps.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    ImportError
        Without the package ``nir``.
    ValueError
        For what has no counterpart; says what it is.

    References
    ----------
    J. E. Pedersen et al., Nat. Commun. 15:8122 (2024).
    """
    try:
        import nir
    except ImportError as error:
        raise ImportError("to_nir: needs the package nir; pip install nir.") from error
    if not isinstance(net, Network):
        raise TypeError(f"to_nir: expected a Network, given {type(net).__name__}.")
    step = float(in_unit(dt, u.second, "dt"))
    writer = _Writer(nir, net, step)
    for name, population in net.populations.items():
        writer.nodes[name] = writer.population(name, population)
    writer.connect_all()
    return nir.NIRGraph(nodes=writer.nodes, edges=writer.edges)


class _Writer:
    def __init__(self, nir, net, step):
        self.nir, self.net, self.step = nir, net, step
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.factors: dict[tuple[str, str], np.ndarray] = {}  # by population and receptor: what 1 here is there

    # -- populations ---------------------------------------------------------------------------------------------------

    def population(self, name: str, population: Population) -> Any:
        """The node of a population."""
        if type(population) is SpikeInput:
            return self.nir.Input(input_type={"input": np.array(_shape(population))})
        known = (neurons.LIF, SoftResetLIF, LeakyIntegrator, neurons.IF)
        if type(population) not in known:
            shown = ", ".join(kind.__name__ for kind in (SpikeInput, *known))
            raise ValueError(
                f"to_nir: {name} is {a_or_an(type(population).__name__)}, which has no counterpart; there are {shown}."
            )
        if driven := population.parts(Stimulus):
            raise ValueError(f"to_nir: {name} has stimuli ({', '.join(driven)}), which have no counterpart.")
        if type(population) is not LeakyIntegrator and np.any(_plain(population, "refractory", 0.0) != 0):
            raise ValueError(f"to_nir: {name} is refractory, which has no counterpart.")
        return self._neurons(name, population)

    def _neurons(self, name, population):
        spiking = {} if type(population) is LeakyIntegrator else self._threshold(population)
        metadata = {"metadata": {"reset": "subtract"}} if type(population) is SoftResetLIF else {}
        synapse = self._synapse(name, population)
        if type(population) is neurons.IF:
            if synapse is not None:
                raise ValueError(f"to_nir: {name}: a IF neuron has a counterpart with Delta receptors only.")
            self.factors[name, "input"] = np.ones(population.count)
            return self.nir.IF(r=self._array(population, 1.0), **spiking)
        if not isinstance(population.method, ExponentialEuler):
            raise ValueError(f"to_nir: {name} is stepped by {population.method.name!r}; take 'exponential_euler'.")
        tau, R = (_plain(population, x) for x in ("tau", "R"))
        tau = euler_tau(tau * 1e-3, self.step)
        lost, R = self.step / tau, np.broadcast_to(R * 1e-3, (population.count,))  # Mohm to Gohm
        leak = self._array(population, _plain(population, "E_L"))
        if synapse is None:
            self._receive(name, population, receptors.Delta, (1 - lost) / lost)
            self._receive(name, population, receptors.Graded, R)
            values = dict(tau=self._array(population, tau), r=self._array(population, 1.0), v_leak=leak)
            made = self.nir.LI if type(population) is LeakyIntegrator else self.nir.LIF
        else:
            fading = _plain(synapse, "tau") * 1e-3
            tau_syn = euler_tau(fading, self.step)
            self._receive(name, population, receptors.Exponential, self.step / tau_syn * lost * R * fading / self.step)
            values = dict(tau_mem=tau, tau_syn=tau_syn, r=1 / lost, w_in=tau_syn / self.step)
            values = {key: self._array(population, value) for key, value in values.items()} | {"v_leak": leak}
            made = self.nir.CubaLI if type(population) is LeakyIntegrator else self.nir.CubaLIF
        return made(**values, **spiking, **metadata)

    def _receive(self, name, population, kind, factor) -> None:
        for receptor, thing in population.receptors.items():
            if type(thing) is kind:
                self.factors[name, receptor] = np.broadcast_to(factor, (population.count,))

    def _synapse(self, name, population):
        """The receptor with a time constant; None where spikes act at once."""
        found = []
        for path, receptor in population.receptors.items():
            known = type(receptor) in (receptors.Delta, receptors.Exponential, receptors.Graded)
            moved = (
                receptor.how == "add" and receptor.variable == "V"
                if known and type(receptor) is receptors.Delta
                else known
            )
            if not moved or getattr(receptor, "reversal", None) is not None:
                raise ValueError(
                    f"to_nir: {name}.{path} is {type(receptor).__name__}"
                    f"{' with a reversal potential' if known else ''}, which has no counterpart; there are Delta,"
                    " Exponential and Graded without one."
                )
            found += [receptor] if type(receptor) is not receptors.Graded else []
        if len({type(receptor) for receptor in found}) > 1 or sum(type(r) is receptors.Exponential for r in found) > 1:
            raise ValueError(f"to_nir: {name} has several receptors; a node of NIR has one.")
        return found[0] if found and type(found[0]) is receptors.Exponential else None

    def _threshold(self, population) -> dict[str, np.ndarray]:
        names = {"v_threshold": "V_th", "v_reset": "V_reset"}
        return {key: self._array(population, _plain(population, name)) for key, name in names.items()}

    def _array(self, population, values) -> np.ndarray:
        """One value per unit, in the shape that the population has there."""
        return np.moveaxis(np.broadcast_to(values, (population.count,)).reshape(population.size), -1, 0).astype(float)

    # -- projections ---------------------------------------------------------------------------------------------------

    def connect_all(self) -> None:
        """Add layers and edges, and outputs behind what sends to nobody else."""
        between = {(p.pre, p.post) for p in self.net.projections.values()}
        first = [name for name, p in self.net.populations.items() if type(p) is SpikeInput]
        names = [*first, *(name for name in self.net.populations if name not in first)]
        order, back = in_order(names, sorted(between, key=lambda pair: (names.index(pair[0]), names.index(pair[1]))))
        late: dict[str, int] = {}  # in which step a population feels an input of the first, with no delay on the way
        for name in order:
            late[name] = min(
                (late[pre] + 1 for pre, post in between if post == name and (pre, name) not in back), default=0
            )
        for path, projection in self.net.projections.items():
            returns = (projection.pre, projection.post) in back
            lag = late[projection.pre] + 1 + self._steps(path, projection) - late[projection.post] - returns
            if lag < 0:
                raise ValueError(f"to_nir: {path} leads back in fewer steps than there are populations on the way.")
            self._connect(path, projection, lag)
        for name in names:
            if not any(a == name and (a, b) not in back for a, b in between):
                output = f"{name}_output" if "output" in self.nodes else "output"
                self.nodes[output] = self.nir.Output(
                    output_type={"output": np.array(_shape(self.net.populations[name]))}
                )
                self.edges.append((name, output))

    def _steps(self, path: str, projection: Projection) -> int:
        """Steps of its delay."""
        if projection.delay_kind == "none":
            return 0
        times = projection.axon.times
        if projection.delay_kind != "axonal" or projection.axon.changes or times is None:
            raise ValueError(f"to_nir: {path} has delays that differ or change; there is one for all.")
        return int(times.steps(self.step * 1e3))

    def _connect(self, path, projection, lag) -> None:
        parts = ("plasticity", projection.plastic), ("a terminal", projection.held_by is not None)
        for what, there in (*parts, (projection.beyond_sums, projection.beyond_sums)):
            if there:
                raise ValueError(f"to_nir: {path} has {what}, which has no counterpart.")
        pre, post = self.net.populations[projection.pre], self.net.populations[projection.post]
        factor = self.factors.get((projection.post, projection.receptor))
        if factor is None:
            raise ValueError(f"to_nir: {path} sends to {projection.receptor!r}, which has no counterpart.")
        layers = written(self.nir, path, projection, pre, post, factor)
        if lag:
            layers.insert(0, self.nir.Delay(delay=np.full(_shape(pre), lag * self.step)))
        way, name = [projection.pre], f"{projection.pre}_{projection.post}"
        for layer in layers:
            own = next(n for n in (f"{name}_{k}" if k else name for k in range(10**6)) if n not in self.nodes)
            self.nodes[own] = layer
            way.append(own)
        self.edges += zip(way, [*way[1:], projection.post], strict=True)


def _shape(population) -> tuple[int, ...]:
    return channels_first(population.size) if len(population.size) > 1 else population.size


def _plain(part, name, default: float | None = None) -> np.ndarray:
    if default is not None and getattr(part, name) is None:
        return np.asarray(default)
    return np.asarray(part.plain(name), float)
