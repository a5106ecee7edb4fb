"""How probable a value of a distribution is: for priors."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import float_dtype, in_unit

from ._sources import JaxSource
from .bounded import Truncated
from .distribution import Continuous, Distribution


def log_density(distribution: Distribution, value: Any, unit: u.Unit | None = None) -> jax.Array:
    r"""Logarithm of the density of a continuous distribution, per ``unit``.

    .. math:: \ln p(x) = \ln p_z\bigl(z(x)\bigr) + \ln \left|\frac{dz}{dx}\right|

    with z the standard variable, normal or uniform, that the distribution is a function of; less the logarithm of what
    lies within the bounds of a truncated one.

    Parameters
    ----------
    distribution : Normal, LogNormal, Uniform, LogUniform or Truncated
    value : quantity or array of any shape
        Plain numbers are in ``unit``.
    unit : brainunit.Unit, optional
        That of the distribution by default.

    Returns
    -------
    float array, of the shape of ``value``
        :math:`-\infty` where it cannot be.

    Raises
    ------
    TypeError
        For a distribution without a density, such as a clipped one.
    UnitError, UnitMismatchError
        For a value or a unit of another dimension.
    """
    unit = distribution.unit if unit is None else unit
    number = in_unit(value, unit, "log_density: value") if isinstance(value, u.Quantity) else value
    x = jnp.asarray(number, float_dtype())
    inner = distribution.distribution if isinstance(distribution, Truncated) else distribution
    if not isinstance(inner, Continuous):
        raise TypeError(
            f"log_density: {distribution.name} has no density; give Normal, LogNormal, Uniform or LogUniform."
        )
    source = JaxSource(jnp.zeros(2, jnp.uint32), x.shape, x.dtype)
    found = _of(inner, x, source, unit)
    if isinstance(distribution, Truncated):
        low, high = distribution._bounds(source, unit)
        a, b = distribution._standard_bounds(source, unit)
        found = jnp.where((x >= low) & (x <= high), found - _log_mass(inner.standard, a, b), -jnp.inf)
    return found


def _of(inner: Continuous, x: jax.Array, source: JaxSource, unit: u.Unit) -> jax.Array:
    if inner.standard == "uniform":
        z, slope = jax.jvp(lambda x: inner._to_standard(x, source, unit), (x,), (jnp.ones_like(x),))
        inside = (z >= 0) & (z <= 1)
        return jnp.where(inside, jnp.log(jnp.where(inside, jnp.abs(slope), 1.0)), -jnp.inf)
    # Where it cannot be, as below 0 of a log-normal one, z is infinite
    there = jnp.isfinite(jax.lax.stop_gradient(inner._to_standard(x, source, unit)))
    safe = jnp.where(there, x, 1.0)
    z, slope = jax.jvp(lambda x: inner._to_standard(x, source, unit), (safe,), (jnp.ones_like(x),))
    return jnp.where(there, jax.scipy.stats.norm.logpdf(z) + jnp.log(jnp.abs(slope)), -jnp.inf)


def _log_mass(standard: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """Logarithm of what lies between two standard values."""
    if standard == "uniform":
        return jnp.log(jnp.clip(b, 0, 1) - jnp.clip(a, 0, 1))
    above = a > 0  # mirrored, since the lower tail alone is resolved
    a, b = jnp.where(above, -b, a), jnp.where(above, -a, b)
    return jnp.log(jax.scipy.special.ndtr(b) - jax.scipy.special.ndtr(a))
