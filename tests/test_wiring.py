"""Projections in space and procedural projections, through whole networks."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.connectivity import DifferenceOfGaussians, ExponentialDecay, Gaussian, Grid, Ring

DT = 0.1


def sheet(n=8, **options):
    net = bs.Network(seed=4)
    net.S = bs.sources.SpikeTimes((n, n), [1.0] * u.ms, [0], positions=Grid(spacing=100 * u.um, **options))
    net.T = bs.neurons.LIF((n, n), tau=20 * u.ms, V_th=1e6 * u.mV, positions=Grid(spacing=100 * u.um, **options))
    net.T.add_receptors(jump=bs.receptors.Delta())
    return net


def distances(n, periodic):
    i, j = np.divmod(np.arange(n * n), n)
    dx, dy = (abs(np.subtract.outer(k, k)) for k in (i, j))
    if periodic:
        dx, dy = np.minimum(dx, n - dx), np.minimum(dy, n - dy)
    return 0.1 * np.hypot(dx, dy)  # mm


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(
    "rule", [bs.AllToAll(), bs.FixedProbability(0.3), bs.DistanceDependent(Gaussian(0.2 * u.mm))], ids=str
)
def test_weights_and_delays_follow_the_distance(rule, periodic):
    net = sheet(periodic=periodic)
    projection = net.connect(
        net.S,
        net.T,
        rule,
        receptor="jump",
        weight=bs.OfDistance(ExponentialDecay(0.25 * u.mm), scale=2 * u.mV),
        delay=bs.DistanceDelay(0.3 * u.mm / u.ms, offset=0.4 * u.ms),
    )
    d = distances(8, periodic)[projection.indices_of_synapses()]
    np.testing.assert_allclose(np.ravel(projection.weight.to_decimal(u.mV)), 2 * np.exp(-d / 0.25), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(projection.delay.to_decimal(u.ms)), 0.4 + d / 0.3, rtol=1e-9)


def test_spikes_travel_at_their_velocity():
    """A spike in the corner reaches each neuron after d / v, rounded to the step, and at least the minimum."""
    net = sheet()
    net.connect(
        net.S[0, 0],
        net.T,
        bs.AllToAll(),
        receptor="jump",
        weight=5 * u.mV,
        delay=bs.DistanceDelay(0.2 * u.mm / u.ms, minimum=0.1 * u.ms),
    )
    V = bs.simulate(net, 8 * u.ms, dt=DT * u.ms, record="T.V")["T.V"].mantissa
    arrived = (np.argmax(V > -59, axis=0)) * DT
    np.testing.assert_allclose(arrived, 1.0 + np.maximum(np.round(distances(8, False)[0] / 0.2 / DT), 1) * DT)


def test_views_have_the_distances_of_their_neurons():
    net = sheet()
    projection = net.connect(
        net.S[::-1],
        net.T[3:5],
        bs.Nearest(1),
        receptor="jump",
        weight=bs.OfDistance(lambda d: d / (1 * u.mm) * (1 * u.mV)),
    )
    pre, post = projection.indices_of_synapses()
    expected = np.where(pre // 8 < 3, 3 - pre // 8, np.maximum(pre // 8 - 4, 0)) * 0.1
    np.testing.assert_allclose(projection.weight.to_decimal(u.mV), expected, atol=1e-7)


def test_a_mexican_hat_keeps_a_bump():
    """A ring of LIF neurons with a hat of weights: a brief kick leaves activity where it was, and nowhere else.

    Without the weights nobody would fire: the drive lifts V by 9 mV, one below threshold.
    """
    n = 100
    net = bs.Network(seed=0)
    net.N = bs.neurons.LIF(n, tau=20 * u.ms, R=100 * u.Mohm, positions=Ring(start=-np.pi))
    net.N.add_receptors(hat=bs.receptors.Exponential(tau=50 * u.ms))
    weights = bs.OfDistance(DifferenceOfGaussians(0.4, 1.5, ratio=0.6), scale=8 * u.pA)
    net.connect(net.N, net.N, bs.AllToAll(self_connections=False), receptor="hat", weight=weights)
    net.N.add_stimuli(drive=bs.stimuli.Constant(90 * u.pA))
    net.N[40:60].add_stimuli(kick=bs.stimuli.Step([120, 0] * u.pA, [0, 100] * u.ms))
    rec = bs.simulate(net, 500 * u.ms, dt=DT * u.ms, record="N.spikes")
    times, units = rec.spikes["N"].times.to_decimal(u.ms), np.asarray(rec.spikes["N"].indices)
    late = units[times > 300]
    assert len(late) > 20 and abs(late - 49.5).max() < 15


@pytest.fixture
def procedural():
    net = bs.Network(seed=2)
    net.S = bs.sources.SpikeTimes(40, np.arange(1, 41) * 1.0 * u.ms, np.arange(40))
    net.T = bs.neurons.LIF(50, tau=20 * u.ms, V_th=1e6 * u.mV)
    net.T.add_receptors(jump=bs.receptors.Delta())
    net.connect(
        net.S[5:35],
        net.T[10:],
        bs.Procedural(bs.FixedProbability(0.3)),
        receptor="jump",
        weight=bs.Normal(2 * u.mV, 0.5 * u.mV),
        delay=0.5 * u.ms,
    )
    return net


def jumps_of(net):
    """What each spike of S adds to the potentials of T, (40, 50), mV."""
    V = bs.simulate(net, 42 * u.ms, dt=DT * u.ms, record="T.V")["T.V"].mantissa + 60
    jumps = (V[1:] - V[:-1] * np.exp(-DT / 20)) / np.exp(-DT / 20)
    return jumps[np.round((np.arange(1, 41) + 0.5) / DT).astype(int) - 1]


def test_a_procedural_projection_delivers_what_it_stores(procedural):
    net = procedural
    projection = net["S->T"]
    assert projection.n_synapses == 360 and projection.weight == 1 * u.mV and projection.delay == 0.5 * u.ms
    stored, weights = projection.plain("connectivity").materialise()
    expected = np.asarray(stored.todense(weights))
    jumps = jumps_of(net)
    np.testing.assert_allclose(jumps, expected, atol=1e-6)
    drawn = weights[weights != 0]
    assert abs(drawn.mean() - 2) < 3.9 * 0.5 / np.sqrt(len(drawn))  # significance 1e-4
    pre, post = projection.indices_of_synapses()
    assert pre.min() >= 5 and pre.max() < 35 and post.min() >= 10
    net.reset()
    projection.weight = 2 * u.mV
    np.testing.assert_allclose(jumps_of(net), 2 * jumps, atol=1e-6)


def test_procedural_blocks_deliver_what_they_store(procedural):
    net = procedural
    n, plain = [[300, 0], [20, 41]], net["S->T"].plain
    blocks = bs.Procedural(bs.BlockModel((10, 20), None, (15, 25), n=n))
    spread = bs.Normal(2 * u.mV, 0.5 * u.mV)
    projection = net.connect(
        net.S[5:35], net.T[10:], blocks, receptor="jump", weight=spread, delay=0.5 * u.ms, name="b"
    )
    assert projection.n_synapses == 361 == np.sum(n)
    stored = [conn.materialise() for conn in (plain("connectivity"), projection.plain("connectivity"))]
    expected = sum(np.asarray(conn.todense(weights)) for conn, weights in stored)
    pre, post = projection.pairs()
    found = np.histogram2d(pre, post, bins=([5, 15, 35], [10, 25, 50]))[0]
    np.testing.assert_array_equal(found, n)
    jumps = jumps_of(net)
    np.testing.assert_allclose(jumps, expected, atol=1e-6)
    net.reset()
    with bs.events.served_by("plain"):
        np.testing.assert_allclose(jumps_of(net), jumps, atol=1e-12)


def test_a_huge_procedural_network_is_built_at_once():
    net = bs.Network()
    net.E = bs.neurons.LIF(1_000_000)
    net.E.add_receptors(ampa=bs.receptors.Exponential(reversal=0 * u.mV))
    projection = net.connect(net.E, net.E, bs.Procedural(bs.FixedProbability(1e-4)), receptor="ampa", weight=1 * u.nS)
    assert projection.n_synapses == 100_000_000
    assert sum(x.nbytes for x in vars(projection.plain("connectivity")).values() if hasattr(x, "nbytes")) < 200_000


@pytest.mark.parametrize(
    ("rule", "given", "message"),
    [
        (
            bs.FixedProbability(0.1),
            {"weight": np.ones(3) * u.mV},
            r"S->T.*\.weight: a procedural projection stores nothing",
        ),
        (
            bs.FixedProbability(0.1),
            {"weight": bs.OfDistance(lambda d: d)},
            "stores nothing for single synapses; give one value",
        ),
        (
            bs.FixedProbability(0.1),
            {"delay": bs.Uniform(1 * u.ms, 2 * u.ms)},
            r"\.delay: a procedural projection stores nothing",
        ),
        (
            bs.FixedProbability(0.1),
            {"delay": bs.DistanceDelay(1 / u.ms)},
            "give one value for the whole projection, or none",
        ),
        (bs.FixedProbability(0.1), {"plasticity": bs.plasticity.Hebb(eta=1 * u.mV)}, "cannot change by plasticity"),
    ],
)
def test_what_a_procedural_projection_cannot_do_is_refused(procedural, rule, given, message):
    with pytest.raises(ValueError, match=message):
        procedural.connect(
            procedural.S, procedural.T, bs.Procedural(rule), receptor="jump", **({"weight": 1 * u.mV} | given)
        )


def test_rules_without_a_procedural_form_are_refused(procedural):
    with pytest.raises(TypeError, match="give FixedProbability.p., FixedOutDegree"):
        bs.Procedural(bs.FixedInDegree(3))
    for rule in (bs.FixedOutDegree(3), bs.FixedTotalNumber(3, multiple=False)):
        with pytest.raises(ValueError, match=rf"give {rule.name}\(3, multiple=True\)"):
            bs.Procedural(rule)
    with pytest.raises(ValueError, match=r"give numbers of synapses, BlockModel\(sizes, n=\)"):
        bs.Procedural(bs.BlockModel((3, 4), np.full((2, 2), 0.1)))
    for sizes, post, n, message in (
        ((40,), (49,), [[3]], r"blocks of \(49,\) neurons; the postsynaptic view has 50"),
        ((40, 0), (50,), [[3], [2]], "BlockModel: n = 2 synapses between blocks without a pair"),
    ):
        with pytest.raises(ValueError, match=message):
            rule = bs.Procedural(bs.BlockModel(sizes, None, post, n=n))
            procedural.connect(procedural.S, procedural.T, rule, receptor="jump", weight=1 * u.mV)
    with pytest.raises(ValueError, match="pre is not a contiguous range of neurons"):
        procedural.connect(
            procedural.S[::2], procedural.T, bs.Procedural(bs.FixedProbability(0.1)), receptor="jump", weight=1 * u.mV
        )
    with pytest.raises(bs.UnitError, match="weight: .*expected a quantity in mV"):
        rule = bs.Procedural(bs.FixedProbability(0.1))
        procedural.connect(procedural.S, procedural.T, rule, receptor="jump", weight=bs.Normal(1 * u.nS, 1 * u.nS))
