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


# NEURON 9.0.2, CVODE at atol = rtol = 1e-10 (cai: 1e-14), mechanisms as published: soma (1 segment) and dendrite (11), 34 degrees,
# 0.5 nA from 5 ms on; crossings of -10 mV at the soma, and of -40 mV at the end of the dendrite
LAYER_5, ITS_DENDRITE = [10.2119017, 15.38204078, 21.09307884, 28.41441526], [11.27277208]


def layer_5():
    shape = cells.Morphology([
        cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10]), "soma"),
        cells.Branch(np.array([[20, 0, 0], [520, 0, 0.0]]), np.array([1.5, 1.5]), "dend", 0),
    ])  # fmt: skip
    S = u.siemens / u.cm2
    both = lambda soma, dend, unit=S: cells.by_region({"soma": soma * unit, "dend": dend * unit})  # noqa: E731
    net = bs.Network()
    net.c = cells.MultiCompartment(
        1, cells.discretise(shape, [1, 11]), R_a=100 * u.ohm * u.cm, V=-80 * u.mV, E_L=-90 * u.mV, g_L=3.38e-5 * S,
        C=both(1, 2, u.uF / u.cm2), V_th=-10 * u.mV,
        channels=dict(
            na=channels.NaTs_Hay2011(g_max=both(2.04, 0.0213)), kv3=channels.Kv3_Hay2011(g_max=both(0.693, 0.000261)),
            sk=channels.SK_Hay2011(g_max=both(0.0441, 0.0012)), h=channels.Ih_Hay2011(g_max=0.0002 * S),
            hva=channels.CaHT_Reuveni1993(g_max=both(0.000992, 0.000555), E=None),
            lva=channels.CaLVA_Hay2011(g_max=both(0.00343, 0.00187), E=None),
            nap=channels.NaP_Hay2011(g_max=0.00172 * S).on("soma"), kt=channels.KT_Hay2011(g_max=0.0812 * S).on("soma"),
            kp=channels.KP_Hay2011(g_max=0.00223 * S).on("soma"),
        ),
        pools=dict(
            Ca=channels.Calcium_Hay2011(
                gamma=both(0.000501, 0.000509, u.UNITLESS), tau=both(460, 122, u.ms), temperature=307.15 * u.kelvin
            )
        ),
    )  # fmt: skip
    net.c.add_stimuli(I=bs.stimuli.Constant(500 * u.pA, start=5 * u.ms))
    net.c.add_detectors(end=cells.Detector(V_th=-40 * u.mV).on(cells.at("dend", 1.0)))
    return net


@pytest.mark.parametrize("tolerance, error", [(1e-5, 1e-4), (1e-8, 5e-6)])
def test_a_cell_with_calcium_fires_as_with_cvode(tolerance, error):
    adaptive = bs.integrators.Adaptive(rtol=tolerance, atol=tolerance)
    rec = bs.simulate(layer_5(), 35 * u.ms, dt=1 * u.ms, record=["c.spikes", "c.end.spikes"], adaptive=adaptive)
    np.testing.assert_allclose(rec.spikes["c"].times.to_decimal(u.ms), LAYER_5, atol=error)
    np.testing.assert_allclose(rec.spikes["c.end"].times.to_decimal(u.ms), ITS_DENDRITE, atol=error)
