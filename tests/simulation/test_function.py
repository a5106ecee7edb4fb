"""The network as a pure function: gradients against finite differences, batches against loops."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

T = 5 * u.ms


def smooth():
    """Two populations that fire with a surrogate, one drives the other; weights and time constants are differentiable."""
    net = bs.Network(seed=2)
    relu = dict(R=100 * u.Mohm, tau=10 * u.ms)
    net.A = bs.neurons.LIF(3, V=[-51, -55, -58] * u.mV, surrogate=bs.surrogate.Sigmoid(), **relu)
    net.A.add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
    net.B = bs.neurons.LIF(2, V_th=1e3 * u.mV, **relu)
    net.B.add_receptors(syn=bs.receptors.Exponential(tau=2 * u.ms))
    net.connect(
        net.A, net.B, bs.AllToAll(), receptor="syn", weight=np.arange(1.0, 7.0).reshape(3, 2) * u.pA, delay=0.5 * u.ms
    )
    return net


def final(run, path="B.V"):
    return lambda parameters, state=None: jnp.sum(run(parameters, state or {})[0][path] ** 2)


@pytest.mark.parametrize("path", ["A->B.weight", "B.tau", "B.E_L", "B.syn.tau", "B.R"])
def test_gradients_are_finite_differences(path):
    """The spikes themselves do not move with these parameters, so the derivative is ordinary: central differences."""
    run = bs.function(smooth(), T)
    loss = final(run)
    here = run.parameters[path]
    gradient = jax.grad(lambda x: loss({path: x}))(here)
    h = 1e-5 * jnp.maximum(jnp.abs(here), 1e-3)
    for index in np.ndindex(here.shape):
        up, down = here.at[index].add(h[index]), here.at[index].add(-h[index])
        slope = (loss({path: up}) - loss({path: down})) / (2 * h[index])
        assert gradient[index] == pytest.approx(float(slope), rel=1e-6)
    assert np.any(gradient != 0)


def test_the_gradient_with_respect_to_the_initial_state():
    """Without spikes dV(T)/dV(0) = exp(-T / tau)."""
    run = bs.function(smooth(), T)
    jacobian = jax.jacobian(lambda V: run({"A->B.weight": jnp.zeros((3, 2))}, {"B.V": V})[0]["B.V"])(run.state["B.V"])
    np.testing.assert_allclose(jacobian, np.exp(-0.5) * np.eye(2), rtol=1e-9)


def test_with_a_surrogate_gradients_pass_through_spikes():
    run = bs.function(smooth(), T, record=["A.spikes"])
    assert run({}, {})[1]["A.spikes"].sum() > 3
    assert np.all(jax.grad(lambda x: final(run)({"A.drive.amplitude": x}))(run.parameters["A.drive.amplitude"]) != 0)


def test_it_is_the_same_run_as_simulate(balanced):
    net, twin = balanced(delay=1 * u.ms), balanced(delay=1 * u.ms)
    run = bs.function(net, 10 * u.ms, record=["E.spikes", "E.V[:2]"])
    state, recorded = run({}, {})
    rec = bs.simulate(twin, 10 * u.ms, record=["E.spikes", "E.V[:2]"])
    steps, units = np.nonzero(recorded["E.spikes"])
    np.testing.assert_array_equal(rec.spikes["E"].steps, steps + 1)
    np.testing.assert_array_equal(rec.spikes["E"].indices, units)
    np.testing.assert_allclose(recorded["E.V[:2]"], rec["E.V[:2]"].mantissa, rtol=1e-12)
    np.testing.assert_allclose(state["E.V"], twin.E.plain("V"), rtol=1e-12)
    assert int(net.plain("steps")) == 0  # nothing happened to the network


@pytest.mark.parametrize("checkpoint_every", [7, 10, 80])
def test_checkpoints_change_no_result(checkpoint_every):
    record = ["A.spikes", "B.V"]
    plain, segmented = (bs.function(smooth(), T, record=record, checkpoint_every=k) for k in (None, checkpoint_every))
    for mine, theirs in zip(jax.tree.leaves(segmented({}, {})), jax.tree.leaves(plain({}, {}))):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    w = plain.parameters["A->B.weight"]
    gradients = [jax.grad(lambda x, run=run: final(run)({"A->B.weight": x}))(w) for run in (plain, segmented)]
    np.testing.assert_allclose(*gradients, rtol=1e-10)


def memory(run, path="A.tau"):
    gradient = jax.jit(jax.grad(lambda x: final(run)({path: x})))
    return gradient.lower(run.parameters[path]).compile().memory_analysis().temp_size_in_bytes


def test_checkpoints_and_rematerialisation_save_memory():
    """2,500 steps keep 2,500 states without checkpoints, and about 2 x 50 with one every 50 steps."""
    net = smooth()
    net.C = bs.neurons.LIF(100)  # some weight
    options = {"plain": {"remat": False}, "remat": {}, "segments": {"checkpoint_every": 50}}
    needed = {name: memory(bs.function(net, 250 * u.ms, **given)) for name, given in options.items()}
    assert needed["segments"] < needed["remat"] / 5
    assert needed["remat"] <= needed["plain"]


def test_vmap_over_keys_is_a_loop_over_seeds(balanced):
    run = bs.function(balanced(), T, record=["E.spikes"])
    keys = jax.random.split(jax.random.PRNGKey(7), 3)
    together = jax.vmap(lambda key: run({}, {}, key=key)[1]["E.spikes"])(keys)
    for key, batch in zip(keys, together):
        np.testing.assert_array_equal(batch, run({}, {}, key=key)[1]["E.spikes"])
    assert np.any(together[0] != together[1])


def test_vmap_over_parameters_is_a_loop_over_values(balanced):
    run = bs.function(balanced(), T, record=["E.spikes", "I.V[:3]"])
    weights = jnp.linspace(0.0, 2.0, 4)
    together = jax.vmap(lambda w: run({"E->I.weight": w}, {})[1])(weights)
    for k, weight in enumerate(weights):
        alone = run({"E->I.weight": weight}, {})[1]
        np.testing.assert_array_equal(together["E.spikes"][k], alone["E.spikes"])
        np.testing.assert_allclose(together["I.V[:3]"][k], alone["I.V[:3]"], rtol=1e-9)


def test_initial_states_are_drawn_by_key(balanced):
    net = balanced()
    run = bs.function(net, T)
    drawn = jax.vmap(lambda key: run.initial_state(key)["E.V"])(jax.random.split(jax.random.PRNGKey(0), 5))
    assert drawn.shape == (5, 80) and np.unique(drawn).size == 400
    np.testing.assert_array_equal(run.initial_state(net.plain("key"))["E.V"], run.state["E.V"])


def test_unknown_paths_are_refused():
    run = bs.function(smooth(), T)
    with pytest.raises(bs.UnknownNameError, match=r"parameters: the network has no 'B.tua'. Did you mean 'B.tau'\?"):
        run({"B.tua": 1.0}, {})
    with pytest.raises(bs.UnknownNameError, match=r"state: the network has no 'B.U'"):
        run({}, {"B.U": 1.0})
    with pytest.raises(ValueError, match="checkpoint_every: expected a positive integer, given 0"):
        bs.function(smooth(), T, checkpoint_every=0)


def test_parameters_that_make_a_state_too_slow_are_refused():
    """The network has a membrane of 10 ms; with one of 10 s, float32 would lose what a step adds."""
    with jax.enable_x64(False):
        net = bs.Network()
        net.A = bs.neurons.LIF(2, tau=10 * u.ms)
        run = bs.function(net, 1 * u.ms, record="A.V")
        run({"A.tau": 50 * u.ms}, run.state)
        with pytest.raises(ValueError, match=r"A\.V changes so slowly.*before the function is made"):
            run({"A.tau": 10 * u.second}, run.state)
        net.A.tau = 10 * u.second
        slow = bs.function(net, 1 * u.ms, record="A.V")
        slow({"A.tau": 20 * u.second}, slow.state)
