"""Tasks, data, a reference in NumPy, and the clock that the training benchmarks share. Imports no framework."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np

from ._report import peak_rss_mb, restrict_cpus

FRAMEWORKS = {
    "brainsim": "brainsim",
    "floor": "floor",
    "snntorch": "torch",
    "spikingjelly": "torch",
    "norse": "torch",
    "spyx": "spyx",
    "torch": "torch_delays",
}
BETA = np.float32(0.9)
RATE = 1e-3  # of Adam


class Task(NamedTuple):
    """Sizes from the input to the output, and whether the hidden layer has recurrent weights, or the layers convolve:
    their channels then, with 28 x 28 inputs and strides of 1 and 2. Of delays, the longest in steps; 0 for none.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    steps: int
    density: float = 0.03
    recurrent: bool = False
    channels: tuple[int, ...] = ()
    longest: int = 0


TASKS = {
    "ff": Task("ff", (700, 256, 256, 20), 128, 100),
    "rec": Task("rec", (700, 512, 20), 128, 250, recurrent=True),
    "conv": Task("conv", (784, 784 * 32, 196 * 64, 10), 64, 8, density=0.2, channels=(1, 32, 64)),
    "delays": Task("delays", (140, 256, 256, 20), 32, 100, density=0.05, longest=25),
}
STRIDES = (1, 2)
WIDTH = 2.0  # of learned delays, in steps
SIDES = (28, 28, 14)  # of the input and of the hidden layers


def data(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Spikes, float32 (steps, batch, n_in), and labels (batch,)."""
    rng = np.random.default_rng(0)
    spikes = rng.random((task.steps, task.batch, task.sizes[0]), np.float32) < task.density
    return spikes.astype(np.float32), rng.integers(0, task.sizes[-1], task.batch)


def weights(task: Task) -> dict[str, np.ndarray]:
    """Weights from layer to layer, "0", "1", ..., and of the recurrent layer, "r"; 2 to 4 % of the neurons fire."""
    rng = np.random.default_rng(1)
    if task.channels:
        made = {
            str(k): rng.normal(0, std, (3, 3, *task.channels[k : k + 2])).astype(np.float32)
            for k, std in enumerate((0.5, 0.13))
        }
        return made | {"2": rng.normal(0, 0.02, task.sizes[2:]).astype(np.float32)}
    drive = [task.density, *[0.05] * len(task.sizes)]
    made = {}
    for k, (n, m) in enumerate(zip(task.sizes, task.sizes[1:])):
        made[str(k)] = rng.normal(0, 0.4 / np.sqrt(n * drive[k]), (n, m)).astype(np.float32)
    if task.recurrent:
        n = task.sizes[1]
        made["r"] = rng.normal(0, 0.15 / np.sqrt(n * 0.05), (n, n)).astype(np.float32)
    if task.longest:
        for k, (n, m) in enumerate(zip(task.sizes, task.sizes[1:])):
            made[f"d{k}"] = rng.uniform(1, task.longest, (n, m)).astype(np.float32)
    return made


def spread(delay: np.ndarray, longest: int) -> np.ndarray:
    """Gaussians of sum 1 round delays, (steps, n, m)."""
    k = np.arange(1, longest + 1, dtype=np.float32)[:, None, None]
    g = np.exp(-np.square((k - delay) / np.float32(WIDTH)) / 2)
    return g / g.sum(0)


def _delayed(x, w, delay, longest) -> np.ndarray:
    """What arrives at each step of spikes x (steps, batch, n)."""
    y, kernel = np.zeros((*x.shape[:-1], w.shape[1]), np.float32), w * spread(delay, longest)
    for k in range(1, longest + 1):
        y[k:] += x[:-k] @ kernel[k - 1]
    return y


def _delayed_back(x, w, delay, longest, d) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the weight, the delay and the input."""
    g, dx = spread(delay, longest), np.zeros_like(x)
    to_kernel = np.empty_like(g)
    for k in range(1, longest + 1):
        dx[:-k] += d[k:] @ (w * g[k - 1]).T
        to_kernel[k - 1] = x[:-k].reshape(-1, x.shape[-1]).T @ d[k:].reshape(-1, d.shape[-1])
    k = np.arange(1, longest + 1, dtype=np.float32)[:, None, None]
    along = (k - delay) / WIDTH**2
    slope = g * (along - (g * along).sum(0))
    return (to_kernel * g).sum(0), w * (to_kernel * slope).sum(0), dx


def _same(x, k) -> np.ndarray:
    """Patches [..., side, side, 9 channels] of what enters the convolution k, with padding as "SAME"."""
    into, out, stride = SIDES[k], SIDES[k + 1], STRIDES[k]
    x = x.reshape(-1, into, into, x.shape[-1] // into**2)
    before = 1 if stride == 1 else 0
    x = np.pad(x, [(0, 0), (before, 2 - before), (before, 2 - before), (0, 0)])
    last = stride * (out - 1) + 1
    places = [(i, j) for i in range(3) for j in range(3)]
    return np.concatenate([x[:, i : i + last : stride, j : j + last : stride] for i, j in places], -1)


def _back(patches, k) -> np.ndarray:
    """The transpose of :func:`_same`."""
    into, out, stride = SIDES[k], SIDES[k + 1], STRIDES[k]
    channels, before, last = patches.shape[-1] // 9, 1 if stride == 1 else 0, stride * (out - 1) + 1
    x = np.zeros((len(patches), into + 2, into + 2, channels), np.float32)
    for p, (i, j) in enumerate((i, j) for i in range(3) for j in range(3)):
        x[:, i : i + last : stride, j : j + last : stride] += patches[..., p * channels : (p + 1) * channels]
    return x[:, before : before + into, before : before + into]


def _product(task: Task, k: int, x, w) -> np.ndarray:
    if not task.channels or k > 1:
        return x @ w
    return (_same(x, k) @ w.reshape(-1, w.shape[-1])).reshape(*x.shape[:-1], -1)


def _products_back(task: Task, k: int, x, w, d) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the weight and of the input."""
    if not task.channels or k > 1:
        return x.reshape(-1, x.shape[-1]).T @ d.reshape(-1, d.shape[-1]), d @ w.T
    features, patches = w.shape[-1], _same(x, k)
    d, flat = d.reshape(-1, features), w.reshape(-1, features)
    to_w = (patches.reshape(-1, patches.shape[-1]).T @ d).reshape(w.shape)
    return to_w, _back((d @ flat.T).reshape(patches.shape), k).reshape(x.shape)


def _driven(task: Task, k: int, x, w) -> np.ndarray:
    """What reaches layer k + 1 in all steps."""
    if task.longest:
        return _delayed(x, w[str(k)], w[f"d{k}"], task.longest)
    return _product(task, k, x, w[str(k)])


def reference(task: Task) -> tuple[dict[str, np.ndarray], list[float]]:
    """Gradients by hand, and the rate of each hidden layer."""
    w, (x, labels) = weights(task), data(task)
    hidden = len(task.sizes) - 2
    into, membranes, spikes = x, [], [x]
    for k in range(hidden):
        driven, V, S = _driven(task, k, into, w), np.empty((*x.shape[:2], task.sizes[k + 1]), np.float32), []
        v, s = 0, np.zeros_like(V[0])
        for t in range(task.steps):
            v = BETA * v + driven[t] + (s @ w["r"] if task.recurrent else 0)
            s = (v > 1).astype(np.float32)
            V[t], v = v, (1 - s) * v
            S.append(s)
        into = np.stack(S)
        membranes.append(V)
        spikes.append(into)
    driven, u, mean = _driven(task, hidden, into, w), 0, 0
    for t in range(task.steps):
        u = BETA * u + driven[t]
        mean = mean + u / task.steps
    p = np.exp(mean - mean.max(1, keepdims=True))
    error = (p / p.sum(1, keepdims=True) - np.eye(task.sizes[-1])[labels]).astype(np.float32) / task.batch
    back, g = np.empty_like(driven), 0
    for t in reversed(range(task.steps)):
        back[t] = g = BETA * g + error / task.steps
    gradients = {}
    for k in reversed(range(hidden + 1)):
        if task.longest:
            found = _delayed_back(spikes[k], w[str(k)], w[f"d{k}"], task.longest, back)
            gradients[str(k)], gradients[f"d{k}"], ds = found
        else:
            gradients[str(k)], ds = _products_back(task, k, spikes[k], w[str(k)], back)
        if k == 0:
            break
        V, S = membranes[k - 1], spikes[k]
        back, g = np.empty_like(V), np.zeros_like(V[0])
        for t in reversed(range(task.steps)):
            d = ds[t] + (back[t + 1] @ w["r"].T if task.recurrent and t + 1 < task.steps else 0)
            after = BETA * g  # of what v is after its reset
            g = (1 - S[t]) * after + (d - V[t] * after) / (1 + np.abs(V[t] - 1)) ** 2
            back[t] = g
        if task.recurrent:
            n = V.shape[-1]
            gradients["r"] = S[:-1].reshape(-1, n).T @ back[1:].reshape(-1, n)
    return gradients, [float(S.mean()) for S in spikes[1:]]


def difference(found: dict, right: dict) -> float:
    """Of all gradients together, relative, L2."""
    apart = sum(float(((np.asarray(found[k], np.float64) - right[k]) ** 2).sum()) for k in right)
    return (apart / sum(float((right[k].astype(np.float64) ** 2).sum()) for k in right)) ** 0.5


def measure(task: Task, framework: str, repeat: int) -> dict:
    """One row: gradients compared, then steps timed."""
    restrict_cpus(1)
    peer = importlib.import_module(f"peers.trained_in_{FRAMEWORKS[framework]}")
    peer.load(framework)
    imported_mb = peak_rss_mb()
    gradients, step, version = peer.prepare(task, framework)
    found = gradients()
    for _ in range(2):
        step()
    gc.collect()
    took = []
    for _ in range(repeat):
        start = time.process_time()
        step()
        took.append(1e3 * (time.process_time() - start))
    row = {"framework": framework, "task": task.name, "version": version, "threads": 1, "steps": repeat}
    row |= {"cpu_ms": min(took), "cpu_ms_median": statistics.median(took)}
    row |= {"peak_rss_mb": peak_rss_mb(), "imported_mb": imported_mb}
    if found is not None:  # last: it takes memory of its own
        right, rates = reference(task)
        row |= {"reference_error": difference(found, right), "rates": rates}
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}


def main(description: str) -> None:
    """One JSON line per framework."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task", choices=tuple(TASKS), default="ff")
    parser.add_argument("--framework", choices=(*FRAMEWORKS, "all"), default="brainsim")
    parser.add_argument("--repeat", type=int, default=10, help="training steps that are timed (default 10)")
    parser.add_argument(
        "--python",
        type=lambda text: dict(part.split("=", 1) for part in text.split(",")),
        default={},
        metavar="NAME=PATH,...",
        help="another interpreter for some frameworks, where they are installed apart",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, not a table")
    options = parser.parse_args()
    serve = ("brainsim", "floor", "torch") if options.task == "delays" else tuple(f for f in FRAMEWORKS if f != "torch")
    if options.framework not in (*serve, "all"):
        parser.error(f"{options.framework} does not serve --task {options.task}; expected {', '.join(serve)}")
    chosen = serve if options.framework == "all" else (options.framework,)
    for name in chosen:
        python = options.python.get(name)
        if python is None and len(chosen) == 1:
            row = measure(TASKS[options.task], name, options.repeat)
        else:
            command = [python or sys.executable, sys.argv[0], f"--task={options.task}", f"--framework={name}", "--json"]
            done = subprocess.run([*command, f"--repeat={options.repeat}"], capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            reason = (done.stderr.strip().splitlines() or ["no result"])[-1]
            row = json.loads(lines[-1]) if lines else {"framework": name, "task": options.task, "error": reason}
        print(json.dumps(row) if options.json else "  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
