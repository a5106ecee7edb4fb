"""The training benchmarks in Spyx, with its own neuron: a soft reset that comes one step later, so that its gradients are its own."""

import spyx
from flax import nnx

from . import _in_jax
from ._training import BETA, Task


def load(framework: str) -> None:
    """Everything is imported already."""


def prepare(task: Task, framework: str):
    """``(gradients, step, version)``; no gradients."""
    act = spyx.axn.superspike(k=1)
    cells = [spyx.nn.LIF((n,), float(BETA), 1.0, act, rngs=nnx.Rngs(0)) for n in task.sizes[1:-1]]
    _, step = _in_jax.prepare(task, cells)
    return lambda: None, step, getattr(spyx, "__version__", "1")
