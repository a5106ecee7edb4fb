"""Normalisations that know of time, against what their papers say, written out in NumPy."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import BATCH, applied, changing_values, over_time

STEPS, EXAMPLES, FEATURES = 4, 6, 3
X = np.random.default_rng(0).normal(1.0, 2.0, (EXAMPLES, STEPS, 5, FEATURES))
KEY = jax.random.PRNGKey(0)


def over(spec, x=X):
    """What a layer makes of all examples and steps, and what it remembers after them."""
    module = spec.module(x.shape[2:], KEY)
    module.scale.set_value(module.scale.get_value() * 1.3)

    def one(x, step):
        own = jax.tree.map(lambda leaf: leaf, module)
        return applied(own, x, KEY, step), changing_values(own)

    made = []
    for t in range(STEPS):
        y, kept = jax.vmap(one, in_axes=(0, None), out_axes=(0, None), axis_name=BATCH)(x[:, t], t)
        for variable, value in zip((module.mean, module.var), kept):
            variable.set_value(value)
        made.append(y)
    return jnp.stack(made, 1), kept


def normalised(x, axes, epsilon=1e-5):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + epsilon)


def test_bntt_has_statistics_of_each_step():
    made, (mean, var) = over(bs.nn.BNTT(STEPS))
    np.testing.assert_allclose(made, 1.3 * normalised(X, (0, 2)), atol=1e-12)
    np.testing.assert_allclose(mean, 0.1 * X.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var, 0.9 + 0.1 * X.var((0, 2)), rtol=1e-12)


def over_all(spec):
    """What a layer that takes all steps makes of them, and what it remembers."""
    module = spec.module(X.shape[2:], KEY)
    module.scale.set_value(module.scale.get_value() * 0 + 1.3)
    module.bias.set_value(module.bias.get_value() + 0.2)
    if hasattr(module, "factor"):
        module.factor.set_value(jnp.arange(1.0, STEPS))  # the last step has none of its own

    def one(x):
        own = jax.tree.map(lambda leaf: leaf, module)
        return over_time(own, x, jnp.arange(STEPS)), changing_values(own)

    return jax.vmap(one, out_axes=(0, None), axis_name=BATCH)(X)


def test_tdbn_takes_statistics_over_all_steps():
    made, (mean, var) = over_all(bs.nn.TDBN(V_th=0.8, momentum=0.9))
    np.testing.assert_allclose(made, 1.3 * normalised(X, (0, 1, 2)) + 0.2, atol=1e-12)
    np.testing.assert_allclose(mean, 0.1 * X.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(var, 0.9 + 0.1 * X.var((0, 1, 2)), rtol=1e-12)
    module = bs.nn.TDBN(V_th=0.8, alpha=0.5).module((FEATURES,), KEY)
    np.testing.assert_allclose(module.scale.get_value(), 0.4)


def test_tebn_has_a_factor_for_each_step():
    made, _ = over_all(bs.nn.TEBN(STEPS - 1))
    factor = np.array([1.0, 2.0, 3.0, 3.0])[None, :, None, None]
    np.testing.assert_allclose(made, factor * (1.3 * normalised(X, (0, 1, 2)) + 0.2), atol=1e-12)


def stack(norm, **options):
    return bs.nn.Sequential(4, bs.nn.Linear(3), norm, bs.nn.LeakyReadout(read="sequence", **options))


def test_statistics_over_all_steps_in_a_network():
    net = stack(bs.nn.TDBN(momentum=0.5))
    objective = bs.train.Objective(net, 3 * u.ms, loss=lambda out, _: jnp.sum(out**2))
    x = np.random.default_rng(2).normal(size=(8, 3, 4))
    batch = bs.train.Batch(x, np.zeros(8))
    _, result = objective({}, objective.carried, batch, KEY)
    y = x @ np.asarray(net["input->output"].layer.layers[0].kernel.get_value())
    z, expected = normalised(y, (0, 1)), np.zeros((8, 3))
    for t in range(2):
        expected = np.exp(-1 / 20) * (expected + z[:, t])
        np.testing.assert_allclose(result.outputs[:, t + 1], expected, atol=1e-12)
    at = "input->output.layer.layers.1."
    np.testing.assert_allclose(result.carried[at + "mean"], 0.5 * y.mean((0, 1)), rtol=1e-12)
    bs.train.fit(
        net, (x, np.zeros(8)), 3 * u.ms, loss=lambda out, _: jnp.sum(out**2), epochs=2, batch=4, progress=False
    )
    remembered = net["input->output"].layer.layers[1]
    assert np.abs(remembered.mean.get_value()).max() > 0
    # in a simulation the running statistics hold, in a function that goes layer by layer too
    courses = {"input.input": x[0]}
    rec = bs.simulate(net, 3 * u.ms, dt=1 * u.ms, record="output.V", inputs=courses, progress=False)
    net.reset()
    run = bs.function(net, 3 * u.ms, dt=1 * u.ms, record=["output.V"])
    assert run.order.groups
    np.testing.assert_allclose(run({}, {}, inputs=courses)[1]["output.V"], rec["output.V"].to_decimal(u.mV), atol=1e-12)


def test_where_all_steps_are_not_there_at_once():
    net = stack(bs.nn.TDBN(), name="output")
    net.connect(
        net.output, net.output, bs.AllToAll(), receptor="input", weight=0.1 * u.mV, delay=bs.Uniform(1 * u.ms, 2 * u.ms)
    )
    objective = bs.train.Objective(net, 3 * u.ms, loss=lambda out, _: jnp.sum(out))
    with pytest.raises(ValueError, match="goes step by step .* nn.BatchNorm"):
        objective({}, objective.carried, bs.train.Batch(np.ones((2, 3, 4)), np.zeros(2)), KEY)


def test_bntt_in_a_network():
    """Trained in the batch, remembered step by step, and used in a simulation; the last step holds on."""
    net = bs.nn.Sequential(4, bs.nn.Linear(3), bs.nn.BNTT(3, momentum=0.5), bs.nn.LeakyReadout(read="sequence"))
    objective = bs.train.Objective(net, 3 * u.ms, loss=lambda out, _: jnp.sum(out))
    x = np.random.default_rng(2).normal(size=(8, 3, 4))
    _, result = objective({}, objective.carried, bs.train.Batch(x, np.zeros(8)), KEY)
    layer = net["input->output"].layer.layers
    y = x @ np.asarray(layer[0].kernel.get_value())
    expected = np.zeros((8, 3))
    for t in range(2):
        expected = np.exp(-1 / 20) * (expected + normalised(y[:, t], 0))
        np.testing.assert_allclose(result.outputs[:, t + 1], expected, atol=1e-12)
    at = "input->output.layer.layers.1."
    np.testing.assert_allclose(result.carried[at + "mean"], 0.5 * y.mean(0), rtol=1e-12)
    for name, variable in (("mean", layer[1].mean), ("var", layer[1].var)):
        variable.set_value(result.carried[at + name])
    net.reset()  # which leaves what was learned
    rec = bs.simulate(net, 5 * u.ms, dt=1 * u.ms, record="output.V", inputs={"input.input": np.tile(x[0, 0], (5, 1))})
    mean, var, V = 0.5 * y.mean(0), 0.5 + 0.5 * y.var(0), np.zeros(3)
    for t in range(4):
        row = min(t, 2)
        V = np.exp(-1 / 20) * (V + (y[0, 0] - mean[row]) / np.sqrt(var[row] + 1e-5))
        np.testing.assert_allclose(rec["output.V"][t + 1].to_decimal(u.mV), V, rtol=1e-9)


def test_steps_are_a_whole_number():
    for kind in (bs.nn.BNTT, bs.nn.TEBN):
        with pytest.raises(ValueError, match=f"nn.{kind.__name__}: steps must be a positive integer, given 0"):
            kind(0)
