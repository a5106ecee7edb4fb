"""Cells in steps of an adaptive, implicit method, against NEURON's CVODE and against fixed steps as they become short."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels

pytestmark = pytest.mark.slow
SHAPE = cells.Morphology(
    [
        cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10]), "soma"),
        cells.Branch(np.array([[20, 0, 0], [1020, 0, 0.0]]), np.array([1.0, 1]), "axon", 0),
    ]
)
# NEURON 9.0.2: CVODE at atol = rtol = 1e-9 with condition_order(2); hh in all of 1 + 21 segments, 1 nA from 1 ms on
CVODE = [1.7827123579118878, 3.6538256747127864]


def test_the_times_of_a_spike_along_a_cable_are_those_of_cvode():
    squid = dict(na=channels.Na_HH1952(), k=channels.K_HH1952())
    given = dict(R_a=100 * u.ohm * u.cm, g_L=0.3 * u.mS / u.cm2, E_L=-54.3 * u.mV, V=-65 * u.mV)
    cell = cells.MultiCompartment(1, cells.discretise(SHAPE, [1, 21]), channels=squid, **given)
    soma = jnp.zeros(22).at[0].set(1000.0) * u.pA
    f = cell.vector_field(inputs={"I": lambda t, y: jnp.where(t >= 1 * u.ms, 1.0, 0.0) * soma})
    adaptive = dict(rtol=1e-6, atol=1e-6, jumps=[1.0] * u.ms, dense=True, max_steps=8192)
    solution = bs.integrators.integrate_adaptive(f, cell.present(), 5 * u.ms, "kvaerno5", **adaptive)
    t = np.arange(0, 5, 0.002)
    V = np.asarray(solution(t * u.ms)["V"].mantissa)[:, [0, 21]]
    found = [
        np.interp(0, V[k : k + 2, j], t[k : k + 2])
        for j in (0, 1)
        for k in np.flatnonzero((V[1:, j] > 0) & (V[:-1, j] <= 0))
    ]
    np.testing.assert_allclose(found, CVODE, atol=1e-4)
