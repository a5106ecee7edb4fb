"""The loss of a batch is that of its examples, run one by one and written out; its gradient that of finite differences."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.train import gradients

from .conftest import small

KEY = jax.random.PRNGKey(0)
cross_entropy = optax.softmax_cross_entropy_with_integer_labels


@pytest.fixture(scope="module")
def objective():
    return bs.train.Objective(
        small(), 10 * u.ms, loss=cross_entropy, encode=bs.encoding.Constant(), read="out.V", record=["hidden.spikes"]
    )


def by_hand(net, images, labels, lengths):
    """Mean cross-entropy on the mean potentials, by simulation and NumPy."""
    losses = []
    for image, label, length in zip(images, labels, lengths):
        net.reset()
        rec = bs.simulate(net, 10 * u.ms, dt=1 * u.ms, record="out.V", inputs={"pixels.input": np.tile(image, (10, 1))})
        z = np.asarray(rec["out.V"].to_decimal(u.mV))[:length].mean(0)
        losses.append(np.log(np.exp(z).sum()) - z[label])
    return np.mean(losses)


@pytest.mark.parametrize("lengths", [None, [10, 4, 7, 1]], ids=["whole", "masked"])
def test_the_loss_is_that_of_the_examples(objective, examples, lengths):
    images, labels = examples[0][:4], examples[1][:4]
    batch = bs.train.Batch(images, labels, None if lengths is None else np.array(lengths))
    loss, result = objective({}, objective.carried, batch, KEY)
    assert float(loss) == pytest.approx(by_hand(small(), images, labels, lengths or [10] * 4), rel=1e-10)
    assert result.outputs.shape == (4, 3) and result.recorded["hidden.spikes"].shape == (4, 10, 8)
    assert float(result.losses.mean()) == pytest.approx(float(loss))


def test_the_gradient_is_that_of_finite_differences(objective, examples):
    """Of the output weights, on which spikes do not depend."""
    batch, path = bs.train.Batch(examples[0][:6], examples[1][:6]), "hidden->out.weight"
    step = jax.jit(bs.train.bptt(objective))
    parameters = {path: objective.run.parameters[path]}
    (_, _), gradient = step(parameters, {}, batch, KEY)
    direction = np.random.default_rng(1).normal(size=parameters[path].shape)
    values = [float(step({path: parameters[path] + h * direction}, {}, batch, KEY)[0][0]) for h in (1e-5, -1e-5)]
    assert float(jnp.vdot(gradient[path], direction)) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6)
    assert list(gradient) == [path]


def test_it_is_an_ordinary_function_under_transformations(objective, examples):
    batch = bs.train.Batch(examples[0][:4], examples[1][:4])
    tau = jnp.array([6.0, 8.0, 12.0])
    loss = lambda tau: objective({"hidden.tau": tau}, {}, batch, KEY)[0]
    together = jax.vmap(loss)(tau)
    np.testing.assert_allclose(together, [loss(t) for t in tau], rtol=1e-12)
    assert np.ptp(together) > 1e-4


def test_what_does_not_fit_is_refused():
    net = small()
    with pytest.raises(TypeError, match="does not say what its output is"):
        bs.train.Objective(net, 5 * u.ms, loss=cross_entropy)
    with pytest.raises(ValueError, match="no decoder 'median'.*mean"):
        bs.train.Objective(net, 5 * u.ms, loss=cross_entropy, read=("out.V", "median"))
    net.other = bs.sources.SpikeInput(2)
    with pytest.raises(ValueError, match="the inputs other, pixels; say what"):
        bs.train.Objective(net, 5 * u.ms, loss=cross_entropy, read="out.V")


@pytest.mark.parametrize("lengths", [None, [10, 4, 7, 1]], ids=["whole", "masked"])
def test_a_batch_in_parts_has_the_gradient_of_all(objective, examples, lengths, monkeypatch):
    batch = bs.train.Batch(examples[0][:4], examples[1][:4], None if lengths is None else np.array(lengths))
    found = []
    for room in (1, 1 << 30):
        monkeypatch.setattr(gradients, "TOGETHER", room)
        assert gradients.parts_of(objective, 4) == (4 if room == 1 else 1)
        found.append(bs.train.bptt(objective)(objective.run.parameters, {}, batch, KEY))
    for x, y in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)


def test_axes_in_another_order_are_refused():
    """Images with channels first, as torch has them, would be taken in the order of their numbers."""
    net = bs.nn.Sequential((4, 3, 2), bs.nn.Linear(3), bs.nn.LeakyReadout())
    labels, options = np.zeros(5, int), dict(encode=bs.encoding.Constant(), epochs=1)
    for x, more in ((np.ones((5, 2, 4, 3)), {}), (np.ones((5, 4, 2, 4, 3)), {"encode": None})):
        with pytest.raises(
            ValueError, match=r"shape \(2, 4, 3\), and input.input takes \(4, 3, 2\); channels come last: .*move"
        ):
            bs.train.fit(net, (x, labels), 4 * u.ms, **options | more)
    objective = bs.train.Objective(net, 4 * u.ms, loss=bs.train.losses.cross_entropy, encode=bs.encoding.Constant())
    x = np.arange(24.0).reshape(4, 3, 2)
    for same in (x, x[None], x.ravel()):
        np.testing.assert_array_equal(objective.course(same, None), np.tile(np.arange(24.0), (4, 1)))
