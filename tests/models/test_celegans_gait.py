"""Gait of Boyle, Berri and Cohen's worm against an independent implementation (implicit Euler with Newton's method).

Agar: 0.402 Hz, wavelength 0.67 body lengths, 0.19 mm/s; m = 0.1: 0.98 Hz, 0.90, 0.54; 0.01: 1.68 Hz, 1.87, 0.73; water, in steps of
0.25 ms: 2.24 Hz, 1.68, 0.08.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.celegans_swimmer import gait
from models.celegans_swimmer.gait import Worm


@pytest.fixture(scope="module")
def agar():
    return gait.simulate(1.0, 9.0)


def test_crawling(agar):
    found = gait.observables(agar)
    assert found["frequency"] == pytest.approx(0.402, abs=0.012)
    assert found["wavelength"] == pytest.approx(0.67, abs=0.02)
    assert found["speed"] == pytest.approx(0.19, abs=0.02)
    assert found["curvature"] == pytest.approx([10.4, 8.8, 4.2], rel=0.16)  # those are of all harmonics, ours of the first


def test_gait_changes_with_the_medium():
    found = gait.observables(gait.simulate(0.1, 8.0))
    assert found["frequency"] == pytest.approx(0.98, abs=0.03)
    assert found["wavelength"] == pytest.approx(0.90, abs=0.07)


def test_neurons_switch_and_the_body_keeps_its_length(agar):
    assert set(np.unique(agar.neurons)) == {0.0, 1.0}
    lengths = np.linalg.norm(np.diff(agar.rods[:, :, :2], axis=1), axis=2).sum(1)
    assert np.abs(lengths / gait.LENGTH - 1).max() < 0.05


def test_elements_at_rest_push_nothing():
    worm = Worm()
    state = worm.initial()
    of = jax.jit(lambda rods: worm.velocities(rods, 0 * rods, state.muscles, jnp.array([1e-3, 1e-2])))
    assert np.abs(of(state.rods)).max() < 1e-9
    # A body stretched by 1 % shrinks: the nose is drawn back, the tail forward, and both alike.
    moving = of(state.rods * jnp.array([[1.01, 1, 1]]))
    assert moving[0, 0] > 0 > moving[-1, 0]
    assert moving[0, 0] == pytest.approx(-float(moving[-1, 0]), rel=1e-9)


def test_jacobian_from_nine_directions():
    """A function of neighbours only, with known derivatives."""
    w = np.random.default_rng(0).normal(size=(3, 49, 3, 3))

    def f(x):
        before, after = jnp.pad(x, ((1, 0), (0, 0)))[:-1], jnp.pad(x, ((0, 1), (0, 0)))[1:]
        return sum(jnp.einsum("kij,kj->ki", w[n], y) for n, y in enumerate((before, x, after))) + x**2

    found = jax.jit(lambda: gait.jacobian(f))()
    expected = np.zeros((49, 3, 49, 3))
    for k in range(49):
        for n, near in enumerate((k - 1, k, k + 1)):
            if 0 <= near < 49:
                expected[k, :, near] = w[n, k]
    np.testing.assert_allclose(found, expected.reshape(147, 147), atol=1e-12)


def test_medium_is_checked():
    with pytest.raises(ValueError, match="between 0"):
        gait.simulate(2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("medium", "substeps", "frequency", "wavelength"),
    [(0.3, 1, 0.67, 0.77), (0.03, 4, 1.33, 1.24), (0.01, 4, 1.68, 1.87), (0.0, 4, 2.24, 1.68)],
)
def test_from_agar_to_water(medium, substeps, frequency, wavelength):
    found = gait.observables(gait.simulate(medium, 10.0, Worm(substeps=substeps)))
    assert found["frequency"] == pytest.approx(frequency, rel=0.04)
    assert found["wavelength"] == pytest.approx(wavelength, rel=0.1)
