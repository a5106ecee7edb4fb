"""Spikes between steps: NEST's neurons with precise spike times, and crossings that are known."""

from pathlib import Path

import brainunit as u
import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from tests.references import make_precise

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script():
    return make_precise


@pytest.fixture(scope="module")
def nest():
    return dict(np.load(HERE / "precise.npz"))


def cell(p, n=1, **options):
    """A neuron of NEST's parameters."""
    rest = p["E_L"] * u.mV
    return bs.neurons.LIF(
        n, tau=p["tau_m"] * u.ms, R=p["tau_m"] / p["C_m"] * u.Gohm, E_L=rest, V=rest, V_th=p["V_th"] * u.mV,
        V_reset=p["V_reset"] * u.mV, refractory=p["t_ref"] * u.ms, **{"spike_times": "exact"} | options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def driven(script):
    """A cell for each kind of receptor, all with the same twenty trains between the steps, and one with none."""
    trains = script.trains()
    net = bs.Network()
    sizes = [len(t) for t in trains]
    net.S = bs.sources.SpikeTimes(20, np.concatenate(trains) * u.ms, np.repeat(np.arange(20), sizes), exact=True)
    kinds = {"exp": bs.receptors.Exponential, "alpha": bs.receptors.Alpha, "delta": bs.receptors.Delta}
    for kind, receptor in kinds.items():
        setattr(net, kind, cell(script.CELL))
        made = net[kind]
        made.add_stimuli(drive=bs.stimuli.Constant(script.CURRENT * u.pA))
        taus, weights = script.TAU_SYN[kind], np.tile(script.WEIGHTS[kind], 5)
        made.add_receptors(
            ex=receptor(tau=taus[0] * u.ms) if taus else receptor(),
            inh=receptor(tau=taus[1] * u.ms) if taus else receptor(),
        )
        for name, sign in (("ex", 1), ("inh", -1)):
            weight = np.maximum(sign * weights, 0) * sign
            unit = u.mV if kind == "delta" else u.pA
            rule = bs.connectivity.FromArrays(np.flatnonzero(weight), np.zeros(np.count_nonzero(weight), int))
            net.connect(net.S, made, rule, receptor=name, weight=weight[weight != 0] * unit, delay=script.DELAY * u.ms)
    net.none = cell(script.CELL)
    net.none.add_stimuli(drive=bs.stimuli.Constant(500 * u.pA))
    return net


def test_single_cells_fire_when_they_do_in_nest(script, nest, driven):
    rec = bs.simulate(driven, script.DURATION * u.ms, record=[f"{k}.spikes" for k in ("exp", "alpha", "delta", "none")])
    for kind in script.WEIGHTS:
        np.testing.assert_allclose(rec.spikes[kind].times / u.ms, nest[kind], rtol=0, atol=1e-9, err_msg=kind)
    # and under a constant current when the equation says
    interval = 10 * np.log(20 / 5) + 2.0
    expected = interval - 2.0 + interval * np.arange(len(rec.spikes["none"]))
    assert len(expected) > 10
    np.testing.assert_allclose(rec.spikes["none"].times / u.ms, expected, rtol=0, atol=1e-10)
    # in pieces too, and from a file
    driven.reset()
    pieces = [bs.simulate(driven, t * u.ms, record=["exp.spikes"]) for t in (60.05 * 2, script.DURATION - 120.1)]
    both = pieces[0].spikes["exp"] + pieces[1].spikes["exp"]
    np.testing.assert_array_equal(both.times / u.ms, rec.spikes["exp"].times / u.ms)


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_a_recurrent_network_fires_when_it_does_in_nest(script, nest, dt, tmp_path):
    p = script.NETWORK
    net = bs.Network()
    net.E = cell(script.CELL, p["n"])
    net.E.add_stimuli(drive=bs.stimuli.Constant(p["currents"] * u.pA))
    net.E.add_receptors(ex=bs.receptors.Exponential(tau=script.TAU_SYN["exp"][0] * u.ms))
    rule = bs.AllToAll(self_connections=False)
    net.connect(net.E, net.E, rule, receptor="ex", weight=p["weight"] * u.pA, delay=p["delay"] * u.ms)
    rec = bs.simulate(net, script.DURATION * u.ms, dt=dt * u.ms, record="E.spikes")
    train = rec.spikes["E"]
    order = np.lexsort((train.times / u.ms, train.indices))
    np.testing.assert_array_equal(train.indices[order], nest["network_senders"])
    np.testing.assert_allclose((train.times / u.ms)[order], nest["network_times"], rtol=0, atol=1e-9)
    rec.save(tmp_path / "rec.h5")
    kept = bs.Recording.load(tmp_path / "rec.h5").spikes["E"]
    np.testing.assert_array_equal(kept.times / u.ms, train.times / u.ms)
    assert np.all(np.diff(train.times / u.ms) >= 0)


def test_conductances_are_as_exact():
    """A conductance that decays from 30 nS onto a leak of 25 nS: first spike against an independent solver."""

    def slope(t, y):
        return [(25 * (-70 - y[0]) + y[1] * (0 - y[0])) / 250, -y[1] / 5]

    crosses = lambda t, y: y[0] + 55
    crosses.terminal = True
    start = [-70.0, 30.0]
    expected = solve_ivp(slope, (0, 20), start, events=crosses, rtol=1e-12, atol=1e-12).t_events[0][0]
    p = dict(C_m=250.0, tau_m=10.0, E_L=-70.0, V_th=-55.0, V_reset=-70.0, t_ref=2.0)
    errors = []
    for dt in (0.1, 0.2, 0.4):
        net = bs.Network()
        net.E = cell(p)
        net.E.add_receptors(g=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV))
        net.E.g.g = 30 * u.nS
        train = bs.simulate(net, 6 * u.ms, dt=dt * u.ms, record="E.spikes").spikes["E"]
        errors.append(abs(train.times[0] / u.ms - expected))
    assert max(errors) < 1e-10  # Runge-Kutta 4 in steps of 0.0125 ms, whatever dt


def test_interpolated_crossings_of_a_hodgkin_huxley_cell():
    """Spikes are those of the grid, and their times nearly those of a fine step."""
    found = {}
    for kind, dt in (("fine", 0.001), ("grid", 0.02), ("interpolated", 0.02)):
        net = bs.Network()
        net.E = bs.neurons.HodgkinHuxley(1, method="rk4", spike_times="grid" if kind == "fine" else kind)
        net.E.add_stimuli(drive=bs.stimuli.Constant(10 * u.uA / u.cm2))
        found[kind] = bs.simulate(net, 40 * u.ms, dt=dt * u.ms, record="E.spikes").spikes["E"]
    np.testing.assert_array_equal(found["grid"].steps, found["interpolated"].steps)
    off = {kind: np.abs((found[kind].times - found["fine"].times) / u.ms) for kind in ("grid", "interpolated")}
    assert len(off["grid"]) == 3 and off["interpolated"].max() < 2e-3 and off["grid"].max() > 5e-3


def test_exact_times_of_stiff_cells(references_of):
    """At 0.1 ms, where Runge-Kutta 4 in whole steps gives no number; stamps of the references are 0.0025 ms late at most."""
    accuracy, drives = references_of("accuracy"), dict(HodgkinHuxley=10.0, TraubMiles=300.0, ConnorStevens=12.0)
    net = bs.Network()
    for name, drive in drives.items():
        cell = getattr(bs.neurons, name)(1, spike_times="exact", refractory=1 * u.ms)
        setattr(net, name, cell)
        cell.add_stimuli(drive=bs.stimuli.Constant(drive * cell.input_unit))
    rec = bs.simulate(net, 60 * u.ms, record=[f"{name}.spikes" for name in drives])
    for name in drives:
        times = rec.spikes[name].times / u.ms
        late = accuracy[f"{name}_2"][: len(times)] - np.asarray(times)
        assert len(times) >= 3
        assert late.min() > -1e-4 and late.max() < 0.0027


def test_derivatives_in_both_modes_are_the_same_and_second_ones_are_refused():
    net = bs.Network()
    net.E = bs.neurons.QIF(1, spike_times="exact", refractory=1 * u.ms)
    f = bs.function(net, 0.3 * u.ms, record="E.V")

    def last(V):
        return f({}, {"E.V": V[None]})[1]["E.V"][-1, 0]

    forward = float(jax.jacfwd(last)(-60.0))
    assert 0 < forward < 1.1 and float(jax.grad(last)(-60.0)) == pytest.approx(forward, rel=1e-12)
    with pytest.raises(NotImplementedError, match="spike_times='exact' has first derivatives.*no second ones"):
        jax.jacfwd(jax.grad(last))(-60.0)


def test_what_has_no_time_between_steps_is_refused():
    p = dict(C_m=250.0, tau_m=10.0, E_L=-70.0, V_th=-55.0, V_reset=-70.0, t_ref=2.0)
    with pytest.raises(ValueError, match="spike_times='exakt' is unknown. Did you mean 'exact'"):
        bs.neurons.LIF(1, spike_times="exakt")
    with pytest.raises(ValueError, match="SRM0: spike_times='exact' is not for neurons that fire by chance"):
        bs.neurons.SRM0(1, spike_times="exact")
    with pytest.raises(ValueError, match="is not for neurons with a surrogate"):
        cell(p, surrogate=bs.surrogate.ATan())
    net = bs.Network()
    net.E = bs.neurons.LIF(1, spike_times="exact")
    with pytest.raises(ValueError, match="E: with exact spike times.*refractory must be a step of 0.1 ms at least"):
        bs.simulate(net, 1 * u.ms)
    net.E.add_receptors(ex=bs.receptors.Exponential())
    for options, given in (
        ({}, "none"),
        ({"delay": 1 * u.ms, "plasticity": bs.plasticity.Oja(eta=1 * u.Hz, w_1=1 * u.pA)}, "plasticity"),
    ):
        with pytest.raises(ValueError, match=f"need a delay of at least a step, without plasticity; given {given}"):
            net.connect(net.E, net.E, bs.AllToAll(), receptor="ex", weight=1 * u.pA, **options)
    assert not net.projections


def test_another_step_goes_on_where_no_spike_is_under_way():
    net = bs.Network()
    p = dict(C_m=250.0, tau_m=10.0, E_L=-70.0, V_th=-55.0, V_reset=-70.0, t_ref=2.0)
    net.S = bs.sources.SpikeTimes(1, [3.03, 20.07] * u.ms, [0, 0], exact=True)
    net.E = cell(p)
    net.E.add_receptors(d=bs.receptors.Delta())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="d", weight=16 * u.mV, delay=1 * u.ms)
    first = bs.simulate(net, 4 * u.ms, record="E.spikes").spikes["E"]  # the first spike arrives in the coming step
    with pytest.raises(ValueError, match="while spikes are under way"):
        bs.simulate(net, 1 * u.ms, dt=0.5 * u.ms)
    second = bs.simulate(net, 1 * u.ms, record="E.spikes").spikes["E"]  # refractory until 6.03 ms
    third = bs.simulate(net, 20 * u.ms, dt=0.5 * u.ms, record="E.spikes").spikes["E"]
    assert len(first) == 0
    np.testing.assert_allclose([*(second.times / u.ms), *(third.times / u.ms)], [4.03, 21.07], rtol=0, atol=1e-9)


def test_float32_is_as_good_as_its_digits(script, nest):
    with jax.enable_x64(False):
        net = bs.Network()
        net.E = cell(script.CELL)
        net.E.add_stimuli(drive=bs.stimuli.Constant(500 * u.pA))
        train = bs.simulate(net, 100 * u.ms, record="E.spikes").spikes["E"]
    interval = 10 * np.log(20 / 5) + 2.0
    np.testing.assert_allclose(train.times / u.ms, interval - 2.0 + interval * np.arange(len(train)), atol=2e-4)


@pytest.mark.slow
def test_nest_still_says_the_same(script, nest):
    pytest.importorskip("nest")
    for name, values in script.from_nest().items():
        np.testing.assert_allclose(values, nest[name], atol=1e-9, err_msg=name)
