"""A thousand conductances from voltages at ten sites, by gradient.

A branching cell of 335 compartments has three conductances in each (sodium, potassium, leak), all unknown. What is
recorded is V at ten sites, under two currents into the soma. Gradients through the simulation find conductances that
give the same voltages; the task is that of M. Deistler et al., Nature Methods (2025), who fitted 1,390.

    python -m models.cells.many_conductances
"""

from __future__ import annotations

import argparse

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from brainsim import cells, channels

DURATION, DT = 20 * u.ms, 0.025 * u.ms
CURRENTS = (0.6, 1.2)  # nA
MEAN = dict(na=120.0, k=36.0, leak=0.3)  # mS/cm2


def shape() -> cells.Compartments:
    """A soma and a dendrite that branches five times."""
    return cells.discretise(
        cells.rall_tree(5, diameter=4 * u.um, length=80 * u.um, soma=20 * u.um), cells.MaxLength(3.8 * u.um)
    )


def network(cut: cells.Compartments) -> bs.Network:
    """Two copies of the cell, one under each current."""
    net = bs.Network()
    parts = dict(
        na=channels.Na_HH1952(g_max=MEAN["na"] * u.mS / u.cm2),
        k=channels.K_HH1952(g_max=MEAN["k"] * u.mS / u.cm2),
        leak=channels.Leak(g_max=MEAN["leak"] * u.mS / u.cm2, E=-54.3 * u.mV),
    )
    net.cell = cells.MultiCompartment(
        len(CURRENTS), cut, channels=parts, g_L=0 * u.mS / u.cm2, V=-65 * u.mV, R_a=100 * u.ohm * u.cm,
        method="staggered_crank_nicolson",
    )  # fmt: skip
    net.cell.add_stimuli(step=bs.stimuli.Constant(np.array(CURRENTS) * u.nA, start=1 * u.ms))
    return net


def voltages(net: bs.Network, sites: np.ndarray):
    """A function from conductances, as factors of their means ``{"na": (n,), ...}``, to V at the sites: (steps, sites)."""
    record = [f"cell.V[{site}]" for site in sites]
    run = bs.function(net, DURATION, dt=DT, record=record)

    def of(factors: dict[str, jax.Array]) -> jax.Array:
        given = {f"cell.{name}.g_max": MEAN[name] * jnp.repeat(x, len(CURRENTS)) for name, x in factors.items()}
        samples = run(given, {})[1]
        return jnp.concatenate([samples[name] for name in record], axis=1)

    return of


def main(updates: int = 1000, seed: int = 0) -> dict[str, float]:
    """Fit, and tell how far the voltages are from those recorded: RMS of the difference over the standard deviation."""
    rng = np.random.default_rng(seed)
    cut = shape()
    rows = np.sort(np.append(0, rng.choice(np.arange(1, len(cut)), 9, replace=False)))
    V = voltages(network(cut), (rows[:, None] * len(CURRENTS) + np.arange(len(CURRENTS))).ravel())
    truth = {name: jnp.asarray(rng.lognormal(0, 0.3, len(cut))) for name in MEAN}
    recorded = jax.jit(V)(truth)
    spread = jnp.std(recorded)

    def error(logs):
        return jnp.mean(((V(jax.tree.map(jnp.exp, logs)) - recorded) / spread) ** 2)

    start = {name: jnp.zeros(len(cut)) for name in MEAN}
    schedule = optax.cosine_decay_schedule(0.03, updates)
    found = bs.train.minimize(error, start, updates, optimizer=optax.adam(schedule))
    trace = np.sqrt(found.losses)
    off = {name: float(jnp.std(found.values[name] - jnp.log(truth[name]))) for name in MEAN}
    return dict(parameters=3 * len(cut), before=float(trace[0]), after=float(trace.min()), last=float(trace[-1]), **off)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, value in main(options.updates, options.seed).items():
        print(f"{name:>10}  {value:.4g}")
