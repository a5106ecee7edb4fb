"""Conformance suite of the surrogates: every exported one is tested by existing."""

import inspect
import itertools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import integrate, stats

from brainsim import surrogate as sg

SURROGATES = {
    name: cls
    for name, cls in vars(sg).items()
    if inspect.isclass(cls) and issubclass(cls, sg.Surrogate) and cls is not sg.Surrogate
}

# class: (other parameters, closed form in numpy, integral over the line), written from the papers
CLOSED = {
    "Sigmoid": (dict(slope=7.0), lambda x, slope: stats.logistic.pdf(x, scale=1 / slope), lambda slope: 1),
    "FastSigmoid": (dict(slope=10.0), lambda x, slope: (1 + slope * np.abs(x)) ** -2.0, lambda slope: 2 / slope),
    "ATan": (dict(alpha=3.0), lambda x, alpha: stats.cauchy.pdf(x, scale=2 / (np.pi * alpha)), lambda alpha: 1),
    "Triangular": (
        dict(width=0.5, height=0.8),
        lambda x, width, height: height * width * stats.triang.pdf(x, 0.5, loc=-width, scale=2 * width),
        lambda width, height: width * height,
    ),
    "Boxcar": (dict(width=0.5), lambda x, width: stats.uniform.pdf(x, -width / 2, width), lambda width: 1),
    "Gaussian": (dict(sigma=0.3), lambda x, sigma: stats.norm.pdf(x, scale=sigma), lambda sigma: 1),
    "MultiGaussian": (
        dict(sigma=0.4, height=0.2, scale=4.0),
        lambda x, sigma, height, scale: (
            (1 + height) * stats.norm.pdf(x, 0, sigma)
            - height * (stats.norm.pdf(x, sigma, scale * sigma) + stats.norm.pdf(x, -sigma, scale * sigma))
        ),
        lambda sigma, height, scale: 1 - height,
    ),
    "PiecewiseExponential": (dict(alpha=3.0), lambda x, alpha: stats.laplace.pdf(x, scale=1 / alpha), lambda alpha: 1),
}
X = np.array([-1e6, -30.0, -1.3, -0.26, -0.03, -1e-9, 0.0, 1e-9, 0.03, 0.26, 1.3, 30.0, 1e6])


def test_every_surrogate_has_a_closed_form():
    assert set(CLOSED) == set(SURROGATES)


def variants():
    for name, cls in SURROGATES.items():
        yield pytest.param(cls(), id=name)
        yield pytest.param(cls(**CLOSED[name][0]), id=name + "-other")


every = pytest.mark.parametrize("surrogate", list(variants()))


def parameters(surrogate):
    return {key: getattr(surrogate, key) for key in surrogate.__dataclass_fields__}


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_forward_is_heaviside_in_the_dtype_of_x(surrogate, dtype):
    x = jnp.asarray([-np.inf, -1.0, -np.finfo(dtype).tiny, -0.0, 0.0, np.finfo(dtype).tiny, 1.0, np.inf], dtype)
    spike = surrogate(x)
    assert spike.dtype == dtype
    np.testing.assert_array_equal(spike, (np.asarray(x) > 0).astype(dtype))
    np.testing.assert_array_equal(jax.jit(surrogate)(x), spike)


@every
def test_derivative_is_the_closed_form(surrogate):
    expected = CLOSED[type(surrogate).__name__][1](X, **parameters(surrogate))
    np.testing.assert_allclose(jax.vmap(jax.grad(surrogate))(X), expected, rtol=1e-12, atol=1e-15)
    float32 = jax.vmap(jax.grad(surrogate))(X.astype(np.float32))
    assert float32.dtype == np.float32
    np.testing.assert_allclose(float32, expected, rtol=1e-5, atol=1e-6)


@every
def test_derivative_integrates_to_what_the_docstring_says(surrogate):
    expected = CLOSED[type(surrogate).__name__][2](**parameters(surrogate))
    derivative = jax.jit(surrogate.derivative)
    knots = [-np.inf, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, np.inf]  # the kinks of every surrogate here
    total = sum(integrate.quad(lambda x: float(derivative(x)), a, b)[0] for a, b in itertools.pairwise(knots))
    assert total == pytest.approx(expected, abs=1e-7)


@every
def test_forward_mode_equals_reverse_mode_and_vmap(surrogate):
    dx = jnp.cos(X)
    _, tangent = jax.jvp(surrogate, (X,), (dx,))
    _, pullback = jax.vjp(surrogate, X)
    np.testing.assert_array_equal(tangent, pullback(dx)[0])
    np.testing.assert_allclose(tangent, surrogate.derivative(X) * dx, rtol=1e-12)
    np.testing.assert_array_equal(jax.vmap(surrogate)(X), surrogate(X))
    assert np.isfinite(tangent).all()


@every
def test_second_derivative_is_that_of_the_closed_form(surrogate):
    x, d = np.array([-1.3, -0.6, -0.21, -0.03, 0.03, 0.21, 0.6, 1.3]), 1e-6  # off the kinks
    closed = lambda x: np.asarray(CLOSED[type(surrogate).__name__][1](x, **parameters(surrogate)), float)
    expected = (closed(x + d) - closed(x - d)) / (2 * d)
    in_a_scan = lambda x: (
        jax.lax.scan(jax.checkpoint(lambda c, _: (c + surrogate(x), None)), 0.0, None, length=2)[0] / 2
    )
    seconds = [jax.jacfwd(jax.grad(surrogate)), jax.grad(jax.jacfwd(surrogate)), jax.grad(jax.grad(jax.jit(surrogate)))]
    seconds += [jax.grad(jax.grad(in_a_scan)), jax.jacfwd(jax.grad(in_a_scan))]
    for found in jax.jit(lambda x: [jax.vmap(second)(x) for second in seconds])(x):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_reset_has_second_derivatives_of_a_spike_and_what_it_moves():
    """(1 - s) v + s r: the only second derivatives are -1 in (s, v) and 1 in (s, r)."""
    expected = np.array([[0, 0, -1], [0, 0, 1], [-1, 1, 0]])
    for spike in (0.0, 1.0):
        at = jnp.array([2.0, -1.0, spike])
        for hessian in (jax.hessian, lambda f: jax.jacrev(jax.jacrev(f)), lambda f: jax.jacrev(jax.jacfwd(f))):
            np.testing.assert_array_equal(jax.jit(hessian(lambda x: sg.hard_reset(*x)))(at), expected)


@every
def test_is_static_and_shape_parameters_can_be_swept_without_recompiling(surrogate):
    assert hash(surrogate) == hash(type(surrogate)(**parameters(surrogate)))
    name, value = next(iter(parameters(surrogate).items()))
    cls, others = type(surrogate), {k: v for k, v in parameters(surrogate).items() if k != name}
    traces = []

    @jax.jit
    def slope_at(p, x):
        traces.append(p)

        def loss(x):  # inside a scan, where the parameter is a tracer of an outer trace
            return jax.lax.scan(lambda c, _: (c + cls(**{name: p}, **others)(x), None), 0.0, None, length=3)[0]

        return jax.grad(loss)(x)

    for p in (value, 2 * value):
        expected = CLOSED[cls.__name__][1](0.1, **{name: p}, **others)
        assert slope_at(p, 0.1) == pytest.approx(3 * expected, rel=1e-12)
    assert len(traces) == 1
    both = jax.vmap(slope_at, (0, None))(jnp.array([value, 2 * value]), 0.1)
    np.testing.assert_allclose(both, [slope_at(value, 0.1), slope_at(2 * value, 0.1)], rtol=1e-12)
    check_grads(lambda p: slope_at(p, 0.1), (value,), order=1, modes=["rev"], rtol=1e-6)


def test_refuses_units_and_bad_parameters():
    with pytest.raises(TypeError, match="Sigmoid takes a number without unit, got one in 'mV'"):
        sg.Sigmoid()(1.0 * u.mV)
    np.testing.assert_array_equal(sg.Sigmoid()(u.Quantity([-1.0, 2.0])), [0.0, 1.0])
    for bad in (0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="Gaussian: sigma must be a positive number"):
            sg.Gaussian(sigma=bad)


def test_integers_become_the_default_float():
    assert sg.ATan()(jnp.arange(3)).dtype == jnp.result_type(float)


# hard_reset


@pytest.mark.parametrize("kind", [bool, np.float32, np.float64])
def test_hard_reset_is_where_bit_by_bit(kind):
    v = jnp.array([0.1, 1e-8, 3.0e7, -0.0, np.inf, np.nan], jnp.float32)
    for spikes in itertools.product([0, 1], repeat=6):
        spike = jnp.asarray(spikes).astype(kind)
        new = sg.hard_reset(v, -0.1, spike)
        expected = np.where(spikes, np.float32(-0.1), v)
        assert new.dtype == jnp.float32
        np.testing.assert_array_equal(np.asarray(new).view(np.int32), expected.view(np.int32))


def test_hard_reset_derivative():
    v, v_reset, spike = jnp.array([1.0, 2.0]), jnp.array([-3.0, -5.0]), jnp.array([0.0, 1.0])
    _, tangent = jax.jvp(
        sg.hard_reset, (v, v_reset, spike), (jnp.full(2, 10.0), jnp.full(2, 100.0), jnp.full(2, 1000.0))
    )
    np.testing.assert_array_equal(tangent, [10.0 - 4000.0, 100.0 - 7000.0])
    gradients = jax.grad(lambda *a: sg.hard_reset(*a).sum(), argnums=(0, 1, 2))(v, -3.0, spike)
    np.testing.assert_array_equal(gradients[0], [1.0, 0.0])
    assert gradients[1] == 1.0
    np.testing.assert_array_equal(gradients[2], [-4.0, -5.0])


def test_hard_reset_with_bool_spikes_differentiates_as_where():
    grad = jax.grad(lambda v: sg.hard_reset(v, 0.0, v > 1).sum())(jnp.array([0.5, 2.0]))
    np.testing.assert_array_equal(grad, [1.0, 0.0])


def test_hard_reset_keeps_units():
    v = jnp.array([-50.0, -70.0]) * u.mV
    new = sg.hard_reset(v, -0.065 * u.volt, jnp.array([1.0, 0.0]))
    assert new.unit == u.mV
    np.testing.assert_allclose(new.mantissa, [-65.0, -70.0], rtol=1e-15)
    with pytest.raises(u.UnitMismatchError, match="v_reset must have the dimension of v"):
        sg.hard_reset(v, -65.0, jnp.array([1.0, 0.0]))


def test_gradient_flows_through_threshold_and_reset():
    """One step of a LIF neuron: d(v_next)/dv by hand."""
    surrogate = sg.Triangular()

    def step(v):
        return sg.hard_reset(v, 0.0, surrogate(v - 1.0))

    assert jax.grad(step)(1.2) == pytest.approx(-1.2 * 0.3 * 0.8, rel=1e-12)
    assert jax.grad(step)(0.9) == pytest.approx(1 - 0.9 * 0.3 * 0.9, rel=1e-12)
