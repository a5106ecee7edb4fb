"""What every receptor shares: a place where spikes land, kinetics, and an output to the membrane."""

from __future__ import annotations

from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Dynamics, Parameter, Part
from brainsim.receptors.arrivals import Arrivals


class Receptor(Part):
    r"""Postsynaptic receptor of a population; all projections onto it share its one state per neuron.

    With ``reversal`` it is a conductance :math:`g` with :math:`I = g\,B(V)\,(E - V)`, without it :math:`g` is the
    current itself.

    The membrane sees the mean of :math:`g` over the step. A subclass gives :meth:`advance`, or as a
    ``LinearReceptor`` its linear equations; where the conductance is a nonlinear function of the kinetic variable
    ``output(self, g)``, and where it depends on voltage :meth:`block`.

    Parameters
    ----------
    into : str, optional
        Input of the population that it feeds, where there is more than one: ``"I_d"`` for the dendrite. The first by
        default.
    """

    into: str | None
    count: int
    port = "g"  # the state that spikes are added to
    within_steps = False  # whether spikes arrive within a step, each at its own time
    arrivals: Arrivals | None = None  # what does so in the coming one
    couples = False  # whether what it takes is a function of both sides, see :class:`brainsim.receptors.Coupling`
    graded = False  # whether it takes values that are sent at every step, not spikes
    signal = "spikes"  # what it takes from a presynaptic population unless told otherwise

    reversal = Parameter(None, "reversal potential E; None for a current", unit=u.mV, optional=True)

    listable = False  # whether spikes can arrive within a step

    def __init__(self, *, into: str | None = None, **values: Any):
        self.into = into
        super().__init__(**values)

    def bind(self, neuron: Dynamics, name: str, ids: np.ndarray | None = None) -> None:
        """Make this the receptor ``name`` of ``neuron``."""
        into = self.goes_into(neuron, name)
        exact = getattr(neuron, "spike_times", "grid") == "exact" and self.listable
        facts = dict(within_steps=True, signal="fired_at") if exact else {}
        self.place(neuron.site(name, into=into, input_unit=neuron.input_unit, **facts))

    def expect(self, conn: Any, single: bool) -> int:
        """Make room for what may arrive through further synapses, ``single``: each with a delay of its own. Returns the
        row of the first of these.
        """
        if not self.within_steps:
            return 0
        room, rows = (0, 0) if self.arrivals is None else (self.arrivals.room, self.arrivals.rows)
        more = int(np.bincount(np.asarray(conn.coo()[1]), minlength=1).max())
        room, further = (room, rows + more) if single else (room + more, rows)
        self.fix(arrivals=Arrivals(f"{self.path}.arrivals", self.count, room, further))
        return rows

    def goes_into(self, neuron: Dynamics, name: str) -> str | None:
        """The input of ``neuron`` that the receptor ``name`` feeds."""
        return neuron.input_named(self.into, name)

    @property
    def ports(self) -> tuple[str, ...]:
        """The states that arrivals are added to, one for each of :meth:`features`."""
        return (self.port,)

    def weight_unit(self, signal_unit: u.Unit) -> u.Unit:
        """Unit of a weight that multiplies a signal in ``signal_unit``."""
        return cast(u.Unit, cast(u.Unit, self.unit_of(self.ports[0])) / signal_unit)

    def features(self, sent: jax.Array) -> tuple:
        """What of a presynaptic value ``(n_pre,)`` reaches each port: the value itself."""
        return (sent,)

    @property
    def g_unit(self) -> u.Unit | None:
        """Unit of g: the neuron's input unit, per mV for a conductance; None before it belongs to a neuron."""
        if not self.bound:
            return None
        return self.input_unit if self.is_current else self.input_unit / u.mV

    @property
    def is_current(self) -> bool:
        return self._aside.given.get("reversal", self._declared["reversal"].default) is None

    def assign(self, name, value):
        if name == "reversal" and self.bound and (value is None) != self.is_current:
            kind = "a current" if self.is_current else "a conductance"
            raise ValueError(
                f"{self.path}.reversal: the receptor is {kind}, which is fixed at construction; given {value}."
            )
        super().assign(name, value)

    @property
    def signed(self) -> bool:
        """Whether weights may be negative: those of a current may, a conductance cannot."""
        return self.is_current

    @property
    def one_by_one(self) -> bool:
        """Whether each synapse onto it has variables of its own, see :class:`brainsim.receptors.PointProcess`."""
        return False

    @property
    def adds_up(self) -> bool:
        """Whether what arrives together is summed; where not, the receptor says with :meth:`take_in` what becomes of it."""
        return True

    def take_in(self, conn: Any, arrived: jax.Array, weight: jax.Array) -> None:
        """Take in what arrives by the synapses ``conn`` in one step, where it does not add up."""
        raise NotImplementedError(f"{type(self).__name__} does not say what arrivals do: define take_in.")

    def advance(self, clock: Clock) -> Any:
        """Advance the kinetics over the step and return the mean of g over it."""
        raise NotImplementedError(f"{type(self).__name__} has no kinetics: define advance(self, clock).")

    def advanced(self, clock: Clock, **around: Any) -> Any:
        """What :meth:`advance` returns, for those who run a population.

        Raises
        ------
        TypeError
            If it is no plain number.
        """
        mean = self.advance(clock, **around)
        if mean is None or isinstance(mean, u.Quantity):
            given = "nothing" if mean is None else f"a quantity in {mean.unit}; self.plain(name) reads a plain array"
            raise TypeError(
                f"{self.path}: {type(self).__name__}.advance returns the mean of g over the step, plain; given {given}."
            )
        return mean

    def now(self, clock: Clock) -> Any:
        """What :meth:`current` takes, as it stands: g at this moment. Only for a copy that is not needed any more; of
        kinetics that a class gives itself, it is the mean over the step that begins.
        """
        return self.advance(clock)

    #: Conductance, or current, that belongs to a value of the kinetic variable, where that is not g itself: a subclass
    #: defines ``output(self, g)``.
    output = None

    def mean(self, before: jax.Array, after: jax.Array, exact: jax.Array | None = None) -> jax.Array:
        """Mean over a step of what the membrane sees, from the kinetic variable at its two ends; ``exact`` is that of g,
        where it is known, and holds unless an ``output`` bends it.
        """
        if self.output is not None:
            return 0.5 * (self.output(before) + self.output(after))
        return 0.5 * (before + after) if exact is None else exact

    def block(self, V: jax.Array) -> jax.Array | None:
        """Factor B(V) of the conductance, V in mV; None for 1, as here."""
        return None

    def current(self, g: jax.Array, V: Any) -> jax.Array:
        """Current into the membrane, in the neuron's input unit, at V: the plain variable that ``into`` belongs to
        (mV).
        """
        if self.is_current:
            return g
        block = self.block(V)
        force = self.plain("reversal") - V
        return g * force if block is None else g * block * force

    def displace(self, y: dict, drive: Any) -> dict:
        """Change the states ``y`` of the population at once, before variables are integrated; only delta receptors do."""
        return y

    def decay(self, clock: Clock, tau: str) -> jax.Array:
        """Factor by which a state with time constant ``tau`` decays in a step."""
        return jnp.exp(-clock.step_ms / self.plain(tau))
