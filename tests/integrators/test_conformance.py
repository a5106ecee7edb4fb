"""What every exported integration method must do; a new one is tested by being exported."""

import dataclasses
import pickle
from functools import cache, partial

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from brainsim import integrators
from brainsim.integrators import METHODS, ODEMethod, SDEMethod

every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def step(method, f, g, t, y, dt, noise):
    if not isinstance(method, SDEMethod):
        return method(f, t, y, dt)
    if method.normals > 1:
        noise = jax.tree.map(lambda x: jnp.stack([0.3 * k + x for k in range(method.normals)]), noise)
    return method(f, g, t, y, dt, noise)


def for_any_shapes(method):
    """Methods that couple leaves at the same element need leaves of one shape, and to Rush-Larsen the first leaf is
    another than the rest.
    """
    changes = {name: value for name, value in (("coupling", "full"), ("gates", ())) if hasattr(method, name)}
    return dataclasses.replace(method, **changes) if changes else method


# A FitzHugh-Nagumo cell, plain and with units


def drift(t, y, tau=12.5):
    v, w = y["v"], y["w"]
    return {"v": v - v**3 / 3 - w + jnp.cos(t), "w": (v + 0.7 - 0.8 * w) / tau}


def diffusion(t, y):
    return {"v": 0.1 * y["v"], "w": 0.2 + 0.05 * jnp.sin(y["w"])}


def drift_with_units(t, y):
    d = drift(t / u.ms, {"v": y["v"].to_decimal(u.mV), "w": y["w"]})
    return {"v": d["v"] * u.volt / u.second, "w": d["w"] * 1000 * u.Hz}  # other units of the same dimension


def diffusion_with_units(t, y):
    d = diffusion(t / u.ms, {"v": y["v"].to_decimal(u.mV), "w": y["w"]})
    return {"v": d["v"] * u.mV / u.ms**0.5, "w": d["w"] / u.ms**0.5}


Y = {"v": jnp.array([-1.2, 0.3, 1.5]), "w": jnp.array([-0.4, 0.1, 0.6])}
NOISE = {"v": jnp.array([0.5, -1.0, 0.2]), "w": jnp.array([1.5, 0.3, -0.7])}


@partial(jax.jit, static_argnums=0)
def plain(method, y=Y, t=0.2, dt=0.1, noise=NOISE):
    return step(method, drift, diffusion, t, y, dt, noise)


def test_every_exported_method_is_found_by_name():
    exported = [getattr(integrators, name) for name in integrators.__all__]
    assert {id(x) for x in exported if isinstance(x, ODEMethod | SDEMethod)} <= {id(x) for x in METHODS.values()}
    classes = {x for x in exported if isinstance(x, type) and issubclass(x, ODEMethod | SDEMethod)} - {
        ODEMethod,
        SDEMethod,
        integrators.Divided,
        integrators.Untried,
    }
    assert all(any(isinstance(method, cls) for method in METHODS.values()) for cls in classes)


@every
def test_states_its_order(method):
    if isinstance(method, SDEMethod):
        assert method.strong_order > 0 and method.weak_order > 0 and method.interpretation in ("ito", "stratonovich")
    else:
        assert method.order >= 1


@every
def test_result_is_like_y(method):
    y = {"v": Y["v"].astype(np.float32), "w": 0.5}
    noise = {"v": NOISE["v"], "w": 1.0}
    method = for_any_shapes(method)
    for dt in (0.1, np.float64(0.1), jnp.float64(0.1), jnp.float32(0.1)):

        def f(t, y):
            return {"v": -y["v"], "w": -y["w"]}

        new = step(method, f, f, 0.0, y, dt, noise)
        assert jax.tree.structure(new) == jax.tree.structure(y)
        assert new["v"].dtype == np.float32 and new["v"].shape == (3,)
        assert new["w"].dtype == np.float64 and new["w"].shape == ()


@every
def test_any_pytree(method):
    y = ((jnp.ones((2, 3)), [jnp.zeros(())]), None, {"a": jnp.full(4, 2.0)})

    def f(t, y):
        return jax.tree.map(lambda x: -x, y)

    new = step(for_any_shapes(method), f, f, 0.0, y, 0.1, y)
    assert jax.tree.structure(new) == jax.tree.structure(y)
    if isinstance(method, integrators.StaggeredBackwardEuler | integrators.StaggeredCrankNicolson):
        return  # to which the first leaf is another than the rest
    alone = step(for_any_shapes(method), lambda t, x: -x, lambda t, x: -x, 0.0, y[2]["a"], 0.1, y[2]["a"])
    np.testing.assert_allclose(new[2]["a"], alone, rtol=1e-15)


@every
def test_elements_are_independent_of_their_place(method):
    order = np.array([2, 0, 1])
    permuted = plain(method, {k: v[order] for k, v in Y.items()}, noise={k: v[order] for k, v in NOISE.items()})
    batched = jax.vmap(lambda y, noise: plain(method, y, noise=noise))(Y, NOISE)
    for name, value in plain(method).items():
        np.testing.assert_allclose(permuted[name], value[order], rtol=1e-14)
        np.testing.assert_allclose(batched[name], value, rtol=1e-14)


# Units


@every
def test_quantities_give_the_numbers_of_plain_arrays(method):
    unit = u.volt if getattr(method, "scale_free", True) else u.mV
    y = {"v": (Y["v"] * u.mV).in_unit(unit), "w": Y["w"]}
    new = step(method, drift_with_units, diffusion_with_units, 2e-4 * u.second, y, 0.1 * u.ms, NOISE)
    expected = plain(method)
    assert new["v"].unit == unit and isinstance(new["w"], jax.Array)
    np.testing.assert_allclose(new["v"].to_decimal(u.mV), expected["v"], rtol=1e-12)
    np.testing.assert_allclose(new["w"], expected["w"], rtol=1e-12)


@every
def test_units_leave_no_trace_in_the_program(method):
    tau = 7.0

    def with_units(v, noise):
        f, g = (lambda t, v: -v / (tau * u.ms)), (lambda t, v: v / u.ms**0.5)
        return step(method, f, g, 0.0 * u.ms, v * u.mV, 0.1 * u.ms, noise).mantissa

    def without(v, noise):
        return step(method, lambda t, v: -v / tau, lambda t, v: v / 1.0, 0.0, v, 0.1, noise)

    args = (Y["v"], NOISE["v"])
    lowered = [
        jax.jit(fun).lower(*args).compile().as_text().split("ENTRY")[1].count("\n") for fun in (with_units, without)
    ]
    assert lowered[0] == lowered[1]
    np.testing.assert_array_equal(jax.jit(with_units)(*args), jax.jit(without)(*args))


@every
def test_a_wrong_unit_names_the_leaf_and_both_units(method):
    y = {"v": Y["v"] * u.mV, "w": Y["w"]}
    args = (0.0 * u.ms, y, 0.1 * u.ms, NOISE)

    def wrong(t, y):
        return {**drift_with_units(t, y), "v": y["v"]}

    with pytest.raises(
        u.UnitMismatchError, match=r"dy/dt of y\['v'\] has the wrong unit. Expected 'mV / ms', got 'mV'"
    ):
        step(method, wrong, diffusion_with_units, *args)
    with pytest.raises(
        u.UnitMismatchError, match=r"dy/dt of y\['w'\].* Expected '(kHz|1 / ms|ms\^-1)', got a plain number"
    ):
        step(method, lambda t, y: {**drift_with_units(t, y), "w": y["w"]}, diffusion_with_units, *args)
    with pytest.raises(u.UnitMismatchError, match=r"t has the wrong unit. Expected 'ms', got a plain number"):
        step(method, drift_with_units, diffusion_with_units, 0.0, *args[1:])
    if isinstance(method, SDEMethod):
        with pytest.raises(u.UnitMismatchError, match=r"the diffusion of y\['v'\].* Expected 'mV / ms\^0.5', got 'mV'"):
            step(method, drift_with_units, wrong, *args)


@every
def test_refuses_another_structure_or_shape(method):
    with pytest.raises(ValueError, match="dy/dt must have the structure of y"):
        step(method, lambda t, y: (y["v"], y["w"]), diffusion, 0.0, Y, 0.1, NOISE)
    with pytest.raises(ValueError, match=r"dy/dt of y\['v'\] has shape \(2, 3\), but y\['v'\] has shape \(3,\)"):
        wrong = lambda t, y: {**y, "v": jnp.ones((2, 3))}  # noqa: E731
        step(method, wrong, diffusion, 0.0, Y, 0.1, NOISE)


# Transformations


@every
def test_gradients(method):
    @jax.jit
    def total(y, tau, dt, noise):
        new = step(method, lambda t, y: drift(t, y, tau), diffusion, 0.2, y, dt, noise)
        return sum(jnp.sum(x**2) for x in jax.tree.leaves(new))

    given = jax.tree.map(np.asarray, (Y, 12.5, 0.1, NOISE))
    check_grads(total, given, order=1, modes=["rev"], atol=1e-7, rtol=1e-6, eps=1e-5)
    jax.eval_shape(lambda *x: jax.jvp(total, x, x), *given)  # forwards, which the way back is made of, is open too


@every
def test_compiles_once_and_serves_as_a_static_argument(method):
    traces = []

    @jax.jit
    def run(y, t, dt):
        traces.append(1)
        return plain(method, y, t, dt)

    for dt in (0.1, 0.2):
        for t in (0.0, 5.0):
            run(Y, t, dt)
    assert len(traces) == 1

    def with_static(method, y):
        traces.append(1)
        return plain(method, y)

    static = jax.jit(with_static, static_argnums=0)
    static(method, Y)
    static(pickle.loads(pickle.dumps(method)), Y)
    assert len(traces) == 2


@cache
def linear_step(method):
    return jax.jit(lambda y: step(method, lambda t, y: -0.7 * y, lambda t, y: 0.3 * y, 0.0, y, 0.1, jnp.float64(0.8)))


@pytest.mark.parametrize(
    "method", [m for m in METHODS.values() if getattr(m, "scale_free", True)], ids=lambda m: m.name
)
@settings(max_examples=10, deadline=None)
@given(scale=st.floats(-100, 100), shift=st.floats(-10, 10))
def test_is_linear_for_linear_equations(method, scale, shift):
    run = linear_step(method)

    np.testing.assert_allclose(run(scale + shift), run(scale) + run(shift), rtol=1e-12, atol=1e-12)
