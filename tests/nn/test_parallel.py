"""Parallel spiking neurons: the equations of Fang et al. (NeurIPS 2023) in NumPy, all steps at once and step by step."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.simulation.order import Order

T, N_IN, N, K = 6, 4, 5, 3
RNG = np.random.default_rng(2)
COURSE = (RNG.random((T, N_IN)) < 0.6).astype(float)
WEIGHT = RNG.normal(0.5, 0.8, (N_IN, N))
W, B = RNG.normal(0.4, 0.5, (T, T)), RNG.uniform(0.5, 1.0, T)
KINDS = {
    "psn": (lambda **more: bs.nn.PSN(T, W=W, B=B * u.mV, **more), W, B),
    "masked": (
        lambda **more: bs.nn.MaskedPSN(T, K, W=W, B=B * u.mV, **more),
        W * [[j <= t < j + K for j in range(T)] for t in range(T)],
        B,
    ),
    "sliding": (
        lambda **more: bs.nn.SlidingPSN(K, W=W[0, :K], V_th=0.8 * u.mV, **more),
        sum(W[0, i] * np.eye(T, k=i - K + 1) for i in range(K)),
        np.full(T, 0.8),
    ),
}


def stack(kind, **more):
    return bs.nn.Sequential(
        N_IN, bs.nn.Linear(N, weight=WEIGHT * u.mV), KINDS[kind][0](**more), bs.nn.Linear(2), bs.nn.LeakyReadout()
    )


def by_hand(kind, course=COURSE):
    """H and S: what is sent in a step is X in the next."""
    _, weights, threshold = KINDS[kind]
    X = np.concatenate([np.zeros((1, N)), course[:-1] @ WEIGHT])
    H = weights @ X
    return H, (threshold[:, None] <= H).astype(float)


def run_of(net, **options):
    return bs.function(
        net, T * u.ms, dt=1 * u.ms, record=["hidden1.V", "hidden1.spikes", "hidden1.input.jump"], **options
    )


@pytest.mark.parametrize("kind", KINDS)
def test_all_steps_at_once_are_the_equations_of_the_paper(kind):
    run = run_of(stack(kind))
    assert str(run.order) == "layer by layer: input, hidden1 (all steps at once), output"
    state, recorded = run({}, {}, inputs={"input.input": COURSE})
    H, S = by_hand(kind)
    assert 5 < S.sum() < T * N - 5
    np.testing.assert_allclose(recorded["hidden1.V"], H, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(recorded["hidden1.spikes"], S)
    np.testing.assert_allclose(recorded["hidden1.input.jump"], COURSE @ WEIGHT, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(state["hidden1.V"], H[-1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["masked", "sliding"])
def test_those_that_know_the_past_alone_go_step_by_step_too(kind):
    H, S = by_hand(kind)
    net = stack(kind)
    run = run_of(net)
    order, run.order = run.order, Order(reason="asked")
    state, recorded = run({}, {}, inputs={"input.input": COURSE})
    np.testing.assert_allclose(recorded["hidden1.V"], H, rtol=1e-12, atol=1e-12)
    run.order = order
    at_once = run({}, {}, inputs={"input.input": COURSE})[0]
    assert state.keys() == at_once.keys()
    for path in state:
        np.testing.assert_allclose(at_once[path], state[path], rtol=1e-12, atol=1e-12, err_msg=path)
    parts = [bs.simulate(net, n * u.ms, dt=1 * u.ms, record=["hidden1.V", "hidden1.spikes"],
                         inputs={"input.input": part}) for n, part in [(2, COURSE[:2]), (T - 2, COURSE[2:])]]  # fmt: skip
    np.testing.assert_allclose(np.concatenate([p["hidden1.V"].mantissa for p in parts]), H, rtol=1e-12, atol=1e-12)


def test_a_run_goes_on_where_the_one_before_ended():
    """The last k steps are part of the state, also where all steps of a run are taken at once."""
    net = stack("sliding")
    bs.simulate(net, 2 * u.ms, dt=1 * u.ms, inputs={"input.input": COURSE[:2]})
    run = bs.function(net, (T - 2) * u.ms, dt=1 * u.ms, record=["hidden1.V"])
    assert str(run.order).startswith("layer by layer")
    recorded = run({}, {}, inputs={"input.input": COURSE[2:]})[1]
    np.testing.assert_allclose(recorded["hidden1.V"], by_hand("sliding")[0][2:], rtol=1e-12, atol=1e-12)


def test_single_precision_and_batches():
    with jax.enable_x64(False):
        run = run_of(stack("masked"))
        courses = jnp.stack([COURSE, COURSE[::-1]]).astype(np.float32)
        recorded = jax.jit(jax.vmap(lambda course: run({}, {}, inputs={"input.input": course})[1]))(courses)
    for k, course in enumerate([COURSE, COURSE[::-1]]):
        np.testing.assert_allclose(recorded["hidden1.V"][k], by_hand("masked", course)[0], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_the_sum(kind):
    """dS = h(H - B) (dW X - dB), h that of the surrogate."""
    surrogate = bs.surrogate.Sigmoid(2.0)
    run = run_of(stack(kind, surrogate=surrogate))
    names = ("W", "V_th" if kind == "sliding" else "B")
    parameters = {f"hidden1.{name}": run.parameters[f"hidden1.{name}"] for name in names}
    loss = lambda p: run(p, {}, inputs={"input.input": COURSE})[1]["hidden1.spikes"].sum()
    found = jax.grad(loss)(parameters)
    H, _ = by_hand(kind)
    X = np.concatenate([np.zeros((1, N)), COURSE[:-1] @ WEIGHT])
    s = 1 / (1 + np.exp(-2 * (H - KINDS[kind][2][:, None])))
    h = 2 * s * (1 - s)
    of_W = h @ X.T
    if kind == "masked":
        of_W = of_W * [[j <= t < j + K for j in range(T)] for t in range(T)]
    if kind == "sliding":
        of_W = np.array([np.trace(of_W, offset=i - K + 1) for i in range(K)])
    np.testing.assert_allclose(found["hidden1.W"], of_W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[f"hidden1.{names[1]}"], -h.sum() if kind == "sliding" else -h.sum(1), rtol=1e-10)


def test_they_learn_with_the_weights_and_without_being_named():
    """Which of two inputs came first: a neuron without memory could not tell."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    courses = np.zeros((64, 8, 2))
    for k, label in enumerate(labels):
        first = rng.integers(0, 3)
        courses[k, first, label], courses[k, first + 3, 1 - label] = 1, 1
    net = bs.nn.Sequential(2, bs.nn.Linear(20, gain=2.0), bs.nn.PSN(8), bs.nn.Linear(2), bs.nn.LeakyReadout())
    before = np.asarray(net.hidden1.W)
    history = bs.train.fit(
        net, (courses, labels), 8 * u.ms, dt=1 * u.ms, epochs=30, batch=64, optimizer=optax.adam(3e-2), progress=False
    )
    assert history["accuracy"][-1] > 0.95 and np.abs(np.asarray(net.hidden1.W) - before).max() > 0.1


def test_what_needs_the_future_is_refused_by_name():
    net = stack("psn")
    with pytest.raises(ValueError, match="hidden1: Parallel neurons need the steps to come.*nn.MaskedPSN"):
        bs.simulate(net, T * u.ms, dt=1 * u.ms)
    with pytest.raises(ValueError, match="hidden1: Parallel neurons of 6 steps in a run of 7 steps"):
        bs.function(net, (T + 1) * u.ms, dt=1 * u.ms)({}, {})
    recurrent = bs.nn.Sequential(N_IN, bs.nn.Linear(N), bs.nn.PSN(T, recurrent=True))
    with pytest.raises(ValueError, match="need the steps to come"):
        bs.function(recurrent, T * u.ms, dt=1 * u.ms)({}, {})
    with pytest.raises(ValueError, match="k = 9 is more than the steps that there are, 6"):
        bs.nn.Sequential(N_IN, bs.nn.Linear(N), bs.nn.MaskedPSN(T, 9))
    with pytest.raises(ValueError, match="SlidingParallel: k must be a positive integer, given 0"):
        bs.nn.Sequential(N_IN, bs.nn.Linear(N), bs.nn.SlidingPSN(0))
    with pytest.raises(ValueError, match=r"W: .*\(6, 6\)"):
        bs.nn.Sequential(N_IN, bs.nn.Linear(N), bs.nn.PSN(T, W=np.ones((2, 2))))
