"""What a network makes of examples, as it is: nothing is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._errors import UnknownNameError, names_arguments, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.network import Network
from brainsim.simulation.door import check_count
from brainsim.train import checks, losses
from brainsim.train.course.evaluation import Evaluation
from brainsim.train.data import Arrays, as_batches
from brainsim.train.fitting import named_metrics
from brainsim.train.objective import Objective
from brainsim.train.reading import Read, Reads


class Evaluated(NamedTuple):
    """What :func:`evaluate` measured; ``result["accuracy"]`` is a mean.

    Parameters
    ----------
    means : dict of str to float
        Of the loss and the measures over all examples.
    values : dict of str to float array, (examples,)
        Those of each example.
    outputs : array, (examples, ...), or dict of them
        What was read.
    rates : dict of str to quantity, frequency
        Mean rate of each population that sends spikes.
    """

    means: dict[str, float]
    values: dict[str, np.ndarray]
    outputs: Any
    rates: dict[str, Any]

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return tuple(self)[name]
        if name not in self.means:
            raise UnknownNameError(f"evaluate: {name!r} was not measured.{suggestion(name, self.means)}")
        return self.means[name]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in self.means.items())
        return f"Evaluated({len(self.values['loss']):,} examples; {shown})"


@names_arguments
def evaluate(
    net: Network,
    data: Any,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 1.0 * u.ms,
    encode: Callable | None = None,
    loss: Callable = losses.cross_entropy,
    metrics: Sequence[Callable] | Mapping[str, Callable] | None = None,
    read: Read | Reads | str | tuple | Mapping | None = None,
    into: str | None = None,
    batch: int = 256,
    seed: int = 0,
) -> Evaluated:
    """Measure a network on examples: loss, accuracy, outputs and rates, with layers as they are outside of training.

    ::

        result = bs.train.evaluate(net, (test_images, test_labels), 16 * u.ms, encode=bs.encoding.Constant())
        result["accuracy"], result.outputs.argmax(axis=1)

    Parameters
    ----------
    net : Network
        At its beginning; it stays there.
    data
        As of :func:`fit`.
    duration, dt, encode, loss, metrics, read, into
        As of :func:`fit`.
    batch : int
        Examples that are run together.
    seed : int
        Of what encoders and noise draw.

    Returns
    -------
    Evaluated
        What ``fit(..., validate=data)`` tells of the same network.

    Raises
    ------
    TypeError, ValueError, UnitError, UnknownNameError
        For what does not fit together, before anything is compiled.
    """
    check_count("batch", batch)
    objective = Objective(net, duration, dt=dt, loss=loss, encode=encode, read=read, into=into, training=False)
    batches: Any = as_batches(data, batch, shuffle=False)
    first = next(iter(batches.epoch(0)), None)
    if first is None:
        raise ValueError("data: there are no batches.")
    whole = batches.take(np.arange(len(batches.inputs))) if isinstance(batches, Arrays) else first
    outputs = checks.check_fit(objective, whole, objective.run.parameters)
    evaluation = Evaluation(objective, named_metrics(metrics, first), batch=int(batch), seed=seed)
    batches = batches if isinstance(batches, Arrays) else checks.Labelled(batches, outputs)
    values, shares, outputs = evaluation.examples(objective.run.parameters, objective.carried, batches)
    hertz = 1 / float(in_unit(dt, u.second, "dt"))
    means = {name: float(np.mean(value)) for name, value in values.items()}
    return Evaluated(means, values, outputs, {name: float(np.mean(x)) * hertz * u.Hz for name, x in shares.items()})


@names_arguments
def predict(
    net: Network,
    inputs: Any,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 1.0 * u.ms,
    encode: Callable | None = None,
    read: Read | Reads | str | tuple | Mapping | None = None,
    into: str | None = None,
    batch: int = 256,
    seed: int = 0,
) -> Any:
    """The outputs of a network for examples whose targets nobody knows.

    Parameters
    ----------
    net, duration, dt, encode, read, into, batch, seed
        As of :func:`evaluate`.
    inputs : array, (examples, ...)

    Returns
    -------
    array, (examples, ...), or dict of them
        What is read: of a classifier, ``.argmax(axis=1)`` are its classes.

    Raises
    ------
    TypeError, ValueError, UnitError, UnknownNameError
        For what does not fit together, before anything is compiled.
    """
    if not hasattr(inputs, "shape") or not len(inputs.shape):
        raise TypeError(f"predict: inputs: expected an array (examples, ...), given {type(inputs).__name__}.")
    options: dict[str, Any] = dict(dt=dt, encode=encode, read=read, into=into, batch=batch, seed=seed)
    return evaluate(net, (inputs, np.zeros(len(inputs))), duration, loss=_nothing, metrics=(), **options).outputs


def _nothing(output: Any, target: jax.Array) -> jax.Array:
    return jnp.zeros(())
