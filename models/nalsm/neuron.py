"""The neuron of the liquid and of its input, its synapses, and the events that drive it, in steps of one millisecond."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp

import brainsim as bs

DT = 1.0 * u.ms
SLOPE = u.mV / u.ms  # unit of what moves the membrane, and of weights


class LIF(bs.neurons.Neuron):
    r"""Leaky integrate-and-fire neuron by Euler's method, not clamped while it is refractory.

    .. math:: \dot V = I - V / \tau_v,\qquad V \ge V_{th} \Rightarrow V \leftarrow 0

    A neuron that is refractory integrates, and fires as soon as it no longer is, if V is above threshold then. With
    ``refractory`` = 2 ms the shortest interval is 3 ms.

    Parameters
    ----------
    tau_v : quantity, time
        Membrane time constant.
    V_th : quantity, voltage
        Threshold.
    """

    default_method = "euler"
    input_unit = SLOPE
    clamped = ()

    tau_v = bs.Parameter(64.0 * u.ms, "membrane time constant", positive=True)
    V_th = bs.Parameter(20.0 * u.mV, "threshold")
    V_reset = bs.Parameter(0.0 * u.mV, "potential after a spike")
    refractory = bs.Parameter(2.0 * u.ms, "time after a spike in which the neuron cannot fire")
    V = bs.State(0.0 * u.mV, "membrane potential")

    def derivative(self, t, V, I):
        return I - V / self.tau_v

    def fires(self, before, after):
        return after["V"] >= self.V_th


class NearestSpike(bs.terminals.Terminal):
    r"""The current of a synapse depends on the time since the last spike of its presynaptic neuron alone.

    .. math:: k_j(t) = \frac{1}{\tau_u} e^{-(t - t_j)/\tau_u}\ \text{ for } t - t_j < 16\,\tau_u

    with :math:`\tau_u` in ms. An earlier spike is forgotten. k is cut where it is below 1e-7 of its peak, so that
    neurons that have been silent cost nothing.

    Parameters
    ----------
    tau_u : quantity, time
        Synaptic time constant.
    """

    graded = True

    tau_u = bs.Parameter(1.0 * u.ms, "synaptic time constant", positive=True)
    k = bs.State(0.0, "kernel", shape="n_pre")

    def update(self, clock, spikes):
        peak = 1.0 / self.plain("tau_u")
        k = self.plain("k") * self.decay(clock, "tau_u")
        k = jnp.where(spikes, peak, jnp.where(k < jnp.exp(-16.0) * peak, 0.0, k))
        self.put("k", k)
        return k

    def present(self):
        return self.plain("k")


class Events(bs.stimuli.Stimulus):
    r"""In every step an event with probability p, independently of all others, that lifts V by ``amplitude``.

    Given as an input with one row of zeros and ones per step (``inputs={"pixels.events.p": events}``), p is the events
    themselves.

    Parameters
    ----------
    p : float, (n,)
        Probability in a step.
    amplitude : quantity, voltage
        What an event adds to V: enough to reach the threshold.
    """

    p = bs.Parameter(0.0, "probability of an event in a step", shape="count")
    amplitude = bs.Parameter(100.0 * u.mV, "what an event adds to V")

    def value(self, clock):
        probability = jnp.broadcast_to(self.plain("p"), (self.count,))
        event = bs.events.bernoulli_spikes(jax.random.key_data(clock.key), clock.step, probability, self.count)
        return jnp.where(event, self.plain("amplitude") / clock.step_ms, 0.0)
