"""Electrodes written as equations of plain numbers, as NEURON's point processes without synapses are."""

from __future__ import annotations

import jax.numpy as jnp

from brainsim._core import Clock
from brainsim.channels.point import AtPoint, Standing
from brainsim.stimuli.clamps import Clamp


class PointStimulus(AtPoint, Clamp):
    r"""A current at a point, written as equations of plain numbers: V in mV, time in ms, nA.

    .. math:: I = -f(v, x, [\cdot], t),\qquad \dot x = f(v, x, [\cdot], t),\qquad x(0) = f(v, [\cdot])

    What :func:`brainsim.io.read_mod` makes of a POINT_PROCESS without NET_RECEIVE: a pulse, a clamp, an oscillator::

        class Pulse(PointStimulus):
            amp = Parameter(0.1 * u.nA, "amplitude")
            carries = {"i": None}

            def flow(self, p, t):
                return {"i": jnp.where((t >= 5.0) & (t < 6.0), -p.amp, 0.0)}

    ``rates``, ``flow`` and ``initial`` are those of :class:`brainsim.receptors.PointProcess`: currents are counted outward,
    the negative of what an electrode injects, and t is the middle of the step. ``current_injected`` is the current into
    the cell at the potential at the beginning of the step.

    Parameters
    ----------
    start, stop : quantity, time, optional
        Window in which it is on.
    **values
        Parameters and initial values of states by name.

    Raises
    ------
    ValueError, UnknownNameError
        For a population without a membrane potential, whose input is a density, or without the pools that are needed.

    References
    ----------
    M. L. Hines, N. T. Carnevale, Neural Computation 12:995 (2000).
    """

    not_states = ("current_injected",)

    def bind(self, population, name, ids=None):
        self.check_point(population, name, population.input_named(self.into, name))
        super().bind(population, name, ids)

    def drive(self, clock: Clock, V=None, ions=None) -> Standing:
        return self.standing(clock, ions or {}, self.present(clock))

    def note(self, clock, population):
        """Its current is that of the states that the step has begun with, as in NEURON."""

    def update(self, clock, population):
        around = population.around(self)
        injected = self.current(self.drive(clock, **around), around["V"])
        self.put("current_injected", jnp.broadcast_to(injected, (self.count,)))
