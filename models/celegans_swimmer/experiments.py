"""What the architecture is worth: sizes of controllers, ablations, transfer to other bodies, and data needed to learn.

    python -m models.celegans_swimmer.experiments

References
----------
N. X. Bhattasali, A. M. Zador, T. A. Engel, "Neural circuit architectural priors for embodied control", NeurIPS (2022).
"""

from __future__ import annotations

import jax
import numpy as np

from models.celegans_swimmer import evolution, gradient, ppo, task
from models.celegans_swimmer.body import Swimmer
from models.celegans_swimmer.mlp import MLP
from models.celegans_swimmer.ncap import NCAP
from models.progress import track

#: Variations of the circuit, and whether they start from drawn weights.
ABLATIONS = {
    "whole circuit": (NCAP(), False),
    "no oscillator": (NCAP(oscillator=False), False),
    "no proprioception": (NCAP(proprioception=False), False),
    "random weights, signs kept": (NCAP(), True),
    "random weights, signs free": (NCAP(signed=False), True),
    "random weights, not shared": (NCAP(shared=False), True),
    "random weights, not shared, signs free": (NCAP(shared=False, signed=False), True),
}


def untrained(joints: int = 5, weights: dict | None = None, episodes: int = 10, seed: int = 0):
    """Returns and mean speeds (m/s) of the circuit on a body of ``joints``, with the authors' first weights or those
    given.
    """
    controller = NCAP(joints)
    weights = controller.constant() if weights is None else weights
    found = task.evaluate(Swimmer(joints), controller, weights, jax.random.split(jax.random.PRNGKey(seed), episodes))
    return tuple(np.asarray(x) for x in found)


def ablations(draws: int = 30, seed: int = 0, progress: bool = False) -> dict[str, np.ndarray]:
    """Returns of untrained variations of the circuit, one episode for each of ``draws`` (of the weights and of the
    start).
    """
    keys, starts = (jax.random.split(key, draws) for key in jax.random.split(jax.random.PRNGKey(seed)))
    found = {}
    for name, (controller, drawn) in track(ABLATIONS.items(), "circuit", progress, lambda item: item[0]):
        if drawn:
            returns, _ = task.evaluate_each(Swimmer(5), controller, jax.vmap(controller.random)(keys), starts)
        else:
            returns, _ = task.evaluate(Swimmer(5), controller, controller.constant(), starts)
        found[name] = np.asarray(returns)
    return found


def transfer(
    weights: dict, joints=(3, 4, 5, 6, 7, 9, 11, 13), episodes: int = 5, progress: bool = False
) -> dict[int, tuple]:
    """Returns and speeds of bodies of other lengths under weights that were trained on five joints, unchanged."""
    return {n: untrained(n, weights, episodes, seed=1) for n in track(joints, "trained, joints", progress)}


def learning(seed: int = 0, progress: bool = False) -> dict[str, evolution.Trained]:
    """Learning curves of the circuit, from constant and from drawn weights, and of a perceptron, each trained in three
    ways.
    """
    circuit, perceptron = NCAP(), MLP()
    starts = {
        "NCAP": (circuit, circuit.constant()),
        "NCAP, random weights": (circuit, circuit.random(jax.random.PRNGKey(seed + 1))),
        "MLP": (perceptron, perceptron.random(jax.random.PRNGKey(seed + 1))),
    }
    trainings = {
        f"{name}, {way.__name__.split('.')[-1]}": (way, *start)
        for way in (gradient, ppo, evolution)
        for name, start in starts.items()
    }
    return {
        name: way.train(controller, weights, seed=seed, progress=progress)
        for name, (way, controller, weights) in track(
            trainings.items(), "training", progress, lambda training: training[0]
        )
    }


def main() -> None:
    """Print everything; about ten minutes on one core, most of it for learning."""
    for controller in (NCAP(), NCAP(commands=True), NCAP(shared=False), MLP(), MLP(hidden=(256, 256))):
        print(f"{controller}: {controller.n_parameters:,} parameters")
    for joints in track((2, 3, 5, 7, 9, 11, 13), "untrained, joints"):
        returns, speeds = untrained(joints)
        print(
            f"untrained, {joints} joints: {returns.mean():.1f} +- {returns.std():.1f}, {speeds.mean():.4f} m/s",
            flush=True,
        )
    for name, returns in ablations(progress=True).items():
        print(f"{name}: {returns.mean():.0f} +- {returns.std():.0f}", flush=True)
    curves = learning(progress=True)
    for name, trained in curves.items():
        print(
            f"{name}: " + ", ".join(f"{e:.0f}: {r:.0f}" for e, r in zip(trained.episodes, trained.returns)), flush=True
        )
    for joints, (returns, speeds) in transfer(curves["NCAP, evolution"].weights, progress=True).items():
        print(
            f"trained on 5, {joints} joints: {returns.mean():.0f} +- {returns.std():.0f}, {speeds.mean():.3f} m/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
