"""A rule as plasticity: a simulation learns as a loop of steps and updates by hand."""

import brainunit as u
import jax
import numpy as np
import optax
import pytest
from flax import nnx

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


def learning():
    return bs.train.lifelong(one_layer(delay=2 * u.ms), dt=DT, rule="e_prop", loss=loss, train=TRAIN, feedback="random",
                             optimizer=optax.adam(0.02), target=np.zeros(3))  # fmt: skip


def losses(net, part=slice(0, STEPS)):
    inputs = {"inp.input": INPUT[part], "learning.target": TARGET[part]}
    rec = bs.simulate(net, len(INPUT[part]) * DT, dt=DT, record="learning.loss", inputs=inputs, progress=False)
    return rec["learning.loss"]


def test_what_is_learned_is_saved_and_a_reset_unlearns_it(tmp_path):
    net = learning()
    weights = np.asarray(net["inp->hid"].plain("weight"))
    whole = losses(net)
    assert np.abs(weights - net["inp->hid"].plain("weight")).max() > 0.02
    net.reset()
    np.testing.assert_array_equal(net["inp->hid"].plain("weight"), weights)
    first = losses(net, slice(0, 20))
    np.testing.assert_array_equal(first, whole[:20])  # feedback and target are those of the beginning too
    bs.save(net, tmp_path / "learning.npz")
    other = learning()
    bs.load(other, tmp_path / "learning.npz")
    np.testing.assert_array_equal(losses(other, slice(20, STEPS)), whole[20:])


def test_a_sweep_learns_in_each_of_its_runs():
    inputs = {"inp.input": INPUT, "learning.target": TARGET}
    taus = np.array([10.0, 30.0]) * u.ms
    found = bs.sweep(
        learning(), {"hid.tau": taus}, STEPS * DT, dt=DT, record="learning.loss", inputs=inputs, progress=False
    )
    for k, tau in enumerate(taus):
        net = learning()
        net.hid.tau = tau
        np.testing.assert_allclose(found[k]["learning.loss"], losses(net), rtol=1e-10)


def test_a_layer_cannot_change_in_a_run():
    net = one_layer()
    net.connect(net.hid, net.out, bs.paths.Layer(nnx.Linear(6, 3, rngs=nnx.Rngs(0))), receptor="syn", weight=1 * u.mV)
    path = next(name for name, p in net.projections.items() if "layer" in vars(p))
    with pytest.raises(ValueError, match="belongs to a layer; only weights of synapses change"):
        bs.train.lifelong(net, dt=DT, loss=loss, rule="ottt", train=f"{path}.layer.kernel", optimizer=optax.sgd(1e-3))
