"""Loss and measures of examples that are not learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.train.data import Arrays, as_batches
from brainsim.train.objective import Batch, Objective
from brainsim.train.penalties import shares


class Evaluation:
    """Means over examples, layer by layer rates included: ``evaluation(parameters, carried, data)``.

    Parameters
    ----------
    objective : Objective
        Its layers are made to evaluate.
    metrics : dict of str to callable
        ``metric(output, target)`` of one example.
    batch : int
        Examples that are run together.
    seed : int
        Of what encoders draw.
    """

    def __init__(
        self, objective: Objective, metrics: Mapping[str, Callable] | None = None, *, batch: int = 256, seed: int = 0
    ):
        net = objective.net
        sends = {p.pre for p in net.projections.values() if p.signal in ("spikes", "fired_at")}
        self.spiking = [
            name for name in net.populations if name in sends and hasattr(net.populations[name], "surrogate")
        ]
        record = [*objective.record, *(f"{name}.spikes" for name in self.spiking)]
        self.objective = objective.replaced(training=False, record=record, penalties=(), precision=None)
        self.metrics, self.batch, self.key = dict(metrics or {}), batch, jax.random.PRNGKey(seed)
        self._run = jax.jit(self._examples)

    def _examples(self, parameters, carried, batch: Batch, key):
        _, recorded, outputs = self.objective.examples(parameters, carried, batch, key)
        each = {"loss": self.objective.each(self.objective.loss, outputs, batch.targets, batch.lengths)}
        for name, metric in self.metrics.items():
            each[name] = self.objective.each(metric, outputs, batch.targets, batch.lengths)
        mask = None if batch.lengths is None else jax.vmap(self.objective.mask)(jnp.asarray(batch.lengths))
        rates = {n: jnp.mean(shares(recorded[f"{n}.spikes"], mask), axis=1) for n in self.spiking}
        return each, rates, outputs

    def examples(self, parameters: dict, carried: dict, data: Any) -> tuple[dict, dict, np.ndarray]:
        """``(values, rates, outputs)`` of every example, in their order: loss and measures by name, shares of steps with
        a spike by population, and what was read.
        """
        data, parts = as_batches(data, self.batch, shuffle=False, what="validate"), []
        for k, batch in enumerate(self._batches(data)):
            n = len(batch.inputs)
            batch = _filled(batch, min(self.batch, len(data.inputs))) if isinstance(data, Arrays) else batch
            found = self._run(parameters, carried, batch, jax.random.fold_in(self.key, k))
            parts.append(jax.tree.map(lambda array, n=n: np.asarray(array)[:n], found))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)

    def __call__(self, parameters: dict, carried: dict, data: Any) -> tuple[dict[str, float], dict[str, float]]:
        """``(means, rates)``: of loss and measures, and of the shares of steps with a spike."""
        values, rates, _ = self.examples(parameters, carried, data)
        return tuple({name: float(np.mean(x)) for name, x in part.items()} for part in (values, rates))  # type: ignore[return-value]

    def _batches(self, data):
        if not isinstance(data, Arrays):
            yield from data.epoch(0)
            return
        for start in range(0, len(data.inputs), self.batch):
            yield data.take(np.arange(start, min(start + self.batch, len(data.inputs))))


def _filled(batch: Batch, size: int) -> Batch:
    """The batch with its first example again and again behind the last, so that one program serves all."""
    short = size - len(batch.inputs)
    if short <= 0:
        return batch
    return jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[:1], short, axis=0)]), batch)
