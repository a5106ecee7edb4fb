"""Other seeds of a wiring run the program of the first, and room for more synapses changes no number."""

import brainunit as u
import jax
import numpy as np
import pytest
from jax._src import monitoring

import brainsim as bs
from brainsim._core import split
from brainsim.simulation import room
from tests.every.networks import PAIRS, exported, made

DT = 0.1 * u.ms


def wired(seed, n=40, rule=None, **options):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF((n // 5, 5), V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=0.5 * u.ms)
    net.E.add_receptors(ampa=bs.receptors.Exponential(), gap=bs.receptors.GapJunction())
    net.E.add_stimuli(drive=bs.stimuli.Constant(80 * u.nA))
    options = {"receptor": "ampa", "weight": 3 * u.pA} | options
    net.connect(net.E, net.E, rule or bs.FixedProbability(0.2), **options)
    return net


def pairs():
    return bs.plasticity.PairSTDP(**PAIRS)


KINDS = {
    "one weight": dict,
    "drawn weights": lambda: dict(weight=bs.Uniform(1 * u.pA, 5 * u.pA), delay=1 * u.ms),
    "drawn delays": lambda: dict(delay=bs.Normal(2 * u.ms, 0.1 * u.ms)),
    "changing delays": lambda: dict(delay=bs.Uniform(0.5 * u.ms, 3 * u.ms), max_delay=4 * u.ms),
    "plastic": lambda: dict(plasticity=pairs()),
    "plastic, drawn delays": lambda: dict(plasticity=pairs(), delay=bs.Uniform(0.5 * u.ms, 3 * u.ms)),
    "graded": lambda: dict(receptor="gap", signal="V", weight=1 * u.nS, delay=bs.Uniform(0.5 * u.ms, 3 * u.ms)),
    "by distance": lambda: dict(rule=bs.connectivity.DistanceDependent(bs.connectivity.Gaussian(1.5), 0.7)),
}


@pytest.fixture
def compiled():
    """Programs compiled so far."""
    counts = []

    def count(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            counts.append(event)

    monitoring.register_event_duration_secs_listener(count)
    yield counts
    monitoring.unregister_event_duration_listener(count)


@pytest.mark.parametrize("kind", KINDS)
def test_other_seeds_compile_nothing(kind, compiled):
    """Neither to build the network nor to run it; most seeds have another number of synapses."""

    def run(seed):
        net = wired(seed, **KINDS[kind]())
        bs.simulate(net, 1 * u.ms, dt=DT, record="E.spikes")
        return net["E->E"].n_synapses

    run(0)
    compiled.clear()
    sizes = {run(seed) for seed in range(1, 6)}
    assert len(sizes) > 2
    assert not compiled


def run_twice(make, record):
    net = make()
    return net, [bs.simulate(net, 3 * u.ms, dt=DT, record=record) for _ in range(2)]


@pytest.fixture
def same(monkeypatch):
    """Runs with room and without it give the same states and samples, bit for bit; returns the network with room."""

    def check(make, record=()):
        net, recordings = run_twice(make, record)
        monkeypatch.setattr(room, "MOST", 0)
        other, expected = run_twice(make, record)
        monkeypatch.undo()
        assert not other._aside.room
        for mine, theirs in zip(split(net)[1:], split(other)[1:]):
            assert mine.keys() == theirs.keys()
            for path in mine:
                np.testing.assert_array_equal(mine[path], theirs[path], err_msg=path)
        for label in record:
            for mine, theirs in zip(recordings, expected):
                np.testing.assert_array_equal(u.get_mantissa(mine[label]), u.get_mantissa(theirs[label]))
        return net

    return check


@pytest.mark.parametrize("kernels", ["kernel", pytest.param("plain", marks=pytest.mark.slow)])
def test_every_rule_learns_the_same_with_room(kernels, same):
    def make():
        net = bs.Network(seed=1)
        net.C = bs.neurons.LIF(8, V=bs.Uniform(-60 * u.mV, -50 * u.mV), refractory=0.5 * u.ms)
        net.C.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(80 * u.nA, 20 * u.nA, 1 * u.ms))
        net.C.add_receptors(syn=bs.receptors.Exponential())
        net.dopamine = bs.modulators.Dopamine(tau=20 * u.ms, source=net.C)
        for k, (name, kind) in enumerate(exported("plasticity").items()):
            delay = bs.Uniform(0.2 * u.ms, 1 * u.ms) if k % 3 == 0 else None
            net.connect(net.C, net.C, bs.FixedProbability(0.5), receptor="syn", delay=delay, name=name,
                        weight=bs.Uniform(10 * u.pA, 50 * u.pA), plasticity=made(net, kind))  # fmt: skip
        return net

    with jax.enable_x64(kernels == "plain"), bs.events.served_by(kernels):
        net = same(make, [f"{next(iter(exported('plasticity')))}.weight[:3]"])
    assert {path.partition(".")[0] for path in net._aside.room} == set(net.projections)


def test_weights_that_are_assigned_between_runs_are_used(same):
    def make():
        net = wired(1, weight=bs.Uniform(1 * u.pA, 5 * u.pA), plasticity=pairs())
        bs.simulate(net, 2 * u.ms, dt=DT)
        net["E->E"].weight = np.linspace(0, 9, net["E->E"].n_synapses) * u.pA
        return net

    assert same(make)._aside.room


@pytest.mark.parametrize("seeds", [None, [1, 2]])
def test_a_sweep_of_other_seeds_compiles_nothing(seeds, compiled):
    def run(seed):
        net = wired(seed, weight=bs.Uniform(1 * u.pA, 5 * u.pA), plasticity=pairs())
        swept = bs.sweep(net, {"E.tau": [10.0, 20.0] * u.ms}, 1 * u.ms, dt=DT, record="E.spikes", seeds=seeds)
        assert swept.recordings
        return net["E->E"].n_synapses

    run(0)
    compiled.clear()
    assert len({run(seed) for seed in range(1, 5)}) > 2
    assert not compiled


class Normalised(bs.plasticity.Plasticity):
    """A rule of one's own that looks at all weights at once."""

    def update(self, s):
        s.weight = s.weight / s.weight.sum()


def test_what_looks_at_all_weights_sees_those_that_there_are(same):
    """A rule of one's own, an operation, a recording of all, a time course for each."""
    net = same(lambda: wired(1, plasticity=Normalised()))
    np.testing.assert_allclose(np.sum(net["E->E"].weight / u.pA), 1.0, rtol=1e-5)

    def count(net, clock):
        w = net["E->E"].plain("weight")
        net["E->E"].put("weight", 0.0 * w + w.size)

    def counted():
        net = wired(1, plasticity=pairs())
        net.count = bs.Operation(count, after="synapses")
        return net

    net = same(counted)
    assert np.all(net["E->E"].weight / u.pA == net["E->E"].n_synapses)
    same(lambda: wired(1, plasticity=pairs()), ["E->E.weight", "E->E.weight[::100]", "E->E.weight[-1]"])
    net = wired(1, weight=bs.Uniform(1 * u.pA, 5 * u.pA))
    n = net["E->E"].n_synapses
    rec = bs.simulate(net, 1 * u.ms, dt=DT, record="E->E.weight", inputs={"E->E.weight": np.ones((10, n)) * u.pA})
    assert rec["E->E.weight"].shape == (10, n)


@pytest.mark.parametrize("n", [0, 1, 2, 37, 1000, 123_456, room.MOST])
def test_room_is_enough_for_other_seeds_and_not_much(n):
    length = room._length(n, known := [])
    assert n + 6 * np.sqrt(n) <= length <= 1.1 * n + 8 * np.sqrt(n) + 64
    assert known == [length] and room._length(n + 1, known) == length
    assert room._length(2 * length + 5000, known) > length and len(known) == 2
    assert room._length(n, known) == length


@pytest.mark.parametrize("implementation", ["kernel", "plain"])
def test_rows_in_a_longer_array_are_the_same_rows(implementation):
    """For whatever takes them: one run, a batch, sums over rows, inside a program and outside."""
    rng = np.random.default_rng(0)
    conn = bs.events.CSR(np.array([0, 3, 3, 7, 9]), rng.integers(0, 5, 9), 5)
    longer, weight = conn.longer(16), rng.random(9).astype(np.float32)
    more = np.pad(weight, (0, 7), mode="edge")
    spikes, into = np.ones((3, 4), np.float32), np.zeros(5, np.float32)

    def results(conn, weight):
        each = jax.vmap(lambda s: bs.events.deliver(conn, s, weight, into))(spikes)
        back = bs.events.deliver_transposed(conn, into + 1.0, weight)
        one = bs.events.weight_gradient(conn, spikes[0], into + 1.0, scalar=True)
        return each, back, one, conn.sum_rows(weight), conn.todense(weight)

    with bs.events.served_by(implementation):
        for run in (results, jax.jit(results)):
            for mine, theirs in zip(run(longer, more), run(conn, weight), strict=True):
                np.testing.assert_array_equal(mine, theirs)
