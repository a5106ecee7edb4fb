"""Growth curves: how fast synaptic elements of a neuron appear and retract, by its calcium."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Dynamics, Parameter, State


class Growth(Dynamics):
    r"""Synaptic elements of each neuron, which grow or retract as a function of its calcium.

    .. math:: \dot z = \nu\,f(C),\qquad z \ge 0

    Whole elements count: a neuron has :math:`\lfloor z \rfloor`. A subclass declares parameters and gives :meth:`curve`.

    Parameters
    ----------
    rate : quantity, frequency
        :math:`\nu`, elements in a time.
    vacant_decay : float
        Fraction of its vacant elements that a neuron loses at each update; NEST's ``tau_vacant``.
    z : float
        Elements at the beginning.
    **values
        Parameters of the curve.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013).
    """

    count: int

    rate = Parameter(0.1 * u.Hz, "elements in a time")
    vacant_decay = Parameter(
        0.1, "fraction of the vacant elements that is lost at each update", nonnegative=True, at_most=1.0
    )
    z = State(
        0.0, "synaptic elements", nonnegative=True, tau=lambda get: 1e3 / jnp.maximum(jnp.abs(get("rate")), 1e-12)
    )

    def curve(self, calcium: jax.Array) -> jax.Array:
        """f, of the calcium of each neuron: 1 where elements grow at the full rate, negative where they retract."""
        raise NotImplementedError(f"{type(self).__name__} is no growth curve yet: define curve(self, calcium).")

    def grow(self, clock: Clock, calcium: jax.Array, grows: jax.Array) -> None:
        """Advance by a step, where neurons take part."""
        change = 1e-3 * clock.step_ms * self.plain("rate") * self.curve(calcium)
        self.accumulate("z", jnp.where(grows, jnp.maximum(change, -self.plain("z")), 0.0))

    def decayed(self, z: jax.Array, vacant: jax.Array) -> jax.Array:
        """Elements without the part that is lost of those that are vacant after an update."""
        return z - (self.plain("vacant_decay") * jnp.maximum(vacant, 0)).astype(z.dtype)


class LinearGrowth(Growth):
    r"""Growth that falls in proportion to calcium.

    .. math:: f(C) = 1 - C/\epsilon

    Parameters
    ----------
    eps : float
        Calcium at which nothing grows: the target.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013).
    """

    eps = Parameter(0.7, "calcium at which nothing grows", positive=True)

    def curve(self, calcium):
        return 1 - calcium / self.plain("eps")


class GaussianGrowth(Growth):
    r"""Growth between a low and a high calcium.

    .. math:: f(C) = 2\,e^{-((C - \xi)/\zeta)^2} - 1,\qquad \xi = \frac{\eta + \epsilon}{2},\quad
        \zeta = \frac{\epsilon - \eta}{2\sqrt{\ln 2}}

    Parameters
    ----------
    eta, eps : float
        Calcium at which growth begins, and at which it ends: the target.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013).
    """

    eta = Parameter(0.1, "calcium at which growth begins")
    eps = Parameter(0.7, "calcium at which it ends")

    def curve(self, calcium):
        eta, eps = self.plain("eta"), self.plain("eps")
        scaled = (calcium - 0.5 * (eta + eps)) * 2 / (eps - eta)
        return 2 * jnp.exp2(-jnp.square(scaled)) - 1


class SigmoidGrowth(Growth):
    r"""Growth at the full rate below the target, and retraction at the full rate above.

    .. math:: f(C) = \frac{2}{1 + e^{(C - \epsilon)/\psi}} - 1

    Parameters
    ----------
    eps : float
        Calcium at which nothing grows: the target.
    psi : float
        Width.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013).
    """

    eps = Parameter(0.7, "calcium at which nothing grows")
    psi = Parameter(0.1, "width", positive=True)

    def curve(self, calcium):
        return -jnp.tanh((calcium - self.plain("eps")) / (2 * self.plain("psi")))


def whole(z: Any) -> jax.Array:
    """Elements that count."""
    return jnp.floor(z).astype(jnp.int32)
