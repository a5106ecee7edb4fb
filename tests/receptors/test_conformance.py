"""What every exported receptor must do; a new one is tested by being exported."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import receptors
from brainsim._core import Clock, Parameter
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


def potential(net, duration):
    """V of the postsynaptic cells, (steps, 3), mV."""
    return np.asarray(u.get_mantissa(bs.simulate(net, duration * u.ms, record="E.V")["E.V"]))


def numbers(kind):
    """Parameters that have a value by default."""
    return [name for name, d in kind._declared.items() if isinstance(d, Parameter) and d.default is not None]


def times(kind):
    return [name for name, d in kind._declared.items() if isinstance(d, Parameter) and d.unit == u.ms]


@every
def test_is_documented(kind):
    assert ".. math::" in kind.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", kind.__doc__, re.DOTALL)
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
def test_how_it_runs(kind):
    """Silent before spikes arrive, the same after a reset and in pieces, and never compiled again."""
    net = built(kind)
    first = potential(net, 8.0)
    assert kind.graded or np.ptp(first[:10]) == 0  # what arrives at 1 ms is seen from 1.1 ms on
    assert np.ptp(first) > 0
    compiled = engine.run_chunk._cache_size()
    net.reset()
    np.testing.assert_array_equal(np.concatenate([potential(net, 3.3), potential(net, 4.7)]), first)
    net.reset()
    for name in numbers(kind):
        net.E.syn.assign(name, getattr(net.E.syn, name) * 1.1)
    potential(net, 13.0)
    assert engine.run_chunk._cache_size() == compiled


@every
def test_float32_is_close_to_float64(kind):
    results = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            results[wide] = potential(built(kind), 5.0)
            assert results[wide].dtype == (np.float64 if wide else np.float32)
    np.testing.assert_allclose(results[False], results[True], rtol=3e-6)


@every
def test_as_a_function(kind):
    """What spikes are added to is linear in the weight; a vmap is a loop; gradients are finite differences."""
    net = built(kind)
    port = f"E.syn.{net.E.syn.port}"
    f = bs.function(net, 8 * u.ms, record=["E.V", port], remat=False)
    paths = ["S->E.weight", *(f"E.syn.{name}" for name in numbers(kind))]

    @jax.jit
    @jax.vmap
    def both(given):
        def mean(given):
            recorded = f(given, {})[1]
            return 1e3 * jnp.mean(recorded["E.V"] + 60.0), recorded

        return jax.value_and_grad(mean, has_aux=True)(given)

    here = {p: f.parameters[p] for p in paths}
    strong = here | {paths[0]: 50 * here[paths[0]]}
    scale = {p: float(jnp.max(jnp.abs(strong[p]))) or 1.0 for p in paths}
    moved = [here, here | {paths[0]: 2 * here[paths[0]]}, strong]
    moved += [strong | {p: strong[p] + sign * 1e-3 * scale[p]} for p in paths for sign in (1, -1)]
    (means, recorded), gradient = both(jax.tree.map(lambda *x: jnp.stack(x), *moved))
    np.testing.assert_allclose(recorded[port][1], 2 * recorded[port][0], rtol=1e-12)
    alone = jax.jit(lambda p: f(p, {})[1]["E.V"])(strong)
    np.testing.assert_allclose(recorded["E.V"][2], alone, rtol=1e-12)
    for k, p in enumerate(paths):
        difference = (means[3 + 2 * k] - means[4 + 2 * k]) / 2e-3
        np.testing.assert_allclose(np.sum(gradient[p][2]) * scale[p], difference, rtol=2e-5, atol=1e-7, err_msg=p)
        assert np.any(gradient[p][2] != 0), p


class Squared(receptors.Exponential):
    """A user's receptor whose conductance is the square of what decays, and that closes above -50 mV."""

    def output(self, g):
        return g**2

    def block(self, V):
        return 1.0 / (1.0 + jnp.exp((V + 50.0) / 2.0))


def test_outputs_may_be_nonlinear_and_depend_on_the_potential():
    cell = bs.neurons.LIF(2, V=[-60.0, -40.0] * u.mV)
    cell.add_receptors(syn=(syn := Squared(tau=5 * u.ms, reversal=0 * u.mV)))
    syn.g = 3.0 * syn.unit_of("g")
    g = syn.advance(Clock(jnp.int32(0), jnp.asarray(1.0), None))
    np.testing.assert_allclose(g, 0.5 * (9.0 + (3.0 * np.exp(-0.2)) ** 2), rtol=1e-12)
    V = np.array([-60.0, -40.0])
    np.testing.assert_allclose(syn.current(g, V), g * -V / (1 + np.exp((V + 50) / 2)), rtol=1e-12)
