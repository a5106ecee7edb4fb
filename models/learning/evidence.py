r"""Evidence accumulation learned by e-prop: a spiking network counts cues to its left and right and remembers until asked.

.. math::

    \tau \dot V_j = -V_j + \sum_i w_{ji} s_i,\qquad V_j > V_{th} + \beta_j a_j \Rightarrow s_j = 1,\qquad
    \tau_a \dot a_j = -a_j + \tau_a s_j

    \Delta w_{ji} = -\eta \sum_t \sum_k B_{jk}\,(\pi_k^t - \pi_k^{*,t})\,\bar e_{ji}^t

A mouse runs along a corridor and sees seven cues to its left or right. After a delay of 0.5 to 1.5 s it has to turn to
the side that had more of them. Half of the neurons have thresholds that adapt to what they have fired in the last seconds:
their memory. Eligibility traces e of V and a take the place of backpropagation through time, so that memory does not grow
with the trial, and errors come back through random weights that are fixed.

Times are those of the paper; steps are 5 ms long, not 1, and there are 60 neurons, not 100, so that training takes
minutes on one core.

    python -m models.learning.evidence [RULE]      e_prop (the default), or bptt

References
----------
G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein, W. Maass, Nat. Commun. 11:3625 (2020), figure 3;
A. S. Morcos, C. D. Harvey, Nat. Neurosci. 19:1672 (2016).
"""

from __future__ import annotations

import math
import sys

import brainunit as u
import numpy as np
import optax

import brainsim as bs

DT = 5.0 * u.ms
TASK = bs.data.EvidenceAccumulation(dt=DT)
TAU, TAU_A, V_TH = 20.0 * u.ms, 2000.0 * u.ms, 0.6 * u.mV


def build(seed: int = 0, *, hidden: int = 60) -> bs.Network:
    """The untrained network.

    Parameters
    ----------
    seed : int
        Seed of the weights.
    hidden : int
        Neurons; the second half has thresholds that adapt.

    Returns
    -------
    Network
        With populations ``input`` (40 neurons), ``hidden1`` and ``output`` (2: left, right).
    """
    keeps, keeps_a = (math.exp(-float(DT / tau)) for tau in (TAU, TAU_A))
    beta = 1.7 * (1 - keeps_a) / (1 - keeps) * u.mV  # the paper's, for steps of DT
    alif = bs.nn.Neurons(
        bs.neurons.ALIF, recurrent=True, tau=TAU, tau_a=TAU_A, beta=np.where(np.arange(hidden) < hidden // 2, 0, 1) * beta,
        V_th=V_TH, E_L=0.0 * u.mV, V=0.0 * u.mV, refractory=5.0 * u.ms, surrogate=bs.surrogate.Triangular(height=0.3),
    )  # fmt: skip
    return bs.nn.Sequential(
        TASK.n_inputs, bs.nn.Linear(hidden), alif, bs.nn.Linear(2), bs.nn.LeakyReadout(tau=TAU), seed=seed
    )


def train(
    net: bs.Network,
    *,
    gradient=bs.train.Eligibility("e_prop", feedback="random"),
    updates: int = 300,
    batch: int = 32,
    rate: float = 5e-3,
    trials: int = 512,
    seed: int = 0,
    **options,
) -> bs.train.History:
    """Train all weights of ``net``, in place; rates are held near 10 Hz.

    Parameters
    ----------
    net : Network
        From :func:`build`.
    gradient : callable
        Where gradients come from, as of :func:`brainsim.train.fit`.
    updates, batch : int
        Updates, and trials for each.
    rate : float
        First learning rate of Adam, which falls to zero along a cosine.
    trials : int
        Fresh trials that tell after every twenty updates how often the network is right.
    seed : int
        Of trials and feedback.
    **options
        Of :func:`brainsim.train.fit`.
    """
    calm = bs.train.RateBand(["hidden1"], strength=1e-3, lowest=10 * u.Hz, highest=10 * u.Hz, dt=DT)
    return bs.train.fit(
        net, TASK.batches(batch, 20, seed), TASK.duration, dt=DT, loss=bs.train.losses.step_cross_entropy,
        read=("output.V", "sequence"), metrics=[bs.train.measures.decision()], penalties=[calm], gradient=gradient,
        optimizer=optax.adam(optax.cosine_decay_schedule(rate, updates)), epochs=updates // 20,
        validate=TASK(trials, seed + 1).data, seed=seed, **options,
    )  # fmt: skip


def main(rule: str = "e_prop") -> None:
    """Train, and print how often the network is right."""
    gradient = bs.train.bptt if rule == "bptt" else bs.train.Eligibility(rule, feedback="random")
    shown = lambda epoch: print(
        f"{20 * epoch.number} updates: right in {100 * epoch.row['validation decision']:.1f} % of fresh trials,"
        f" loss {epoch.row['loss']:.3f}, {epoch.row['seconds']:.0f} s",
        flush=True,
    )
    train(build(), gradient=gradient, callbacks=[shown])


if __name__ == "__main__":
    main(*sys.argv[1:2])
