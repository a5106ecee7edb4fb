import jax.numpy as jnp
import numpy as np
import pytest

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


def test_untrained_network_guesses(data):
    scores, weights = digits.classifier(digits.build())
    values, _ = scores(weights, jnp.asarray(data.test_images))
    assert values.shape == (360, 10)
    assert np.mean(np.asarray(values).argmax(1) == data.test_labels) < 0.3


def test_few_epochs_reach_90_percent(data):
    _, trained = digits.experiment(epochs=4)
    assert trained.test_accuracies[-1] > 0.9
    assert trained.losses[-1] < 0.3 * trained.losses[0]


def test_trained_weights_are_in_the_network(data):
    net, trained = digits.experiment(epochs=1)
    scores, weights = digits.classifier(net)
    values, activity = scores(weights, jnp.asarray(data.test_images))
    assert np.mean(np.asarray(values).argmax(1) == data.test_labels) == pytest.approx(trained.test_accuracies[-1])
    assert 0.02 < float(activity.mean()) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_accuracy(seed):
    _, trained = digits.experiment(seed=seed)
    assert trained.test_accuracies[-1] >= 0.965
