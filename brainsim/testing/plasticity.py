"""What every plasticity rule keeps: for classes of your own, and for those of the library.

::

    from brainsim.testing.plasticity import *
    from my_package import MyRule

    MODELS = [MyRule]

Tests take the argument ``rule``. A class is documented, with its equation and a reference, and says in no more than 25
lines what moves the weights; it learns within its bounds, and without spikes changes nothing unless it ``drifts``; it
does the same on every format of synapses, with the compiled kernels and without, and in pieces; it is compiled once;
its derivatives by all parameters are finite differences, and a batch is what its runs are alone.

Dense random spikes, potentials and pulses of dopamine are given to four neurons on either side for 60 ms, with weights
from 0.3 to 0.7 pA. A rule gets ``w_min = 0 pA``, ``w_max = 1 pA`` and, for each argument that it requires, 0.02 in its
unit. Where that teaches nothing, or so much that weights come to a bound, which has no derivative, a class gets other
arguments by its name, or a function that makes the rule for the network::

    VALUES = {
        "MyRule": dict(A=0.05 * u.pA),
        "ThirdFactor": lambda net: ThirdFactor(reward=net.dopamine, w_min=0.0 * u.pA, w_max=1.0 * u.pA),
    }
"""

import inspect
import types
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import plasticity
from brainsim._core import Parameter
from brainsim.simulation import engine
from brainsim.testing._suite import documented, double_precision, exported, parametrise, values

N, STEPS, DT = 4, 60, 1.0
WIRING = {
    "Dense": bs.AllToAll(),
    "CSR": bs.FixedProbability(1.0),
    "FixedFanOut": bs.FixedOutDegree(N),
    "Diagonal": bs.OneToOne(),
}


def pytest_generate_tests(metafunc):
    parametrise(metafunc, "rule", plasticity.Plasticity)


class Clamped(bs.neurons.Neuron):
    """Cells whose potential and spikes are given, step by step, through ``inputs``."""

    V = bs.State(-65.0 * u.mV, "membrane potential")
    given = bs.State(0.0, "who fires at the end of the step")

    def derivative(self, t, V):
        return 0.0 * V / u.ms

    def fires(self, before, after):
        return self.plain("given") != 0


def clamped(
    plasticity: Any, n_pre: int, n_post: int, *, wiring: Any = None, w: Any = 0.5, dopamine: Any = None,
    source: type = Clamped, **options: Any,
) -> bs.Network:  # fmt: skip
    """Cells ``pre`` connected to cells ``post``, all to all unless said; ``plasticity`` is a rule or makes one from the
    network.
    """
    net = bs.Network(seed=3)
    net.pre, net.post = source(n_pre), Clamped(n_post)
    net.post.add_receptors(syn=bs.receptors.Exponential())
    net.dopamine = bs.modulators.Dopamine(tau=50 * u.ms, **dopamine or {})
    if not isinstance(plasticity, bs.plasticity.Plasticity | list):
        plasticity = plasticity(net)
    w = w if isinstance(w, u.Quantity | bs.connectivity.Distribution) else w * u.pA
    net.connect(net.pre, net.post, wiring or bs.AllToAll(), receptor="syn", weight=w, plasticity=plasticity, **options)
    return net


def example(rule, **given):
    """A rule with something to learn: bounds, and its required arguments filled by their unit."""
    filled: dict[str, Any] = {}
    for name, parameter in inspect.signature(rule.__init__).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            filled[name] = 0.02 * unit_of(rule, name)
    if issubclass(rule, plasticity.RateRule) and "eta" in filled:  # activities of some hundred Hz, to the third power
        filled["eta"] = 1e-7 * unit_of(rule, "eta")
    bounds = {"w_min": 0.0 * u.pA, "w_max": 1.0 * u.pA}
    return rule(**dict[str, Any](filled | bounds | given))


def unit_of(rule, name):
    if name not in rule._declared:
        raise TypeError(
            f"{rule.__name__} requires {name!r}, which is not a parameter: say in VALUES how to make the rule."
        )
    unit = rule._declared[name].unit
    if unit == "weight_unit":
        return u.pA
    where = types.SimpleNamespace(weight_unit=u.pA, bound=True)
    return getattr(rule, unit).fget(where) if isinstance(unit, str) else unit


@pytest.fixture(autouse=True)
def quick_compilation():
    """What is tested is what a rule computes, not how well LLVM optimises it."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


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


@pytest.fixture(scope="module")
def network(values):
    """Clamped neurons with the rule between them, and weights far from their bounds."""

    def build(rule, wiring="Dense"):
        given = values(rule)
        make = given if callable(given) else lambda net: example(rule, **given)
        return clamped(make, N, N, wiring=WIRING[wiring], w=bs.Uniform(0.3 * u.pA, 0.7 * u.pA))

    return build


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


def test_is_documented(rule):
    documented(rule)
    for name, declared in rule._declared.items():
        assert declared.unit is not None, name


def test_its_equations_are_short(rule):
    """What moves the weights takes no more than 25 lines."""
    assert len([line for line in inspect.getsource(rule.update).splitlines() if line.strip()]) <= 25


def test_weights_learn_within_bounds_and_stay_in_silence(rule, network, protocol):
    net = network(rule)
    before = net["pre->post"].plain("weight")
    run = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, remat=False)
    after = run({}, {}, inputs=protocol)[0]["pre->post.weight"]
    assert np.all(np.isfinite(after))
    assert np.max(np.abs(after - before)) > 1e-6, (
        f"{rule.__name__} learns nothing here: give it something to learn with in VALUES"
    )
    silent = {name: jnp.zeros_like(v) if name != "post.V" else jnp.full_like(v, -65.0) for name, v in protocol.items()}
    still = run({}, {}, inputs=silent)[0]["pre->post.weight"]
    if rule.drifts or any(part.drifts for part in net["pre->post"].plasticity.rules.values()):
        assert np.all(np.isfinite(still))
    else:
        np.testing.assert_array_equal(still, before)
    parameters = {
        f"{part.path}.{k}": v
        for part in parts(net["pre->post"].plasticity)
        for k, v in (("w_min", 0.49), ("w_max", 0.51))
    }
    parameters = {k: jnp.asarray(v) for k, v in parameters.items() if k in run.parameters}
    bounded = run(parameters, {"pre->post.weight": jnp.full(before.shape, 0.5)}, inputs=protocol)[0]["pre->post.weight"]
    assert np.all((bounded >= 0.49) & (bounded <= 0.51))


def test_formats_and_implementations_agree(rule, network, protocol):
    """One run per format; the kernels on the dense one against plain JAX."""
    net = network(rule)
    start = matrix(net, net["pre->post"].plain("weight"))
    dense = matrix(net, final(net, protocol))
    with bs.events.served_by("plain"):
        np.testing.assert_allclose(matrix(net, final(net, protocol)), dense, rtol=1e-12)
    for wiring in ("CSR", "FixedFanOut", "Diagonal"):
        net = network(rule, wiring)
        conn = net["pre->post"].plain("connectivity")
        assert type(conn).__name__ == wiring
        pre, post = (np.asarray(side) for side in conn.coo())
        weight = jnp.asarray(start[pre, post]).reshape(conn.weight_shape)
        found = matrix(net, final(net, protocol, state={"pre->post.weight": weight}))
        np.testing.assert_allclose(found[pre, post], dense[pre, post], rtol=1e-12)


def test_pieces_change_nothing_and_do_not_compile_again(rule, network, protocol):
    net = network(rule)
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


def test_gradients_of_all_parameters_are_differences_and_batches_are_loops(rule, network, protocol):
    """One gradient against central differences; the runs of the differences are one batch, with the run itself in it."""
    net = network(rule)
    probe = jnp.asarray(np.random.default_rng(1).normal(size=(N, N)))
    run = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, remat=False)
    declared = {
        f"{part.path}.{name}": declared
        for part in parts(net["pre->post"].plasticity)
        for name, declared in part._declared.items()
        if isinstance(declared, Parameter) and f"{part.path}.{name}" in run.parameters
    }
    names = list(declared)
    values = np.asarray([run.parameters[name] for name in names])
    h = 1e-5 * np.maximum(np.abs(values), 1e-2)
    lowest = np.asarray([0 if p.positive or p.nonnegative else -np.inf for p in declared.values()])
    highest = np.asarray([np.inf if p.at_most is None else p.at_most for p in declared.values()])
    values = np.clip(values, lowest + h, highest - h)  # both of a pair of values must be within bounds

    def loss(values):
        return jnp.sum(probe * run(dict(zip(names, values)), {}, inputs=protocol)[0]["pre->post.weight"])

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.asarray(values))
    shifted = values[None] + np.concatenate([np.diag(h), -np.diag(h)])
    batch = np.asarray(jax.jit(jax.vmap(loss))(jnp.concatenate([shifted, values[None]])))
    up, down = np.split(batch[:-1], 2)
    np.testing.assert_allclose(gradient, (up - down) / (2 * h), rtol=2e-5, atol=1e-7 * np.max(np.abs(gradient)))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    np.testing.assert_allclose(batch[-1], value, rtol=1e-12)


__all__ = [*exported(globals()), "double_precision", "network", "protocol", "quick_compilation", "values"]
