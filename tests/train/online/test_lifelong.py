"""A rule as plasticity: a simulation learns as a loop of steps and updates by hand."""

import brainunit as u
import jax
import numpy as np
import optax
import pytest

import brainsim as bs
from tests.train.online.networks import DT, INPUT, STEPS, TARGET, loss, one_layer

TRAIN = ["inp->hid.weight", "hid->out.weight"]


def by_hand(rule, optimizer, every):
    net = one_layer(delay=2 * u.ms)
    learn = bs.train.online(net, dt=DT, rule=rule, loss=loss, train=TRAIN)
    carry, weights, values = learn.init(), learn.parameters, []
    moments, step = optimizer.init(weights), jax.jit(learn.step)
    for k in range(STEPS):
        carry, value = step(weights, carry, {"inp.input": INPUT[k]}, TARGET[k])
        values.append(float(value))
        if (k + 1) % every == 0:
            changes, moments = optimizer.update(carry.gradients, moments, weights)
            weights, carry = optax.apply_updates(weights, changes), learn.clear(carry)
    return weights, values


@pytest.mark.parametrize(("rule", "every"), [("e_prop", 1), ("pp_prop", 5)])
def test_a_simulation_learns_as_a_loop_by_hand(rule, every):
    optimizer = optax.adam(0.02)
    expected, values = by_hand(rule, optimizer, every)
    net = one_layer(delay=2 * u.ms)
    before = np.asarray(net["inp->hid"].plain("weight"))
    bs.train.lifelong(net, dt=DT, rule=rule, loss=loss, train=TRAIN, optimizer=optimizer, target=np.zeros(3),
                      every=every * DT)  # fmt: skip
    found = []
    for part in (slice(0, 15), slice(15, STEPS)):  # it goes on in the next run
        inputs = {"inp.input": INPUT[part], "learning.target": TARGET[part]}
        rec = bs.simulate(net, len(INPUT[part]) * DT, dt=DT, record="learning.loss", inputs=inputs, progress=False)
        found.append(rec["learning.loss"])
    np.testing.assert_allclose(np.concatenate(found), values, rtol=1e-10)
    for path, weight in expected.items():
        np.testing.assert_allclose(net[path.removesuffix(".weight")].plain("weight"), weight, rtol=1e-10)
    assert np.abs(before - net["inp->hid"].plain("weight")).max() > 0.02


def test_what_cannot_change_in_a_run_is_refused():
    options = dict(dt=DT, loss=loss, optimizer=optax.sgd(1e-3))
    with pytest.raises(ValueError, match=r"train: hid.tau is no weight"):
        bs.train.lifelong(one_layer(), train="hid.tau", **options)
    with pytest.raises(ValueError, match="every: 1.5 ms is not a multiple"):
        bs.train.lifelong(one_layer(), every=1.5 * u.ms, **options)
    with pytest.raises(ValueError, match="'rtrl' is one of the whole network"):
        bs.train.lifelong(one_layer(), rule="rtrl", **options)
    net = bs.train.lifelong(one_layer(), target=np.zeros(3), **options)
    with pytest.raises(ValueError, match="learning: it learns in steps of 1"):
        bs.simulate(net, 1 * u.ms, dt=0.5 * u.ms, progress=False)
