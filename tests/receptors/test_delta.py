"""Spikes that change a state of their target at once, against the arithmetic of the definition."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.receptors import Delta


class Counter(bs.neurons.Neuron):
    r"""A variable without unit that decays, one with a unit that stays, and a state that nothing integrates.

    .. math:: \dot x = -x/\tau,\qquad \dot w = 0
    """

    input_unit = u.UNITLESS
    inputs = {"I": "x"}
    clamped = ()

    tau = bs.Parameter(10.0 * u.ms, "time constant", positive=True)
    x = bs.State(1.0, "a number")
    w = bs.State(2.0 * u.nS, "a conductance")
    level = bs.State(5.0 * u.mV, "what nothing integrates")

    def derivative(self, t, x, w, I):
        return -x / self.tau, 0.0 * u.nS / u.ms

    def fires(self, before, after):
        return after["x"] > 1e9


def network(receptors, given, *, spikes=((1.0, 0),), n=3, delay=None, **population):
    """Sources that fire at given times (ms, unit), and cells with these receptors, each reached with these weights."""
    net = bs.Network()
    times, units = zip(*spikes, strict=True)
    net.S = bs.sources.SpikeTimes(n, np.array(times) * u.ms, units)
    net.E = Counter(2, **population)
    net.E.add_receptors(**receptors)
    for name, (rule, weight) in given.items():
        net.connect(net.S, net.E, rule, receptor=name, weight=weight, delay=delay)
    return net


def at_the_end(net, name, duration=2.0):
    bs.simulate(net, duration * u.ms, dt=0.1 * u.ms)
    return np.asarray(u.get_mantissa(getattr(net.E, name)))


@pytest.mark.parametrize(
    ("how", "into", "weight", "expected"),
    [
        ("add", "w", 0.5 * u.nS, 2.5), ("multiply", "w", 0.5, 1.0), ("set", "w", -0.5 * u.nS, -0.5),
        ("add", "level", 1.0 * u.mV, 6.0), ("multiply", "level", -2.0, -10.0), ("set", "level", 7.0 * u.mV, 7.0),
        ("set", "level", 0.0 * u.mV, 0.0),
    ],
)  # fmt: skip
def test_a_spike_does_what_it_says_to_any_state(how, into, weight, expected):
    net = network({"syn": Delta(into=into, how=how)}, {"syn": (bs.FromArrays([0], [1]), weight)})
    found = at_the_end(net, into)
    start = {"w": 2.0, "level": 5.0}[into]
    np.testing.assert_allclose(found, [start, expected], rtol=1e-12)
    assert net.E.syn.unit_of("jump") == (u.UNITLESS if how == "multiply" else getattr(net.E, into).unit)


def test_without_units_and_before_the_step():
    """What arrives at 1 ms is set before the step from there, over which it decays."""
    net = network({"syn": Delta(how="set")}, {"syn": (bs.FromArrays([0], [1]), 4.0)})
    x = np.asarray(bs.simulate(net, 2 * u.ms, dt=0.1 * u.ms, record="E.x")["E.x"])
    k = np.arange(1, 21)
    np.testing.assert_allclose(x[:, 0], np.exp(-k / 100), rtol=1e-12)
    np.testing.assert_allclose(x[:10, 1], np.exp(-k[:10] / 100), rtol=1e-12)
    np.testing.assert_allclose(x[10:, 1], 4 * np.exp(-(k[10:] - 10) / 100), rtol=1e-12)


TOGETHER = ((1.0, 0), (1.0, 1), (1.0, 2), (1.5, 1))
ONTO_BOTH = bs.FromArrays([0, 1, 1, 2], [0, 0, 1, 0])
EACH = {
    # of unit 0, its three inputs at 1.0 ms and one at 1.5 ms; of unit 1, one at each
    "add": ([1.0, 2.0, 3.0, 4.0] * u.nS, [2 + 1 + 2 + 4 + 2, 2 + 3 + 3]),
    "multiply": ([2.0, 3.0, 4.0, 5.0], [2 * 2 * 3 * 5 * 3, 2 * 4 * 4]),
    "set": ([1.0, 2.0, 3.0, 4.0] * u.nS, [2.0, 3.0]),
}


@pytest.mark.parametrize("delay", [None, 0.3 * u.ms, [0.3, 0.3, 0.1, 0.3] * u.ms], ids=["none", "axonal", "synaptic"])
@pytest.mark.parametrize("how", list(EACH))
def test_several_in_one_step(how, delay):
    weight, expected = EACH[how]
    net = network({"syn": Delta(into="w", how=how)}, {"syn": (ONTO_BOTH, weight)}, spikes=TOGETHER, delay=delay)
    np.testing.assert_allclose(at_the_end(net, "w", 3.0), expected, rtol=1e-12)


def test_the_last_synapse_sets():
    """In the order of pairs, whatever the order of the list; and of projections that of their names."""
    net = network({"syn": Delta(into="w", how="set")}, {"syn": (bs.FromArrays([2, 0], [0, 0]), [8.0, 9.0] * u.nS)},
                  spikes=((1.0, 0), (1.0, 2)))  # fmt: skip
    assert at_the_end(net, "w")[0] == 8.0
    net = network({"syn": Delta(into="w", how="set")}, {"syn": (bs.FromArrays([0], [0]), 3.0 * u.nS)})
    net.connect(net.S, net.E, bs.FromArrays([0], [0]), receptor="syn", weight=4.0 * u.nS, name="A")
    assert at_the_end(net, "w")[0] == 3.0  # "S->E" comes after "A"


def test_receptors_take_effect_in_the_order_of_their_names():
    pair = bs.FromArrays([0], [0])
    for names, expected in (("abc", (10 + 1) * 3.0), ("bca", 10 + 1.0), ("acb", 10 * 3 + 1.0)):
        first, second, third = names
        receptors = {first: Delta(into="w", how="set"), second: Delta(into="w"), third: Delta(into="w", how="multiply")}
        given = {first: (pair, 10 * u.nS), second: (pair, 1 * u.nS), third: (pair, 3.0)}
        assert at_the_end(network(receptors, given), "w")[0] == pytest.approx(expected, rel=1e-12), names


def test_signed_and_graded_spikes():
    """A spike of value s counts as s times the weight, in the step in which it arrives."""
    net = bs.Network()
    net.S = bs.sources.SpikeInput(2)
    net.E = Counter(3)
    net.E.add_receptors(a=Delta(into="w"), b=Delta(into="level", how="multiply"), c=Delta(how="set"))
    for k, (name, weight) in enumerate({"a": 2.0 * u.nS, "b": 3.0, "c": 5.0}.items()):
        net.connect(net.S, net.E, bs.FromArrays([0, 1], [k, k]), receptor=name, weight=weight)
    course = np.zeros((20, 2))
    course[4], course[9] = [-0.5, 0.0], [0.25, -2.0]
    bs.simulate(net, 2 * u.ms, dt=0.1 * u.ms, inputs={"S.input": course})
    np.testing.assert_allclose(net.E.w / u.nS, [2 + 2 * (-0.5 + 0.25 - 2), 2, 2], rtol=1e-12)
    np.testing.assert_allclose(net.E.level / u.mV, [5, 5 * -1.5 * 0.75 * -6, 5], rtol=1e-12)
    np.testing.assert_allclose(net.E.x[2], -10 * np.exp(-0.1), rtol=1e-12)


def test_gradients_batches_copies_and_pieces():
    weights = {"a": [0.5, 0.7, 2.0, 3.0], "b": [1.0, 2.0, 3.0, 4.0] * u.nS}
    net = network({"a": Delta(how="multiply"), "b": Delta(into="w", how="set")},
                  {name: (ONTO_BOTH, w) for name, w in weights.items()}, spikes=TOGETHER)  # fmt: skip
    other = net.copy()
    f = bs.function(net, 2 * u.ms, dt=0.1 * u.ms)
    paths = ["S->E.weight", "S->E#2.weight"]

    def last(parameters):
        state, _ = f(parameters, {})
        return state["E.x"].sum() + (state["E.w"] ** 2).sum()

    given = {path: f.parameters[path] for path in paths}
    slopes = jax.jit(jax.grad(last))(given)
    x = np.array([0.5 * 0.7 * 3 * 0.7, 2.0 * 2.0]) * np.exp(-0.2)
    np.testing.assert_allclose(slopes[paths[0]], [x[0] / 0.5, 2 * x[0] / 0.7, 2 * x[1] / 2, x[0] / 3], rtol=1e-12)
    np.testing.assert_allclose(slopes[paths[1]], [0, 2 * 2, 2 * 3, 0], rtol=1e-12)
    several = jax.tree.map(lambda array: jnp.stack([array, 2 * array]), given)
    both = jax.jit(jax.vmap(last))(several)
    np.testing.assert_allclose(both, [x.sum() + 13, 16 * x[0] + 4 * x[1] + 52], rtol=1e-12)
    bs.simulate(other, 1 * u.ms, dt=0.1 * u.ms)
    third = other.copy()
    for one in (other, third):
        bs.simulate(one, 1 * u.ms, dt=0.1 * u.ms)
        np.testing.assert_allclose(one.E.x, x, rtol=1e-12)
    other.reset()
    assert np.all(np.asarray(other.E.a.jump) == 1) and np.all(np.asarray(other.E.b.came) == 0)
    bs.simulate(other, 2 * u.ms, dt=0.1 * u.ms)
    np.testing.assert_allclose(other.E.x, x, rtol=1e-12)


def test_masses_and_slow_populations_take_them():
    class Level(bs.masses.Mass):
        r"""A number that stays.

        .. math:: \dot x = 0
        """

        inputs = {"I": "x"}
        x = bs.State(1.0, "a number")
        seen = bs.State(0.0, "another")

        def derivative(self, t, x, I):
            return 0.0 / u.ms

    for dt in (None, 0.5 * u.ms):
        net = bs.Network()
        net.S = bs.sources.SpikeTimes(1, [0.3, 0.4, 1.2] * u.ms, [0, 0, 0])
        net.E = Level(1, dt=dt)
        net.E.add_receptors(a=Delta(how="multiply"), b=Delta(into="seen", how="set"), c=Delta(into="seen"))
        for name, weight in (("a", 3.0), ("b", 7.0), ("c", 0.5)):
            net.connect(net.S, net.E, bs.AllToAll(), receptor=name, weight=weight)
        bs.simulate(net, 2 * u.ms, dt=0.1 * u.ms)
        assert (net.E.x[0], net.E.seen[0]) == (27.0, 7.5), dt


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="Delta: how='sett' is unknown.*'set'"):
        Delta(how="sett")
    with pytest.raises(bs.UnknownNameError, match="is to move 'levl'.*Did you mean 'level'"):
        Counter(2).add_receptors(syn=Delta(into="levl"))
    with pytest.raises(bs.UnknownNameError, match="is to move 'spikes'"):
        Counter(2).add_receptors(syn=Delta(into="spikes"))
    exact = bs.neurons.LIF(2, spike_times="exact", refractory=1 * u.ms)
    with pytest.raises(ValueError, match="with exact spike times there is no Delta with how='set'"):
        exact.add_receptors(syn=Delta(how="set"))
    net = network({"syn": Delta(how="multiply")}, {})
    with pytest.raises(bs.UnitError, match="S->E.weight"):
        net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nS)
    with pytest.raises(ValueError, match="takes whole spikes of single synapses"):
        net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=1.0, delay=1 * u.ms, max_delay=2 * u.ms)
    with pytest.raises(ValueError, match="takes whole spikes of single synapses"):
        net.connect(net.S, net.E, bs.Procedural(bs.FixedProbability(0.5)), receptor="syn", weight=1.0)
    with pytest.raises(ValueError, match="connect a PoissonGroup"):
        net.E.add_stimuli(noise=bs.stimuli.PoissonInput("syn", rate=5 * u.Hz, weight=1.0))
