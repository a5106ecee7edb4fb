"""The astrocyte that sets how strong depression is, and the annealing of all learning."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

import brainsim as bs
from brainsim.modulators import Modulator


class Astrocyte(Modulator):
    r"""Amplitude of depression that follows how much more the liquid fires than its input does.

    .. math:: A \leftarrow A + \frac{1}{\tau}\Big(w \Big(\sum_{i \in liquid} S_i - \sum_{j \in input} S_j\Big) + b - A\Big)

    and after each step A, w and b are multiplied by :math:`\gamma`.

    Plasticity treats the spikes of the step before (see :mod:`models.nalsm.plasticity`), so in the step that ends at t
    + 1 the level is A from before the spikes at t, and those at t enter A.

    Parameters
    ----------
    liquid, input : Population or View
        Whose spikes it senses; a view of some liquid neurons makes it a sparse astrocyte.
    tau : quantity, time
        Time constant.
    w : float
        Weight of a spike.
    b : float
        Bias, the value without spikes; that of potentiation, so that the two balance.
    annealing : float
        What A, w and b are multiplied by in every step, :math:`\gamma`.
    """

    tau = bs.Parameter(100.0 * u.ms, "time constant", shape=(), positive=True)
    w = bs.Parameter(0.015, "weight of a spike", shape=())
    b = bs.Parameter(0.15, "bias", shape=())
    annealing = bs.Parameter(1.0, "factor of A, w and b in each step", shape=())
    A = bs.State(
        lambda astrocyte: astrocyte.b, "amplitude of depression, from all spikes before the last step", shape=()
    )
    difference = bs.State(0.0, "spikes of the liquid less those of the input in the last step", shape=())
    level = bs.State(
        lambda astrocyte: astrocyte.b, "amplitude of depression that plasticity sees", unit=u.UNITLESS, shape=()
    )

    def __init__(self, liquid, input, **values):
        super().__init__(**values)
        self.groups = tuple((view.population.path, tuple(view.ids.tolist())) for view in (liquid[:], input[:]))

    def update(self, clock, populations):
        A, annealing = self.plain("A"), self.plain("annealing")
        self.put("level", A)
        drive = annealing**clock.step * (self.plain("w") * self.plain("difference") + self.plain("b"))
        self.put("A", annealing * (A + (drive - A) * clock.step_ms / self.plain("tau")))
        liquid, input = (self._count(populations[path], ids) for path, ids in self.groups)
        self.put("difference", liquid - input)

    def _count(self, population, ids):
        spikes = population.plain("spikes")
        spikes = spikes if len(ids) == len(population) else spikes[jnp.asarray(ids)]
        return jnp.sum(spikes.astype(self.plain("A").dtype))


class Annealing(Modulator):
    r"""A factor of learning that falls in every step: :math:`\gamma^t`, t being when the spikes that plasticity sees
    were fired.

    Parameters
    ----------
    factor : float
        :math:`\gamma`; 1 for learning that goes on.
    """

    factor = bs.Parameter(1.0, "what the level is multiplied by in a step", shape=())
    level = bs.State(1.0, "factor of learning", unit=u.UNITLESS, shape=())

    def update(self, clock, populations):
        self.put("level", self.plain("factor") ** clock.step)
