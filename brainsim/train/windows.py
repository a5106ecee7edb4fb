"""Truncated backpropagation: a run in windows, with an update after each and the state carried over."""

from __future__ import annotations

from collections.abc import Iterator

import brainunit as u
import jax
import numpy as np

from brainsim._units import QuantityLike, in_unit
from brainsim.train.objective import Batch, Objective


class Windows:
    """An objective over windows of its run.

    ``windows.objective`` is that of one window: its examples are courses, and it takes the state that each example goes on
    from. Derivatives end where a window begins.

    Parameters
    ----------
    objective : Objective
        Of the whole run.
    length : quantity, time
        Of a window; the duration is a multiple of it.

    Raises
    ------
    ValueError
        If it is not.

    References
    ----------
    R. J. Williams, J. Peng, Neural Comput. 2:490 (1990).
    """

    def __init__(self, objective: Objective, length: QuantityLike):
        ratio = float(in_unit(length, u.ms, "truncate")) / objective.run.step_ms
        self.steps, whole = round(ratio), objective.n_steps
        if self.steps < 1 or abs(ratio - self.steps) > 1e-6 * self.steps or whole % self.steps:
            raise ValueError(
                f"truncate: {length} is not a part of {objective.duration} in steps of {objective.dt}: the run is a multiple of"
                " a window, and a window of steps."
            )
        self.whole, self.objective = objective, objective.replaced(duration=length, encode=None)
        self._courses = jax.jit(self._encoded)

    def _encoded(self, inputs, key):
        """Courses of all examples, (batch, n_steps, n)."""
        keys = jax.random.split(key, len(inputs))
        return jax.vmap(lambda x, key: self.whole.course(x, jax.random.fold_in(key, 0)))(inputs, keys)

    def of(self, batch: Batch, key: jax.Array) -> Iterator[Batch]:
        """The windows of a batch, in their order; targets of one row for each step go with them."""
        if batch.lengths is not None:
            raise ValueError("truncate: windows are of whole sequences, without lengths.")
        courses = np.asarray(self._courses(batch.inputs, key))
        each = lambda x: x.ndim > 1 and x.shape[1] == self.whole.n_steps
        for start in range(0, self.whole.n_steps, self.steps):
            now = slice(start, start + self.steps)
            yield Batch(courses[:, now], jax.tree.map(lambda x, now=now: x[:, now] if each(x) else x, batch.targets))

    def carried_over(self, final: dict) -> dict:
        """Where the next window begins, for each example."""
        return {path: array for path, array in final.items() if ".layer." not in path}
