"""Gradients without a way back are that of backpropagation, or are it in the mean; a search finds what it is asked for."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs

from .conftest import small
from .test_fit import WEIGHTS, fit, weights

KEY = jax.random.PRNGKey(3)


@pytest.fixture(scope="module")
def gradients(examples):
    """Of weights and a time constant, by rule."""
    net = small(n=6, hidden=3)
    objective = bs.train.Objective(
        net, 4 * u.ms, loss=bs.train.losses.cross_entropy, read="out.V", encode=bs.encoding.Constant()
    )
    chosen = {path: objective.run.parameters[path] for path in (*WEIGHTS, "hidden.tau")}
    batch = bs.train.Batch(examples[0][:9], examples[1][:9])
    rules = {
        "bptt": bs.train.bptt,
        "forward": bs.train.forward,
        "directions": bs.train.RandomDirections(3000),
    }
    return {name: jax.jit(rule(objective))(chosen, {}, batch, KEY) for name, rule in rules.items()}


def test_forward_mode_is_backpropagation(gradients):
    (loss, result), slopes = gradients["forward"]
    (exact, same), expected = gradients["bptt"]
    assert float(loss) == float(exact)
    np.testing.assert_array_equal(result.outputs, same.outputs)
    for path in expected:
        np.testing.assert_allclose(slopes[path], expected[path], rtol=1e-4, atol=1e-6, err_msg=path)


def test_random_directions_are_the_gradient_in_the_mean(gradients):
    """The standard error of a component is at most |g| sqrt(2 / K)."""
    slopes, expected = gradients["directions"][1], gradients["bptt"][1]
    length = np.sqrt(sum(float(jnp.sum(g**2)) for g in expected.values()))
    for path in expected:
        np.testing.assert_allclose(slopes[path], expected[path], atol=4.5 * length * np.sqrt(2 / 3000), err_msg=path)
    with pytest.raises(ValueError, match="one at least"):
        bs.train.RandomDirections(0)


def test_the_gradient_that_perturbations_tell_of():
    """Of a linear function exactly, of pairs that span the space; of ranks by hand."""
    slope, sigma = np.array([2.0, -1.0, 0.5]), 0.1
    tried = sigma * np.sqrt(3) * np.concatenate([np.eye(3), -np.eye(3)])
    found = bs.train.evolved(jnp.asarray(tried @ slope + 7), jnp.asarray(tried), sigma, ranks=False)
    np.testing.assert_allclose(found, slope, rtol=1e-5)
    ranked = bs.train.evolved(jnp.array([3.0, 100.0, -1.0]), jnp.array([[1.0], [2.0], [4.0]]), 1.0)
    np.testing.assert_allclose(ranked, [(0 * 1 + 0.5 * 2 - 0.5 * 4) / 3])


def test_evolution_learns_without_a_surrogate(examples):
    net = small(surrogate=None)
    history = fit(net, examples, epochs=8, gradient=bs.train.Evolution(16, sigma=0.1), optimizer=optax.adam(0.1))
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    with pytest.raises(ValueError, match="even"):
        bs.train.Evolution(3)


@pytest.mark.parametrize("name", ["cma_es", "simulated_annealing", pytest.param("SimpleGA", marks=pytest.mark.slow)])
def test_a_search_finds_better_parameters(examples, tmp_path, name):
    pytest.importorskip("evosax")
    options = dict(gradient=bs.train.Search(name, population=8, sigma=0.2), optimizer=None, batch=60, freeze="pixels*")
    net, epochs = small(surrogate=None), 12
    history = fit(net, examples, epochs=epochs, **options)
    assert history["loss"][-1] < history["loss"][0] and "best loss" in history.names
    if name == "simulated_annealing":  # ended and gone on with
        fit(small(surrogate=None), examples, epochs=5, checkpoint=tmp_path / "c", **options)
        resumed = small(surrogate=None)
        fit(resumed, examples, epochs=epochs, checkpoint=tmp_path / "c", **options)
        for one, other in zip(weights(resumed), weights(net)):
            np.testing.assert_array_equal(one, other)


def test_searches_refuse_what_they_cannot(examples, monkeypatch):
    pytest.importorskip("evosax")
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'cma_es'"):
        bs.train.Search("cma-es")
    with pytest.raises(bs.UnknownNameError, match="no option 'temperature_deca'.*temperature_decay"):
        fit(
            small(),
            examples,
            optimizer=None,
            gradient=bs.train.Search("simulated_annealing", options={"temperature_deca": 1.0}),
        )
    with pytest.raises(ValueError, match="cma_es is a search and has no gradient"):
        fit(small(), examples, gradient=bs.train.Search())
    monkeypatch.setitem(__import__("sys").modules, "evosax", None)
    with pytest.raises(ImportError, match=r"pip install 'brainsim\[evolution\]'"):
        bs.train.Search()
