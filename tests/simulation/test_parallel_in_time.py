"""All steps of a population at once in functions and in training: what a loop gives, chosen by a word or where it pays."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.simulation.order import is_linear

STEPS, N = 20, 4
COURSE = np.random.default_rng(3).random((3, STEPS, N)) < 0.4
MEMORY = bs.receptors.StateSpace(1, tau=30 * u.ms, frequency=20 * u.Hz)


def stack():
    """Two layers that reset, and a readout that hears of the second with a delay."""
    return bs.nn.Sequential(
        N, bs.nn.Linear(6, gain=20.0), bs.nn.LIF(tau=4 * u.ms, reset="subtract", receptor=MEMORY),
        bs.nn.Linear(5, gain=4.0), bs.nn.LIF(refractory=2 * u.ms), bs.nn.Linear(2, delay=3 * u.ms), bs.nn.LeakyReadout(), seed=2,
    )  # fmt: skip


def results(net, **options):
    record = ["hidden1.V", "hidden1.input.x_re", "hidden2.spikes", "output.V"]
    run = bs.function(net, STEPS * u.ms, dt=1 * u.ms, record=record, **options)
    learned = {path: x for path, x in run.parameters.items() if path.endswith(("weight", "tau"))}

    def loss(parameters):
        def one(course):
            state, recorded = run(parameters, {}, inputs={"input.input": course.astype(float)})
            return jnp.sum(recorded["output.V"] ** 2) + jnp.sum(recorded["hidden2.spikes"]), (state, recorded)

        values, rest = jax.vmap(one)(COURSE)
        return jnp.sum(values), rest

    return str(run.order), jax.jit(jax.value_and_grad(loss, has_aux=True))(learned)


@pytest.fixture(scope="module")
def expected():
    order, found = results(stack())
    assert order == "layer by layer: input, hidden1, hidden2, output"
    return found


def same(found, expected):
    assert float(expected[0][1][1]["hidden2.spikes"].sum()) > 10
    for (path, x), (_, y) in zip(*(jax.tree_util.tree_leaves_with_path(r) for r in (found, expected)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9 * max(1, float(jnp.max(jnp.abs(y)))), err_msg=str(path))


def test_by_a_word(expected):
    order, found = results(stack(), parallel="time")
    together = "hidden1 (all steps at once), hidden2 (all steps at once), output (all steps at once)"
    assert order == f"layer by layer: input, {together}"
    same(found, expected)


def test_linear_populations_by_themselves_on_accelerators(expected, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    order, found = results(stack())
    assert order == "layer by layer: input, hidden1, hidden2, output (all steps at once)"
    same(found, expected)


@pytest.mark.parametrize(
    ("spec", "linear"),
    [
        (bs.nn.LIF(reset="none"), True), (bs.nn.LeakyReadout(), True), (bs.nn.ResonateAndFire(), True),
        (bs.nn.LIF(reset="none", receptor=MEMORY), True), (bs.nn.LIF(), False), (bs.nn.ALIF(), False),
        (bs.nn.LIF(reset="none", refractory=1 * u.ms), False),
        (bs.nn.LIF(reset="none", receptor=bs.receptors.Exponential(tau=5 * u.ms, reversal=1 * u.mV)), False),
        (bs.nn.ResonateAndFire(reset="point"), False), (bs.nn.Neurons(bs.neurons.ExpIF), False),
    ],
)  # fmt: skip
def test_what_is_linear(spec, linear):
    assert is_linear(spec.population((3,))) == linear


def test_training_by_the_word_is_that_by_the_loop():
    def trained(**options):
        net = bs.nn.Sequential(N, bs.nn.Linear(6, gain=3.0), bs.nn.LIF(), bs.nn.Linear(2), bs.nn.LeakyReadout())
        history = bs.train.fit(
            net, (COURSE.astype(float), np.array([0, 1, 1])), STEPS * u.ms, dt=1 * u.ms, epochs=3, progress=False,
            optimizer=optax.sgd(0.1), **options,
        )  # fmt: skip
        return history["loss"], np.asarray(net["input->hidden1"].weight.mantissa)

    (loss, weight), (others, other) = trained(), trained(parallel="time")
    assert loss[0] - loss[-1] > 1e-3
    np.testing.assert_allclose(others, loss, rtol=1e-9)
    np.testing.assert_allclose(other, weight, rtol=1e-7, atol=1e-9)


def test_where_it_cannot_be_it_is_refused_with_the_reason():
    recurrent = bs.nn.Sequential(N, bs.nn.Linear(3), bs.nn.LIF(recurrent=True))
    with pytest.raises(ValueError, match="parallel='time': every population that is integrated reaches itself"):
        bs.function(recurrent, STEPS * u.ms, dt=1 * u.ms, parallel="time")
    with pytest.raises(ValueError, match="parallel='time': this network goes step by step: checkpoint_every"):
        bs.function(stack(), STEPS * u.ms, dt=1 * u.ms, parallel="time", checkpoint_every=5)
    with pytest.raises(ValueError, match="parallel: expected 'time' or None, given 'tme'.*Did you mean 'time'"):
        bs.function(stack(), STEPS * u.ms, dt=1 * u.ms, parallel="tme")
    run = bs.function(stack(), STEPS * u.ms, dt=1 * u.ms, parallel="time", record=["steps"])
    with pytest.raises(ValueError, match="such a run goes step by step: time is recorded"):
        run({}, {})
