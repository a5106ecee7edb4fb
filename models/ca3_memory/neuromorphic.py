"""Neurons and plasticity as a neuromorphic machine computes them, in steps of 1 ms.

A machine's time t is the step from t to t + 1 ms: what arrives at t is felt in that step, and a neuron that it lifts to
its threshold fires "at t". Here the spike is stamped with the end of its step, and spikes that are delivered at once
are felt in the next step. So a machine's delay d is a delay of d - 1 ms here, none for 1 ms (:func:`delay`), and a
machine's time is the stamp less one step (:func:`spikes_by_time`).

References
----------
S. B. Furber, F. Galluppi, S. Temple, L. A. Plana, Proc. IEEE 102:652 (2014); O. Rhodes et al., Front. Neurosci. 12:816
(2018); A. P. Davison et al., Front. Neuroinform. 2:11 (2009), on IF_curr_exp.
"""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs

DT = 1.0 * u.ms
STRONG = 6.0 * u.nA  # one spike of this weight fires a neuron
TAU_SYN = 0.3 * u.ms

# Capacitance, membrane time constant and threshold of the three kinds of neurons, and of the decoder of a binary code.
KINDS = {
    "A": (0.27 * u.nF, 3.0 * u.ms, -57.0 * u.mV),
    "B": (0.14 * u.nF, 0.5 * u.ms, -57.0 * u.mV),
    "C": (0.27 * u.nF, 3.0 * u.ms, -57.5 * u.mV),
    "decoder": (0.14 * u.nF, 0.5 * u.ms, -57.5 * u.mV),
}


class OnlineSTDP(bs.plasticity.PairSTDP):
    r"""Additive pair-based plasticity in which a post spike depresses the pre spikes of the very step in which it takes
    effect.

    A post spike takes effect after the dendritic delay ``post_delay``. In each step, first
    :math:`w \leftarrow \min(w + A_+ x, w_{max})` and :math:`y \leftarrow y + 1` for the post spikes, then
    :math:`w \leftarrow \max(w - A_- y, w_{min})` and
    :math:`x \leftarrow x + 1` for the pre spikes, which are sent with the weight that this leaves.
    """

    def update(self, s):
        s.on_post(s.A_plus * s.x)
        s.on_pre(-s.A_minus * (s.y + s.post.spikes))


def neurons(size: int, kind: str) -> bs.neurons.LIF:
    """Integrate-and-fire neurons of a kind of :data:`KINDS`, with one receptor ``syn`` for excitation and, as negative
    weights, inhibition.
    """
    capacitance, tau, threshold = KINDS[kind]
    population = bs.neurons.LIF(
        size,
        tau=tau,
        R=tau / capacitance,
        E_L=-60.0 * u.mV,
        V_reset=-60.0 * u.mV,
        V_th=threshold,
        refractory=DT,
        V=-60.0 * u.mV,
    )
    population.add_receptors(syn=bs.receptors.Exponential(tau=TAU_SYN))
    return population


def learning() -> OnlineSTDP:
    """The plasticity of the recurrent synapses: from nothing to a strong synapse in one pairing, and back in another."""
    return OnlineSTDP(
        A_plus=STRONG, A_minus=STRONG, w_max=STRONG, tau_plus=3.0 * u.ms, tau_minus=3.0 * u.ms, post_delay=DT
    )


def delay(milliseconds: int):
    """A machine's delay, as ``connect`` takes it."""
    return None if milliseconds == 1 else (milliseconds - 1) * u.ms


def others(n: int) -> bs.FromArrays:
    """Every neuron to all that have another index."""
    return bs.FromArrays(*np.nonzero(~np.eye(n, dtype=bool)))


def spikes_at(size: int, spikes: dict[int, set]) -> bs.sources.SpikeTimes:
    """Sources that fire at a machine's times: ``spikes[t]`` are the indices."""
    pairs = sorted((t, k) for t, those in spikes.items() for k in those)
    times, indices = np.array(pairs, int).reshape(-1, 2).T
    return bs.sources.SpikeTimes(size, (times + 1.0) * u.ms, indices)


def spikes_by_time(train: bs.SpikeTrain) -> dict[int, set[int]]:
    """Which neurons fire at each of a machine's times; silent times are left out."""
    fired: dict[int, set[int]] = {}
    for step, index in zip(train.steps, train.indices):
        fired.setdefault(int(step) - 1, set()).add(int(index))
    return fired
