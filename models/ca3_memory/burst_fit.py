"""Find the conductances of the pyramidal cell from a recorded burst, by gradients through its equations.

A pulse of current at rest calls up one burst: somatic spikes, a calcium spike of the dendrite, and the silence after.
The recording is the potential of both compartments in a few such sweeps. From conductances that are wrong by up to a
third the gradient of the error finds those that made the recording: the cell that is fitted is the one that is
simulated.

The error of a sample is bounded in its slope, and the window grows from the pulse on, for the reasons given in
``models/hh_fit.py``. Conductances are positive, so Adam works on their logarithms.

    python -m models.ca3_memory.burst_fit

References
----------
P. F. Pinsky, J. Rinzel, J. Comput. Neurosci. 1:39 (1994); M. Deistler et al., Nat. Methods (2025), on fitting
biophysical models by gradients.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.ca3_memory.cell import CONDUCTANCE, CURRENT

DT = 0.05 * u.ms
DURATION = 45.0 * u.ms
RECORD = ["cell.V", "cell.V_d"]
PULSES = (4.0, 6.0, 9.0)  # uA/cm2, for 5 ms from 5 ms on

TRUE = {"g_Ca": 10.0, "g_C": 15.0, "g_AHP": 0.8, "g_c": 2.1}  # mS/cm2, those of the paper
START = {"g_Ca": 8.0, "g_C": 20.0, "g_AHP": 0.6, "g_c": 1.6}


def build(seed: int = 0, *, pulses=PULSES * CURRENT, **conductances) -> bs.Network:
    """A cell at rest under several pulses of current, as that many cells with the same parameters.

    Parameters
    ----------
    seed : int
        Of the network; nothing here is random.
    pulses : quantity, current per area, (n,)
        Into the soma from 5 to 10 ms.
    **conductances : float
        In mS/cm2: ``g_Ca``, ``g_C``, ``g_AHP``, ``g_c``; those left out are :data:`TRUE`.

    Returns
    -------
    Network
        With the population ``cell``.
    """
    net = bs.Network(seed=seed)
    rest = dict(V=-64.6 * u.mV, V_d=-64.5 * u.mV, h=0.999, n=0.001, s=0.009, c=0.007, q=0.01, Ca=0.2)
    values = {name: value * CONDUCTANCE for name, value in (TRUE | conductances).items()}
    net.cell = bs.neurons.PinskyRinzel(len(pulses), **values, **rest)
    net.cell.add_stimuli(
        holding=bs.stimuli.Constant(-0.5 * CURRENT),
        pulse=bs.stimuli.Constant(pulses, start=5.0 * u.ms, stop=10.0 * u.ms),
    )
    return net


class Fit(NamedTuple):
    """Result of :func:`fit`: conductances in mS/cm2, loss of every update, voltages (steps, sweeps, compartments) in
    mV, and seconds.
    """

    conductances: dict[str, float]
    losses: list[float]
    target: np.ndarray
    initial: np.ndarray
    fitted: np.ndarray
    seconds: float

    def errors(self, true: dict = TRUE) -> dict[str, float]:
        """Relative error of every conductance."""
        return {name: value / true[name] - 1 for name, value in self.conductances.items()}


def both(recorded: dict):
    """Potentials of soma and dendrite on a last axis."""
    return jnp.stack([recorded[name] for name in RECORD], -1)


def fit(
    target: np.ndarray | None = None,
    start: dict | None = None,
    *,
    updates: int = 250,
    rate: float = 0.03,
    tolerance: float = 1e-6,
    progress: bool = False,
) -> Fit:
    """Find the conductances that reproduce a recorded burst.

    Parameters
    ----------
    target : float array, (steps, sweeps, 2), optional
        Potentials of soma and dendrite in mV; by default those of the cell of the paper.
    start : dict of str to float, optional
        Where to begin, in mS/cm2; by default :data:`START`.
    updates : int
        Updates, at most; the window has its full length after 60 % of them.
    rate : float
        First learning rate of Adam on the logarithms; it falls along a cosine.
    tolerance : float
        Loss over the full window at which to stop.
    progress : bool
        Show how far it is.

    Returns
    -------
    Fit
    """
    start = START if start is None else start
    run = bs.function(build(**start), DURATION, dt=DT, record=RECORD, checkpoint_every=40)
    if target is None:
        target = np.asarray(both(jax.jit(bs.function(build(), DURATION, dt=DT, record=RECORD))({}, {})[1]))
    times = (np.arange(run.n_steps) + 1) * float(DT / u.ms)

    @jax.jit
    def potentials(logs):
        return both(run({f"cell.{name}": jnp.exp(value) for name, value in logs.items()}, {})[1])

    def loss(logs, horizon):
        error = (potentials(logs) - target) / 5.0
        weight = jax.nn.sigmoid(horizon - times)[:, None, None]
        return (weight * (jnp.sqrt(1 + error**2) - 1)).sum() / (weight.sum() * error[0].size)

    optimizer = optax.chain(
        optax.clip_by_global_norm(0.5), optax.adam(optax.cosine_decay_schedule(rate, updates, 0.01), b2=0.99)
    )

    logs = {name: jnp.log(jnp.asarray(value, float)) for name, value in start.items()}
    initial, began, first, last = np.asarray(potentials(logs)), time.perf_counter(), 12.0, float(times[-1]) + 5.0
    grown = lambda k: min(1.0, k / (0.6 * updates))
    logs, losses = bs.train.minimize(
        loss, logs, updates, optimizer=optimizer, arguments=lambda k: (first + (last - first) * grown(k),),
        until=lambda k, value: grown(k) == 1.0 and value < tolerance, progress=progress,
    )  # fmt: skip
    found = {name: float(jnp.exp(value)) for name, value in logs.items()}
    return Fit(found, list(losses), target, initial, np.asarray(potentials(logs)), time.perf_counter() - began)


def plot(result: Fit, sweep: int = 0):
    """One sweep: recorded, initial and fitted potentials of soma and dendrite; and the loss.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, figsize=(7.5, 6.0), layout="constrained")
    times = (np.arange(len(result.target)) + 1) * float(DT / u.ms)
    for k, (ax, name) in enumerate(zip(axes, ("soma", "dendrite"))):
        ax.plot(times, result.initial[:, sweep, k], color="0.65", linewidth=1, label="initial")
        ax.plot(times, result.target[:, sweep, k], color="C0", linewidth=2.5, label="recorded")
        ax.plot(times, result.fitted[:, sweep, k], color="C1", linewidth=1.2, linestyle="--", label="fitted")
        ax.set(ylabel=f"V, {name} (mV)", xlim=(0, times[-1]))
    axes[0].legend(ncols=3, fontsize=8, frameon=False)
    axes[1].set_xlabel("time (ms)")
    axes[2].semilogy(result.losses, color="C1")
    axes[2].set(xlabel="update", ylabel="loss", xlim=(0, len(result.losses)))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def experiment(**options) -> Fit:
    """:func:`fit` with ``options``."""
    return fit(**options)


def main(folder: str = "out") -> None:
    """Fit, print the conductances and draw the burst."""
    result = fit(progress=True)
    for name, value in result.conductances.items():
        print(
            f"{name:5}: true {TRUE[name]}, start {START[name]}, fitted {value:.5g} mS/cm2"
            f" ({100 * result.errors()[name]:+.3f} %)"
        )
    path = Path(folder) / "ca3_burst_fit.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    plot(result).savefig(path, dpi=150)
    print(f"{len(result.losses)} updates in {result.seconds:.1f} s, picture in {path}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
