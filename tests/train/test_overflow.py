"""Gradients that overflow while the loss is finite: which parameter, which state, and behind which step."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs

STEPS, WEIGHT, DECAY = 30, 1e4, np.exp(-1 / 10)
LARGEST = float(np.finfo(np.float32).max)


def explosive(weight=WEIGHT):
    """One neuron that excites itself, and fires in each step once it has fired."""
    neuron = bs.nn.LIF(
        tau=10 * u.ms,
        surrogate=bs.surrogate.Triangular(1e9, 1.0),
        recurrent=bs.nn.Linear(weight=weight * u.mV),
        name="cell",
    )
    return bs.nn.Sequential(1, bs.nn.Linear(1, weight=5 * u.mV), neuron)


def expected_step():
    """The last step behind which the derivative of the last potential is more than float32 holds, by hand.

    V' = a (V + j), s = 1, V = (1 - s) V', j = w s: (dV, dj) = (a d, a d) with d = -V' dV + w dj of the step behind it.
    """
    dV, dj, V = 1.0, 0.0, DECAY * WEIGHT
    for step in reversed(range(1, STEPS)):
        if max(abs(V * dV), abs(WEIGHT * dj)) > LARGEST:
            return step
        dV = dj = DECAY * (-V * dV + WEIGHT * dj)
    raise AssertionError


def given(net):
    objective = bs.train.Objective(net, STEPS * u.ms, dt=1 * u.ms, read=("cell.V", "last"), loss=lambda out, _: out[0])
    course = np.zeros((2, STEPS, 1), np.float32)
    course[:, :3] = 1
    parameters = {path: x for path, x in objective.run.parameters.items() if path.endswith("weight")}
    return objective, parameters, objective.carried, bs.train.Batch(course, np.zeros(2)), jax.random.PRNGKey(0)


def test_which_state_and_behind_which_step():
    with jax.enable_x64(False):
        arguments = given(explosive())
        loss, slopes = jax.value_and_grad(lambda p: arguments[0](p, *arguments[2:])[0])(arguments[1])
        assert np.isfinite(loss) and not np.isfinite(slopes["cell->cell.weight"]).all()
        error = bs.train.explain(*arguments)
    assert error.path.startswith("cell.") and round(error.time.to_decimal(u.ms)) == expected_step()
    text = str(error)
    assert "gradient of cell->cell.weight" in text and f"behind step {expected_step()} (" in text
    assert "the loss is" in text and "float64 has more room" in text and "detach_reset=True" in text


def test_moves_have_the_derivatives_of_states():
    """Adding to a state behind a step is the same as beginning there."""
    net = explosive(weight=2.0)
    objective, parameters, carried, batch, key = given(net)
    total = lambda moves: objective.examples(parameters, carried, batch, key, moves=moves)[2].sum()
    slopes = jax.grad(total)({"cell.V": jnp.zeros((2, STEPS, 1))})["cell.V"]
    run = bs.function(net, 1 * u.ms, dt=1 * u.ms)
    last = bs.function(net, (STEPS - 1) * u.ms, dt=1 * u.ms)
    state = last(parameters, {}, inputs={"input.input": batch.inputs[0, :-1]})[0]
    end = lambda V: run(parameters, state | {"cell.V": V}, inputs={"input.input": batch.inputs[0, -1:]})[0]["cell.V"][0]
    np.testing.assert_allclose(slopes[0, -2], jax.grad(end)(state["cell.V"]), rtol=1e-12)
    assert slopes[0, -1] == 1 and abs(float(slopes[0, -2, 0])) > 0
    with pytest.raises(bs.UnknownNameError, match="moves: 'cell.W' is no state"):
        objective.run.moved({}, {}, {"cell.W": jnp.zeros((STEPS, 1))})


def test_what_is_finite_needs_no_explanation():
    assert bs.train.explain(*given(explosive(weight=2.0))) is None


def test_fit_says_so_and_keeps_the_parameters_before():
    with jax.enable_x64(False):
        net = explosive()
        *_, batch, _ = given(net)
        message = rf"fit: the gradient of cell->cell.weight.* in epoch 1, update 1, .*behind step {expected_step()} \("
        with pytest.raises(bs.NonFiniteError, match=message):
            bs.train.fit(
                net, (batch.inputs, batch.targets), STEPS * u.ms, dt=1 * u.ms, read=("cell.V", "last"), epochs=1, metrics=[],
                loss=lambda out, _: out[0], optimizer=optax.sgd(1e-3), progress=False, learn="*weight",
            )  # fmt: skip
        assert net["cell->cell"].weight == WEIGHT * u.mV
