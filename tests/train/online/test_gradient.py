"""Eligibility traces in the place of backpropagation: the same losses, and the same gradients where theory says so."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from tests.train.online.networks import assert_equal


@pytest.mark.parametrize("decode", ["mean", "maximum"])
def test_any_decoder_has_the_gradient_of_backpropagation(decode):
    net = bs.nn.Sequential(6, bs.nn.Linear(8), bs.nn.LIF(tau=8 * u.ms), bs.nn.Linear(3), bs.nn.LeakyReadout(), seed=1)
    cross = lambda output, target: optax.softmax_cross_entropy_with_integer_labels(output, target)
    objective = bs.train.Objective(net, 15 * u.ms, dt=1 * u.ms, loss=cross, read=("output.V", decode))
    rng = np.random.default_rng(0)
    batch = bs.train.Batch(
        (rng.uniform(size=(4, 15, 6)) < 0.5).astype(float), np.array([0, 1, 2, 1]), np.array([15, 9, 12, 15])
    )
    parameters = {path: x for path, x in objective.run.parameters.items() if path.endswith(".weight")}
    found = {}
    for name, gradient in (
        ("bptt", bs.train.bptt),
        ("d_rtrl", bs.train.Eligibility()),
        ("ottt", bs.train.Eligibility("ottt")),
    ):
        step = jax.jit(gradient(objective))
        found[name] = step(parameters, objective.carried, batch, jax.random.PRNGKey(0))
    np.testing.assert_array_equal(found["bptt"][0][0], found["d_rtrl"][0][0])
    assert_equal(found["d_rtrl"][1], found["bptt"][1], 1e-11)
    first = "input->hidden1.weight"
    assert np.abs(found["bptt"][1][first]).max() > 0
    assert np.abs(found["ottt"][1][first] - found["bptt"][1][first]).max() > 0
    assert jnp.vdot(found["ottt"][1][first], found["bptt"][1][first]) > 0


def test_what_needs_losses_of_its_own_is_refused():
    with pytest.raises(ValueError, match="DECOLLE has losses of its own"):
        bs.train.Eligibility(bs.train.rules.DECOLLE(outputs=2, loss=jnp.sum))
    with pytest.raises(ValueError, match="feedback='adaptive' goes on"):
        bs.train.Eligibility("e_prop", feedback="adaptive")


def test_a_fit_by_e_prop_is_one_word_away(examples):
    x, labels = examples
    net = bs.nn.Sequential(6, bs.nn.Linear(12), bs.nn.LIF(tau=8 * u.ms), bs.nn.Linear(3), bs.nn.LeakyReadout(), seed=1)
    history = bs.train.fit(net, (x, labels), 10 * u.ms, encode=bs.encoding.Constant(), gradient="e_prop",
                           optimizer=optax.adam(0.02), epochs=12, batch=20, progress=False)  # fmt: skip
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    with pytest.raises(bs.UnknownNameError, match="gradient: 'e_porp' is unknown.*e_prop"):
        bs.train.fit(net, (x, labels), 10 * u.ms, encode=bs.encoding.Constant(), gradient="e_porp", progress=False)
