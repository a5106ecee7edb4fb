"""What a chunk of steps tells the host of itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def report(done, count, finite, met=False) -> jax.Array:
    """What the host asks of a chunk, int32, as one array: each takes as long to make and to read as some steps.

    Parameters
    ----------
    done : int array, ()
        Steps.
    count : int array, () or (runs,)
        Spikes recorded.
    finite : bool array
        Of each of :func:`floats`.
    met : bool array, ()
        Whether a condition has ended the run.
    """
    parts = done, met, count.size, count, finite
    return jnp.concatenate([jnp.ravel(jnp.asarray(x)).astype(jnp.int32) for x in parts])


class Report:
    """What the host reads of a chunk.

    Attributes
    ----------
    done : int
        Steps.
    met : bool
        Whether a condition has ended the run.
    counts : list of int
        Spikes recorded, of each run of the batch.
    finite : list of int
        Whether each of :func:`floats` is finite.
    broken : str or None
        The first variable, by name, that is not.
    """

    def __init__(self, array, state: dict):
        self.done, met, runs, *rest = np.asarray(array).tolist()
        self.met, self.counts, self.finite = bool(met), rest[:runs], rest[runs:]
        self.broken = None if all(self.finite) else floats(state)[self.finite.index(0)]


def floats(state: dict) -> list[str]:
    """The paths of the states that may become infinite or no number."""
    return sorted(path for path, array in state.items() if jnp.issubdtype(array.dtype, jnp.floating))
