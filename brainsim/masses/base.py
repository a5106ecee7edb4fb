"""What every neural mass shares: equations of a population's activity, without spikes."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Clock
from brainsim.integrated import IntegratedPopulation


class Mass(IntegratedPopulation):
    r"""Units that stand for whole populations of neurons: :math:`\dot y = f(t, y, I)`, no threshold and no spikes.

    A subclass declares parameters and states and gives ``derivative``; ``inputs`` names its inputs, each with the
    variable that diffusive coupling compares (None where there is none): a plain ``I`` unless it says otherwise. Units are
    coupled as neurons are, over any wiring and delays, by graded receptors::

        net.regions = WilsonCowan(90)
        net.regions.add_receptors(coupling=receptors.Graded(into="I_E"))
        net.connect(net.regions, net.regions, FromMatrix(C), receptor="coupling", signal="E", delay=lengths / speed)

    One step from t to t + dt: what was sent up to t, and the stimuli, are held; ``derivative`` is integrated;
    quantities that
    :meth:`observe` derives from the variables are stored, to be recorded or sent.

    Parameters
    ----------
    size : int or tuple of int
        Number of units, or the shape they are arranged in.
    method : str or integrator, optional
        How to integrate; Runge-Kutta of order 4 by default.
    **values
        Parameters and initial states by name.
    """

    default_method = "rk4"
    input_unit = u.UNITLESS
    inputs = {"I": None}
    spikes = None

    def observe(self, y: dict) -> dict:
        """Further states, derived from the variables ``y`` at the end of each step."""
        return {}

    def update(self, clock: Clock, drives: list) -> None:
        after = self.integrate(clock, self.displaced(drives), drives)
        self.keep(after | self.observe(after))
        self.follow(clock)


def sigmoid(x):
    r"""Logistic function :math:`1/(1 + e^{-x})` of a number without unit."""
    return u.math.sigmoid(x)
