"""What every terminal shares: a projection's presynaptic side, where spikes become releases."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Dynamics, Moment, Site


class Terminal(Dynamics):
    """The presynaptic side of a projection: one state per presynaptic neuron, before the delay.

    All synapses that a neuron makes in this projection share it, as they see the same spikes. So may several
    projections of the population: given to each of them, a terminal is advanced once in a step, and held by the first.
    A subclass declares parameters and states, one for all or one per presynaptic neuron, and gives :meth:`update`.
    """

    graded = False  # whether it sends a value at every step (a gating variable), for receptors that are graded
    #: whether spikes alone act on it and the :meth:`update` of this class is exact over any time, so that it can go from spike to
    #: spike
    exact_between_spikes = False
    takes = "spikes"  #: the presynaptic variable that it takes
    takes_unit: u.Unit = u.UNITLESS  #: in which it takes that

    count: int
    n_pre: int

    def bind(self, path: str, pre: str, n_pre: int, moment: Moment) -> None:
        """Serve the projection that stands at ``path`` in the network whose ``moment`` it is.

        Raises
        ------
        ValueError
            If it serves another population than ``pre`` already.
        """
        if not self.bound:
            self.place(Site(f"{path}.terminal", moment, dict(count=n_pre, n_pre=n_pre, pre=pre)))
        elif self.pre != pre:
            raise ValueError(
                f"the terminal given to {path} is that of {self.pre} already, as {self.path}; make another one."
            )

    def update(self, clock: Clock, spikes: jax.Array) -> jax.Array:
        """Advance by a step, at whose end ``spikes`` are fired; return what each neuron sends, float ``(n_pre,)``.

        Of a terminal that takes another variable, ``spikes`` is that at the end of the step, in ``takes_unit``. A neuron that
        sends zero costs nothing. What is sent multiplies the weights.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not say what it sends: define update(self, clock, spikes)."
        )

    def sent(self, clock: Clock, taken: jax.Array) -> jax.Array:
        """What :meth:`update` returns, for those who run a network.

        Raises
        ------
        TypeError
            If it is not one plain number for each neuron.
        """
        sent = self.update(clock, taken)
        if isinstance(sent, u.Quantity) or getattr(sent, "shape", None) != (self.n_pre,):
            given = "nothing" if sent is None else f"{type(sent).__name__} of shape {np.shape(sent)}"
            raise TypeError(
                f"{self.path}: {type(self).__name__}.update returns what each neuron sends, a plain array of shape"
                f" ({self.n_pre},); given {given}."
            )
        return sent

    def present(self) -> jax.Array:
        """What a graded terminal sends in its present state, float ``(n_pre,)``: it acts before the first step too."""
        raise NotImplementedError(
            f"{type(self).__name__} is graded and does not say what it sends: define present(self)."
        )

    #: what a spike adds to states at once, by name, for a terminal with a :meth:`derivative`
    struck: ClassVar[dict[str, float]] = {}

    def derivative(self, taken: Any) -> dict[str, jax.Array]:
        """Rates of the states of a graded terminal, per ms, by name: for runs in steps of their own length.

        ``taken``: what it takes of who sends; None of one that takes spikes, which act by :attr:`struck`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no equations: define derivative(self, taken).")

    def decay(self, clock: Clock, tau: str) -> jax.Array:
        """Factor by which a state with time constant ``tau`` decays in a step; 0 where there is no such time constant."""
        if tau not in vars(self):
            return jnp.zeros((), clock.step_ms.dtype)
        return jnp.exp(-clock.step_ms / self.plain(tau))
