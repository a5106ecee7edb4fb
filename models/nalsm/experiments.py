"""The experiments on the liquid, one command each.

    python -m models.nalsm.experiments digits                     scikit-learn's digits, a liquid of 1,000, two minutes
    python -m models.nalsm.experiments small PATH                 10,000 images of MNIST, all models, half an hour
    python -m models.nalsm.experiments trend PATH                 branching factor and accuracy against w_astro
    python -m models.nalsm.experiments full PATH --folder FOLDER  the published protocol on 70,000 images, an hour

PATH is where MNIST lies, see :func:`models.nalsm.data.read`. With --folder, results are kept there while they are
computed: stopped and given again, a command goes on where it was. ``--models nalsm,lsm0.9`` chooses models.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np

from models.nalsm import data, protocol, readout
from models.nalsm.network import build

W_ASTRO = (0.002, 0.0075, 0.015, 0.025, 0.05, 0.1, 0.2)

# Arguments of `build` by name of a model.
MODELS = {
    "nalsm": {},
    "lsm0.9": dict(learning="fixed", magnitude=0.9),
    "lsm0.7": dict(learning="fixed", magnitude=0.7),
    "ap_stdp": dict(learning="ap_stdp"),
    "stdp": dict(learning="stdp"),
} | {f"nalsm{w}": dict(w_astro=w) for w in W_ASTRO}


class Result(NamedTuple):
    """What one liquid comes to.

    Attributes
    ----------
    weights : dict
        Mean absolute weight of excitatory, inhibitory and input synapses after the first phase.
    first_rate : float
        Mean rate of the liquid at the end of the first phase, in Hz.
    rates : dict
        Mean rates in the second phase, in Hz: ``all``, ``E`` and ``I``.
    branching, branching_sd : float
        Mean and standard deviation of the branching factor over 20 test images.
    valid, test : float
        Best accuracy in validation, and the test accuracy at that epoch.
    seconds : float
        Time that simulating took; nearly nothing where results were there already.
    curve : Readout
        Accuracies epoch by epoch.
    """

    weights: dict
    first_rate: float
    rates: dict
    branching: float
    branching_sd: float
    valid: float
    test: float
    seconds: float
    curve: readout.Readout

    def __str__(self):
        W, r = self.weights, self.rates
        return (
            f"|W| E {W['E']:.2f} I {W['I']:.2f} input {W['input']:.2f}; first phase {self.first_rate:.1f} Hz; rate"
            f" {r['all']:.1f} (E {r['E']:.1f}, I {r['I']:.1f}) Hz; BF {self.branching:.3f} ({self.branching_sd:.3f});"
            f" valid {100 * self.valid:.2f} %, test {100 * self.test:.2f} %; {self.seconds:.0f} s"
        )


def mean_weights(net, learned: dict) -> dict[str, float]:
    """Mean absolute weights of excitatory, inhibitory and input synapses."""
    groups = {"E": ("E->E", "E->I"), "I": ("I->E", "I->I"), "input": ("pixels->liquid",)}
    of = lambda name: np.ravel(learned.get(f"{name}.weight", net[name].weight.mantissa))
    return {
        group: float(np.abs(np.concatenate([of(name) for name in names])).mean()) for group, names in groups.items()
    }


def evaluate(
    images: data.Images,
    *,
    presentations: int = 50_000,
    epochs: int = 1500,
    seed: int = 0,
    folder=None,
    name: str = "nalsm",
    progress: bool = False,
    **options,
) -> Result:
    """Build a liquid with ``options``, let it learn, let it answer to all images, and train the readout.

    Parameters
    ----------
    images : Images
    presentations : int
        Of the first phase.
    epochs : int
        Of the readout.
    seed : int
        Seed of the network and of everything else.
    folder : str or Path, optional
        Where to keep results, under ``name``, and to go on from.
    progress : bool
        Show progress bars.
    **options
        For :func:`~models.nalsm.network.build`.

    Returns
    -------
    Result
    """
    net = build(seed, inputs=images.train.shape[1], **options)
    checkpoint = protocol.Checkpoint(folder)
    keep = dict(seed=seed, checkpoint=checkpoint, progress=progress)
    started = time.perf_counter()
    learned = protocol.first_phase(net, images.train, presentations, name=f"{name}-first", **keep)
    counts = {
        part: protocol.features(net, learned, getattr(images, part), name=f"{name}-{part}", **keep)
        for part in ("train", "valid", "test")
    }
    raster = protocol.Raster(net, learned, images.test[:20], seed=seed)
    seconds, branching = time.perf_counter() - started, raster.branching_factors()
    curve = read(images, counts, epochs=epochs, seed=seed, progress=progress)
    rate = learned.get("rate", float("nan"))
    spread = float(np.nanstd(branching)), curve.valid[curve.best], curve.accuracy, seconds, curve
    return Result(mean_weights(net, learned), rate, raster.rates(), float(np.nanmean(branching)), *spread)


def read(images: data.Images, counts: dict, **options) -> readout.Readout:
    """Train the readout on features of the three sets."""
    parts = ("train", "valid", "test")
    return readout.train(*(x for part in parts for x in (counts[part], getattr(images, f"{part}_labels"))), **options)


def raw(images: data.Images, **options) -> readout.Readout:
    """The readout on the pixels themselves."""
    return read(images, {part: getattr(images, part) for part in ("train", "valid", "test")}, **options)


def kernel_quality(counts, labels, per_class: int = 100, seed: int = 0) -> int:
    """Rank of the matrix of spike counts of ``per_class`` images of each class: how many responses are linearly
    independent.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(labels == digit))[:per_class] for digit in np.unique(labels)])
    return int(np.linalg.matrix_rank(np.asarray(counts, float)[rows]))


def table(images: data.Images, models, **options) -> dict[str, Result]:
    """Evaluate models by name, and print a line for each as soon as it is there."""
    results = {}
    for name in models:
        results[name] = evaluate(images, name=name, **options, **MODELS[name])
        print(f"{name:12} {results[name]}", flush=True)
    return results


def main(argv=None) -> None:
    """The commands."""
    parser = argparse.ArgumentParser(prog="python -m models.nalsm.experiments", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=["digits", "small", "trend", "full"])
    parser.add_argument("path", nargs="?", help="where MNIST lies")
    parser.add_argument("--folder", help="where to keep results while they are computed")
    parser.add_argument("--models", help=f"comma-separated, of {', '.join(MODELS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--presentations", type=int, help="of the first phase; 50,000, for digits 5,000")
    parser.add_argument("--epochs", type=int, help="of the readout; 1,500, for full 5,000")
    given = parser.parse_args(argv)
    if given.command != "digits" and given.path is None:
        parser.error(f"{given.command} needs a PATH")
    images = (
        data.digits()
        if given.command == "digits"
        else (data.full if given.command == "full" else data.small)(given.path)
    )
    names = {
        "digits": ["nalsm", "lsm0.9"],
        "small": ["nalsm", "lsm0.9", "lsm0.7", "ap_stdp", "stdp"],
        "trend": [f"nalsm{w}" for w in W_ASTRO],
        "full": ["nalsm"],
    }[given.command]
    names = given.models.split(",") if given.models else names
    for unknown in set(names) - set(MODELS):
        parser.error(f"there is no model {unknown!r}; accepted: {', '.join(MODELS)}")
    table(
        images,
        names,
        presentations=given.presentations or (5_000 if given.command == "digits" else 50_000),
        epochs=given.epochs or (5000 if given.command == "full" else 1500),
        seed=given.seed,
        folder=given.folder,
        progress=True,
    )
    if given.command in ("digits", "small"):
        curve = raw(images, epochs=given.epochs or 1500, seed=given.seed, progress=True)
        print(f"{'raw pixels':12} valid {100 * curve.valid[curve.best]:.2f} %, test {100 * curve.accuracy:.2f} %")


if __name__ == "__main__":
    main()
