"""What conductance-based neurons are known for, in numbers: bifurcations, onsets of firing, bursts, chaos."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import brainsim as bs
from brainsim import channels as ch
from brainsim import neurons
from brainsim._units import in_unit, with_unit

S, A = u.mS / u.cm2, u.uA / u.cm2


def slope_of(cell):
    """The right-hand side of one cell as a plain function of the variables, in their units per ms, and the input."""
    units = {name: u.get_unit(value) for name, value in cell.present().items()}

    @jax.jit
    def slope(y, I):
        values = {name: with_unit(x, unit) for x, (name, unit) in zip(y, units.items())}
        held = {"V_held": values["V"]} if cell.takes_held else {}
        rates = cell.derivative(0.0 * u.ms, **values, **held, I=with_unit(I, cell.input_unit))
        return jnp.stack([in_unit(r * u.ms, unit, name) for r, (name, unit) in zip(rates, units.items())])

    return slope


def steady(cell, v):
    """All variables where V is fixed at v: those of the gates by relaxation of their linear equations."""
    slope = slope_of(cell)
    zero = slope(jnp.array([v] + [0.0] * (len(cell.variables) - 1)), 0.0)
    one = slope(jnp.array([v] + [1.0] * (len(cell.variables) - 1)), 0.0)
    return jnp.concatenate([jnp.array([v]), (zero / (zero - one))[1:]])


def current_at(cell, capacitance=1.0):
    """The input that holds V at v, for cells whose other variables relax to functions of V."""
    slope = slope_of(cell)
    return lambda v: -capacitance * float(slope(steady(cell, v), 0.0)[0])


def hopf(cell, low, high, capacitance=1.0):
    """Input at which the rest that lies between the potentials low and high changes stability."""
    slope, I_of = slope_of(cell), current_at(cell, capacitance)
    jacobian = jax.jit(jax.jacfwd(slope))

    def growth(v):
        return float(np.linalg.eigvals(np.asarray(jacobian(steady(cell, v), I_of(v)))).real.max())

    return I_of(brentq(growth, low, high, xtol=1e-10))


def fold(cell, low, high, capacitance=1.0):
    """Input at which rest vanishes: the maximum of the steady current between two potentials."""
    I_of = current_at(cell, capacitance)
    return -minimize_scalar(lambda v: -I_of(v), bounds=(low, high), method="bounded", options={"xatol": 1e-8}).fun


def trains(cell, currents, duration, dt=0.05, start=0.0, record=(), **stimuli):
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(np.asarray(currents) * cell.input_unit), **stimuli)
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["E.spikes", *record], progress=False)
    times = [np.asarray(rec.spikes["E"].of(k) / u.ms) for k in range(len(cell))]
    return [t[t > start] for t in times], rec


def rates(times):
    """Hz, from the mean interval."""
    return np.array([1e3 / np.diff(t).mean() if len(t) > 2 else 0.0 for t in times])


def test_hodgkin_huxley_loses_and_regains_its_rest():
    """Rinzel and Miller, Math. Biosci. 49:27 (1980): Hopf bifurcations at 9.78 and 154.5 uA/cm2."""
    cell = neurons.HodgkinHuxley(1)
    assert hopf(cell, -62.0, -58.0) == pytest.approx(9.78, abs=0.01)
    assert hopf(cell, -50.0, -40.0) == pytest.approx(154.5, abs=0.1)


# -- Morris-Lecar ----------------------------------------------------------------------------------------------------

CLASS_1 = dict(g_Ca=4.0 * S, V_3=12.0 * u.mV, V_4=17.4 * u.mV, phi=1 / 15 / u.ms)


def test_morris_lecar_class_2():
    """Rinzel and Ermentrout (1998): Hopf bifurcations at 93.86 and 212.02 uA/cm2; firing begins at a finite frequency."""
    cell = neurons.MorrisLecar(1)
    assert hopf(cell, -35.0, -20.0, 20.0) == pytest.approx(93.86, abs=0.01)
    assert hopf(cell, 0.0, 12.0, 20.0) == pytest.approx(212.02, abs=0.01)
    currents = np.arange(86.0, 96.0, 1.0)
    # from depolarised: the cycle coexists with rest from its fold at 88.3 on
    times, _ = trains(neurons.MorrisLecar(len(currents), V=20.0 * u.mV, w=0.0), currents, 2000.0, start=1000.0, dt=0.1)
    found = rates(times)
    assert np.all(found[currents <= 88] == 0)
    assert np.all((found[currents >= 89] > 7.0) & (found[currents >= 89] < 12.0))


def test_morris_lecar_class_1():
    """Saddle-node at 39.96 uA/cm2, and the frequency grows from zero with the square root of the distance."""
    cell = neurons.MorrisLecar(1, **CLASS_1)
    onset = fold(cell, -40.0, -20.0, 20.0)
    assert onset == pytest.approx(39.96, abs=0.01)
    distance = np.array([-0.02, 0.01, 0.04, 0.16])
    times, _ = trains(neurons.MorrisLecar(4, **CLASS_1), onset + distance, 8000.0, start=2000.0, dt=0.1)
    found = rates(times)
    assert found[0] == 0
    assert 0 < found[1] < 2.0
    np.testing.assert_allclose(found[2:] / found[1:-1], 2.0, rtol=0.1)


# -- type I and II ---------------------------------------------------------------------------------------------------


def test_wang_buzsaki_fires_from_zero_to_hundreds_of_hertz():
    """The paper's figure 1: threshold near 0.16 uA/cm2, from zero frequency; fast, up to 400 Hz and more at 20."""
    onset = fold(neurons.WangBuzsaki(1), -64.0, -50.0)
    assert onset == pytest.approx(0.16, abs=0.005)
    currents = np.array([onset - 0.002, onset + 0.002, onset + 0.008, 1.0, 5.0, 20.0])
    times, _ = trains(neurons.WangBuzsaki(6), currents, 2500.0, start=500.0)
    found = rates(times)
    assert found[0] == 0
    assert 0 < found[1] < 6
    assert found[2] / found[1] == pytest.approx(2.0, rel=0.1)
    assert 55 < found[3] < 65 and found[5] > 400


def test_reduced_traub_fires_from_zero():
    onset = fold(neurons.ReducedTraub(1), -66.0, -50.0)
    assert onset == pytest.approx(0.12, abs=0.01)
    times, rec = trains(
        neurons.ReducedTraub(3), onset + np.array([-0.01, 0.01, 0.04]), 1500.0, start=300.0, record=["E.V"]
    )
    V = np.asarray(rec["E.V"] / u.mV)
    # Between the reversal potentials, at a step that the upstroke would else overshoot
    assert V.min() > -100 and V.max() < 50
    found = rates(times)
    assert found[0] == 0
    assert 0 < found[1] < 8
    assert found[2] / found[1] == pytest.approx(2.0, rel=0.15)


def test_the_a_current_lets_connor_stevens_cells_fire_slowly():
    """Type I with it, type II without: Dayan and Abbott (2001), section 6.2."""
    with_A = neurons.ConnorStevens(1)
    onset = fold(with_A, -67.0, -50.0)
    assert onset == pytest.approx(8.11, abs=0.02)
    times, _ = trains(neurons.ConnorStevens(4), onset + np.array([-0.02, 0.02, 0.1, 0.4]), 3000.0, start=500.0)
    found = rates(times)
    assert found[0] == 0
    assert 0 < found[1] < 2 < found[2] < 5 < found[3] < 12

    # without it, at the same rest, firing sets in at 80 Hz
    leak = brentq(lambda E: current_at(without(1, E))(-68.0), -80.0, -17.0)
    currents = np.arange(0.0, 12.0, 0.5)
    times, _ = trains(without(len(currents), leak), currents, 600.0, start=300.0)
    found = rates(times)
    assert found[0] == 0 and found[-1] > 0
    assert found[found > 0].min() > 75


def without(n, leak):
    return neurons.ConnorStevens(n, E_L=leak * u.mV, channels={"a": ch.KA_ConnorStevens(g_max=0.0 * S)})


# -- polynomial models -----------------------------------------------------------------------------------------------


def test_fitzhugh_nagumo_oscillates_between_its_hopf_points():
    """At a fixed point 1 - V^2 = b phi, V = -+0.96747: I = 0.33128 and 1.41872, by hand."""
    phi, a, b = 0.08, 0.7, 0.8
    V = np.sqrt(1 - b * phi)
    by_hand = [x**3 / 3 - x + (x + a) / b for x in (-V, V)]
    np.testing.assert_allclose(by_hand, [0.33128, 1.41872], atol=1e-5)
    jacobian = jax.jacfwd(slope_of(neurons.FitzHughNagumo(1)))
    for x, I in zip((-V, V), by_hand):
        growth = np.linalg.eigvals(np.asarray(jacobian(jnp.array([x, (x + a) / b]), I)))
        np.testing.assert_allclose(growth.real, 0.0, atol=1e-6)
        np.testing.assert_allclose(np.abs(growth.imag), np.sqrt(phi * (1 - b**2 * phi)), rtol=1e-5)
    currents = [by_hand[0] - 0.02, by_hand[0] + 0.02, by_hand[1] - 0.02, by_hand[1] + 0.02]
    times, _ = trains(neurons.FitzHughNagumo(4), currents, 2000.0, start=1000.0)
    assert [len(t) > 5 for t in times] == [False, True, True, False]


def test_fitzhugh_nagumo_is_excitable():
    """No impulse without stimulus, one after a pulse above threshold, and none after a weak one."""
    net = bs.Network()
    net.E = neurons.FitzHughNagumo(2)
    net.E.add_stimuli(pulse=bs.stimuli.Constant(np.array([0.3, 0.9]), start=10 * u.ms, stop=11 * u.ms))
    spikes = bs.simulate(net, 100 * u.ms, dt=0.02 * u.ms, record="E.spikes", progress=False).spikes["E"]
    assert len(spikes.of(0)) == 0 and len(spikes.of(1)) == 1


def test_hindmarsh_rose_rests_bursts_and_fires():
    """Rest loses stability where the linearised equations say; then bursts; then, at I = 4, single spikes."""
    cell = neurons.HindmarshRose(1)
    jacobian = jax.jit(jax.jacfwd(slope_of(cell)))

    def growth(x):
        return np.linalg.eigvals(np.asarray(jacobian(jnp.array([x, 1 - 5 * x**2, 4 * (x + 1.6)]), 0.0))).real.max()

    x = brentq(growth, -1.5, -1.2)
    onset = x**3 - 3 * x**2 + 4 * (x + 1.6) - (1 - 5 * x**2)
    by_hand = [[-3 * x**2 + 6 * x, 1.0, -1.0], [-10 * x, -1.0, 0.0], [0.006 * 4, 0.0, -0.006]]
    assert np.linalg.eigvals(by_hand).real.max() == pytest.approx(0.0, abs=1e-9)
    assert onset == pytest.approx(1.3587, abs=1e-4)
    times, _ = trains(neurons.HindmarshRose(4), [1.2, 1.33, 2.0, 4.0], 4000.0, start=2000.0)
    assert len(times[0]) == 0 and len(times[1]) > 5  # firing beside a stable rest
    for t, burst in ((times[2], True), (times[3], False)):
        interval = np.diff(t)
        assert (interval.max() > 4 * interval.min()) == burst
    ends = np.nonzero(np.diff(times[2]) > 60)[0]  # bursts of equal numbers of spikes, periodically
    assert len(ends) > 3 and len(set(np.diff(ends))) == 1
    assert np.ptp(np.diff(times[3])) < 0.1


def test_hindmarsh_rose_is_chaotic():
    """Neighbouring trajectories part: a positive Lyapunov exponent at I = 3.25, none at 2 and 4; of order 0.01 per unit
    of time.
    """
    f = bs.function(
        network_of(neurons.HindmarshRose(3), [2.0, 3.25, 4.0]), 2000 * u.ms, dt=0.05 * u.ms, record=[], remat=False
    )
    settled = jax.jit(lambda s: f({}, s)[0])(f.state)
    short = bs.function(
        network_of(neurons.HindmarshRose(3), [2.0, 3.25, 4.0]), 20 * u.ms, dt=0.05 * u.ms, record=[], remat=False
    )
    names = ("E.V", "E.y", "E.z")

    @jax.jit
    def exponents(state):
        def stretch(carry, _):
            state, d = carry
            zero = {k: jnp.zeros_like(v) for k, v in state.items() if jnp.issubdtype(v.dtype, jnp.floating)}
            moving = {k: state[k] for k in zero}
            still = {k: v for k, v in state.items() if k not in zero}
            end = lambda m: {k: v for k, v in short({}, m | still)[0].items() if k in names}
            after, moved = jax.jvp(end, (moving,), (zero | dict(zip(names, d)),))
            d = jnp.stack([moved[k] for k in names])
            size = jnp.linalg.norm(d, axis=0)
            return (state | after, d / size[None]), jnp.log(size)

        start = (state, jnp.ones((3, 3)) / jnp.sqrt(3.0))
        return jax.lax.scan(stretch, start, length=300)[1][50:].mean(axis=0) / 20.0

    periodic, chaotic, spiking = (float(x) for x in exponents(settled))
    assert 0.005 < chaotic < 0.03
    assert abs(periodic) < 0.002 and abs(spiking) < 0.002


def network_of(cell, currents):
    net = bs.Network()
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(np.asarray(currents) * cell.input_unit))
    return net


# -- CA3 -------------------------------------------------------------------------------------------------------------

# I, I_d, g_c, events per second, somatic spikes per second; Pinsky and Rinzel (1994) and the regimes of their figures.
# Counts are of 4 s, so a rate is good to a quarter. An event begins 25 ms after the spike before.
REGIMES = [
    (-0.5, 0.0, 2.1, 0.0, 0.0),  # rest
    (0.0, 0.0, 2.1, 0.76, None),  # calcium spikes
    (0.5, 0.0, 2.1, 1.53, 3.06),  # bursts of two full spikes
    (0.75, 0.0, 2.1, 2.02, 4.04),
    (1.0, 0.0, 2.1, 2.88, 5.76),
    (1.25, 0.0, 2.1, 4.38, 8.76),
    (1.5, 0.0, 2.1, 6.87, None),
    (2.5, 0.0, 2.1, None, 44.0),  # regular firing
    (3.0, 0.0, 2.1, None, 49.3),
    (0.75, 0.0, 0.0, None, 32.0),  # an isolated soma
    (0.75, 0.0, 0.5, None, 34.0),
    (0.75, 0.0, 1.0, None, 29.0),
    (0.75, 0.0, 1.5, None, 23.8),
    (0.75, 0.0, 3.0, 2.24, None),  # bursts of a cell that the coupling makes one
    (0.75, 0.0, 5.0, 2.17, None),
    (0.75, 0.0, 10.0, 2.69, None),
    (2.5, 0.0, 0.0, None, 61.0),
    (2.5, 0.0, 1.0, None, 57.0),
    (2.5, 0.0, 5.0, 9.2, None),
    (-0.5, 1.0, 2.1, 1.46, None),  # drive of the dendrite
    (-0.5, 2.0, 2.1, 3.45, None),
    (-0.5, 3.0, 2.1, 9.1, None),
    (-0.5, 6.0, 2.1, None, 79.5),
    (-0.5, 10.0, 2.1, None, 107.5),
    (-0.5, 15.0, 2.1, None, 153.5),
]


def somatic_spikes(V, dt, high=-30.0, low=-45.0):
    """Times of crossings of ``high`` that follow one of ``low``."""
    spikes, armed = [], True
    for k, (before, now) in enumerate(zip(V[:-1], V[1:])):
        if armed and before <= high < now:
            spikes.append((k + 1) * dt)
            armed = False
        armed = armed or now < low
    return np.array(spikes)


def test_pinsky_rinzel_regimes(optimised):
    I, I_d, g_c = (np.array([row[k] for row in REGIMES]) for k in range(3))
    start = dict(V=-64.6 * u.mV, V_d=-64.5 * u.mV, h=0.999, n=0.001, s=0.009, c=0.007, q=0.01, Ca=0.2)
    net = bs.Network()
    net.E = neurons.PinskyRinzel(len(REGIMES), g_c=g_c * S, method="rk4", **start)
    net.E.add_stimuli(soma=bs.stimuli.Constant(I * A), dendrite=bs.stimuli.Constant(I_d * A, into="I_d"))
    bs.simulate(net, 2 * u.second, dt=0.025 * u.ms, progress=False)
    rec = bs.simulate(
        net, 4 * u.second, dt=0.025 * u.ms, record=["E.V", "E.V_d", "E.Ca"], sample_every=0.1 * u.ms, progress=False
    )
    V = np.asarray(rec["E.V"] / u.mV)
    spikes = [somatic_spikes(V[:, k], 0.1) for k in range(len(REGIMES))]
    begins = [t[np.diff(t, prepend=-1e3) > 25.0] for t in spikes]
    for k, (*row, events, rate) in enumerate(REGIMES):
        if events is not None:
            assert len(begins[k]) / 4 == pytest.approx(events, abs=0.3, rel=0.03), row
        if rate is not None:
            assert len(spikes[k]) / 4 == pytest.approx(rate, abs=0.6, rel=0.01), row

    # The canonical burst, I = 0.75 uA/cm2: its interval, and its peaks in soma and dendrite.
    k = [row[:3] for row in REGIMES].index((0.75, 0.0, 2.1))
    np.testing.assert_allclose(np.diff(begins[k]), 495.0, atol=0.5)
    at = int(round(begins[k][1] / 0.1))
    soma, dendrite, Ca = (
        np.asarray(u.get_mantissa(rec[name]))[at - 20 : at + 300, k] for name in ("E.V", "E.V_d", "E.Ca")
    )
    expected = ([84.4, 51.0, 35.6, 38.7], [0, 3.7, 6.0, 9.9]), ([47.4, 66.0, 35.4], [0.6, 5.8, 10.0])
    for trace, (peaks, times) in zip((soma + 60, dendrite + 60), expected):
        top = np.nonzero((trace[1:-1] > trace[:-2]) & (trace[1:-1] > trace[2:]) & (trace[1:-1] > 30))[0] + 1
        np.testing.assert_allclose(trace[top], peaks, atol=0.6)
        first = np.argmax(soma)
        np.testing.assert_allclose((top - first) * 0.1, times, atol=0.15)
    assert Ca.max() == pytest.approx(352.3, rel=0.002)
