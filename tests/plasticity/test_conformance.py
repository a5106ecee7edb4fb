"""What every exported rule keeps; a new one is tested by being exported from the room."""

import inspect
import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import plasticity
from brainsim._core import Parameter
from brainsim.events import _library
from brainsim.simulation import engine


class Presynaptic(plasticity.Plasticity):
    r"""A rule as somebody may write it, the shortest with a trace, a side and a bound: it takes part in all that follows.

    .. math:: \text{pre spike:}\quad w \leftarrow w + A\,(1 - y)\,w, \qquad \dot y = -y / \tau

    References
    ----------
    D. O. Hebb, The Organization of Behavior (1949).
    """

    A = bs.Parameter(0.2, "relative change")
    tau = bs.Parameter(15.0 * u.ms, "time constant", positive=True)
    y = plasticity.Trace("tau", "postsynaptic trace", side="post")

    def update(self, s):
        s.on_pre(s.A * (1.0 - s.y) * s.w)


ABSTRACT = (plasticity.Plasticity, plasticity.RateRule)
RULES = [x for n in plasticity.__all__ if inspect.isclass(x := getattr(plasticity, n)) and issubclass(x, plasticity.Plasticity)]
RULES = [*(rule for rule in RULES if rule not in ABSTRACT), Presynaptic]
N, STEPS, DT = 4, 60, 1.0
WIRING = {
    "Dense": bs.AllToAll(),
    "CSR": bs.FixedProbability(1.0),
    "FixedFanOut": bs.FixedOutDegree(N),
    "OneToOne": bs.OneToOne(),
}

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@pytest.fixture(autouse=True)
def quick_compilation():
    """What is tested is what a rule computes, not how well LLVM optimises it."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def protocol():
    """Dense random spikes, some at the same time, potentials that follow them, and pulses of dopamine."""
    rng = np.random.default_rng(5)
    pre, post = (rng.random((STEPS, N)) < 0.2 for _ in range(2))
    assert (pre & post).any()
    V = np.where(post, 20.0, rng.uniform(-65, -35, (STEPS, N)))
    release = np.where(rng.random(STEPS) < 0.2, 300.0, 0.0)
    names = {"pre.given": pre, "post.given": post, "post.V": V, "dopamine.release": release}
    return {name: jnp.asarray(value, float) for name, value in names.items()}


def network(clamp, make, rule, wiring="Dense", **options):
    """Weights far from their bounds."""
    w = bs.Uniform(0.3 * u.pA, 0.7 * u.pA)
    return clamp(lambda net: make(rule, net), N, N, wiring=WIRING[wiring], w=w, **options)


def final(net, inputs, parameters=None, state=None, record=()):
    run = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, record=record, remat=False)
    state, _ = run(parameters or {}, state or {}, inputs=inputs)
    return state["pre->post.weight"]


def matrix(net, weight):
    return np.asarray(net["pre->post"].plain("connectivity").todense(weight))


def parts(rule):
    """A rule and those inside it."""
    yield rule
    for part in rule.rules.values():
        yield from parts(part)


@every_rule
def test_is_documented(rule):
    assert ".. math::" in rule.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", rule.__doc__, re.DOTALL)
    for name, declared in rule._declared.items():
        assert declared.__doc__, name
        assert declared.unit is not None, name


@every_rule
def test_its_equations_are_short(rule):
    """What moves the weights takes no more than 25 lines."""
    assert len([line for line in inspect.getsource(rule.update).splitlines() if line.strip()]) <= 25


@every_rule
def test_weights_learn_within_bounds_and_stay_in_silence(rule, clamp, make, protocol):
    net = network(clamp, make, rule)
    before = net["pre->post"].plain("weight")
    run = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, remat=False)
    after = run({}, {}, inputs=protocol)[0]["pre->post.weight"]
    assert np.all(np.isfinite(after)) and np.max(np.abs(after - before)) > 1e-6
    silent = {name: jnp.zeros_like(v) if name != "post.V" else jnp.full_like(v, -65.0) for name, v in protocol.items()}
    still = run({}, {}, inputs=silent)[0]["pre->post.weight"]
    if rule.drifts or any(part.drifts for part in net["pre->post"].plasticity.rules.values()):
        assert np.all(np.isfinite(still))
    else:
        np.testing.assert_array_equal(still, before)
    parameters = {f"{part.path}.{k}": v for part in parts(net["pre->post"].plasticity) for k, v in (("w_min", 0.49), ("w_max", 0.51))}
    parameters = {k: jnp.asarray(v) for k, v in parameters.items() if k in run.parameters}
    bounded = run(parameters, {"pre->post.weight": jnp.full(before.shape, 0.5)}, inputs=protocol)[0]["pre->post.weight"]
    assert np.all((bounded >= 0.49) & (bounded <= 0.51))


@every_rule
def test_formats_and_implementations_agree(rule, clamp, make, protocol):
    """One run per format; the kernels on the dense one against plain JAX."""
    net = network(clamp, make, rule)
    start = matrix(net, net["pre->post"].plain("weight"))
    dense = matrix(net, final(net, protocol))
    with _library.plain():
        np.testing.assert_allclose(matrix(net, final(net, protocol)), dense, rtol=1e-12)
    for wiring in ("CSR", "FixedFanOut", "OneToOne"):
        net = network(clamp, make, rule, wiring)
        conn = net["pre->post"].plain("connectivity")
        assert type(conn).__name__ == wiring
        pre, post = (np.asarray(side) for side in conn.coo())
        weight = jnp.asarray(start[pre, post]).reshape(conn.weight_shape)
        found = matrix(net, final(net, protocol, state={"pre->post.weight": weight}))
        np.testing.assert_allclose(found[pre, post], dense[pre, post], rtol=1e-12)


@every_rule
def test_pieces_change_nothing_and_do_not_compile_again(rule, clamp, make, protocol):
    net = network(clamp, make, rule)
    inputs = protocol | {"post.V": protocol["post.V"] * u.mV, "dopamine.release": protocol["dopamine.release"] * u.Hz}
    weights, cut = [], {}
    for pieces in ((0, STEPS), (0, 25, 26, STEPS)):
        net.reset()
        for begin, end in zip(pieces, pieces[1:]):
            rows = {name: array[begin:end] for name, array in inputs.items()}
            bs.simulate(net, (end - begin) * DT * u.ms, dt=DT * u.ms, inputs=rows, chunk_steps=STEPS, progress=False)
            cut[pieces] = engine.run_chunk._cache_size()
        weights.append(np.asarray(net["pre->post"].plain("weight")))
        net["pre->post"].plasticity.rate = 1.0  # another value of the same kind
    np.testing.assert_array_equal(*weights)
    assert len(set(cut.values())) == 1


@every_rule
def test_gradients_of_all_parameters_are_differences_and_batches_are_loops(rule, clamp, make, protocol):
    """One gradient against central differences; the runs of the differences are one batch, with the run itself in it."""
    net = network(clamp, make, rule)
    probe = jnp.asarray(np.random.default_rng(1).normal(size=(N, N)))
    run = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, remat=False)
    names = [
        f"{part.path}.{name}"
        for part in parts(net["pre->post"].plasticity)
        for name, declared in part._declared.items()
        if isinstance(declared, Parameter) and f"{part.path}.{name}" in run.parameters
    ]
    values = jnp.asarray([run.parameters[name] for name in names])

    def loss(values):
        return jnp.sum(probe * run(dict(zip(names, values)), {}, inputs=protocol)[0]["pre->post.weight"])

    value, gradient = jax.jit(jax.value_and_grad(loss))(values)
    h = 1e-5 * np.maximum(np.abs(values), 1e-2)
    shifted = values[None] + np.concatenate([np.diag(h), -np.diag(h)])
    batch = np.asarray(jax.jit(jax.vmap(loss))(jnp.concatenate([shifted, values[None]])))
    up, down = np.split(batch[:-1], 2)
    np.testing.assert_allclose(gradient, (up - down) / (2 * h), rtol=2e-5, atol=1e-7 * np.max(np.abs(gradient)))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    np.testing.assert_allclose(batch[-1], value, rtol=1e-12)
