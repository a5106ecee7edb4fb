"""Wang's decision network: slow recurrent excitation accumulates evidence, and inhibition lets one of two pools win.

.. math::

    C_m \\dot V &= -g_L (V - V_L) - I,\\qquad
    I = g_{ext} s^{AMPA}_{ext} V + \\sum_j w_j \\Big[g_A s^{AMPA}_j V + \\frac{g_N s^{NMDA}_j V}{1 + e^{-0.062 V}/3.57}\\Big]
        + g_G \\sum_j s^{GABA}_j (V - V_I) \\\\
    \\dot s^{NMDA} &= -s^{NMDA}/100\\,\\mathrm{ms} + 0.5\\,\\mathrm{ms}^{-1}\\, x (1 - s^{NMDA}),\\qquad \\dot x = -x/2\\,\\mathrm{ms},\\ x
        \\leftarrow x + 1 \\text{ at a spike}

1,600 pyramidal cells and 400 interneurons, connected all to all. Two pools of 240 pyramidal cells (E1, E2) prefer the
two directions of a motion; connections within a pool are stronger (w+ = 1.7), from outside into it weaker (w-). While a
stimulus of coherence c is on, the pools get Poisson spikes at 40 (1 + c) and 40 (1 - c) Hz with slow noise. One pool
wins, the more often the right one and the faster the larger c; without a stimulus it keeps firing, and so remembers the
choice.

References
----------
X.-J. Wang, Neuron 36:955 (2002); N. Brunel, X.-J. Wang, J. Comput. Neurosci. 11:63 (2001); J. D. Roitman, M. N.
Shadlen, J. Neurosci. 22:9475 (2002).
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from models.progress import track

DT = 0.1 * u.ms
DURATION = 3.5 * u.second
ON, OFF = 0.5 * u.second, 2.5 * u.second  # the stimulus
RECORD = ["E.spikes", "I.spikes"]
POOLS = "E.spikes[:480]"

POOL, EXCITATORY, INHIBITORY = 240, 1600, 400
POTENTIATED = 1.7
COHERENCES = (0.0, 0.032, 0.064, 0.128, 0.256, 0.512)


class Motion(bs.stimuli.PoissonInput):
    r"""Poisson input of two pools at :math:`\mu_0 (1 \pm c) + \sigma\,\xi` Hz, with :math:`\xi` drawn for each pool in
    every interval.

    Parameters
    ----------
    coherence : float
        c, from 0 to 1.
    prefers : array of +1 and -1, (n,)
        Direction that a unit prefers; only the pools are stimulated.
    sigma : quantity, frequency
        Standard deviation of the noise.
    interval : quantity, time
        How long a value of the noise lasts.
    """

    coherence = bs.Parameter(0.0, "coherence of the motion", shape=())
    prefers = bs.Parameter(1.0, "preferred direction, +1 or -1")
    sigma = bs.Parameter(4.0 * u.Hz, "standard deviation of the noise", shape=())
    interval = bs.Parameter(50.0 * u.ms, "how long a value of the noise lasts", shape=(), positive=True)

    def __init__(self, receptor, *, coherence=0.0, prefers=1.0, sigma=4.0 * u.Hz, interval=50.0 * u.ms, **values):
        super().__init__(receptor, **values)
        self.coherence, self.prefers, self.sigma, self.interval = coherence, prefers, sigma, interval

    def rate_now(self, clock):
        steps = jnp.round(self.plain("interval") / clock.step_ms).astype(jnp.int32)
        noise = jax.random.normal(
            jax.random.fold_in(clock.of("noise").key, clock.step // steps), (2,), clock.step_ms.dtype
        )
        prefers = self.plain("prefers")
        mean = self.plain("rate") * (1.0 + prefers * self.plain("coherence"))
        return jnp.maximum(mean + self.plain("sigma") * jnp.where(prefers > 0, noise[0], noise[1]), 0.0)


def build(seed: int = 0, *, coherence: float = 0.0, potentiated: float = POTENTIATED, sigma=4.0 * u.Hz) -> bs.Network:
    """The network.

    Parameters
    ----------
    seed : int
        Seed of the external input.
    coherence : float
        Coherence of the motion, positive for the direction of E1; ``net["E.motion"].coherence`` later.
    potentiated : float
        Weight w+ within a pool, relative to that of unselective cells.
    sigma : quantity, frequency
        Noise of the stimulus.

    Returns
    -------
    Network
        With populations ``E``, of which ``E[:240]`` and ``E[240:480]`` are the pools, and ``I``.
    """
    net = bs.Network(seed=seed)
    cell = dict(E_L=-70.0 * u.mV, V=-70.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-55.0 * u.mV)
    net.E = bs.neurons.LIF(EXCITATORY, tau=20.0 * u.ms, R=1 / (25.0 * u.nS), refractory=2.0 * u.ms, **cell)
    net.I = bs.neurons.LIF(INHIBITORY, tau=10.0 * u.ms, R=1 / (20.0 * u.nS), refractory=1.0 * u.ms, **cell)
    for cells, external in ((net.E, 2.1 * u.nS), (net.I, 1.62 * u.nS)):
        cells.add_receptors(
            ampa=bs.receptors.Exponential(tau=2.0 * u.ms, reversal=0.0 * u.mV),
            nmda=bs.receptors.GatedNMDA(),
            gaba=bs.receptors.Exponential(tau=5.0 * u.ms, reversal=-70.0 * u.mV),
        )
        cells.add_stimuli(background=bs.stimuli.PoissonInput("ampa", rate=2400.0 * u.Hz, weight=external))
    prefers = np.where(np.arange(EXCITATORY) < POOL, 1.0, -1.0)
    motion = Motion(
        "ampa",
        rate=40.0 * u.Hz,
        weight=2.1 * u.nS,
        coherence=coherence,
        prefers=prefers,
        sigma=sigma,
        start=ON,
        stop=OFF,
    )
    net.E[: 2 * POOL].add_stimuli(motion=motion)

    share = POOL / EXCITATORY
    depressed = 1 - share * (potentiated - 1) / (1 - share)
    pools, others = (net.E[:POOL], net.E[POOL : 2 * POOL]), net.E[2 * POOL :]
    paths = [  # who to whom, and the relative weight
        (pools[0], pools[0], potentiated),
        (pools[1], pools[1], potentiated),
        (pools[0], pools[1], depressed),
        (pools[1], pools[0], depressed),
        (others, net.E[: 2 * POOL], depressed),
        (net.E, others, 1.0),
    ]
    opening = bs.terminals.NMDAGating(tau_rise=2.0 * u.ms, tau_decay=100.0 * u.ms, alpha=0.5 / u.ms)
    wiring = dict(rule=bs.AllToAll(), delay=0.5 * u.ms)
    for pre, post, weight in paths:
        net.connect(pre, post, receptor="ampa", weight=weight * 0.05 * u.nS, **wiring)
        net.connect(pre, post, receptor="nmda", weight=weight * 0.165 * u.nS, terminal=opening, **wiring)
    net.connect(net.E, net.I, receptor="ampa", weight=0.04 * u.nS, **wiring)
    net.connect(net.E, net.I, receptor="nmda", weight=0.13 * u.nS, terminal=opening, **wiring)
    net.connect(net.I, net.E, receptor="gaba", weight=1.3 * u.nS, **wiring)
    net.connect(net.I, net.I, receptor="gaba", weight=1.0 * u.nS, **wiring)
    return net


def pool_rates(train: bs.SpikeTrain, window=50.0 * u.ms, every=5.0 * u.ms) -> tuple[np.ndarray, np.ndarray]:
    """Rates of the two pools in a window that ends at each time.

    Parameters
    ----------
    train : SpikeTrain
        ``rec.spikes["E"]``, or that of the pools only.
    window, every : quantity, time
        Width of the window, and steps between windows.

    Returns
    -------
    times : array, (k,)
        End of the window, in ms.
    rates : array, (2, k)
        In Hz.
    """
    width = round(float(window / every))
    counts = train.counts(every)[:, : 2 * POOL].reshape(-1, 2, POOL).sum(2).T
    summed = np.cumsum(np.pad(counts, ((0, 0), (width, 0))), axis=1)
    rates = (summed[:, width:] - summed[:, :-width]) / (POOL * window.to_decimal(u.second))
    times = train.start.to_decimal(u.ms) + every.to_decimal(u.ms) * np.arange(1, rates.shape[1] + 1)
    return times, rates


class Trial(NamedTuple):
    """What a trial shows: the pool that was chosen (0 or 1; -1 for none), when (ms from stimulus onset), and rates in
    Hz.

    ``winner`` and ``loser`` are over the last 0.5 s of the stimulus, ``memory`` is that of the winner from 0.5 to 1 s
    after it and ``last`` from 0.8 to 1 s.
    """

    choice: int
    time: float
    winner: float
    loser: float
    memory: float
    last: float


def decision(train: bs.SpikeTrain, threshold: float = 15.0) -> Trial:
    """The choice of a trial: the first pool to reach the threshold (Hz) in a window of 50 ms after the onset of the
    stimulus.
    """
    times, rates = pool_rates(train)
    on, off = ON.to_decimal(u.ms), OFF.to_decimal(u.ms)
    shown = (times > on) & (times <= off)
    above = (rates >= threshold) & shown
    if not above.any():
        return Trial(-1, np.nan, np.nan, np.nan, np.nan, np.nan)
    first = int(above.any(0).argmax())
    choice = int(rates[:, first].argmax())

    def mean(pool, start, stop):
        within = (times > start) & (times <= stop)
        return float(rates[pool, within].mean()) if within.any() else np.nan

    return Trial(
        choice,
        float(times[first] - on),
        mean(choice, off - 450, off),
        mean(1 - choice, off - 450, off),
        mean(choice, off + 550, off + 1000),
        mean(choice, off + 850, off + 1000),
    )


def experiment(
    coherences=COHERENCES,
    trials: int = 120,
    duration=DURATION,
    *,
    seed: int = 0,
    progress: bool | None = None,
    **options,
):
    """Trials at every coherence, as one array of the fields of :class:`Trial`: (coherences, trials, fields)."""
    net, seeds = build(**options), seed * trials + np.arange(trials)
    found = []
    for coherence in track(
        coherences, f"{trials} trials at coherence", progress is not False
    ):  # one sweep each, so that no more than this many recordings are kept
        net["E.motion"].coherence = coherence
        sweep = bs.sweep(net, {}, duration, dt=DT, record=POOLS, seeds=seeds, progress=progress)
        found.append(sweep.map(lambda rec: np.array(decision(rec.spikes["E[:480]"]))))
    return np.stack(found)


def summary(trials: np.ndarray) -> dict[str, float]:
    """Statistics of trials at one coherence, (trials, fields)."""
    choice, time, winner, loser, memory, last = trials.T
    decided = choice >= 0
    remembered = decided & (last > 10)

    def mean(values):
        return float(np.mean(values)) if len(values) else np.nan

    return {
        "correct": mean(choice[decided] == 0),
        "time": mean(time[decided]),
        "time_sd": float(np.std(time[decided])),
        "error_time": mean(time[choice == 1]),
        "decided": mean(decided),
        "winner": mean(winner[decided]),
        "loser": mean(loser[decided]),
        "memory": mean(memory[decided]),
        "remembered": mean(remembered[decided]),
        "memory_rate": mean(memory[remembered]),
    }


def weibull(c, threshold, slope):
    r"""Psychometric function :math:`1 - \frac12 e^{-(c/\alpha)^\beta}`: 82 % correct at :math:`c = \alpha`."""
    return 1 - 0.5 * np.exp(-((np.asarray(c) / threshold) ** slope))


def psychometric_fit(coherences, correct) -> tuple[float, float]:
    """Threshold and slope of :func:`weibull`, fitted by least squares to the fractions of correct choices."""
    from scipy.optimize import curve_fit

    (threshold, slope), _ = curve_fit(weibull, coherences, correct, p0=(0.08, 1.2), bounds=([1e-3, 0.2], [1.0, 10.0]))
    return float(threshold), float(slope)


def main() -> None:
    """Print 120 trials at each coherence."""
    found = [summary(trials) for trials in experiment()]
    for c, measured in zip(COHERENCES, found):
        print(f"coherence {100 * c:4.1f} %: " + ", ".join(f"{name} {value:.3g}" for name, value in measured.items()))
    threshold, slope = psychometric_fit(COHERENCES, [m["correct"] for m in found])
    print(f"psychometric function: threshold {100 * threshold:.1f} % coherence, slope {slope:.2f}")


if __name__ == "__main__":
    main()
