"""A step in few calls gives what it gives equation by equation."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import events
from brainsim._core import split
from brainsim._core.draws import drawn
from brainsim.events import _together as together
from brainsim.simulation import alike, one_loop, rows_of_numbers
from brainsim.simulation import grouped as grouped_step
from brainsim.simulation.grouped import grouped
from brainsim.simulation.uniform import is_uniform


@pytest.fixture(params=["kernel", "plain"])
def implementation(request):
    """Both ways to deliver spikes."""
    if request.param == "kernel" and not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    with events.served_by(request.param):
        yield request.param


def circuit(rng, kind, n=70, m=33):
    """A step of two populations with all formats between them, and its state."""
    csr = events.CSR(np.arange(n + 1) * 5, rng.integers(0, m, n * 5), m)
    back = events.FixedFanOut(rng.integers(0, n, (m, 4)), n)
    weight, dense = (jnp.asarray(rng.normal(size=size), kind) for size in (n * 5, (m, m)))

    def step(V, g, w, h):
        spikes, fired = V > 0.5, jnp.where(w > 0.5, w, 0)  # bool from one population, float from the other
        V, w = jnp.where(spikes, -V, jnp.exp(-V) * g), w * 0.9 + h
        g, h = 0.5 * g, 0.25 * h
        h = events.deliver(csr, spikes, weight, h)
        g = events.deliver(events.Diagonal(n), spikes, 0.5, g)
        h = events.deliver(events.Dense(m, m), fired, dense, h)
        g = events.deliver(back, fired, jnp.asarray(2.0, kind), g)
        return jnp.sort(V), g, w, h

    return step, tuple(jnp.asarray(rng.normal(size=size), kind) for size in (n, n, m, m))


def test_results_that_are_one_number_for_all_elements_are_known():
    def step(V, level, w):
        held = jnp.where(True, level, V)
        reset = jnp.where(held > 1.0, 0.0, held)
        return reset, 0.0 * V, V + held, jnp.where(False, level, V), (held > 1.0) & (V > 0.0), jnp.broadcast_to(w, 3)

    closed = jax.make_jaxpr(step)(jnp.zeros(3), 2.0, jnp.zeros(3))
    assert is_uniform(closed) == [True, True, False, False, False, False]


def test_a_state_that_is_held_at_a_number_is_compiled():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [0.1] * u.ms, [0])
    net.E = bs.neurons.LIF(4)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    net.E.add_stimuli(clamp=bs.stimuli.Hold("V", -55 * u.mV))
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=5 * u.pA)
    bs.simulate(net, 0.3 * u.ms)  # in a small call XLA ended the process
    np.testing.assert_array_equal(net.E.V.mantissa, [-55] * 4)
    np.testing.assert_allclose(net.E.syn.g.mantissa, 5 * np.exp(-0.2 / 5))


def test_what_comes_before_an_input_and_after_it_is_one_pass():
    """An input waits for nothing of the membrane: two passes over a population would read and write all of it twice."""
    key = jax.random.key(3)

    def step(n, V, g):
        own = jax.random.key_data(jax.random.fold_in(key, n))
        drawn = events.poisson_input(own, n.astype(jnp.uint32), 0.7, 2.0, g)
        decayed, moved = V * 0.9, V + 1
        return n + 1, decayed + drawn, drawn * 0.5, moved

    given = jnp.int32(4), jnp.arange(70.0), jnp.ones(70)
    traced = jax.make_jaxpr(grouped(step))(*given)
    assert sum(equation.params.get("name") in ("inside", one_loop.NAME) for equation in traced.eqns) == 1
    for found, expected in zip(jax.jit(grouped(step))(*given), step(*given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [jnp.float32, jnp.float64])
def test_results_are_those_of_the_function(kind, implementation):
    step, state = circuit(np.random.default_rng(1), kind)
    for found, expected in zip(jax.jit(grouped(step))(*state), jax.jit(step)(*state), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2e-5 if kind == jnp.float32 else 1e-12)


def test_more_rows_than_are_asked_for_together_are_added_all():
    """And a call that brings other arrays than the one before is looked at again."""
    rng = np.random.default_rng(4)
    step, state = circuit(rng, jnp.float64, n=9000, m=60)
    together, apart = jax.jit(grouped(step)), jax.jit(step)
    for _ in range(3):
        state = tuple(jnp.asarray(rng.normal(size=x.shape)) for x in state)
        for found, expected in zip(together(*state), apart(*state), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)


def test_batches_equal_loops(implementation):
    rng = np.random.default_rng(2)
    step, state = circuit(rng, jnp.float64)
    batch = tuple(jnp.asarray(rng.normal(size=(3, *x.shape))) for x in state[:3])
    found = jax.jit(grouped(jax.vmap(step, (0, 0, 0, None))))(*batch, state[3])
    for k in range(3):
        expected = jax.jit(step)(*(x[k] for x in batch), state[3])
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x[k], y, rtol=1e-12, atol=1e-12)


def test_a_result_that_is_read_between_deliveries_is_kept(implementation):
    conn = events.Diagonal(3)

    def step(spikes, g):
        first = events.deliver(conn, spikes, 1.0, g)
        second = events.deliver(conn, spikes, 2.0, first)
        return first, second, events.deliver(conn, first > 1, 4.0, jnp.zeros(3))

    first, second, third = jax.jit(grouped(step))(jnp.array([True, False, True]), jnp.array([0.5, 2.0, 0.0]))
    np.testing.assert_allclose(first, [1.5, 2.0, 1.0])
    np.testing.assert_allclose(second, [3.5, 2.0, 3.0])
    np.testing.assert_allclose(third, [4.0, 4.0, 0.0])


def test_all_deliveries_are_one_call():
    if not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    step, state = circuit(np.random.default_rng(3), jnp.float32)
    apart, together = (jax.jit(f).lower(*state).as_text() for f in (step, grouped(step)))
    assert apart.count("brainsim.contract") == 4
    assert together.count("brainsim.contract") == 0
    assert together.count("brainsim.deliver_together") == 1


def test_deliveries_with_and_without_a_batch_are_different_calls(implementation):
    """Of two deliveries that could be made at the same time one has a batch, and one has none."""
    rng = np.random.default_rng(4)
    conn = events.CSR(np.arange(31) * 3, rng.integers(0, 20, 90), 20)
    weight = jnp.asarray(rng.normal(size=90))

    def step(spikes, others, g, h):
        one = jax.vmap(lambda s, x: events.deliver(conn, s, weight, x))(spikes, g)
        return one, events.deliver(conn, others, 0.5, h)

    spikes, others = jnp.asarray(rng.random((4, 30)) < 0.4), jnp.asarray(rng.random(30) < 0.4)
    arguments = spikes, others, jnp.asarray(rng.normal(size=(4, 20))), jnp.asarray(rng.normal(size=20))
    for found, expected in zip(jax.jit(grouped(step))(*arguments), jax.jit(step)(*arguments), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    equations = [e for e in jax.make_jaxpr(step)(*arguments).jaxpr.eqns if together.is_delivery(e)]
    if implementation == "kernel":
        with pytest.raises(ValueError, match=r"different batches.*\[\(\), \(4,\)\]"):
            together.deliver_together(equations, None)


@pytest.mark.parametrize("swept", ["B.tau", "B->B.weight"])
def test_a_coupling_in_a_sweep(swept):
    """The coupling is the same in all runs, or the only thing that is not."""
    net = bs.Network()
    net.B = bs.neurons.LIF(4)
    net.B.add_receptors(gj=bs.receptors.GapJunction())
    net.connect(net.B, net.B, bs.OneToOne(), receptor="gj", weight=10 * u.nS, signal="V")
    values = {"B.tau": [20.0, 20.0, 20.0] * u.ms, "B->B.weight": [10.0, 20.0, 30.0] * u.nS}[swept]
    found = bs.sweep(net, {swept: values}, 0.3 * u.ms, record="B.gj.g", progress=False)
    for k in range(3):
        expected = 10.0 if swept == "B.tau" else values[k] / u.nS
        np.testing.assert_allclose(found[k]["B.gj.g"][-1] / u.nS, np.full(4, expected), rtol=1e-12)


@pytest.mark.parametrize("batched", [False, True])
def test_spikes_are_recorded_in_the_same_call(batched, implementation):
    """Also of a population that sends none, and beyond the room of the buffers; the order is by step, then population."""
    rng = np.random.default_rng(5)
    conn = events.CSR(np.arange(41) * 3, rng.integers(0, 17, 120), 17)

    def step(V, w, g, buffers, now):
        fired, silent = V > 0.5, w > 0.8
        index, when, count = events.append_events(*buffers, [silent, fired], now, [40, 0])
        return events.deliver(conn, fired, 0.5, 0.9 * g), index, when, count

    shape = (3,) if batched else ()
    V, w, g = (jnp.asarray(rng.normal(size=(*shape, n))) for n in (40, 9, 17))
    buffers = jnp.zeros((*shape, 20), jnp.int32), jnp.zeros((*shape, 20), jnp.int32), jnp.full(shape, 3, jnp.int32)
    lifted = jax.vmap(step, (0, 0, 0, 0, None)) if batched else step
    found = jax.jit(grouped(lifted))(V, w, g, buffers, 7)
    expected = jax.jit(lifted)(V, w, g, buffers, 7)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_array_equal(found[3], expected[3])
    for mine, other in zip(np.atleast_2d(found[1]), np.atleast_2d(expected[1])):
        stored = set(mine[3:].tolist()) - {0}
        # Which events find room depends on the order
        assert stored and len(stored & set(other[3:].tolist())) >= len(stored) - 9
    if implementation == "kernel":
        text = jax.jit(grouped(lifted)).lower(V, w, g, buffers, 7).as_text()
        assert (text.count("brainsim.deliver_together"), text.count("brainsim.append_events")) == (1, 0)


class Leakier(bs.neurons.LIF):
    """Differs in a number within its equations alone."""

    def derivative(self, t, V, I):
        return (1.5 * (self.E_L - V) + self.R * I) / self.tau


class LessLeaky(bs.neurons.LIF):
    def derivative(self, t, V, I):
        return (0.5 * (self.E_L - V) + self.R * I) / self.tau


def test_populations_alike_are_one_program(monkeypatch):
    """Of populations of two kinds and of other sizes; spikes and potentials are those of each by itself, to the last bit."""

    def run(many):
        monkeypatch.setattr(alike, "MANY", many)
        jax.clear_caches()
        net, rng = bs.Network(seed=1), np.random.default_rng(0)
        for k in range(8):
            kind = (Leakier, LessLeaky)[k % 2]
            neurons = kind(3 + k, R=(90 + k) * u.Mohm, V=np.linspace(-60, -51, 3 + k) * u.mV)
            setattr(net, f"p{k}", neurons)
            neurons.add_receptors(
                **{name: bs.receptors.Exponential(tau=ms * u.ms) for name, ms in (("syn", 5), ("slow", 9 + k))}
            )
            neurons.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
        for k in range(20):
            a, b = (net[f"p{i}"] for i in rng.integers(0, 8, 2))
            net.connect(a, b, bs.FixedProbability(0.4), receptor=("syn", "slow")[k % 2], weight=50 * u.pA)
        rec = bs.simulate(net, 30 * u.ms, record=["p0.spikes", "p7.spikes", "p7.V"])
        return rec, [np.asarray(x) for x in jax.tree.leaves(split(net)[1:])]

    counted = []
    found = alike.cohorts
    monkeypatch.setattr(grouped_step, "cohorts", lambda *given: counted.append(found(*given)) or counted[-1])
    together, arrays = run(4)
    assert max(len(same) for same, _ in counted) == 2
    apart, expected = run(10**9)
    assert len(together.spikes["p7"].steps) > 10
    for name in ("p0", "p7"):
        np.testing.assert_array_equal(together.spikes[name].steps, apart.spikes[name].steps)
        np.testing.assert_array_equal(together.spikes[name].indices, apart.spikes[name].indices)
    for a, b in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_deliveries_under_way_are_several_calls(monkeypatch):
    """All onto one population in the same one; spikes and states are those of one call, to the last bit."""
    if not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    made = []
    found = together.deliver_together
    monkeypatch.setattr(together, "deliver_together", lambda *given: made.append(len(given[0])) or found(*given))

    def run(most):
        monkeypatch.setattr(grouped_step, "UNDER_WAY", most)
        jax.clear_caches()
        made.clear()
        net = bs.Network(seed=2)
        for name, n in (("A", 20), ("B", 31), ("C", 12)):
            setattr(net, name, bs.neurons.LIF(n, R=100 * u.Mohm))
            net[name].add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
            net[name].add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
        weight, delay = bs.Normal(20 * u.pA, 2 * u.pA), bs.Uniform(1 * u.ms, 3 * u.ms)
        for a, b in ("AB", "AA", "BA", "CB", "BC", "AC", "BB"):
            net.connect(net[a], net[b], bs.FixedProbability(0.4), receptor="syn", weight=weight, delay=delay)
        rec = bs.simulate(net, 30 * u.ms, record=["A.spikes", "C.spikes"])
        return rec, [np.asarray(x) for x in jax.tree.leaves(split(net)[1:])], list(made)

    one, expected, calls = run(128)
    assert set(calls) == {7}
    several, arrays, calls = run(3)
    assert calls[:3] == [2, 3, 2]  # onto A, B and C
    for name in ("A", "C"):
        assert len(one.spikes[name].steps) > 10
        np.testing.assert_array_equal(several.spikes[name].steps, one.spikes[name].steps)
        np.testing.assert_array_equal(several.spikes[name].indices, one.spikes[name].indices)
    for a, b in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_result_of_many_long_populations_is_compiled():
    """XLA compiles no small call with one result whose loop two threads would share: from 512 KB on."""
    state = tuple(jnp.full(7_000 + k, float(k)) for k in range(alike.MANY))

    def body(state):
        *arrays, step = state
        return *(0.5 * x + 0.25 for x in arrays), step + 1

    run = jax.jit(lambda *state: grouped_step.while_loop(lambda s: s[-1] < 2, body, (*state, 0), ours=True))
    for k, found in enumerate(run(*state)[:-1]):
        np.testing.assert_allclose(found, 0.25 * k + 0.375)
        assert found.shape == (7_000 + k,)


def test_what_is_done_to_the_only_element_of_an_array_is_not_done_to_all_of_several():
    def step(carry):
        n, *state = carry
        return n + 1, *(x * jax.lax.squeeze(x, (0,)) + 0.5 for x in state)

    state = jnp.int32(0), *(jnp.full(1, 0.1 * k) for k in range(alike.MANY))
    after = grouped_step.while_loop(lambda carry: carry[0] < 2, step, state)
    x = 0.1 * np.arange(alike.MANY)
    np.testing.assert_allclose(np.concatenate(after[1:]), (x**2 + 0.5) ** 2 + 0.5, rtol=1e-6)


def test_keys_of_many_parts_are_folded_at_once():
    root = jax.random.PRNGKey(3)

    def step(x):
        keys = [jax.random.fold_in(jax.random.fold_in(root, name), 100 + name) for name in range(8)]
        return sum((k + 1) * key for k, key in enumerate(keys)) + x, keys[2]

    x = jnp.zeros(2, jnp.uint32)
    expected = [jax.random.fold_in(jax.random.fold_in(root, name), 100 + name) for name in range(8)]
    total, third = grouped(step)(x)
    np.testing.assert_array_equal(third, expected[2])
    np.testing.assert_array_equal(total, sum((k + 1) * np.asarray(key) for k, key in enumerate(expected)))
    assert str(jax.make_jaxpr(grouped(step))(x)).count("random_fold_in") == 2  # of the first names, and of the second


@pytest.mark.parametrize("n", [601, 1001, 1280, 2000])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_numbers_are_those_of_jax_whatever_their_number(kind, n, dtype, monkeypatch):
    monkeypatch.setattr(rows_of_numbers, "cores", lambda: 12)  # none of these is a multiple of all numbers up to it
    key = jax.random.key_data(jax.random.key(5))

    def body(carry):
        step, total = carry
        return step + 1, total + drawn(kind, key, step, (n,), dtype) * (step + 1)

    found = jax.jit(lambda: grouped_step.while_loop(lambda carry: carry[0] < 3, body, (0, jnp.zeros(n, dtype)))[1])()
    steps = [jax.random.fold_in(jax.random.key(5), step) for step in range(3)]
    expected = sum(getattr(jax.random, kind)(own, (n,), dtype) * (step + 1) for step, own in enumerate(steps))
    np.testing.assert_allclose(
        found, expected, rtol=1e-6 if dtype == jnp.float32 else 1e-14, atol=1e-6 if dtype == jnp.float32 else 1e-14
    )
