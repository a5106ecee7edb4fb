"""What cannot be below zero, or above one, is refused by every door."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.train import transforms


def depressing(**values):
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, indices=[0], times=[1] * u.ms)
    net.E = bs.neurons.LIF(2)
    net.E.add_receptors(exc=bs.receptors.Exponential())
    terminal = bs.terminals.TsodyksMarkram(**values)
    net.connect(net.S, net.E, bs.OneToOne(), receptor="exc", weight=1 * u.pA, terminal=terminal)
    return net


def test_a_fraction_is_at_most_one():
    with pytest.raises(ValueError, match=r"U: values must be at most 1, given 1.5"):
        depressing(U=1.5)
    net = depressing(U=1.0)
    with pytest.raises(ValueError, match="must not be negative, given -0.1"):
        net["S->E"].terminal.U = -0.1
    with pytest.raises(ValueError, match=r"S->E.terminal.U.*at most 1, given 1.2"):
        bs.sweep(net, {"S->E.terminal.U": np.array([0.2, 1.2])}, 1 * u.ms, record="E.V")
    assert (
        "not negative, at most 1" in bs.terminals.TsodyksMarkram.__doc__ or bs.terminals.TsodyksMarkram.U.at_most == 1
    )


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: bs.sources.PoissonGroup(2, rate=-5 * u.Hz), "rate"),
        (lambda: bs.neurons.HodgkinHuxley(2, g_Na=-1 * u.mS / u.cm2), "g_Na"),
        (lambda: bs.neurons.MAT2(2, refractory=-1 * u.ms), "refractory"),
        (lambda: bs.sources.CorrelatedGroup(2, correlation=1.1), "correlation"),
    ],
)
def test_what_cannot_be_is_refused(make, name):
    net = bs.Network()
    with pytest.raises(ValueError, match=rf"{name}: values must"):
        net.E = make()


def test_a_channel_without_conductance_conducts_no_less():
    net = bs.Network()
    net.E = bs.neurons.ConductanceBased(1, channels=dict(Na=bs.channels.Na_HH1952()))
    with pytest.raises(ValueError, match=r"E\.Na\.g_max: values must not be negative"):
        net.E.Na.g_max = -120 * u.mS / u.cm2


def test_what_is_zero_is_trained_away_from_zero():
    import jax

    slope = jax.grad(lambda free: transforms.NotNegative().value(free, None))
    assert slope(jnp.asarray(0.0)) == 1.0 and slope(jnp.asarray(-1.0)) == -1.0
