"""Spikes by chance: their probabilities, and derivatives against sums over everything that can happen."""

import itertools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import chance

KINDS = [chance.Escape(0.3), chance.ScoreFunction(0.3), chance.StraightThroughGumbel(0.3, temperature=0.7)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_it_fires_with_the_probability_that_it_says(kind):
    """Ten thousand draws of each distance, within five standard errors; all kinds fire the same."""
    x = jnp.linspace(-1, 1, 9)[None] * jnp.ones((10_000, 1))
    draw = jax.random.uniform(jax.random.PRNGKey(0), (10_000, 9))
    spikes = kind.spike(kind.odds(x), draw)
    p = sigmoid(np.asarray(x[0]) / 0.3)
    assert set(np.unique(spikes)) == {0.0, 1.0}
    assert np.all(np.abs(np.mean(spikes, axis=0) - p) < 5 * np.sqrt(p * (1 - p) / 10_000))
    np.testing.assert_array_equal(spikes, KINDS[0].spike(KINDS[0].odds(x), draw))
    never = kind.spike(jnp.zeros(3), jnp.array([0.0, 1e-30, 0.5]))
    np.testing.assert_array_equal(never, 0)


def test_derivatives_of_single_spikes():
    x, draw = jnp.array([-0.4, 0.1, 0.5]), jnp.array([0.2, 0.3, 0.9])
    slopes = [jax.grad(lambda x, kind=kind: jnp.sum(kind.spike(kind.odds(x), draw)))(x) for kind in KINDS]
    p = sigmoid(np.asarray(x) / 0.3)
    np.testing.assert_allclose(slopes[0], p * (1 - p) / 0.3, rtol=1e-12)
    np.testing.assert_array_equal(slopes[1], 0)
    soft = sigmoid((np.asarray(x) / 0.3 + np.log(1 / np.asarray(draw) - 1)) / 0.7)
    np.testing.assert_allclose(slopes[2], soft * (1 - soft) / 0.3 / 0.7, rtol=1e-12)
    # as T goes to 0 the relaxed draw is the spike
    cold = chance.StraightThroughGumbel(0.3, temperature=1e-3)
    odds = cold.odds(x)
    np.testing.assert_array_equal(
        jnp.round(sigmoid((np.asarray(x) / 0.3 + np.log(1 / np.asarray(draw) - 1)) / 1e-3)), cold.spike(odds, draw)
    )


def cell(kind, n=1):
    net = bs.Network(seed=2)
    net.E = bs.neurons.LIF(
        n, tau=2 * u.ms, R=1 * u.Gohm, E_L=0 * u.mV, V=0 * u.mV, V_reset=0 * u.mV, V_th=1 * u.mV, surrogate=kind
    )
    net.E.add_stimuli(drive=bs.stimuli.Constant(0.8 * u.pA))
    return net


def test_a_neuron_is_what_its_equation_says():
    """Counts of the first four steps, against all sixteen courses of one neuron; refractory neurons have no chance."""
    kind, steps = chance.ScoreFunction(0.4), 4
    net = cell(kind, 20_000)
    run = bs.function(net, steps * u.ms, dt=1 * u.ms, record=["E.spikes", "E.log_p"])
    recorded = run({}, {})[1]
    courses = np.asarray(recorded["E.spikes"]).T.astype(int)
    expected, log_p = {}, {}
    for course in itertools.product((0, 1), repeat=steps):
        V, p = 0.0, 1.0
        for s in course:
            V = 0.8 + (V - 0.8) * np.exp(-0.5)
            fires = sigmoid((V - 1) / 0.4)
            p, V = p * (fires if s else 1 - fires), 0.0 if s else V
        expected[course], log_p[course] = p, np.log(p)
    for course, p in expected.items():
        here = np.all(courses == course, axis=1)
        assert abs(here.mean() - p) < 5 * np.sqrt(p * (1 - p) / len(courses))
        np.testing.assert_allclose(np.asarray(recorded["E.log_p"]).sum(axis=0)[here], log_p[course], rtol=1e-9)
    assert sum(expected.values()) == pytest.approx(1, rel=1e-12)


def test_the_score_function_has_no_bias():
    """The mean over 20,000 draws of the gradient, against the sum over all courses; a loss that only counts."""
    kind = chance.ScoreFunction(0.4)
    net = cell(kind)
    net.S = bs.sources.SpikeInput(1)
    objective = bs.train.Objective(
        net,
        3 * u.ms,
        dt=1 * u.ms,
        read=("E.spikes", "count"),
        loss=lambda count, target: (jax.lax.stop_gradient(count[0]) - 2) ** 2,
    )

    def exact(drive):
        total = 0.0
        for course in itertools.product((0, 1), repeat=3):
            V, p = 0.0, 1.0
            for s in course:
                V = drive + (V - drive) * np.exp(-0.5)
                fires = 1 / (1 + jnp.exp((1 - V) / 0.4))
                p, V = p * (fires if s else 1 - fires), 0.0 if s else V
            total = total + p * (sum(course) - 2) ** 2
        return total

    n = 20_000
    batch = bs.train.Batch(jnp.zeros((n, 3, 1)), jnp.zeros(n))
    parameters = {"E.drive.amplitude": objective.run.parameters["E.drive.amplitude"]}
    (loss, _), gradient = jax.jit(bs.train.reinforce(objective))(
        parameters, objective.carried, batch, jax.random.PRNGKey(1)
    )
    expected = jax.value_and_grad(exact)(0.8)
    scale = float(np.ravel(parameters["E.drive.amplitude"])[0]) / 0.8
    assert float(loss) == pytest.approx(float(expected[0]), abs=0.05)
    assert float(jnp.sum(gradient["E.drive.amplitude"])) * scale == pytest.approx(float(expected[1]), rel=0.05)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="Escape: width must be a positive number, got 0"):
        chance.Escape(0)
    with pytest.raises(ValueError, match="SRM0 fires by chance already"):
        bs.neurons.SRM0(1, surrogate=chance.Escape())
    with pytest.raises(ValueError, match="spike_times='exact' is not for neurons with a surrogate"):
        bs.neurons.LIF(1, surrogate=chance.Escape(), spike_times="exact", refractory=1 * u.ms)
    net = bs.nn.Sequential(2, bs.nn.Linear(3), bs.nn.LIF(), bs.nn.Linear(2), bs.nn.LeakyReadout())
    objective = bs.train.Objective(net, 3 * u.ms, loss=bs.train.losses.cross_entropy)
    with pytest.raises(ValueError, match="no population draws its spikes with a score function"):
        bs.train.reinforce(objective)
    with pytest.raises(ValueError, match="hidden1 sends its spikes at the ends of steps"):
        bs.train.eventprop(objective)
