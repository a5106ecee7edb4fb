"""Second derivatives through spikes: those of a network in which each spike is a parabola, in every way of running."""

import functools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.simulation.order import Order

STEPS, N = 9, 3
SLOPE = 2.0  # of SuperSpike, h(x) = (1 + 2 |x|)^-2
RNG = np.random.default_rng(5)
COURSE = (RNG.random((STEPS, N)) < 0.6).astype(float)
SHAPES = {"inp->a.weight": (N, N), "a->a.weight": (N, N), "a->b.weight": (N, 2), "a.tau": (N,), "a.V_th": (N,)}
START = {"inp->a.weight": RNG.normal(1.0, 0.5, (N, N)), "a->a.weight": RNG.normal(0.0, 0.8, (N, N)),
         "a->b.weight": RNG.normal(0.7, 0.6, (N, 2)), "a.tau": np.array([4.0, 6.0, 9.0]), "a.V_th": np.array([1.0, 0.9, 1.1])}  # fmt: skip
WAYS = {
    "as it chooses": {},
    "step by step": dict(order=Order(reason="asked")),
    "kept": dict(remat=False),
    "in pieces": dict(checkpoint_every=4),
}
TAKEN = "forward over reverse", "reverse over reverse", "reverse over forward", "of a batch"
CASES = [("as it chooses", False, taken) for taken in TAKEN]
CASES += [("as it chooses", True, taken) for taken in ("reverse over reverse", "of a batch")]
CASES += [("step by step", False, "reverse over reverse"), ("step by step", True, "forward over reverse")]
CASES += [("kept", True, "reverse over reverse"), ("in pieces", False, "reverse over reverse")]


def network(recurrent):
    neuron = dict(E_L=0 * u.mV, V=0 * u.mV, V_reset=0 * u.mV, surrogate=bs.surrogate.FastSigmoid(SLOPE))
    net = bs.Network(seed=0)
    net.inp = bs.sources.SpikeInput(N)
    net.a = bs.neurons.LIF(N, tau=START["a.tau"] * u.ms, V_th=START["a.V_th"] * u.mV, **neuron)
    net.b = bs.neurons.LIF(2, tau=7 * u.ms, V_th=1 * u.mV, **neuron)
    for pre, post in [("inp", "a"), ("a", "b"), *([("a", "a")] if recurrent else [])]:
        if "r" not in net[post].receptors:
            net[post].add_receptors(r=bs.receptors.Delta())
        weight = START[f"{pre}->{post}.weight"] * u.mV
        net.connect(net[pre], net[post], bs.AllToAll(), receptor="r", weight=weight, name=f"{pre}->{post}")
    return net


def loss_of(recurrent, **way):
    order = way.pop("order", None)
    run = bs.function(network(recurrent), STEPS * u.ms, dt=1 * u.ms, record=["b.V", "b.spikes", "a.spikes"], **way)
    if order is not None:
        run.order = order

    def loss(flat):
        recorded = run(parted(flat, recurrent), {}, inputs={"inp.input": COURSE})[1]
        rates = jnp.mean(recorded["a.spikes"], axis=0)
        return jnp.sum(recorded["b.V"] ** 2) + jnp.sum(rates**2) + jnp.sum(recorded["b.spikes"])

    return loss


def names(recurrent):
    return [name for name in SHAPES if recurrent or name != "a->a.weight"]


def parted(flat, recurrent):
    found, at = {}, 0
    for name in names(recurrent):
        size = int(np.prod(SHAPES[name]))
        found[name], at = flat[at : at + size].reshape(SHAPES[name]), at + size
    return found


def by_hand(flat, recurrent, spikes):
    """The loss in NumPy; ``spikes(x, key)`` makes spikes of distances to the threshold."""
    p = {"a->a.weight": np.zeros((N, N))} | parted(flat, recurrent)
    V_a, V_b, s_in, s_a, sent, potentials, fired = np.zeros(N), np.zeros(2), np.zeros(N), np.zeros(N), [], [], []
    for t in range(STEPS):
        J_a = s_in @ p["inp->a.weight"] + s_a @ p["a->a.weight"]
        J_b = s_a @ p["a->b.weight"]
        V_a = (V_a + J_a) * np.exp(-1 / p["a.tau"])
        V_b = (V_b + J_b) * np.exp(-1 / 7)
        s_a = spikes((V_a - p["a.V_th"]) / p["a.V_th"], ("a", t))
        s_b = spikes(V_b - 1, ("b", t))
        V_a, V_b = (1 - s_a) * V_a, (1 - s_b) * V_b
        s_in = COURSE[t]
        sent.append(s_a)
        potentials.append(V_b)
        fired.append(s_b)
    return np.sum(np.array(potentials) ** 2) + np.sum(np.mean(sent, axis=0) ** 2) + np.sum(fired)


@functools.cache
def expected(recurrent):
    """Value, gradient and Hessian by central differences of the loss whose spikes are s + h dx + h' dx^2 / 2."""
    at = np.concatenate([START[name].ravel() for name in names(recurrent)])
    reached = {}

    def step(x, key):
        reached[key] = x
        return (x > 0).astype(float)

    value = by_hand(at, recurrent, step)

    def parabola(x, key):
        x0 = reached[key]
        h, slope = (1 + SLOPE * np.abs(x0)) ** -2.0, -2 * SLOPE * np.sign(x0) * (1 + SLOPE * np.abs(x0)) ** -3.0
        return (x0 > 0) + h * (x - x0) + slope * (x - x0) ** 2 / 2

    d, n = 1e-4, len(at)
    loss = functools.partial(by_hand, recurrent=recurrent, spikes=parabola)
    unit = d * np.eye(n)
    gradient = np.array([(loss(at + e) - loss(at - e)) / (2 * d) for e in unit])
    mixed = lambda e, f: (loss(at + e + f) - loss(at + e - f) - loss(at - e + f) + loss(at - e - f)) / (4 * d**2)
    return at, value, gradient, np.array([[mixed(e, f) for f in unit] for e in unit])


@pytest.mark.parametrize("recurrent", [False, True], ids=["forwards", "recurrent"])
def test_the_hessian_is_symmetric_and_that_of_parabolas(recurrent):
    at, value, gradient, hessian = expected(recurrent)
    loss = loss_of(recurrent)
    found = jax.jit(lambda x: (loss(x), jax.grad(loss)(x), jax.hessian(loss)(x)))(at)
    np.testing.assert_allclose(found[0], value, rtol=1e-12)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-6, atol=1e-6)
    found = np.asarray(found[2])
    np.testing.assert_allclose(found, found.T, rtol=1e-10, atol=1e-10)
    assert np.abs(hessian).max() > 1
    np.testing.assert_allclose(found, hessian, rtol=2e-5, atol=2e-5 * np.abs(hessian).max())


@pytest.mark.parametrize(("way", "recurrent", "taken"), CASES)
def test_it_is_the_same_however_it_is_taken(way, recurrent, taken):
    at, *_, hessian = expected(recurrent)
    loss, along = loss_of(recurrent, **WAYS[way]), np.cos(np.arange(len(at)))
    forward = lambda f, x, d=along: jax.jvp(f, (x,), (d,))[1]
    product = {
        "forward over reverse": lambda x: forward(jax.grad(loss), x),
        "reverse over reverse": jax.grad(lambda x: jnp.vdot(jax.grad(loss)(x), along)),
        "reverse over forward": jax.grad(lambda x: forward(loss, x)),
        "of a batch": lambda x: jax.vmap(lambda d: forward(jax.grad(loss), x, d))(np.stack([along, 2 * along]))[0],
    }[taken]
    found = jax.jit(product)(at)
    np.testing.assert_allclose(found, hessian @ along, rtol=1e-4, atol=1e-4 * np.abs(hessian).max())
