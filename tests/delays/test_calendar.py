"""Delays of single synapses whose rows are sorted by delay: the same arrivals as the ring, whatever happens in between."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.delays import Calendar, Followed, Noted, Synaptic
from brainsim.events import _library, _sorted_rows, _together

N, M, STEPS, DT = 40, 30, 80, 0.1


def network(weight=None, delay=None, rule=None, seed=1, sends=None, **options):
    """Neurons that fire at random, onto targets whose g is what has just arrived."""
    rng = np.random.default_rng(seed)
    net = bs.Network(seed=seed)
    fired = np.argwhere(rng.random((STEPS, N)) < 0.05)
    times = (fired[:, 0] + 1) * DT
    net.S = bs.sources.SpikeTimes(N, times * u.ms, fired[:, 1]) if sends is None else sends
    net.T = bs.neurons.LIF(M, V_th=1e9 * u.mV)
    net.T.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
    rule = bs.FixedTotalNumber(400) if rule is None else rule
    weight = bs.Normal(1.0 * u.pA, 0.3 * u.pA) if weight is None else weight
    delay = bs.Uniform(0.1 * u.ms, 4.0 * u.ms) if delay is None else delay
    net.connect(net.S, net.T, rule, receptor="syn", weight=weight, delay=delay, **options)
    return net, fired


def arrived(net, steps=STEPS, dt=DT, **options):
    rec = bs.simulate(net, steps * dt * u.ms, dt=dt * u.ms, record="T.syn.g", **options)
    return np.asarray(u.get_mantissa(rec["T.syn.g"]))


def expected(net, fired, steps=STEPS):
    """From the list of synapses: a spike of step n arrives at the end of step n + d."""
    p = net["S->T"]
    pre, post = p.indices_of_synapses()
    weight, delay = (np.ravel(u.get_mantissa(x)) for x in (p.weight, p.delay))
    late = np.maximum(np.round(delay.astype(float) / DT), 1).astype(int)
    found = np.zeros((steps + 60, M))
    for step, unit in fired:
        mine = pre == unit
        np.add.at(found, (step + late[mine], post[mine]), np.broadcast_to(weight, pre.shape)[mine])
    return found[:steps]


@pytest.mark.parametrize("implementation", ["kernel", "plain"])
@pytest.mark.parametrize("rule", [bs.FixedTotalNumber(400), bs.FixedOutDegree(9), bs.FixedProbability(0.2)])
def test_arrivals_are_those_of_the_list_of_synapses(rule, implementation):
    with bs.events.served_by(implementation):
        net, fired = network(rule=rule)
        assert type(net["S->T"].axon) is Calendar
        np.testing.assert_allclose(arrived(net), expected(net, fired), atol=1e-12)


@pytest.mark.parametrize("n", [N, 400])
def test_arrivals_of_single_synapses_are_told_from_those_of_neurons(n):
    """Also where there are as many synapses as neurons: which of them arrivals belong to is known, not guessed."""
    rule = bs.plasticity.PairSTDP(A_plus=0 * u.pA, A_minus=0 * u.pA, w_max=9 * u.pA, pre_delay=1 * u.ms)
    weight = bs.Uniform(1 * u.pA, 2 * u.pA)
    net, fired = network(weight, rule=bs.FixedTotalNumber(n), plasticity=rule)
    assert type(net["S->T"].axon) is Followed
    found = arrived(net)
    assert found.sum() > 50
    np.testing.assert_allclose(found, expected(net, fired), atol=1e-12)


def test_pieces_and_chunks_change_nothing():
    net, _ = network()
    whole = arrived(net)
    net.reset()
    pieces = [arrived(net, 13), arrived(net, 1), arrived(net, STEPS - 14, chunk_steps=7)]
    assert np.array_equal(np.concatenate(pieces), whole)
    net.reset()
    assert np.array_equal(arrived(net), whole)


@pytest.mark.skipif(not all(bs.events.kernels().values()), reason="needs the compiled kernels")
def test_sums_are_made_ahead_of_their_steps_and_weights_that_change_count_at_once(monkeypatch):
    made, of = [], _together.Ahead.of
    monkeypatch.setattr(_together.Ahead, "of", lambda found, extents: made.append(found) or of(found, extents))
    net, fired = network(rule=bs.FixedOutDegree(7))
    wanted = expected(net, fired)
    first = arrived(net, 13)  # ends within a block of steps
    assert [len(found) for found in made] == [1]
    net["S->T"].weight = -2 * net["S->T"].weight
    np.testing.assert_allclose(first, wanted[:13], atol=1e-12)
    np.testing.assert_allclose(arrived(net, STEPS - 13), -2 * wanted[13:], atol=1e-12)
    words = -(-(net["S->T"].axon.depth(DT) + 8) // 32)
    assert net["S->T"].axon.plain("fired").shape == (N, words)
    quiet = arrived(net, 80)
    assert not quiet[60:].any() and not np.any(net["S->T"].axon.plain("waiting"))  # all is forgotten


@pytest.mark.parametrize("sort_by", [None, "post", "delay"])
def test_synapses_of_a_neuron_are_sorted_by_delay_where_that_is_asked_for(sort_by):
    pre, post = np.array([1, 0, 1, 1, 0]), np.array([2, 1, 0, 1, 0])
    given = np.array([0.5, 0.3, 0.9, 0.1, 0.2])
    net, fired = network(np.arange(1.0, 6.0) * u.pA, given * u.ms, bs.FromArrays(pre, post), sort_by=sort_by)
    by_delay = sort_by == "delay"
    order = np.lexsort((given if by_delay else post, pre))
    for other in (net, net.copy(), bs.Network.from_description(net.describe())):
        p = other["S->T"]
        assert p.sorted_by == (sort_by or "post") and type(p.axon) is (Calendar if by_delay else Synaptic)
        assert [x.tolist() for x in p.pairs()] == [pre[order].tolist(), post[order].tolist()]
        np.testing.assert_allclose(u.get_mantissa(p.delay), given[order], rtol=1e-6)
        np.testing.assert_allclose(u.get_mantissa(p.weight), order + 1.0)
        np.testing.assert_allclose(arrived(other), expected(other, fired), atol=1e-12)


def test_by_what_synapses_are_sorted():
    """By delay where chance decides; what was given one by one stays in the order in which it was given."""

    def sorted_by(**given):
        return network(**given)[0]["S->T"].sorted_by

    every = bs.Where(lambda i, j: (i + j) % 3 == 0)
    of_distance = lambda i, j: (1 + i + j) / 20 * u.ms  # noqa: E731
    assert sorted_by() == sorted_by(weight=1 * u.pA) == sorted_by(delay=of_distance) == "delay"
    one_each = np.linspace(0.1, 3, 400)
    assert sorted_by(weight=one_each * u.pA) == sorted_by(delay=one_each * u.ms) == "post"
    assert (
        sorted_by(rule=every)
        == sorted_by(rule=every[:, :])
        == sorted_by(rule=every | bs.OneToOne()[:30, :30])
        == "post"
    )
    assert sorted_by(rule=every, sort_by="delay") == sorted_by(rule=every | bs.FixedProbability(0.1)) == "delay"
    assert sorted_by(sort_by="post") == sorted_by(terminal=bs.terminals.TsodyksMarkram()) == "post"
    for given in ({"delay": 1 * u.ms}, {"rule": bs.AllToAll()}, {"max_delay": 5 * u.ms}):
        with pytest.raises(ValueError, match="S->T.sort_by: the synapses of a neuron are sorted by delay where"):
            network(**given, sort_by="delay")
    with pytest.raises(ValueError, match="sort_by is 'post' or 'delay', given 'delays'. Did you mean 'delay'"):
        network(sort_by="delays")


@pytest.mark.parametrize("n", [100, 3000, 20_000])
@pytest.mark.parametrize("far", [False, True], ids=["near", "near but one"])
def test_rows_of_delays_that_differ_little_are_sorted(n, far):
    """By less than what is told apart at first, all of them in the wrong order; and equal ones stay as they were."""
    key = np.float32(5).view(np.uint32) - np.arange(n, dtype=np.uint32) // 2
    if far:
        key[n // 3] = np.float32(0.01).view(np.uint32)
    (order,) = _sorted_rows.sort_rows(np.array([0, n], np.int32), key, [np.arange(n, dtype=np.int32)])
    assert np.array_equal(order, np.argsort(key, kind="stable"))


@pytest.mark.parametrize("kind", [np.float32, np.float64, "table"])
def test_rows_are_sorted_without_the_library_as_with_it(kind, monkeypatch):
    rng = np.random.default_rng(3)
    counts = np.array([0, 3, 60, 700, 1])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    ms = rng.uniform(0.1, 5.0, indptr[-1]) if kind != "table" else rng.integers(1, 30, indptr[-1]) / 10
    times = bs.delays.Times(ms.astype(np.float32 if kind == np.float32 else float), "delay")
    arrays = [np.arange(indptr[-1], dtype=np.uint16), rng.normal(size=indptr[-1])]
    found = _sorted_rows.sort_rows(indptr, times.sort_key, arrays)
    with monkeypatch.context() as patch:
        patch.setattr(_library, "_host", None)
        for one, other in zip(found, _sorted_rows.sort_rows(indptr, times.sort_key, arrays), strict=True):
            assert np.array_equal(one, other)
        order = found[0].astype(int)
        begins = times.reordered(order).begins(indptr, DT, 60)
    assert np.array_equal(begins, times.reordered(order).begins(indptr, DT, 60))
    late = np.round(times.ms[order] / DT).astype(int)
    for row in range(len(counts)):
        own = late[indptr[row] : indptr[row + 1]]
        assert np.array_equal(begins[row] - indptr[row], [np.sum(own <= d) for d in range(61)])
    with pytest.raises(ValueError, match="ascend in the row"):
        times.begins(indptr, DT, 60)
    with pytest.raises(ValueError, match="lie in 1 to 20"):
        times.reordered(order).begins(indptr, DT, 20)


@pytest.mark.parametrize("implementation", ["kernel", "plain"])
@pytest.mark.parametrize("size", [(0, 0), (0, 2), (1, 0), (1, 1), (2, 1), (33, 2)])
def test_of_the_smallest_sizes(size, implementation):
    n, m = size
    made = (
        bs.events.CSR(np.arange(n + 1) * m, np.tile(np.arange(m), n), m),
        bs.events.FixedFanOut(np.tile(np.arange(m), (n, 1)), m),
    )
    with bs.events.served_by(implementation):
        for conn, dtype in zip(made, (jnp.float32, jnp.float64), strict=True):
            begins = bs.events.calendar_of(conn, np.full(conn.weight_shape, 3), 3)
            fired, waiting = bs.events.nothing_under_way(n, 3)
            for step in range(40, 46):
                spikes = jnp.full(n, step == 41)
                found = bs.events.deliver_sorted(conn, spikes, 2.0, begins, fired, waiting, step, jnp.zeros(m, dtype))
                into, fired, waiting = found
                assert into.dtype == dtype and into.tolist() == [2.0 * n * (step == 44)] * m
            assert not np.any(fired) and not np.any(waiting)


def test_what_does_not_fit_is_refused():
    conn = bs.events.FixedFanOut(np.zeros((4, 2), int), 3)
    begins = bs.events.calendar_of(conn, np.tile([1, 2], (4, 1)), 2)
    fired, waiting = bs.events.nothing_under_way(4, 2)
    given = dict(spikes=np.zeros(4, bool), weight=1.0, begins=begins, fired=fired, waiting=waiting, step=0)
    for change, message in (
        ({"spikes": np.zeros(4)}, "spikes are bool"),
        ({"begins": begins[:, :1]}, r"begins is an int32 array of shape \[4, depth \+ 1\]"),
        ({"fired": fired[:3]}, r"fired is a uint32 array of shape \[4, 1\]"),
        ({"waiting": waiting.astype(int)}, r"waiting is a uint32 array of shape \[1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            bs.events.deliver_sorted(conn, **(given | change), into=jnp.zeros(3))
    with pytest.raises(ValueError, match="ascend in the row"):
        bs.events.calendar_of(conn, np.tile([2, 1], (4, 1)), 2)


def test_which_form_serves():
    """Spikes as such: the calendar. With a derivative, from a terminal, between all pairs: the ring; learned from: a calendar of its own."""
    assert type(network()[0]["S->T"].axon) is Calendar
    smooth = bs.neurons.LIF(N, surrogate=bs.surrogate.Sigmoid())
    assert type(network(sends=smooth)[0]["S->T"].axon) is Synaptic
    released = dict(terminal=bs.terminals.TsodyksMarkram())
    assert type(network(**released)[0]["S->T"].axon) is Synaptic
    assert type(network(rule=bs.AllToAll())[0]["S->T"].axon) is Synaptic
    learning = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA)
    assert type(network(weight=0.5 * u.pA, plasticity=learning)[0]["S->T"].axon) is Noted
    later = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA, pre_delay=1 * u.ms)
    assert type(network(weight=0.5 * u.pA, plasticity=later)[0]["S->T"].axon) is Followed


def test_gradients_of_weights_are_those_of_the_list_of_synapses():
    net, fired = network()
    f = bs.function(net, STEPS * DT * u.ms, dt=DT * u.ms, record="T.syn.g")
    here, factor = f.parameters["S->T.weight"], jnp.linspace(1, 2, STEPS)[:, None] * jnp.linspace(-1, 1, M)[None, :]

    @jax.jit
    def loss(weight):
        return jnp.sum(factor * f({"S->T.weight": weight}, {})[1]["T.syn.g"] ** 2)

    gradient = jax.jit(jax.grad(loss))(here)
    pre, post = net["S->T"].indices_of_synapses()
    late = np.round(np.asarray(u.get_mantissa(net["S->T"].delay), float) / DT).astype(int)
    g, wanted = expected(net, fired), np.zeros(len(pre))
    for step, unit in fired:
        for k in np.flatnonzero(pre == unit):
            if (n := step + late[k]) < STEPS:
                wanted[k] += 2 * factor[n, post[k]] * g[n, post[k]]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-9)
    along = jnp.asarray(np.random.default_rng(0).normal(size=here.shape))
    _, tangent = jax.jit(lambda w: jax.jvp(loss, (w,), (along,)))(here)
    np.testing.assert_allclose(tangent, wanted @ along, rtol=1e-9)


def test_a_batch_is_a_loop():
    net, _ = network()
    f = bs.function(net, 30 * DT * u.ms, dt=DT * u.ms, record="T.syn.g")
    run = jax.jit(lambda weight: f({"S->T.weight": weight}, {})[1]["T.syn.g"])
    weights = f.parameters["S->T.weight"][None, :] * jnp.array([[0.5], [1.0], [2.0]])
    for weight, found in zip(weights, jax.jit(jax.vmap(run))(weights), strict=True):
        np.testing.assert_allclose(found, run(weight), atol=1e-14)


def test_another_step_leaves_what_is_under_way_where_it_would_arrive_at_the_same_time():
    delay = np.random.default_rng(2).integers(1, 20, 400) * 0.2 * u.ms
    whole, _ = network(delay=delay, sort_by="delay")
    wanted = arrived(whole)
    for finer in (0.05, 0.2):
        net, fired = network(delay=delay, sort_by="delay")
        first = arrived(net, 40)
        ratio = round(DT / finer) if finer < DT else 1
        if finer > DT and (fired[(fired[:, 0] < 40)][:, 0] % 2 == 0).any():
            with pytest.raises(ValueError, match="cannot change from 0.1 to 0.2 ms while spikes are under way"):
                arrived(net, 10, finer)
            continue
        then = arrived(net, 40 * ratio, finer)
        np.testing.assert_allclose(first, wanted[:40])
        # The source fires at the same times, in steps of another length
        np.testing.assert_allclose(then[ratio - 1 :: ratio], wanted[40:], atol=1e-12)
    uneven, _ = network()
    arrived(uneven, 40)
    with pytest.raises(ValueError, match="cannot change"):
        arrived(uneven, 10, 0.05)


def test_what_is_under_way_is_saved_and_loaded(tmp_path):
    net, _ = network()
    whole = arrived(net)
    net.reset()
    arrived(net, 30)
    bs.save(net, tmp_path / "here")
    other, _ = network()
    bs.load(other, tmp_path / "here")
    assert np.array_equal(arrived(other, STEPS - 30), whole[30:])


def test_arrivals_can_be_kept_one_by_one():
    net, fired = network()
    net["S->T"].keep_arrived()
    assert type(net["S->T"].axon) is Followed
    np.testing.assert_allclose(arrived(net), expected(net, fired), atol=1e-12)


@pytest.mark.skipif(not all(bs.events.kernels().values()), reason="needs the compiled kernels")
def test_deliveries_of_a_step_are_one_call():
    """Later and immediate ones, from two sources, onto one receptor and recorded, against the same one by one."""

    def run():
        net = bs.Network(seed=3)
        net.A, net.B = (bs.neurons.LIF(n, V=bs.Uniform(-60 * u.mV, -50 * u.mV)) for n in (70, 33))
        for population in (net.A, net.B):
            population.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
            population.add_stimuli(drive=bs.stimuli.Constant(14 * u.nA))
        for pre, post in ((net.A, net.B), (net.A, net.A), (net.B, net.A)):
            for delay in (bs.Uniform(0.1 * u.ms, 3 * u.ms), None):
                weight = bs.Normal(20 * u.pA, 100 * u.pA)
                net.connect(pre, post, bs.FixedProbability(0.2), receptor="syn", weight=weight, delay=delay)
        rec = bs.simulate(net, 20 * u.ms, record=["A.spikes", "B.spikes", "A.V"])
        return [
            rec.spikes["A"].steps,
            rec.spikes["A"].indices,
            rec.spikes["B"].steps,
            np.asarray(u.get_mantissa(rec["A.V"])),
        ]

    together = run()
    with bs.events.served_by("plain"):
        for one, other in zip(together, run(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    assert len(together[0]) > 30


@pytest.mark.parametrize("dt", [0.1, 0.025, 1 / 3])
def test_delays_in_ms_begin_where_their_steps_do(dt, monkeypatch):
    rng = np.random.default_rng(0)
    between = (np.arange(40) % 12 + 0.5) * dt  # halfway, where rounding is decided
    rows = [np.sort(np.r_[rng.uniform(0.01, 4, 60), between, np.nextafter(between, 0)]) for _ in range(20)]
    ms, indptr = np.concatenate(rows).astype(np.float32), np.arange(21, dtype=np.int32) * 140
    steps = np.maximum(np.round(ms / np.float64(dt)), 1).astype(np.int32)
    depth = int(steps.max()) + 2
    expected = [np.searchsorted(row, np.arange(depth + 1), side="right") for row in steps.reshape(20, 140)]
    for host in (_library._host, None):
        monkeypatch.setattr(_library, "_host", host)
        for found in (_sorted_rows.begins_of(indptr, ms, depth, dt), _sorted_rows.begins_of(indptr, steps, depth)):
            np.testing.assert_array_equal(found, expected + indptr[:-1, None])
        with pytest.raises(ValueError, match=f"lie in 1 to {depth - 3}"):
            _sorted_rows.begins_of(indptr, ms, depth - 3, dt)
        with pytest.raises(ValueError, match="ascend"):
            _sorted_rows.begins_of(indptr, ms[::-1].copy(), depth, dt)


def build_for_threads(names: str, n: int, fan_out: int) -> bs.Network:
    net = bs.Network(seed=3)
    for name in names:
        net[name] = bs.neurons.LIF(n, V=bs.Uniform(-65 * u.mV, -50 * u.mV), V_th=-50 * u.mV)
        net[name].add_receptors(syn=bs.receptors.Exponential(tau=5.0 * u.ms))
        net[name].add_stimuli(drive=bs.stimuli.PoissonInput("syn", sources=1000, rate=20 * u.Hz, weight=2 * u.nA))
    for pre, post in itertools.product(names, names):
        weight, delay = bs.Normal(1.0 * u.pA, 3.0 * u.pA), bs.Uniform(0.1 * u.ms, 1.5 * u.ms)
        net.connect(net[pre], net[post], bs.FixedOutDegree(fan_out), receptor="syn", weight=weight, delay=delay)
    return net


def run_on_threads(net, names: str, steps: tuple[int, ...] = (40,)) -> list:
    """Spikes and sums of a run in pieces."""
    net.reset()
    record = [f"{name}.spikes" for name in names]
    spikes = [len(bs.simulate(net, k * DT * u.ms, dt=DT * u.ms, record=record).spikes[names[0]]) for k in steps]
    return [*spikes, *(np.asarray(u.get_mantissa(net[name].syn.g)).tobytes() for name in names)]


@pytest.mark.parametrize("steps", [(40,), (15, 22, 3)], ids=["whole", "pieces"])  # a block has 8
@pytest.mark.parametrize(("names", "n", "fan_out"), [("AB", 33_000, 40), ("A", 8_000, 300)], ids=["two", "one"])
def test_several_threads_give_the_bits_of_one(names, n, fan_out, steps, monkeypatch):
    """So many spikes, synapses and neurons that threads share what is added ahead, what has just fired, and Poisson inputs;
    where there is one population, its steps and its neurons.
    """
    net = build_for_threads(names, n, fan_out)
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(run_on_threads(net, names, steps))
    assert sum(found[0][: len(steps)]) > n / 4
    assert found[0] == found[1]


def test_runs_beside_each_other_have_the_bits_of_one():
    """One of them has the threads, the others do without."""
    expected = run_on_threads(build_for_threads("A", 8_000, 300), "A")
    nets = [build_for_threads("A", 8_000, 300) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert all(
            found == expected for _ in range(3) for found in pool.map(lambda net: run_on_threads(net, "A"), nets)
        )
