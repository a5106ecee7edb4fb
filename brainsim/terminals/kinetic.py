"""Kinetic schemes of receptors that are driven by pulses of transmitter."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.receptors.gaba_b import cooperative
from brainsim.terminals.base import Terminal
from brainsim.terminals.gating import opening_of


class Kinetic(Terminal):
    r"""Two-state kinetics: transmitter binds and opens, in pulses after presynaptic spikes.

    .. math:: \dot r = \alpha\,[T]\,(1 - r) - \beta\,r,\qquad [T] = T_{max} \text{ for } T_{dur} \text{ after a spike, else } 0

    It sends r, the fraction of open channels, at every step, to a receptor that is graded; a weight is the conductance
    of a synapse whose channels are all open. A pulse depends on the presynaptic spikes alone, so one r per neuron is
    exact for all its synapses. A spike during a pulse begins the pulse anew: transmitter does not add up. r is exact at
    any step, also for a pulse that ends within one.

    The defaults are those of AMPA receptors; published rates at a pulse of 1 mM and 1 ms:

    ======== ================= =========== ==========================
    receptor alpha (1/(mM ms)) beta (1/ms) reversal potential
    ======== ================= =========== ==========================
    AMPA     1.1               0.19        0 mV
    NMDA     0.072             0.0066      0 mV, with magnesium block
    GABA_A   5.0               0.18        -80 mV
    ======== ================= =========== ==========================

    Parameters
    ----------
    alpha : quantity, rate per concentration
        Rate of binding.
    beta : quantity, rate
        Rate of unbinding.
    T_max, T_dur : quantity, concentration and time
        Height and length of a pulse.

    References
    ----------
    A. Destexhe, Z. F. Mainen, T. J. Sejnowski, in: Methods in Neuronal Modeling, 2nd ed., MIT Press, pp. 1-25 (1998);
    Neural Comput. 6:14 (1994).
    """

    graded = True

    alpha = Parameter(1.1 / (u.mM * u.ms), "rate of binding", positive=True)
    beta = Parameter(0.19 / u.ms, "rate of unbinding", positive=True)
    T_max = Parameter(1.0 * u.mM, "concentration of transmitter during a pulse", positive=True)
    T_dur = Parameter(1.0 * u.ms, "length of a pulse", positive=True)
    r = State(0.0, "fraction of receptors that are bound", tau=lambda get: 1 / get("beta"))
    pulse = State(0.0 * u.ms, "time for which transmitter is still there")

    def update(self, clock: Clock, spikes):
        pulse, dt = self.plain("pulse"), clock.step_ms
        during, before = jnp.minimum(pulse, dt), self.plain("r")
        binding, unbinding = self.plain("alpha") * self.plain("T_max"), self.plain("beta")
        end = before + (bound := opening_of(before, binding * during, unbinding * during))  # of the pulse
        after = self.accumulate("r", bound + end * jnp.expm1(-unbinding * (dt - during)))
        left, fired = pulse - during, spikes.astype(pulse.dtype)
        self.put("pulse", left + fired * (self.plain("T_dur") - left))
        return self.open(clock, after, 0.5 * (during * (before + end) + (dt - during) * (end + after)))

    def open(self, clock: Clock, bound: jax.Array, dose: jax.Array) -> jax.Array:
        """Fraction of open channels at the end of a step, from the fraction of bound receptors there and its integral
        over the step.
        """
        return bound

    def present(self):
        return self.plain("r")


class TwoStage(Kinetic):
    r"""Two-stage kinetics of NMDA receptors: binding, then opening.

    .. math::
        \dot r = \alpha\,[T]\,(1 - r) - \beta\,r,\qquad \dot s = \alpha_2\,r\,(1 - s) - \beta_2\,s,\qquad
        [T] = T_{max} \text{ for } T_{dur} \text{ after a spike, else } 0

    It sends s, the fraction of open channels; as :class:`Kinetic` otherwise. s is advanced with the mean of r over the
    step: the error of a step is of the third order in dt.

    Parameters
    ----------
    alpha, beta, T_max, T_dur
        As in :class:`Kinetic`.
    alpha_2, beta_2 : quantity, rate
        Rates of opening and closing.

    References
    ----------
    G. B. Ermentrout, D. H. Terman, Mathematical Foundations of Neuroscience, Springer, ch. 7 (2010); A. Destexhe, Z. F.
    Mainen, T. J. Sejnowski, J. Comput. Neurosci. 1:195 (1994).
    """

    alpha = Parameter(1.0 / (u.mM * u.ms), "rate of binding", positive=True)
    beta = Parameter(0.5 / u.ms, "rate of unbinding", positive=True)
    T_dur = Parameter(0.5 * u.ms, "length of a pulse", positive=True)
    alpha_2 = Parameter(2.0 / u.ms, "rate of opening of bound receptors", positive=True)
    beta_2 = Parameter(0.01 / u.ms, "rate of closing", positive=True)
    s = State(0.0, "fraction of open channels", tau=lambda get: 1 / get("beta_2"))

    def open(self, clock: Clock, bound, dose):
        change = opening_of(self.plain("s"), self.plain("alpha_2") * dose, self.plain("beta_2") * clock.step_ms)
        return self.accumulate("s", change)

    def present(self):
        return self.plain("s")


class SecondMessenger(Kinetic):
    r"""GABA_B kinetics at every synapse: a bound receptor makes G protein, which opens channels cooperatively.

    .. math::
        \dot r &= K_1\,[T]\,(1 - r) - K_2\,r,\qquad \dot G = K_3\,r - K_4\,G,\qquad
        [T] = T_{max} \text{ for } T_{dur} \text{ after a spike, else } 0 \\
        \text{sent} &= \frac{G^n}{G^n + K_d^n}

    with :math:`K_1` = ``alpha`` and :math:`K_2` = ``beta``; as :class:`Kinetic` otherwise. The published
    :math:`K_D` = 100 µM⁴ is :math:`K_d^4` here. G protein stays with its synapse; ``receptors.GABA_B`` pools that of a
    neuron. G is advanced with the mean of r over the step: the error of a step is of the third order in dt.

    Parameters
    ----------
    alpha, beta, T_max, T_dur
        As in :class:`Kinetic`.
    K_3 : quantity, concentration per time
        Rate at which a receptor makes G protein when all of it is bound.
    K_4 : quantity, rate
        Rate of decay of G protein.
    K_d : quantity, concentration
        G protein at which half of the channels are open.
    n : float
        Cooperativity: binding sites of a channel.

    References
    ----------
    A. Destexhe, Z. F. Mainen, T. J. Sejnowski, in: Methods in Neuronal Modeling, 2nd ed., MIT Press, pp. 1-25 (1998);
    A. Destexhe, T. J. Sejnowski, PNAS 92:9515 (1995).
    """

    alpha = Parameter(0.09 / (u.mM * u.ms), "rate of binding", positive=True)
    beta = Parameter(0.0012 / u.ms, "rate of unbinding", positive=True)
    K_3 = Parameter(0.18 * u.uM / u.ms, "rate of making G protein", positive=True)
    K_4 = Parameter(0.034 / u.ms, "rate of decay of G protein", positive=True)
    K_d = Parameter(100.0**0.25 * u.uM, "G protein of half activation", positive=True)
    n = Parameter(4.0, "binding sites of a channel", positive=True)
    G = State(0.0 * u.uM, "G protein", tau=lambda get: 1 / get("K_4"))

    def open(self, clock: Clock, bound, dose):
        G, lost = self.plain("G"), self.plain("K_4") * clock.step_ms
        G = self.accumulate("G", (self.plain("K_3") * dose - lost * G) * phi1(-lost))
        return self.present()

    def present(self):
        return cooperative(self.plain("G"), self.plain("K_d"), self.plain("n"))
