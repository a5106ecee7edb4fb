"""Projections: who sends spikes to whose receptor, with which weights, delays and plasticity."""

from __future__ import annotations

import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Dynamics, FixedVariable, Parameter, StateVariable, write_back
from brainsim._units import float_dtype, with_unit
from brainsim.delays import delay_for
from brainsim.paths import Applied, Ends, Path, Synapses
from brainsim.plasticity.base import Site
from brainsim.plasticity.synapses import Surroundings, single_rows
from brainsim.population import Population
from brainsim.wiring import Wired


class _Delay(Parameter):
    """A parameter where delays may change; otherwise what was given when the populations were connected."""

    def __get__(self, projection, owner=None):
        if projection is None or "axon" not in vars(projection) or projection.axon.changes:
            return super().__get__(projection, owner)
        times = projection.axon.times
        return None if times is None else with_unit(times.ms, u.ms)


class Projection(Dynamics):
    """The way from one population to a receptor of another. Made by :meth:`Network.connect`.

    Attributes
    ----------
    weight : quantity, () or one per synapse
        In the receptor's unit; synapses are sorted by presynaptic, then postsynaptic neuron. Of a procedural projection
        with drawn weights, the factor that multiplies them.
    delay : quantity, () or one per synapse; None
        From spike to arrival. A parameter that can be assigned, given as an input, swept and trained where the
        projection was made with ``max_delay``, and fixed otherwise.
    pre, post, receptor : str
        Paths of the two populations and name of the receptor; None for synapses that send nothing.
    n_synapses : int
        Number of synapses; of a procedural projection with random numbers of them, what is expected.
    axon : Delay
        What is under way.
    """

    weight = Parameter(0.0, "what a spike adds to the receptor", unit="weight_unit", shape="weight_shape")
    delay = _Delay(None, "time from spike to arrival", unit=u.ms, shape="weight_shape", optional=True)

    def __init__(self, path: str, pre: Population, post: Population, receptor: str | None, wired: Wired, rng, *,
                 terminal=None, plasticity=None):  # fmt: skip
        self._path, self.pre, self.post, self.receptor = path, pre.path, post.path, receptor
        conn, self.signal, self.graded = wired.conn, wired.signal, wired.graded
        self.weight_unit, self.signed, self.fires = wired.unit, wired.signed, "spikes" in post._declared
        self.n_pre, self.n_post, self.plastic = conn.n_pre, conn.n_post, plasticity is not None
        self.n_synapses, self.weight_shape = conn.n_synapses, conn.weight_shape
        changing = {} if wired.longest is None else {"delay": with_unit(wired.times.ms, u.ms)}
        super().__init__(weight=wired.weight, **changing)
        self._aside.wired = wired.facts
        if isinstance(conn, Ends):
            self.ends, self.layer = conn, wired.rule.module
        else:
            self.hold("connectivity", FixedVariable(conn))
        sent = jnp.dtype(float_dtype() if terminal is not None else pre.dtype_of(self.signal)).name
        target = None if receptor is None else post.receptors[receptor]
        self.axon = delay_for(f"{path}.axon", wired.times, self.n_pre, sent, graded=self.graded, follow=self.plastic,
                              longest=wired.longest, exact=target is not None and target.exact)  # fmt: skip
        if target is not None:
            target.expect(conn)
        self.allocate()
        self._aside.given = {}  # or a second copy of the weights would stay in memory
        if terminal is not None:
            terminal.bind(path, self.pre, conn.n_pre, jax.random.PRNGKey(int(rng.integers(2**31))))
        # The projection that holds the terminal
        self.held_by = None if terminal is None else terminal.path.rpartition(".")[0]
        if self.held_by == path:
            self.terminal = terminal
        if self.plastic:
            self.spike_dtype = "bool" if self.graded or terminal is not None else self.axon.arriving_dtype
            self.fired_dtype = jnp.dtype(post.dtype_of("spikes")).name if self.fires else "bool"
            self._learn_by(plasticity, pre, post, jax.random.PRNGKey(int(rng.integers(2**31))))

    def _learn_by(self, plasticity, pre: Population, post: Population, key):
        conn = self.plain("connectivity")
        rows = single_rows(conn) if self.axon.single else conn
        plasticity.bind(Site(f"{self.path}.plasticity", rows, self.weight_unit, pre, post, self.axon.single, key))
        self.plasticity = plasticity
        weights = jnp.broadcast_to(self.plain("weight"), conn.weight_shape)
        self.hold("weight", StateVariable(weights, unit=self.weight_unit))
        self.hold("by_post", FixedVariable(events.transpose_index(rows)))

    @property
    def delay_kind(self) -> str:
        """``"none"``, ``"axonal"``: one delay for all synapses, or ``"synaptic"``: one each."""
        return self.axon.kind

    @property
    def max_delay(self):
        """The longest that a delay may become; None where delays do not change."""
        return with_unit(self.axon.longest.longest, u.ms) if self.axon.changes else None

    @property
    def rule(self):
        """The rule that made the synapses."""
        return self._aside.wired.rule

    def slot(self, name):
        slot = super().slot(name)
        if name == "weight":
            return dataclasses.replace(slot, nonnegative=not self.signed)
        return dataclasses.replace(slot, positive=True, at_most=self.axon.longest.longest)

    def assign(self, name, value):
        axon = vars(self).get("axon")
        if name == "delay" and axon is not None and not axon.changes:
            raise ValueError(
                f"{self.path}.delay is fixed, given {value}; connect with max_delay=... for delays that may change."
            )
        super().assign(name, value)

    def indices_of_synapses(self) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neuron of every synapse, in the order of ``weight``.

        Raises
        ------
        ValueError
            For a layer, which has no single synapses.
        """
        if "layer" in vars(self):
            raise ValueError(f"{self.path}: a layer has no single synapses; its parameters are {self.path}.layer.")
        return tuple(np.asarray(side) for side in self.plain("connectivity").coo())

    # -- running -----------------------------------------------------------------------------------------------------

    def prepare(self, step_ms: float, pre: Population) -> None:
        """Get ready for steps of this length: no spike is under way, and a graded signal has been what it is in ``pre``
        now.
        """
        if self.plastic:
            self.plasticity.prepare(step_ms, {"pre": self.spike_dtype, "post": self.fired_dtype})
        self.axon.prepare(step_ms, None if "layer" in vars(self) else self.plain("connectivity"))
        if self.signal != "spikes":
            write_back(self, self.histories(self.sends(pre)))

    def sends(self, pre: Population, terminal=None) -> jax.Array:
        """What a graded signal is now: that of ``pre``, or of the terminal that serves the projection."""
        return pre.plain(self.signal) if terminal is None else terminal.present()

    def histories(self, sent: jax.Array) -> dict[str, jax.Array]:
        """States, by name from here, where ``sent`` has been sent for ever; nothing where spikes are sent."""
        return {f"axon.{name}": array for name, array in self.axon.history(sent).items()}

    def first_delivery(self, sent: jax.Array, receptor) -> dict[str, jax.Array]:
        """What has arrived at the ports of a receptor before the first step, where ``sent`` has been sent for ever.

        A graded signal couples from the beginning; of spikes there are none.

        Parameters
        ----------
        sent : float array, (n_pre,)
            What :meth:`sends` gives.
        receptor : Receptor

        Returns
        -------
        dict of str to float array, (n_post,)
            To be added to the receptor's ports, by name.
        """
        return self.way.sums(sent, receptor) if self.graded else {}

    @property
    def under_way(self) -> dict[str, jax.Array]:
        """States, by name, that hold spikes which have been sent and have not arrived."""
        learning = self.plasticity.under_way if self.plastic else {}
        return {f"{part}.{name}": array for part, arrays in (("axon", self.axon.under_way), ("plasticity", learning))
                for name, array in arrays.items()}  # fmt: skip

    @property
    def way(self) -> Path:
        """From what arrives to the receptor, as it is now."""
        if "layer" in vars(self):
            return Applied(self.layer, self.ends, self.plain("weight"))
        rule, by_post = (self.plasticity, self.plain("by_post")) if self.plastic else (None, None)
        return Synapses(self.plain("connectivity"), self.plain("weight"), rule, by_post)

    def send(self, clock, pre, post, modulators: dict, sent=None):
        """Send what was fired at t + dt through the delay, and learn.

        Parameters
        ----------
        clock : Clock
        pre, post : Population
            As they are at t + dt.
        modulators : dict of str to Modulator
            The network's, for a plasticity rule that follows them.
        sent : float array, (n_pre,), optional
            What a terminal makes of the spikes; without, the presynaptic variable itself is sent.

        Returns
        -------
        array
            What arrives at t + dt, for :meth:`deliver`.
        """
        sent = pre.plain(self.signal) if sent is None else sent
        arrived = self.axon.send(clock, sent, self._present_delay(clock))
        if self.plastic:
            fired = post.plain("spikes") if self.fires else jnp.zeros(self.n_post, bool)
            around, source = Surroundings(pre, post, modulators), self.axon.source
            spikes = self._spikes(pre, arrived)
            self.put("weight", self.way.learn(clock.of("plasticity"), spikes, fired, around, source))
        return arrived

    def deliver(self, clock, post, arrived) -> None:
        """Add what arrives at t + dt to the receptor."""
        if self.receptor is not None:
            receptor = post.receptors[self.receptor]
            self.axon.deliver(clock, self.way, arrived, receptor, self._present_delay(clock))

    def _present_delay(self, clock):
        return self.plain("delay") / clock.step_ms if self.axon.changes else None

    def _spikes(self, pre, arrived):
        """The presynaptic spikes that plasticity sees: what arrives, or where that is a gate at every step, what opens
        it.
        """
        if self.graded:
            return jnp.zeros(self.n_pre, bool) if self.signal != "spikes" else pre.plain("spikes") != 0
        return arrived if self.held_by is None else arrived != 0
