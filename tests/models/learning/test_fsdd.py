from pathlib import Path

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models.learning import fsdd

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "fsdd_spikes.npz"


def test_the_network():
    net = fsdd.build(hidden=8)
    projection = net["input->hidden1"]
    assert net.order == ("input", "hidden1", "hidden2", "output") and projection.max_delay == 250 * u.ms
    delays = projection.delay.to_decimal(u.ms)
    assert delays.shape == (64, 8) and delays.min() >= 10 and delays.max() <= 250
    fixed, none = fsdd.build("fixed", hidden=8), fsdd.build("none", hidden=8)
    assert not fixed["input->hidden1"].axon.learned and none["input->hidden1"].delay_kind == "none"
    np.testing.assert_array_equal(fixed["input->hidden1"].weight.mantissa, projection.weight.mantissa)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_file(), reason="no data beside the checkout")
def test_accuracy():
    data = bs.data.spoken_digits(DATA)
    accuracy = {
        delays: fsdd.train(fsdd.build(delays), data)["validation accuracy"][-1] for delays in ("none", "learned")
    }
    assert accuracy["learned"] >= 0.95 and accuracy["learned"] >= accuracy["none"] + 0.03
