"""What a connection accepts, in which shapes, and what it refuses with which words."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs


def network(post=None):
    net = bs.Network(seed=1)
    net.a = bs.sources.SpikeTimes(4, [0.3, 0.5, 0.5, 0.8] * u.ms, [0, 1, 2, 3])
    net.b = bs.neurons.LIF(3) if post is None else post
    net.b.add_receptors(syn=bs.receptors.Exponential(), ampa=bs.receptors.Exponential(reversal=0 * u.mV))
    return net


def connected(rule, receptor="syn", pre=slice(None), post=slice(None), **options):
    net = network()
    return net.connect(net.a[pre], net.b[post], rule, receptor=receptor, **options)


def matrix(projection, values):
    found = np.zeros((projection.n_pre, projection.n_post))
    np.add.at(found, projection.indices_of_synapses(), np.ravel(values.mantissa))
    return found


ALL = np.arange(1.0, 13.0).reshape(4, 3)


@pytest.mark.parametrize("pre", [slice(None), slice(1, 3), [3, 1], slice(None, None, -1)], ids=str)
@pytest.mark.parametrize("post", [slice(None), [2, 0], slice(None, None, -1)], ids=str)
@pytest.mark.parametrize("flat", [False, True])
def test_all_pairs_take_a_matrix_or_its_rows_one_after_the_other(pre, post, flat):
    pairs = np.ix_(np.arange(4)[pre], np.arange(3)[post])
    given = ALL[pairs].ravel() if flat else ALL[pairs]
    projection = connected(bs.AllToAll(), pre=pre, post=post, weight=given * u.pA, delay=given * u.ms)
    expected = np.zeros((4, 3))
    expected[pairs] = ALL[pairs]
    for values in (projection.weight, projection.delay):
        np.testing.assert_array_equal(matrix(projection, values), expected)


@pytest.mark.parametrize("pre", [slice(1, 3), [0, 3], [3, 1], slice(None, None, -1)], ids=str)
@pytest.mark.parametrize("post", [slice(None), slice(1, 3), [0, 2], [2, 0]], ids=str)
def test_values_of_a_list_of_pairs_stay_with_these_between_views(pre, post):
    sources, targets = np.arange(4)[pre], np.arange(3)[post]
    one, other = np.array([1, 0, 1, 0]), np.array([0, 1, 1, 1])  # places in the views; a pair comes twice
    given = np.array([1.0, 2.0, 4.0, 8.0])
    rule = bs.FromArrays(one, other)
    projection = connected(rule, pre=pre, post=post, weight=given * u.pA, delay=given * u.ms)
    expected = np.zeros((4, 3))
    np.add.at(expected, (sources[one], targets[other]), given)
    for values in (projection.weight, projection.delay):
        np.testing.assert_array_equal(matrix(projection, values), expected)
    assert all(np.all(np.diff(part) >= 0) for part in projection.indices_of_synapses()[:1])


@pytest.mark.parametrize(
    "rule",
    [bs.AllToAll(), bs.FixedOutDegree(2), bs.FixedProbability(0.5), bs.FixedInDegree(2), bs.OneToOne()],
    ids=lambda rule: rule.name,
)
def test_one_flat_order_of_synapses_serves_every_format(rule):
    """By presynaptic, then postsynaptic neuron: at connect and on assignment."""
    net = bs.Network(seed=1)
    net.a, net.b = bs.sources.PoissonGroup(4, rate=1 * u.Hz), bs.neurons.LIF(4)
    net.b.add_receptors(syn=bs.receptors.Exponential())
    first = net.connect(net.a, net.b, rule, receptor="syn", weight=1 * u.pA, name="same")
    values = np.arange(1.0, first.n_synapses + 1)
    pre, post = first.indices_of_synapses()
    assert np.all(np.diff(pre * 4 + post) > 0)
    first.weight = values * u.pA
    again = bs.Network(seed=1)
    again.a, again.b = bs.sources.PoissonGroup(4, rate=1 * u.Hz), bs.neurons.LIF(4)
    again.b.add_receptors(syn=bs.receptors.Exponential())
    given = again.connect(again.a, again.b, rule, receptor="syn", weight=values * u.pA, name="same")
    for projection in (first, given):
        np.testing.assert_array_equal(matrix(projection, projection.weight)[pre, post], values)
    with pytest.raises(ValueError, match=rf"same.weight: expected shape \(\) or .*, given \({len(values) + 1},\)"):
        first.weight = np.ones(len(values) + 1) * u.pA
    with pytest.raises(
        ValueError, match=r"a->b.weight: expected one value for all synapses or one each, of shape \(\)"
    ):
        connected(rule if rule != bs.OneToOne() else bs.AllToAll(), weight=np.ones(17) * u.pA)


def test_values_of_a_list_follow_it_where_self_connections_are_left_out():
    net = network()

    def to_itself(rule, **options):
        return net.connect(net.b, net.b, rule, receptor="syn", **options)

    grid = np.arange(9.0).reshape(3, 3)
    without = bs.AllToAll(self_connections=False)
    np.testing.assert_array_equal(to_itself(without, weight=grid * u.pA).weight.mantissa, [1, 2, 3, 5, 6, 7])
    rule = bs.FromMatrix(grid, self_connections=False)
    np.testing.assert_array_equal(to_itself(rule).weight.mantissa, [1, 2, 3, 5, 6, 7])
    rule = bs.FromArrays([1, 0, 1], [2, 0, 0], self_connections=False)
    np.testing.assert_array_equal(to_itself(rule, weight=[1, 2, 3] * u.pA).weight.mantissa, [3, 1])


@pytest.mark.parametrize(
    "weight",
    [-1 * u.nS, -np.ones(12) * u.nS, bs.Normal(1 * u.nS, 2 * u.nS), bs.OfDistance(lambda d: -1 * u.nS - d * u.nS)],
)
def test_a_conductance_below_zero_is_refused_wherever_it_comes_from(weight):
    with pytest.raises(ValueError, match="a->b.weight: .*negative"):
        connected(bs.AllToAll(), "ampa", weight=weight)
    assert connected(bs.AllToAll(), "syn", weight=-1 * u.pA).n_synapses == 12  # a current may be


def test_a_conductance_below_zero_is_refused_later_too():
    projection = connected(bs.AllToAll(), "ampa", weight=1 * u.nS)
    with pytest.raises(ValueError, match="a->b.weight: values must not be negative, given -2 nS"):
        projection.weight = -2 * u.nS
    with pytest.raises(ValueError, match="distribution gives negative conductances, down to .*Truncated"):
        connected(bs.Procedural(bs.FixedProbability(0.5)), "ampa", weight=bs.Normal(1 * u.nS, 2 * u.nS))
    with pytest.raises(ValueError, match="distribution gives negative conductances"):
        connected(bs.AllToAll(), "ampa", weight=bs.Normal(1 * u.nS, 2 * u.nS))
    drawn = connected(bs.AllToAll(), "ampa", weight=bs.Truncated(bs.Normal(1 * u.nS, 2 * u.nS), low=0 * u.nS)).weight
    assert drawn.mantissa.min() >= 0
    with pytest.raises(ValueError, match="a->b.weight: values must not be negative"):
        connected(bs.FromMatrix(-ALL), "ampa")


def test_a_function_of_something_else_is_refused_with_what_to_give_instead():
    with pytest.raises(TypeError, match=r"a->b.weight: .*OfDistance\(function\).*arguments are d; .*lambda i, j"):
        connected(bs.AllToAll(), weight=lambda d: 1 * u.pA)


def test_one_weight_assigned_to_synapses_that_learn_is_that_of_each():
    stdp = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=9 * u.pA)
    net = network()
    projection = net.connect(net.a, net.b, bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=stdp)
    projection.weight = 5 * u.pA
    bs.simulate(net, 0.2 * u.ms)
    np.testing.assert_array_equal(projection.weight.mantissa, np.full((4, 3), 5.0))


@pytest.mark.parametrize("delay", [None, 0.2, np.arange(1, 13).reshape(4, 3) * 0.1], ids=["none", "axonal", "synaptic"])
def test_what_arrives_is_kept_where_it_is_asked_for(delay):
    """After the delay: once for every neuron, or for every synapse that has its own."""
    net = network()
    delay = delay if delay is None else delay * u.ms
    projection = net.connect(net.a, net.b, bs.AllToAll(), receptor="syn", weight=2 * u.pA, delay=delay)
    projection.keep_arrived()
    rec = bs.simulate(net, 3 * u.ms, record=["a->b.arrived", "b.syn.g"])
    arrived, g = np.asarray(rec["a->b.arrived"]), rec["b.syn.g"].mantissa
    fired = np.array([3, 5, 5, 8])  # steps at whose end the sources fire
    if np.ndim(u.get_mantissa(delay)) == 2:
        at, n = (fired[:, None] + np.arange(1, 13).reshape(4, 3)).ravel(), 12
        per_target = arrived.reshape(30, 4, 3).sum(1)
    else:
        at, n = fired + (0 if delay is None else 2), 4
        per_target = np.tile(arrived.sum(1)[:, None], 3)
    expected = np.zeros((30, n))
    expected[at - 1, np.arange(n)] = 1.0
    np.testing.assert_array_equal(arrived, expected)
    before = np.concatenate([np.zeros((1, 3)), g[:-1]]) * np.exp(-0.1 / 5)
    np.testing.assert_allclose(g - before, 2 * per_target, atol=1e-12)


def test_single_arrivals_cannot_be_kept_where_delays_change():
    projection = connected(bs.AllToAll(), weight=1 * u.pA, delay=np.full((4, 3), 0.3) * u.ms, max_delay=1 * u.ms)
    with pytest.raises(ValueError, match="cannot be kept, its delays change"):
        projection.keep_arrived()


RULES = {
    "all to all": bs.AllToAll(),
    "one to one": bs.OneToOne(),
    "probability": bs.FixedProbability(0.3),
    "in-degree": bs.FixedInDegree(3),
    "in-degree, several of a pair": bs.FixedInDegree(20, multiple=True),
    "out-degree": bs.FixedOutDegree(4),
    "number": bs.FixedTotalNumber(50),
    "list": bs.FromArrays([0, 0, 1, 5, 5, 9], [2, 4, 0, 1, 1, 11]),
    "condition": bs.Where(lambda i, j: abs(i - j) < 3),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("delay", ["none", "one", "listed", "drawn"])
@pytest.mark.parametrize("view", [False, True], ids=["all", "view"])
def test_what_is_given_for_each_synapse_is_what_is_read_and_can_be_given_again(rule, delay, view):
    """One order, whatever the rule and format: by presynaptic, then postsynaptic neuron, several of a pair as they were given."""

    def made(**given):
        net = bs.Network(seed=4)
        net.A, net.B = bs.sources.SpikeInput(14), bs.neurons.LIF(14)
        net.B.add_receptors(syn=bs.receptors.Exponential())
        pre, post = (net.A[1:13], net.B[2:14]) if view else (net.A[:12], net.B[:12])
        return net.connect(pre, post, RULES[rule], receptor="syn", **given)

    n = made(weight=1 * u.pA).n_synapses
    weights, ms = np.arange(1.0, n + 1), 0.1 * (1 + np.random.default_rng(0).integers(0, 20, n))
    delays = {"none": None, "one": 1 * u.ms, "listed": ms * u.ms, "drawn": bs.Uniform(0.1 * u.ms, 2 * u.ms)}
    p = made(weight=weights * u.pA, delay=delays[delay])
    pre, post = p.pairs()
    assert np.all(np.diff(14 * pre.astype(int) + post) >= 0)
    np.testing.assert_array_equal(np.ravel(u.get_mantissa(p.weight)), weights)
    if delay == "listed":
        np.testing.assert_allclose(np.ravel(u.get_mantissa(p.delay)), ms, rtol=1e-6)
    p.weight = weights[::-1] * u.pA
    again = made(weight=weights[::-1] * u.pA, delay=delays[delay])
    np.testing.assert_array_equal(p.plain("weight"), again.plain("weight"))
    assert all(map(np.array_equal, p.pairs(), again.pairs()))
