"""What serves an operation is a part of what a program is kept by: kernels and definitions are never taken for another."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import events
from brainsim.events._contract import contract_one, contract_p

pytestmark = pytest.mark.skipif(not all(events.kernels().values()), reason="the kernels are not compiled")

CONN = events.FixedFanOut(np.array([[0, 1], [1, 2], [0, 2]]), 3)


@pytest.fixture
def broken_delivery(monkeypatch):
    """The definition of delivery doubles what it delivers."""
    jax.clear_caches()

    def plain(shared, operands, static, batch):
        return batch.lift(lambda *x: (2.0 * contract_one(shared, static, *x)[0],), batch.masks)(*operands)

    monkeypatch.setattr(contract_p, "plain", plain)
    yield
    jax.clear_caches()


def deliver(spikes):
    return events.deliver(CONN, spikes, 1.0, jnp.zeros(3))


def test_a_program_is_not_taken_for_the_other(broken_delivery):
    """Compiled or not, nested or not: the same function gives what the block says."""
    spikes, right = jnp.array([True, True, False]), np.array([1.0, 2.0, 1.0])
    inner = jax.jit(deliver)
    for function in (deliver, inner, jax.jit(lambda s: inner(s) + 0.0)):
        for name, factor in [("kernel", 1), ("plain", 2), ("kernel", 1), ("plain", 2)]:
            with events.served_by(name):
                np.testing.assert_array_equal(function(spikes), factor * right)


def test_derivatives_are_served_as_the_operation_was(broken_delivery):
    weight = jnp.array(1.0)
    with events.served_by("plain"):
        plain = jax.vjp(lambda w: events.deliver(CONN, jnp.ones(3), w, jnp.zeros(3)), weight)[1]
    kernel = jax.vjp(lambda w: events.deliver(CONN, jnp.ones(3), w, jnp.zeros(3)), weight)[1]
    assert (plain(jnp.ones(3))[0], kernel(jnp.ones(3))[0]) == (12.0, 6.0)


def network():
    net = bs.Network()
    net.E = bs.neurons.LIF(3, V=-40.0 * u.mV, refractory=5 * u.ms)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=10 * u.ms))
    net.connect(net.E, net.E, bs.FixedOutDegree(2), receptor="syn", weight=1 * u.pA)
    return net


def test_a_network_is_compiled_for_what_serves_it(broken_delivery):
    """All three fire once; runs with either implementation in turn."""
    record = "E.syn.g"
    for name, factor in [("kernel", 1), ("plain", 2), ("kernel", 1)]:
        net = network()
        into = factor * np.asarray(net["E->E"].plain("connectivity").todense(1.0)).sum(0)
        with events.served_by(name):
            simulated = bs.simulate(net, 0.1 * u.ms, record=record, progress=False)[record]
            run = bs.function(network(), 0.1 * u.ms, record=record)
            swept = bs.sweep(network(), {"E.tau": [20.0] * u.ms}, 0.1 * u.ms, record=record, progress=False)[0][record]
        np.testing.assert_allclose(u.get_mantissa(simulated)[0], into, rtol=1e-12)
        np.testing.assert_allclose(u.get_mantissa(swept)[0], into, rtol=1e-12)
        np.testing.assert_allclose(run({}, {})[1][record][0], into, rtol=1e-12)  # whatever is chosen where it is called


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="'kernel' or 'plain'; got 'gpu'"), events.served_by("gpu"):
        pass
    assert events.implementation() == "kernel"
