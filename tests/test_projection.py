"""Projections: the right weight on the right pair, at the right time."""

import brainunit as u
import numpy as np
import pytest
import scipy.sparse

import brainsim as bs

DT = 0.1


def two_populations(n_pre=6, n_post=5, times=None, units=None):
    """Sources that fire at given times (ms; once each in the order of their index by default), and resting neurons."""
    net = bs.Network(seed=1)
    times = np.arange(1, n_pre + 1) * 1.0 if times is None else np.asarray(times)
    net.S = bs.sources.SpikeTimes(n_pre, times * u.ms, np.arange(n_pre) if units is None else units)
    net.T = bs.neurons.LIF(n_post, tau=20 * u.ms, V_th=1e6 * u.mV)
    net.T.add_receptors(jump=bs.receptors.Delta())
    return net


def matrix(net, window=1.0):
    """What each source's spike adds to V of each target, by letting one fire after the other: (n_pre, n_post), mV."""
    V = bs.simulate(net, (len(net.S) + 1) * window * u.ms, record="T.V")["T.V"].mantissa + 60.0
    added = V[1:] - V[:-1] * np.exp(-DT / 20)
    at = np.round(np.arange(1, len(net.S) + 1) * window / DT).astype(int)
    # A spike at t has moved V, and that has decayed for one step, in the sample at t + dt.
    return added[at - 1] / np.exp(-DT / 20)


W = np.random.default_rng(0).uniform(1, 9, (6, 5)) * (np.random.default_rng(1).random((6, 5)) < 0.6)
PRE, POST = np.nonzero(W)
SHUFFLED = np.random.default_rng(2).permutation(len(PRE))

WIRINGS = {
    "matrix": lambda net: net.connect(net.S, net.T, bs.FromMatrix(W), receptor="jump"),
    "scipy csr": lambda net: net.connect(net.S, net.T, bs.FromMatrix(scipy.sparse.csr_array(W)), receptor="jump"),
    "scipy coo": lambda net: net.connect(
        net.S,
        net.T,
        bs.FromMatrix(scipy.sparse.coo_array((W[PRE, POST][SHUFFLED], (PRE[SHUFFLED], POST[SHUFFLED])), shape=W.shape)),
        receptor="jump",
    ),
    "arrays": lambda net: net.connect(
        net.S,
        net.T,
        bs.FromArrays(PRE[SHUFFLED], POST[SHUFFLED]),
        receptor="jump",
        weight=W[PRE, POST][SHUFFLED] * u.mV,
    ),
    "arrays onto views": lambda net: net.connect(
        net.S[::-1],
        net.T[::-1],
        bs.FromArrays(5 - PRE[SHUFFLED], 4 - POST[SHUFFLED]),
        receptor="jump",
        weight=W[PRE, POST][SHUFFLED] * 1e-3 * u.volt,
    ),
    "matrix onto views": lambda net: net.connect(
        net.S[::-1], net.T[::-1], bs.FromMatrix(W[::-1, ::-1]), receptor="jump"
    ),
    "column by column": lambda net: [
        net.connect(net.S, net.T[k], bs.FromMatrix(W[:, [k]]), receptor="jump") for k in range(5)
    ],
    "row by row": lambda net: [net.connect(net.S[k], net.T, bs.FromMatrix(W[[k]]), receptor="jump") for k in range(6)],
    "all to all": lambda net: net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=W * u.mV),
}


@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_pair_has_its_weight(wiring):
    net = two_populations()
    WIRINGS[wiring](net)
    np.testing.assert_allclose(matrix(net), W, atol=1e-9)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_weights_and_indices_are_in_the_same_order(wiring):
    net = two_populations()
    made = WIRINGS[wiring](net)
    found = np.zeros_like(W)
    for projection in made if isinstance(made, list) else [made]:
        np.add.at(found, projection.indices_of_synapses(), np.ravel(projection.weight.to_decimal(u.mV)))
    np.testing.assert_allclose(found, W)


def test_one_to_one_and_views_of_one_population():
    net = two_populations(4, 4)
    net.connect(net.S, net.T, bs.OneToOne(), receptor="jump", weight=[1, 2, 3, 4] * u.mV)
    np.testing.assert_allclose(matrix(net), np.diag([1, 2, 3, 4]), atol=1e-9)


def test_two_projections_onto_one_receptor_add():
    net = two_populations(4, 4)
    for weight in (1, 2):
        net.connect(net.S, net.T, bs.OneToOne(), receptor="jump", weight=weight * u.mV)
    np.testing.assert_allclose(matrix(net), 3 * np.eye(4), atol=1e-9)


def test_a_weight_assigned_later_counts():
    net = two_populations(4, 4)
    net.connect(net.S, net.T, bs.OneToOne(), receptor="jump", weight=1 * u.mV)
    net["S->T"].weight = [4, 3, 2, 1] * u.mV
    np.testing.assert_allclose(matrix(net), np.diag([4, 3, 2, 1]), atol=1e-9)


def arrivals(net, duration=12.0):
    """For each target, the times in ms at which V jumps, and by how much."""
    rec = bs.simulate(net, duration * u.ms, dt=DT * u.ms, record="T.V")
    V = np.concatenate([np.full((1, len(net.T)), -60.0), rec["T.V"].mantissa]) + 60.0
    jumps = V[1:] * np.exp(DT / 20) - V[:-1]
    # The sample at t + dt is the first to contain what arrived at t.
    return [(np.flatnonzero(abs(column) > 1e-6) * DT, column[abs(column) > 1e-6]) for column in jumps.T]


def test_without_a_delay_a_spike_arrives_when_it_is_fired():
    net = two_populations(1, 1, times=[3.0])
    net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=2 * u.mV)
    ((times, sizes),) = arrivals(net)
    np.testing.assert_allclose(times, [3.0])
    np.testing.assert_allclose(sizes, [2.0], rtol=1e-9)


@pytest.mark.parametrize("delay", [0.1, 0.2, 1.5, 4.0])
@pytest.mark.parametrize("kind", ["axonal", "synaptic"])
def test_a_spike_arrives_exactly_after_its_delay(kind, delay):
    """Three spikes, more than one under way at a time."""
    net = two_populations(1, 2, times=[0.1, 3.0, 3.4], units=[0, 0, 0])
    given = delay if kind == "axonal" else np.full((1, 2), delay)
    net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=2 * u.mV, delay=given * u.ms)
    assert net["S->T"].delay_kind == kind
    for times, sizes in arrivals(net):
        np.testing.assert_allclose(times, np.array([0.1, 3.0, 3.4]) + delay)
        np.testing.assert_allclose(sizes, 2.0, rtol=1e-9)


def test_every_synapse_has_its_own_delay_in_the_order_of_the_list():
    delay = np.array([5.0, 0.1, 2.3, 0.7])
    net = two_populations(2, 4, times=[1.0, 2.0])
    pre, post = [1, 0, 1, 0], [3, 2, 0, 1]
    rule = bs.FromArrays(np.array(pre), np.array(post))
    net.connect(net.S, net.T, rule, receptor="jump", weight=[1, 2, 3, 4] * u.mV, delay=delay * u.ms)
    found = arrivals(net)
    for k in range(4):
        np.testing.assert_allclose(found[post[k]][0], [[1.0, 2.0][pre[k]] + delay[k]])
        np.testing.assert_allclose(found[post[k]][1], [k + 1.0], rtol=1e-9)


def test_delays_drawn_from_a_distribution_are_those_that_spikes_take():
    net = two_populations(1, 300, times=[1.0])
    net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=1 * u.mV, delay=bs.Uniform(0.5 * u.ms, 4.5 * u.ms))
    drawn = np.ravel(net["S->T"].delay.to_decimal(u.ms))
    assert drawn.min() >= 0.5 and drawn.max() <= 4.5
    assert abs(drawn.mean() - 2.5) < 4 * 4 / np.sqrt(12 * 300)
    taken = np.array([times[0] - 1.0 for times, _ in arrivals(net)])
    np.testing.assert_allclose(taken, np.round(drawn / DT) * DT)


@pytest.mark.parametrize("delay", [0.04, np.array([[1.0, 0.04]])])
def test_a_delay_below_the_step_is_refused(delay):
    net = two_populations(1, 2, times=[1.0])
    net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=1 * u.mV, delay=delay * u.ms)
    with pytest.raises(ValueError, match=r"S->T\.delay: delays must be at least one step of 0.1 ms, given 0.04 ms"):
        bs.simulate(net, 1 * u.ms, dt=DT * u.ms)
    assert int(net.plain("steps")) == 0


@pytest.mark.parametrize("delay", [1.0, [1.0]])
def test_a_delay_is_the_same_time_in_another_step(delay):
    """1 ms in steps of 0.1 and of 0.05 ms, also for spikes under way when the step changes."""
    net = two_populations(1, 1, times=[1.0, 5.0], units=[0, 0])
    net.connect(net.S, net.T, bs.AllToAll(), receptor="jump", weight=2 * u.mV, delay=delay * u.ms)
    bs.simulate(net, 1.5 * u.ms, dt=DT * u.ms)
    with pytest.raises(ValueError, match="while spikes are under way in delays of S->T.*net.reset"):
        bs.simulate(net, 1.5 * u.ms, dt=0.3 * u.ms)
    bs.simulate(net, 0.3 * u.ms, dt=DT / 2 * u.ms)
    rec = bs.simulate(net, 4.1 * u.ms, dt=DT * u.ms, record="T.V")
    V = rec["T.V"].mantissa[:, 0]
    risen = rec.times.to_decimal(u.ms)[np.flatnonzero(np.diff(V) > 1) + 1]
    np.testing.assert_allclose(risen, [2.0 + DT])
    rec = bs.simulate(net, 1 * u.ms, dt=DT / 2 * u.ms, record="T.V")
    V = rec["T.V"].mantissa[:, 0]
    risen = rec.times.to_decimal(u.ms)[np.flatnonzero(np.diff(V) > 1) + 1]
    np.testing.assert_allclose(risen, [6.0 + DT / 2])
    net.reset()
    ((times, _),) = arrivals(net)
    np.testing.assert_allclose(times, [2.0, 6.0])


def test_a_projection_onto_itself_delivers_after_the_step():
    """A spike fired at t moves V from t on: first seen in the sample at t + dt, never in that at t."""
    net = bs.Network()
    net.T = bs.neurons.LIF(2, V=[-40, -60] * u.mV, tau=20 * u.ms)
    net.T.add_receptors(jump=bs.receptors.Delta())
    net.connect(net.T[0], net.T[1], bs.OneToOne(), receptor="jump", weight=3 * u.mV)
    rec = bs.simulate(net, 0.3 * u.ms, record=["T.V", "T.spikes"])
    np.testing.assert_allclose(rec.spikes["T"].times.to_decimal(u.ms), [0.1])
    np.testing.assert_allclose(
        rec["T.V"].mantissa[:, 1], [-60, -60 + 3 * np.exp(-0.005), -60 + 3 * np.exp(-0.01)], rtol=1e-9
    )


def test_runs_of_neurons_with_one_weight_are_a_block():
    """Its synapses are in the order of any other projection, and may be given weights of their own later."""
    net = two_populations()
    net.connect(net.S[1:4], net.T[2:], bs.AllToAll(), receptor="jump", weight=2 * u.mV)
    projection = net["S->T"]
    assert isinstance(projection.plain("connectivity"), bs.events.Block)
    pre, post = projection.indices_of_synapses()
    assert projection.n_synapses == 9
    np.testing.assert_array_equal((pre, post), (np.repeat([1, 2, 3], 3), np.tile([2, 3, 4], 3)))
    expected = np.zeros((6, 5))
    expected[1:4, 2:] = 2.0
    np.testing.assert_allclose(matrix(net), expected, atol=1e-9)
    net.reset()
    projection.weight = np.arange(1.0, 10.0).reshape(3, 3) * u.mV
    expected[1:4, 2:] = np.arange(1.0, 10.0).reshape(3, 3)
    np.testing.assert_allclose(matrix(net), expected, atol=1e-9)
