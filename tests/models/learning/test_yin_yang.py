import brainunit as u
import numpy as np
import pytest

from models.learning import yin_yang


def test_the_network_and_its_points():
    net = yin_yang.build(hidden=16)
    assert net.order == ("input", "hidden1", "output") and net["input->hidden1"].n_synapses == 5 * 16
    assert net.hidden1.spike_times == net.output.spike_times == "exact" and net["hidden1->output"].delay == 4 * u.ms
    inputs, labels = yin_yang.points(10, 3)
    course = yin_yang.ENCODE(inputs[0], 12, yin_yang.DT)
    assert np.all(np.sum(course > 0, axis=0) == 1) and course[0, 4] == 0.25  # the bias at 1 ms
    assert labels.shape == (10,)


@pytest.mark.slow
def test_accuracy():
    history = yin_yang.train(yin_yang.build(), epochs=2)
    assert history["validation earliest"][-1] > 0.75
