"""The phases of a step, as they are printed and as they are executed, and the user's operations between them."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.schedule import PHASES


def still(n=2):
    """Neurons that stay where they are put."""
    net = bs.Network()
    net.E = bs.neurons.IF(n, V_th=1000 * u.mV, V=0 * u.mV)
    return net


def lift(net, clock):
    net.E.V = net.E.V + 1 * u.mV


def courses(net, ms, dt=0.1, **options):
    return bs.simulate(net, ms * u.ms, dt=dt * u.ms, record="E.V", **options)["E.V"].to_decimal(u.mV)[:, 0]


def test_an_operation_acts_in_every_step():
    net = still()
    net.lift = bs.Operation(lift, after="populations")
    np.testing.assert_allclose(courses(net, 1), np.arange(1, 11))


@pytest.mark.parametrize("place, first", [({"before": "receptors"}, 0.0), ({"after": "delivery"}, 0.5)])
def test_an_operation_acts_every_so_often(place, first):
    """Before a phase at the steps that start, after one at those that end at a multiple; also in a later run."""
    net = still()
    net.lift = bs.Operation(lift, every=0.5 * u.ms, **place)
    ends = 0.1 * np.arange(1, 21)
    expected = np.floor((ends - first + (0.5 if place.get("before") else 0.5)) / 0.5 + 1e-6)
    if "before" in place:  # at t = 0, 0.5, ...: in the steps that end at 0.1, 0.6, ...
        expected = np.floor((ends - 0.1) / 0.5 + 1e-6) + 1
    found = np.concatenate([courses(net, 0.7), courses(net, 1.3)])
    np.testing.assert_allclose(found, expected)


def test_the_interval_is_a_time_whatever_the_step():
    net = still()
    net.lift = bs.Operation(lift, after="delivery", every=0.5 * u.ms)
    courses(net, 1, dt=0.1)
    assert courses(net, 1, dt=0.25)[-1] == 4
    with pytest.raises(ValueError, match="lift.every: 0.5 ms is not a multiple of dt = 0.2 ms"):
        courses(net, 1, dt=0.2)


def test_operations_stand_where_they_say_and_are_printed_there():
    order = []

    def at(name):
        return lambda net, clock: order.append(name)

    net = still()
    for name in PHASES:
        setattr(net, f"b_{name}", bs.Operation(at(f"before {name}"), before=name))
        setattr(net, f"a_{name}", bs.Operation(at(f"after {name}"), after=name))
    bs.function(net, 0.1 * u.ms)({}, {})
    assert order[: 2 * len(PHASES)] == [f"{side} {name}" for name in PHASES for side in ("before", "after")]
    lines = net.schedule().splitlines()
    assert [line.strip()[:1] for line in lines] == [
        "b",
        "1",
        "a",
        "b",
        "2",
        "a",
        "b",
        "3",
        "a",
        "b",
        "4",
        "a",
        "b",
        "5",
        "a",
    ]
    assert lines[3:6] == [
        "   b_populations (before populations)",
        "2. populations integrate over [t, t + dt] with that and their stimuli, and fire at t + dt: E",
        "   a_populations (after populations)",
    ]


def test_weights_are_normalised_every_so_often():
    net = bs.Network()
    net.S, net.E = bs.sources.SpikeTimes(3, [0.1, 0.2] * u.ms, [0, 1]), bs.neurons.LIF(1)
    net.E.add_receptors(syn=bs.receptors.Exponential())
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=20 * u.pA)
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=[1, 2, 3] * u.pA, plasticity=rule)

    def normalise(net, clock):
        weight = net["S->E"].weight
        net["S->E"].weight = weight * (12 * u.pA / weight.sum())

    net.normalise = bs.Operation(normalise, after="synapses", every=0.5 * u.ms)
    bs.simulate(net, 0.5 * u.ms)
    np.testing.assert_allclose(np.ravel(net["S->E"].weight.to_decimal(u.pA)), [2, 4, 6])


def test_operations_are_differentiated_swept_and_batched():
    net = still()
    net.E.add_stimuli(drive=bs.stimuli.Constant(0 * u.pA))

    def double(net, clock):
        net.E.V = 2 * net.E.V

    net.double = bs.Operation(double, after="delivery", every=0.5 * u.ms)
    run = bs.function(net, 1 * u.ms)
    final = lambda V: run({}, {"E.V": jnp.full(2, V)})[0]["E.V"][0]
    assert jax.grad(final)(3.0) == pytest.approx(4)
    np.testing.assert_allclose(jax.vmap(final)(jnp.array([1.0, 3.0])), [4, 12])
    swept = bs.sweep(net, {"E.V": [1, 3] * u.mV}, 1 * u.ms, record="E.V")
    np.testing.assert_allclose([r["E.V"][-1, 0].to_decimal(u.mV) for r in swept.recordings], [4, 12])


def test_what_an_operation_draws_depends_on_seed_and_name_alone():
    def drawn(seed, other=False):
        net = bs.Network(seed=seed)
        net.E = bs.neurons.IF(2, V_th=1000 * u.mV, V=0 * u.mV)
        if other:
            net.another = bs.Operation(lambda net, clock: clock.normal((2,)), before="receptors")

        def shake(net, clock):
            net.E.V = net.E.V + clock.normal((2,)) * u.mV

        net.shake = bs.Operation(shake, after="populations")
        return courses(net, 1)

    np.testing.assert_array_equal(drawn(0), drawn(0, other=True))
    assert np.all(drawn(0) != drawn(1)) and len(set(np.diff(drawn(0)))) == 9


def test_an_operation_uses_the_network_that_it_is_given():
    net = still()
    live = net
    net.lift = bs.Operation(lambda net, clock: lift(live, clock), after="delivery")
    with pytest.raises(bs.OutsideStepError, match=r"E.V was used inside a step"):
        bs.simulate(net, 1 * u.ms)


def test_what_an_operation_may_not_do_is_refused():
    with pytest.raises(bs.UnknownNameError, match="no phase 'population'. Did you mean 'populations'"):
        bs.Operation(lift, after="population")
    with pytest.raises(ValueError, match="one of before and after"):
        bs.Operation(lift)
    with pytest.raises(TypeError, match="expected a function of the network and the clock, given 3"):
        bs.Operation(3, after="delivery")
    with pytest.raises(ValueError, match="expected a positive time"):
        bs.Operation(lift, after="delivery", every=0 * u.ms)

    def slower(net, clock):
        net.E.C = 2 * net.E.C

    for every in (None, 0.1 * u.ms):
        net = still()
        net.slower = bs.Operation(slower, after="delivery", every=every)
        with pytest.raises(ValueError, match="slower: E.C is a parameter and cannot change in a run"):
            bs.simulate(net, 1 * u.ms)
        assert np.isfinite(net.E.C.to_decimal(u.pF))
