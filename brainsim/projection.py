"""Projections: what is sent arrives, is learned from, and acts on a receptor."""

from __future__ import annotations

import dataclasses
from typing import cast

import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, write_back
from brainsim._units import in_unit, with_unit
from brainsim.delays import Gaussian, Noted
from brainsim.paths import Applied, Synapses
from brainsim.plasticity.later import Later
from brainsim.plasticity.synapses import Surroundings, single_rows
from brainsim.population import Population, Sender
from brainsim.receptors.base import Receptor
from brainsim.terminals.base import Terminal
from brainsim.wiring import Connection
from brainsim.wiring.branches import Sum


class Projection(Connection):
    """The way from one population to a receptor of another. Made by :meth:`Network.connect`.

    Attributes
    ----------
    weight : quantity, () or one per synapse
        In the receptor's unit; synapses are sorted by presynaptic, then postsynaptic neuron, or as :attr:`sorted_by` says:
        :meth:`pairs` tells. Of a procedural projection with drawn weights, the factor that multiplies them.
    delay : quantity, () or one per synapse; None
        From spike to arrival. A parameter that can be assigned, given as an input, swept and trained where the
        projection was made with ``max_delay``, and fixed otherwise.
    pre, post, receptor : str
        Paths of who sends (a population, or places of cells) and of the population that receives, and name of the receptor;
        None for synapses that send nothing.
    n_synapses : int
        Number of synapses; of a procedural projection with random numbers of them, what is expected.
    axon : Delay
        What is under way.
    also : Branches
        Further receptors by name, where it reaches several: ``projection.also.nmda.factor``.
    structure : Structural
        How synapses form and break, where they do: who is connected is its state ``targets``.
    synapse : Synapse
        States of single synapses, where the projection was made with some.
    contacts : Contacts
        Variables of single synapses, where the receptor is a point process that has some.
    layer : flax.nnx.Module
        In place of synapses, where the projection was made with one.
    arrived : array, (n_pre,), or (n_synapses,) where each synapse has its own delay; None
        What arrived in the last step, where :meth:`keep_arrived` asked for it.
    """

    def prepare(self, step_ms: float, pre: Sender) -> None:
        """Get ready for steps of this length: no spike is under way, and a graded signal has been what it is in ``pre``
        now.
        """
        if self.plastic:
            slots = self.axon.slots(step_ms) if isinstance(self.axon, Noted) else 0
            self.plasticity.prepare(step_ms, {"pre": self.spike_dtype, "post": self.fired_dtype}, slots)
        self.axon.prepare(step_ms, None if "layer" in vars(self) else self.conn)
        if "structure" in vars(self):
            self.structure.prepare(step_ms)
        if "synapse" in vars(self):
            self.synapse._aside = self.synapse._aside.but(step_ms=step_ms)
        if self.signal != "spikes" and self.held_by is None:
            write_back(self, self.histories(self.sends(pre)))

    def sends(self, pre: Sender, terminal: Terminal | None = None) -> jax.Array:
        """What a graded signal is now: that of ``pre``, or of the terminal that serves the projection."""
        return pre.plain(self.signal) if terminal is None else terminal.present()

    def taken(self, pre: Sender) -> jax.Array:
        """What the terminal takes of ``pre``, in the unit in which it does."""
        value, unit = pre.plain(self.signal), cast(Terminal, self.terminal).takes_unit
        own = pre.unit_of(self.signal)
        return value if own == unit else in_unit(with_unit(value, own), unit, self.path)

    def histories(self, sent: jax.Array) -> dict[str, jax.Array]:
        """States, by name from here, where ``sent`` has been sent for ever; nothing where spikes are sent."""
        return {f"axon.{name}": array for name, array in self.axon.history(sent).items()}

    def resampled(self, before_ms: float, step_ms: float, step: int, new_step: int) -> dict[str, jax.Array]:
        """What graded signals and traces have been, by name from here, in steps of another length: at ``step`` of the old ones,
        which is ``new_step`` of the new.
        """
        there = before_ms, step_ms, step, new_step
        found = {f"axon.{name}": array for name, array in self.axon.resampled(*there).items()}
        if isinstance(self.axon, Noted):
            past = self.plasticity.resampled(*there, self.axon.slots(step_ms))
            found |= {f"plasticity.{name}": array for name, array in past.items()}
        return found

    def _coupled(self, arrived: jax.Array, receptor: Receptor, post: Population) -> jax.Array:
        """Sums over the synapses of a function of both sides, (n_post,)."""
        conn, weight = cast(events.Format, self.conn), self.plain("weight")
        if self.axon.single:
            conn, weight = single_rows(conn), weight.ravel() if weight.ndim else weight
        y = receptor.taken(post.plain(receptor.of))
        values = receptor.between(conn.spread(arrived), self.signal_unit, y[conn.targets()], weight)
        if isinstance(conn, events.Dense):
            return jnp.broadcast_to(values, conn.weight_shape).sum(0)
        targets = jnp.broadcast_to(conn.targets(), conn.weight_shape)
        return jnp.zeros(conn.n_post, values.dtype).at[targets].add(jnp.broadcast_to(values, conn.weight_shape))

    def first_delivery(self, sent: jax.Array, receptor: Receptor, post: Population) -> dict[str, jax.Array]:
        """What has arrived at the ports of a receptor before the first step, where ``sent`` has been sent for ever.

        A graded signal couples from the beginning; of spikes there are none.

        Parameters
        ----------
        sent : float array, (n_pre,)
            What :meth:`sends` gives.
        receptor : Receptor
        post : Population

        Returns
        -------
        dict of str to float array, (n_post,)
            To be added to the receptor's ports, by name.
        """
        if receptor.couples:
            return {receptor.port: self._coupled(sent[self.axon.source] if self.axon.single else sent, receptor, post)}
        return self.way.sums(sent, receptor) if self.graded else {}

    @property
    def under_way(self) -> dict[str, jax.Array]:
        """States, by name, that hold spikes which have been sent and have not arrived."""
        learning = self.plasticity.under_way if self.plastic else {}
        return {f"{part}.{name}": array for part, arrays in (("axon", self.axon.under_way), ("plasticity", learning))
                for name, array in arrays.items()}  # fmt: skip

    @property
    def way(self) -> Applied | Synapses:
        """From what arrives to the receptor, as it is now."""
        if "layer" in vars(self):
            return Applied(self.layer, self.ends, self.plain("weight"))
        rule, by_post = (self.plasticity, self.plain("by_post")) if self.plastic else (None, None)
        return Synapses(self.conn, self.plain("weight"), rule, cast(events.PostIndex | None, by_post))

    def send(
        self, clock: Clock, pre: Sender, post: Population, modulators: dict, sent: jax.Array | None = None
    ) -> jax.Array:
        """Send what was fired at t + dt through the delay, and learn.

        Parameters
        ----------
        clock : Clock
        pre : Sender
        post : Population
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
        later = None
        if isinstance(self.axon, Noted):
            later = Later(cast(events.Due, self.axon.reached(clock, self.conn, sent)), self.axon.plain("steps"))
        if "arrived" in vars(self):
            found = arrived if later is None else later.arrived().ravel()
            self.put("arrived", found.astype(self.plain("arrived").dtype))
        if self.plastic:
            there = post.seen_from(self.receptor)
            fired = there.plain("spikes") if self.fires else jnp.zeros(self.n_post, bool)
            around, source = Surroundings(pre, there, modulators), self.axon.source
            spikes = self._spikes(pre, arrived)
            self.put(
                "weight", cast(Synapses, self.way).learn(clock.of("plasticity"), spikes, fired, around, source, later)
            )
        if "structure" in vars(self):
            here, there = pre.plain("spikes"), post.seen_from(self.receptor).plain("spikes")
            self.structure.advance(clock.of("structure"), here, there)
        return arrived

    def deliver(self, clock: Clock, post: Population, arrived: jax.Array) -> None:
        """Add what arrives at t + dt to the receptor."""
        if self.receptor is not None:
            receptor = post.receptors[self.receptor]
            if receptor.couples:
                receptor.put(receptor.port, receptor.plain(receptor.port) + self._coupled(arrived, receptor, post))
                return
            if "synapse" in vars(self):
                self._deliver_by_synapse(clock, post, arrived)
                return
            if "contacts" in vars(self):
                with post.warmed():
                    around = post.around(receptor)
                    self.contacts.deliver(clock, self.conn, self.plain("weight"), arrived, receptor, around)
                return
            if "structure" in vars(self):
                total = Sum(self.n_post + 1)
                Synapses(self.conn, self.plain("weight")).deliver(clock, arrived, cast(Receptor, total))
                self._share(post, total.total[:-1])
                return
            if "also" in vars(self):
                self._deliver_to_several(clock, post, arrived)
                return
            self.axon.deliver(clock, self.way, arrived, receptor, self._present_delay(clock))

    def _deliver_by_synapse(self, clock: Clock, post: Population, arrived: jax.Array) -> None:
        """Add what each synapse makes of the spikes that reach it."""
        receptor, several = post.receptors[self.receptor], "also" in vars(self)
        target = Sum(self.n_post) if several else receptor
        way = cast(Synapses, self.way)
        conn = (way.single if self.axon.single else way).conn
        reached = self.axon.reached(clock, conn, arrived)
        into = self.synapse.deliver(
            clock.of("synapse"), reached, self.plain("weight"), target.plain(target.port), post.seen_from(self.receptor)
        )
        target.put(target.port, into)
        if several:
            self._share(post, into)

    def _share(self, post: Population, total: jax.Array) -> None:
        """Add what arrives together to each of several receptors."""
        others = self.also.factors if "also" in vars(self) else {}
        for name, factor in ({self.receptor: 1.0} | others).items():
            receptor = post.receptors[name]
            receptor.put(receptor.port, receptor.plain(receptor.port) + factor * total)

    def _deliver_to_several(self, clock: Clock, post: Population, arrived: jax.Array) -> None:
        """Add what arrives to each of its receptors: what adds up is summed once for all."""
        factors = {self.receptor: 1.0} | self.also.factors
        if self.adds_up:
            total = Sum(self.n_post)
            self.axon.deliver(clock, self.way, arrived, total, self._present_delay(clock))
            self._share(post, total.total)
            return
        for name, factor in factors.items():
            way = dataclasses.replace(self.way, weight=factor * self.plain("weight"))
            (way.single if self.axon.single else way).deliver(clock, arrived, post.receptors[name])

    def all_at_once(self, clock: Clock, post: Population, arrived: jax.Array) -> dict[str, jax.Array]:
        """What is added to the receptor's ports, by name, (n_steps, n_post), in all the steps of ``clock``, of what arrives in
        each; of a layer, before its weight.
        """
        receptor, delay = post.receptors[self.receptor], self._present_delay(clock)
        return self.axon.all_at_once(self.way, arrived, receptor, clock.step, clock.step_ms, delay)

    def kernel(self, step_ms: jax.Array) -> jax.Array:
        """What learned delays make of weights and delays once for all steps: :meth:`brainsim.delays.Gaussian.weighted`."""
        return cast(Gaussian, self.axon).weighted(self.way, self.plain("delay") / step_ms, step_ms)

    def _present_delay(self, clock):
        return self.plain("delay") / clock.step_ms if self.axon.changes else None

    def _spikes(self, pre, arrived):
        """The presynaptic spikes that plasticity sees: what arrives, or where that is a gate at every step, what opens
        it.
        """
        if self.graded:
            return jnp.zeros(self.n_pre, bool) if self.signal != "spikes" else pre.plain("spikes") != 0
        return arrived if self.held_by is None else arrived != 0
