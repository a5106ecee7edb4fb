"""Transforms give back what they were given, and keep what they promise; what learns is chosen by path."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.train import Trained, transforms

from .conftest import small

CASES = [
    (transforms.Free(), [0.3, -2.0], lambda p: np.isfinite(p)),
    (transforms.Positive(), [0.3, 20.0], lambda p: p > 0),
    (transforms.NotNegative(), [0.3, 0.0], lambda p: p >= 0),
    (transforms.Bounded(2 * u.ms, 0.05 * u.second), [3.0, 49.0], lambda p: (p >= 2) & (p <= 50)),
    (transforms.Clipped(2 * u.ms, 0.05 * u.second), [2.0, 50.0], lambda p: (p >= 2) & (p <= 50)),
    (transforms.Shared([0, 1, 0]), [3.0, 4.0, 3.0], lambda p: p[..., 0] == p[..., 2]),
    (transforms.Signed(), [0.3, -2.0, 0.0], lambda p: np.sign(p) * np.array([1, -1, 0]) >= 0),
    (transforms.Masked(), [0.3, 0.0, -2.0], lambda p: (p != 0) <= np.array([1, 0, 1])),
    (transforms.WeightNorm(), [3.0, -4.0], lambda p: np.isfinite(p)),
]


@pytest.mark.parametrize("transform, values, allowed", CASES, ids=[type(case[0]).__name__ for case in CASES])
def test_there_and_back_and_never_out_of_bounds(transform, values, allowed):
    array = jnp.asarray(values)
    fixed = transform.fixed(array, u.ms, "x.tau")
    free = transform.free(array, fixed)
    np.testing.assert_allclose(transform.value(free, fixed), values, rtol=1e-12)
    for push in (-30.0, -1.0, 7.0):
        moved = jax.tree.map(lambda x, push=push: x + push * jnp.arange(1.0, len(x) + 1), free)
        moved = transform.kept(moved, fixed)
        assert np.all(allowed(np.asarray(transform.value(moved, fixed))))


def test_weight_norm_by_hand():
    transform = transforms.WeightNorm()
    array = jnp.array([[3.0, 0.0], [4.0, 2.0]])
    free = transform.free(array, ())
    np.testing.assert_allclose(free["length"], [[5.0, 2.0]])
    np.testing.assert_allclose(transform.value(free | {"length": jnp.array([[10.0, 1.0]])}, ()), [[6, 0], [8, 1]])


def test_shared_numbers_are_means_within_bounds_of_their_own():
    transform, array = (
        transforms.Shared([1, 0, 1, 3], within=transforms.Clipped(1 * u.ms, 4 * u.ms)),
        jnp.array([1.0, 2, 3, 4]),
    )
    fixed = transform.fixed(array, u.ms, "a->b.delay")
    np.testing.assert_allclose(transform.value(transform.free(array, fixed), fixed), [2, 2, 2, 4])
    gradient = jax.grad(lambda free: jnp.sum(jnp.arange(1.0, 5) * transform.value(free, fixed)))(
        transform.free(array, fixed)
    )
    np.testing.assert_allclose(gradient, [2, 4, 0, 4])
    np.testing.assert_allclose(transform.kept(jnp.array([0.0, 2, 9, 9]), fixed), [1, 2, 4, 4])
    for groups in ([0, 1], [0, 1, -1, 0], [0.0, 1, 1, 0]):
        with pytest.raises(ValueError, match=r"a->b\.delay has 4 values, and Shared was given groups"):
            transforms.Shared(groups).fixed(array, u.ms, "a->b.delay")


def test_weights_learn_and_what_is_named():
    net = small()
    parameters = bs.function(net, 1 * u.ms, dt=1 * u.ms).parameters
    weights = ("hidden->out.weight", "pixels->hidden.weight")
    assert Trained(net, parameters).paths == weights
    named = Trained(net, parameters, learn=["*.tau", "hidden.V_th"], freeze="pixels*")
    assert named.paths == ("hidden->out.weight", "hidden.V_th", "hidden.tau", "out.tau")
    assert isinstance(named.transforms["hidden.tau"], transforms.Positive)
    assert isinstance(named.transforms["hidden.V_th"], transforms.Free)
    named.write({"hidden.tau": jnp.asarray(5.0), weights[0]: jnp.full(24, 0.5)})
    assert net.hidden.tau == 5 * u.ms and net[weights[0][:-7]].weight[0, 0] == 0.5 * u.mV
    with pytest.raises(
        bs.UnknownNameError, match="learn: no parameter is called 'hiden.tau'. Did you mean 'hidden.tau'"
    ):
        Trained(net, parameters, learn="hiden.tau")
    with pytest.raises(ValueError, match="nothing learns"):
        Trained(net, parameters, freeze="*")
    with pytest.raises(ValueError, match=r"hidden\.tau is to be between 10 and 20, given 5"):
        Trained(net, parameters | {"hidden.tau": jnp.asarray(5.0)}, learn="hidden.tau",
                transforms={"hidden.*": transforms.Bounded(10 * u.ms, 20 * u.ms)})  # fmt: skip
    with pytest.raises(bs.UnitError, match="transforms: hidden.tau"):
        Trained(net, parameters, learn="hidden.tau", transforms={"*.tau": transforms.Bounded(1 * u.mV, 2 * u.mV)})


def test_logarithms():
    """A step of one is a factor of e; between bounds the middle is the geometric mean."""
    log, array = transforms.Logarithmic(), np.array([1.0, 4.0])
    fixed = log.fixed(array, u.UNITLESS, "x")
    assert float(fixed) == pytest.approx(2)
    np.testing.assert_allclose(log.value(log.free(array, fixed) + 1, fixed), array * np.e, rtol=1e-6)
    with pytest.raises(ValueError, match="must be positive"):
        log.fixed(np.array([0.0]), u.UNITLESS, "x")
    bounded = transforms.Bounded(1.0, 100.0, log=True)
    fixed = bounded.fixed(np.array([10.0]), u.UNITLESS, "x")
    np.testing.assert_allclose(bounded.free(np.array([10.0]), fixed), 0, atol=1e-6)
    np.testing.assert_allclose(bounded.value(jnp.array([0.0, 50.0, -50.0]), fixed), [10, 100, 1], rtol=1e-5)
    with pytest.raises(ValueError, match="log asks to be positive"):
        transforms.Bounded(0.0, 1.0, log=True).fixed(np.array([0.5]), u.UNITLESS, "x")
    scaled = transforms.Scaled()
    fixed = scaled.fixed(np.array([-50.0, 30.0]), u.UNITLESS, "x")
    np.testing.assert_allclose(scaled.value(scaled.free(np.array([-50.0, 30.0]), fixed), fixed), [-50, 30])
