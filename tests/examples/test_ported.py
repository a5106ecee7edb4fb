"""Scripts of other simulators, ported: each gives what its original is known for."""

import ast
import importlib.util
from pathlib import Path

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))


def load(name):
    (path,) = EXAMPLES.rglob(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_short_and_public(path):
    source = path.read_text()
    tree = ast.parse(source)
    assert len(source.splitlines()) < 60
    assert {"run", "draw"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    touched = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert not [name for name in touched if name.startswith("_")]


def test_adaptive_threshold_fires_as_its_equations_say():
    rec = load("brian2_adaptive_threshold").run()
    arrive = set(np.round(rec.spikes["P"].times / u.ms / 0.1).astype(int))
    v, vt, expected = 0.0, 10.0, []
    for k in range(1, 1001):
        v = (v + 3.0 * (k - 1 in arrive)) * np.exp(-0.1 / 10)
        vt = 10 + (vt - 10) * np.exp(-0.1 / 15)
        if v > vt:
            v, vt = 0.0, vt + 3
            expected.append(k)
    assert len(expected) >= 3
    np.testing.assert_array_equal(np.round(rec.spikes["C"].times / u.ms / 0.1).astype(int), expected)


def test_phase_locking():
    module = load("brian2_phase_locking")
    cells, phase = module.phases(module.run())
    counts = np.bincount(cells, minlength=100)
    assert counts[0] == pytest.approx(3000 / (20 * np.log(1.2 / 0.2)), abs=1)  # of a constant drive, in 3 s
    assert np.all(counts[80:] == 90)  # three in each cycle of 100 ms
    for cell in range(80, 100):  # and each at the phase at which it was a cycle before
        own = phase[cells == cell]
        np.testing.assert_allclose(own[3:], own[:-3], atol=2e-3)


@pytest.mark.parametrize("angle", [-0.6, 0.0, 0.6])
def test_jeffress_map_shows_where_the_sound_comes_from(angle):
    spikes = load("brian2_jeffress").run(angle, steps=25000)
    fired = np.bincount(spikes.indices, minlength=30)
    smooth = np.convolve(fired, np.ones(5), "same")
    assert smooth.argmax() == pytest.approx(14.5 * (1 + np.sin(angle) / 1.1), abs=2)  # where both lines take as long


@pytest.mark.parametrize("angle", [40.0, 144.0, 250.0])
def test_scorpion_finds_its_prey(angle):
    counts, found = load("brian2_sturzl2000").run(angle)
    assert found == pytest.approx(angle, abs=11) and counts.max() > 30


def test_a_fluctuating_current_makes_spikes_reliable():
    module, found = load("brian2_reliability"), []
    for fluctuating in (True, False):
        spikes = module.run(fluctuating)
        times = np.asarray(spikes.times / u.ms)
        counts = np.stack([np.histogram(times[spikes.indices == k], 100, (0, 500))[0] for k in range(25)])
        assert counts.sum() > 50
        found.append(np.corrcoef(counts)[np.triu_indices(25, 1)].mean())
    assert found[0] > 0.6 and found[1] < 0.3


def test_a_run_stops_in_the_step_that_it_waits_for():
    rec = load("brian2_stop").run()
    per_step = np.bincount(np.asarray(rec.spikes["E"].steps))
    assert 0 < rec.stop / u.ms < 5000
    assert per_step[-1] > 10 and per_step[:-1].max() <= 10  # a twentieth of 200


@pytest.mark.slow
def test_inhibition_learns_the_target_rate():
    before, after = load("brian2_vogels2011").run(learning=30 * u.second)
    assert before.mean() > 50
    assert after.mean() == pytest.approx(3.0, abs=1.5) and after.std() < 2.5  # each of them


def test_balanced_neuron():
    found, tried = load("nest_balanced_neuron").run(precision=0.1)
    assert found == pytest.approx(20.7, abs=0.4)
    assert dict(tried)[15.0] > 100 and dict(tried)[25.0] < 1


def test_multimeter_shows_the_solution_of_the_equations():
    rec = load("nest_multimeter").run()
    alpha = lambda t, tau: np.where(t > 0, t / tau * np.exp(1 - t / tau), 0.0)
    g_ex = lambda t: 40 * sum(alpha(t - s, 0.2) for s in (11, 21, 51))
    g_in = lambda t: 20 * sum(alpha(t - s, 2.0) for s in (16, 26, 56))
    times = np.asarray(rec.times / u.ms)
    np.testing.assert_allclose(rec["n.ex.g"][:, 0] / u.nS, g_ex(times), atol=1e-3)
    np.testing.assert_allclose(rec["n.inh.g"][:, 0] / u.nS, g_in(times), atol=1e-3)
    rate = lambda t, V: (-70 - V + 0.06 * (g_ex(t) * (0 - V) + g_in(t) * (-85 - V))) / 15
    exact = solve_ivp(rate, (0, 100), [-70.0], t_eval=times, max_step=0.05, rtol=1e-8).y[0]
    assert np.abs(np.asarray(rec["n.V"][:, 0] / u.mV) - exact).max() < 0.02


def test_repeated_stimulation_is_on_when_it_should():
    trials = load("nest_repeated_stimulation").run(trials=4)
    assert all(len(times) > 10 for times in trials)
    assert min(times.min() for times in trials) > 50 and max(times.max() for times in trials) < 151


def test_gap_junction_brings_cells_together():
    module = load("nest_gap_junctions")
    for weight, together in ((0.2 * u.mS / u.cm2, True), (0 * u.mS / u.cm2, False)):
        spikes = module.run(weight).spikes["n"]
        last = [spikes.times[spikes.indices == k][-1] / u.ms for k in (0, 1)]
        assert (abs(last[0] - last[1]) < 0.06) == together


def test_bump_follows_the_stimulus():
    seen, bump, _ = load("brainpy_cann2d").run()
    late = np.linalg.norm(bump - seen, axis=1)[100:]
    assert 0.02 < late.max() < 0.12  # behind it, by about the time constant


def test_echo_state_network_predicts():
    series, predicted = load("brainpy_esn").run()
    error = np.sqrt(np.mean((series - predicted) ** 2)) / series.std()
    assert error < 0.05  # a copy of the last value is 1 off
    assert np.sqrt(np.mean((series[10:] - series[:-10]) ** 2)) / series.std() > 0.5


def test_digits_are_learned():
    history = load("snntorch_tutorial_5").run(epochs=4)
    assert max(history["validation accuracy"]) > 0.85


def test_membrane_learns_to_follow_a_curve():
    target, found, history = load("snntorch_regression").run(epochs=100)
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert np.abs(target - found)[10:].mean() < 0.15


def test_ping_is_a_gamma_rhythm_in_which_inhibition_answers():
    """Börgers and Kopell: 30 to 50 Hz with inhibition that decays in 10 ms; interneurons fire once per cycle, behind the others."""
    rec, frequency = load("brainpy_ping").run()
    assert 30 < frequency < 50
    E, I = (rec.spikes[name].counts(bin=1 * u.ms, start=100 * u.ms).sum(1).astype(float) for name in "EI")  # noqa: E741
    lags = np.arange(-8, 9)
    together = [np.sum(E[8:-8] * np.roll(I, -lag)[8:-8]) for lag in lags]
    assert 1 <= lags[np.argmax(together)] <= 5
    assert rec.spikes["I"].rate(start=100 * u.ms).mantissa == pytest.approx(frequency, rel=0.15)
