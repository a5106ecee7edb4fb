"""Random events, reproducible from a key and the step.

The compiled kernels draw from a counter-based generator (Philox4x32-10) and skip from event to event where events are
rare. The plain definitions draw with :mod:`jax.random`; both have the same distribution, not the same numbers.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from brainsim.events import _check
from brainsim.events._backends import implementation
from brainsim.events._primitive import Operation
from brainsim.events._shared import Purpose

# What the kernel writes; other dtypes are converted.
RARE = 2.0**-8  # mean of Poisson numbers below which more than three have no weight in plain JAX
_COUNTS = (np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64))


def poisson_counts(
    key_data: jax.Array, step: jax.Array | int, mean: jax.Array | float, n: int, dtype: DTypeLike = jnp.int32
) -> jax.Array:
    """Draw the number of events of ``n`` independent Poisson sources in one step.

    .. math:: P(K_i = k) = \\frac{m_i^k}{k!} e^{-m_i}

    A mean of zero or less gives no events. The derivative with respect to the mean is zero.

    Parameters
    ----------
    key_data : uint32 ``[2]``
        What the draws belong to, such as ``jax.random.key_data(key)``.
    step : int
        Number of the step; each step has draws of its own.
    mean : float ``[]`` or ``[n]``
        Mean number of events per step, up to about 10,000.
    n : int
        Number of sources.
    dtype
        An integer or float dtype.

    Returns
    -------
    dtype ``[n]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    key, step = _key("poisson_counts", key_data), _check.integer("poisson_counts", "step", step, jnp.uint32)
    mean = _per_neuron("poisson_counts", "mean", mean, n)
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    drawn = dtype if dtype in _COUNTS else np.dtype(np.int32)
    return poisson_counts_p((), key, step, mean, static=(int(n), drawn))[0].astype(dtype)


def poisson_input(
    key_data: jax.Array,
    step: jax.Array | int,
    mean: jax.Array | float,
    weight: jax.Array | float,
    into: jax.Array,
) -> jax.Array:
    """Add the weights of Poisson events, one source per neuron.

    .. math:: \\text{into}_i \\leftarrow \\text{into}_i + w_i K_i, \\qquad K_i \\sim \\mathrm{Poisson}(m_i)

    The counts are those of :func:`poisson_counts` for the same key, step and mean. ``into`` is updated in place. The
    result is differentiable in ``weight`` and ``into``; the derivative with respect to the mean is zero.

    Parameters
    ----------
    key_data : uint32 ``[2]``
        What the draws belong to, such as ``jax.random.key_data(key)``.
    step : int
        Number of the step; each step has draws of its own.
    mean : float ``[]`` or ``[n]``
        Mean number of events per step, up to about 10,000.
    weight : float ``[]`` or ``[n]``
        Weight of an event.
    into : float ``[n]``
        What the weights are added to.

    Returns
    -------
    float ``[n]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    into = jnp.asarray(into)
    into = _check.real("poisson_input", "into", into, into.shape[:1] or (1,))
    n = into.shape[0]
    key, step = _key("poisson_input", key_data), _check.integer("poisson_input", "step", step, jnp.uint32)
    mean = _per_neuron("poisson_input", "mean", mean, n, into.dtype)
    weight = _per_neuron("poisson_input", "weight", weight, n, into.dtype)
    return _input(implementation(), key, step, mean, weight, into)


def bernoulli_spikes(key_data: jax.Array, step: jax.Array | int, probability: jax.Array | float, n: int) -> jax.Array:
    """Let each of ``n`` neurons spike with a probability, independently.

    The derivative with respect to the probability is zero.

    Parameters
    ----------
    key_data : uint32 ``[2]``
        What the draws belong to, such as ``jax.random.key_data(key)``.
    step : int
        Number of the step; each step has draws of its own.
    probability : float ``[]`` or ``[n]``
        Probability of a spike in this step; beyond 0 to 1 it counts as 0 or 1.
    n : int
        Number of neurons.

    Returns
    -------
    bool ``[n]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    key, step = _key("bernoulli_spikes", key_data), _check.integer("bernoulli_spikes", "step", step, jnp.uint32)
    probability = _per_neuron("bernoulli_spikes", "probability", probability, n)
    return bernoulli_spikes_p((), key, step, probability, static=(int(n),))[0]


def _key(operation, key_data):
    key = jnp.asarray(key_data)
    if key.shape != (2,) or key.dtype != jnp.uint32:
        raise ValueError(
            f"events.{operation}: key_data is uint32[2], such as jax.random.key_data(key); got"
            f" {key.dtype}{list(key.shape)}."
        )
    return key


def _per_neuron(operation, name, x, n, dtype=None):
    x = jnp.asarray(x, dtype or float) if isinstance(x, int | float) else jnp.asarray(x)
    if x.ndim == 1:
        return _check.real(operation, name, x, (n,), dtype)
    return _check.real(operation, name, x, (), dtype)


def _threefry(key, step, purpose):
    key = jax.random.wrap_key_data(key, impl="threefry2x32")
    return jax.random.fold_in(jax.random.fold_in(key, step), purpose)


def _fine_uniform(key, shape, dtype):
    """Uniform in [0, 1), with all digits near 0 too, where a float alone has steps of 2**-23."""
    coarse, fine = (jax.random.uniform(k, shape, dtype) for k in (key, jax.random.fold_in(key, 1)))
    return coarse + fine * (2.0**-23 if dtype == jnp.float32 else 2.0**-52)


def _poisson(key, step, mean, n):
    mean = jnp.broadcast_to(jnp.maximum(mean, 0), (n,))
    key = _threefry(key, step, Purpose.POISSON)
    # Rare events by the probabilities of at least one, two, three: those of `jax.random.poisson` are multiples of 2**-23
    u, m = _fine_uniform(jax.random.fold_in(key, 2), (n,), mean.dtype), jnp.minimum(mean, RARE)
    at_least = (-jnp.expm1(-m), m**2 / 2 * (1 - m * (2 / 3 - m / 4)), m**3 / 6 * (1 - 0.75 * m))
    few = sum((u < p).astype(jnp.int32) for p in at_least)
    return jnp.where(mean < RARE, few, jax.random.poisson(key, mean, dtype=jnp.int32))


def _poisson_counts_one(shared, static, key, step, mean):
    n, dtype = static
    return (_poisson(key, step, mean, n).astype(dtype),)


def _poisson_input_one(shared, static, key, step, mean, weight, into):
    return (into + weight * _poisson(key, step, mean, into.shape[0]).astype(into.dtype),)


def _bernoulli_one(shared, static, key, step, probability):
    draws = _fine_uniform(_threefry(key, step, Purpose.BERNOULLI), static, probability.dtype)
    return (draws < probability,)


poisson_counts_p = Operation(
    "poisson_counts",
    definition=_poisson_counts_one,
    numbers=lambda shared, static: (),
    results=lambda shared, static, *operands: (jax.ShapeDtypeStruct(static[:1], static[1]),),
    real=(2,),
)
poisson_input_p = Operation(
    "poisson_input",
    definition=_poisson_input_one,
    numbers=lambda shared, static: (),
    results=lambda shared, static, *operands: (None,),
    in_place={4: 0},
    real=(4,),
)
bernoulli_spikes_p = Operation(
    "bernoulli_spikes",
    definition=_bernoulli_one,
    numbers=lambda shared, static: (),
    results=lambda shared, static, *operands: (jax.ShapeDtypeStruct(static, np.bool_),),
    real=(2,),
)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _input(implementation, key, step, mean, weight, into):
    return poisson_input_p((), key, step, mean, weight, into, implementation=implementation)[0]


@_input.defjvp
def _input_jvp(implementation, primals, tangents):
    key, step, mean, weight, into = primals
    _, _, _, dweight, dinto = tangents
    static = into.shape[0], np.dtype(into.dtype)
    (counts,) = poisson_counts_p((), key, step, mean, static=static, implementation=implementation)
    return _input(implementation, *primals), dinto + dweight * counts
