"""Learned delays: spread as the equation says while they train, in whole steps of the ring otherwise."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs

STEPS, LONGEST = 30, 10
SPIKES = (np.random.default_rng(0).random((STEPS, 5)) < 0.2).astype(float)
ALL, SOME = bs.AllToAll(), bs.FixedProbability(0.6)


def network(rule=ALL, delay=None, width=2.0, dt=1.0, **options):
    """Five inputs and four integrators that never fire."""
    net = bs.Network(seed=3)
    net.a = bs.sources.SpikeInput(5)
    net.b = bs.nn.LIF(V_th=1e6 * u.mV, surrogate=None).population((4,))
    delay = bs.Uniform(1 * u.ms, LONGEST * u.ms) if delay is None else delay
    kind = bs.delays.Gaussian(delay, width=width * u.ms)
    net.connect(net.a, net.b, rule, receptor="input", weight=bs.Normal(0.1 * u.mV, 0.5 * u.mV), delay=kind,
                max_delay=LONGEST * u.ms, **options)  # fmt: skip
    return net


def matrices(net):
    """Weights and delays as (5, 4), zero where there is no synapse."""
    projection, found = net["a->b"], []
    for values in (projection.weight.mantissa, projection.delay.mantissa):
        matrix = np.zeros((5, 4))
        matrix[projection.indices_of_synapses()] = np.broadcast_to(values, projection.weight.shape).ravel()
        found.append(matrix)
    return found


def potentials(taps):
    """V of each step, by hand: taps[k - 1] (5, 4) acts k steps after a spike, one step later on the membrane."""
    V, jump, course = np.zeros(4), np.zeros(4), []
    for n in range(STEPS):
        V = (V + jump) * np.exp(-0.1)
        course.append(V)
        jump = sum(SPIKES[n - k] @ taps[k - 1] for k in range(1, LONGEST + 1) if n >= k)
    return np.array(course)


def smooth(net, steps=STEPS, dt=1.0):
    net["a->b"].axon.train()
    run = bs.function(net, steps * dt * u.ms, dt=dt * u.ms, record="b.V")
    net["a->b"].axon.eval()
    return run


@pytest.mark.parametrize("rule", [ALL, SOME], ids=["dense", "sparse"])
@pytest.mark.parametrize("delay", [None, 4.3 * u.ms], ids=["synaptic", "axonal"])
def test_in_training_an_arrival_is_spread_and_otherwise_it_is_in_the_ring(rule, delay):
    net = network(rule, delay)
    W, D = matrices(net)
    k = np.arange(1, LONGEST + 1)[:, None, None]
    G = np.exp(-((k - D) ** 2) / (2 * 2.0**2))
    run = smooth(net)
    course = jax.jit(lambda parameters: run(parameters, {}, inputs={"a.input": SPIKES})[1]["b.V"])
    np.testing.assert_allclose(course(run.parameters), potentials(W * G / G.sum(0)), atol=3e-6)
    own = bs.simulate(net, STEPS * u.ms, dt=1 * u.ms, record="b.V", inputs={"a.input": SPIKES})["b.V"].mantissa
    np.testing.assert_allclose(own, potentials(W * (k == np.round(D))), atol=3e-6)
    narrow = course(
        run.parameters | {"a->b.axon.width": jnp.asarray(0.01), "a->b.delay": np.round(net["a->b"].delay.mantissa)}
    )
    np.testing.assert_allclose(narrow, own, atol=3e-6)  # the rounded kernel is the ring


@pytest.mark.parametrize("rule", [ALL, SOME], ids=["dense", "sparse"])
@pytest.mark.parametrize("steps", [4, LONGEST, STEPS])
def test_all_steps_at_once_are_one_after_the_other(rule, steps):
    """With spikes under way from before; what is under way in the end too."""
    net = network(rule)
    net["a->b"].axon.train()
    found = []
    for every in (None, 100):
        run = bs.function(net, steps * u.ms, dt=1 * u.ms, record="b.V", checkpoint_every=every)
        assert bool(run.order.groups) == (every is None)
        state = run.state | {"a->b.axon.ring": np.random.default_rng(1).random((LONGEST, 4)), "steps": np.int32(7)}

        def course(parameters, state, spikes, run=run):
            after, recorded = run(parameters, state, inputs={"a.input": spikes})
            return recorded["b.V"], after["a->b.axon.ring"]

        each = jax.jit(jax.vmap(course, in_axes=(None, None, 0)))
        found.append(each(run.parameters, state, np.stack([SPIKES[:steps], SPIKES[-steps:]])))
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_ring_is_that_of_plain_delays():
    learned, plain = network(), bs.Network()
    plain.a, plain.b = bs.sources.SpikeInput(5), bs.nn.LIF(V_th=1e6 * u.mV, surrogate=None).population((4,))
    projection = learned["a->b"]
    plain.connect(
        plain.a,
        plain.b,
        ALL,
        receptor="input",
        weight=projection.weight,
        delay=np.round(projection.delay / u.ms) * u.ms,
    )
    first, second = (
        bs.simulate(net, STEPS * u.ms, dt=1 * u.ms, record="b.V", inputs={"a.input": SPIKES})["b.V"].mantissa
        for net in (learned, plain)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() > 1


def test_delays_that_are_no_multiple_of_the_step():
    net = network(delay=3.0 * np.ones((5, 4)) * u.ms)
    net["a->b"].delay[0, 0] = 2.9 * u.ms
    spikes = np.zeros((12, 5))
    spikes[0, 0] = 1
    V = bs.simulate(net, 8.4 * u.ms, dt=0.7 * u.ms, record="b.V", inputs={"a.input": spikes})["b.V"].mantissa
    assert list(np.argmax(np.asarray(V) != 0, axis=0)) == [5, 5, 5, 5]  # 4 steps, and one to act
    net.reset()
    net["a->b"].delay = 9.9 * u.ms
    V = bs.simulate(net, 14 * u.ms, dt=0.7 * u.ms, record="b.V", inputs={"a.input": np.pad(spikes, [(0, 8), (0, 0)])})[
        "b.V"
    ].mantissa
    assert list(np.argmax(np.asarray(V) != 0, axis=0)) == [15] * 4  # the longest, 10 ms, is 14 steps


@pytest.mark.parametrize("rule", [ALL, SOME], ids=["dense", "sparse"])
def test_derivatives_are_those_of_differences(rule):
    net = network(rule, width=1.5)
    run = smooth(net, steps=15)

    def loss(parameters):
        return jnp.sum(jnp.square(run(parameters, {}, inputs={"a.input": SPIKES[:15]})[1]["b.V"]))

    names = ("a->b.delay", "a->b.weight", "a->b.axon.width")
    parameters = {name: run.parameters[name] for name in names}
    direction = {name: jnp.asarray(np.random.default_rng(5).normal(size=x.shape)) for name, x in parameters.items()}
    slopes, loss = jax.jit(jax.grad(loss))(parameters), jax.jit(loss)
    for name in names:
        moved = [loss(parameters | {name: parameters[name] + sign * 1e-5 * direction[name]}) for sign in (1, -1)]
        np.testing.assert_allclose(jnp.sum(slopes[name] * direction[name]), (moved[0] - moved[1]) / 2e-5, rtol=1e-6)


def test_it_is_batched_swept_reset_and_saved(tmp_path):
    net = network()
    inputs = {"a.input": SPIKES}
    course = lambda net: np.asarray(
        bs.simulate(net, STEPS * u.ms, dt=1 * u.ms, record="b.V", inputs=inputs)["b.V"].mantissa
    )
    before = course(net)
    net.reset()
    np.testing.assert_array_equal(course(net), before)
    net.reset()
    bs.save(net, tmp_path / "net")
    shifted = jnp.clip(net["a->b"].delay.mantissa + 2, 1, LONGEST) * u.ms
    delays = u.math.stack([net["a->b"].delay, shifted])
    swept = bs.sweep(net, {"a->b.delay": delays}, STEPS * u.ms, dt=1 * u.ms, record="b.V", inputs=inputs)
    net["a->b"].delay = shifted
    after = course(net)
    found = [point["b.V"].mantissa for point in swept]
    np.testing.assert_allclose(found, [before, after], atol=1e-6)
    again = network()
    again["a->b"].delay = shifted
    bs.load(again, tmp_path / "net")
    np.testing.assert_array_equal(course(again), before)
    run = smooth(again.reset() or again)
    batch = jnp.stack([SPIKES, SPIKES[::-1]])
    each = lambda spikes: run({}, {}, inputs={"a.input": spikes})[1]["b.V"]
    np.testing.assert_allclose(jax.jit(jax.vmap(each))(batch), [each(spikes) for spikes in batch], atol=1e-6)


def test_it_learns_with_a_width_that_shrinks_and_goes_on_after_a_stop(tmp_path):
    rng = np.random.default_rng(1)
    templates, labels = rng.integers(2, 10, (4, 5)), np.arange(64) % 4
    courses = np.zeros((64, STEPS, 5))
    courses[np.arange(64)[:, None], templates[labels] + rng.integers(0, 2, (64, 5)), np.arange(5)] = 1
    schedule = {"*.axon.width": bs.train.Geometric(5 * u.ms, 0.25 * u.ms, 40)}

    def fit(net, epochs, folder=None):
        net["a->b"].weight = 0.5 * u.mV * np.ones((5, 4))
        return bs.train.fit(net, (courses, labels), STEPS * u.ms, dt=1 * u.ms, epochs=epochs, batch=16, schedules=schedule,
                            freeze="*.weight", optimizer=optax.adam(0.3), read=("b.V", "maximum"), checkpoint=folder,
                            loss=lambda out, target: optax.softmax_cross_entropy_with_integer_labels(5 * out, target),
                            validate=(courses, labels))  # fmt: skip

    net, halfway = network(), network()
    history = fit(net, 10)
    assert history["validation accuracy"][-1] > 0.9 > 0.6 > history["validation accuracy"][0]
    fit(halfway, 5, tmp_path / "run")
    assert 0.9 < halfway["a->b"].axon.width / (5 * u.ms * 0.05**0.5) < 1.1
    resumed = network()
    fit(resumed, 10, tmp_path / "run")
    np.testing.assert_array_equal(net["a->b"].delay.mantissa, resumed["a->b"].delay.mantissa)
    assert resumed["a->b"].axon.width == net["a->b"].axon.width
    assert net["a->b"].axon.width == 0.25 * u.ms
    delays = net["a->b"].delay.mantissa
    assert delays.min() >= 1 and delays.max() <= LONGEST and not net["a->b"].axon.smooth


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network(delay=12 * u.ms), "up to max_delay = 10.0 ms, given 12.0"),
        (
            lambda: network(plasticity=bs.plasticity.PairSTDP(A_plus=1 * u.mV, A_minus=1 * u.mV, w_max=1 * u.mV)),
            "plasticity needs whole spikes",
        ),
        (lambda: bs.simulate(network(), 11 * u.ms, dt=11 * u.ms), "at least one step of 11"),
    ],
)
def test_what_it_cannot_do_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_schedules_that_do_not_fit_are_refused():
    net = network()
    parameters = bs.function(net, 1 * u.ms, dt=1 * u.ms).parameters
    scheduled = lambda schedules, learned=(): bs.train.Scheduled(net, parameters, schedules, learned)
    with pytest.raises(bs.UnknownNameError, match="schedules: no parameter is called 'a->b.axon.widht'. Did you mean"):
        scheduled({"a->b.axon.widht": lambda n: 1.0})
    with pytest.raises(bs.UnitError, match="schedules: a->b.axon.width"):
        scheduled({"*.width": lambda n: 1.0 * u.mV})
    with pytest.raises(ValueError, match=r"a->b\.delay learns; freeze="):
        scheduled({"*.delay": lambda n: 1.0}, ("a->b.delay",))
    with pytest.raises(TypeError, match="expected a function of the number of updates, given 3"):
        scheduled({"*.width": 3})
    with pytest.raises(ValueError, match="expected two positive values"):
        bs.train.Geometric(1 * u.ms, 0 * u.ms, 5)
    values = scheduled({"*.width": bs.train.Geometric(8 * u.ms, 0.002 * u.second, 4)}).values
    np.testing.assert_allclose([values(n)["a->b.axon.width"] for n in (0, 2, 4, 9)], [8, 4, 2, 2], rtol=1e-6)
