"""What every exported receptor must do; a new one is tested by being exported."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import receptors
from brainsim._core import Parameter
from brainsim.simulation import engine

KINDS = [getattr(receptors, name) for name in receptors.__all__ if name != "Receptor"]
every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def built(kind, amount=1.0, **values):
    net = bs.Network()
    if kind.graded:
        net.S = bs.neurons.LIF(2, V=[-58.0, -51.0] * u.mV)
    else:
        net.S = bs.sources.SpikeTimes(2, [1.0, 2.5, 4.0] * u.ms, [0, 1, 0])
    net.E = bs.neurons.LIF(3, V_th=1e9 * u.mV)
    receptor = kind(**values)
    net.E.add_receptors(syn=receptor)
    signal, unit = ("V", u.mV) if kind.graded else (None, u.UNITLESS)
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=amount * receptor.weight_unit(unit), signal=signal)
    return net


def times(kind):
    return [name for name, d in kind._declared.items() if isinstance(d, Parameter) and d.unit == u.ms]


@every
def test_is_documented(kind):
    assert ".. math::" in kind.__doc__
    for name, declared in kind._declared.items():
        assert declared.__doc__, name
    net = built(kind)
    for name in kind._declared:
        assert isinstance(net.E.syn.unit_of(name), u.Unit), name


@every
def test_bad_values_are_refused_and_named(kind):
    with pytest.raises(bs.UnknownNameError, match=f"{kind.__name__} has no 'reversall'.*Did you mean 'reversal'?"):
        kind(reversall=0 * u.mV)
    for name in times(kind):
        with pytest.raises(bs.UnitError, match=f"{kind.__name__}.{name}: expected ms, given mV"):
            kind(**{name: 1.0 * u.mV})
        with pytest.raises(ValueError, match=f"{name}: values must be positive"):
            bs.neurons.LIF(3).add_receptors(syn=kind(**{name: 0.0 * u.ms}))
        with pytest.raises(ValueError, match=re.escape(f"{name}: expected shape () or (3,), given (2,)")):
            bs.neurons.LIF(3).add_receptors(syn=kind(**{name: [1.0, 2.0] * u.ms}))


@every
def test_runs_again_after_reset_and_never_compiles_again(kind):
    net = built(kind)
    record = ["E.V"]
    first = bs.simulate(net, 8 * u.ms, record=record)["E.V"]
    compiled = engine.run_chunk._cache_size()
    net.reset()
    again = bs.simulate(net, 8 * u.ms, record=record)["E.V"]
    assert np.array_equal(u.get_mantissa(first), u.get_mantissa(again))
    for name in times(kind):
        net.E.syn.assign(name, getattr(net.E.syn, name) * 1.1)
    bs.simulate(net, 13 * u.ms, record=record)
    assert engine.run_chunk._cache_size() == compiled


@every
def test_is_linear_in_the_weight_and_has_the_right_gradient(kind):
    net = built(kind, amount=1.0)
    port = f"E.syn.{net.E.syn.port}"
    f = bs.function(net, 8 * u.ms, record=["E.V", port])
    paths = ["S->E.weight", *(f"E.syn.{name}" for name in times(kind))]

    @jax.jit
    def recorded(parameters):
        return f(parameters, {})[1]

    def mean(parameters):
        return 1e3 * jnp.mean(recorded(parameters)["E.V"])

    here = {p: f.parameters[p] for p in paths}
    doubled = recorded(here | {paths[0]: 2 * here[paths[0]]})[port]
    np.testing.assert_allclose(doubled, 2 * recorded(here)[port], rtol=1e-12)
    here[paths[0]] = here[paths[0]] * 50
    gradient = jax.jit(jax.grad(mean))(here)
    for p in paths:
        h = 1e-4 * float(jnp.max(here[p]))
        difference = (mean(here | {p: here[p] + h}) - mean(here | {p: here[p] - h})) / (2 * h)
        np.testing.assert_allclose(np.sum(gradient[p]), difference, rtol=1e-5, atol=1e-9, err_msg=p)
        assert np.any(gradient[p] != 0)
