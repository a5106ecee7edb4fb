"""Projections: who sends spikes to whose receptor, with which weights, delays and plasticity."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import connectivity as wiring
from brainsim import events
from brainsim._core import Dynamics, FixedVariable, Parameter, State, StateVariable
from brainsim._errors import NotEnoughMemoryError, UnknownNameError, suggestion
from brainsim._memory import available_bytes, human
from brainsim._units import float_dtype, in_unit, named, with_unit
from brainsim.plasticity.base import Site
from brainsim.plasticity.synapses import Surroundings, Synapses
from brainsim.population import Population, View
from brainsim.terminals.base import Terminal


class Projection(Dynamics):
    """Synapses from one population to a receptor of another. Made by :meth:`Network.connect`.

    Attributes
    ----------
    weight : quantity, () or one per synapse
        In the receptor's unit; synapses are sorted by presynaptic, then postsynaptic neuron.
    pre, post, receptor : str
        Paths of the two populations and name of the receptor.
    n_synapses : int
        Number of synapses.
    """

    weight = Parameter(0.0, "what a spike adds to the receptor", unit="weight_unit", shape="weight_shape")

    def __init__(self, path, pre: View, post: View, rule, receptor, *, weight, delay, plasticity, rng, signal=None, terminal=None):
        target = post.population.receptors[receptor]
        self._path, self.pre, self.post, self.receptor = path, pre.population.path, post.population.path, receptor
        self.signal = _signal(path, pre.population, target, signal, terminal, plasticity)
        self.weight_unit = target.weight_unit(u.UNITLESS if self.signal == "spikes" else pre.population.unit_of(self.signal))
        if weight is not None and not isinstance(weight, wiring.Distribution):
            in_unit(weight, self.weight_unit, f"{path}.weight")
        _check_memory(path, rule, pre, post, weight, delay, plasticity)

        same = pre.population is post.population
        synapses = rule.connect(pre.ids, post.ids, rng, same)
        conn, order = _format(rule, synapses, pre, post, same)
        self.hold("connectivity", FixedVariable(conn))
        self.n_synapses, self.n_pre, self.n_post = conn.n_synapses, conn.n_pre, conn.n_post
        sent = float_dtype() if terminal is not None else pre.population.dtype_of(self.signal)
        self.sent_dtype = jnp.dtype(sent).name
        self.arriving_dtype = "bool" if terminal is not None else self.sent_dtype
        fires = "spikes" in post.population._declared
        if plasticity is not None and plasticity.of_spikes and not fires:
            raise ValueError(f"{path}: plasticity on spikes needs postsynaptic units that fire; {self.post} has no spikes.")
        self.fired_dtype = jnp.dtype(post.population.dtype_of("spikes")).name if fires else "bool"
        self.weight_shape = conn.weight_shape
        if weight is None:
            weight = u.Quantity(np.asarray(rule.values), unit=self.weight_unit)
        elif isinstance(weight, wiring.Distribution):
            with named(f"{path}.weight"):
                drawn = weight.sample(rng, conn.weight_shape, self.weight_unit, dtype=float_dtype())
            weight = u.Quantity(drawn, unit=self.weight_unit)
        super().__init__(weight=_in_order(weight, order, conn.weight_shape))
        self.allocate()
        self._aside.given = {}  # or a second copy of the weights would stay in memory

        self._aside.delay_ms = _delay(delay, conn.weight_shape, order, rng, f"{path}.delay")
        self.delay_kind = "none" if delay is None else "axonal" if self._aside.delay_ms.ndim == 0 else "synaptic"
        if terminal is not None:
            terminal.bind(path, conn.n_pre, jax.random.PRNGKey(int(rng.integers(2**31))))
            self.terminal = terminal
        self.graded = target.graded
        self._aside.views, self._aside.without_self = (pre.ids, post.ids), same and not rule.self_connections
        self.plastic = plasticity is not None
        if self.plastic:
            key = jax.random.PRNGKey(int(rng.integers(2**31)))
            plasticity.bind(Site(f"{path}.plasticity", conn, self.weight_unit, pre.population, post.population, key))
            self.plasticity = plasticity
            weights = jnp.broadcast_to(self.plain("weight"), conn.weight_shape)
            self.hold("weight", StateVariable(weights, unit=self.weight_unit))
            self.hold("by_post", FixedVariable(events.transpose_index(conn)))

    @property
    def delay(self):
        """Delay: None, one for the projection, or one per synapse."""
        ms = self._aside.delay_ms
        return None if ms is None else with_unit(ms, u.ms)

    def indices_of_synapses(self) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neuron of every synapse, in the order of ``weight``."""
        return tuple(np.asarray(side) for side in self.plain("connectivity").coo())

    # -- running ---------------------------------------------------------------------------------------------------------

    def check_step(self, step_ms: float) -> None:
        """Refuse a step that is longer than a delay."""
        ms = self._aside.delay_ms
        if ms is not None and np.any(np.round(ms / step_ms, 6) < 1):
            raise ValueError(
                f"{self.path}.delay: delays must be at least one step of {step_ms} ms, given {np.min(ms)} ms. "
                "Leave the delay out for spikes that arrive when they are fired."
            )

    def prepare(self, step_ms: float, pre: Population) -> None:
        """Make delay buffers for steps of this length: no spike is under way, and a graded signal has been what it is in ``pre`` now."""
        if self.plastic:
            self.plasticity.prepare(step_ms, {"pre": self.arriving_dtype, "post": self.fired_dtype})
        if self.delay_kind == "none":
            return
        steps = np.maximum(np.round(self._aside.delay_ms / step_ms), 1).astype(np.int32)
        longest = int(steps.max(initial=1))
        if self.delay_kind == "synaptic":
            self.hold("delay_steps", FixedVariable(jnp.asarray(steps)))
        if self.delay_kind == "axonal" or self.graded:
            slots = longest + (self.delay_kind == "synaptic")
            self.hold("line", StateVariable(jnp.zeros((slots, self.n_pre), self.sent_dtype)))
            if self.signal != "spikes":
                self.put("line", self.history(pre.plain(self.signal)))
        else:
            self.hold("ring", StateVariable(jnp.zeros((longest, self.n_post), float_dtype())))

    def history(self, signal):
        """What the delay holds where the presynaptic ``signal`` has been constant."""
        return jnp.broadcast_to(signal, self.plain("line").shape).astype(self.sent_dtype)

    @property
    def under_way(self) -> dict[str, jax.Array]:
        """States, by name, that hold what has been sent and has not arrived."""
        learning = self.plasticity.under_way if self.plastic else {}
        own = {name: self.plain(name) for name in ("line", "ring") if name in vars(self)}
        return own | {f"plasticity.{name}": line for name, line in learning.items()}

    def update(self, clock, pre, post, modulators: dict) -> None:
        """Send what was fired at t + dt through terminal and delay, learn, and add what arrives at t + dt to the receptor.

        Parameters
        ----------
        clock : Clock
        pre, post : Population
            As they are at t + dt.
        modulators : dict of str to Modulator
            The network's, for a plasticity rule that follows them.
        """
        conn, receptor = self.plain("connectivity"), post.receptors[self.receptor]
        sent = pre.plain(self.signal)
        if "terminal" in vars(self):
            sent = self.terminal.update(clock.of("terminal"), sent)
        if self.delay_kind == "axonal":
            line, sent = events.delay_line(self.plain("line"), sent, clock.step)
            self.put("line", line)
        if self.plastic:
            arrived = sent != 0 if "terminal" in vars(self) else jnp.zeros(self.n_pre, bool) if self.graded else sent
            fired = post.plain("spikes") if "spikes" in post._declared else jnp.zeros(self.n_post, bool)
            by_post, weight, around = self.plain("by_post"), self.plain("weight"), Surroundings(pre, post, modulators)
            s = Synapses(self.plasticity, clock.of("plasticity"), conn, by_post, arrived, fired, weight, around)
            self.plasticity.advance(s)
            self.put("weight", s.weight)
        if self.delay_kind != "synaptic":
            for port, feature in zip(receptor.ports, receptor.features(sent)):
                receptor.put(port, events.deliver(conn, feature, self.plain("weight"), receptor.plain(port)))
        elif self.graded:
            self._deliver_graded(clock, conn, receptor, sent)
        else:
            delays, port = self.plain("delay_steps"), receptor.port
            into, ring = events.deliver_delayed(
                conn, sent, self.plain("weight"), delays, self.plain("ring"), clock.step, receptor.plain(port)
            )
            self.put("ring", ring)
            receptor.put(port, into)

    def _deliver_graded(self, clock, conn, receptor, sent) -> None:
        """Every synapse takes the value that its presynaptic unit had its delay ago."""
        line = self.plain("line")
        slots = line.shape[0]
        line = line.at[clock.step % slots].set(sent.astype(line.dtype))
        self.put("line", line)
        source, target = conn.coo()
        then = line[(clock.step - self.plain("delay_steps").ravel()) % slots, source]
        weight = jnp.broadcast_to(self.plain("weight"), conn.weight_shape).ravel()
        for port, feature in zip(receptor.ports, receptor.features(then)):
            receptor.put(port, receptor.plain(port).at[target].add(weight * feature))


def _signal(path, pre, receptor, signal, terminal, plasticity) -> str:
    """Name of the presynaptic variable to send, checked against what the receptor takes."""
    if terminal is not None and not isinstance(terminal, Terminal):
        raise TypeError(f"{path}.terminal: expected one of brainsim.terminals, given {terminal!r}.")
    if signal is None:
        signal = "spikes" if terminal is not None else receptor.signal
    if signal == "spikes" and receptor.graded and terminal is None:
        signal = None
    states = {name for name, declared in pre._declared.items() if isinstance(declared, State)}
    if signal is None:
        accepted = ", ".join(sorted(states))
        raise ValueError(f"{path}: {receptor.path} is graded; say with signal=... what of {pre.path} it takes. Accepted: {accepted}.")
    if signal not in states:
        raise UnknownNameError(f"{path}: {pre.path} has no {signal!r} to send.{suggestion(signal, states)}")
    if terminal is not None and signal != "spikes":
        raise ValueError(f"{path}: a terminal takes spikes, given signal={signal!r}.")
    graded = signal != "spikes" or (terminal is not None and terminal.graded)
    if graded != receptor.graded:
        takes, given = (("a graded signal", "spikes") if receptor.graded else ("spikes", "a graded signal"))
        raise ValueError(f"{path}: {receptor.path} takes {takes}, given {given}.")
    if graded and plasticity is not None and plasticity.of_spikes:
        raise ValueError(f"{path}: plasticity on spikes cannot serve a graded signal.")
    return signal


def _format(rule, synapses, pre: View, post: View, same: bool):
    """The event format that holds the synapses with the least work, and the order of the rule's own list of pairs."""
    whole = len(pre) == pre.population.count and len(post) == post.population.count
    whole = whole and np.all(np.diff(pre.ids) == 1) and np.all(np.diff(post.ids) == 1)
    n_pre, n_post = pre.population.count, post.population.count
    if whole and isinstance(rule, wiring.OneToOne) and synapses.size == n_pre == n_post:
        return events.OneToOne(n_pre), None
    if whole and isinstance(rule, wiring.AllToAll) and synapses.size == n_pre * n_post:
        return events.Dense(n_pre, n_post), None
    if whole and isinstance(rule, wiring.FixedOutDegree):
        return events.FixedFanOut(synapses.indices.reshape(n_pre, -1), n_post), None
    if whole:
        return events.CSR(synapses.indptr, synapses.indices, n_post), synapses.order
    sources, targets = pre.ids[synapses.pre], post.ids[synapses.indices]
    by_source = np.argsort(sources, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_pre))])
    order = by_source if synapses.order is None else synapses.order[by_source]
    return events.CSR(indptr.astype(np.int32), targets[by_source].astype(np.int32), n_post), order


def _in_order(values, order, shape):
    """Values given one per pair of the rule's list, in synapse order."""
    number = u.get_mantissa(values)
    if order is None or np.ndim(number) == 0 or np.shape(number) != shape:
        return values
    return u.Quantity(np.asarray(number)[order], unit=u.get_unit(values))


def _delay(delay, shape, order, rng, what):
    if delay is None:
        return None
    if isinstance(delay, wiring.Distribution):
        with named(what):
            return delay.sample(rng, shape, u.ms)
    ms = np.asarray(in_unit(_in_order(delay, order, shape), u.ms, what), float)
    if ms.shape not in ((), shape):
        raise ValueError(f"{what}: expected shape () or {shape}, given {ms.shape}.")
    if not np.all(np.isfinite(ms)) or np.any(ms <= 0):
        raise ValueError(f"{what}: delays must be positive and finite, given {delay}; leave it out for none.")
    return ms


def _check_memory(path, rule, pre, post, weight, delay, plasticity):
    """Refuse before building what cannot fit: the result and one working copy."""
    per_synapse = (
        4
        + 4 * (not np.isscalar(u.get_mantissa(weight)) or weight is None)
        + 4 * (delay is not None)
        + 16 * (plasticity is not None)
    )
    expected = rule.expected_synapses(len(pre), len(post))
    needed = 2 * per_synapse * expected
    free = available_bytes()
    if needed > free:
        raise NotEnoughMemoryError(
            f"{path}: {rule} from {len(pre)} to {len(post)} neurons makes about {expected:,} synapses "
            f"and needs {human(needed)} to build; {human(free)} are free."
        )
