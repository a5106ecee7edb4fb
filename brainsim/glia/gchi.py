from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim._units import Value
from brainsim.neurons.base import Neuron

RATE = u.uM / u.second


class GChI(Neuron):
    r"""Astrocyte: transmitter makes IP3, IP3 frees calcium, and calcium releases a transmitter of its own.

    .. math::
        \dot\Gamma_A &= O_N Y_S (1 - \Gamma_A) - \Omega_N \left(1 + \zeta \frac{C}{C + K_{KC}}\right) \Gamma_A \\
        \dot I &= O_\beta \Gamma_A + \frac{O_\delta}{1 + I / \kappa_\delta} H_2(C, K_\delta) - O_{3K} H_4(C, K_D) H_1(I, K_{3K})
            - \Omega_{5P} I + J \\
        \dot C &= \left(\Omega_C\, m_\infty^3 h^3 + \Omega_L\right) (C_T - (1 + \rho_A) C) - O_P H_2(C, K_P) \\
        \dot h &= O_2 \left(Q_2 (1 - h) - C h\right), \quad Q_2 = d_2 \frac{I + d_1}{I + d_3}, \quad
            m_\infty = H_1(I, d_1) H_1(C, d_5) \\
        \dot x_A &= \Omega_A (1 - x_A), \quad \dot G_A = -\Omega_e G_A, \quad
        \dot\Gamma_S = O_G G_A (1 - \Gamma_S) - \Omega_G \Gamma_S

    with :math:`H_n(x, K) = x^n / (x^n + K^n)`. Where C comes from :math:`C_\Theta` or below to above it the astrocyte releases once,
    which is its spike: :math:`G_A \leftarrow G_A + \rho_e G_T U_A x_A`, :math:`x_A \leftarrow (1 - U_A)\, x_A`. I, the concentration
    of IP3, is the state ``IP3``; J, what diffuses from others, is the input.

    Neurons reach it by :math:`Y_S`, the concentration of their transmitter: a number, or ``receptors.Summed(into="Y_S")``. It
    reaches synapses by :math:`\Gamma_S`, the activated fraction of the receptors of their presynaptic side, sent as
    ``signal="Gamma_S"``. Between astrocytes there is :func:`diffusion`.

    It is slow: at ``dt=10 * u.ms``, with :math:`Y_S` up to 200 µM, C is within 1e-6 µM of the solution. From 900 µM on such a step
    is too long for :math:`\Gamma_A`: that it binds no more than all and no less than nothing, as in the chapter's own program, keeps
    it finite but does not make it right. Take shorter steps there.

    References
    ----------
    M. De Pittà, M. Goldberg, V. Volman, H. Berry, E. Ben-Jacob, J. Biol. Phys. 35:383 (2009);
    M. Stimberg, D. F. M. Goodman, R. Brette, M. De Pittà, in: Computational Glioscience, Springer, pp. 471-505 (2019),
    whose numbers are the defaults.
    """

    default_method = "rk4"
    clamped = ()
    set_back = ()
    inputs = {"J": "IP3"}
    input_unit = RATE

    O_N = Parameter(0.3 / u.uM / u.second, "rate at which transmitter binds", nonnegative=True)
    Omega_N = Parameter(0.5 / u.second, "rate at which it leaves", nonnegative=True)
    zeta = Parameter(10.0, "by how much protein kinase C speeds that up at most", nonnegative=True)
    K_KC = Parameter(0.5 * u.uM, "affinity of protein kinase C for calcium", positive=True)
    O_beta = Parameter(0.5 * RATE, "largest rate at which phospholipase C-beta makes IP3", nonnegative=True)
    O_delta = Parameter(1.2 * RATE, "largest rate at which phospholipase C-delta makes IP3", nonnegative=True)
    kappa_delta = Parameter(1.5 * u.uM, "IP3 that halves this", positive=True)
    K_delta = Parameter(0.1 * u.uM, "affinity of phospholipase C-delta for calcium", positive=True)
    Omega_5P = Parameter(0.05 / u.second, "rate at which a phosphatase degrades IP3", nonnegative=True)
    O_3K = Parameter(4.5 * RATE, "largest rate at which a kinase degrades IP3", nonnegative=True)
    K_D = Parameter(0.7 * u.uM, "affinity of the kinase for calcium", positive=True)
    K_3K = Parameter(1.0 * u.uM, "affinity of the kinase for IP3", positive=True)

    C_T = Parameter(2.0 * u.uM, "free calcium of the whole cell, by volume of the cytoplasm", positive=True)
    rho_A = Parameter(0.18, "volume of the endoplasmic reticulum over that of the cytoplasm", positive=True)
    Omega_C = Parameter(6.0 / u.second, "largest rate of release through IP3 receptors", nonnegative=True)
    Omega_L = Parameter(0.1 / u.second, "rate of the leak from the reticulum", nonnegative=True)
    O_P = Parameter(0.9 * RATE, "largest rate of the pump into the reticulum", nonnegative=True)
    K_P = Parameter(0.05 * u.uM, "affinity of the pump for calcium", positive=True)
    d_1 = Parameter(0.13 * u.uM, "IP3 that opens half of the IP3 receptors", positive=True)
    d_2 = Parameter(1.05 * u.uM, "calcium that inactivates half of them", positive=True)
    d_3 = Parameter(0.9434 * u.uM, "IP3 at which inactivation is halfway", positive=True)
    d_5 = Parameter(0.08 * u.uM, "calcium that opens half of them", positive=True)
    O_2 = Parameter(0.2 / u.uM / u.second, "rate at which calcium inactivates", nonnegative=True)

    C_Theta = Parameter(0.5 * u.uM, "calcium whose upward crossing releases", positive=True)
    U_A = Parameter(0.6, "fraction of the resources that is released", nonnegative=True, at_most=1.0)
    Omega_A = Parameter(0.6 / u.second, "rate at which resources recover", nonnegative=True)
    G_T = Parameter(200.0 * u.mM, "transmitter in vesicles", nonnegative=True)
    rho_e = Parameter(6.5e-4, "volume of vesicles over that of the space outside", nonnegative=True)
    Omega_e = Parameter(60.0 / u.second, "rate at which transmitter is cleared", nonnegative=True)
    O_G = Parameter(1.5 / u.uM / u.second, "rate at which it binds to synapses", nonnegative=True)
    Omega_G = Parameter(0.5 / u.minute, "rate at which it leaves them", nonnegative=True)

    C = State(0.01 * u.uM, "calcium in the cytoplasm")
    h = State(0.9, "fraction of IP3 receptors that calcium has not inactivated")
    IP3 = State(0.01 * u.uM, "inositol trisphosphate")
    Gamma_A = State(0.0, "activated fraction of its receptors")
    x_A = State(1.0, "fraction of its resources that can be released")
    G_A = State(0.0 * u.uM, "its transmitter in the space outside")
    Gamma_S = State(0.0, "activated fraction of the receptors for that at synapses")
    Y_S = State(0.0 * u.uM, "transmitter of neurons in the space outside")

    def derivative(self, t, C, h, IP3, Gamma_A, x_A, G_A, Gamma_S, J):
        bound = u.math.clip(Gamma_A, 0, 1)
        unbinding = self.Omega_N * (1 + self.zeta * hill(C, self.K_KC))
        made = self.O_beta * Gamma_A + self.O_delta / (1 + IP3 / self.kappa_delta) * hill(C, self.K_delta, 2)
        degraded = self.O_3K * hill(C, self.K_D, 4) * hill(IP3, self.K_3K) + self.Omega_5P * IP3
        open_ = hill(IP3, self.d_1) * hill(C, self.d_5) * h
        in_store = self.C_T - (1 + self.rho_A) * C
        Q_2 = self.d_2 * (IP3 + self.d_1) / (IP3 + self.d_3)
        return (
            (self.Omega_C * open_**3 + self.Omega_L) * in_store - self.O_P * hill(C, self.K_P, 2),
            self.O_2 * (Q_2 * (1 - h) - C * h),
            made - degraded + J,
            self.O_N * self.Y_S * (1 - bound) - unbinding * bound,
            self.Omega_A * (1 - x_A),
            -self.Omega_e * G_A,
            self.O_G * G_A * (1 - Gamma_S) - self.Omega_G * Gamma_S,
        )

    def fires(self, before, after):
        return self.spike_crossing(before["C"], after["C"], self.C_Theta, scale=self.C_Theta)

    def after_spike(self, y):
        released = self.U_A * y["x_A"]
        return {"G_A": y["G_A"] + self.rho_e * self.G_T * released, "x_A": y["x_A"] - released}


def hill(x: Value, K: Value, n: int = 1) -> Value:
    """x^n / (x^n + K^n)."""
    return x**n / (x**n + K**n)
