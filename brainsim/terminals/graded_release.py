"""Transmitter that the potential of the presynaptic side releases, without spikes."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.terminals.base import Terminal
from brainsim.terminals.gating import opening_of


class _ByPotential(Terminal):
    """What all that follows the presynaptic potential shares."""

    graded = True
    takes, takes_unit = "V", u.mV

    a_d = Parameter(5 / 1500 / u.ms, "rate of closing", positive=True)
    s = State(0.0, "fraction of open channels", tau=lambda get: 1 / get("a_d"))

    def opening(self, V: jax.Array) -> jax.Array:
        """Rate of opening, per ms, at V in mV."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it opens: define opening(self, V).")

    def update(self, clock: Clock, V):
        dt = clock.step_ms
        return self.accumulate("s", opening_of(self.plain("s"), self.opening(V) * dt, self.plain("a_d") * dt))

    def derivative(self, taken):
        s = self.plain("s")
        return {"s": self.opening(taken) * (1 - s) - self.plain("a_d") * s}

    def present(self):
        return self.plain("s")


class GradedRelease(_ByPotential):
    r"""Channels that open with the presynaptic potential, as at synapses of neurons that do not spike.

    .. math:: \dot s = \frac{a_r}{1 + e^{-(V - V_{half})/k}}\,(1 - s) - a_d\,s

    It takes V of what sends, a population or places of cells (``net.connect(cells.at("axon"), ...)``), and sends s, the
    fraction of open channels, at every step, to a receptor that is graded (``receptors.Graded``); a weight is the
    conductance of a synapse whose channels are all open. Since s depends on the presynaptic potential alone, one for each
    place that sends is exact for all its synapses. Over a step V is what it is at its end: the error is of the first
    order in dt, and s stays between 0 and 1 at any.

    Parameters
    ----------
    a_r, a_d : quantity, rate
        Of opening where V is high, and of closing.
    V_half : quantity, voltage
        V at which channels open at half the rate.
    k : quantity, voltage
        Steepness: the change of V by which the rate grows e-fold where it is small.

    References
    ----------
    S. R. Wicks, C. J. Roehrig, C. H. Rankin, J. Neurosci. 16:4017 (1996); J. Kunert, E. Shlizerman, J. N. Kutz, Phys. Rev. E
    89:052805 (2014), whose rates are the defaults.
    """

    a_r = Parameter(1 / 1500 / u.ms, "rate of opening where V is high", positive=True)
    V_half = Parameter(-35.0 * u.mV, "V of half the rate of opening")
    k = Parameter(8.0 * u.mV, "steepness of opening", positive=True)

    def opening(self, V):
        return self.plain("a_r") * jax.nn.sigmoid((V - self.plain("V_half")) / self.plain("k"))


class ReleaseByPotential(_ByPotential):
    r"""Receptors that are bound in the end as the presynaptic potential says, whether or not it spikes.

    .. math:: \dot s = \frac{s_\infty(V) - s}{\tau_s(V)},\qquad s_\infty = \frac{1}{1 + e^{-(V - V_{half})/k}},\qquad
        \tau_s = \frac{1 - s_\infty}{a_d}

    which is :math:`\dot s = a_d\,[e^{(V - V_{half})/k}\,(1 - s) - s]`. It takes and sends what :class:`GradedRelease` does.

    Parameters
    ----------
    a_d : quantity, rate
        Of unbinding.
    V_half, k : quantity, voltage
        V at which half of the receptors are bound in the end, and the steepness.

    References
    ----------
    L. F. Abbott, E. Marder, in: Methods in Neuronal Modeling, 2nd ed., MIT Press, ch. 10 (1998).
    """

    a_d = Parameter(0.025 / u.ms, "rate of unbinding", positive=True)
    V_half = Parameter(-35.0 * u.mV, "V at which half of the receptors are bound in the end")
    k = Parameter(10.0 * u.mV, "steepness of binding", positive=True)

    def opening(self, V):
        x = (V - self.plain("V_half")) / self.plain("k")
        return self.plain("a_d") * jnp.exp(jnp.minimum(x, 40.0))  # beyond, s is 1 to rounding
