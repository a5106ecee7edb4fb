"""Random numbers of a step are those of :mod:`jax.random`."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core.draws import KINDS, drawn, some_of

KEYS = np.stack([jax.random.key_data(jax.random.key(k)) for k in range(5)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (13, 17), (2, 3, 5), (0,), (3, 0), (40_000,)], ids=str)
def test_they_have_the_bits_of_jax(kind, wide, shape):
    with jax.enable_x64(wide):
        dtype = np.float64 if wide else np.float32
        for step in (0, 5, 2**31 - 1):
            found = drawn(kind, KEYS[step % 5], jnp.int32(step), shape, dtype)
            expected = getattr(jax.random, kind)(jax.random.fold_in(KEYS[step % 5], step), shape, dtype)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def one(key, step):
    return drawn("normal", key, step, (4,), np.float32)


def test_runs_of_a_batch_have_their_own():
    alone = np.array([[one(key, step) for step in range(3)] for key in KEYS])
    steps = jnp.arange(3)
    np.testing.assert_array_equal(jax.vmap(one, (0, None))(KEYS, 2), alone[:, 2])
    np.testing.assert_array_equal(jax.vmap(jax.vmap(one, (None, 0)), (0, None))(KEYS, steps), alone)
    np.testing.assert_array_equal(jax.vmap(jax.vmap(one, (0, None)), (None, 0))(KEYS, steps), alone.swapaxes(0, 1))
    np.testing.assert_array_equal(jax.vmap(one)(KEYS[:3], steps), alone[np.arange(3), np.arange(3)])
    both = jax.vmap(jax.vmap(one), (1, 0))(np.stack([KEYS[:3], KEYS[1:4]], 1), jnp.stack([steps, steps]))
    np.testing.assert_array_equal(
        both, np.stack([alone[np.arange(3), np.arange(3)], alone[np.arange(1, 4), np.arange(3)]])
    )


def test_a_part_has_the_numbers_that_it_has_in_the_whole():
    whole = drawn("normal", KEYS[1], 3, (9, 10), np.float32)
    rows = some_of("normal", KEYS[1], 3, jnp.uint32(40), (3, 10), (9, 10), np.dtype(np.float32))
    columns = some_of("normal", KEYS[1], 3, jnp.uint32(5), (9, 2), (9, 10), np.dtype(np.float32))
    np.testing.assert_array_equal(rows, whole[4:7])
    np.testing.assert_array_equal(columns, whole[:, 5:7])


def test_they_have_no_derivative():
    value, slope = jax.value_and_grad(lambda scale: (scale * one(KEYS[0], 1)).sum())(2.0)
    np.testing.assert_allclose(value, 2 * slope, rtol=1e-6)


@pytest.mark.parametrize("sizes", [(17, 0), (0, 17), (0, 0)])
def test_what_draws_nothing_stands_beside_what_does(sizes):
    """XLA ended the process where it compiled such a program."""
    net = bs.Network(seed=1)
    net.S, net.T = bs.sources.PoissonGroup(29, rate=200 * u.Hz), bs.neurons.LIF(9)
    net.T.add_receptors(syn=bs.receptors.Exponential())
    for k, n in enumerate(sizes):
        rule = bs.plasticity.CalciumPlasticity(w_max=1 * u.pA, sigma=0.1)
        wiring = bs.FixedTotalNumber(n) if n else bs.FixedProbability(0.0)
        net.connect(net.S, net.T, wiring, receptor="syn", weight=0.5 * u.pA, plasticity=rule, name=f"p{k}")
    bs.simulate(net, 2 * u.ms, progress=False)
    assert [net[f"p{k}"].weight.shape for k in range(2)] == [(n,) for n in sizes]
