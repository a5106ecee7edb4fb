import ast
import inspect

import numpy as np
import pytest

import brainsim as bs
from models import digits

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def data():
    return digits.load()


def test_split_is_fixed_and_stratified(data):
    assert (len(data.train_images), len(data.test_images)) == (1437, 360)
    assert np.abs(np.bincount(data.test_labels) - 36).max() <= 1
    assert np.array_equal(digits.load().test_labels, data.test_labels)
    seen = {image.tobytes() for image in data.train_images}
    assert np.mean([image.tobytes() in seen for image in data.test_images]) == 0


@pytest.fixture(scope="module")
def trained(data):
    net = digits.build()
    return net, digits.train(net, data, epochs=4)


def test_the_untrained_network_guesses(data):
    objective = bs.train.Objective(
        digits.build(), digits.DURATION, loss=bs.train.losses.cross_entropy, encode=bs.encoding.Constant()
    )
    evaluation = bs.train.Evaluation(objective, {"accuracy": bs.train.measures.accuracy})
    means, rates = evaluation({}, {}, data[2:])
    assert means["accuracy"] < 0.3
    assert 0.02 < rates["hidden1"] < 0.5 and 0.02 < rates["hidden2"] < 0.5


def test_few_epochs_reach_90_percent(trained):
    _, history = trained
    assert history["validation accuracy"][-1] > 0.9
    assert history["loss"][-1] < 0.3 * history["loss"][0]


def test_the_network_reads_as_in_training(data, trained):
    """Simulated one by one, through the same door as everything."""
    net, history = trained
    right = []
    for image, label in zip(data.test_images[:40], data.test_labels):
        net.reset()
        inputs = {"input.input": np.tile(image, (16, 1))}
        rec = bs.simulate(net, digits.DURATION, dt=digits.DT, record="output.V", inputs=inputs)
        right.append(np.asarray(rec["output.V"].mantissa).mean(0).argmax() == label)
    assert np.mean(right) == pytest.approx(history["validation accuracy"][-1], abs=0.1)


def test_it_is_short():
    """From data to accuracy in 25 lines of code, as its functions have them without their docstrings."""
    lines = 0
    for function in (digits.build, digits.load, digits.noisy, digits.train):
        tree = ast.parse(inspect.getsource(function)).body[0]
        code = ast.unparse(tree.body[1:])
        lines += 1 + len(code.splitlines())
    assert lines <= 25


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_accuracy(seed):
    history = digits.train(digits.build(seed), seed=seed)
    assert history["validation accuracy"][-1] >= 0.965
