"""Spikes through a dense weight."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from brainsim.events._contract import POST, PRE, contract, contract_p
from brainsim.events._primitive import Batch
from brainsim.events.formats import Dense


def spike_matmul(spikes: jax.Array, weight: jax.Array) -> jax.Array:
    """Product of rows of spikes and a dense weight.

    .. math:: y_{bj} = \\sum_i s_{bi} W_{ij}

    On a CPU the work of the product and of the weight's gradient goes with the spikes as long as a quarter of the numbers
    or less are not zero; forwards a sixth with fewer than 32 outputs, and none with fewer than 16 (8 towards the weight). A matrix
    product serves otherwise, and towards the spikes. Which of them is looked at in each call: results are equal to rounding.
    Derivatives of all orders are exact, batches of ``vmap`` are more rows, and all rows have one weight gradient. Spikes that are
    bool are kept in bytes for the way back.

    Parameters
    ----------
    spikes : bool or float ``[..., n_in]``
        Any numbers: floats multiply the weights, and zeros are skipped.
    weight : float ``[n_in, n_out]``
        In the dtype of spikes that are floats.

    Returns
    -------
    float ``[..., n_out]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.

    References
    ----------
    N. Perez-Nieves, D. F. M. Goodman, Sparse spiking gradient descent, NeurIPS (2021).
    """
    spikes, weight = jnp.asarray(spikes), jnp.asarray(weight)
    if weight.ndim != 2 or not jnp.issubdtype(weight.dtype, jnp.floating):
        raise ValueError(
            f"events.spike_matmul: weight is a float array [n_in, n_out]; got {weight.dtype}{list(weight.shape)}."
        )
    n_in, n_out = weight.shape
    if spikes.shape[-1:] != (n_in,) or spikes.dtype not in (jnp.dtype(bool), weight.dtype):
        raise ValueError(
            f"events.spike_matmul: spikes are bool or {weight.dtype}, of shape [..., {n_in}] for a weight of shape"
            f" {list(weight.shape)}; got {spikes.dtype}{list(spikes.shape)}."
        )
    extents = spikes.shape[:-1]
    each = (True,) * len(extents)
    batch = Batch(extents, (each, (False,) * len(extents), each))
    like = jax.ShapeDtypeStruct((*extents, n_out), weight.dtype)
    return contract(POST, (Dense(n_in, n_out),), spikes, weight, like=like, batch=batch)


def dense_back(turned: jax.Array, values: jax.Array, into: jax.Array | None = None) -> jax.Array:
    """Values ``[n_in]`` through a weight that is given as its transpose, ``[n_out, n_in]``, for programs whose way back should
    read that as it stands; added to ``into``.
    """
    n_out, n_in = turned.shape
    return contract(PRE, (Dense(n_out, n_in),), turned, values, into, like=jax.ShapeDtypeStruct((n_out,), turned.dtype))


def dense_products(jaxpr: Any) -> dict[int, Any]:
    """The products of spikes and a dense weight among the equations of a program, one example each, whose weight is a constant
    of the program: its variable, by the number of the equation.
    """
    constants = set(jaxpr.constvars)
    return {k: e.invars[1] for k, e in enumerate(jaxpr.eqns) if _is_product(e) and e.invars[1] in constants}


def _is_product(equation) -> bool:
    if equation.primitive is not contract_p.primitive or isinstance(equation.invars[1], Literal):
        return False
    shared = equation.params["tree"].unflatten([v.aval for v in equation.invars[:-3]])
    dense = len(shared) == 1 and isinstance(shared[0], Dense) and len(equation.invars) == 3
    spikes, weight, _ = (v.aval for v in equation.invars[-3:])
    each = equation.params["static"][:2] == (POST, 0) and not equation.params["batch"].extents and weight.ndim == 2
    return dense and each and spikes.dtype in (jnp.dtype(bool), weight.dtype)
