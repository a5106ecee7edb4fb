"""Sodium and potassium that change, the pump and leaks: against NEURON's rxd, closed forms and what is conserved."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels
from brainsim.channels import KLeak_GHK, NaKPump, NaLeak_GHK, Potassium, Sodium, ghk

A = u.uA / u.cm2


def squid(**pools):
    """A cylinder of 10 x 4 um, four fifths of it inside, with the currents of 1952 and a pump."""
    cold = dict(temperature=279.45 * u.kelvin, depth=0.8 * u.um)
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(
        1,
        channels=dict(na=channels.Na_HH1952(E=None), k=channels.K_HH1952(E=None), pump=NaKPump(I_max=20 * A)),
        pools=dict(
            Na=Sodium(concentration=12 * u.mM, bath=145 * u.mM, **cold, **pools),
            K=Potassium(concentration=125 * u.mM, bath=4 * u.mM, **cold, **pools),
        ),
        g_L=0 * u.mS / u.cm2,
        V=-65 * u.mV,
    )
    return net


#: V (mV), sodium and potassium inside (mM) of NEURON 9.0.2 with rxd and CVODE at 1e-9, 0.02 nA into the cell. The pump
#: ends outside in a species without charge: with ions on both sides rxd counts its current twice (-1.44 uA/cm2 more).
RXD = {
    1: (-55.26698993, 11.99995282, 124.9992441),
    5: (-80.98579476, 12.20215981, 124.785502),
    10: (-68.95691229, 12.1993153, 124.7795706),
    20: (-76.36743678, 12.39031282, 124.5669709),
    40: (7.018786578, 12.66606937, 124.2607863),
}


def test_a_spiking_cell_that_fills_with_sodium_as_in_rxd():
    """hh follows the potentials of its ions, whose concentrations the currents and the pump move."""
    with jax.enable_x64(True):
        net = squid()
        net.E.add_stimuli(drive=bs.stimuli.Constant(0.02e3 / (np.pi * 40) * 100 * A))
        names = ["E.V", "E.Na.concentration", "E.K.concentration"]
        rec = bs.simulate(net, 40 * u.ms, dt=0.001 * u.ms, record=names, sample_every=1 * u.ms)
    found = {t: [float(u.get_mantissa(rec[name])[t - 1, 0]) for name in names] for t in RXD}
    for t, values in RXD.items():
        np.testing.assert_allclose(found[t][0], values[0], atol=0.3 if t == 40 else 0.03)  # on the way up
        np.testing.assert_allclose(found[t][1:], values[1:], rtol=2e-5)


def test_what_leaves_is_outside_and_nothing_is_lost():
    with jax.enable_x64(True):
        net = squid(outer_depth=0.2 * u.um)
        net.E.add_stimuli(drive=bs.stimuli.Constant(15 * A))
        amount = lambda pool: float((4 * pool.concentration + pool.outside)[0].to_decimal(u.mM))
        before = amount(net.E.Na), amount(net.E.K)
        bs.simulate(net, 30 * u.ms, dt=0.01 * u.ms)
        np.testing.assert_allclose((amount(net.E.Na), amount(net.E.K)), before, rtol=1e-12)
        assert net.E.K.outside[0] > 4.5 * u.mM and net.E.Na.outside[0] < 144.5 * u.mM
        E_K = float(net.E.K.reversal(net.E.K.concentration)[0].to_decimal(u.mV))
        out, inside = (float(x[0].to_decimal(u.mM)) for x in (net.E.K.outside, net.E.K.concentration))
        np.testing.assert_allclose(E_K, 8.314462618e3 * 279.45 / 96485.33212 * np.log(out / inside), rtol=1e-9)


def test_a_bath_takes_back():
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(
        1, pools=dict(K=Potassium(outside=10 * u.mM, bath=4 * u.mM, tau_bath=20 * u.ms, outer_depth=1 * u.um))
    )
    bs.simulate(net, 30 * u.ms, dt=0.02 * u.ms)  # backward Euler
    found = float(net.E.K.outside[0].to_decimal(u.mM))
    np.testing.assert_allclose(found, 4 + 6 * (1 + 0.02 / 20) ** -1500, rtol=1e-6)


def test_the_current_of_goldman_hodgkin_and_katz():
    """At 0 mV the difference of concentrations, at Nernst's potential nothing, far away a conductance of one side."""
    with jax.enable_x64(True):
        F, RT_F = 96485.33212, 8.314462618e3 * 293.15 / 96485.33212
        np.testing.assert_allclose(ghk(0.0, 10.0, 140.0, 1, 20.0), 1e-3 * F * (10 - 140), rtol=1e-9)
        np.testing.assert_allclose(ghk(RT_F * np.log(14), 10.0, 140.0, 1, 20.0), 0, atol=1e-6)
        np.testing.assert_allclose(ghk(RT_F / 2 * np.log(2e4), 1e-4, 2.0, 2, 20.0), 0, atol=1e-6)
        np.testing.assert_allclose(ghk(500.0, 10.0, 140.0, 1, 20.0), 1e-3 * F * 10 * 500 / RT_F, rtol=1e-6)
        slope = jax.grad(lambda v: ghk(v, 10.0, 140.0, 1, 20.0))
        np.testing.assert_allclose(slope(0.0), 1e-3 * F / RT_F * (10 + 140) / 2, rtol=1e-9)
        assert np.isfinite(jax.grad(slope)(0.0))


def test_two_leaks_rest_where_goldman_says():
    with jax.enable_x64(True):
        P = dict(P=4e-7 * u.cm / u.second, celsius=36.0), dict(P=1e-6 * u.cm / u.second, celsius=36.0)
        net = bs.Network()
        leaks = dict(
            na=NaLeak_GHK(nai=12 * u.mM, nao=145 * u.mM, **P[0]), k=KLeak_GHK(ki=125 * u.mM, ko=4 * u.mM, **P[1])
        )
        net.E = bs.neurons.ConductanceBased(1, channels=leaks, g_L=0 * u.mS / u.cm2)
        net.E.come_to_rest()
        V = 8.314462618e3 * 309.15 / 96485.33212 * np.log((4 + 0.4 * 145) / (125 + 0.4 * 12))
        np.testing.assert_allclose(float(net.E.V[0].to_decimal(u.mV)), V, rtol=1e-6)


def test_the_pump_moves_three_for_two():
    pump = NaKPump(I_max=10 * A, nai=10 * u.mM, ko=2 * u.mM)
    found = pump.currents(-65 * u.mV)
    assert found["Na"].to_decimal(A) == pytest.approx(-3 * 10 / 4 / 8, rel=1e-6)  # half bound: 1/2^2 and 1/2^3
    assert found["K"].to_decimal(A) == pytest.approx(2 * 10 / 4 / 8, rel=1e-6)
    with pytest.raises(bs.UnknownNameError, match="'Na'"):
        bs.neurons.ConductanceBased(1, channels=dict(pump=NaKPump(nai=None)))


def test_derivatives_by_densities_and_concentrations():
    with jax.enable_x64(True):
        net = squid(outer_depth=0.2 * u.um)
        net.E.add_stimuli(drive=bs.stimuli.Constant(15 * A))
        run = bs.function(net, 3 * u.ms, dt=0.02 * u.ms, record="E.V")
        paths = ["E.pump.I_max", "E.Na.depth", "E.K.bath", "E.k.g_max"]
        last = jax.jit(lambda given: run(given, {})[1]["E.V"][-1, 0])
        here = {path: run.parameters[path] for path in paths}
        slopes = jax.grad(last)(here)
        for path in paths:
            step = 1e-5 * float(jnp.max(jnp.abs(here[path])))
            up, down = (last(here | {path: here[path] + sign * step}) for sign in (1, -1))
            np.testing.assert_allclose(jnp.sum(slopes[path]), (up - down) / (2 * step), rtol=1e-4, err_msg=path)
