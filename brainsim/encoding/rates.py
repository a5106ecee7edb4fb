"""Encoders whose mean is the example itself: constant, random and phase codes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import QuantityLike, float_dtype, in_unit
from brainsim.encoding.base import Encoder


def _flat(x):
    return jnp.asarray(x, float_dtype()).ravel()


@dataclass(frozen=True)
class Constant(Encoder):
    """The example itself at every step, times ``gain``: a constant current.

    Parameters
    ----------
    gain : float
        What 1 in the example becomes.

    References
    ----------
    N. Rathi, K. Roy, IEEE Trans. Neural Netw. Learn. Syst. 34:3174 (2023), "direct input encoding".
    """

    gain: float = 1.0

    def encode(self, x, n_steps, step_ms, key):
        return jnp.broadcast_to(self.gain * _flat(x), (n_steps, _flat(x).size))


@dataclass(frozen=True)
class Bernoulli(Encoder):
    r"""A spike in each step with probability :math:`\min(\max(g\,x, 0), 1)`, whatever its length.

    Parameters
    ----------
    gain : float
        Probability where the example is 1.

    References
    ----------
    snnTorch's ``spikegen.rate``.
    """

    gain: float = 1.0

    @property
    def draws(self):
        return True

    def told_apart(self, n_steps, step_ms):
        return 0.0, 1 / self.gain if self.gain else math.inf

    def encode(self, x, n_steps, step_ms, key):
        assert key is not None  # asked for at the door
        p = jnp.clip(self.gain * _flat(x), 0, 1)
        return jax.random.bernoulli(key, p[None], (n_steps, p.size)).astype(p.dtype)


@dataclass(frozen=True)
class Poisson(Encoder):
    r"""Poisson spikes of rate :math:`r\,x`: one in a step with probability :math:`1 - e^{-r x\,dt}`.

    Parameters
    ----------
    rate : quantity, frequency
        Rate where the example is 1; below 0 there are no spikes.
    """

    rate: QuantityLike = field(default_factory=lambda: 100.0 * u.Hz)

    def __post_init__(self):
        if not in_unit(self.rate, u.Hz, "Poisson.rate") > 0:
            raise ValueError(f"Poisson: rate must be positive, given {self.rate}.")

    @property
    def draws(self):
        return True

    def told_apart(self, n_steps, step_ms):
        return 0.0, math.inf

    def encode(self, x, n_steps, step_ms, key):
        assert key is not None  # asked for at the door
        x = _flat(x)
        per_step = jnp.maximum(x, 0) * in_unit(self.rate, u.kHz, "Poisson.rate") * step_ms
        return jax.random.bernoulli(key, -jnp.expm1(-per_step)[None], (n_steps, x.size)).astype(x.dtype)


@dataclass(frozen=True)
class Phase(Encoder):
    r"""The binary digits of the example, one after the other: :math:`x = \sum_{k=1}^{K} 2^{-k} s_k`.

    In step t the k-th digit is sent, :math:`k = t \bmod K + 1`. Values from 0 to :math:`1 - 2^{-K}` are exact to
    :math:`2^{-K}` from below; others are taken to the nearer end.

    Parameters
    ----------
    bits : int
        Digits K, and steps of a period.
    weighted : bool
        Send :math:`2^{-k}` in place of 1, so that the sum over a period is x.

    References
    ----------
    J. Kim et al., Neurocomputing 311:373 (2018).
    """

    bits: int = 8
    weighted: bool = True

    def told_apart(self, n_steps, step_ms):
        return 0.0, 1.0

    def encode(self, x, n_steps, step_ms, key):
        whole = jnp.floor(jnp.clip(_flat(x), 0, 1 - 2.0**-self.bits) * 2**self.bits).astype(jnp.int32)
        place = jnp.arange(n_steps) % self.bits + 1
        digits = ((whole[None] >> (self.bits - place)[:, None]) & 1).astype(float_dtype())
        return digits * 2.0 ** -place[:, None].astype(digits.dtype) if self.weighted else digits
