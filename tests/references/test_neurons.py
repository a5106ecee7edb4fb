"""brainsim against NEST and Brian2: same cell, same input, stored results of `make_references.py`.

Stated accuracy: spike times within one step of the peer (0.1 ms for NEST, which stamps a Hodgkin-Huxley spike at the maximum of
V, some steps after the crossing), subthreshold V as written at each comparison.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def run(protocol, cell, duration, *, dt, current=None, trains=None, weights=None):
    """Spike times and V at NEST's sample times, in ms and mV."""
    net = bs.Network()
    net.E = cell
    if current is not None:
        net.E.add_stimuli(drive=bs.stimuli.Constant(current))
    if trains is not None:
        tau = protocol.TAU_SYN
        net.E.add_receptors(
            ex=bs.receptors.Exponential(tau=tau["ex"] * u.ms, reversal=0 * u.mV),
            inh=bs.receptors.Exponential(tau=tau["inh"] * u.ms, reversal=-80 * u.mV),
        )
        for name, times, weight in zip(("ex", "inh"), trains, weights):
            setattr(net, name, bs.sources.SpikeTimes(1, times * u.ms, np.zeros(len(times), int)))
            net.connect(getattr(net, name), net.E, bs.AllToAll(), receptor=name, weight=weight * u.nS)
    every = protocol.STEP * protocol.EVERY
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["E.spikes", "E.V"], sample_every=every * u.ms, progress=False)
    return np.asarray(u.get_mantissa(rec.spikes["E"].times)), np.asarray(u.get_mantissa(rec["E.V"]))[:, 0]


def pair(mine, theirs, within):
    assert len(mine) == len(theirs)
    np.testing.assert_allclose(mine, theirs, atol=within, rtol=0)


def pair_intervals(mine, theirs, within):
    """A spike is taken, and V reset, at the end of a step: times fall behind by a part of a step each, so compare intervals."""
    assert len(mine) == len(theirs)
    assert abs(mine[0] - theirs[0]) < within
    np.testing.assert_allclose(np.diff(mine), np.diff(theirs), atol=within, rtol=0)


def lif(protocol):
    p = protocol.LIF
    return bs.neurons.LIF(
        1, tau=p["tau"] * u.ms, R=p["tau"] / p["C_m"] * u.Gohm, E_L=p["E_L"] * u.mV, V_th=p["V_th"] * u.mV,
        V_reset=p["V_reset"] * u.mV, refractory=p["t_ref"] * u.ms,
    )  # fmt: skip


def test_lif_with_a_constant_current_is_exactly_nest(protocol, references):
    spikes, V = run(protocol, lif(protocol), 200.0, dt=0.1, current=protocol.LIF_CURRENT * u.pA)
    pair(spikes, references["lif_current_spikes"], 1e-6)
    np.testing.assert_allclose(V, references["lif_current_V"], atol=1e-6, rtol=0)  # the references have six decimals


def test_lif_with_conductances(protocol, references):
    trains, weights = protocol.input_trains(200.0), protocol.WEIGHT["lif_conductance"]
    theirs = references["lif_conductance_spikes"]
    spikes, V = run(protocol, lif(protocol), 200.0, dt=0.1, trains=trains, weights=weights)
    pair(spikes, theirs, 0.1 + 1e-6)
    before = int(theirs[0] / (protocol.STEP * protocol.EVERY)) - 1
    assert np.abs(V - references["lif_conductance_V"])[:before].max() < 0.02


def adex(protocol, **options):
    p = protocol.ADEX
    return bs.neurons.AdEx(
        1, C=p["C_m"] * u.pF, g_L=p["g_L"] * u.nS, E_L=p["E_L"] * u.mV, V_T=p["V_th"] * u.mV, Delta_T=p["Delta_T"] * u.mV,
        tau_w=p["tau_w"] * u.ms, a=p["a"] * u.nS, b=p["b"] * u.pA, V_peak=p["V_peak"] * u.mV, V_reset=p["V_reset"] * u.mV,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("dt, method", [(0.01, "exponential_euler"), (0.1, "exponential_euler"), (0.1, "rk4")])
def test_adex(protocol, references, dt, method):
    spikes, V = run(protocol, adex(protocol, method=method), 500.0, dt=dt, current=protocol.ADEX_CURRENT * u.pA)
    pair_intervals(spikes, references["adex_spikes"], 0.1 + 1.5 * dt)  # NEST's own times are rounded to 0.1 ms
    assert np.abs(V - references["adex_V"])[:30].max() < 0.5 * dt  # 15 ms: to the foot of the first spike


def izhikevich(protocol, kind, **options):
    p = protocol.IZHIKEVICH[kind]
    return bs.neurons.Izhikevich(1, a=p["a"] / u.ms, b=p["b"], c=p["c"] * u.mV, d=p["d"] * u.mV, **options)


kinds = pytest.mark.parametrize("kind", ["regular", "chattering", "fast"])


@kinds
def test_izhikevich_with_euler_is_exactly_nest(protocol, references, kind):
    cell = izhikevich(protocol, kind, method="euler")
    spikes, V = run(protocol, cell, 400.0, dt=0.1, current=protocol.IZHIKEVICH_CURRENT * u.mV)
    theirs = references[f"izhikevich_{kind}_euler_spikes"]
    pair(spikes, theirs[theirs <= 400.0], 1e-6)  # a rounding error grows tenfold in 20 ms here
    np.testing.assert_allclose(V[:400], references[f"izhikevich_{kind}_euler_V"][:400], atol=1e-5, rtol=0)


@kinds
def test_izhikevich_converges_to_brian2(protocol, references, kind):
    cell = izhikevich(protocol, kind)
    spikes, _ = run(protocol, cell, 500.0, dt=0.01, current=protocol.IZHIKEVICH_CURRENT * u.mV)
    pair_intervals(spikes, references[f"izhikevich_{kind}_spikes"], 0.05)


def squid(protocol, gates):
    p, area = protocol.SQUID, 1e-4 * u.cm2  # the density is what NEST has on 1e-4 cm2
    S = {k: (p[k] * u.nS / area) for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L")}
    m, h, n = (float(x) for x in gates)
    return bs.neurons.HodgkinHuxley(1, C=p["C_m"] * u.pF / area, m=m, h=h, n=n, **S, **E)


def test_hodgkin_huxley(protocol, references):
    current = protocol.SQUID_CURRENT * u.pA / (1e-4 * u.cm2)
    spikes, V = run(protocol, squid(protocol, references["squid_gates"]), 100.0, dt=0.005, current=current)
    lag = references["squid_spikes"] - spikes
    assert len(spikes) == 7
    assert lag.min() > 0.2 and lag.max() < 0.6 and np.ptp(lag) < 0.15  # from the crossing of 0 mV to the maximum
    assert np.abs(V - references["squid_V"]).max() < 2.0  # whole spikes included


def traub(protocol, gates):
    p = protocol.TRAUB
    S = {k: p[k] * u.nS for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L", "V_T")}
    m, h, n = (float(x) for x in gates)
    return bs.neurons.TraubMiles(1, C=p["C_m"] * u.pF, V=-65.0 * u.mV, m=m, h=h, n=n, **S, **E)


def test_traub_miles_with_conductances(protocol, references):
    trains, weights = protocol.input_trains(200.0), protocol.WEIGHT["traub"]
    cell = traub(protocol, references["traub_gates"])
    current = protocol.TRAUB_CURRENT * u.pA
    spikes, V = run(protocol, cell, 200.0, dt=0.005, current=current, trains=trains, weights=weights)
    lag = references["traub_spikes"] - spikes
    assert len(spikes) == 11
    assert lag.min() > 0.0 and lag.max() < 0.6 and np.ptp(lag) < 0.2  # from the crossing of -20 mV to the maximum
    assert np.abs(V - references["traub_V"]).max() < 5.0


def test_qif(protocol, references):
    p = protocol.QIF
    cell = lambda: bs.neurons.QIF(
        1, tau=p["tau"] * u.ms, a_0=p["a_0"] / u.mV, E_L=p["E_L"] * u.mV, V_c=p["V_c"] * u.mV, V_peak=p["V_peak"] * u.mV,
        V_reset=p["V_reset"] * u.mV, R=1.0 * u.Gohm,
    )  # fmt: skip
    spikes, _ = run(protocol, cell(), 300.0, dt=0.01, current=protocol.QIF_DRIVE * u.pA)
    pair(spikes, references["qif_spikes"], 0.05)


@pytest.mark.slow
def test_the_peers_still_say_the_same(protocol, references):
    pytest.importorskip("nest")
    pytest.importorskip("brian2")
    for name, values in (protocol.from_nest() | protocol.from_brian2()).items():
        np.testing.assert_allclose(values, references[name], atol=1e-5, rtol=0, err_msg=name)
