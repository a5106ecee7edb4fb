"""Synapses against NEST: same spikes, stored results of `make_synapses.py`."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from tests.references import make_synapses

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script():
    return make_synapses


@pytest.fixture(scope="module")
def nest():
    return dict(np.load(HERE / "synapses.npz"))


def trains(times, n):
    return bs.sources.SpikeTimes(n, np.tile(times, n) * u.ms, np.repeat(np.arange(n), len(times)))


def membrane(p):
    rest = p["E_L"] * u.mV
    return bs.neurons.LIF(
        1, tau=p["C_m"] / p["g_L"] * u.ms, R=1e3 / p["g_L"] * u.Mohm, E_L=rest, V=rest, V_th=1e9 * u.mV
    )


def test_short_term_plasticity(script, nest):
    """Every release of `tsodyks2_synapse` (two states) and `tsodyks_synapse` (three), to the digits that are stored."""
    names, times = list(script.STP), script.train()
    p = {k: np.array([script.STP[name][k] for name in names]) for k in ("U", "tau_rec", "tau_facil")}
    common = dict(U=p["U"], tau_rec=p["tau_rec"] * u.ms, tau_facil=np.maximum(p["tau_facil"], 1e-4) * u.ms)
    terminals = {
        "two_state": bs.terminals.TsodyksMarkram(**common),
        "three_state": bs.terminals.ThreeState(**common, tau_inactive=script.TAU_PSC * u.ms),
    }
    net = bs.Network()
    net.S = trains(times, len(names))
    for kind, terminal in terminals.items():
        setattr(net, kind, bs.neurons.LIF(len(names), V_th=1e9 * u.mV))
        getattr(net, kind).add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
        net.connect(net.S, getattr(net, kind), bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=terminal)
    rec = bs.simulate(net, float(times[-1]) * u.ms, record=[f"{kind}.syn.g" for kind in terminals])
    at = np.round(times / script.STEP).astype(int) - 1
    for kind in terminals:
        sent = np.asarray(u.get_mantissa(rec[f"{kind}.syn.g"]))[at]
        for k, name in enumerate(names):
            np.testing.assert_allclose(sent[:, k], nest[f"{kind}_{name}"], atol=2e-7, err_msg=f"{kind} {name}")


def test_quantal_release(script, nest):
    """Mean, spread and correlation of successive releases over 4,000 synapses, within four standard errors of both."""
    q, times, n = script.QUANTAL, script.QUANTAL_TRAIN, script.QUANTAL_SYNAPSES
    net = bs.Network(seed=2)
    net.S = trains(times, n)
    net.T = bs.neurons.LIF(n, V_th=1e9 * u.mV)
    net.T.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
    release = bs.terminals.QuantalRelease(
        N=float(q["N"]), U=q["U"], tau_rec=q["tau_rec"] * u.ms, tau_facil=q["tau_facil"] * u.ms
    )
    net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=release)
    rec = bs.simulate(net, float(times[-1]) * u.ms, dt=1 * u.ms, record="T.syn.g")
    sent = np.asarray(u.get_mantissa(rec["T.syn.g"]))[np.round(times).astype(int) - 1]
    error = np.hypot(sent.std(1), nest["quantal_std"]) / np.sqrt(n)
    assert np.all(np.abs(sent.mean(1) - nest["quantal_mean"]) < 4 * error)
    np.testing.assert_allclose(sent.std(1), nest["quantal_std"], rtol=0.08)
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(sent[:-1], sent[1:])]
    np.testing.assert_allclose(correlation, nest["quantal_next"], atol=4 * np.sqrt(2 / n))


def test_saturating_nmda(script, nest):
    """The gate and the membrane of `iaf_bw_2001_exact`, whose NMDA channels block with magnesium: s within 0.2 %, V
    within 0.05 mV.
    """
    p = script.BW
    net = bs.Network()
    net.S = trains(script.bw_train(), 1)
    net.T = membrane(p)
    net.T.add_receptors(nmda=bs.receptors.GatedNMDA(reversal=p["E_ex"] * u.mV))
    gate = bs.terminals.NMDAGating(
        tau_rise=p["tau_rise"] * u.ms, tau_decay=p["tau_decay"] * u.ms, alpha=p["alpha"] / u.ms
    )
    net.connect(net.S, net.T, bs.OneToOne(), receptor="nmda", weight=p["weight"] * u.nS, terminal=gate)
    rec = bs.simulate(net, script.BW_DURATION * u.ms, record=["T.nmda.g", "T.V"], sample_every=0.5 * u.ms)
    g, V = (np.asarray(x)[:, 0] for x in (rec["T.nmda.g"] / u.nS, rec["T.V"] / u.mV))
    np.testing.assert_allclose(g, nest["bw_s"], atol=2e-3 * nest["bw_s"].max())
    np.testing.assert_allclose(V, nest["bw_V"], atol=0.05)


@pytest.mark.parametrize("kind", ["alpha", "beta"])
def test_conductances_with_a_rise(kind, script, nest):
    """Conductance and membrane of `iaf_cond_alpha` and `iaf_cond_beta`: g as stored, V within 0.02 mV."""
    p = script.CELL
    net = bs.Network()
    net.S = trains(script.CELL_SPIKES, 1)
    net.T = membrane(p)
    own = script.ALPHA if kind == "alpha" else script.BETA
    if kind == "alpha":
        receptor = bs.receptors.Alpha(tau=own["tau"] * u.ms, reversal=p["E_ex"] * u.mV)
    else:
        times = dict(tau_rise=own["tau_rise"] * u.ms, tau_decay=own["tau_decay"] * u.ms)
        receptor = bs.receptors.AMPA(**times, reversal=p["E_ex"] * u.mV)
    net.T.add_receptors(syn=receptor)
    net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=own["weight"] * u.nS)
    rec = bs.simulate(net, script.CELL_DURATION * u.ms, record=["T.syn.g", "T.V"], sample_every=0.2 * u.ms)
    g, V = (np.asarray(x)[:, 0] for x in (rec["T.syn.g"] / u.nS, rec["T.V"] / u.mV))
    np.testing.assert_allclose(g, nest[f"{kind}_g"], atol=1e-5)
    np.testing.assert_allclose(V, nest[f"{kind}_V"], atol=0.02)


@pytest.mark.slow
def test_the_stored_results_are_those_of_nest(script, nest):
    pytest.importorskip("nest")
    for name, values in script.from_nest().items():
        np.testing.assert_allclose(values, nest[name], atol=1e-6, err_msg=name)
