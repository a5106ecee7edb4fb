"""A step sees the parts that take part in it: what belongs to another network, or to the live one, is refused."""

import random
import threading

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def driven(value):
    """A cell whose current is ``value(net)``."""
    net = bs.Network()

    class Drive(bs.stimuli.Stimulus):
        def value(self, clock):
            return value(net)

    net.a, net.b = bs.neurons.LIF(1, tau=20 * u.ms), bs.neurons.LIF(1, R=100 * u.Mohm)
    net.b.add_stimuli(s=Drive())
    return net


OTHER = bs.Network()
OTHER.x = bs.neurons.LIF(1)
USES = {
    "a state, plain": ("a.V", lambda net: 10 * (net.a.plain("V") + 60)),
    "a state": ("a.V", lambda net: 10 * (net.a.V / u.mV)),
    "a parameter": ("a.tau", lambda net: net.a.tau / u.ms),
    "an assignment": ("a.V", lambda net: setattr(net.a, "V", -55 * u.mV) or 1.0),
    "the network's own time": ("steps", lambda net: 1.0 * net.steps),
    "another network": ("x.V", lambda net: OTHER.x.V / u.mV),
}


@pytest.mark.parametrize("what", USES)
def test_arrays_of_live_objects_are_refused(what):
    path, value = USES[what]
    net = driven(value)
    for run in (
        lambda: bs.simulate(net, 1 * u.ms),
        lambda: bs.sweep(net, {"b.tau": [20.0] * u.ms}, 1 * u.ms),
        lambda: bs.function(net, 1 * u.ms)({}, {}),
    ):
        with pytest.raises(bs.OutsideStepError, match=path):
            run()
    assert net.a.V[0] == -60 * u.mV and int(net.steps) == 0


def test_what_is_no_array_may_be_read():
    net = driven(lambda net: 100.0 * net.a.count)
    assert bs.simulate(net, 0.1 * u.ms, record="b.V")["b.V"][-1, 0] > -60 * u.mV


def test_a_component_cannot_hold_a_part_that_stands_elsewhere():
    class Follow(bs.stimuli.Stimulus):
        def __init__(self, source):
            super().__init__()
            self.source = source

        def value(self, clock):
            return self.source.plain("V")

    for one, other in (("a", "b"), ("b", "a")):
        net = bs.Network()
        setattr(net, one, bs.neurons.LIF(1))
        setattr(net, other, bs.neurons.LIF(1))
        net[other].add_stimuli(s=Follow(net[one]))
        with pytest.raises(bs.OutsideStepError, match="an LIF, which stands elsewhere"):
            bs.simulate(net, 1 * u.ms)


def test_a_graded_receptor_follows_another_population():
    """What the error advises: a gap junction of 1 nS into a cell of 100 MOhm, 10 mV away, is 1 mV more after a while."""
    net = bs.Network()
    net.a = bs.neurons.LIF(1, E_L=-50 * u.mV, V=-50 * u.mV, V_th=0 * u.mV)
    net.b = bs.neurons.LIF(1, R=100 * u.Mohm, V_th=0 * u.mV, tau=5 * u.ms)
    net.b.add_receptors(gap=bs.receptors.GapJunction())
    net.connect(net.a, net.b, bs.OneToOne(), receptor="gap", weight=1 * u.nS, signal="V")
    V = bs.simulate(net, 100 * u.ms, record="b.V")["b.V"][-1, 0] / u.mV
    np.testing.assert_allclose(V, -60 + 10 * 0.1 / 1.1, rtol=1e-4)


GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("draw", [np.random.standard_normal, random.random, GENERATOR.normal, random.Random(1).random])
def test_random_numbers_from_outside_jax_are_refused(draw):
    """They would be drawn once, when the step is compiled."""
    with pytest.raises(bs.OutsideStepError, match=r"Draw from the clock: clock\.normal"):
        bs.simulate(driven(lambda net: draw()), 0.1 * u.ms)


def test_a_generator_that_is_held_and_not_used_does_no_harm():
    bs.simulate(driven(lambda net: 1.0 if GENERATOR else 0.0), 0.1 * u.ms)


def test_draws_of_another_thread_do_no_harm():
    """A data loader goes on while a step is traced; what the step itself draws is seen beside it."""
    stop = threading.Event()

    def load():
        while not stop.is_set():
            np.random.standard_normal(3)
            random.random()

    loader = threading.Thread(target=load)
    loader.start()
    try:
        bs.simulate(driven(lambda net: 1.0), 0.1 * u.ms)
        for draw in (lambda net: np.random.standard_normal(), lambda net: random.gauss(0, 1)):
            with pytest.raises(bs.OutsideStepError, match=r"Draw from the clock"):
                bs.simulate(driven(draw), 0.1 * u.ms)
    finally:
        stop.set()
        loader.join()
