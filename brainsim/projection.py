"""Projections: who sends spikes to whose receptor, with which weights, delays and plasticity."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import connectivity as wiring
from brainsim import events
from brainsim._core import Dynamics, FixedVariable, Parameter, StateVariable
from brainsim._errors import NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim._units import float_dtype, in_unit, named, with_unit
from brainsim.population import View


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

    def __init__(self, path, pre: View, post: View, rule, receptor, *, weight, delay, plasticity, rng):
        target = post.population.receptors[receptor]
        self._path, self.pre, self.post, self.receptor = path, pre.population.path, post.population.path, receptor
        self.weight_unit = target.unit_of(target.port)
        if weight is not None and not isinstance(weight, wiring.Distribution):
            in_unit(weight, self.weight_unit, f"{path}.weight")
        _check_memory(path, rule, pre, post, weight, delay, plasticity)

        same = pre.population is post.population
        synapses = rule.connect(pre.ids, post.ids, rng, same)
        conn, order = _format(rule, synapses, pre, post, same)
        self.hold("connectivity", FixedVariable(conn))
        self.n_synapses, self.n_pre, self.n_post = conn.n_synapses, conn.n_pre, conn.n_post
        self.spike_dtype = jnp.dtype(pre.population.dtype_of("spikes")).name
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
        self.plastic = plasticity is not None
        if self.plastic:
            plasticity.bind(path, conn.n_pre, conn.n_post, self.weight_unit, jax.random.PRNGKey(int(rng.integers(2**31))))
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

    def prepare(self, step_ms: float) -> None:
        """Make empty delay buffers for steps of this length."""
        if self.delay_kind == "none":
            return
        steps = np.maximum(np.round(self._aside.delay_ms / step_ms), 1).astype(np.int32)
        if self.delay_kind == "axonal":
            self.hold("line", StateVariable(jnp.zeros((int(steps), self.n_pre), self.spike_dtype)))
        else:
            self.hold("delay_steps", FixedVariable(jnp.asarray(steps)))
            self.hold("ring", StateVariable(jnp.zeros((int(steps.max(initial=1)), self.n_post), float_dtype())))

    def update(self, clock, pre, post, receptor) -> None:
        """Take in the spikes fired at t + dt, learn, and add what arrives at t + dt to ``receptor``.

        Parameters
        ----------
        clock : Clock
        pre, post : bool or float arrays, (n_pre,) and (n_post,)
            Who fired at t + dt.
        receptor : Receptor
        """
        conn = self.plain("connectivity")
        if self.delay_kind == "axonal":
            line, pre = events.delay_line(self.plain("line"), pre, clock.step)
            self.put("line", line)
        if self.plastic:
            self.put("weight", self.plasticity.update(clock, conn, self.plain("by_post"), pre, post, self.plain("weight")))
        into, weight = receptor.plain(receptor.port), self.plain("weight")
        if self.delay_kind == "synaptic":
            into, ring = events.deliver_delayed(
                conn, pre, weight, self.plain("delay_steps"), self.plain("ring"), clock.step, into
            )
            self.put("ring", ring)
        else:
            into = events.deliver(conn, pre, weight, into)
        receptor.put(receptor.port, into)


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
