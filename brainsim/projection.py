"""Projections: who sends spikes to whose receptor, with which weights, delays and plasticity."""

from __future__ import annotations

import dataclasses

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


class _Delay(Parameter):
    """A parameter where delays may change; otherwise what was given when the populations were connected."""

    def __get__(self, projection, owner=None):
        fixed = None if projection is None else projection._aside.delay_ms
        return super().__get__(projection, owner) if fixed is None else with_unit(fixed, u.ms)


class _Nowhere:
    """In place of a receptor, for synapses that learn and send nothing: their weights have the unit they are given in."""

    graded, signal, path = False, "spikes", "nothing"

    def __init__(self, weight):
        self.unit = weight.unit if isinstance(weight, wiring.Distribution) else u.get_unit(weight)

    def weight_unit(self, signal_unit):
        return self.unit


class Projection(Dynamics):
    """Synapses from one population to a receptor of another. Made by :meth:`Network.connect`.

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
    """

    weight = Parameter(0.0, "what a spike adds to the receptor", unit="weight_unit", shape="weight_shape")
    delay = _Delay(None, "time from spike to arrival", unit=u.ms, shape="weight_shape", optional=True)

    def __init__(
        self,
        path,
        pre: View,
        post: View,
        rule,
        receptor,
        *,
        weight,
        delay,
        max_delay,
        plasticity,
        rng,
        signal=None,
        terminal=None,
    ):
        target = _Nowhere(weight) if receptor is None else post.population.receptors[receptor]
        self._path, self.pre, self.post, self.receptor = path, pre.population.path, post.population.path, receptor
        self.signal = _signal(path, pre.population, target, signal, terminal, plasticity, delay)
        self.weight_unit = target.weight_unit(
            u.UNITLESS if self.signal == "spikes" else pre.population.unit_of(self.signal)
        )
        if weight is not None and not isinstance(weight, wiring.Distribution | wiring.DistanceValue):
            in_unit(weight, self.weight_unit, f"{path}.weight")
        same, drawn = pre.population is post.population, None
        if isinstance(rule, wiring.Procedural):
            _check_procedural(path, weight, delay, plasticity)
            if isinstance(weight, wiring.Distribution):
                with named(f"{path}.weight"):
                    weight, drawn = _procedural_weight(weight, self.weight_unit)
            conn = rule.form(pre.population.count, post.population.count, pre.ids, post.ids, same, rng, drawn)
            order = None
        else:
            space = _space(pre, post) if isinstance(rule, wiring.SpatialRule) else None
            _check_memory(path, rule, pre, post, weight, delay, plasticity, space)
            synapses = rule.connect(pre.ids, post.ids, rng, same, space)
            conn, order = _format(rule, synapses, pre, post, same, _alike(weight, delay, plasticity))
            del synapses
        self.hold("connectivity", FixedVariable(conn))
        self.n_synapses, self.n_pre, self.n_post = conn.n_synapses, conn.n_pre, conn.n_post
        sent = float_dtype() if terminal is not None else pre.population.dtype_of(self.signal)
        self.sent_dtype = jnp.dtype(sent).name
        self.arriving_dtype = "bool" if terminal is not None else self.sent_dtype
        fires = "spikes" in post.population._declared
        if plasticity is not None and plasticity.of_spikes and not fires:
            raise ValueError(
                f"{path}: plasticity on spikes needs postsynaptic units that fire; {self.post} has no spikes."
            )
        self.fired_dtype = jnp.dtype(post.population.dtype_of("spikes")).name if fires else "bool"
        self.weight_shape = conn.weight_shape
        if weight is None:
            weight = u.Quantity(np.asarray(rule.values), unit=self.weight_unit)
        if isinstance(weight, wiring.Distribution | wiring.DistanceValue):
            values = _made(weight, conn, pre, post, rng, self.weight_unit, float_dtype(), f"{path}.weight")
            weight = u.Quantity(values, unit=self.weight_unit)
        else:
            weight = _in_order(weight, order, conn.weight_shape)
        if isinstance(delay, wiring.Distribution | wiring.DistanceValue):
            delay = u.Quantity(_made(delay, conn, pre, post, rng, u.ms, np.dtype(float), f"{path}.delay"), unit=u.ms)
            order = None
        delay_ms = _delay(delay, conn.weight_shape, order, f"{path}.delay")
        self.delay_kind = "none" if delay is None else "axonal" if delay_ms.ndim == 0 else "synaptic"
        if receptor is None and self.delay_kind == "synaptic":
            raise ValueError(
                f"{path}.delay: synapses without a receptor take one delay for all of them, or none; given"
                f" {delay_ms.shape}."
            )
        self.delay_changes = max_delay is not None
        longest = _max_delay(max_delay, delay_ms, self.delay_kind, plasticity, path) if self.delay_changes else None
        changing = {"delay": with_unit(delay_ms, u.ms)} if self.delay_changes else {}
        super().__init__(weight=weight, **changing)
        self._aside.max_delay_ms, self._aside.delay_ms = longest, None if self.delay_changes else delay_ms
        self.allocate()
        self._aside.given = {}  # or a second copy of the weights would stay in memory

        if terminal is not None:
            terminal.bind(path, self.pre, conn.n_pre, jax.random.PRNGKey(int(rng.integers(2**31))))
        # The projection that holds the terminal
        self.held_by = None if terminal is None else terminal.path.rpartition(".")[0]
        if self.held_by == path:
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
    def max_delay(self):
        """The longest that a delay may become; None where delays do not change."""
        return with_unit(self._aside.max_delay_ms, u.ms) if self.delay_changes else None

    def assign(self, name, value):
        if name == "delay" and not vars(self).get("delay_changes", True):
            raise ValueError(
                f"{self.path}.delay is fixed, given {value}; connect with max_delay=... for delays that may change."
            )
        super().assign(name, value)

    def slot(self, name):
        slot = super().slot(name)
        if name != "delay":
            return slot
        return dataclasses.replace(slot, positive=True, at_most=self._aside.max_delay_ms)

    def indices_of_synapses(self) -> tuple[np.ndarray, np.ndarray]:
        """Presynaptic and postsynaptic neuron of every synapse, in the order of ``weight``."""
        return tuple(np.asarray(side) for side in self.plain("connectivity").coo())

    # -- running -----------------------------------------------------------------------------------------------------

    def check_step(self, step_ms: float) -> None:
        """Refuse a step that is longer than a delay."""
        ms = self._aside.max_delay_ms if self.delay_changes else self._aside.delay_ms
        if ms is not None and np.any(np.round(ms / step_ms, 6) < 1):
            raise ValueError(
                f"{self.path}.delay: delays must be at least one step of {step_ms} ms, given {np.min(ms)} ms. "
                "Leave the delay out for spikes that arrive when they are fired."
            )

    def prepare(self, step_ms: float, pre: Population) -> None:
        """Make delay buffers for steps of this length: no spike is under way, and a graded signal has been what it is
        in ``pre`` now.
        """
        if self.plastic:
            self.plasticity.prepare(step_ms, {"pre": self.arriving_dtype, "post": self.fired_dtype})
        if self.delay_kind == "none":
            return
        longest = self._aside.max_delay_ms if self.delay_changes else self._aside.delay_ms
        steps = np.maximum(np.round(longest / step_ms), 1).astype(np.int32)
        # An arrival between steps reaches into a second slot
        longest = int(steps.max(initial=1)) + 2 * self.delay_changes
        if self.delay_kind == "synaptic" and not self.delay_changes:
            self.hold("delay_steps", FixedVariable(jnp.asarray(steps)))
        if self.delay_kind == "axonal" or self.graded:
            slots = longest + (self.delay_kind == "synaptic")
            # An arrival between steps is part of a spike
            dtype = float_dtype() if self.delay_changes else self.sent_dtype
            self.hold("line", StateVariable(jnp.zeros((slots, self.n_pre), dtype)))
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

    def update(self, clock, pre, post, modulators: dict, sent=None) -> None:
        """Send what was fired at t + dt through terminal and delay, learn, and add what arrives at t + dt to the
        receptor.

        Parameters
        ----------
        clock : Clock
        pre, post : Population
            As they are at t + dt.
        modulators : dict of str to Modulator
            The network's, for a plasticity rule that follows them.
        sent : float array, (n_pre,), optional
            What a terminal makes of the spikes; without, the presynaptic variable itself is sent.
        """
        conn = self.plain("connectivity")
        sent = pre.plain(self.signal) if sent is None else sent
        if self.delay_kind == "axonal":
            sent = self._through_axon(clock, sent)
        if self.plastic:
            arrived = self._arrived(pre, sent)
            fired = post.plain("spikes") if "spikes" in post._declared else jnp.zeros(self.n_post, bool)
            by_post, weight, around = self.plain("by_post"), self.plain("weight"), Surroundings(pre, post, modulators)
            s = Synapses(self.plasticity, clock.of("plasticity"), conn, by_post, arrived, fired, weight, around)
            self.plasticity.advance(s)
            self.put("weight", s.weight)
        if self.receptor is None:
            return
        receptor = post.receptors[self.receptor]
        if self.delay_kind != "synaptic":
            for port, feature in zip(receptor.ports, receptor.features(sent)):
                receptor.put(port, events.deliver(conn, feature, self.plain("weight"), receptor.plain(port)))
        elif self.graded:
            self._deliver_graded(clock, conn, receptor, sent)
        else:
            send, delay = events.deliver_delayed, None if self.delay_changes else self.plain("delay_steps")
            if self.delay_changes:
                send, delay = events.deliver_interpolated, self.plain("delay") / clock.step_ms
            port = receptor.port
            into, ring = send(
                conn, sent, self.plain("weight"), delay, self.plain("ring"), clock.step, receptor.plain(port)
            )
            self.put("ring", ring)
            receptor.put(port, into)

    def _arrived(self, pre, sent):
        """The presynaptic spikes that plasticity sees: what is sent, or where that is a gate at every step, what opens
        it.
        """
        if self.graded:
            return jnp.zeros(self.n_pre, bool) if self.signal != "spikes" else pre.plain("spikes") != 0
        return sent if self.held_by is None else sent != 0

    def _through_axon(self, clock, sent):
        """Take in what is sent now, and return what arrives now at all synapses."""
        line = self.plain("line")
        if not self.delay_changes:
            line, arrived = events.delay_line(line, sent, clock.step)
        elif self.graded:
            line = _remembered(line, sent, clock.step)
            arrived = _recalled(line, self.plain("delay") / clock.step_ms, clock.step, slice(None))
        else:
            axons, nothing = events.OneToOne(self.n_pre), jnp.zeros(self.n_pre, line.dtype)
            one, delay = jnp.ones((), line.dtype), self.plain("delay") / clock.step_ms
            arrived, line = events.deliver_interpolated(axons, sent, one, delay, line, clock.step, nothing)
        self.put("line", line)
        return arrived

    def _deliver_graded(self, clock, conn, receptor, sent) -> None:
        """Every synapse takes the value that its presynaptic unit had its delay ago."""
        self.put("line", _remembered(self.plain("line"), sent, clock.step))
        source, target = conn.coo()
        delay = self.plain("delay") / clock.step_ms if self.delay_changes else self.plain("delay_steps")
        then = _recalled(self.plain("line"), jnp.broadcast_to(delay, conn.weight_shape).ravel(), clock.step, source)
        weight = jnp.broadcast_to(self.plain("weight"), conn.weight_shape).ravel()
        for port, feature in zip(receptor.ports, receptor.features(then)):
            receptor.put(port, receptor.plain(port).at[target].add(weight * feature))


def _remembered(line, sent, step):
    """A history with the values of this step in place of the oldest."""
    return line.at[step % line.shape[0]].set(sent.astype(line.dtype))


def _recalled(line, delay, step, source):
    """What ``source`` sent ``delay`` steps ago, between two steps on the straight line."""
    slots = line.shape[0]
    if not jnp.issubdtype(delay.dtype, jnp.floating):
        return line[(step - delay) % slots, source]
    whole, rest = events.whole_and_rest(delay, slots - 2)
    rest = rest.astype(line.dtype)
    return (1 - rest) * line[(step - whole) % slots, source] + rest * line[(step - whole - 1) % slots, source]


def _signal(path, pre, receptor, signal, terminal, plasticity, delay) -> str:
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
        raise ValueError(
            f"{path}: {receptor.path} is graded; say with signal=... what of {pre.path} it takes. Accepted: {accepted}."
        )
    if signal not in states:
        raise UnknownNameError(f"{path}: {pre.path} has no {signal!r} to send.{suggestion(signal, states)}")
    if terminal is not None and signal != "spikes":
        raise ValueError(f"{path}: a terminal takes spikes, given signal={signal!r}.")
    graded = signal != "spikes" or (terminal is not None and terminal.graded)
    if graded != receptor.graded:
        takes, given = ("a graded signal", "spikes") if receptor.graded else ("spikes", "a graded signal")
        raise ValueError(f"{path}: {receptor.path} takes {takes}, given {given}.")
    if graded and plasticity is not None and plasticity.of_spikes and (terminal is None or delay is not None):
        raise ValueError(
            f"{path}: plasticity on spikes cannot serve a graded signal, other than that of a terminal without a delay."
        )
    return signal


def _format(rule, synapses, pre: View, post: View, same: bool, alike: bool):
    """The event format that holds the synapses with the least work, and the order of the rule's own list of pairs.

    ``alike``: all synapses have the same weight and delay, and keep them.
    """
    runs = np.all(np.diff(pre.ids) == 1) and np.all(np.diff(post.ids) == 1)
    whole = runs and len(pre) == pre.population.count and len(post) == post.population.count
    n_pre, n_post = pre.population.count, post.population.count
    if whole and isinstance(rule, wiring.OneToOne) and synapses.size == n_pre == n_post:
        return events.OneToOne(n_pre), None
    if whole and isinstance(rule, wiring.AllToAll) and synapses.size == n_pre * n_post:
        return events.Dense(n_pre, n_post), None
    if runs and alike and isinstance(rule, wiring.AllToAll) and synapses.size == len(pre) * len(post):
        return events.Block(n_pre, n_post, *(int(k) for v in (pre, post) for k in (v.ids[0], v.ids[-1] + 1))), None
    if whole and isinstance(rule, wiring.FixedOutDegree):
        return events.FixedFanOut(synapses.indices.reshape(n_pre, -1), n_post), None
    if whole:
        return events.CSR(synapses.indptr, synapses.indices, n_post), synapses.order
    sources, targets = pre.ids[synapses.pre], post.ids[synapses.indices]
    by_source = np.argsort(sources, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_pre))])
    order = by_source if synapses.order is None else synapses.order[by_source]
    return events.CSR(indptr.astype(np.int32), targets[by_source].astype(np.int32), n_post), order


def _alike(weight, delay, plasticity) -> bool:
    """Whether all synapses have the same weight and delay, and keep them."""
    drawn = any(isinstance(x, wiring.Distribution | wiring.DistanceValue) for x in (weight, delay))
    return (
        not drawn and plasticity is None and all(x is None or np.ndim(u.get_mantissa(x)) == 0 for x in (weight, delay))
    )


def _in_order(values, order, shape):
    """Values given one per pair of the rule's list, in synapse order."""
    number = u.get_mantissa(values)
    if order is None or np.ndim(number) == 0 or np.shape(number) != shape:
        return values
    return u.Quantity(np.asarray(number)[order], unit=u.get_unit(values))


def _made(values, conn, pre: View, post: View, rng, unit, dtype, what):
    """Values of all synapses, plain, from a distribution or from their distances."""
    if isinstance(values, wiring.Distribution):
        with named(what):
            return values.sample(rng, conn.weight_shape, unit, dtype=dtype)
    whole = wiring.Space(pre.population.positions, post.population.positions)
    sources, targets = (np.asarray(side) for side in conn.coo())
    return values.between(whole, sources, targets, unit, dtype, what).reshape(conn.weight_shape)


def _space(pre: View, post: View) -> wiring.Space:
    return wiring.Space(pre.positions, post.positions)


def _check_procedural(path, weight, delay, plasticity):
    """Refuse what needs memory for each synapse."""
    for name, value, accepted in (
        ("weight", weight, "one value or a distribution"),
        ("delay", delay, "one value for the whole projection, or none"),
    ):
        single = isinstance(value, wiring.Distribution) and name == "weight"
        if (
            value is not None
            and not single
            and (isinstance(value, wiring.Distribution | wiring.DistanceValue) or np.ndim(value))
        ):
            raise ValueError(
                f"{path}.{name}: a procedural projection stores nothing for single synapses; give {accepted}."
            )
    if plasticity is not None:
        raise ValueError(
            f"{path}: the weights of a procedural projection are not stored and cannot change by plasticity; "
            "give the rule inside Procedural(...) itself."
        )


def _procedural_weight(weight, unit):
    """The weight parameter, and the table that the drawn weights come from."""
    drawn = wiring.quantiles(weight, unit)
    scale = 1.0 if drawn is not None else float(weight.quantile(0.5, unit))
    return u.Quantity(scale, unit=unit), drawn


def _delay(delay, shape, order, what):
    if delay is None:
        return None
    ms = np.asarray(in_unit(_in_order(delay, order, shape), u.ms, what), float)
    if ms.shape not in ((), shape):
        raise ValueError(f"{what}: expected shape () or {shape}, given {ms.shape}.")
    if not np.all(np.isfinite(ms)) or np.any(ms <= 0):
        raise ValueError(f"{what}: delays must be positive and finite, given {delay}; leave it out for none.")
    return ms


def _max_delay(given, delay_ms, kind, plasticity, path) -> float:
    """The longest delay in ms, checked."""
    what = f"{path}.max_delay"
    longest = np.asarray(in_unit(given, u.ms, what), float)
    if longest.ndim or not np.isfinite(longest) or longest <= 0:
        raise ValueError(f"{what}: expected one positive time, given {given}.")
    if kind == "none":
        raise ValueError(f"{what}: there is no delay that could change; give delay=... too.")
    if kind == "axonal" and plasticity is not None:
        raise ValueError(
            f"{path}: a delay that changes goes with plasticity only where each synapse has its own, given one for all."
        )
    _check_longest(delay_ms, longest, path)
    return float(longest)


def _check_longest(ms, longest, path):
    if np.any(ms <= 0) or np.any(ms > longest * (1 + 1e-6)):
        raise ValueError(
            f"{path}.delay: expected delays above 0 and up to max_delay = {longest} ms, given {np.min(ms)} to"
            f" {np.max(ms)} ms."
        )


def _check_memory(path, rule, pre, post, weight, delay, plasticity, space):
    """Refuse before building what cannot fit: the result and one working copy."""
    per_synapse = (
        4
        + 4 * (weight is None or isinstance(weight, wiring.DistanceValue) or not np.isscalar(u.get_mantissa(weight)))
        + 4 * (delay is not None)
        + 16 * (plasticity is not None)
    )
    expected = rule.expected_synapses(len(pre), len(post)) if space is None else rule.expected_in(space)
    needed = 2 * per_synapse * expected
    free = available_bytes()
    if needed > free:
        raise NotEnoughMemoryError(
            f"{path}: {rule} from {len(pre)} to {len(post)} neurons makes about {expected:,} synapses "
            f"and needs {human(needed)} to build; {human(free)} are free."
        )
