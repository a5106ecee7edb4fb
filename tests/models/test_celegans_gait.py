"""Gait of Boyle, Berri and Cohen's worm against two independent programs.

``tests/references/gait.npz`` holds rods by ``make_gait.py``. An earlier program (implicit Euler with Newton's method, 1
ms, water 0.25 ms) gave on agar 0.402 Hz, wavelength 0.67 body lengths, 0.19 mm/s from 2 s to 10 s; m = 0.3: 0.67 Hz,
0.77, 0.36; 0.1: 0.98 Hz, 0.90, 0.54; 0.03: 1.33 Hz, 1.24, 0.72; 0.01: 1.68 Hz, 1.87, 0.73; water 2.24 Hz, 1.68, 0.08.
"""

from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from models.celegans_swimmer import gait
from models.celegans_swimmer.gait import Worm
from tests.references import make_gait


@pytest.fixture(scope="module")
def reference():
    with np.load(Path(__file__).parents[1] / "references" / "gait.npz") as data:
        return dict(data)


@pytest.mark.parametrize("medium", [0.3, 0.01])
def test_body_and_circuit_against_an_independent_program(reference, medium):
    """After 1 s, in which the body moves by up to 0.5 mm: 1e-9 m where the scheme is the same, 1e-7 m where its steps
    are of 0.25 ms.
    """
    rods = gait.simulate(medium, 1.0, every=1000).rods[-1]
    size = np.array([1e3, 1e3, 1])  # mm and rad
    assert np.abs((rods - reference[f"rods_{medium}"][0]) * size).max() < 1e-6
    assert np.abs((rods - reference[f"second_{medium}"]) * size).max() < 1e-4


def test_the_network_moves_as_the_independent_program_does(reference):
    net = gait.build(medium=0.3)
    bs.simulate(net, 1 * u.second, dt=gait.DT)
    rods = np.asarray(net.worm.rods).reshape(49, 3)
    assert np.abs((rods - reference["rods_0.3"][0]) * np.array([1e3, 1e3, 1])).max() < 1e-6


def test_what_the_network_refuses():
    with pytest.raises(ValueError, match="medium must lie between 0"):
        gait.build(medium=1.5)
    with pytest.raises(ValueError, match="worm: circuit and body advance in steps of 1 ms; given dt = 0.1 ms"):
        bs.simulate(gait.build(), 1 * u.ms, dt=0.1 * u.ms)
    with jax.enable_x64(False), pytest.raises(ValueError, match="the springs of the body need float64"):
        gait.build()


@pytest.mark.slow
def test_crawling():
    found = gait.observables(gait.simulate(1.0, 9.0))
    assert found["frequency"] == pytest.approx(0.402, abs=0.012)
    assert found["wavelength"] == pytest.approx(0.67, abs=0.02)
    assert found["net_speed"] == pytest.approx(0.19, abs=0.01)
    assert found["speed"] == pytest.approx(found["net_speed"], rel=0.03)  # it goes straight
    # Those are of all harmonics, ours of the first
    assert found["curvature"] == pytest.approx([10.4, 8.8, 4.2], rel=0.16)


def test_observables_of_a_worm_in_a_circle():
    """1 Hz, waves of half a body length, along a circle of radius 1 mm at 0.5 mm/s: the path is longer than the way."""
    t, s = 0.01 * np.arange(1, 1001)[:, None], np.arange(49)[None] / 48
    heading = 0.5 * t
    rods = np.stack(
        [1e-3 * np.sin(heading) + 0 * s, 1e-3 * np.cos(heading) + 0 * s, np.sin(2 * np.pi * (t - 2 * s))], 2
    )
    found = gait.observables(gait.WormState(rods, None, None, None))
    assert found["frequency"] == pytest.approx(1, abs=0.02)
    assert found["wavelength"] == pytest.approx(0.5, rel=0.01)
    assert found["curvature"] == pytest.approx([4 * np.pi] * 3, rel=0.02)
    assert found["speed"] == pytest.approx(0.5, rel=0.01 + 0.25 / 24)  # averaging over 1 s cuts the corner
    assert found["net_speed"] == pytest.approx(2 * np.sin(1.4975) / 5.99, rel=1e-3)


def test_neurons_switch_and_the_body_keeps_its_length():
    agar = gait.simulate(1.0, 1.5)
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
    """A function of neighbours only, with known derivatives, at ones."""
    w = np.random.default_rng(0).normal(size=(3, 49, 3, 3))

    def f(x):
        before, after = jnp.pad(x, ((1, 0), (0, 0)))[:-1], jnp.pad(x, ((0, 1), (0, 0)))[1:]
        return sum(jnp.einsum("kij,kj->ki", w[n], y) for n, y in enumerate((before, x, after))) + x**2

    found = jax.jit(lambda: gait.jacobian(f, jnp.ones((49, 3))))()
    expected = np.zeros((49, 3, 49, 3))
    for k in range(49):
        for n, near in enumerate((k - 1, k, k + 1)):
            if 0 <= near < 49:
                expected[k, :, near] = w[n, k] + 2 * np.eye(3) * (near == k)
    np.testing.assert_allclose(found, expected.reshape(147, 147), atol=1e-12)


def test_medium_is_checked():
    with pytest.raises(ValueError, match="between 0"):
        gait.simulate(2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("medium", "frequency", "wavelength", "speed"),
    [
        (1.0, 0.402, 0.67, 0.19),
        (0.3, 0.67, 0.77, 0.36),
        (0.1, 0.98, 0.90, 0.54),
        (0.03, 1.33, 1.24, 0.72),
        (0.01, 1.68, 1.87, 0.73),
        (0.0, 2.24, 1.68, 0.08),
    ],
)
def test_from_agar_to_water(reference, medium, frequency, wavelength, speed):
    states = gait.simulate(medium, 10.0)
    for time, rods in zip((100, 400, 1000), reference[f"rods_{medium}"]):
        assert np.abs((states.rods[time - 1] - rods) * np.array([1e3, 1e3, 1])).max() < 1e-5
    found = gait.observables(states)
    assert found["frequency"] == pytest.approx(frequency, rel=0.02)
    assert found["wavelength"] == pytest.approx(wavelength, rel=0.06)
    assert gait.observables(states, after=2.0)["net_speed"] == pytest.approx(speed, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("medium", [0.01, 0.0])
def test_steps_of_the_body_against_scipy(medium):
    """20 ms in which the body moves by 40 to 50 um, under constant muscles; the other program's forces, scipy's BDF."""
    state = jax.tree.map(lambda x: x[-1], gait.simulate(medium, 1.0, every=1000))
    drag = [(agar - water) * medium / 97 + water / 97 for water, agar in ((3.3e-6, 3.2e-3), (5.2e-6, 128e-3))]
    size = np.array([1e-3, 1e-3, 1])

    def slope(_, y):
        q = y.reshape(49, 3) * size
        return (make_gait.velocity(q, 0.0, np.zeros((49, 3)), np.maximum(state.muscles, 0), drag) / size).ravel()

    found = (
        solve_ivp(slope, (0, 0.02), (state.rods / size).ravel(), method="BDF", rtol=1e-9, atol=1e-11)
        .y[:, -1]
        .reshape(49, 3)
    )
    assert 0.03 < np.abs(found * size - state.rods)[:, :2].max() * 1e3 < 0.06
    step = jax.jit(lambda rods, moving, dt: Worm().body_step(rods, moving, jnp.asarray(state.muscles), medium, dt))
    for steps, error in ((20, 5e-5), (80, 5e-5 / 16)):
        rods, moving = jnp.asarray(state.rods), jnp.asarray(state.moving)
        for _ in range(steps):
            rods, moving = step(rods, moving, 0.02 / steps)
        assert np.abs(np.asarray(rods) / size - found).max() < error  # mm and rad
