"""What every exported mass must do; a new one is tested by being exported."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import masses
from brainsim._core import Parameter, State
from brainsim.simulation import engine

MODELS = [getattr(masses, name) for name in masses.__all__ if name != "Mass"]
every = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
DT = 0.1 * u.ms


def built(model, size=2, **values):
    net = bs.Network()
    net.m = model(size, **values)
    net.m.add_stimuli(drive=bs.stimuli.Constant(0.01 * model.input_unit))
    return net


def run(net, ms=10):
    rec = bs.simulate(net, ms * u.ms, dt=DT, record=[f"m.{name}" for name in net.m.variables], progress=False)
    return {name: np.asarray(u.get_mantissa(rec[f"m.{name}"])) for name in net.m.variables}


@every
def test_is_documented(model):
    assert ".. math::" in model.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", model.__doc__, re.DOTALL)
    for name, declared in model._declared.items():
        assert declared.__doc__, name
        assert isinstance(declared, Parameter | State)
    cell = model(3)
    for name, declared in model._declared.items():
        assert isinstance(cell.unit_of(name), u.Unit), name
        assert np.shape(getattr(cell, name)) == ((3,) if isinstance(declared, State) else ()), name
    assert set(model.inputs) >= set(model.takes)
    assert {variable for variable in model.inputs.values() if variable} <= set(model.variables)


@every
def test_sends_no_spikes(model):
    net = built(model)
    with pytest.raises(bs.UnknownNameError, match="no 'm.spikes'"):
        bs.simulate(net, 1 * u.ms, record="m.spikes")


@every
def test_reset_restores_and_nothing_compiles_again(model):
    net = built(model)
    first = run(net)
    compiled = engine.run_chunk._cache_size()
    net.reset()
    again = run(net)
    name = next(name for name, d in model._declared.items() if isinstance(d, Parameter))
    net.m.assign(name, getattr(net.m, name) * 1.01)
    run(net, 7)
    assert engine.run_chunk._cache_size() == compiled
    for name in net.m.variables:
        assert np.array_equal(first[name], again[name]), name
        assert np.all(np.isfinite(first[name]))


@every
def test_float32_is_close_to_float64(model):
    y = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            y[wide] = run(built(model), 5)
    for name in y[True]:
        scale = 1 + np.abs(y[True][name]).max()
        assert y[False][name].dtype == np.float32
        np.testing.assert_allclose(y[False][name], y[True][name], atol=2e-5 * scale, err_msg=name)


@every
def test_vmap_is_a_loop_and_gradients_are_finite_differences(model):
    net = built(model, method="euler")
    variables = net.m.variables
    f = bs.function(net, 0.1 * u.ms, dt=0.01 * u.ms, record=[f"m.{name}" for name in variables], remat=False)
    here = {path: array for path, array in f.parameters.items() if path.startswith("m.")}
    scale = {name: 1.0 + jnp.abs(net.m.plain(name)[0]) for name in variables}

    @jax.jit
    def total(parameters):
        recorded = f(parameters, {})[1]
        return sum(jnp.mean(recorded[f"m.{name}"] * (k + 1) / scale[name]) for k, name in enumerate(variables))

    gradient = jax.jit(jax.grad(total))(here)
    assert any(np.any(g != 0) for g in gradient.values())
    steps = {path: 1e-5 * max(1.0, float(jnp.max(jnp.abs(here[path])))) for path in here}
    moved = [here | {path: here[path] + sign * h} for path, h in steps.items() for sign in (1, -1)]
    values = jax.jit(jax.vmap(total))(jax.tree.map(lambda *leaves: jnp.stack(leaves), *moved))
    np.testing.assert_allclose(values[0], total(moved[0]), rtol=1e-12)
    for k, (path, h) in enumerate(steps.items()):
        difference = (values[2 * k] - values[2 * k + 1]) / (2 * h)
        np.testing.assert_allclose(np.sum(gradient[path]), difference, rtol=1e-4, atol=1e-8, err_msg=path)
