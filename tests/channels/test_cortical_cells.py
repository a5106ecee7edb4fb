"""Minimal cells of cortex: their currents make the firing pattern (Pospischil et al., 2008)."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels as ch
from brainsim import neurons

S, A = u.mS / u.cm2, u.uA / u.cm2


@pytest.fixture(scope="module")
def patterns(protocol):
    """Spikes after the step of current of the minimal cells, and of the same without their calcium currents or without
    M.
    """
    return {kind: protocol_spikes(protocol, kind) for kind in ("whole", "without calcium", "without M")}


def protocol_spikes(protocol, change):
    kinds = protocol.POSPISCHIL
    p = {name: np.array([kind[name] for kind in kinds.values()]) for name in kinds["RS"]}
    if change == "without calcium":
        p["g_CaL"], p["g_CaT"] = 0.0 * p["g_CaL"], 0.0 * p["g_CaT"]
    if change == "without M":
        p["g_M"] = 0.0 * p["g_M"]
    V_T, V_x = p["V_T"] * u.mV, np.array([protocol.POSPISCHIL_RUN["V_x"].get(kind, 2.0) for kind in kinds]) * u.mV
    cell = neurons.ConductanceBased(
        len(kinds), g_L=p["g_L"] * S, E_L=p["E_L"] * u.mV, V=-70.0 * u.mV,
        channels=dict(
            na=ch.Na_TraubMiles(g_max=p["g_Na"] * S, V_T=V_T), kd=ch.K_TraubMiles(g_max=p["g_K"] * S, V_T=V_T),
            m=ch.KM_Yamada1989(g_max=p["g_M"] * S, tau_max=p["tau_max"] * u.ms), l=ch.CaHT_Reuveni1993(g_max=p["g_CaL"] * S),
            t=ch.CaT_Destexhe1996(g_max=p["g_CaT"] * S, V_x=V_x),
        ),
    )  # fmt: skip
    net = bs.Network()
    net.E = cell
    onset = protocol.POSPISCHIL_RUN["onset"] * u.ms
    net.E.add_stimuli(
        before=bs.stimuli.Constant(p["hold"] * A, stop=onset), step=bs.stimuli.Constant(p["I"] * A, start=onset)
    )
    rec = bs.simulate(net, 1300 * u.ms, dt=0.05 * u.ms, record="E.spikes", progress=False)
    return {kind: np.asarray(rec.spikes["E"].of(k) / u.ms) - float(onset / u.ms) for k, kind in enumerate(kinds)}


def test_regular_spiking_adapts_by_the_m_current(patterns):
    interval = np.diff(patterns["whole"]["RS"])
    assert interval[-1] > 1.5 * interval[0]
    steady = np.diff(patterns["without M"]["RS"])
    assert steady[-1] == pytest.approx(steady[1], rel=0.02)


def test_fast_spiking_does_not_adapt(patterns):
    interval = np.diff(patterns["whole"]["FS"])
    assert interval[-1] == pytest.approx(interval[1], rel=0.02)
    assert 1e3 / interval.mean() > 70


def test_intrinsically_bursting_begins_with_a_burst_of_the_l_current(patterns):
    interval = np.diff(patterns["whole"]["IB"])
    assert interval[0] < 15
    assert interval[-1] > 3 * interval[0]
    assert np.diff(patterns["without calcium"]["IB"])[0] > 2 * interval[0]


def test_low_threshold_spiking_rebounds_by_the_t_current(patterns):
    burst = patterns["whole"]["LTS"]
    assert len(burst[(burst > 0) & (burst < 150)]) >= 2
    without = patterns["without calcium"]["LTS"]
    assert len(without[(without > 0) & (without < 150)]) < len(burst[(burst > 0) & (burst < 150)])
