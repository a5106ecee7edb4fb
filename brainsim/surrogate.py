r"""Surrogate gradients: spikes forward, a pseudo-derivative backward.

A surrogate is called as ``spike = surrogate(x)``. Forward it is exactly the Heaviside step, 1 where x > 0 and 0
elsewhere (0 at x = 0), in the dtype of x. Its derivative, in forward and reverse mode, is the stated pseudo-derivative
:math:`h(x)`; the values of a simulation never depend on it. Second derivatives are those of a function whose first is h:
:math:`h'(x)`, and so on, so that a Hessian is symmetric and the same however it is taken.

x has no unit: normalise first, for example ``surrogate((V - V_th) / (V_th - E_L))``.

Surrogates are frozen, hashable dataclasses, so a model holds one as a static field. A shape parameter may also be a
traced number where the surrogate is built inside the transformed function:
``jax.vmap(lambda k: loss(Sigmoid(k)))(slopes)`` sweeps it without recompiling, and gradients of gradients with respect
to it are right.

A new one is one class with fields and one method `derivative(x)`.
"""

import abc
import dataclasses
import math
from dataclasses import dataclass

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._errors import NamesArguments
from brainsim._units import NumberLike, Value
from brainsim.events._threshold import fires, put_back

__all__ = [
    "ATan",
    "Boxcar",
    "FastSigmoid",
    "Gaussian",
    "MultiGaussian",
    "PiecewiseExponential",
    "Sigmoid",
    "Surrogate",
    "Triangular",
    "hard_reset",
]


@dataclass(frozen=True)
class Surrogate(metaclass=NamesArguments):
    """A Heaviside step with a pseudo-derivative. Subclasses are frozen dataclasses of positive numbers."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{type(self).__name__}: {field.name} must be a positive number, got {value}.")

    def __call__(self, x: NumberLike) -> jax.Array:
        """1 where x > 0, else 0.

        Parameters
        ----------
        x : array of any shape
            Distance to the threshold, without unit.

        Returns
        -------
        spike : array like x
            Of x's dtype (the default float for integers).

        Raises
        ------
        TypeError
            When x has a unit.
        """
        if isinstance(x, u.Quantity):
            if not x.unit.has_same_dim(u.UNITLESS):
                raise TypeError(
                    f"{type(self).__name__} takes a number without unit, got one in '{x.unit}'. "
                    "Divide by a scale first, for example (V - V_th) / (V_th - E_L)."
                )
            x = x.to_decimal(u.UNITLESS)
        x = jnp.asarray(x)
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
        parameters = tuple(getattr(self, field.name) for field in dataclasses.fields(self))
        return fires(x, type(self), parameters)

    @abc.abstractmethod
    def derivative(self, x: jax.Array) -> jax.Array:
        """The pseudo-derivative h(x), elementwise."""


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    r"""Derivative of the logistic function: :math:`h(x) = k\,\sigma(kx)\,(1 - \sigma(kx))`, integral 1.

    Forward :math:`[x > 0]`. Parameter: slope k = 4.

    Neftci, Mostafa & Zenke (2019), Surrogate gradient learning in spiking neural networks, IEEE Signal Process. Mag.
    36:51.
    """

    slope: float = 4.0

    def derivative(self, x):
        s = jax.nn.sigmoid(self.slope * x)
        return self.slope * s * (1 - s)


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    r"""SuperSpike: :math:`h(x) = 1/(1 + k|x|)^2`, peak 1 and integral 2/k.

    Forward :math:`[x > 0]`. Parameter: slope k = 25.

    Zenke & Ganguli (2018), SuperSpike: supervised learning in multilayer spiking neural networks, Neural Comput.
    30:1514.
    """

    slope: float = 25.0

    def derivative(self, x):
        return 1 / (1 + self.slope * jnp.abs(x)) ** 2


@dataclass(frozen=True)
class ATan(Surrogate):
    r"""Derivative of the arc tangent: :math:`h(x) = \frac{\alpha/2}{1 + (\pi\alpha x/2)^2}`, integral 1.

    Forward :math:`[x > 0]`. Parameter: α = 2.

    Fang et al. (2021), Incorporating learnable membrane time constant to enhance learning of spiking neural networks,
    ICCV.
    """

    alpha: float = 2.0

    def derivative(self, x):
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x) ** 2)


@dataclass(frozen=True)
class Triangular(Surrogate):
    r"""Triangle of half width w: :math:`h(x) = \gamma \max(0, 1 - |x|/w)`, peak γ and integral γ w.

    Forward :math:`[x > 0]`. Parameters: width w = 1, height (dampening) γ = 0.3.

    Bellec et al. (2018), Long short-term memory and learning-to-learn in networks of spiking neurons, NeurIPS.
    """

    width: float = 1.0
    height: float = 0.3

    def derivative(self, x):
        return self.height * jnp.maximum(0, 1 - jnp.abs(x) / self.width)


@dataclass(frozen=True)
class Boxcar(Surrogate):
    r"""Rectangle of full width w: :math:`h(x) = \frac1w\,[\,|x| < w/2\,]`, integral 1.

    Forward :math:`[x > 0]`. Parameter: width w = 1.

    Wu et al. (2018), Spatio-temporal backpropagation for training high-performance spiking neural networks,
    Front. Neurosci. 12:331.
    """

    width: float = 1.0

    def derivative(self, x):
        return jnp.where(jnp.abs(x) < self.width / 2, 1 / self.width, 0.0)


@dataclass(frozen=True)
class Gaussian(Surrogate):
    r"""Normal density: :math:`h(x) = \mathcal N(x; 0, \sigma^2)`, integral 1.

    Forward :math:`[x > 0]`. Parameter: σ = 0.5.

    Yin, Corradi & Bohté (2020), Effective and efficient computation with multiple-timescale spiking recurrent neural
    networks, ICONS.
    """

    sigma: float = 0.5

    def derivative(self, x):
        return _normal_density(x, 0.0, self.sigma)


@dataclass(frozen=True)
class MultiGaussian(Surrogate):
    r"""Normal density with negative flanks.

    .. math::

        h(x) = (1 + h_0)\,\mathcal N(x; 0, \sigma^2)
        - h_0\,\mathcal N(x; \sigma, (s\sigma)^2) - h_0\,\mathcal N(x; -\sigma, (s\sigma)^2)

    Integral 1 - h₀. Forward :math:`[x > 0]`. Parameters: σ = 0.5, height h₀ = 0.15, scale s = 6.

    Yin, Corradi & Bohté (2021), Accurate and efficient time-domain classification with adaptive spiking recurrent
    neural networks, Nat. Mach. Intell. 3:905.
    """

    sigma: float = 0.5
    height: float = 0.15
    scale: float = 6.0

    def derivative(self, x):
        wide = self.scale * self.sigma
        flanks = _normal_density(x, self.sigma, wide) + _normal_density(x, -self.sigma, wide)
        return (1 + self.height) * _normal_density(x, 0.0, self.sigma) - self.height * flanks


@dataclass(frozen=True)
class PiecewiseExponential(Surrogate):
    r"""Two-sided exponential: :math:`h(x) = \frac\alpha2\,e^{-\alpha|x|}`, integral 1.

    Forward :math:`[x > 0]`. Parameter: α = 1.

    Shrestha & Orchard (2018), SLAYER: spike layer error reassignment in time, NeurIPS.
    """

    alpha: float = 1.0

    def derivative(self, x):
        return self.alpha / 2 * jnp.exp(-self.alpha * jnp.abs(x))


def _normal_density(x, mean, sigma):
    return jnp.exp(-(((x - mean) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))


def hard_reset(v: Value, v_reset: NumberLike, spike: jax.Array) -> Value:
    r"""`v_reset` where there is a spike, `v` elsewhere, differentiable through the spike.

    Forward exactly ``where(spike, v_reset, v)``, bit by bit; ``(1 - spike) * v + spike * v_reset`` is not. With spikes
    of a float dtype the derivative is

    .. math:: dv' = (1 - s)\,dv + s\,dv_{reset} + (v_{reset} - v)\,ds

    and higher ones are those of :math:`(1 - s)\,v + s\,v_{reset}`. To cut the last term (a detached reset), pass
    ``jax.lax.stop_gradient(spike)``.

    Parameters
    ----------
    v : array or quantity
        Value before the reset.
    v_reset : scalar, array or quantity
        Broadcast to `v`, of its unit.
    spike : bool or float array
        Broadcast to `v`. Floats are 0 or 1.

    Returns
    -------
    v : array or quantity
        Like `v`, in its unit and dtype.

    Raises
    ------
    brainunit.UnitMismatchError
        When `v` and `v_reset` differ in dimension.
    """
    unit = v.unit if isinstance(v, u.Quantity) else None
    given = u.get_unit(v_reset)
    expected = u.UNITLESS if unit is None else unit
    if not expected.has_same_dim(given):
        raise u.UnitMismatchError(f"v_reset must have the dimension of v ('{expected}'), got '{given}'.")
    v = jnp.asarray(u.get_mantissa(v))
    v_reset = jnp.asarray(u.Quantity(v_reset).to_decimal(expected)).astype(v.dtype)
    spike = jnp.asarray(spike)
    new = jnp.where(spike, v_reset, v) if spike.dtype == bool else put_back(v, v_reset, spike)
    return new if unit is None else u.Quantity(new, unit=unit)
