"""The published firing patterns: against the paper's program, against event-driven integration, and what the papers
show.
"""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from brainsim.neurons.patterns import IZHIKEVICH_2004, MIHALAS_NIEBUR_2009, NAUD_2008, population


def ms(quantity):
    return float(quantity / u.ms)


def spikes_of(table, dt=None, **options):
    """Spike times of every pattern of a table, and V at the end of each step, at its own step or ``dt``: one program
    for all.
    """
    found, V, steps = {}, {}, {name: dt or ms(p.dt) for name, p in table.items()}
    for dt in sorted(set(steps.values())):
        net = bs.Network()
        net.E = population(table.values(), dt=dt * u.ms, **options)
        rec = bs.simulate(
            net, max(ms(p.duration) for p in table.values()) * u.ms, dt=dt * u.ms, record=["E.spikes", "E.V"]
        )
        train = rec.spikes["E"]
        for k, (name, p) in enumerate(table.items()):
            if steps[name] == dt:
                own = np.asarray(train.times / u.ms)[np.asarray(train.indices) == k]
                found[name] = own[own <= ms(p.duration) + 1e-9]
                V[name] = np.asarray(rec["E.V"] / u.mV)[: round(ms(p.duration) / dt), k]
    return found, V


# -- Izhikevich, 2004 ------------------------------------------------------------------------------------------------


def pulses(height, width, *times):
    return lambda t: height * any(T < t < T + width for T in times)


# The program of the paper, line by line: a, b, c, d, V, step, duration, current; then how it differs, and how often it
# fires.
PROGRAM = {
    "tonic spiking": ((0.02, 0.2, -65, 6, -70, 0.25, 100, lambda t: 14 * (t > 10)), {}, 5),
    "phasic spiking": ((0.02, 0.25, -65, 6, -64, 0.25, 200, lambda t: 0.5 * (t > 20)), {}, 1),
    "tonic bursting": ((0.02, 0.2, -50, 2, -70, 0.25, 220, lambda t: 15 * (t > 22)), {}, 28),
    "phasic bursting": ((0.02, 0.25, -55, 0.05, -64, 0.2, 200, lambda t: 0.6 * (t > 20)), {}, 6),
    "mixed mode": ((0.02, 0.2, -55, 4, -70, 0.25, 160, lambda t: 10 * (t > 16)), {}, 6),
    "spike frequency adaptation": ((0.01, 0.2, -65, 8, -70, 0.25, 85, lambda t: 30 * (t > 8.5)), {}, 6),
    "class 1 excitability": ((0.02, -0.1, -55, 6, -60, 0.25, 300, lambda t: 0.075 * max(t - 30, 0)), {"k": (4.1, 108)}, 10),
    "class 2 excitability": ((0.2, 0.26, -65, 0, -64, 0.25, 300, lambda t: -0.5 + 0.015 * max(t - 30, 0)), {}, 14),
    "spike latency": ((0.02, 0.2, -65, 6, -70, 0.2, 100, pulses(7.04, 3, 10)), {}, 1),
    "subthreshold oscillations": ((0.05, 0.26, -60, 0, -62, 0.25, 200, pulses(2, 5, 20)), {}, 1),
    "resonator": ((0.1, 0.26, -60, -1, -62, 0.25, 400, pulses(0.65, 4, 40, 60, 280, 320)), {}, 1),
    "integrator": ((0.02, -0.1, -55, 6, -60, 0.25, 100, pulses(9, 2, 100 / 11, 100 / 11 + 5, 70, 80)), {"k": (4.1, 108)}, 1),
    "rebound spike": ((0.03, 0.25, -60, 4, -64, 0.2, 200, pulses(-15, 5, 20)), {}, 1),
    "rebound burst": ((0.03, 0.25, -52, 0, -64, 0.2, 200, pulses(-15, 5, 20)), {}, 7),
    "threshold variability": (
        (0.03, 0.25, -60, 4, -64, 0.25, 100, lambda t: pulses(1, 5, 10, 80)(t) + pulses(-6, 5, 70)(t)), {}, 1,
    ),
    "bistability": ((0.1, 0.26, -60, 0, -61, 0.25, 300, lambda t: 0.24 + pulses(1, 5, 37.5, 216)(t)), {}, 5),
    "depolarising after-potential": ((1.0, 0.2, -60, -21, -70, 0.1, 50, lambda t: 20 * (abs(t - 10) < 1)), {}, 1),
    "accommodation": (
        (0.02, 1.0, -55, 4, -65, 0.5, 400, lambda t: t / 25 if t < 200 else (t - 300) / 12.5 * 4 if 300 <= t < 312.5 else 0),
        {"u": -16, "recovery": lambda a, b, V, w: a * b * (V + 65)}, 1,
    ),
    "inhibition-induced spiking": ((-0.02, -1.0, -60, 8, -63.8, 0.5, 350, lambda t: 80 if t < 50 or t > 250 else 75), {}, 3),
    "inhibition-induced bursting": ((-0.026, -1.0, -45, -2, -63.8, 0.5, 350, lambda t: 80 if t < 50 or t > 250 else 75), {}, 12),
}  # fmt: skip


def program(a, b, c, d, V, tau, duration, current, k=(5, 140), u=None, recovery=lambda a, b, V, w: a * (b * V - w)):
    w, fired = b * V if u is None else u, []
    for n in range(round(duration / tau)):
        V = V + tau * (0.04 * V**2 + k[0] * V + k[1] - w + current(round(n * tau, 9)))
        w = w + tau * recovery(a, b, V, w)
        if V > 30:
            V, w = c, w + d
            fired.append((n + 1) * tau)
    return np.array(fired)


@pytest.fixture(scope="module")
def izhikevich():
    return spikes_of(IZHIKEVICH_2004)


@pytest.mark.parametrize("name", IZHIKEVICH_2004)
def test_izhikevich_patterns_are_those_of_the_program(name, izhikevich):
    line, options, count = PROGRAM[name]
    theirs = program(*line, **options)
    assert len(theirs) == count
    np.testing.assert_allclose(izhikevich[0][name], theirs, atol=1e-6)


def test_what_izhikevich_shows(izhikevich):
    t, V = izhikevich
    groups = lambda name, gap: np.split(t[name], np.nonzero(np.diff(t[name]) > gap)[0] + 1)
    assert [len(burst) for burst in groups("tonic bursting", 10)][:3] == [10, 6, 6]
    assert t["phasic bursting"][-1] < 70  # one burst at the onset, then silence for two thirds of the step
    assert [len(group) for group in groups("mixed mode", 20)] == [3, 1, 1, 1]  # a burst, then single spikes
    assert np.all(np.diff(np.diff(t["spike frequency adaptation"])) > 0)
    # From low rates
    assert t["class 1 excitability"][1] - t["class 1 excitability"][0] > 2 * np.diff(t["class 1 excitability"])[-1]
    assert np.diff(t["class 2 excitability"])[0] < 22  # begins at 50 Hz
    assert t["spike latency"][0] - 13 > 10  # long after the end of the pulse
    after = V["subthreshold oscillations"][round(50 / 0.25) :]
    assert np.sum(np.diff(np.sign(np.diff(after))) != 0) >= 3  # it rings
    assert t["resonator"][0] > 320  # only the pair at the resonant interval of 40 ms
    assert t["integrator"][0] < 25  # only the pair with the shorter interval
    assert t["rebound spike"][0] > 25 and t["rebound burst"][0] > 25  # after inhibition has ended
    assert t["threshold variability"][0] > 80  # the same pulse that failed at 10 ms, now after inhibition
    assert t["bistability"][0] > 37.5 and t["bistability"][-1] < 216  # switched on, and off, by equal pulses
    dap = V["depolarising after-potential"][round(t["depolarising after-potential"][0] / 0.1) + 5 :]
    assert -60 < dap.max() < -45 and dap[-1] < -69  # a hump that stays below threshold, and rest
    assert t["accommodation"][0] > 300  # not the slow ramp to 8, but the fast one to 4
    for name in ("inhibition-induced spiking", "inhibition-induced bursting"):
        assert t[name][0] > 50 and t[name][-1] < 250


# -- Naud et al., 2008, and Mihalas and Niebur, 2009 -----------------------------------------------------------------


def event_driven(pattern, f, y, event, jump):
    """Spike times by an adaptive method of order 8 that stops at the event."""
    cuts = sorted(
        {
            0.0,
            ms(pattern.duration),
            *(float(t) for piece in pattern.pieces for t in piece[:2] if t < ms(pattern.duration)),
        }
    )
    fired = []
    event.terminal, event.direction = True, 1
    for start, stop in zip(cuts, cuts[1:]):
        current, t = float(u.get_mantissa(pattern.current((start + stop) / 2 * u.ms))), start
        if event(t, y, current) >= 0:
            fired.append(t)
            y = jump(y)
        while t < stop:
            # A state at the threshold must leave it first.
            leave = min(t + 1e-6, stop)
            y = solve_ivp(f, (t, leave), y, args=(current,), method="DOP853", rtol=1e-10, atol=1e-10).y[:, -1]
            if leave == stop:
                break
            solution = solve_ivp(
                f, (leave, stop), y, args=(current,), events=event, method="DOP853", rtol=1e-10, atol=1e-10
            )
            assert solution.success, solution.message
            t, y = solution.t[-1], solution.y[:, -1]
            if solution.status == 1:
                fired.append(t)
                y = jump(y)
    return np.array(fired)


def plain(pattern, name):
    return float(np.ravel(u.get_mantissa(getattr(pattern.model(1, **pattern.values), name)))[0])


def naud(pattern):
    g, E, C, a, tau_w, b, reset = (plain(pattern, k) for k in ("g_L", "E_L", "C", "a", "tau_w", "b", "V_reset"))

    def f(t, y, I):
        V, w = min(y[0], -20.0), y[1]
        return [(g * (E - V) + 2 * g * np.exp((V + 50) / 2) - w + I) / C, (a * (V - E) - w) / tau_w]

    # From -25 mV to the peak at 0 it takes less than 1e-5 ms.
    return event_driven(pattern, f, [E, 0.0], lambda t, y, I: y[0] + 25, lambda y: [reset, y[1] + b])


def mihalas_niebur(pattern):
    """In the units of the paper, but ms and mV: currents over C in V/s, which is mV/ms; rates in 1/ms."""
    a, A_1, A_2 = plain(pattern, "a") * 1e-3, plain(pattern, "A_1") / 100, plain(pattern, "A_2") / 100

    def f(t, y, I):
        V, theta, x, z = y
        return [I / 100 + x + z - 0.05 * (V + 70), a * (V + 70) - 0.01 * (theta + 50), -0.2 * x, -0.02 * z]

    def jump(y):
        return [-70.0, max(-60.0, y[1]), A_1, y[3] + A_2]

    start = [plain(pattern, "V"), plain(pattern, "Theta"), 0.01, 0.001]
    return event_driven(pattern, f, start, lambda t, y, I: y[0] - y[1], jump)


@pytest.fixture(scope="module")
def adex():
    return spikes_of(NAUD_2008)


@pytest.fixture(scope="module")
def gif():
    return spikes_of(MIHALAS_NIEBUR_2009, dt=0.01, method="rk4")


@pytest.mark.parametrize("name", NAUD_2008)
def test_adex_patterns_are_those_of_the_equations(name, adex):
    theirs, mine = naud(NAUD_2008[name]), adex[0][name]
    assert len(mine) == len(theirs)
    # Chaos: the error of the times, which is of the order of dt, grows twofold with every spike
    if name == "irregular spiking":
        theirs, mine = theirs[:4], mine[:4]
    # Ten steps: times lag
    np.testing.assert_allclose(np.diff(mine, prepend=0), np.diff(theirs, prepend=0), atol=0.2, rtol=0)


def test_what_naud_et_al_show(adex):
    t, V = adex
    intervals = {name: np.diff(times) for name, times in t.items()}
    assert np.ptp(intervals["tonic spiking"][10:]) < 0.05
    assert (
        np.all(np.diff(intervals["adaptation"][:6]) > 1)
        and intervals["adaptation"][-1] > 6 * intervals["adaptation"][0]
    )
    assert np.sum(intervals["initial burst"] < 10) == 2 and np.ptp(intervals["initial burst"][4:]) < 1.0  # then regular
    bursts = lambda name: [len(b) for b in np.split(t[name], np.nonzero(intervals[name] > 30)[0] + 1)]
    assert bursts("regular bursting")[1:-1] == [2, 2, 2]
    assert bursts("delayed regular bursting") == [4] * 8 and t["delayed regular bursting"][0] > 50
    assert t["delayed accelerating"][0] > 30 and np.all(np.diff(intervals["delayed accelerating"]) < 0.05)
    assert len(t["transient spiking"]) == 1 and V["transient spiking"][-1] > -60  # then it rests, depolarised
    irregular = intervals["irregular spiking"]
    assert irregular.std() / irregular.mean() > 0.5 and len(np.unique(np.round(irregular))) > 12


@pytest.mark.parametrize("name", MIHALAS_NIEBUR_2009)
def test_gif_patterns_are_those_of_the_equations(name, gif):
    theirs, mine = mihalas_niebur(MIHALAS_NIEBUR_2009[name]), gif[0][name]
    assert len(mine) == len(theirs)
    # The error goes with dt; where V grazes the threshold, or a pulse meets a spike, it is more than ten steps.
    np.testing.assert_allclose(np.diff(mine, prepend=0), np.diff(theirs, prepend=0), atol=0.15, rtol=0)


def test_what_mihalas_and_niebur_show(gif):
    t, V = gif
    # C/G ln[R I / (R I - 20 mV)] with R I = 30 mV
    np.testing.assert_allclose(np.diff(t["tonic spiking"]), 20 * np.log(3), atol=0.05)
    assert np.diff(t["class 1"])[0] == pytest.approx(20 * np.log(1e6 + 1), rel=0.01)  # as slow as one likes
    assert np.all(np.diff(t["spike frequency adaptation"], 2) > 0)
    assert t["phasic spiking"][-1] < 200 and t["phasic bursting"][-1] < 50
    assert t["accommodation"][-1] < 100  # the same level that fires at once does not when it is reached slowly
    assert t["threshold variability"][0] > 250
    assert t["rebound spike"][0] > 800 and len(t["rebound spike"]) == 1
    assert np.diff(t["class 2"]).max() < 60  # begins at 18 Hz or more
    assert len(t["integrator"]) == 1 and t["integrator"][0] < 50
    assert t["input bistability"][-1] < 500  # the later, equal input finds the other state
    for name in ("hyperpolarisation-induced spiking", "hyperpolarisation-induced bursting"):
        assert len(t[name]) >= 3 and V[name].max() < -50
    assert [len(b) for b in np.split(t["tonic bursting"], np.nonzero(np.diff(t["tonic bursting"]) > 40)[0] + 1)] == [
        8,
        6,
        5,
        5,
    ]
    assert len(t["rebound burst"]) == 7 and t["rebound burst"][0] > 600
    assert np.diff(t["mixed mode"])[0] < 6 and np.diff(t["mixed mode"])[-1] > 40
    after = V["after-potentials"][round(t["after-potentials"][0] / 0.01) + 1 :]
    assert after.max() > -60 and after.min() < -70.5  # a depolarising hump, then below rest
    assert t["basal bistability"][-1] < 125 and len(t["basal bistability"]) == 25  # a pulse starts it, another ends it
    assert len(t["preferred frequency"]) == 3  # of two second pulses only the one at 50 ms fires
    assert t["spike latency"][0] > 10


# -- the tables themselves -------------------------------------------------------------------------------------------


def test_a_pattern_builds_its_neuron_with_its_stimulus():
    net = bs.Network()
    net.cell = NAUD_2008["transient spiking"].neuron(2, method="rk4")
    train = bs.simulate(net, 100 * u.ms, dt=0.02 * u.ms, record="cell.spikes").spikes["cell"]
    np.testing.assert_allclose(train.times / u.ms, [30.3, 30.3], atol=0.1)


def test_patterns_of_two_models_make_no_population():
    with pytest.raises(ValueError, match=r"all patterns must be of one model, given \['AdEx', 'GIF'\]"):
        population([NAUD_2008["adaptation"], MIHALAS_NIEBUR_2009["class 1"]])


def test_tables_are_complete_and_cannot_be_changed():
    assert [len(table) for table in (IZHIKEVICH_2004, NAUD_2008, MIHALAS_NIEBUR_2009)] == [20, 8, 20]
    with pytest.raises(TypeError):
        IZHIKEVICH_2004["tonic spiking"] = None
    with pytest.raises(TypeError):
        IZHIKEVICH_2004["tonic spiking"].values["a"] = 1.0 / u.ms
