from __future__ import annotations

import brainunit as u

THRESHOLD, WIDTH = u.Quantity(0.3, unit=u.uM), u.Quantity(0.05, unit=u.uM)


def diffusion(
    x: u.Quantity, y: u.Quantity, F: u.Quantity, I_Theta: u.Quantity = THRESHOLD, omega_I: u.Quantity = WIDTH
) -> u.Quantity:
    r"""IP3 that passes gap junctions from one astrocyte to another, where they differ by more than a threshold.

    .. math:: J = \frac{F}{2} \left(1 + \tanh\frac{|x - y| - I_\Theta}{\omega_I}\right) \operatorname{sign}(x - y)

    The function of a :class:`~brainsim.receptors.Coupling`, whose weights are F::

        net.A.add_receptors(gap=bs.receptors.Coupling(bs.glia.diffusion, weight_in=u.uM / u.second, of="IP3"))
        net.connect(net.A, net.A, near, receptor="gap", signal="IP3", weight=0.09 * u.uM / u.second)

    Parameters
    ----------
    x, y : quantity, concentration, (n,)
        IP3 of the other astrocyte and of one's own.
    F : quantity, concentration per time, (n,)
        Largest flux.
    I_Theta, omega_I : quantity, concentration
        The threshold, and how wide it is; others than the defaults by ``functools.partial``.

    Returns
    -------
    quantity, concentration per time, (n,)

    Raises
    ------
    brainunit.UnitMismatchError
        Where these are no concentrations.

    References
    ----------
    M. Stimberg, D. F. M. Goodman, R. Brette, M. De Pittà, in: Computational Glioscience, Springer, pp. 471-505 (2019).
    """
    difference = x - y
    return F / 2 * (1 + u.math.tanh((u.math.abs(difference) - I_Theta) / omega_I)) * u.math.sign(difference)
