"""The two phases: a liquid that learns from brief presentations, and what each image then makes of it."""

from __future__ import annotations

import zlib
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from models.nalsm.neuron import DT
from models.progress import Bar

FIRST, MAIN = 20.0 * u.ms, 250.0 * u.ms  # how long an image is presented in the two phases
CHUNK = 1000  # presentations of the first phase in one compiled call
KEEP_EVERY = 10_000  # presentations between checkpoints
CACHE = 1 << 20  # bytes of weights that a core keeps at hand
ANNEALING = 0.99


class Checkpoint:
    """Named results in a folder: what is there already is read instead of computed again.

    Parameters
    ----------
    folder : str or Path, optional
        Where; None keeps nothing.
    """

    def __init__(self, folder=None):
        self.folder = None if folder is None else Path(folder)

    def load(self, name: str) -> dict | None:
        """The arrays stored under ``name``, or None."""
        file = None if self.folder is None else self.folder / f"{name}.npz"
        if file is None or not file.exists():
            return None
        with np.load(file) as stored:
            return {key: stored[key] for key in stored.files}

    def save(self, name: str, arrays: dict) -> None:
        """Store arrays; a file is complete or not there."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / f"{name}.partial.npz"
            np.savez(partial, **arrays)
            partial.replace(self.folder / f"{name}.npz")


def _key(seed: int, what: str):
    return jax.random.fold_in(jax.random.PRNGKey(seed), zlib.crc32(what.encode()))


def learned_by(state: dict) -> list[str]:
    """Paths of what outlives a presentation: weights, traces and calcium."""
    return [
        path
        for path in state
        if path.endswith(".weight") or path.rpartition(".")[2] in ("x", "y", "C") and ".plasticity." in path
    ]


def first_phase(
    net: bs.Network,
    images,
    presentations: int = 50_000,
    *,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Checkpoint | None = None,
    name: str = "first",
) -> dict:
    """Let the liquid learn: present images one after the other for 20 ms each. Potentials start anew, weights and
    traces go on.

    Parameters
    ----------
    net : Network
        From :func:`~models.nalsm.network.build`; it stays as it is.
    images : float array, (n, pixels)
        Probabilities of input events. All are presented in random order, then all again in another.
    presentations : int
        How many.
    seed : int
        Seed of the order and of the events.
    progress : bool
        Show a progress bar.
    checkpoint : Checkpoint, optional
        Where to keep the weights every 10,000 presentations, and to go on from.
    name : str
        Name of the checkpoint.

    Returns
    -------
    dict
        What the network has learned: weights, and calcium where there is some, by path. ``"rate"``: mean rate of the
        liquid over the last 1,000 presentations in Hz.
    """
    run = bs.function(net, FIRST, dt=DT, record="liquid.spikes", remat=False)
    kept = learned_by(run.state)
    if not kept:
        return {}
    checkpoint = checkpoint or Checkpoint()
    stored = checkpoint.load(name)
    done, rate = (0, 0.0) if stored is None else (int(stored.pop("done")), float(stored.pop("rate")))
    learned = (
        {path: run.state[path] for path in kept}
        if stored is None
        else {path: jnp.asarray(stored[path]) for path in kept}
    )
    rng = np.random.default_rng(seed)
    rounds = -(-presentations // len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(rounds)])[:presentations]
    keys = jax.random.split(_key(seed, "first"), presentations)

    @jax.jit
    def present(learned, images, keys):
        def one(learned, shown):
            p, key = shown
            state, recorded = run({"pixels.events.p": p}, learned, key=key)
            return {path: state[path] for path in kept}, recorded["liquid.spikes"].mean()

        learned, active = jax.lax.scan(one, learned, (images, keys))
        return learned, active.mean() * 1e3

    with Bar("first phase", presentations, progress, done) as bar:
        while done < presentations:
            now = slice(done, min(done + CHUNK, presentations))
            learned, rate = present(learned, jnp.asarray(images[order[now]]), keys[now])
            done, rate = now.stop, float(rate)
            bar.tell(done)
            if done % KEEP_EVERY == 0 or done == presentations:
                checkpoint.save(name, {**{k: np.asarray(v) for k, v in learned.items()}, "done": done, "rate": rate})
    return {path: np.asarray(value) for path, value in learned.items()} | {"rate": rate}


def _main(net, learned):
    """The second phase as a function, and the overrides that every image starts from."""
    run = bs.function(net, MAIN, dt=DT, record="liquid.spikes", remat=False)
    start = {
        path: jnp.asarray(learned[path])
        for path in learned_by(run.state)
        if path in learned and path[-2:] not in (".x", ".y")
    }
    gated = any(path.endswith(".C") for path in run.state)
    annealed = [path for path in ("annealing.factor", "astro.annealing") if path in run.parameters]
    return run, start, {path: jnp.asarray(1.0 if gated else ANNEALING, run.parameters[path].dtype) for path in annealed}


def begin_second(net: bs.Network, learned: dict) -> None:
    """Put what was learned into ``net``, and let its learning fade from now on: as every image of the second phase
    finds it.
    """
    _, start, annealing = _main(net, learned)
    for path, value in (start | annealing).items():
        owner, _, name = path.rpartition(".")
        net[owner].assign(name, u.Quantity(value, unit=u.get_unit(getattr(net[owner], name))))


def features(
    net: bs.Network,
    learned: dict,
    images,
    *,
    seed: int = 0,
    batch: int = 250,
    progress: bool = False,
    checkpoint: Checkpoint | None = None,
    name: str = "features",
) -> np.ndarray:
    """Spikes of every liquid neuron while each image is presented for 250 ms, from the learned weights and with
    learning annealed.

    Every image has weights of its own, which are discarded afterwards. A batch is one call of a compiled function; of
    its images as many are simulated together as have weights that fit into a core's cache.

    Parameters
    ----------
    net : Network
    learned : dict
        From :func:`first_phase`.
    images : float array, (n, pixels)
        Probabilities of input events.
    seed : int
        Seed of the events.
    batch : int
        Images per call.
    progress, checkpoint, name
        As in :func:`first_phase`; every batch is kept.

    Returns
    -------
    int array, (n, liquid neurons)
    """
    run, start, annealing = _main(net, learned)
    synapses = sum(projection.n_synapses for projection in net.projections.values())
    together = int(np.clip(CACHE // (4 * synapses), 1, 32))

    @jax.jit
    def present(start, images, keys):
        def one(shown):
            p, key = shown
            _, recorded = run({"pixels.events.p": p, **annealing}, start, key=key)
            return recorded["liquid.spikes"][:-1].sum(0, dtype=jnp.int32)  # a spike counts when it acts, one step later

        return jax.lax.map(one, (images, keys), batch_size=together)

    keys, counts = jax.random.split(_key(seed, name), len(images)), []
    checkpoint = checkpoint or Checkpoint()
    with Bar(name, len(images), progress) as bar:
        for k in range(0, len(images), batch):
            stored = checkpoint.load(f"{name}_{k}")
            if stored is None:
                chosen = jnp.asarray(images[k : k + batch])
                stored = {"counts": np.asarray(present(start, chosen, keys[k : k + batch]), np.int16)}
                checkpoint.save(f"{name}_{k}", stored)
            counts.append(stored["counts"])
            bar.tell(min(k + batch, len(images)))
    return np.concatenate(counts)


class Raster:
    """Spikes (images, steps, neurons) of the liquid in the second phase, and what they say."""

    def __init__(self, net: bs.Network, learned: dict, images, seed: int = 0):
        run, start, annealing = _main(net, learned)
        one = jax.jit(lambda p, key: run({"pixels.events.p": p, **annealing}, start, key=key)[1]["liquid.spikes"])
        keys = jax.random.split(_key(seed, "raster"), len(images))
        self.spikes = np.stack([np.asarray(one(jnp.asarray(p), key)) for p, key in zip(images, keys)])
        pairs = [net[f"{pre}->{post}"].indices_of_synapses() for pre in "EI" for post in "EI"]
        self.pre, self.post = (np.concatenate(side) for side in zip(*pairs))
        self.n_excitatory = round(0.8 * len(net.liquid))

    def rates(self) -> dict[str, float]:
        """Mean rates in Hz of all, of excitatory and of inhibitory neurons."""
        E = self.n_excitatory
        parts = {"all": slice(None), "E": slice(0, E), "I": slice(E, None)}
        return {name: 1e3 * float(self.spikes[:, :, part].mean()) for name, part in parts.items()}

    def branching_factors(self) -> np.ndarray:
        """Branching factor of every image: windows of 4 ms, spikes from 25 to 225 ms."""
        factors = []
        for spikes in self.spikes:
            steps, neurons = np.nonzero(spikes)
            times = (steps + 1) * 1e-3
            factors.append(
                bs.analysis.branching_factor(
                    times, neurons, spikes.shape[1], self.pre, self.post, window=4e-3, start=0.025, stop=0.225
                )
            )
        return np.array(factors)
