"""Gradients without a way back: derivatives along directions, forwards in time, and differences between perturbed runs.

Memory is that of a run, whatever its length. They stand where :func:`bptt` does, ``fit(..., gradient=forward)``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.flatten_util
import jax.numpy as jnp

from brainsim.train.objective import Objective


def forward(objective: Objective) -> Callable:
    """Forward-mode derivatives: the gradient of backpropagation, one run along each trained number.

    For few parameters, such as time constants, and long runs.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    callable
        As :class:`Gradient` says.

    References
    ----------
    R. J. Williams, D. Zipser, Neural Comput. 1:270 (1989).
    """

    def step(parameters, carried, batch, key, state=None):
        loss, result = objective(parameters, carried, batch, key, state)
        flat, back = jax.flatten_util.ravel_pytree(parameters)
        along = _derivative(objective, parameters, carried, batch, key, state)
        one = lambda k: along(back(jnp.zeros_like(flat).at[k].set(1)))
        return (loss, result), back(jax.lax.map(one, jnp.arange(flat.size)))

    return step


@dataclasses.dataclass(frozen=True)
class RandomDirections:
    r"""Derivatives along random directions, whose mean is the gradient: forward gradients.

    .. math:: g = \frac1K \sum_k \left(\nabla L \cdot v_k\right) v_k,\qquad v_k \sim N(0, 1)

    Parameters
    ----------
    number : int
        K. The variance falls with it and grows with the number of parameters.

    References
    ----------
    A. G. Baydin et al., arXiv:2202.08587 (2022).
    """

    number: int = 1

    def __post_init__(self):
        if self.number < 1:
            raise ValueError(f"RandomDirections: expected one at least, given {self.number}.")

    def __call__(self, objective: Objective) -> Callable:
        """``step(parameters, carried, batch, key)`` that gives ``((loss, result), gradients)``."""

        def step(parameters, carried, batch, key, state=None):
            loss, result = objective(parameters, carried, batch, key, state)
            flat, back = jax.flatten_util.ravel_pytree(parameters)
            along = _derivative(objective, parameters, carried, batch, key, state)

            def one(total, own):
                v = jax.random.normal(own, flat.shape, flat.dtype)
                return total + along(back(v)) * v, None

            keys = jax.random.split(jax.random.fold_in(key, 1), self.number)
            total, _ = jax.lax.scan(one, jnp.zeros_like(flat), keys)
            return (loss, result), back(total / self.number)

        return step


def _derivative(objective, parameters, carried, batch, key, state) -> Callable:
    """The derivative of the loss along a direction."""
    loss = lambda p: objective(p, carried, batch, key, state)[0]
    return lambda direction: jax.jvp(loss, (parameters,), (direction,))[1]


@dataclasses.dataclass(frozen=True)
class Evolution:
    r"""Evolution strategies: losses alone, of runs with perturbed parameters, in pairs of opposite ones.

    .. math:: g = \frac{1}{P\,\sigma^2} \sum_k r_k\,\delta_k,\qquad \delta_k \sim N(0, (\sigma s)^2)

    with s the mean size of a parameter's numbers, so that weights and time constants are perturbed alike, and :math:`r_k`
    the loss, or its rank from -1/2 to 1/2. Spikes need no surrogate. All runs of an update see the same examples and draws.

    Parameters
    ----------
    population : int
        P, even.
    sigma : float
        :math:`\sigma`, relative.
    ranks : bool
        Ranks in place of losses: outliers do not count, and the length of the gradient says nothing, to which Adam is
        blind.

    References
    ----------
    T. Salimans et al., arXiv:1703.03864 (2017).
    """

    population: int = 32
    sigma: float = 0.05
    ranks: bool = True

    def __post_init__(self):
        if self.population < 2 or self.population % 2:
            raise ValueError(f"Evolution: population must be even, for pairs, given {self.population}.")
        if not self.sigma > 0:
            raise ValueError(f"Evolution: sigma must be positive, given {self.sigma}.")

    def __call__(self, objective: Objective) -> Callable:
        """``step(parameters, carried, batch, key)`` that gives ``((loss, result), gradients)``."""

        def step(parameters, carried, batch, key, state=None):
            loss, result = objective(parameters, carried, batch, key, state)
            flat, back = jax.flatten_util.ravel_pytree(parameters)
            size, _ = jax.flatten_util.ravel_pytree(jax.tree.map(sizes, parameters))
            keys = jax.random.split(jax.random.fold_in(key, 1), self.population // 2)
            drawn = lambda own: self.sigma * jax.random.normal(own, flat.shape, flat.dtype)
            value = lambda x: objective(back(flat + size * x), carried, batch, key, state)[0]
            losses = jax.lax.map(lambda own: jnp.stack([value(drawn(own)), value(-drawn(own))]), keys)
            tried = jax.vmap(drawn)(keys)
            slope = evolved(losses.T.ravel(), jnp.concatenate([tried, -tried]), self.sigma, ranks=self.ranks)
            return (loss, result), back(slope / size)

        return step


def evolved(losses: jax.Array, tried: jax.Array, sigma: float, *, ranks: bool = True) -> jax.Array:
    r"""The gradient that perturbations and their losses tell of, :math:`\frac{1}{P\sigma^2} \sum_k r_k \delta_k`.

    Parameters
    ----------
    losses : float array, (P,)
    tried : float array, (P, n)
        Perturbations :math:`\delta_k`, of standard deviation ``sigma``.
    sigma : float
    ranks : bool
        Take ranks from -1/2 to 1/2 for losses.

    Returns
    -------
    float array, (n,)
    """
    if ranks:
        losses = jnp.argsort(jnp.argsort(losses)) / (len(losses) - 1) - 0.5
    return losses.astype(tried.dtype) @ tried / (len(losses) * sigma**2)


def sizes(array: jax.Array) -> jax.Array:
    """Mean size of the numbers of a parameter, for each of them; 1 where all are 0."""
    size = jnp.mean(jnp.abs(array))
    return jnp.broadcast_to(jnp.where(size > 0, size, 1), array.shape)
