"""What keeps parameters within bounds: learning moves numbers without bounds, from which they are made.

They stand beside the parameters, ``fit(..., transforms={"hidden*.tau": Positive()})``; the network knows nothing of them.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._errors import NamesArguments
from brainsim._units import NumberLike, in_unit


class Transform(metaclass=NamesArguments):
    """From a parameter to free numbers and back. ``fixed`` is what both need and learning does not change."""

    def fixed(self, array: jax.Array, unit: Any, what: str) -> Any:
        """Arrays that the transform needs for a parameter of this first value; refuses one that is not allowed."""
        return ()

    @abc.abstractmethod
    def free(self, array: jax.Array, fixed: Any) -> Any:
        """The free numbers of a parameter."""

    @abc.abstractmethod
    def value(self, free: Any, fixed: Any) -> jax.Array:
        """The parameter of free numbers."""

    def kept(self, free: Any, fixed: Any) -> Any:
        """Free numbers as they go on after an update."""
        return free


class Free(Transform):
    """No bounds."""

    def free(self, array, fixed):
        return array

    def value(self, free, fixed):
        return free


class Positive(Transform):
    r"""Above 0: :math:`p = s\,\log(1 + e^{x/s})`, with s the mean size of the first values.

    What a class declares as positive is trained so without being asked.
    """

    def fixed(self, array, unit, what):
        if np.any(np.asarray(array) <= 0):
            raise ValueError(f"transforms: {what} must be positive, given {float(np.min(array)):g}.")
        return jnp.mean(jnp.asarray(array))

    def free(self, array, fixed):
        y = array / fixed
        return fixed * (y + jnp.log(-jnp.expm1(-y)))

    def value(self, free, fixed):
        return fixed * jax.nn.softplus(free / fixed)


class Logarithmic(Transform):
    r"""Above 0: :math:`p = s\,e^x`, with s the geometric mean of the first values: a step is a factor, whatever the size."""

    def fixed(self, array, unit, what):
        if np.any(np.asarray(array) <= 0):
            raise ValueError(f"transforms: {what} must be positive, given {float(np.min(array)):g}.")
        return jnp.exp(jnp.mean(jnp.log(jnp.asarray(array))))

    def free(self, array, fixed):
        return jnp.log(array / fixed)

    def value(self, free, fixed):
        return fixed * jnp.exp(free)


class Scaled(Transform):
    r"""No bounds, in numbers of size one: :math:`p = s\,x`, with s the mean size of the first values."""

    def fixed(self, array, unit, what):
        size = jnp.mean(jnp.abs(array))
        return jnp.where(size > 0, size, 1.0)

    def free(self, array, fixed):
        return array / fixed

    def value(self, free, fixed):
        return fixed * free


class NotNegative(Transform):
    r"""0 or above: :math:`p = |x|`. What a class declares as not negative is trained so without being asked."""

    def free(self, array, fixed):
        return array

    def value(self, free, fixed):
        return jnp.where(free < 0, -free, free)  # at 0 it goes up: |x| has no slope there, and would never leave


@dataclasses.dataclass(frozen=True, eq=False)
class Bounded(Transform):
    r"""Between two values: :math:`p = a + (b - a)\,\sigma(x)`, or :math:`p = a\,(b/a)^{\sigma(x)}`.

    Parameters
    ----------
    low, high : quantity
        a and b, in the unit of the parameter.
    log : bool
        The second form, for what may differ by factors; both bounds are positive.
    """

    low: NumberLike
    high: NumberLike
    log: bool = False

    def fixed(self, array, unit, what):
        low, high = (float(in_unit(x, unit, f"transforms: {what}")) for x in (self.low, self.high))
        if self.log and not low > 0:
            raise ValueError(
                f"transforms: {what} has the bounds {low:g} and {high:g}, of which log asks to be positive."
            )
        if not low < high or np.any(np.asarray(array) <= low) or np.any(np.asarray(array) >= high):
            raise ValueError(
                f"transforms: {what} is to be between {low:g} and {high:g}, given {float(np.min(array)):g} to"
                f" {float(np.max(array)):g}."
            )
        array = jnp.asarray(array)
        low, high = (np.log(low), np.log(high)) if self.log else (low, high)
        return jnp.asarray(low, array.dtype), jnp.asarray(high - low, array.dtype)

    def free(self, array, fixed):
        share = ((jnp.log(array) if self.log else array) - fixed[0]) / fixed[1]
        return jnp.log(share) - jnp.log1p(-share)

    def value(self, free, fixed):
        value = fixed[0] + fixed[1] * jax.nn.sigmoid(free)
        return jnp.exp(value) if self.log else value


@dataclasses.dataclass(frozen=True, eq=False)
class Clipped(Transform):
    r"""Between two values, both of which may be taken: after each update :math:`p \leftarrow \min(\max(p, a), b)`.

    Delays that may change are trained so without being asked, between a step and ``max_delay``.

    Parameters
    ----------
    low, high : quantity
        a and b, in the unit of the parameter.
    """

    low: NumberLike
    high: NumberLike

    def fixed(self, array, unit, what):
        low, high = (float(in_unit(x, unit, f"transforms: {what}")) for x in (self.low, self.high))
        near = 1e-6 * abs(high)
        if not low < high or np.any(np.asarray(array) < low - near) or np.any(np.asarray(array) > high + near):
            raise ValueError(
                f"transforms: {what} is to be from {low:g} to {high:g}, given {float(np.min(array)):g} to"
                f" {float(np.max(array)):g}."
            )
        return jnp.asarray(low, array.dtype), jnp.asarray(high, array.dtype)

    def free(self, array, fixed):
        return array

    def value(self, free, fixed):
        return free

    def kept(self, free, fixed):
        return jnp.clip(free, *fixed)


@dataclasses.dataclass(frozen=True, eq=False)
class Shared(Transform):
    r"""One number for all of a group, :math:`p_k = x_{g(k)}`; it begins with their mean.

    Delays of axons are those of synapses, shared by the presynaptic neuron::

        pre, post = net["a->b"].indices_of_synapses()
        transforms = {"a->b.delay": Shared(pre)}

    Parameters
    ----------
    groups : int array
        Group of each element, in the order of the flat array: 0, 1, ...
    within : Transform, optional
        Bounds of the shared numbers.
    """

    groups: Any
    within: Transform = dataclasses.field(default_factory=Free)

    def fixed(self, array, unit, what):
        groups = np.ravel(self.groups)
        if groups.dtype.kind not in "iu" or groups.shape != (array.size,) or groups.min(initial=0) < 0:
            raise ValueError(
                f"transforms: {what} has {array.size} values, and Shared was given groups of shape"
                f" {np.shape(self.groups)}; expected a whole number from 0 for each."
            )
        groups, count = jnp.asarray(groups, jnp.int32), jnp.bincount(groups, length=int(groups.max(initial=0)) + 1)
        mean = jnp.bincount(groups, jnp.ravel(array), length=len(count)) / jnp.maximum(count, 1)
        mean = jnp.where(count > 0, mean, jnp.mean(array)).astype(array.dtype)
        return {"groups": groups, "like": jnp.zeros(array.shape, array.dtype), "mean": mean,
                "within": self.within.fixed(mean, unit, what)}  # fmt: skip

    def free(self, array, fixed):
        return self.within.free(fixed["mean"], fixed["within"])

    def value(self, free, fixed):
        return self.within.value(free, fixed["within"])[fixed["groups"]].reshape(fixed["like"].shape)

    def kept(self, free, fixed):
        return self.within.kept(free, fixed["within"])


class Signed(Transform):
    r"""Every number keeps the sign that it began with (Dale's law), :math:`p = \mathrm{sign}(p_0)\,|x|`; 0 stays 0."""

    def fixed(self, array, unit, what):
        return jnp.sign(array)

    def free(self, array, fixed):
        return array

    def value(self, free, fixed):
        return fixed * jnp.abs(free)


class Masked(Transform):
    """What is 0 at the beginning stays so: sparse weights stay as sparse."""

    def fixed(self, array, unit, what):
        return (array != 0).astype(array.dtype)

    def free(self, array, fixed):
        return array

    def value(self, free, fixed):
        return free * fixed


@dataclasses.dataclass(frozen=True, eq=False)
class WeightNorm(Transform):
    r"""Length and direction are trained apart: :math:`W_{\cdot j} = g_j\,v_j/|v_j|`.

    Parameters
    ----------
    axes : tuple of int
        Axes of the inputs of an output: of a kernel ``(n_in, n_out)``, (0,); of a flat array, all of it has one length.

    References
    ----------
    T. Salimans, D. P. Kingma, NeurIPS 29 (2016).
    """

    axes: tuple[int, ...] = (0,)

    def _length(self, array):
        return jnp.sqrt(jnp.sum(jnp.square(array), axis=self.axes, keepdims=True))

    def free(self, array, fixed):
        return {"direction": array, "length": self._length(array)}

    def value(self, free, fixed):
        return free["length"] * free["direction"] / self._length(free["direction"])
