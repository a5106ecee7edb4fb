"""Descriptors: units at the door, plain arrays inside, and a flax module all the same."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import brainsim as bs


@pytest.fixture
def net():
    net = bs.Network(seed=0)
    net.E = bs.neurons.LIF(4, tau=0.02 * u.second, V=-65 * u.mV)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=2 * u.pA)
    return net


def test_a_quantity_comes_out_of_a_plain_array_in_the_declared_unit(net):
    inside = net.E.plain("tau")
    assert isinstance(inside, jax.Array) and inside == 20.0
    assert net.E.tau.to_decimal(u.second) == pytest.approx(0.02)
    net.E.tau = 3000 * u.us
    assert net.E.plain("tau") == pytest.approx(3.0)


def test_a_parameter_is_one_number_or_one_per_neuron(net):
    net.E.tau = np.arange(1, 5) * u.ms
    np.testing.assert_array_equal(net.E.plain("tau"), [1, 2, 3, 4])
    net.E.tau = [5 * u.ms, 0.006 * u.second, 7 * u.ms, 8 * u.ms]
    np.testing.assert_allclose(net.E.plain("tau"), [5, 6, 7, 8])


def test_a_state_is_always_one_number_per_neuron(net):
    assert net.E.V.shape == (4,)
    net.E.V = -0.07 * u.volt
    np.testing.assert_allclose(net.E.plain("V"), -70.0)


def test_integers_become_floats_so_that_they_can_be_differentiated(net):
    net.E.tau = 20 * u.ms
    assert jnp.issubdtype(net.E.plain("tau").dtype, jnp.floating)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tau": 5 * u.mV}, bs.UnitError, r"E\.tau: expected ms, given mV"),
        ({"tau": 5}, bs.UnitError, r"E\.tau: expected ms, given a number without unit \(5\)"),
        ({"tau": np.ones(3) * u.ms}, ValueError, r"E\.tau: expected shape \(\) or \(4,\), given \(3,\)"),
        ({"tau": -1 * u.ms}, ValueError, r"E\.tau: values must be positive, given -1"),
        ({"V": bs.Normal(1 * u.nS, 1 * u.nS)}, bs.UnitError, r"E\.V: .*expected .*mV"),
        ({"V": np.nan * u.mV}, ValueError, r"E\.V: values must be finite"),
        ({"taau": 5 * u.ms}, bs.UnknownNameError, r"E has no 'taau'. Did you mean 'tau'\? Accepted: .*V_th"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_changes(net, change, error, message):
    before = net.E.plain("tau"), net.E.plain("V")
    with pytest.raises(error, match=message):
        [setattr(net.E, name, value) for name, value in change.items()]
    assert net.E.plain("tau") is before[0] and net.E.plain("V") is before[1]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"tau": 5 * u.mV}, bs.UnitError, r"LIF\.tau: expected ms, given mV"),
        ({"V_thr": -50 * u.mV}, bs.UnknownNameError, r"LIF has no 'V_thr'. Did you mean 'V_th'\?"),
        ({"V": np.zeros(3) * u.mV}, ValueError, r"expected shape \(\) or \(4,\), given \(3,\)"),
    ],
)
def test_the_constructor_refuses_too(values, error, message):
    with pytest.raises(error, match=message):
        bs.neurons.LIF(4, **values)


def test_an_optional_parameter_can_be_given_later(net):
    assert net.E.refractory is None
    net.E.refractory = 2 * u.ms
    assert net.E.refractory == 2 * u.ms


def test_what_is_assigned_before_a_population_joins_is_kept():
    population = bs.neurons.LIF(3)
    population.V = -52 * u.mV
    population.refractory = 1 * u.ms
    net = bs.Network()
    net.E = population
    np.testing.assert_array_equal(net.E.plain("V"), -52.0)
    assert net.E.refractory == 1 * u.ms


def test_a_distribution_can_be_assigned_and_each_population_draws_its_own(net):
    net.I = bs.neurons.LIF(4)
    net.E.V = bs.Normal(-60 * u.mV, 2 * u.mV)
    net.I.V = bs.Normal(-60 * u.mV, 2 * u.mV)
    assert not np.any(np.asarray(net.E.plain("V")) == np.asarray(net.I.plain("V")))


def test_flax_sees_an_ordinary_module(net):
    graphdef, state = nnx.split(net)
    leaves = jax.tree.leaves(state)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    twin = nnx.merge(graphdef, state)
    assert twin.E.tau == net.E.tau
    assert "tau" in nnx.state(net)["E"]
    nnx.display(net)
    assert "tau" in repr(net.E)


def test_a_trainable_parameter_is_an_nnx_param(net):
    assert not jax.tree.leaves(nnx.state(net, nnx.Param))
    net.E.trainable("tau")
    net["E->E"].trainable("weight")
    found = nnx.state(net, nnx.Param)
    assert len(jax.tree.leaves(found)) == 2
    assert net.E.tau == 20 * u.ms  # still a quantity
    with pytest.raises(bs.UnknownNameError, match=r"no parameter 'V'.*Accepted: .*tau"):
        net.E.trainable("V")
    with pytest.raises(ValueError, match=r"E\.refractory has no value that could be trained"):
        net.E.trainable("refractory")


def test_optax_trains_a_network(net):
    """Gradient descent on the distance to 30 ms goes there, whatever the network."""
    net.E.trainable("tau")
    optimizer = nnx.Optimizer(net, optax.sgd(0.25), wrt=nnx.Param)
    for _ in range(40):
        gradient = nnx.grad(lambda n: jnp.sum((n.E.plain("tau") - 30.0) ** 2))(net)
        optimizer.update(net, gradient)
    assert net.E.tau.to_decimal(u.ms) == pytest.approx(30.0)


@pytest.mark.parametrize("transform", [jax.value_and_grad, nnx.value_and_grad], ids=["jax", "nnx"])
def test_simulate_inside_a_gradient_with_the_network_as_argument(transform):
    """Below threshold the membrane is linear: V(T) = E_L + R I (1 - exp(-T / tau)), so dV/dI = R (1 - exp(-T / tau))."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1, tau=20 * u.ms, R=100 * u.Mohm)
    net.E.add_stimuli(drive=bs.stimuli.Constant(10 * u.pA))
    net.E.drive.trainable("amplitude")

    def final(net):
        bs.simulate(net, 10 * u.ms, dt=0.1 * u.ms)
        return net.E.plain("V")[0]

    if transform is jax.value_and_grad:
        value, gradient = transform(final, allow_int=True)(net)  # every leaf is an argument, also the counters
        slope = gradient.E.drive.plain("amplitude")
    else:
        value, gradient = transform(final)(net)
        slope = jax.tree.leaves(gradient)[0]
    gain = 0.1 * (1 - np.exp(-0.5))  # mV per pA
    assert value == pytest.approx(-60 + 10 * gain, rel=1e-9)
    assert slope == pytest.approx(gain, rel=1e-9)


def test_simulate_inside_jit_leaves_the_outer_network_usable(net):
    """What is prepared for a traced copy must not count as prepared for the network itself."""
    net.connect(net.E, net.E, bs.OneToOne(), receptor="syn", weight=1 * u.pA, delay=1 * u.ms)

    @jax.jit
    def final(net):
        bs.simulate(net, 2 * u.ms)
        bs.simulate(net, 2 * u.ms)
        return net.E.plain("V")

    inside = final(net)
    assert int(net.plain("steps")) == 0
    bs.simulate(net, 4 * u.ms)
    np.testing.assert_allclose(net.E.plain("V"), inside, rtol=1e-12)


def test_a_traced_input_leaves_no_tracer_in_the_network(net):
    net.E.add_stimuli(drive=bs.stimuli.Constant(0 * u.pA))

    def final(current):
        rec = bs.simulate(net, 1 * u.ms, inputs={"E.drive.amplitude": current * u.pA}, record="E.V")
        return jnp.sum(rec["E.V"].mantissa[-1])

    jax.grad(final)(jnp.ones(10))
    bs.simulate(net, 1 * u.ms)  # would raise UnexpectedTracerError
