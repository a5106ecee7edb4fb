import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from models.learning import evidence


def test_the_network_is_that_of_the_paper_in_steps_of_5_ms():
    net = evidence.build()
    assert net.order == ("input", "hidden1", "output")
    assert (net.input.count, net.hidden1.count, net.output.count) == (40, 60, 2)
    beta = net.hidden1.beta.to_decimal(u.mV)
    # 1.7 (1 - exp(-dt / 2 s)) / (1 - exp(-dt / 20 ms)), half of the neurons without
    np.testing.assert_allclose(beta, [0] * 30 + [0.0191895] * 30, rtol=1e-5)
    assert evidence.TASK.duration == 2700 * u.ms


@pytest.mark.slow
def test_e_prop_learns_to_count_and_remember():
    history = evidence.train(evidence.build(), updates=160, trials=256)
    assert history["validation decision"][-1] >= 0.85


@pytest.mark.slow
def test_backpropagation_does_so_too():
    history = evidence.train(evidence.build(), updates=100, trials=256, gradient=bs.train.bptt)
    assert history["validation decision"][-1] >= 0.85
