"""Neurons composed of channels: composition, initial state, cost, errors."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels as ch

S, A = u.mS / u.cm2, u.uA / u.cm2
SQUID = dict(g_L=0.3 * S, E_L=-54.387 * u.mV, V=-65.0 * u.mV)


def squid(n=3, **options):
    return bs.neurons.ConductanceBased(n, channels=dict(na=ch.Na_HH1952(), k=ch.K_HH1952()), **(SQUID | options))


def network(cell, current=10.0 * A):
    net = bs.Network(seed=1)
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(current))
    return net


def test_the_composed_squid_cell_is_the_written_one():
    """The same program: V and gates agree to rounding over three spikes."""
    written, composed = network(bs.neurons.HodgkinHuxley(3)), network(squid())
    names = {"E.m": "E.na.m", "E.h": "E.na.h", "E.n": "E.k.n", "E.V": "E.V"}
    a = bs.simulate(written, 40 * u.ms, dt=0.025 * u.ms, record=["E.spikes", *names], progress=False)
    b = bs.simulate(composed, 40 * u.ms, dt=0.025 * u.ms, record=["E.spikes", *names.values()], progress=False)
    assert len(a.spikes["E"]) == 9
    np.testing.assert_array_equal(a.spikes["E"].steps, b.spikes["E"].steps)
    for mine, theirs in names.items():
        np.testing.assert_allclose(u.get_mantissa(a[mine]), u.get_mantissa(b[theirs]), atol=1e-8)


def operations(net):
    """How many operations of each kind the compiled step has."""
    f = bs.function(net, 1 * u.ms, dt=0.025 * u.ms, record=[], remat=False)
    text = jax.jit(lambda p: f(p, {})[0]).lower({}).compile().as_text()
    return {
        kind: len(re.findall(rf"\b{kind}\(", text)) for kind in ("tanh", "exponential", "logistic", "divide", "fusion")
    }


def test_composition_costs_nothing():
    written, composed = operations(network(bs.neurons.HodgkinHuxley(512))), operations(network(squid(512)))
    assert written["tanh"] > 0
    for kind, count in written.items():
        assert composed[kind] <= count, kind


def test_with_an_area_inputs_are_those_of_the_whole_cell():
    area = 20e3 * u.um2
    density = network(squid(1), 10.0 * A)
    whole = network(squid(1, area=area), (10.0 * A * area).to(u.pA))
    for net, g, receptor in ((density, 0.05 * S, "ampa"), (whole, (0.05 * S * area).to(u.nS), "ampa")):
        net.S = bs.sources.SpikeTimes(1, [3.0] * u.ms, [0])
        net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV))
        net.connect(net.S, net.E, bs.AllToAll(), receptor=receptor, weight=g)
    V = [
        bs.simulate(net, 20 * u.ms, dt=0.05 * u.ms, record="E.V", progress=False)["E.V"] / u.mV
        for net in (density, whole)
    ]
    assert np.ptp(V[0]) > 50
    np.testing.assert_allclose(V[0], V[1], atol=1e-7)


def test_parts_are_parts_of_the_cell():
    net = network(squid())
    assert net["E.na"] is net.E.na
    assert tuple(net.E.channels) == ("na", "k")
    assert net.E.variables == ("V", "na.m", "na.h", "k.n")
    f = bs.function(net, 1 * u.ms, record=[])
    assert {"E.na.g_max", "E.na.E", "E.na.phi", "E.k.g_max", "E.C", "E.E_L"} <= set(f.parameters)
    net.E.na.g_max = 60.0 * S
    assert float(net.E.na.plain("g_max")) == 60.0
    result = bs.sweep(net, {"E.na.g_max": [0.0, 120.0] * S}, 20 * u.ms, record="E.spikes")
    counts = result.map(lambda rec: len(rec.spikes["E"]))
    assert counts[0] == 0 and counts[1] >= 3


def test_the_gradient_reaches_conductances():
    f = bs.function(network(squid(1), 3.0 * A), 5 * u.ms, dt=0.05 * u.ms, record=["E.V"], remat=False)

    @jax.jit
    def mean(g):
        return jnp.mean(f({"E.na.g_max": g}, {})[1]["E.V"])

    g = 120.0
    slope = (mean(g + 1e-3) - mean(g - 1e-3)) / 2e-3
    np.testing.assert_allclose(jax.jit(jax.grad(mean))(g), slope, rtol=1e-6)


def test_gates_start_at_their_steady_state_unless_given():
    cell = bs.neurons.ConductanceBased(
        50,
        V=bs.Normal(-65 * u.mV, 5 * u.mV),
        channels=dict(na=ch.Na_HH1952(h=0.3), ahp=ch.KAHP_Destexhe1994()),
        pools=dict(Ca=ch.Calcium()),
    )
    net = bs.Network(seed=1)
    net.E = cell

    def check():
        v = np.asarray(net.E.plain("V"))
        alpha, beta = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10)), 4 * np.exp(-(v + 65) / 18)
        np.testing.assert_allclose(net.E.na.plain("m"), alpha / (alpha + beta), rtol=1e-12)
        assert np.all(net.E.na.plain("h") == 0.3)
        np.testing.assert_allclose(net.E.ahp.plain("m"), 48 * 2.4e-4**2 / (48 * 2.4e-4**2 + 0.03), rtol=1e-12)

    check()
    first = np.asarray(net.E.plain("V"))
    bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms, progress=False)
    assert not np.array_equal(first, net.E.plain("V"))
    net.reset()
    np.testing.assert_array_equal(first, net.E.plain("V"))
    check()
    net.reset(seed=5)
    assert not np.any(net.E.plain("V") == first)
    check()


def test_calcium_settles_where_inflow_and_removal_balance():
    """Clamped by a huge capacitance: [Ca] = rest + tau I_Ca / (2 F d)."""
    cell = bs.neurons.ConductanceBased(
        1,
        C=1e9 * u.uF / u.cm2,
        V=-20.0 * u.mV,
        channels=dict(l=ch.CaHT_Reuveni1993(g_max=0.01 * S)),
        pools=dict(Ca=ch.Calcium()),
    )
    net = bs.Network()
    net.E = cell
    bs.simulate(net, 100 * u.ms, dt=0.1 * u.ms, progress=False)
    q, r = 0.055 * -7 / (np.exp(-7 / 3.8) - 1), 0.94 * np.exp(-55 / 17)
    a, b = 0.000457 * np.exp(7 / 50), 0.0065 / (np.exp(5 / 28) + 1)
    current = 0.01 * (q / (q + r)) ** 2 * a / (a + b) * 140  # uA/cm2
    expected = 2.4e-4 + 5.0 * current * 1e-2 * 1e-3 / (2 * 96485.33 * 1e-6)
    assert float(net.E.Ca.concentration[0] / u.mM) == pytest.approx(expected, rel=1e-5)


def says(given):
    return lambda self, V: given


def test_what_cannot_be_composed_is_refused():
    make = bs.neurons.ConductanceBased
    with pytest.raises(
        bs.UnknownNameError,
        match="ConductanceBased.ahp depends on the concentration 'Ca', of which the cell has no pool",
    ):
        make(1, channels=dict(ahp=ch.KAHP_Destexhe1994()))
    with pytest.raises(ValueError, match=r"Calcium is one of Ca, given as 'ca'; write pools=dict\(Ca=Calcium"):
        make(1, channels=dict(t=ch.CaT_HM1992(E=None)), pools=dict(ca=ch.Calcium()))
    with pytest.raises(
        ValueError, match=r"Calcium is one of Ca, given as 'Na'; .* for Na Sodium\(\)"
    ):  # with its valence of 2
        make(1, channels=dict(na=ch.Na_HH1952(E=None)), pools=dict(Na=ch.Calcium()))
    with pytest.raises(TypeError, match="'na' must be a mechanism, given Calcium"):
        make(1, channels=dict(na=ch.Calcium()))
    with pytest.raises(TypeError, match="'Ca' must be a pool, given Leak"):
        make(1, pools=dict(Ca=ch.Leak()))
    with pytest.raises(ValueError, match="the name 'V' is taken"):
        make(1, channels=dict(V=ch.Leak()))
    for given, kind, message in (
        (
            {"m": ch.Relaxation(0.5, 1 * u.ms)},
            bs.UnknownNameError,
            "Slow.kinetics says nothing of the gate 'n'; given: m",
        ),
        ({"n": 0.5}, TypeError, "n is to be Rates or a Relaxation, given float"),
        (None, TypeError, "gives a dictionary with Rates or a Relaxation of each gate; given NoneType"),
    ):
        gives = {"ion": "K", "n": ch.Gate("gate"), "kinetics": says(given)}
        slow = type("Slow", (ch.Channel,), gives)
        with pytest.raises(kind, match=message):
            slow(E=-90 * u.mV).steady_state(-60 * u.mV)
    with pytest.raises(TypeError, match="takes Ca; give Ca="):
        ch.KAHP_Destexhe1994().steady_state(-60 * u.mV)
    leak = ch.Leak()
    make(1, channels=dict(l=leak))
    with pytest.raises(ValueError, match="the mechanism given as 'l' already belongs to ConductanceBased.l"):
        make(1, channels=dict(l=leak))


class K_User(ch.Channel):
    """A channel of a user's own, in a few lines."""

    m = ch.Gate("activation")

    def kinetics(self, V):
        return {"m": ch.Relaxation(u.math.sigmoid((V + 40.0 * u.mV) / (5.0 * u.mV)), 5.0 * u.ms)}

    def open_fraction(self, m):
        return m**2


def test_a_channel_of_ones_own():
    """Steady state of leak and channel: the potential where the currents cancel."""
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(1, E_L=-30.0 * u.mV, channels=dict(x=K_User(g_max=0.5 * S, E=-80.0 * u.mV)))
    bs.simulate(net, 300 * u.ms, dt=0.05 * u.ms, progress=False)
    V = float(net.E.V[0] / u.mV)
    m = 1 / (1 + np.exp(-(V + 40) / 5))
    assert 0.1 * (-30 - V) + 0.5 * m**2 * (-80 - V) == pytest.approx(0.0, abs=1e-6)
    assert -45 < V < -30


def test_currents_of_channels_are_recorded_by_name():
    """By hand of the gates that are recorded beside them, their sum is what charges the membrane."""
    net = bs.Network()
    net.c = bs.neurons.ConductanceBased(
        2, channels=dict(na=ch.Na_TraubMiles(), kd=ch.K_TraubMiles()), g_L=0.1 * u.mS / u.cm2
    )
    net.c.add_stimuli(drive=bs.stimuli.Constant([0, 5] * u.uA / u.cm2))
    names = {name: f"c.{name}" for name in ("na.I", "kd.I", "na.m", "na.h", "kd.n", "V")}
    rec = bs.simulate(net, 10 * u.ms, dt=0.01 * u.ms, record=names)  # under names of one's own
    density, V = u.uA / u.cm2, rec["V"]
    na = net.c.na.g_max * rec["na.m"] ** 3 * rec["na.h"] * (net.c.na.E - V)
    kd = net.c.kd.g_max * rec["kd.n"] ** 4 * (net.c.kd.E - V)
    for name, expected in (("na", na), ("kd", kd)):
        found = rec[f"{name}.I"].to_decimal(density)
        assert np.abs(found).max() > 1
        np.testing.assert_allclose(found, expected.to_decimal(density), rtol=1e-10)
        np.testing.assert_allclose(net.c.current_of(name).to_decimal(density), found[-1], rtol=1e-10)
    slope = net.c.derivative(
        0 * u.ms, V[-1], net.c.drive.amplitude, **{gate: rec[gate][-1] for gate in ("na.m", "na.h", "kd.n")}
    )[0]
    total = (rec["na.I"] + rec["kd.I"])[-1] + net.c.g_L * (net.c.E_L - V[-1]) + net.c.drive.amplitude
    np.testing.assert_allclose((slope * net.c.C).to_decimal(density), total.to_decimal(density), rtol=1e-9)
    with pytest.raises(bs.UnknownNameError, match="c has no channel 'nq'. Did you mean 'na'"):
        net.c.current_of("nq")
