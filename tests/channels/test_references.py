"""Conductance-based cells against the papers' equations, solved independently to 1e-9, and against NEURON, NEST and
Brian2.

Stored results of `tests/references/make_channels.py`. With Runge-Kutta 4 at dt = 0.01 ms, spike times agree within the
step, at whose end a spike is taken, and a small part of another in an error that adds up.
"""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels as ch
from tests.references import make_channels as make

OPTIMISED = True  # runs of seconds
S, A = u.mS / u.cm2, u.uA / u.cm2


def run(cell, duration, stimuli, *, dt=0.01, every=5.0):
    """Spike times of every cell, and V at every 5 ms, plain."""
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(**stimuli)
    rec = bs.simulate(
        net, duration * u.ms, dt=dt * u.ms, record=["E.spikes", "E.V"], sample_every=every * u.ms, progress=False
    )
    spikes = rec.spikes["E"]
    return [np.asarray(spikes.of(k) / u.ms) for k in range(len(cell))], np.asarray(u.get_mantissa(rec["E.V"]))


def compare(found, references, names, *, dt=0.01, V=0.05, still=5.0):
    """Spikes within two steps (they are taken at its end), and V where it is not in a spike."""
    spikes, voltages = found
    for k, name in enumerate(names):
        theirs = references[f"{name}_spikes"]
        assert len(spikes[k]) == len(theirs), name
        np.testing.assert_allclose(spikes[k], theirs, atol=2.0 * dt, rtol=0, err_msg=name)
        at = np.arange(1, len(voltages) + 1) * 5.0
        away = np.ones(len(at), bool) if len(theirs) == 0 else np.abs(at[:, None] - theirs).min(axis=1) > still
        np.testing.assert_allclose(voltages[away, k], references[f"{name}_V"][away], atol=V, rtol=0, err_msg=name)


def constant(currents, unit=A):
    return {"drive": bs.stimuli.Constant(np.asarray(currents) * unit)}


def test_wang_buzsaki(protocol, references):
    p = protocol.WANG_BUZSAKI
    n = len(p["currents"])
    found = run(bs.neurons.WangBuzsaki(n, method="rk4"), p["duration"], constant(p["currents"]))
    compare(found, references, [f"wang_buzsaki_{k}" for k in range(n)])
    for k in range(n):
        np.testing.assert_allclose(found[0][k], references[f"brian2_wang_buzsaki_{k}_spikes"], atol=0.021)


def test_reduced_traub(protocol, references):
    p = protocol.REDUCED_TRAUB
    n = len(p["currents"])
    # A stiff spike
    found = run(bs.neurons.ReducedTraub(n, method="rk4"), p["duration"], constant(p["currents"]), dt=0.005)
    compare(found, references, [f"reduced_traub_{k}" for k in range(n)])


def test_connor_stevens(protocol, references):
    p = protocol.CONNOR
    n = len(p["currents"])
    found = run(bs.neurons.ConnorStevens(n, method="rk4"), p["duration"], constant(p["currents"]))
    compare(found, references, [f"connor_stevens_{k}" for k in range(n)])
    for k in range(n):
        np.testing.assert_allclose(found[0][k], references[f"brian2_connor_stevens_{k}_spikes"], atol=0.021)


def test_morris_lecar(protocol, references):
    runs = protocol.MORRIS_LECAR
    values = {name: np.repeat([run[name] for run in runs.values()], 4) for name in ("g_Ca", "V_3", "V_4", "phi")}
    cell = bs.neurons.MorrisLecar(
        8,
        method="rk4",
        g_Ca=values["g_Ca"] * S,
        V_3=values["V_3"] * u.mV,
        V_4=values["V_4"] * u.mV,
        phi=values["phi"] / u.ms,
    )
    found = run(cell, 1000.0, constant([I for run in runs.values() for I in run["currents"]]), dt=0.05)
    compare(found, references, [f"morris_lecar_{kind}_{k}" for kind in runs for k in range(4)], dt=0.05, still=10.0)


def test_fitzhugh_nagumo(protocol, references):
    p = protocol.FITZHUGH
    found = run(bs.neurons.FitzHughNagumo(4), p["duration"], constant(p["currents"], u.UNITLESS), dt=0.02)
    compare(found, references, [f"fitzhugh_nagumo_{k}" for k in range(4)], dt=0.02, V=1e-3)


def test_hindmarsh_rose(protocol, references):
    p = protocol.HINDMARSH
    found = run(bs.neurons.HindmarshRose(4), p["duration"], constant(p["currents"], u.UNITLESS), dt=0.02)
    compare(found, references, [f"hindmarsh_rose_{k}" for k in range(4)], dt=0.02, V=1e-3)


def test_pinsky_rinzel(protocol, references):
    p = protocol.PINSKY
    start = {k: v * u.mV if k in ("V", "V_d") else v for k, v in protocol.PINSKY_START.items()}
    I, I_d = np.array(p["currents"]).T
    stimuli = {"soma": bs.stimuli.Constant(I * A), "dendrite": bs.stimuli.Constant(I_d * A, into="I_d")}
    found = run(bs.neurons.PinskyRinzel(3, V_th=p["threshold"] * u.mV, method="rk4", **start), p["duration"], stimuli)
    compare(found, references, [f"pinsky_rinzel_{k}" for k in range(3)], still=10.0)


def pospischil(protocol, **options):
    kinds = protocol.POSPISCHIL
    p = {name: np.array([kind[name] for kind in kinds.values()]) for name in kinds["RS"]}
    V_x = np.array([protocol.POSPISCHIL_RUN["V_x"].get(kind, 2.0) for kind in kinds])
    V_T = p["V_T"] * u.mV
    cell = bs.neurons.ConductanceBased(
        len(kinds), g_L=p["g_L"] * S, E_L=p["E_L"] * u.mV, V=-70.0 * u.mV,
        channels=dict(
            na=ch.Na_TraubMiles(g_max=p["g_Na"] * S, V_T=V_T), kd=ch.K_TraubMiles(g_max=p["g_K"] * S, V_T=V_T),
            m=ch.KM_Yamada1989(g_max=p["g_M"] * S, tau_max=p["tau_max"] * u.ms), l=ch.CaHT_Reuveni1993(g_max=p["g_CaL"] * S),
            t=ch.CaT_Destexhe1996(g_max=p["g_CaT"] * S, V_x=V_x * u.mV),
        ),
        **options,
    )  # fmt: skip
    onset = protocol.POSPISCHIL_RUN["onset"]
    stimuli = {
        "before": bs.stimuli.Constant(p["hold"] * A, stop=onset * u.ms),
        "step": bs.stimuli.Constant(p["I"] * A, start=onset * u.ms),
    }
    return cell, stimuli


def test_minimal_cortical_cells(protocol, references):
    cell, stimuli = pospischil(protocol, method="rk4")
    found = run(cell, protocol.POSPISCHIL_RUN["duration"], stimuli)
    compare(found, references, [f"pospischil_{kind}" for kind in protocol.POSPISCHIL])


def relay(protocol, **options):
    p = protocol.RELAY
    K, V_T = p["E_K"] * u.mV, p["V_T"] * u.mV
    q10 = lambda factor, measured: ch.q10(factor, p["celsius"], measured)
    cell = bs.neurons.ConductanceBased(
        1, g_L=p["g_L"] * S, E_L=p["E_L"] * u.mV, V=p["V"] * u.mV,
        channels=dict(
            na=ch.Na_TraubMiles(g_max=p["g_Na"] * S, V_T=V_T), kd=ch.K_TraubMiles(g_max=p["g_K"] * S, V_T=V_T, E=K),
            t=ch.CaT_HM1992(g_max=p["g_T"] * S, E=None, phi_m=q10(5.0, 24.0), phi_h=q10(3.0, 24.0)), h=ch.Ih_HM1992(g_max=p["g_h"] * S),
            ahp=ch.KAHP_Destexhe1994(g_max=p["g_AHP"] * S, E=K, phi=q10(3.0, 22.0)), kl=ch.Leak(g_max=p["g_KL"] * S, E=K),
        ),
        pools=dict(Ca=ch.Calcium(depth=p["depth"] * u.um, tau=p["tau_Ca"] * u.ms, rest=p["rest"] * u.mM, outside=p["outside"] * u.mM)),
        **options,
    )  # fmt: skip
    return cell, {"held": bs.stimuli.Constant(p["hold"] * A, start=p["onset"] * u.ms, stop=p["release"] * u.ms)}


def test_thalamic_relay_cell_with_calcium(protocol, references):
    cell, stimuli = relay(protocol, method="rk4")
    compare(run(cell, protocol.RELAY["duration"], stimuli), references, ["relay"])
    assert len(references["relay_spikes"]) >= 2
    after = references["relay_spikes"] - protocol.RELAY["release"]
    assert np.all((after > 0) & (after < 150))  # the rebound burst, and nothing else


def test_hodgkin_huxley_at_a_temperature_is_neuron(protocol, references):
    p = protocol.NEURON_HH
    phi = ch.q10(3.0, p["celsius"], 6.3)
    assert phi == pytest.approx(3.0)
    composed = bs.neurons.ConductanceBased(
        1,
        g_L=0.3 * S,
        E_L=-54.387 * u.mV,
        V=p["V"] * u.mV,
        channels=dict(na=ch.Na_HH1952(phi=phi), k=ch.K_HH1952(phi=phi)),
        method="rk4",
    )
    spikes, _ = run(composed, p["duration"], constant(p["current"]))
    np.testing.assert_allclose(spikes[0], references["neuron_hh_spikes"], atol=0.02)


def test_curves_of_hodgkin_and_huxley_are_neurons(references):
    V, *curves = references["neuron_hh_curves"].T
    found = [ch.Na_HH1952().kinetics(V * u.mV)[g] for g in "mh"] + [ch.K_HH1952().kinetics(V * u.mV)["n"]]
    for k, rates in enumerate(found):
        np.testing.assert_allclose(rates.steady, curves[2 * k], atol=1e-6)
        np.testing.assert_allclose(rates.tau / u.ms, curves[2 * k + 1], atol=1e-6)


@pytest.mark.slow
def test_equations_and_peers_still_say_the_same(references):
    for name in ("neuron", "nest", "brian2"):
        pytest.importorskip(name)
    found = make.from_equations() | make.from_neuron() | make.from_nest() | make.from_brian2()
    assert found.keys() == references.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, references[name], atol=1e-3, rtol=0, err_msg=name)
