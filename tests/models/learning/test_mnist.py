from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models.learning import mnist

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def test_images_move_by_a_pixel_at_most():
    images = np.zeros((300, 28, 28), np.float32)
    images[:, 5, 9] = 1
    rows, columns = np.nonzero(mnist.moved(images, np.random.default_rng(0)).sum(0))
    assert set(rows) == {4, 5, 6} and set(columns) == {8, 9, 10}
    assert np.all(mnist.moved(images, np.random.default_rng(1)).sum((1, 2)) == 1)


def test_the_network():
    net = mnist.build(hidden=16)
    assert net.input.size == (28, 28) and net.order == ("input", "hidden1", "hidden2", "output")
    assert net["input->hidden1"].n_synapses == 784 * 16 and net.hidden1.tau == 8 * u.ms


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the checkout")
def test_accuracy(tmp_path):
    for file in DATA.glob("mnist_*.npz"):
        (tmp_path / file.name).symlink_to(file)
    history = mnist.train(mnist.build(), bs.data.images(tmp_path))
    assert history["validation accuracy"][-1] >= 0.985
