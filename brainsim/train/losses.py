"""Losses of one example, ``loss(output, target)``: numbers to be made small. Means over a batch are taken by the objective.

A loss of a whole course (``read=(path, "sequence")``) takes ``mask``, the steps that count. Any loss of optax of one
example serves as well.
"""

from __future__ import annotations

from collections.abc import Callable

import brainunit as u
import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from brainsim._units import QuantityLike, in_unit


def cross_entropy(output: jax.Array, target: ArrayLike) -> jax.Array:
    r"""Softmax cross-entropy, :math:`-\log \mathrm{softmax}(o)_y`: on counts, rates, mean, last or largest potentials, as
    they are read.

    Parameters
    ----------
    output : float array, (classes,)
    target : int, or float array (classes,)
        The class, or its probabilities.

    Returns
    -------
    float array, ()
    """
    target = jnp.asarray(target)
    if target.ndim == 0:
        _check_label("cross_entropy", target)
        return optax.softmax_cross_entropy_with_integer_labels(output, target)
    _same_shape("cross_entropy", output, target)
    return optax.softmax_cross_entropy(output, target)


def _check_label(name: str, target: jax.Array) -> None:
    """Refuse classes that are no whole numbers."""
    if not jnp.issubdtype(target.dtype, jnp.integer):
        raise TypeError(f"{name}: a class is a whole number, given {target.dtype}; targets.astype(int) are.")


def _same_shape(name: str, output: jax.Array, target: jax.Array) -> None:
    """Refuse what NumPy would repeat until it fits."""
    if output.shape != target.shape:
        raise ValueError(f"{name}: the output has shape {output.shape}, the target {target.shape}.")


def step_cross_entropy(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
    r"""Mean over the steps of the cross-entropy at each, :math:`\frac1T \sum_t -\log \mathrm{softmax}(o_t)_{y_t}`.

    Parameters
    ----------
    course : float array, (n_steps, classes)
    target : int, or int array (n_steps,)
        The class, or that of each step; in steps with -1 nothing is asked.
    mask : bool array, (n_steps,), optional
        Steps that count.
    """
    targets = jnp.broadcast_to(jnp.asarray(target), len(course))
    _check_label("step_cross_entropy", targets)
    asked = targets >= 0 if mask is None else (targets >= 0) & mask
    values = optax.softmax_cross_entropy_with_integer_labels(course, jnp.maximum(targets, 0))
    return _mean_where(asked, values)


def _mean_where(asked: jax.Array, values: jax.Array) -> jax.Array:
    """Mean of the values that are asked for; 0 where none is."""
    return jnp.sum(jnp.where(asked, values, 0.0)) / jnp.maximum(jnp.sum(asked), 1)


def softmax_over_time(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
    r"""Cross-entropy of the summed softmax of each step, :math:`-\log \mathrm{softmax}(\sum_t \mathrm{softmax}(o_t))_y`.

    Parameters as of :func:`step_cross_entropy`, with one class.

    References
    ----------
    I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier, ICLR (2024); A. Bittar, P. N. Garner, Front. Neurosci. 16:865897
    (2022).
    """
    each = jax.nn.softmax(course, axis=-1)
    total = jnp.sum(each if mask is None else jnp.where(mask[:, None], each, 0.0), axis=0)
    return cross_entropy(total, target)


def first_spike_cross_entropy(times: jax.Array, target: ArrayLike, scale: float = 1.0) -> jax.Array:
    r"""Cross-entropy of :math:`-t/s`: the class whose unit fires first.

    Parameters
    ----------
    times : float array, (classes,)
        Steps of the first spikes: ``read=("output.spikes", "first_spike")``.
    target : int
    scale : float
        s, in steps.
    """
    return cross_entropy(-times / scale, target)


def mean_square(output: jax.Array, target: ArrayLike) -> jax.Array:
    r"""Mean squared error, :math:`\frac1n \sum_k (o_k - y_k)^2`; of any shape.

    Parameters
    ----------
    output, target : float array, (...)
    """
    target = jnp.asarray(target)
    _same_shape("mean_square", output, target)
    return jnp.mean(jnp.square(output - target))


def count_mean_square(
    counts: jax.Array, target: ArrayLike, right: float = 0.8, wrong: float = 0.2, steps: int = 1
) -> jax.Array:
    r"""Mean squared error of spike counts: ``right * steps`` spikes of the unit of the class, ``wrong * steps`` of others.

    Parameters
    ----------
    counts : float array, (classes,)
    target : int
    right, wrong : float
        Shares of the steps.
    steps : int
        Number of steps; 1 where shares are read (``"mean"``).

    References
    ----------
    snnTorch's ``mse_count_loss``, which takes whole numbers of spikes and divides by the number of steps.
    """
    wanted = jnp.where(jnp.arange(counts.shape[-1]) == target, right, wrong) * steps
    return mean_square(counts, wanted)


def spike_times(times: jax.Array, target: ArrayLike) -> jax.Array:
    """Mean squared difference of spike times, in steps squared.

    Parameters
    ----------
    times : float array, (n,)
        ``read=("output.spikes", "first_spike")``.
    target : float array, (n,)
        In steps; where it is not finite, a unit may fire when it likes.
    """
    target = jnp.asarray(target, times.dtype)
    _same_shape("spike_times", times, target)
    asked = jnp.isfinite(target)
    square = jnp.where(asked, jnp.square(times - jnp.where(asked, target, 0.0)), 0.0)
    return jnp.sum(square) / jnp.maximum(jnp.sum(asked), 1)


def van_rossum(tau: QuantityLike, dt: QuantityLike = 1.0 * u.ms) -> Callable[..., jax.Array]:
    r"""A loss: the squared van Rossum distance of spike trains, summed over the units.

    .. math:: \frac1\tau \sum_t dt\,\bigl(f * (s - s^*)\bigr)_t^2,\qquad f(t) = e^{-t/\tau}

    summed until the trace has died out; one spike more or less costs 1/2 where dt is short against tau.

    Parameters
    ----------
    tau : quantity, time
    dt : quantity, time
        Length of a step.

    Returns
    -------
    callable
        ``loss(course, target, mask=None)`` of spikes ``(n_steps, n)``.

    References
    ----------
    M. C. W. van Rossum, Neural Comput. 13:751 (2001).
    """
    ratio = float(in_unit(dt, u.ms, "dt")) / float(in_unit(tau, u.ms, "tau"))

    def loss(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
        difference = course - jnp.asarray(target, course.dtype)
        difference = difference if mask is None else jnp.where(mask[:, None], difference, 0.0)
        decay = jnp.exp(-jnp.asarray(ratio, course.dtype))

        def step(trace, now):
            trace = trace * decay + now
            return trace, jnp.sum(jnp.square(trace))

        trace, squares = jax.lax.scan(step, jnp.zeros_like(difference[0]), difference)
        after = jnp.sum(jnp.square(trace)) * decay**2 / (1 - decay**2)  # the rest of a geometric series
        return ratio * (jnp.sum(squares) + after)

    loss.dt = dt  # type: ignore[attr-defined]  # an Objective compares it with its own
    return loss


def distillation(temperature: float = 1.0) -> Callable[[jax.Array, ArrayLike], jax.Array]:
    r"""A loss: :math:`T^2\,\mathrm{KL}(\mathrm{softmax}(z/T)\,\|\,\mathrm{softmax}(o/T))` to the logits z of a teacher,
    which are the targets.

    Parameters
    ----------
    temperature : float
        T.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, arXiv:1503.02531 (2015).
    """

    def loss(output: jax.Array, target: ArrayLike) -> jax.Array:
        teacher = jax.nn.log_softmax(jnp.asarray(target, output.dtype) / temperature)
        student = jax.nn.log_softmax(output / temperature)
        return temperature**2 * jnp.sum(jnp.exp(teacher) * (teacher - student))

    return loss


def feature_distillation(output: jax.Array, target: ArrayLike) -> jax.Array:
    r"""Squared distance of two directions, :math:`\left| f/|f| - g/|g| \right|^2`, of features f and those of a teacher g,
    whatever their scale: rates of spikes and activations of a common network can be compared.

    Parameters
    ----------
    output : float array, (...)
        Such as ``read=("hidden1.spikes", "mean")``; features that are all 0 have no direction, and cost 1.
    target : float array, (...)

    References
    ----------
    A. Romero et al., ICLR (2015); S. Zagoruyko, N. Komodakis, ICLR (2017).
    """
    f, g = jnp.ravel(output), jnp.ravel(jnp.asarray(target, output.dtype))
    return jnp.sum(jnp.square(_direction(f) - _direction(g)))


def _direction(x: jax.Array) -> jax.Array:
    square = jnp.sum(jnp.square(x))
    return jnp.where(square > 0, x / jnp.sqrt(jnp.where(square > 0, square, 1)), 0.0)


def ctc(blank: int = 0) -> Callable[..., jax.Array]:
    """A loss: connectionist temporal classification, of optax.

    Parameters
    ----------
    blank : int
        The class that stands for nothing.

    Returns
    -------
    callable
        ``loss(course, labels, mask=None)`` of logits ``(n_steps, classes)`` and labels ``(length,)``, those behind the
        end negative.

    References
    ----------
    A. Graves et al., ICML (2006).
    """

    def loss(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
        labels = jnp.asarray(target)
        absent = jnp.zeros(len(course), course.dtype) if mask is None else (~mask).astype(course.dtype)
        padding = (labels < 0).astype(course.dtype)
        labels = jnp.maximum(labels, 0)
        return optax.ctc_loss(course[None], absent[None], labels[None], padding[None], blank_id=blank)[0]

    return loss
