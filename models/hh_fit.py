"""Fit the conductances of a Hodgkin-Huxley cell to recorded voltages, by gradients through the differential equations.

.. math::

    C \\dot V = \\bar g_{Na} m^3 h (E_{Na} - V) + \\bar g_K n^4 (E_K - V) + g_L (E_L - V) + I(t)

The recording: eight sweeps of 50 ms with a fluctuating current, frozen so that spike times are reproducible, each with
three or four spikes. The fit starts with conductances that are wrong by up to a factor of two and finds all three.

Two things keep a gradient through spikes useful. The error of each sample is bounded in its slope (pseudo-Huber), since
a spike that comes a millisecond late must not count more than everything else; and the window grows from the first
spike on, since late spikes can be timed only when the early ones are right. Conductances are positive, so Adam works on
their logarithms.

    python -m models.hh_fit

References
----------
A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500 (1952); Z. F. Mainen, T. J. Sejnowski, Science 268:1503 (1995), on
frozen noise; M. Deistler et al., Nat. Methods (2025), on fitting biophysical models by gradients (Jaxley).
"""

from __future__ import annotations

import time
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs

DT = 0.025 * u.ms
DURATION = 50.0 * u.ms
RECORD = ["cell.V"]

UNIT = u.mS / u.cm2
TRUE = {"g_Na": 120.0 * UNIT, "g_K": 36.0 * UNIT, "g_L": 0.3 * UNIT}
START = {"g_Na": 190.0 * UNIT, "g_K": 60.0 * UNIT, "g_L": 0.6 * UNIT}


def build(
    seed: int = 0, *, sweeps: int = 8, mean=8.0 * u.uA / u.cm2, sigma=8.0 * u.uA / u.cm2, **conductances
) -> bs.Network:
    """A cell under ``sweeps`` different currents, as that many cells with the same parameters.

    Parameters
    ----------
    seed : int
        Seed of the currents.
    sweeps : int
        How many.
    mean, sigma : quantity, current per area
        Of the currents, which change every millisecond and begin after 3 ms.
    **conductances : quantity, conductance per area
        ``g_Na``, ``g_K`` and ``g_L``; those left out are :data:`TRUE`.

    Returns
    -------
    Network
        With the population ``cell``.
    """
    net = bs.Network(seed=seed)
    net.cell = bs.neurons.HodgkinHuxley(sweeps, **(TRUE | conductances))
    steps = round(float(DURATION / u.ms))
    current = mean + sigma * np.random.default_rng([seed, 1]).standard_normal((steps, sweeps))
    net.cell.add_stimuli(electrode=bs.stimuli.TimedArray(current, 1.0 * u.ms, start=3.0 * u.ms))
    return net


class Fit(NamedTuple):
    """Result of :func:`fit`: conductances, loss of every update, the voltages (steps, sweeps) in mV and the time it
    took.
    """

    conductances: dict[str, u.Quantity]
    losses: list[float]
    target: np.ndarray
    initial: np.ndarray
    fitted: np.ndarray
    seconds: float

    def errors(self, true: dict = TRUE) -> dict[str, float]:
        """Relative error of every conductance."""
        return {name: float(value / true[name]) - 1 for name, value in self.conductances.items()}


def fit(
    target: np.ndarray | None = None,
    start: dict | None = None,
    *,
    seed: int = 0,
    updates: int = 300,
    rate: float = 0.05,
    tolerance: float = 1e-5,
    progress: bool = False,
) -> Fit:
    """Find the conductances that reproduce recorded voltages.

    Parameters
    ----------
    target : array (steps, sweeps), optional
        Voltages in mV; by default those of the cell with conductances :data:`TRUE`.
    start : dict of str to quantity, optional
        Where to begin; by default :data:`START`.
    seed : int
        Seed of the currents.
    updates : int
        Updates, at most; the window has its full length after 60 % of them.
    rate : float
        First learning rate of Adam on the logarithms; it falls along a cosine.
    tolerance : float
        Loss over the full window at which to stop.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Fit
    """
    start = START if start is None else start
    run = bs.function(build(seed, **start), DURATION, dt=DT, record=RECORD, checkpoint_every=50)
    if target is None:
        target = np.asarray(
            bs.simulate(build(seed), DURATION, dt=DT, record=RECORD, progress=False)["cell.V"].to_decimal(u.mV)
        )
    times = (np.arange(run.n_steps) + 1) * float(DT.to_decimal(u.ms))

    @jax.jit
    def voltage(logs):
        return run({f"cell.{name}": jnp.exp(value) for name, value in logs.items()}, {})[1]["cell.V"]

    def loss(logs, horizon):
        error = (voltage(logs) - target) / 5.0
        weight = jax.nn.sigmoid(horizon - times)[:, None]  # the window ends softly, over a millisecond or two
        return (weight * (jnp.sqrt(1 + error**2) - 1)).sum() / (weight.sum() * error.shape[1])

    optimizer = optax.chain(
        optax.clip_by_global_norm(0.5),  # a spike that appears or goes makes the gradient jump
        optax.adam(optax.cosine_decay_schedule(rate, updates, 0.01), b2=0.99),
    )

    logs = {name: jnp.log(jnp.asarray(value.to_decimal(UNIT), float)) for name, value in start.items()}
    initial, started, first, last = np.asarray(voltage(logs)), time.perf_counter(), 10.0, float(times[-1]) + 5.0
    grown = lambda k: min(1.0, k / (0.6 * updates))
    logs, losses = bs.train.minimize(
        loss, logs, updates, optimizer=optimizer, arguments=lambda k: (first + (last - first) * grown(k),),
        until=lambda k, value: grown(k) == 1.0 and value < tolerance, progress=progress,
    )  # fmt: skip
    conductances = {name: float(jnp.exp(value)) * UNIT for name, value in logs.items()}
    return Fit(conductances, list(losses), target, initial, np.asarray(voltage(logs)), time.perf_counter() - started)


def plot(result: Fit, sweeps: int = 2):
    """The first sweeps: recorded, initial and fitted voltages; and the loss.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(sweeps + 1, figsize=(7.5, 2.0 * (sweeps + 1)), layout="constrained")
    times = (np.arange(len(result.target)) + 1) * float(DT.to_decimal(u.ms))
    for k, ax in enumerate(axes[:sweeps]):
        ax.plot(times, result.initial[:, k], color="0.65", linewidth=1, label="initial")
        ax.plot(times, result.target[:, k], color="C0", linewidth=2.5, label="recorded")
        ax.plot(times, result.fitted[:, k], color="C1", linewidth=1.2, linestyle="--", label="fitted")
        ax.set(ylabel=f"V, sweep {k + 1} (mV)", xlim=(0, times[-1]))
    axes[0].legend(ncols=3, fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    axes[sweeps - 1].set_xlabel("time (ms)")
    axes[sweeps].semilogy(result.losses, color="C1")
    axes[sweeps].set(xlabel="update", ylabel="loss", xlim=(0, len(result.losses)))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def experiment(**options) -> Fit:
    """:func:`fit` with ``options``."""
    return fit(**options)


def main(folder: str = "out") -> None:
    """Fit, print the conductances and draw the voltages."""
    from pathlib import Path

    result = fit(progress=True)
    for name, value in result.conductances.items():
        print(
            f"{name:4}: true {TRUE[name]}, start {START[name]}, fitted {value} ({100 * result.errors()[name]:+.3f} %)"
        )
    path = Path(folder) / "hh_fit.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    plot(result).savefig(path, dpi=150)
    print(f"{len(result.losses)} updates in {result.seconds:.1f} s, picture in {path}")


if __name__ == "__main__":
    main()
