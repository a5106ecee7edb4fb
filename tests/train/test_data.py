"""Batches are the same wherever they come from, sequences of different length count to their end, and several outputs
have several targets."""

import itertools
import time

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.train import Arrays, Loader, Prefetch, losses

from .conftest import small
from .test_fit import fit, weights


def same(a, b):
    for x, y in itertools.zip_longest(a, b):
        jax.tree.map(np.testing.assert_array_equal, tuple(x), tuple(y))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, jnp.bfloat16])
def test_a_checkpoint_knows_the_data_by_a_checksum(dtype):
    inputs, targets = np.arange(6).reshape(3, 2).astype(dtype), np.arange(3)
    of = lambda *arrays: Arrays(*arrays, batch=2).facts["checksum"]  # noqa: E731
    assert of(inputs, targets) == of(inputs.copy(), targets)
    assert len({of(inputs, targets), of(inputs[::-1], targets), of(inputs, targets[::-1])}) == 3


def test_prefetched_batches_are_those_of_the_data(examples):
    arrays = Arrays(*examples, batch=16, seed=4)
    ready = Prefetch(arrays, ahead=2)
    assert len(ready) == len(arrays) == 3 and ready.facts == arrays.facts
    for epoch in (0, 1):
        same(ready.epoch(epoch), arrays.epoch(epoch))
    same(Prefetch(list(arrays.epoch(0))).epoch(0), arrays.epoch(0))

    class Slow:
        made = 0

        def epoch(self, number):
            for batch in arrays.epoch(number):
                self.made += 1
                yield batch
            raise RuntimeError("the disk is gone")

    slow = Slow()
    going = Prefetch(slow, ahead=2).epoch(0)
    next(going)
    until = time.perf_counter() + 60
    while slow.made < 3 and time.perf_counter() < until:
        time.sleep(0.001)
    assert slow.made == 3  # two more are ready while the first is used
    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(going)
    with pytest.raises(ValueError, match="ahead: expected a positive integer, given 0"):
        Prefetch(arrays, 0)
    net, twin = small(), small()
    fit(net, examples, batch=16, seed=4)
    bs.train.fit(twin, ready, 8 * u.ms, epochs=2, encode=bs.encoding.Constant(), read="out.V", seed=4, progress=False,
                 optimizer=optax.adam(0.02))  # fmt: skip
    for a, b in zip(weights(net), weights(twin)):
        np.testing.assert_array_equal(a, b)


def test_an_epoch_of_what_does_not_end():
    class Endless:
        def __iter__(self):
            return ((np.full((2, 1), k), np.zeros(2, int)) for k in itertools.count())

    loader = Loader(Endless(), number=3)
    assert len(loader) == 3
    assert [int(batch.inputs[0, 0]) for batch in loader.epoch(1)] == [3, 4, 5]
    with pytest.raises(ValueError, match="number: expected a positive integer, given 0"):
        Loader(Endless(), number=0)


def test_torch_and_grain(examples):
    torch = pytest.importorskip("torch")
    x, y = examples[0].astype(np.float32), examples[1]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.as_tensor, (x, y))), batch_size=20)
    expected = list(Arrays(x, y, batch=20, shuffle=False).epoch(0))
    same(Loader(loader).epoch(0), expected)
    same(Loader(loader).epoch(1), expected)


def test_grain(examples):
    grain = pytest.importorskip("grain")
    x, y = examples
    source = grain.MapDataset.source(list(zip(x, y))).batch(20)
    expected = list(Arrays(x, y, batch=20, shuffle=False).epoch(0))
    same(Loader(source).epoch(0), expected)
    same(Loader(source.to_iter_dataset()).epoch(1), expected)
    endless = Loader(source.repeat().to_iter_dataset(), number=2)
    same(endless.epoch(1), [expected[2], expected[0]])


def test_a_batch_has_one_example_at_least(examples):
    with pytest.raises(ValueError, match="Arrays: batch: expected a positive integer, given -1"):
        bs.train.Arrays(*examples, batch=-1)


def test_padded():
    inputs, lengths = bs.data.padded([np.ones((2, 3)), np.full((4, 3), 2.0)])
    assert inputs.shape == (2, 4, 3) and lengths.tolist() == [2, 4]
    assert inputs.sum() == 2 * 3 + 4 * 3 * 2 and not inputs[0, 2:].any()
    labels, _ = bs.data.padded([[1], [0, 2]], n_steps=3, value=-1)
    assert labels.tolist() == [[1, -1, -1], [0, 2, -1]]
    for wrong, message in (
        ([], "no sequences"), ([np.ones((2, 3)), np.ones((2, 4))], r"sequence 1 has shape \(2, 4\)"), ([[1, 2, 3, 4]], "has 4 steps"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            bs.data.padded(wrong, n_steps=3)
    with pytest.raises(TypeError, match="bs.data.padded"):
        bs.train.fit(small(), ([np.ones((2, 3)), np.ones((4, 3))], np.zeros(2, int)), 4 * u.ms, read="out.V")


def test_what_is_behind_the_end_counts_nowhere():
    net, rng = small(), np.random.default_rng(1)
    x, lengths, labels = rng.random((4, 6, 6)), np.array([3, 6, 2, 5]), np.array([[0] * 6, [1] * 6, [2] * 6, [1] * 6])
    behind = np.arange(6) >= lengths[:, None]
    other = np.where(behind[..., None], x + 1, x)
    penalties = [bs.train.Activity(["hidden"], 1.0), bs.train.RateBand(["hidden"], 1e-3, highest=1 * u.Hz)]
    objective = bs.train.Objective(net, 6 * u.ms, loss=losses.step_cross_entropy, read=("out.V", "sequence"), penalties=penalties)  # fmt: skip
    run = jax.jit(
        lambda x: objective(objective.run.parameters, {}, bs.train.Batch(x, labels, lengths), jax.random.PRNGKey(0))
    )
    (loss, result), (again, changed) = run(x), run(other)
    assert float(loss) == float(again)
    spikes = np.asarray(result.recorded["hidden.spikes"])
    assert spikes.any() and np.any(spikes != np.asarray(changed.recorded["hidden.spikes"]))
    share = np.stack([spikes[k, :n].mean(0) for k, n in enumerate(lengths)])
    assert float(penalties[0](result.recorded, {}, mask=jnp.asarray(~behind))) == pytest.approx(share.mean())
    excess = np.maximum(share.mean(0) * 1000 - 1, 0)
    assert float(penalties[1](result.recorded, {}, mask=jnp.asarray(~behind))) == pytest.approx(
        1e-3 * (excess**2).mean()
    )
    data = (x, labels, lengths)
    with pytest.raises(ValueError, match="loss: mean_square is given all steps of out.V"):
        bs.train.fit(
            net, (x, np.zeros((4, 6, 3)), lengths), 6 * u.ms, loss=losses.mean_square, read=("out.V", "sequence")
        )

    class Blind:
        record = ("hidden.spikes",)

        def __call__(self, recorded, parameters):
            return 0.0

    with pytest.raises(ValueError, match="penalties: Blind is given all steps"):
        bs.train.fit(
            net, data, 6 * u.ms, loss=losses.step_cross_entropy, read=("out.V", "sequence"), penalties=[Blind()]
        )


def test_several_outputs_have_several_targets(examples):
    x, labels = examples
    teacher = np.random.default_rng(0).random((60, 8))
    read = {"logits": "out.V", "features": ("hidden.spikes", "mean")}

    def loss(output, target):
        return losses.cross_entropy(output["logits"], target["label"]) + losses.mean_square(
            output["features"], target["teacher"]
        )

    net = small()
    data = (x, {"label": labels, "teacher": teacher})
    correct = {"correct": lambda output, target: (jnp.argmax(output["logits"]) == target["label"]) * 1.0}
    history = fit(net, data, read=read, loss=loss, metrics=correct, validate=data, epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    objective = bs.train.Objective(net, 8 * u.ms, loss=loss, read=read, encode=bs.encoding.Constant())
    value, result = objective(objective.run.parameters, {}, bs.train.Batch(x, data[1]), jax.random.PRNGKey(0))
    features = np.asarray(result.recorded["hidden.spikes"]).mean(1)
    np.testing.assert_allclose(result.outputs["features"], features, rtol=1e-6)
    logits = np.asarray(result.recorded["out.V"]).mean(1)
    entropy = (np.log(np.exp(logits).sum(1)) - logits[np.arange(60), labels]).mean()
    assert float(value) == pytest.approx(entropy + ((features - teacher) ** 2).mean(), rel=1e-6)
    assert float(value) == pytest.approx(history["validation loss"][-1], rel=1e-5)
    with pytest.raises(ValueError, match="60 inputs, and targets of teacher of shape"):
        fit(net, (x, {"label": labels, "teacher": teacher[:3]}), read=read, loss=loss)
    with pytest.raises(ValueError, match="teacher: .* and type float64"):
        fit(net, (x, {"teacher": teacher}), read=read, loss=loss)
