"""Sequential MNIST: what the network is, and with real data what a first few hundred images teach it."""

from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models.learning import sequential_mnist as smnist

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def test_neurons_remember_from_20_ms_to_a_second():
    net = smnist.build(hidden=16)
    tau = net.hidden1.input.tau.to_decimal(u.ms)
    assert tau.min() >= 20 and tau.max() <= 1000 and net.hidden1.input.modes == 1
    assert smnist.pixels(np.zeros((2, 28, 28))).shape == (2, 784, 1)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="images are not here")
def test_it_learns():
    data = bs.data.images(DATA)
    part = bs.data.Images(data.train[0][:3200], data.train[1][:3200], data.test[0][:200], data.test[1][:200])
    history = smnist.train(
        smnist.build(), part, epochs=1, batch=64, rate=1e-2, validate=(smnist.pixels(part.test[0]), part.test[1])
    )
    assert history["validation accuracy"][-1] > 0.5
