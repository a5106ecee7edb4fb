r"""Patterns that no point neuron can tell apart, told apart by dendrites: synapses trained by gradient.

.. math::

    C\,\dot V_i = g_L\,(E_L - V_i) + \sum_k x_k\,w^E_{ik}\,s(t)\,B(V_i)\,(0 - V_i) + \sum_k x_k\,w^I_{ik}\,s(t)\,(E_I - V_i) + \ldots

Two inputs of strengths :math:`x_1, x_2` in [0, 1] reach every compartment of a dendritic tree by NMDA and GABA_A receptors, and
the soma has to be depolarised where exactly one of the two is above a half: XOR at the corners, and around them.

A point neuron cannot do that, whatever its synapses. Where each input alone depolarises it beyond some V, what it adds has a
reversal potential above V; then both together do too, because the steady state is a mean of leak and reversal potentials, weighted
by their conductances. Dendrites are no such mean: an input may excite one branch and shunt another. The task is that of
M. Deistler et al., who trained a reconstructed cell on patterns that are not linearly separable; A. Gidon et al. found XOR in human
dendrites.

    python -m models.cells.dendritic_patterns [--point] [--swc cell.swc]

References
----------
M. Deistler, K. L. Kadhim, M. Pals, J. Beck, Z. Huang, M. Gloeckler, J. K. Lappalainen, C. Schroeder, P. Berens, P. J. Goncalves, J. H.
Macke, Nature Methods (2025); A. Gidon, T. A. Zolnik, P. Fidzinski, F. Bolduan, A. Papoutsi, P. Poirazi, M. Holtkamp, I. Vida,
M. E. Larkum, Science 367:83 (2020); C. Koch, T. Poggio, V. Torre, Proc. Natl. Acad. Sci. 80:2799 (1983).
"""

from __future__ import annotations

import argparse

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from brainsim import cells

DURATION, DT = 40 * u.ms, 0.1 * u.ms
EVERY, READ = 2.0, 10.0  # ms: between volleys of the inputs; the end of the run that is read
LOW, HIGH = -62.0, -50.0  # mV: V of the soma that is asked for
SPREAD = 0.2  # of strengths around the corners
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)


def shape(swc: str | None = None) -> cells.Compartments:
    """A soma with a tree of seven dendrites, or a reconstruction without its axon."""
    if swc is None:
        return cells.discretise(
            cells.rall_tree(3, diameter=4 * u.um, length=150 * u.um, soma=15 * u.um), cells.PerBranch(2)
        )
    cell = cells.read_swc(swc)
    return cells.discretise(
        cell.cut("axon") if any(branch.type == "axon" for branch in cell) else cell, cells.MaxLength(100 * u.um)
    )


def network(cut: cells.Compartments, *, point: bool = False) -> bs.Network:
    """Two inputs and the cell, or a point neuron of the same membrane."""
    net = bs.Network()
    net.inputs = bs.sources.SpikeInput(2)
    passive = dict(g_L=0.05 * u.mS / u.cm2, E_L=-70 * u.mV, V=-70 * u.mV, C=1 * u.uF / u.cm2)
    if point:
        side = float(np.sqrt(cut.area.sum() / np.pi)) * u.um  # a cylinder as long as it is wide
        cut = cells.discretise(cells.cylinder(side, side, type="soma"), 1)
    net.cell = cells.MultiCompartment(1, cut, R_a=150 * u.ohm * u.cm, **passive)
    kinds = dict(nmda=bs.receptors.NMDA(tau_decay=30 * u.ms), gaba=bs.receptors.GABA_A())
    net.cell.add_receptors(**{name: receptor.on("all") for name, receptor in kinds.items()})
    for name in kinds:
        net.connect(net.inputs, net.cell.at("all"), bs.AllToAll(), receptor=name, weight=0.02 * u.nS, name=name)
    return net


def soma(net: bs.Network):
    """A function from logarithms of weights and strengths (examples, 2) to the mean V of the soma at the end, (examples,)."""
    at = int(net.cell.sites_of("soma")[0])
    run = bs.function(net, DURATION, dt=DT, record=[f"cell.V[{at}]"])
    every, read = round(EVERY / run.step_ms), round(READ / run.step_ms)
    volleys = jnp.zeros((run.n_steps, 1)).at[::every].set(1.0)

    def one(weights, x):
        given = {f"{name}.weight": jnp.exp(w) for name, w in weights.items()}
        return run(given, {}, inputs={"inputs.input": volleys * x[None]})[1][f"cell.V[{at}]"][-read:].mean()

    return jax.vmap(one, in_axes=(None, 0))


def wanted(x) -> np.ndarray:
    """Whether exactly one input is above a half."""
    return (x[:, 0] > 0.5) != (x[:, 1] > 0.5)


def around(x: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Strengths within a distance of those of corners."""
    return np.abs(x - rng.uniform(0.0, spread, x.shape))


def main(point: bool = False, swc: str | None = None, updates: int = 400, seed: int = 0) -> dict[str, float]:
    """Train, and tell how often the soma is on the right side: at the corners, and at fresh points around them."""
    rng = np.random.default_rng(seed)
    cut = shape(swc)
    net = network(cut, point=point)
    V = jax.jit(soma(net))
    middle, half = (LOW + HIGH) / 2, (HIGH - LOW) / 2

    def loss(weights, x, high):
        return jnp.mean(jnp.logaddexp(0.0, -(2.0 * high - 1.0) * (V(weights, x) - middle) / half))

    weights = {
        name: jnp.log(net[name].weight.mantissa) + rng.normal(size=net[name].n_synapses) for name in ("nmda", "gaba")
    }
    optimizer = optax.adam(optax.cosine_decay_schedule(0.1, updates))
    state = optimizer.init(weights)

    @jax.jit
    def update(weights, state, x, high):
        value, slopes = jax.value_and_grad(loss)(weights, x, high)
        changes, state = optimizer.update(slopes, state)
        return optax.apply_updates(weights, changes), state, value

    for k in range(updates):
        spread = SPREAD * np.clip(2 * k / updates - 0.5, 0, 1)  # the corners first, then further and further round them
        x = np.concatenate([CORNERS, around(np.tile(CORNERS, (3, 1)), spread, rng)])
        weights, state, value = update(weights, state, jnp.asarray(x), jnp.asarray(wanted(x), float))
        if k % 50 == 49:
            print(f"{k + 1} updates: loss {value:.3f}", flush=True)
    fresh = around(np.tile(CORNERS, (100, 1)), SPREAD, rng)
    right = {
        name: np.mean((np.asarray(V(weights, jnp.asarray(x))) > middle) == wanted(x))
        for name, x in (("corners", CORNERS), ("points", fresh))
    }
    at = np.asarray(V(weights, jnp.asarray(CORNERS)))
    return dict(
        synapses=sum(w.size for w in weights.values()),
        **right,
        **{f"V at {a:.0f}, {b:.0f}": V for (a, b), V in zip(CORNERS, at)},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--point", action="store_true", help="all synapses on one compartment of the same membrane")
    parser.add_argument("--swc", help="a reconstruction")
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    for name, value in main(**vars(parser.parse_args())).items():
        print(f"{name:>10}  {value:.4g}")
