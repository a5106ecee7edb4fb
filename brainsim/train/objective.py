"""A network, what goes in and what is asked of it: the loss of a batch as a pure function of parameters."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import BATCH, compute_in, set_mode
from brainsim._units import QuantityLike, float_dtype, in_unit
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation.function import function, one_by_one
from brainsim.sources import SpikeInput
from brainsim.train.precision import SCALES, check_precision, scaled
from brainsim.train.reading import Read, Reads, as_read, of_times


class Batch(NamedTuple):
    """Examples that are presented together.

    Parameters
    ----------
    inputs : array, (batch, ...)
        What the encoder takes of each.
    targets : array, (batch, ...), or dict of them
    lengths : int array, (batch,), optional
        Steps that count, of sequences of different length.
    """

    inputs: Any
    targets: Any
    lengths: Any = None


class Result(NamedTuple):
    """What a batch gave beside its loss.

    Parameters
    ----------
    outputs : array, (batch, ...), or dict of them
        What was read.
    losses : array, (batch,)
        Loss of each example, without penalties.
    recorded : dict of str to array, (batch, n_steps, ...)
    carried : dict of str to array
        State that the next batch begins with: running statistics of layers.
    final : dict of str to array, (batch, ...)
        State at the end.
    """

    outputs: Any
    losses: jax.Array
    recorded: dict
    carried: dict
    final: dict


class Objective:
    r"""Loss of a network's output over batches of examples: a pure function, for ``jax.grad`` and loops of one's own.

    .. math:: L = \frac1B \sum_b \ell\bigl(\mathrm{read}(\mathrm{run}_\theta(\mathrm{encode}(x_b))), y_b\bigr)
              + \sum_k \mathrm{penalty}_k

    ``objective(parameters, carried, batch, key)`` gives ``(loss, result)``. ``parameters`` are plain arrays by path, those
    left out are as in the network.

    Parameters
    ----------
    net : Network
    duration : quantity, time
        How long an example is presented.
    dt : quantity, time
        Length of a step.
    loss : callable
        ``loss(output, target)`` of one example, a number: of :mod:`brainsim.train.losses`, of optax, or one's own. One
        that takes ``mask`` is given the steps that count.
    encode : callable, optional
        ``encode(x, n_steps, dt, key)`` gives ``(n_steps, n)``: of :mod:`brainsim.encoding`. None: the example is a
        course already.
    read : Read, str, tuple of str and decoder, or dict of them, optional
        The output; see :class:`Read`. By default what the network says of itself. Of a dictionary, losses and measures get
        a dictionary of outputs.
    into : str, optional
        Path of the variable that the course is given to; by default the input of the only :class:`SpikeInput`.
    penalties : sequence of Penalty
        What is added to the loss, such as regularisers of firing rates.
    record : sequence of str
        What else is recorded.
    checkpoint_every, remat, adaptive
        As in :func:`brainsim.function`; with ``adaptive`` examples run one after the other, and spikes that are read are times in
        ms, (most_spikes, n), infinite beyond the last.
    training : bool
        Whether layers train: batch normalisations take the statistics of the batch, dropout leaves out, learned delays are
        spread in time. Afterwards the layers of the network itself evaluate.
    precision : str, optional
        ``"bfloat16"`` or ``"float16"``: layers of flax compute in it, of parameters that stay as they are, and gradients
        of float16 are scaled within. Membranes, synapses and losses keep their precision.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For what does not fit together.
    """

    def __init__(
        self,
        net: Network,
        duration: QuantityLike,
        *,
        dt: QuantityLike = 1.0 * u.ms,
        loss: Callable,
        encode: Callable | None = None,
        read: Read | Reads | str | tuple | Mapping | None = None,
        into: str | None = None,
        penalties: Sequence[Any] = (),
        record: Sequence[str] = (),
        checkpoint_every: int | None = None,
        remat: bool = True,
        training: bool = True,
        precision: str | None = None,
        parallel: str | None = None,
        adaptive: Adaptive | None = None,
    ):
        for name, given, example in (
            ("loss", loss, "train.losses.cross_entropy"),
            ("encode", encode, "encoding.Constant()"),
        ):
            if not callable(given) and (name, given) != ("encode", None):
                raise TypeError(f"{name}: expected a function, such as bs.{example}, given {given!r}.")
            if isinstance(given, type):
                raise TypeError(f"{name}: {given.__name__} is a class; give one of it, {given.__name__}().")
        if not isinstance(net, Network):
            raise TypeError(
                f"train: expected a Network, such as bs.nn.Sequential(...), given {getattr(type(net), '__name__', net)}."
            )
        if not isinstance(penalties, Sequence) or isinstance(penalties, str):
            raise TypeError(f"penalties: expected a list of them, given {penalties!r}; write penalties=[...].")
        for name, each in (("loss", loss), *(("penalties", penalty) for penalty in penalties)):
            own = getattr(each, "dt", dt)
            if not math.isclose(in_unit(own, u.ms, f"{name}: dt"), in_unit(dt, u.ms, "dt"), rel_tol=1e-6):
                shown = getattr(each, "__qualname__", type(each).__name__).partition(".")[0]
                raise ValueError(f"{name}: {shown} counts in steps of {own}, and a step is {dt} here; give it dt={dt}.")
        if net.begun:
            raise ValueError(
                f"train: the network has run for {int(net.plain('steps'))} steps, and every example would go on from where it"
                " is; net.reset() puts it to its beginning."
            )
        self.training, self.checkpoint_every, self.remat, self.precision = training, checkpoint_every, remat, precision
        self.parallel, self.adaptive = parallel, adaptive
        self.net, self.duration, self.dt, self.loss, self.encode = net, duration, dt, loss, encode
        for penalty in penalties:
            if not callable(penalty) or not hasattr(penalty, "record"):
                raise TypeError(f"penalties: expected those of bs.train.penalties or alike, given {penalties!r}.")
        self.read, self.into, self.penalties = as_read(read, net), input_of(net, into), tuple(penalties)
        paths = [*self.read.paths, *record, *(path for penalty in self.penalties for path in penalty.record)]
        self.record = tuple(dict.fromkeys(paths))
        layers = [p.layer for p in net.projections.values() if "layer" in vars(p)]
        check_precision(precision, net)
        usual = [each for layer in layers for each in (compute_in(layer, jnp.dtype(precision)) if precision else ())]
        layers += [p.axon for p in net.projections.values() if p.axon.learned]
        for layer in layers:
            set_mode(layer, training)
        self.run = function(
            net,
            duration,
            dt=dt,
            record=list(self.record),
            checkpoint_every=checkpoint_every,
            remat=remat,
            parallel=parallel,
            adaptive=adaptive,
        )
        for layer in layers:
            set_mode(layer, False)
        for layer, dtype in usual:
            layer.dtype = dtype
        self.n_steps = self.run.n_steps
        self._reads = self.read if adaptive is None else of_times(self.read, (self.run.step_ms, self.n_steps))

    @property
    def carried(self) -> dict[str, jax.Array]:
        """State that lasts from batch to batch, as it is in the network: running statistics of layers."""
        return {path: array for path, array in self.run.state.items() if ".layer." in path}

    def course(self, x: Any, key: jax.Array) -> jax.Array:
        """What an example gives to the network, (n_steps, n)."""
        self._check_axes(jnp.shape(x)[1:] if self.encode is None else jnp.shape(x))
        course = jnp.asarray(x) if self.encode is None else self.encode(x, self.n_steps, self.dt, key)
        count = self.run.state[self.into].size if self.into in self.run.state else -1  # a parameter takes any
        wrong = course.ndim == 0 or len(course) != self.n_steps
        if wrong or (count >= 0 and course.size != self.n_steps * count):
            made = "an example has" if self.encode is None else f"{type(self.encode).__name__} makes"
            hint = "; encode=encoding.Constant() gives it at every step" if self.encode is None else ""
            raise ValueError(
                f"encode: {made} the shape {course.shape}, and {self.into} takes {self.n_steps} steps of {count}{hint}."
            )
        course = course if jnp.issubdtype(course.dtype, jnp.floating) else course.astype(float_dtype())
        return course.reshape(self.n_steps, count)

    def _check_axes(self, shape: tuple[int, ...]) -> None:
        """Refuse examples whose axes are those of the input in another order, such as images with their channels first."""
        size = getattr(self.net.populations.get(self.into.partition(".")[0]), "size", ())
        given, taken = ([n for n in axes if n > 1] for axes in (shape, size))
        if len(given) > 1 and len(taken) > 1 and given != taken and math.prod(given) == math.prod(taken):
            hint = "; channels come last: np.moveaxis(x, -3, -1)" if sorted(given) == sorted(taken) else ""
            raise ValueError(
                f"encode: an example has the shape {shape}, and {self.into} takes {size}{hint}. Flat examples, of"
                f" {math.prod(size)} numbers, are taken in the order of the input."
            )

    def one(
        self, parameters: dict, state: dict, x: Any, key: jax.Array, moves: dict | None = None
    ) -> tuple[dict, dict]:
        """``(final state, recorded)`` of one example; ``moves`` as in :meth:`brainsim.simulation.function.Function.moved`."""
        run = functools.partial(self.run.moved, moves=moves) if moves else self.run
        inputs, own = {self.into: self.course(x, jax.random.fold_in(key, 0))}, jax.random.fold_in(key, 1)
        scale = SCALES[self.precision] if self.precision else 1.0
        if scale == 1:
            return run(parameters, state, inputs=inputs, key=own)
        parameters, state, inputs = cast(tuple, scaled((parameters, state, inputs), 1 / scale))
        return cast(tuple, scaled(run(parameters, state, inputs=inputs, key=own), scale))

    def mask(self, length: Any) -> jax.Array | None:
        """Which steps count; None for all."""
        return None if length is None else jnp.arange(self.n_steps) < length

    def examples(
        self,
        parameters: dict,
        carried: dict,
        batch: Batch,
        key: jax.Array,
        state: dict | None = None,
        *,
        moves: dict | None = None,
    ) -> tuple[dict, dict, Any]:
        """``(final states, recorded, outputs)`` of a batch, each with a leading axis of examples.

        ``state``: where each example goes on from, with that axis; ``moves``: what is added to states behind each step, likewise.
        """

        def one(x, length, key, own, moves):
            final, recorded = self.one(parameters, carried | own, x, key, moves)
            return final, recorded, self._reads(recorded, self.mask(length))

        keys = key if jnp.ndim(key) == 2 else jax.random.split(key, len(batch.inputs))
        lengths = None if batch.lengths is None else jnp.asarray(batch.lengths)
        inputs, axis = batch.inputs, 0
        if self.encode is None and jnp.ndim(inputs) > 1:  # steps first, as all that follows goes through them
            inputs, axis = jnp.swapaxes(inputs, 0, 1), 1
        if self.adaptive is not None:
            mapped = (
                jnp.moveaxis(inputs, axis, 0),
                jnp.zeros(len(keys)) if lengths is None else lengths,
                keys,
                state or {},
                moves or {},
            )
            return one_by_one(lambda each: one(each[0], None if lengths is None else each[1], *each[2:]), mapped)
        axes = (axis, None if lengths is None else 0, 0, 0, 0)
        return jax.vmap(one, in_axes=axes, axis_name=BATCH if self.training else None)(
            inputs, lengths, keys, state or {}, moves or {}
        )

    def each(self, function: Callable, outputs: Any, targets: Any, lengths: Any = None) -> jax.Array:
        """``function(output, target)`` of each example, given the mask of its steps if it takes one."""
        if not takes_mask(function):
            return jax.vmap(function)(outputs, targets)
        examples = len(jax.tree.leaves(outputs)[0])
        lengths = jnp.full(examples, self.n_steps) if lengths is None else jnp.asarray(lengths)
        return jax.vmap(lambda o, t, n: function(o, t, mask=self.mask(n)))(outputs, targets, lengths)

    def __call__(
        self, parameters: dict, carried: dict, batch: Batch, key: jax.Array, state: dict | None = None
    ) -> tuple[jax.Array, Result]:
        """The loss of a batch.

        Parameters
        ----------
        parameters : dict of str to array
            By path, plain, in the units that the classes declare.
        carried : dict of str to array
            From :attr:`carried`, or the result of the batch before.
        batch : Batch
        key : uint32 array, (2,) or (batch, 2)
            For encoders, noise and dropout; or one for each example.
        state : dict of str to array, (batch, ...), optional
            Where each example goes on from; the network's state by default.

        Returns
        -------
        loss : float array, ()
        result : Result
        """
        final, recorded, outputs = self.examples(parameters, carried, batch, key, state)
        total, losses = self.value(outputs, recorded, parameters, batch)
        kept = {path: final[path][0] for path in carried}
        return total, Result(outputs, losses, recorded, kept, final)

    def value(self, outputs: Any, recorded: dict, parameters: dict, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """The loss with its penalties, and that of each example, of what was read and recorded."""
        losses = self.each(self.loss, outputs, batch.targets, batch.lengths)
        total = jnp.mean(losses)
        for penalty in self.penalties:
            more = {}
            if batch.lengths is not None and takes_mask(penalty):
                more = {"mask": jax.vmap(self.mask)(jnp.asarray(batch.lengths))}
            total = total + penalty(recorded, parameters, **more)
        return total, losses

    def replaced(self, **changes: Any) -> Objective:
        """The same with other arguments."""
        names = (
            "dt",
            "loss",
            "encode",
            "read",
            "into",
            "penalties",
            "training",
            "checkpoint_every",
            "remat",
            "precision",
            "parallel",
            "adaptive",
        )
        options: dict[str, Any] = {name: getattr(self, name) for name in names} | {"record": self.record} | changes
        return Objective(options.pop("net", self.net), options.pop("duration", self.duration), **options)


def input_of(net: Network, given: str | None) -> str:
    """Path of the variable that courses are given to.

    Raises
    ------
    ValueError
        Where there is no telling.
    """
    if given is not None:
        return given
    sources = [name for name, population in net.populations.items() if isinstance(population, SpikeInput)]
    if len(sources) != 1:
        found = f"the inputs {', '.join(sources)}" if sources else "no SpikeInput"
        raise ValueError(f"into: the network has {found}; say what the examples are given to, into='pixels.input'.")
    return f"{sources[0]}.input"


def takes_mask(function: Callable) -> bool:
    """Whether a loss, measure or penalty is given the steps that count."""
    try:
        return "mask" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
