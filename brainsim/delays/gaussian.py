"""Delays that are learned: an arrival is spread in time while they are, and is a single one in the end."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from brainsim import events
from brainsim._core import Clock, FixedVariable, Parameter, StateVariable
from brainsim._units import float_dtype
from brainsim.delays.base import nothing
from brainsim.delays.changing import Changing

DUE = "due"  # what arrives in a step is kept for the way back, so that what is under way need not be


class Gaussian(Changing):
    r"""Delays that are learned by dilated convolutions with learnable spacings (DCLS), one per synapse or one for all.

    While it trains, what a spike adds is spread over all steps k up to the longest delay, with the delay d as the centre:

    .. math:: g_j(n) \mathrel{+}= \sum_i W_{ij} \sum_{k=1}^{D} G_k(d_{ij})\, s_i(n - k), \qquad
              G_k(d) = \frac{e^{-(k - d)^2 / 2\sigma^2}}{\sum_l e^{-(l - d)^2 / 2\sigma^2}}

    so that a delay feels what it would be like to be another one; the width :math:`\sigma` shrinks in the course of training.
    Otherwise (:func:`brainsim.simulate`, validation) a delay is that of the nearest step, in the ring of synaptic delays, and
    nothing is spread::

        net.connect(net.a, net.b, bs.AllToAll(), receptor="syn", weight=..., max_delay=25 * u.ms,
                    delay=bs.delays.Gaussian(bs.Uniform(1 * u.ms, 25 * u.ms), width=8 * u.ms))
        bs.train.fit(net, ..., schedules={"*.axon.width": bs.train.Geometric(8 * u.ms, 0.2 * u.ms, updates=500)})

    The delays are the parameter ``delay`` of the projection, the width is ``axon.width``. :func:`brainsim.train.fit` learns such
    delays without being told, and keeps them between a step and ``max_delay``. In functions of one's own, ``axon.train()`` and
    ``axon.eval()`` say which of the two it is, as for layers of flax.

    Parameters
    ----------
    delay : quantity, array or distribution, time
        Delays at the beginning, in any form that ``connect(..., delay=...)`` takes.
    width : quantity, time
        :math:`\sigma`; one for all, or one per synapse.

    Notes
    -----
    Memory and time of a step in training go with the longest delay in steps. Networks whose populations do not reach themselves
    take all steps at once, as a convolution over time whose work goes with the spikes.

    References
    ----------
    I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier, "Learning delays in spiking neural networks using dilated convolutions
    with learnable spacings", ICLR (2024).
    """

    learned = True
    smooth = False

    width = Parameter(
        1.0 * u.ms, "width of what an arrival is spread over in training", shape="synapses", positive=True
    )

    @property
    def synapses(self) -> tuple[int, ...]:
        """Shape of one value per delay."""
        return () if self.times is None else self.times.shape

    def bind(self, site, times, longest=None):
        if site.facts["graded"]:
            raise ValueError(f"{site.path}: Gaussian delays are those of spikes, and what is sent here is graded.")
        super().bind(site, times, longest)

    def slots(self, step_ms: float) -> int:
        return self.longest.longest_in_steps(step_ms)

    @property
    def arriving_dtype(self):
        return float_dtype().name

    def of_synapses(self):
        return None if self.smooth or np.ndim(self.plain("width")) else ()

    def prepare(self, step_ms: float, conn):
        count = conn.n_post if self.kind == "synaptic" else self.n_pre
        self.hold("ring", StateVariable(nothing((self.slots(step_ms), count), float_dtype())))

    def train(self, **attributes: Any) -> None:
        """Spread arrivals, so that delays have a derivative."""
        self.fix(smooth=True)
        if self.kind == "synaptic" and "kernel" not in vars(self):
            self.hold("kernel", FixedVariable(nothing((0,), float_dtype())))

    def eval(self, **attributes: Any) -> None:
        """Let a spike arrive once, in the step that is nearest to its delay."""
        self.fix(smooth=False)
        if "kernel" in vars(self):
            self.let_go("kernel")

    # -- spread, while it trains -----------------------------------------------------------------------------------------

    def spread(self, delay: jax.Array, step_ms: jax.Array) -> jax.Array:
        """:math:`G_k(d)` for all k from 1 to the longest delay, (steps, ...), of delays in steps."""
        width, steps = self.plain("width") / step_ms, jnp.arange(1, len(self.plain("ring")) + 1).astype(delay.dtype)
        x = jax.vmap(lambda k: (k - delay) / width)(steps)
        return jax.nn.softmax(-jnp.square(x) / 2, axis=0)

    def weighted(self, path: Any, delay: jax.Array, step_ms: jax.Array) -> jax.Array:
        r"""What a spike adds after k steps: :math:`W\,G_k(d)` of each synapse, (steps, ...); the same in all steps of a run."""
        spread = self.spread(jnp.broadcast_to(delay, path.conn.weight_shape), step_ms)
        return spread * jnp.broadcast_to(path.weight, spread.shape[1:])[None]

    def _kernel(self, path, delay, step_ms):
        made = self.plain("kernel") if "kernel" in vars(self) else None
        return made if made is not None and made.size else self.weighted(path, delay, step_ms)

    def send(self, clock: Clock, sent, delay: Any = None):
        if self.kind == "synaptic":
            return sent
        ring, one = self.plain("ring"), jnp.ones((), self.plain("ring").dtype)
        if self.smooth:
            return self._go_on(clock, jnp.outer(self.spread(delay, clock.step_ms), sent.astype(ring.dtype)))
        axons, steps = events.Diagonal(self.n_pre), jnp.broadcast_to(self._nearest(delay), (self.n_pre,))
        none = jnp.zeros(self.n_pre, ring.dtype)
        arrived, ring = events.deliver_delayed(axons, sent, one, steps, ring, clock.step, none)
        self.put("ring", ring)
        return arrived

    def deliver(self, clock: Clock, path, arrived, receptor, delay: Any = None):
        if self.kind != "synaptic":
            path.deliver(clock, arrived, receptor)
            return
        into = receptor.plain(receptor.port)
        if self.smooth:
            due = self._go_on(clock, self._sent(path, arrived, self._kernel(path, delay, clock.step_ms)))
            receptor.put(receptor.port, into + due)
            return
        steps = jnp.broadcast_to(self._nearest(delay), path.conn.weight_shape)
        into, ring = events.deliver_delayed(
            path.conn, arrived, path.weight, steps, self.plain("ring"), clock.step, into
        )
        self.put("ring", ring)
        receptor.put(receptor.port, into)

    @property
    def whole(self):
        return self.smooth or self.kind != "synaptic"

    def all_at_once(self, path, arrived, receptor, steps, step_ms, delay: Any = None):
        if self.kind != "synaptic":
            return path.all_at_once(arrived, receptor, steps)
        kernel, ring = self._kernel(path, delay, step_ms), self.plain("ring")
        n_steps, longest = len(arrived), len(ring)
        under_way = jnp.roll(ring, -steps[0], axis=0)  # due in the first step, the next one, ...
        both = min(n_steps, longest)
        due = self._convolved(path, arrived, kernel, longest, n_steps).at[:both].add(under_way[:both])
        last = self._convolved(path, arrived[n_steps - both :], kernel, longest - both, longest)
        left = jnp.concatenate([under_way[both:], jnp.zeros_like(under_way[:both])])
        self.put("ring", jnp.roll(last + left, steps[0] + n_steps, axis=0))
        return {receptor.port: due}

    def _convolved(self, path, spikes, kernel, before: int, count: int):
        """What is due in ``count`` steps, (count, n_post); the last of them is so many steps, the longest delay less ``before``,
        after the first that is given.
        """
        conn, longest, n_steps = path.conn, len(kernel), len(spikes)
        spikes = spikes.astype(kernel.dtype)
        if isinstance(conn, events.Dense):
            pads = [(before, count + longest - 1 - before - n_steps)]
            return events.convolve(spikes[None], kernel[::-1], (1,), pads, (1,))[0]
        due = jnp.zeros((count, conn.n_post), kernel.dtype)
        for k in range(
            longest
        ):  # a spike of step n is due in step n + k + 1, the first one of them in step before - longest
            shift = k + 1 + before - longest
            first, end = max(0, -shift), min(n_steps, count - shift)
            if first < end:
                sent = jax.vmap(lambda s, k=k: events.deliver(conn, s, kernel[k]))(spikes[first:end])
                due = due.at[first + shift : end + shift].add(sent)
        return due

    def _sent(self, path, spikes, kernel):
        """What these spikes add after each number of steps, (steps, n_post)."""
        conn, steps = path.conn, len(kernel)
        if isinstance(conn, events.Dense):  # one product for all steps
            flat = jnp.moveaxis(kernel, 0, 1).reshape(conn.n_pre, steps * conn.n_post)
            return events.spike_matmul(spikes if spikes.dtype == bool else spikes.astype(flat.dtype), flat).reshape(
                steps, conn.n_post
            )
        none = jnp.zeros(conn.n_post, kernel.dtype)
        return jnp.stack([events.deliver(conn, spikes, kernel[k], none) for k in range(steps)])

    def _go_on(self, clock, added):
        """What is due now; ``added`` (steps, n) is due after 1, 2, ... steps."""
        ring = self.plain("ring")
        slot = clock.step % len(ring)
        due = checkpoint_name(ring[slot], DUE)
        self.put("ring", ring.at[slot].set(0) + jnp.roll(added, clock.step + 1, axis=0))
        return due

    # -- in whole steps ----------------------------------------------------------------------------------------------------

    def _nearest(self, delay):
        return jnp.clip(jnp.round(jax.lax.stop_gradient(delay)), 1, len(self.plain("ring"))).astype(jnp.int32)
