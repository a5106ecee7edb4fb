"""What every exported terminal must do; a new one is tested by being exported."""

import functools
import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import terminals
from brainsim._core import Parameter
from brainsim.simulation import engine

EVERY = [getattr(terminals, name) for name in terminals.__all__ if name != "Terminal"]
KINDS = [kind for kind in EVERY if kind.takes == "spikes"]  # those that follow V: test_graded_release.py
every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
N = 3
TIMES, UNITS = [1.0, 2.0, 2.5, 4.0, 5.5, 5.6], [0, 1, 0, 0, 1, 0]  # the last unit stays silent
STEPS = 80
# What is left out by default; and no pulse of whole steps, where the samples have a kink as functions of its length.
# A resting value that has others on both sides.
OPTIONAL = {"tau_facil": 30.0 * u.ms, "T_dur": 0.47 * u.ms, "u_rest": 0.1}


def with_all(kind, **values):
    return kind(**{name: value for name, value in OPTIONAL.items() if name in kind._declared} | values)


def parameters(kind):
    return [name for name, declared in kind._declared.items() if isinstance(declared, Parameter)]


@pytest.fixture
def built(network):
    return functools.partial(network, times=TIMES, indices=UNITS, n=N)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_is_documented(kind):
    assert ".. math::" in kind.__doc__
    written = vars(kind)["__doc__"]
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", kind.__doc__, re.DOTALL)
    for name, declared in kind._declared.items():
        assert declared.__doc__, name
        assert isinstance(declared.unit, u.Unit), name
        assert not isinstance(declared, Parameter) or re.search(rf"\b{name}\b", written), name


@every
def test_bad_values_are_refused_and_named(kind, network):
    name = max(parameters(kind), key=len)
    with pytest.raises(bs.UnknownNameError, match=f"{kind.__name__} has no '{name}x'.*Did you mean '{name}'?"):
        kind(**{name + "x": 1.0})
    with pytest.raises(bs.UnitError, match=f"{kind.__name__}.{name}: expected"):
        kind(**{name: 1.0 * u.meter})
    unit = kind._declared[name].unit
    with pytest.raises(ValueError, match=re.escape(f"S->T.terminal.{name}: expected shape () or (1,), given (2,)")):
        network(kind(**{name: np.ones(2) * unit}), [1.0])
    for name in parameters(kind):
        declared = kind._declared[name]
        if declared.positive:
            with pytest.raises(ValueError, match=f"{name}: values must be positive"):
                network(kind(**{name: 0.0 * declared.unit}), [1.0])
    terminal = kind()
    network(terminal, [1.0])
    with pytest.raises(ValueError, match="that of S->T.terminal of another network; make another one"):
        network(terminal, [1.0])


@every
def test_how_it_runs(kind, built, sent):
    """Silent without spikes, within its bounds, the same in pieces and after a reset, and never compiled again."""
    net = built(with_all(kind))
    first = sent(net, 8.0)
    assert np.all(first[:, 2] == 0)
    assert np.all(first >= 0) and np.all(first <= 1)  # a fraction of resources, sites or channels
    assert first[:, 0].any() and np.argmax(first[:, 0] > 0) == (10 if kind.graded else 9)
    net.reset()
    compiled = engine.run_chunk._cache_size()
    np.testing.assert_array_equal(np.concatenate([sent(net, 3.3), sent(net, 4.7)]), first)
    net.reset()
    for name in parameters(kind):
        value = getattr(net["S->T"].terminal, name)
        net["S->T"].terminal.assign(name, value if name == "N" else value * 0.9)
    changed = sent(net, 8.0, chunk_steps=10_000)
    assert not np.array_equal(changed, first)
    assert engine.run_chunk._cache_size() == compiled


@every
def test_float32_is_close_to_float64(kind, network, sent):
    results = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            if kind is terminals.QuantalRelease:
                terminal = with_all(kind, U=1.0)  # draws in another precision are other draws; these leave no choice
                results[wide] = sent(network(terminal, [1.0]), 3.0)
            else:
                results[wide] = sent(network(with_all(kind), [1.0, 1.5, 2.0]), 3.0)
    np.testing.assert_allclose(results[False], results[True], rtol=1e-5, atol=1e-6)
    assert results[True].any()


@every
def test_as_a_function(kind, built):
    """A vmap is a loop, and gradients are finite differences of what is sent on average."""
    net = built(with_all(kind))
    f = bs.function(net, STEPS * 0.1 * u.ms, record="T.syn.g", remat=False)
    paths = [f"S->T.terminal.{name}" for name in parameters(kind) if name != "N"]

    @jax.jit
    @jax.vmap
    def both(given):
        def mean(given):
            g = f(given, {})[1]["T.syn.g"]
            return jnp.mean(g * jnp.linspace(1.0, 2.0, STEPS)[:, None]), g

        return jax.value_and_grad(mean, has_aux=True)(given)

    here = {p: f.parameters[p] for p in paths}
    steps = {p: 1e-5 * max(float(jnp.max(here[p])), 0.1) for p in paths}
    moved = [here, *(here | {p: here[p] + sign * steps[p]} for p in paths for sign in (1, -1))]
    (means, g), gradient = both(jax.tree.map(lambda *x: jnp.stack(x), *moved))
    alone = jax.jit(lambda p: f(p, {})[1]["T.syn.g"])(moved[1])
    np.testing.assert_allclose(g[1], alone, rtol=1e-10, atol=1e-14)
    for k, path in enumerate(paths):
        assert np.isfinite(gradient[path][0]), path
        # There one draw is a step function of its parameters: tests/terminals/test_quantal.py
        if kind is not terminals.QuantalRelease:
            difference = (means[2 * k + 1] - means[2 * k + 2]) / (2 * steps[path])
            np.testing.assert_allclose(gradient[path][0], difference, rtol=1e-5, atol=1e-8, err_msg=path)
            assert gradient[path][0] != 0
