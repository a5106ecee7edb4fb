"""Networks: populations and projections, and the order in which a step updates them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from brainsim import describing, editing, schedule, summary
from brainsim._core import Clock, Dynamics, is_layer, key_at
from brainsim._errors import UnknownNameError, names_arguments, suggestion
from brainsim._units import QuantityLike
from brainsim.between_runs import BetweenRuns
from brainsim.connecting import connect
from brainsim.connectivity import ConnectionRule, SynapseValue
from brainsim.connectivity.distribution import Given
from brainsim.delays import Delay
from brainsim.modulators import Modulator
from brainsim.operation import Operation
from brainsim.paths import Layer
from brainsim.plasticity import Plasticity, Structural
from brainsim.population import Population, Sender, View
from brainsim.projection import Projection
from brainsim.synapses import Synapse
from brainsim.terminals.base import Terminal

MEMBERS = (Population, Modulator, Operation)  # what is assigned to a network


class Network(BetweenRuns):
    """Populations and projections between them.

    Assign populations as attributes and connect them::

        net = Network(seed=0)
        net.E = LIF(3200)
        net.connect(net.E, net.E, FixedProbability(0.02), receptor="ampa", weight=6 * u.nS)

    Parameters
    ----------
    seed : int
        Seed of everything random: initial values, wiring, noise. What a component draws depends on the seed and on the
        component's own path only.
    mesh : jax.sharding.Mesh of one axis, list of jax.Device, or int, optional
        The devices that it runs on: :func:`brainsim.simulate` takes them from here. Of several processes each builds the
        synapses onto the neurons of its own devices, and holds no others; together they are those that one process builds.

    Raises
    ------
    TypeError
        If the seed is not an integer, or the mesh none.
    """

    # -- building ----------------------------------------------------------------------------------------------------

    def __setattr__(self, name, value):
        if isinstance(value, MEMBERS):
            kind = next(kind for kind in MEMBERS if isinstance(value, kind)).__name__.lower()
            if name in vars(self) or hasattr(type(self), name):
                raise ValueError(f"Network: the name {name!r} is taken.")
            if not name.isidentifier():
                raise ValueError(f"Network: {name!r} is not a name for a {kind}; use letters, digits and underscores.")
            if "_path" in vars(value):
                raise ValueError(
                    f"Network: the {kind} given as {name!r} already stands in a network as {value.path!r}."
                )
            value._aside.moment = self._aside.moment
            value.join(name, key_at(self.plain("key"), name))
            self.fix(**{name: value})
        elif isinstance(value, list | tuple) and any(isinstance(part, MEMBERS) for part in value):
            raise TypeError(
                f"Network.{name}: a name holds one population, modulator or operation; given {len(value)} of them."
            )
        else:
            super().__setattr__(name, value)

    def _refusal(self, name):
        return f"{super()._refusal(name)} Only populations, modulators and operations are assigned to a network."

    def __delattr__(self, name):
        """Take a population, modulator or operation out that nothing refers to."""
        plastic = [p for p in self.projections.values() if p.plastic]
        users = [p.path for p in self.projections.values() if name in (p.sender, p.post)]
        users += [p.path for p in plastic if name in p.plasticity.modulators()]
        users += [m.path for m in self.modulators.values() if name in [s for s, *_ in getattr(m, "sources", ())]]
        if users or not isinstance(vars(self).get(name), MEMBERS):
            why = (
                f"{', '.join(users)} refers to it; take that out first"
                if users
                else f"give its path, del net[{name!r}]"
            )
            raise ValueError(f"Network: {name!r} cannot be taken out: {why}.")
        self.let_go(name)

    def __setitem__(self, name: str, part: Any) -> None:
        """As ``net.E = part``, by a name that a program makes: ``net[f"L{k}E"] = LIF(100)``.

        Raises
        ------
        TypeError, ValueError, UnknownNameError
            For what is no name, and for what cannot be assigned.
        """
        if not isinstance(name, str):
            raise TypeError(f"Network: a population has a name, such as net['L23E'] = LIF(100), given {name!r}.")
        if "." in name:
            raise ValueError(
                f"Network: {name!r} is a path. net.replace({name!r}, part) exchanges a part of a population; values are"
                " assigned to the part, as net.E.tau = 20 * u.ms."
            )
        setattr(self, name, part)

    def __delitem__(self, path: str) -> None:
        """Take a part out by path that nothing else refers to: ``del net["E->I"]``, ``del net["E.drive"]``.

        Raises
        ------
        ValueError, UnknownNameError
            For what something refers to, or what there is not; the network stays as it was.
        """
        if isinstance(self[path], MEMBERS):
            delattr(self, path)
        else:
            editing.remove(self, path)

    def replace(self, path: str, part: Dynamics) -> None:
        """Put another population, receptor or stimulus in the place of the one at ``path``.

        Projections stay, with their weights. Receptors and stimuli of a population go over to the new one, unless it has
        its own of the same name. A stimulus stands at the units of the old one. States of what is new begin as it gives
        them.

        Parameters
        ----------
        path : str
            ``"E"``, ``"E.ampa"``, ``"E.drive"``.
        part : Population, Receptor or Stimulus
            As yet in no network.

        Raises
        ------
        TypeError, ValueError
            For what does not fit: another number of units, weights in another unit; the network stays as it was.
        """
        editing.replace(self, path, part)

    def copy(self) -> Network:
        """Another network that is as this one stands now, time, states and spikes under way included.

        Both go on alike from here, and share the compiled programs.
        """
        return copy.deepcopy(self)

    def describe(self) -> dict[str, Any]:
        """The network at its beginning as plain data, which JSON can hold and from which an equal one is built.

        It says what populations, their parts and projections are made with; numbers are listed only where that does not
        tell them, as of weights that were learned. Rules and values that are functions are listed pair by pair. An equal
        network is built and compared to the last bit before a description is given.

        Returns
        -------
        dict
            For :meth:`from_description`, and ``json.dumps``.

        Raises
        ------
        TypeError
            For what no plain data stands for: a function without a name, a layer of flax nnx; names it.
        """
        return describing.describe(self)

    @classmethod
    def from_description(cls, description: dict[str, Any], own: Iterable[Any] = ()) -> Network:
        """The network that a description is of, at its beginning.

        Parameters
        ----------
        description : dict
            What :meth:`describe` gave, also by way of JSON.
        own : iterable of classes and functions, optional
            Those of one's own that it names. Nothing but brainsim's and these is looked up, so that a description from
            elsewhere runs no code.

        Returns
        -------
        Network

        Raises
        ------
        UnknownNameError
            For a class that is neither brainsim's nor given.
        ValueError
            For what is no description, or a value that does not fit.
        """
        return describing.build(cls, description, own)

    def __getitem__(self, path: str):
        """A population, projection, receptor, stimulus or layer by path: ``net["E->I"]``, ``net["E.ampa"]``."""
        if not isinstance(path, str):
            raise TypeError(f"Network: parts are found by path, net['E'] or net['E->I'], given {path!r}.")
        node = self
        for name in path.split("."):
            parts = {k: v for k, v in vars(node).items() if isinstance(v, Dynamics) or is_layer(v)}
            if name not in parts:
                where = getattr(node, "path", type(node).__name__)
                raise UnknownNameError(f"{where} has no {name!r}.{suggestion(name, parts)}")
            node = parts[name]
        return node

    @names_arguments
    def connect(
        self,
        pre: Sender | View,
        post: Population | View | list | tuple,
        rule: ConnectionRule | Layer,
        *,
        receptor: str | list | tuple | dict | None,
        weight: Given | SynapseValue | Callable | None = None,
        delay: Given | SynapseValue | Delay | Callable | None = None,
        max_delay: QuantityLike | None = None,
        terminal: Terminal | None = None,
        synapse: Synapse | None = None,
        plasticity: Plasticity | list | tuple | None = None,
        structure: Structural | None = None,
        signal: str | None = None,
        sort_by: str | None = None,
        precision: str | None = None,
        name: str | None = None,
    ) -> Projection | Any:
        """Connect a population, or a view of one, to another or to each of several.

        Parameters
        ----------
        pre : Population, Detector or View
            Who sends: ``net.E`` or ``net.E[:100]``; of cells with a shape, places that send spikes of their own,
            ``net.cells.axon``, see :class:`brainsim.cells.Detector`.
        post : Population, View or list of them
            Who receives.
        rule : ConnectionRule or Layer
            Which pairs: ``FixedProbability(0.02)``, ``FixedInDegree(80)``, ...; or a layer of flax nnx in place of
            synapses: ``paths.Layer(nnx.Conv(...))``.
        receptor : str, list of str, dict of str to quantity, or None
            Name of the receptor of ``post``. Several share the synapses: ``["ampa", "nmda"]``, or with what arrives at each
            for a weight of 1, ``{"ampa": 1.0, "nmda": 0.2}``; the weight is that of the first. None: the synapses learn and
            send nothing, so that spikes which are given on both sides can shape weights for later.
        weight : quantity in the receptor's unit, array of one per synapse, distribution, OfDistance or function
            What a spike adds. A function of the two neurons is ``lambda i, j: ...``, of their numbers in the views, or
            ``lambda pre, post: ...``, of neurons with ``x``, ``y``, ``z`` and ``index``. May be left out with a rule
            from a matrix: then the entries are the weights; and with a layer, whose output it multiplies.
        delay : quantity, time; array of one per synapse, distribution, DistanceDelay, OfDistance or function; Delay
            From spike to arrival, rounded to whole steps, at least one. None: arrives at the time it is fired. An object
            of :mod:`brainsim.delays`, or of a class of one's own, says how it gets there too.
        max_delay : quantity, time, optional
            Makes the delay a parameter that can change up to this: assigned, given step by step as an input
            (``inputs={"E->I.delay": ...}``), swept or trained. A delay between two steps then divides the arrival
            between them. A spike keeps the delay that it was sent with; a graded signal is that of the present delay
            ago.
        terminal : Terminal, optional
            What a presynaptic neuron sends when it fires: short-term plasticity, release by chance, a gate. One may
            serve several projections of the population; the first of them holds it.
        synapse : Synapse, optional
            States of single synapses, each with parameters of its own, and what they make of a spike: see
            :mod:`brainsim.synapses`.
        plasticity : Plasticity or list of them, optional
            How the weights change; several rules in their order.
        structure : Structural, optional
            Synapses form and break in the course of a run: :class:`brainsim.plasticity.Structural`.
        signal : str, optional
            State of ``pre`` to send at every step to a receptor that is graded: ``"V"``, ``"r"``. Spikes are sent
            otherwise.
        sort_by : {"post", "delay"}, optional
            What the synapses of a presynaptic neuron are sorted by, in every array that has one value each: by postsynaptic
            neuron, or by delay first. By delay, spikes with delays of single synapses arrive in half to a fifth of the time in
            large networks. The default is that where chance alone decides: pairs, weights and delays are drawn, or functions. What
            was given one by one stays by postsynaptic neuron, several of one pair as they were given. See
            :meth:`Projection.pairs`.
        precision : {"float16"}, optional
            Keep the weights in 16 bits, so that a synapse takes 4 bytes onto populations of up to 65,536. They lose 1/2,048 of
            each at most (those below 6.1e-5 in the receptor's unit, of that), and are added in full precision. For networks
            that do not fit otherwise: weights of synapses in rows that neither learn nor are trained.
        name : str, optional
            Name of the projection; by default ``"E->I"``, and ``"E->I#2"`` for the second.

        Returns
        -------
        Projection, or list of Projection for a list of ``post``

        Raises
        ------
        TypeError, ValueError, UnitError, UnknownNameError, NotEnoughMemoryError
            For what cannot be connected; the network stays as it was.
        """
        options = dict(
            weight=weight,
            delay=delay,
            max_delay=max_delay,
            terminal=terminal,
            synapse=synapse,
            plasticity=plasticity,
            structure=structure,
            signal=signal,
            sort_by=sort_by,
            precision=precision,
        )
        made = connect(self, pre, post, rule, receptor, name, options)
        for projection in made:
            self.fix(**{projection.path: projection})
        return made if isinstance(post, list | tuple) else made[0]

    # -- the step ----------------------------------------------------------------------------------------------------

    def update(self, clock: Clock) -> None:
        """Advance from t to t + dt, in the order of :meth:`schedule`."""
        schedule.advance(self, clock)
        self.put("steps", clock.step + 1)

    def schedule(self) -> str:
        """The order of a step, with the members and operations of this network, to print."""
        return schedule.printed(self)

    def __repr__(self):
        populations = ", ".join(f"{k}: {type(p).__name__}({p.count})" for k, p in self.populations.items())
        synapses = sum(p.n_synapses for p in self.projections.values())
        return f"Network({populations}; {len(self.projections)} projections, {synapses:,} synapses)"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """Tables of populations, parameters, projections and synapses, for a notebook."""
        return summary.of(self)
