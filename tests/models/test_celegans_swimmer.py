"""The swimmer against MuJoCo's engine, and NCAP's returns against the published code's controller in MuJoCo's body.

Untrained NCAP, constant weights, 10 seeds in MuJoCo: joints 2, 3, 5, 7, 9, 11, 13 earn 289.5, 344.2, 798.4, 902.1,
908.8, 904.4, 915.0; 5 joints over 30 seeds 797.6 +- 4.9; without oscillator 6 to 89, without proprioception 131.
"""

from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

import brainsim as bs
from models.celegans_swimmer import animation, evolution, gradient, ppo, swim, task
from models.celegans_swimmer.body import BodyState, Swimmer
from models.celegans_swimmer.mlp import MLP
from models.celegans_swimmer.ncap import NCAP

OPTIMISED = False  # but for the test that takes long
KEYS = jax.random.split(jax.random.PRNGKey(0), 4)


@pytest.fixture(scope="module")
def mujoco():
    with np.load(Path(__file__).parents[1] / "references" / "swimmer.npz") as data:
        return dict(data)


def state_of(qpos, qvel, dtype=float):
    """MuJoCo's coordinates (x, y, yaw about the nose, angles) as ours; its x and y are of the middle of the head at yaw
    0.
    """
    values = [qpos[0], qpos[1] - 0.05], np.cumsum(qpos[2:]), qvel[:2], np.cumsum(qvel[2:])
    return BodyState(*(jnp.asarray(v, dtype) for v in values))


@pytest.mark.parametrize("links", [3, 6, 12])
def test_body_moves_as_in_mujoco(mujoco, links):
    """40 control steps with joints pressed against their limits: 1e-11; 10 in float32: 1e-4."""
    body = Swimmer(links - 1)
    qpos, qvel, commands = (mujoco[f"{name}_{links}"] for name in ("qpos", "qvel", "commands"))

    def errors(dtype, steps):
        start = state_of(qpos[0], qvel[0], dtype)
        _, states = jax.jit(lambda s, c: jax.lax.scan(lambda s, c: (body.control_step(s, c),) * 2, s, c))(
            start, jnp.asarray(commands[:steps], dtype)
        )
        theirs = jax.vmap(state_of)(jnp.asarray(qpos[1 : steps + 1]), jnp.asarray(qvel[1 : steps + 1]))
        return [float(jnp.abs(a - b).max()) for a, b in zip(states, theirs)]

    assert max(errors(np.float64, 40)) < 1e-11
    with jax.enable_x64(False):
        assert max(errors(np.float32, 10)) < 1e-4
    if links > 3:
        assert np.abs(qpos[:, 3:]).max() > body.range + 0.1
    assert body.compliance == pytest.approx(mujoco[f"compliance_{links}"], rel=1e-9)


def test_a_fluid_acts_as_said():
    """The centre of mass is accelerated by the sum of the fluid's forces, and everything is quadratic in the
    velocities.
    """
    body = Swimmer(3)
    state = BodyState(
        jnp.zeros(2), jnp.array([0.1, 0.4, 0.2, -0.3]), jnp.array([0.01, 0.02]), jnp.array([0.5, -0.2, 0.1, 0.3])
    )
    acceleration, spin = body.accelerations(state, jnp.zeros(3))
    slow = jax.tree.map(lambda x: 1e-4 * x, state)._replace(nose=state.nose, heading=state.heading)
    slow_acceleration, slow_spin = body.accelerations(slow, jnp.zeros(3))
    np.testing.assert_allclose(slow_acceleration, 1e-8 * acceleration, rtol=1e-9)
    np.testing.assert_allclose(slow_spin, 1e-8 * spin, rtol=1e-9)
    levers = body.levers.mean(0)
    sin, cos = np.sin(state.heading), np.cos(state.heading)
    centre = acceleration + np.array(
        [levers @ (-cos * spin + sin * state.turning**2), levers @ (-sin * spin - cos * state.turning**2)]
    )
    v = body.velocities(state)
    normal, along = -3.0 * np.abs(v.normal) * v.normal, -0.06 * np.abs(v.along) * v.along
    np.testing.assert_allclose(
        centre, np.array([(cos * normal - sin * along).sum(), (sin * normal + cos * along).sum()]) / 0.04, rtol=1e-10
    )


def test_the_network_swims_as_the_pure_function_does():
    """60 control steps from the same posture, at constant weights and with others; then with a command, which bends the
    path.
    """
    body, circuit = Swimmer(4), NCAP(4)

    def both(**weights):
        net = swim.build(seed=3, joints=4)
        for name, value in weights.items():
            net.worm.assign(name, value)
        rec = bs.simulate(net, 60 * swim.DT, dt=swim.DT, record=["worm.speed", "worm.nose", "worm.B"])
        weights = circuit.constant() | weights
        look = lambda state, step: circuit.activity(weights, body.angles(state) / body.range, step)["B"]
        run = jax.jit(lambda state: task.rollout(body, circuit, weights, state, 60, look=look))
        state, _, speeds, B = run(body.initial(jax.random.PRNGKey(3)))
        np.testing.assert_allclose(rec["worm.speed"].mantissa, speeds, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(rec["worm.nose"].mantissa[-1], state.nose, rtol=1e-9)
        np.testing.assert_allclose(rec["worm.B"], np.asarray(B).reshape(60, 8), rtol=1e-9, atol=1e-12)

    with pytest.raises(ValueError, match="worm: a step is one of control, 30 ms; given dt = 0.1 ms"):
        bs.simulate(swim.build(), 1 * u.ms, dt=0.1 * u.ms)
    both()
    both(contra=-0.4, prop=0.8)

    def course(**commands):
        net = swim.build(joints=5)
        for name, value in commands.items():
            net.worm.assign(name, value)
        heading = np.unwrap(
            bs.simulate(net, 18 * u.second, dt=swim.DT, record="worm.heading", sample_every=60 * swim.DT)[
                "worm.heading"
            ][:, 0]
        )
        return heading[-1] - heading[3]

    assert course(right=0.5) == pytest.approx(-course(left=0.5), rel=0.1)  # from another posture: not exactly
    assert course(right=0.5) < -2 and abs(course()) < 0.1


def test_gradient_through_the_body_is_that_of_finite_differences():
    body = Swimmer(5)
    state = body.initial(jax.random.PRNGKey(3))
    distance = jax.jit(lambda c: sum(jnp.sum(x**2) for x in body.control_step(state, c)))
    command = jnp.linspace(-0.5, 0.5, 5)
    check_grads(distance, (command,), order=1, modes=["rev"], rtol=1e-5)


def test_parameters_of_the_paper():
    assert NCAP(5).n_parameters == 4
    assert NCAP(5, commands=True).n_parameters == 6
    assert NCAP(5, shared=False).n_parameters == 30
    assert NCAP(5, shared=False, commands=True).n_parameters == 42
    assert MLP(5).n_parameters == 6085
    assert MLP(5, hidden=(256, 256)).n_parameters == 73477
    assert MLP(5, hidden=(256, 256), clock=False).n_parameters == 73221


@pytest.mark.parametrize(("joints", "theirs", "tolerance"), [(3, 344.2, 10), (5, 798.0, 15), (7, 902.1, 12)])
def test_untrained_returns(joints, theirs, tolerance):
    controller = NCAP(joints)
    returns, _ = task.evaluate(Swimmer(joints), controller, controller.constant(), KEYS)
    assert float(returns.mean()) == pytest.approx(theirs, abs=tolerance)


def test_removing_a_part_destroys_swimming():
    def mean(**options):
        controller = NCAP(5, **options)
        return float(task.evaluate(Swimmer(5), controller, controller.constant(), KEYS[:2])[0].mean())

    assert mean(oscillator=False) < 100
    assert mean(proprioception=False) == pytest.approx(131, abs=10)


def test_unshared_weights_act_as_shared_ones():
    shared, each = NCAP(5, commands=True, turning=2), NCAP(5, shared=False, commands=True, turning=2)
    rng = np.random.default_rng(0)
    weights = {name: jnp.asarray(rng.normal()) for name in shared.shapes}
    same = {name: jnp.full(shape, weights[name]) for name, shape in each.shapes.items()}
    for step in (0, 29, 30, 59, 60):
        angles = jnp.asarray(rng.uniform(-1.2, 1.2, 5))
        ours, theirs = (c(w, angles, step, 0.7, 0.5, 0.1) for c, w in ((shared, weights), (each, same)))
        np.testing.assert_allclose(ours, theirs)


def test_circuit_by_hand():
    """One case of the equations, worked out on paper."""
    weights = dict(prop=jnp.asarray(0.5), osc=jnp.asarray(0.8), ipsi=jnp.asarray(1.0), contra=jnp.asarray(-0.25))
    found = NCAP(3).activity(weights, jnp.array([0.6, -0.4, 1.0]), 10)
    np.testing.assert_allclose(found["B"], [[0.8, 0.3, 0.0], [0.0, 0.0, 0.2]])
    np.testing.assert_allclose(found["command"], [0.8, 0.3, -0.2], atol=1e-12)
    # Weights of the wrong sign are silent.
    wrong = weights | {"prop": jnp.asarray(-0.5), "contra": jnp.asarray(0.25)}
    np.testing.assert_allclose(NCAP(3)(wrong, jnp.array([0.6, -0.4, 1.0]), 10), [0.8, 0, 0], atol=1e-12)


def test_gradient_of_the_objective_is_that_of_finite_differences():
    """Through circuit, body and time; where no neuron sits on a corner of its activation."""
    body, controller = Swimmer(2), NCAP(2)
    weights = dict(prop=0.8, osc=0.7, ipsi=0.9, contra=-0.4)
    states = jax.vmap(body.initial)(jax.random.split(jax.random.PRNGKey(1), 2))

    def value(x):
        return gradient.objective(body, controller, dict(zip(weights, x)), states, 0, 12)[0]

    x = jnp.array(list(weights.values()))
    slope, h = jax.jit(jax.grad(value))(x), 1e-6
    value = jax.jit(value)
    expected = [(value(x.at[k].add(h)) - value(x.at[k].add(-h))) / (2 * h) for k in range(4)]
    assert np.abs(slope).max() > 1e-3
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_evolution_improves_the_untrained_circuit(optimised):
    """824 after 10 generations of 8 in MuJoCo, from 798."""
    controller = NCAP(5)
    trained = evolution.train(controller, controller.constant(), generations=8, every=8)
    assert trained.episodes.tolist() == [8, 64]
    assert trained.returns[-1] > 808
    with pytest.raises(ValueError, match="even"):
        evolution.train(controller, controller.constant(), population=3)


def test_evolution_by_hand():
    """Ranks 1/2, -1/6, -1/2, 1/6 times perturbations in units of sigma, over four; nothing is cut to 1."""
    tried = 0.02 * jnp.array([[1.0, 2.0], [0.0, -1.0], [-1.0, -2.0], [0.0, 1.0]])
    optimizer, start = optax.sgd(1.0), jnp.array([5.0, 5.0])
    found, _ = evolution._improve(
        optimizer, start, optimizer.init(start), tried, jnp.array([30.0, 10.0, 0.0, 20.0]), 0.02
    )
    np.testing.assert_allclose(found, [5 + 1 / 4, 5 + 7 / 12])


def test_perceptron_sees_the_time():
    """From -1 to 1 over an episode."""
    controller = MLP(2, hidden=(1,))
    zero, one = jnp.zeros((12, 1)), jnp.ones((1, 2))
    weights = [{"w": zero.at[-1].set(1.0), "b": jnp.zeros(1)}, {"w": one, "b": jnp.zeros(2)}]
    for step, time in ((0, -1.0), (500, 0.0), (1000, 1.0)):
        np.testing.assert_allclose(controller(weights, jnp.ones(11), step), np.tanh(np.tanh([time, time])))


@pytest.mark.slow
def test_evolution_and_transfer():
    """In MuJoCo 871 after 100 generations, and 955, 953, 954, 957 with the same four weights on 7, 9, 11, 13 joints."""
    controller = NCAP(5)
    trained = evolution.train(controller, controller.constant())
    assert trained.returns[-1] >= 860
    for joints in (7, 9, 11, 13):
        returns, _ = task.evaluate(Swimmer(joints), NCAP(joints), trained.weights, KEYS)
        assert float(returns.mean()) > 920


@pytest.mark.slow
def test_gradient_finds_the_circuit_from_random_weights():
    """25 episodes; 100 generations of evolution take 800."""
    controller = NCAP(5)
    # A draw that swims badly, the same in any precision
    weak = {"prop": 0.39, "osc": 0.99, "ipsi": 0.64, "contra": -0.37}
    trained = gradient.train(controller, jax.tree.map(jnp.asarray, weak))
    assert trained.returns[0] < 600
    assert trained.returns[-1] > 840


def test_advantages_by_hand():
    """Two steps, one swimmer: delta_1 = 2 + 0.5 * 4 - 3 = 1, delta_0 = 1 + 0.5 * 3 - 1 = 1.5, A_0 = 1.5 + 0.25 * 1."""
    options = ppo.PPO(discount=0.5, smoothing=0.5)
    found = ppo.advantages(options, jnp.array([[1.0], [2.0]]), jnp.array([[1.0], [3.0]]), jnp.array([4.0]))
    np.testing.assert_allclose(found, [[1.75], [1.0]])


def test_running_scale_is_that_of_all_observations():
    x = np.random.default_rng(0).normal(3, 2, (500, 4))
    scale = ppo.Scale(jnp.zeros(4), jnp.zeros(4), jnp.zeros(()))
    for part in np.split(x, 5):
        scale = scale.updated(jnp.asarray(part))
    np.testing.assert_allclose(scale.mean, x.mean(0))
    np.testing.assert_allclose(scale.variance, x.var(0))
    np.testing.assert_allclose(scale(jnp.asarray(x)).std(0), 1)


def test_a_segment_of_ppo():
    """The perceptron that is given back sees plain observations, and one segment does not change the circuit much."""
    controller = NCAP(2)
    options = ppo.PPO(swimmers=2, length=200, iterations=5)
    trained = ppo.train(controller, controller.constant(), steps=400, options=options)
    assert trained.episodes.tolist() == [0.4]
    assert trained.returns[-1] == pytest.approx(290, abs=15)
    with pytest.raises(ValueError, match="divide"):
        ppo.PPO(length=300)


@pytest.mark.slow
def test_circuit_needs_less_experience_than_a_perceptron():
    """100 episodes of PPO: the circuit goes from 797 to above 805, the perceptron stays below 400."""
    circuit, perceptron = NCAP(), MLP()
    ours = ppo.train(circuit, circuit.constant())
    theirs = ppo.train(perceptron, perceptron.random(jax.random.PRNGKey(0)))
    assert ours.returns[-1] > 805
    assert ours.returns[0] - 100 > theirs.returns[-1] > theirs.returns[0]


def test_film():
    film = animation.record(seconds=0.9)
    assert film.outline.shape == (30, 7, 2)
    # Links keep their length, and the muscles are those of the commands.
    np.testing.assert_allclose(np.linalg.norm(np.diff(film.outline, axis=1), axis=2), 0.1, rtol=1e-9)
    assert film.oscillator[:30, 0].all()
    assert film.muscle.min() >= 0 and film.muscle.max() <= 1
    assert len(animation.animate(film, every=10).to_jshtml()) > 1000
