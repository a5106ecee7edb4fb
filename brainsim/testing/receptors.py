"""What every receptor does: for classes of your own, and for those of the library.

::

    from brainsim.testing.receptors import *
    from my_package import Saturating

    MODELS = [Saturating]

Tests take the argument ``receptor``. A class is documented, with its equation and a reference; refuses bad values, and
times that are not positive; is silent until spikes arrive (one with ``graded = True`` is given potentials in their
place); does the same after a reset and in pieces; is compiled once for all values and durations; does in float32 what
it does in float64; and as a function: what spikes are added to is linear in the weight, a batch is what its runs are
alone, and the derivatives by the weight and by every parameter are finite differences, none of them zero.

Spikes come from two sources within 4 ms onto three cells, with weights of 1, 2 and 50 in the unit of the receptor, and
8 ms are seen. A class whose parameters do not all count under these conditions gets others by its name::

    VALUES = {"Saturating": dict(g_max=100.0 * u.pA)}
"""

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
from brainsim.testing._suite import documented, double_precision, exported, parametrise, values


def pytest_generate_tests(metafunc):
    parametrise(metafunc, "receptor", receptors.Receptor)


@pytest.fixture(scope="module")
def built(values):
    """Two sources, and three cells that do not fire, with the receptor between them."""

    def build(receptor, amount=1.0):
        net = bs.Network()
        if receptor.graded:
            net.S = bs.neurons.LIF(2, V=[-58.0, -51.0] * u.mV)
        else:
            net.S = bs.sources.SpikeTimes(2, [1.0, 2.5, 4.0] * u.ms, [0, 1, 0])
        net.E = bs.neurons.LIF(3, V_th=1e9 * u.mV)
        net.E.add_receptors(syn=receptor(**values(receptor)))
        signal, unit = ("V", u.mV) if receptor.graded else (None, u.UNITLESS)
        weight = amount * net.E.syn.weight_unit(unit)
        stored = bs.FixedProbability(1.0)  # all to all, by a kernel
        net.connect(net.S, net.E, stored, receptor="syn", weight=weight, signal=signal)
        return net

    return build


def potential(net, duration):
    """V of the postsynaptic cells, (steps, 3), mV."""
    return np.asarray(u.get_mantissa(bs.simulate(net, duration * u.ms, record="E.V")["E.V"]))


def numbers(receptor):
    """Parameters that have a value by default."""
    return [name for name, d in receptor._declared.items() if isinstance(d, Parameter) and d.default is not None]


def times(receptor):
    return [name for name, d in receptor._declared.items() if isinstance(d, Parameter) and d.unit == u.ms]


def test_is_documented(receptor, built):
    documented(receptor)
    net = built(receptor)
    for name in receptor._declared:
        assert isinstance(net.E.syn.unit_of(name), u.Unit), name


def test_bad_values_are_refused_and_named(receptor):
    with pytest.raises(bs.UnknownNameError, match=f"{receptor.__name__} has no 'reversall'.*Did you mean 'reversal'?"):
        receptor(reversall=0 * u.mV)
    for name in times(receptor):
        with pytest.raises(bs.UnitError, match=f"{receptor.__name__}.{name}: expected ms, given mV"):
            receptor(**{name: 1.0 * u.mV})
        with pytest.raises(ValueError, match=f"{name}: values must be positive"):
            bs.neurons.LIF(3).add_receptors(syn=receptor(**{name: 0.0 * u.ms}))
        with pytest.raises(ValueError, match=re.escape(f"{name}: expected shape () or (3,), given (2,)")):
            bs.neurons.LIF(3).add_receptors(syn=receptor(**{name: [1.0, 2.0] * u.ms}))


def test_how_it_runs(receptor, built):
    """Silent before spikes arrive, the same after a reset and in pieces, and never compiled again."""
    net = built(receptor)
    first = potential(net, 8.0)
    assert receptor.graded or np.ptp(first[:10]) == 0  # what arrives at 1 ms is seen from 1.1 ms on
    assert np.ptp(first) > 0
    compiled = engine.run_chunk._cache_size()
    net.reset()
    np.testing.assert_array_equal(np.concatenate([potential(net, 3.3), potential(net, 4.7)]), first)
    net.reset()
    for name in numbers(receptor):
        net.E.syn.assign(name, getattr(net.E.syn, name) * 1.1)
    potential(net, 13.0)
    assert engine.run_chunk._cache_size() == compiled


def test_float32_is_close_to_float64(receptor, built):
    results = {}
    for wide in (False, True):
        with jax.enable_x64(wide):
            results[wide] = potential(built(receptor), 5.0)
            assert results[wide].dtype == (np.float64 if wide else np.float32)
    np.testing.assert_allclose(results[False], results[True], rtol=3e-6)


def test_kernels_and_plain_jax_agree(receptor, built):
    with bs.events.served_by("plain"):
        plain = potential(built(receptor), 3.0)
    np.testing.assert_allclose(potential(built(receptor), 3.0), plain, rtol=1e-12)


def test_as_a_function(receptor, built):
    """What spikes are added to is linear in the weight; a vmap is a loop; gradients are finite differences."""
    net = built(receptor)
    port = f"E.syn.{net.E.syn.port}"
    f = bs.function(net, 8 * u.ms, record=["E.V", port], remat=False)
    paths = ["S->E.weight", *(f"E.syn.{name}" for name in numbers(receptor))]

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


__all__ = [*exported(globals()), "built", "double_precision", "values"]
