"""Training by exact spike times, from the times that go in to those that come out."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


def stack(hidden=4, seed=0, out=None):
    """Five inputs, hidden cells and two outputs that fire between steps of 2 ms."""
    rng = np.random.default_rng(seed)
    lif = bs.nn.LIF(
        tau=20 * u.ms, receptor=bs.receptors.Exponential(tau=5 * u.ms), surrogate=None, spike_times="exact",
        refractory=2 * u.ms, read=("fired_at", "first_time"),
    )  # fmt: skip
    weights = [rng.uniform(3, 5, (3, hidden)), rng.uniform(3, 6, (hidden, 2))]
    first, second = (bs.nn.Linear(w.shape[1], weight=w * u.pA, delay=2 * u.ms) for w in weights)
    return bs.nn.Sequential(
        bs.sources.SpikeInput(3, exact=True), first, lif, second, lif if out is None else out, seed=seed
    )


ENCODE = bs.encoding.SpikeTime(1 * u.ms, 15 * u.ms)
LOSS = bs.train.losses.first_spike_cross_entropy


def test_spike_times_go_in_and_come_out():
    x = jnp.array([0.0, 0.51, 1.0, jnp.nan, 2.0])
    course = ENCODE(x, 10, 2 * u.ms)
    assert course.shape == (10, 5)
    rows, units = np.nonzero(course)
    np.testing.assert_allclose((rows + course[rows, units]) * 2, 1 + 14 * np.array([0, 0.51, 1])[units], rtol=1e-12)
    np.testing.assert_allclose(bs.encoding.first_time(course) * 2, [1, 8.14, 15, 20, 20], rtol=1e-12)
    np.testing.assert_allclose(bs.encoding.first_time(course, jnp.arange(10) < 2) * 2, [1, 20, 20, 20, 20], rtol=1e-12)
    slope = jax.jacfwd(lambda x: bs.encoding.first_time(ENCODE(x, 10, 2 * u.ms)))(x[:3])
    np.testing.assert_allclose(slope, 7 * np.eye(3), rtol=1e-12)


@pytest.mark.slow
def test_the_gradient_of_a_batch_is_that_of_differences():
    """Of weights and delays that do not change, in a batch; of what goes in too."""
    net = stack()
    objective = bs.train.Objective(net, 30 * u.ms, dt=2 * u.ms, encode=ENCODE, loss=LOSS)
    x = jnp.asarray(np.random.default_rng(3).uniform(size=(4, 3)))
    labels, key = jnp.array([0, 1, 1, 0]), jax.random.PRNGKey(0)
    parameters = {path: a for path, a in objective.run.parameters.items() if path.endswith("weight")}
    arguments = parameters | {"x": x}

    def loss(arguments):
        own = {path: a for path, a in arguments.items() if path != "x"}
        value, result = objective(own, objective.carried, bs.train.Batch(arguments["x"], labels), key)
        return value, result.outputs

    (_, times), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(arguments)
    assert np.all(times < objective.n_steps)  # all of them fire
    value, rng = jax.jit(loss), np.random.default_rng(1)
    for path, array in arguments.items():
        along = rng.normal(size=array.shape)
        (more, _), (less, _) = (value(arguments | {path: array + s * 1e-6 * along}) for s in (1, -1))
        assert float(jnp.sum(gradient[path] * along)) == pytest.approx(float(more - less) / 2e-6, rel=1e-6), path
    step = jax.jit(bs.train.eventprop(objective))
    (_, _), same = step(parameters, objective.carried, bs.train.Batch(x, labels), key)
    for path in parameters:
        np.testing.assert_allclose(same[path], gradient[path], rtol=1e-9, atol=1e-15)


def test_silent_units_are_woken_by_their_potential():
    """Units that fire nowhere get a gradient of the potential that they reach; others get none."""
    penalty = bs.train.Reach(["h"], level=1.0, strength=2.0)
    V = jnp.array([[[0.2, 0.9], [0.6, 0.0]], [[0.1, 0.3], [0.3, 0.2]]])  # (example, step, unit)
    spikes = jnp.zeros((2, 2, 2), bool).at[0, 0, 1].set(True)
    recorded = {"h.V": V, "h.spikes": spikes}
    assert float(penalty(recorded, {})) == pytest.approx(2 * (0.4**2 + 0.7**2) / 4, rel=1e-12)
    assert float(bs.train.Reach(["h"], strength=2.0, share=1)(recorded, {})) == pytest.approx(
        2 * (0.4**2 + 0.7**2 + 0.7**2) / 4
    )
    slope = jax.grad(lambda V: penalty(recorded | {"h.V": V}, {}))(V)
    np.testing.assert_array_equal(np.argwhere(slope), [[0, 1, 0], [1, 1, 0]])


def test_what_has_no_derivative_is_refused_with_what_to_read():
    net = stack()
    x, labels = np.zeros((4, 3)), np.array([0, 1, 1, 0])
    options = dict(dt=2 * u.ms, encode=ENCODE, loss=bs.train.losses.cross_entropy, epochs=1)
    with pytest.raises(
        ValueError, match=r"the number of spikes of LIF has no derivative.*read=\('output.fired_at', 'first_time'\)"
    ):
        bs.train.fit(net, (x, labels), 30 * u.ms, read=("output.spikes", "count"), **options)


def test_leaky_readouts_take_spikes_between_steps():
    r"""The potential at the end of a step after one spike: the difference of two exponentials from its arrival on."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [2.3] * u.ms, [0], exact=True)
    net.out = bs.nn.LeakyIntegrator(1, spike_times="exact")
    net.out.add_receptors(r=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.S, net.out, bs.AllToAll(), receptor="r", weight=1 * u.pA, delay=2 * u.ms)
    V = bs.simulate(net, 10 * u.ms, dt=2 * u.ms, record="out.V")["out.V"].mantissa[:, 0]
    passed = np.maximum(2 * np.arange(1, 6) - 4.3, 0)
    np.testing.assert_allclose(V, (np.exp(-passed / 20) - np.exp(-passed / 5)) / 3, rtol=1e-11, atol=1e-15)


def test_yin_yang_is_the_symbol():
    inputs, labels = bs.data.yin_yang(3000, seed=4)
    np.testing.assert_array_equal(inputs[:, 2:], 1 - inputs[:, :2])
    np.testing.assert_array_equal(inputs, bs.data.yin_yang(3000, seed=4)[0])
    assert not np.array_equal(inputs, bs.data.yin_yang(3000, seed=5)[0])
    x, y = inputs[:, 0], inputs[:, 1]
    assert np.all(np.hypot(x - 0.5, y - 0.5) <= 0.5) and np.all(np.abs(np.bincount(labels) - 1000) < 130)
    right, left = np.hypot(x - 0.75, y - 0.5), np.hypot(x - 0.25, y - 0.5)
    np.testing.assert_array_equal(labels == 2, (right < 0.1) | (left < 0.1))
    # Turned by half a turn yin is yang
    halves = labels != 2
    turned = ((left < 0.25) | ((y > 0.5) & (right > 0.25)))[halves]
    np.testing.assert_array_equal(labels[halves] == 1, turned)
