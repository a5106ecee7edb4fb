from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Parameter, State
from brainsim._units import float_dtype
from brainsim.receptors.base import Receptor


class StateSpace(Receptor):
    r"""Several damped oscillators, each of which arrivals move, and a linear combination of them: long memory.

    .. math:: \dot x_n = \left(-\frac1\tau + 2\pi i f_n\right) x_n,\qquad x_n \leftarrow x_n + w,\qquad
              g = \mathrm{Re}\sum_n c_n x_n

    A dendrite as a diagonal state space. On a leaky integrate-and-fire neuron it is a neuron of SpikingSSM; with one mode,
    projections before and behind mix what an LRU or S5 mixes by B and C. By default :math:`f_n = n/\tau`,
    n = 0, 1, ..., which is S4D-Lin, and all :math:`c_n` are :math:`2\sqrt{1\,\mathrm{ms}/(N\tau)}`: independent arrivals of
    variance 1 in each millisecond give g a variance of about 1, whatever the time constant. States and the mean of g over
    a step are exact at any dt.

    The arrays of modes have the shape (modes, n), that of one mode (n,), as rules of online learning ask.

    Parameters
    ----------
    modes : int
        Number of oscillators of each site.
    tau : quantity, time
        Time constant, one or one per unit.
    frequency : quantity, frequency, (modes, n)
        Of each oscillator.
    c_re, c_im : float, (modes, n)
        What g takes of their real and imaginary parts, :math:`c = c_{re} + i\,c_{im}`.
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    A. Gu et al., NeurIPS 35 (2022), S4D; A. Orvieto et al., ICML (2023), LRU; J. T. H. Smith et al., ICLR (2023), S5;
    S. Shen et al., AAAI 39 (2025), SpikingSSM.
    """

    modes: int
    port = "jump"

    tau = Parameter(100.0 * u.ms, "time constant", positive=True)
    frequency = Parameter(lambda own: own.harmonics(), "frequency of each mode", unit=u.Hz, shape="modes_shape")
    c_re = Parameter(lambda own: own.evenly(), "weight of the real parts", unit=u.UNITLESS, shape="modes_shape")
    c_im = Parameter(0.0, "weight of the imaginary parts", shape="modes_shape")
    jump = State(0.0, "sum of the weights that arrived", unit="g_unit")
    x_re = State(0.0, "real part of each mode", unit="g_unit", shape="modes_shape")
    x_im = State(0.0, "imaginary part of each mode", unit="g_unit", shape="modes_shape")

    def __init__(self, modes: int = 2, **values: Any):
        if not isinstance(modes, int | np.integer) or isinstance(modes, bool) or modes < 1:
            raise ValueError(f"StateSpace: modes must be a positive integer, given {modes!r}.")
        self.modes = int(modes)
        super().__init__(**values)

    @property
    def modes_shape(self) -> tuple[int, ...]:
        """Shape of one number for each mode."""
        return (self.count,) if self.modes == 1 else (self.modes, self.count)

    def harmonics(self) -> u.Quantity:
        r""":math:`n/\tau`, (modes, n)."""
        number = jnp.arange(self.modes, dtype=float_dtype())[:, None] * jnp.ones((1, self.count))
        return u.Quantity(1e3 * number.reshape(self.modes_shape) / self._of_modes("tau"), unit=u.Hz)

    def evenly(self) -> jax.Array:
        r""":math:`2\sqrt{1\,\mathrm{ms}/(N\tau)}`, (modes, n)."""
        return 2 / jnp.sqrt(self.modes * self._of_modes("tau")) * jnp.ones(self.modes_shape)

    def _of_modes(self, name: str) -> jax.Array:
        """A plain parameter, to broadcast over modes."""
        values = self.plain(name)
        return values[None] if values.ndim == 1 and self.modes > 1 else values

    def advance(self, clock: Clock):
        jump = self.plain("jump")
        x_re, x_im = self.plain("x_re") + self._of_modes("jump"), self.plain("x_im")
        z_re = -clock.step_ms / self._of_modes("tau")
        z_im = 2e-3 * jnp.pi * clock.step_ms * self.plain("frequency")
        decay = jnp.exp(z_re)
        a_re, a_im = decay * jnp.cos(z_im), decay * jnp.sin(z_im)
        self.put("jump", jnp.zeros_like(jump))
        self.put("x_re", a_re * x_re - a_im * x_im)
        self.put("x_im", a_im * x_re + a_re * x_im)
        # the mean over the step is (e^z - 1)/z of the beginning
        lost = jnp.expm1(z_re) * jnp.cos(z_im) - 2 * jnp.square(jnp.sin(0.5 * z_im))
        size = jnp.square(z_re) + jnp.square(z_im)
        m_re, m_im = (lost * z_re + a_im * z_im) / size, (a_im * z_re - lost * z_im) / size
        c_re, c_im = self.plain("c_re"), self.plain("c_im")
        k_re, k_im = c_re * m_re - c_im * m_im, c_re * m_im + c_im * m_re
        g = k_re * x_re - k_im * x_im
        g = g if self.modes == 1 else jnp.sum(g, axis=0)
        return g if self.output is None else self.output(g)
