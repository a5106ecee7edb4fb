"""What every delay shares: it takes what is sent in a step, and gives what arrives."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from brainsim import events
from brainsim._core import Clock, Dynamics, Site
from brainsim.delays.times import Times


class Delay(Dynamics):
    """The way in time from what a terminal sends to what arrives at the synapses. This one is no delay at all.

    A kind of delay says what it keeps (:meth:`prepare`), what it holds where nothing has changed (:meth:`history`),
    and what arrives when something is sent (:meth:`send`). A kind whose arrivals are known as sums over the synapses
    only, as with a ring per target, gives :meth:`deliver` too. The network chooses the kind for the delays that
    ``connect(..., delay=...)`` is given; an object of another kind is given in their place::

        net.connect(net.E, net.I, rule, receptor="ampa", weight=..., delay=Dispersed(2 * u.ms, spread=1 * u.ms))

    Parameters
    ----------
    delay : optional
        The delays, in any form that ``connect(..., delay=...)`` takes; None for none.
    **values
        Parameters and initial states by name.
    """

    changes = False  # whether the delays are a parameter, given at every step
    learned = False  # whether they were made to be learned
    single = False  # whether arrivals are one per synapse, not one per presynaptic unit

    n_pre: int
    count: int
    sent_dtype: str
    graded: bool

    def __init__(self, delay: Any = None, **values: Any):
        super().__init__(**values)
        self._aside.delay, self._aside.times, self._aside.longest = delay, None, None

    @property
    def given(self) -> Any:
        """The delays in the form in which they were given."""
        return self._aside.delay

    def bind(self, site: Site, times: Times | None, longest: Times | None = None) -> None:
        """Serve the projection that ``site`` is on.

        Parameters
        ----------
        site : Site
            Says how many send (``n_pre``), the type of what they send (``sent_dtype``), and whether they send at every
            step (``graded``).
        times : Times or None
            The delays.
        longest : Times, optional
            The longest that they may become, where they change.
        """
        self._aside.times, self._aside.longest = times, longest
        self.place(site)

    @property
    def kind(self) -> str:
        """``"none"``, ``"axonal"``: one delay for all synapses, or ``"synaptic"``: one each."""
        times = self.times
        return "synaptic" if times is not None and times.shape else "none" if type(self) is Delay else "axonal"

    @property
    def arriving_dtype(self) -> str:
        """Type of what arrives."""
        return self.sent_dtype

    @property
    def source(self) -> jax.Array | None:
        """Presynaptic unit of each synapse, where each has its own arrivals."""
        return None

    @property
    def times(self) -> Times | None:
        """The delays that it was made with."""
        return self._aside.times

    @property
    def whole(self) -> bool:
        """Whether what all steps deliver follows from what all steps send, with nothing in between: :meth:`all_at_once`."""
        return type(self).deliver is Delay.deliver and not self.single

    def of_synapses(self) -> tuple[str, ...] | None:
        """Names of everything whose last axis counts the synapses; None where a program depends on their number."""
        return ()

    def check_step(self, step_ms: float) -> None:
        """Refuse a step that is longer than a delay."""
        if self.times is not None:
            self.times.check_step(step_ms)

    def prepare(self, step_ms: float, conn: Any) -> None:
        """Make what is kept for steps of this length, with nothing under way, for the synapses ``conn``."""

    def history(self, value: jax.Array) -> dict[str, jax.Array]:
        """States, by name, where ``value`` has been sent for ever; none before the delay is prepared."""
        return {}

    @property
    def under_way(self) -> dict[str, jax.Array]:
        """States, by name, that hold spikes which have been sent and have not arrived."""
        return {}

    def resampled(self, before_ms: float, step_ms: float, step: int, new_step: int) -> dict[str, jax.Array]:
        """What a graded signal has been, by name, in steps of another length: at ``step`` of the old ones, which is
        ``new_step`` of the new.
        """
        return {}

    def carried(self, before_ms: float, step_ms: float, step: int, new_step: int) -> dict[str, jax.Array] | None:
        """Spikes under way, by name, in steps of another length; None where they would arrive at other times."""
        return None

    def serve(self, conn: Any, times: Times | None, step_ms: float | None) -> None:
        """Serve other synapses ``conn`` with these delays, as many as before; what is under way stays.

        ``step_ms``: length of the steps that it is prepared for, None before that.
        """
        self._aside = self._aside.but(times=times)

    def send(self, clock: Clock, sent: jax.Array, delay: Any = None) -> jax.Array:
        """Take in what is sent at t + dt; returns what arrives then, or what is sent where :meth:`deliver` does it.

        ``delay``: the present delays in steps, for delays that change.
        """
        return sent

    def deliver(self, clock: Clock, path: Any, arrived: jax.Array, receptor: Any, delay: Any = None) -> None:
        """Add what ``arrived`` (from :meth:`send`) to the ports of a receptor, through synapses or a layer."""
        (path.single if self.single else path).deliver(clock, arrived, receptor)

    def reached(self, clock: Clock, conn: Any, arrived: jax.Array) -> events.Reached:
        """Which synapses what :meth:`send` gave reaches at t + dt, and with which values."""
        return events.ByNeurons(conn, arrived)

    def all_at_once(
        self, path: Any, arrived: jax.Array, receptor: Any, steps: jax.Array, step_ms: jax.Array, delay: Any = None
    ) -> dict[str, jax.Array]:
        """What is delivered to the ports of a receptor in each of ``steps``, of what :meth:`send` gave in each; of a layer, before
        its weight.
        """
        return path.all_at_once(arrived, receptor, steps)


SMALL = 1 << 18  # numbers in a buffer


def rounded_up(slots: int, width: int) -> int:
    """At least as many slots of a small buffer, so that most seeds of random delays need the same: a power of two."""
    more = 1 << (slots - 1).bit_length()
    return more if more * width <= SMALL else slots


def nothing(shape: int | tuple[int, ...], dtype: Any) -> jax.Array:
    """Zeros. JAX compiles a program for every shape of ``jnp.zeros``, and of ``jnp.asarray``."""
    return jax.device_put(np.zeros(shape, dtype))


def moved(waiting: np.ndarray, before_ms: float, step_ms: float, offset: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Places and rows of what waits in steps of ``step_ms``, which wait ``place + offset`` steps of ``before_ms``; None
    where that is not a whole number of steps.
    """
    places = np.flatnonzero(waiting.reshape(len(waiting), -1).any(1))
    there = (places + offset) * before_ms / step_ms
    whole = np.round(there).astype(int)
    return (whole - offset, waiting[places]) if np.allclose(there, whole, rtol=0, atol=1e-6) else None
