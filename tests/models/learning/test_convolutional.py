import jax
import numpy as np
import pytest

import brainsim as bs
from models.learning import convolutional


def test_the_network():
    net = convolutional.build()
    assert [net[name].size for name in net.order] == [(28, 28, 1), (14, 14, 16), (7, 7, 32), (10,)]


@pytest.mark.slow
def test_memory_of_a_rule_does_not_grow_with_the_steps():
    """What the compiled gradient takes, in 6 and in 24 steps."""

    def taken(gradient, steps):
        net = convolutional.build(features=(2, 3))
        objective = bs.train.Objective(
            net, steps * convolutional.u.ms, loss=bs.train.losses.cross_entropy, encode=bs.encoding.Constant()
        )
        batch = bs.train.Batch(np.zeros((4, 28, 28)), np.zeros(4, int))
        step = jax.jit(gradient(objective))
        trained = {path: x for path, x in objective.run.parameters.items() if "kernel" in path or "weight" in path}
        compiled = step.lower(trained, objective.carried, batch, jax.random.PRNGKey(0)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    sltt = [taken(bs.train.Eligibility("sltt"), steps) for steps in (6, 24)]
    past = [taken(bs.train.bptt, steps) for steps in (6, 24)]
    course = 18 * 4 * (784 + 10) * 8  # bytes of what goes in and what is recorded in 18 more steps
    assert sltt[1] - sltt[0] < 1.5 * course
    assert past[1] - past[0] > 4 * course
