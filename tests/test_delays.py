"""Delays: a spike sent at t with delay d arrives at t + d, whatever the format, and changes of d leave spikes under way
alone.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brainsim as bs
from brainsim.simulation import engine

DT, N_PRE, N_POST, STEPS, LONGEST = 0.1, 4, 5, 60, 9
RNG = np.random.default_rng(0)
RULES = {
    "Dense": bs.AllToAll(),
    "CSR": bs.FromArrays(np.array([3, 0, 2, 0, 2, 3]), np.array([1, 4, 0, 2, 3, 1])),  # one pair has two synapses
    "FixedFanOut": bs.FixedOutDegree(2),
    "OneToOne": bs.OneToOne(),
}
SYNAPTIC = ["synaptic", "synaptic that changes"]
AXONAL = ["axonal", "axonal that changes"]  # what arrives at once has passed a line that knows no format
CASES = [(form, kind) for form in RULES for kind in SYNAPTIC + (AXONAL if form == "CSR" else [])]


def network(rule, delay, spikes=((0, 1),), weight=None, n_post=N_POST, terminal=None, **options):
    """``spikes``: (neuron, step at whose end it fires). What arrives at a time is g in the sample of that time."""
    net = bs.Network(seed=1)
    units, steps = np.asarray(spikes).T
    net.S = bs.sources.SpikeTimes(N_PRE, steps * DT * u.ms, units)
    net.T = bs.neurons.LIF(n_post, V_th=1e9 * u.mV)
    net.T.add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
    weight = 1.0 if weight is None else weight
    net.connect(
        net.S, net.T, rule, receptor="syn", weight=weight * u.pA, delay=delay * u.ms, terminal=terminal, **options
    )
    return net


def arrived(net, steps=STEPS, **options):
    """(steps + 1, n_post): row n arrives at n dt."""
    rec = bs.simulate(net, steps * DT * u.ms, dt=DT * u.ms, record="T.syn.g", **options)
    g = np.asarray(u.get_mantissa(rec["T.syn.g"]))
    return np.concatenate([np.zeros((1, g.shape[1])), g])


def expected(net, spikes, weight, delay_steps, n_post):
    pre, post = net["S->T"].indices_of_synapses()
    found = np.zeros((STEPS + LONGEST + 1, n_post))
    for unit, step in spikes:
        mine = pre == unit
        np.add.at(found, (step + delay_steps[mine], post[mine]), weight[mine])
    return found[: STEPS + 1]


@pytest.mark.parametrize(("form", "kind"), CASES)
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_arrival_is_emission_plus_delay(form, kind, data):
    """Random delays, weights and spikes, in one run or in pieces of random length."""
    n_post = N_PRE if form == "OneToOne" else N_POST
    n = {"Dense": N_PRE * n_post, "CSR": 6, "FixedFanOut": 2 * N_PRE, "OneToOne": N_PRE}[form]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    shape = {"Dense": (N_PRE, n_post), "FixedFanOut": (N_PRE, 2)}.get(form, (n,))
    steps = rng.integers(1, LONGEST + 1, shape)
    steps.ravel()[-1] = LONGEST  # the buffers have one shape, and every example runs the same compiled code
    delay = steps if kind.startswith("synaptic") else np.array(LONGEST)
    if kind == "axonal that changes":
        delay = rng.integers(1, LONGEST + 1, ())
    weight = rng.normal(size=shape)
    # A unit fires at most once in a step, so spikes are distinct.
    chosen = rng.choice(N_PRE * STEPS, 25, replace=False)
    spikes = list(zip(chosen % N_PRE, 1 + chosen // N_PRE))
    changing = {"max_delay": LONGEST * DT * u.ms} if "changes" in kind else {}
    net = network(RULES[form], delay * DT, spikes, weight, n_post, **changing)
    assert net["S->T"].delay_kind == kind.split()[0]
    ordered = [np.ravel(u.get_mantissa(x)) for x in (net["S->T"].weight, net["S->T"].delay)]
    per_synapse = np.broadcast_to(np.round(ordered[1] / DT).astype(int), (n,))
    wanted = expected(net, spikes, ordered[0], per_synapse, n_post)
    np.testing.assert_allclose(arrived(net), wanted, atol=1e-14)
    net.reset()
    cut = data.draw(st.integers(1, STEPS - 1), label="cut")
    in_two = np.concatenate([arrived(net, cut), arrived(net, STEPS - cut)[1:]])
    np.testing.assert_allclose(in_two, wanted, atol=1e-14)


@pytest.mark.parametrize("kind", ["axonal", "synaptic"])
def test_a_spike_keeps_the_delay_that_it_was_sent_with(kind):
    """Given step by step as an input: longer, shorter, overtaking; two that arrive at once add up."""
    course = np.full(STEPS, 3.0)
    course[10:20], course[20:] = 8.0, 2.5
    spikes = [(1, 5), (1, 11), (1, 15), (1, 17), (1, 21)]  # a spike of step n is sent with the input of row n - 1
    net = network(
        bs.AllToAll(), np.full((N_PRE, N_POST), 0.3) if kind == "synaptic" else 0.3, spikes, max_delay=0.8 * u.ms
    )
    rows = course * DT if kind == "axonal" else np.tile(course[:, None, None] * DT, (1, N_PRE, N_POST))
    found = arrived(net, inputs={"S->T.delay": rows * u.ms}, chunk_steps=7)
    wanted = np.zeros(STEPS + 1)
    wanted[[8, 19, 23, 25]], wanted[[23, 24]] = 1.0, [1.5, 0.5]
    np.testing.assert_allclose(found, np.tile(wanted[:, None], (1, N_POST)), atol=1e-12)


def test_a_delay_assigned_between_runs_counts_from_then_on():
    net = network(bs.AllToAll(), 0.3, [(0, 2), (0, 6)], max_delay=1.0 * u.ms)
    arrived(net, 1)
    net.reset()
    compiled = engine.run_chunk._cache_size()
    first = arrived(net, 4)  # the first spike is under way
    net["S->T"].delay = 0.7 * u.ms
    assert net["S->T"].delay == 0.7 * u.ms and net["S->T"].max_delay == 1.0 * u.ms
    second = arrived(net, 14)
    assert engine.run_chunk._cache_size() == compiled
    assert not first.any()
    assert list(np.flatnonzero(second[:, 0])) == [5 - 4, 13 - 4]


def test_between_two_steps_an_arrival_is_divided():
    """In proportion to how near they are; a traced delay below a step is a step, beyond the longest nothing is known."""
    delay = np.array([[0.25, 0.11, 0.3, 0.1, 0.5]] + 3 * [[0.2] * 5])
    net = network(bs.AllToAll(), delay, [(0, 10)], max_delay=0.5 * u.ms)
    found = arrived(net, 20)[10:17]
    wanted = np.zeros((7, 5))
    wanted[[2, 3], 0], wanted[[1, 2], 1], wanted[3, 2], wanted[1, 3], wanted[5, 4] = 0.5, [0.9, 0.1], 1, 1, 1
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    f = bs.function(network(bs.AllToAll(), delay, [(0, 10)], max_delay=0.5 * u.ms), 2 * u.ms, record="T.syn.g")
    path = "S->T.delay"
    given = jnp.full((N_PRE, N_POST), 0.03).at[0, 0].set(3.0)
    with pytest.raises(ValueError, match="at most 0.5 ms, given 3.0 ms"):
        f({path: given}, {})
    out_of_range = jax.jit(lambda delay: f({path: delay}, {})[1]["T.syn.g"])(given)
    assert np.all(np.isnan(out_of_range[10:, 0])) and np.all(np.argmax(out_of_range[:, 1:], axis=0) == 10)


@pytest.mark.parametrize("kind", ["axonal", "synaptic"])
@pytest.mark.parametrize("at", [0.3, 0.34], ids=["whole", "between"])
def test_the_derivative_is_that_of_the_interpolated_model(kind, at):
    """At whole steps the derivative is that from the right."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [0.5, 0.9, 1.2] * u.ms, [0, 1, 0])
    net.T = bs.neurons.LIF(3)
    net.T.add_receptors(syn=bs.receptors.AMPA())
    delay = at if kind == "axonal" else np.array([[at, at, 0.2], [0.1, at, at]])
    net.connect(net.S, net.T, bs.AllToAll(), receptor="syn", weight=5 * u.nS, delay=delay * u.ms, max_delay=1 * u.ms)
    net["S->T"].trainable("delay")
    f = bs.function(net, 3 * u.ms, dt=DT * u.ms, record="T.V")
    path = "S->T.delay"
    here = f.parameters[path]
    along = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, here.shape))

    @jax.jit
    def mean(delay):
        V = f({path: delay}, {})[1]["T.V"]
        return jnp.mean(V * jnp.linspace(1, 2, V.shape[0])[:, None])

    gradient = jax.jit(jax.grad(mean))(here)
    h = 1e-5
    if at == 0.3:  # one-sided, of second order
        difference = (4 * mean(here + h * along) - 3 * mean(here) - mean(here + 2 * h * along)) / (2 * h)
    else:
        inside = np.abs(np.asarray(here) / DT - np.round(np.asarray(here) / DT)) > 0.01
        along = jnp.where(inside, along, 0.0)
        difference = (mean(here + h * along) - mean(here - h * along)) / (2 * h)
    assert difference != 0
    np.testing.assert_allclose(jnp.sum(gradient * along), difference, rtol=1e-5)


def test_a_batch_of_delays_is_a_loop():
    f = bs.function(
        network(bs.AllToAll(), 0.3, [(0, 2), (1, 6)], max_delay=1 * u.ms), 2 * u.ms, dt=DT * u.ms, record="T.syn.g"
    )
    run = jax.jit(lambda delay: f({"S->T.delay": delay}, {})[1]["T.syn.g"])
    delays = jnp.array([0.1, 0.25, 0.7])
    batch = jax.jit(jax.vmap(run))(delays)
    for delay, found in zip(delays, batch):
        np.testing.assert_allclose(found, run(delay), atol=1e-14)


def test_what_a_terminal_sends_is_delayed_as_it_was_sent():
    spikes = [(0, 3), (0, 5)]
    for delay, options in ((0.4, {}), (np.full((N_PRE, N_POST), 0.4), {"max_delay": 1 * u.ms})):
        release = bs.terminals.TsodyksMarkram(U=0.5, tau_rec=1e6 * u.ms)
        found = arrived(network(bs.AllToAll(), delay, spikes, terminal=release, **options), 12)[:, 0]
        np.testing.assert_allclose(found[[7, 9]], [0.5, 0.25], rtol=1e-5)
        assert np.count_nonzero(found) == 2


@pytest.mark.parametrize("kind", ["axonal", "synaptic"])
def test_a_graded_signal_is_that_of_the_present_delay_ago(kind):
    """On the straight line between samples; before the start the signal was what it is at the start."""
    net = bs.Network()
    net.A = bs.neurons.LIF(1, V=-70 * u.mV)
    net.B = bs.neurons.LIF(1, V_th=1e9 * u.mV)
    net.B.add_receptors(syn=bs.receptors.Graded())
    delay = 0.3 * u.ms if kind == "axonal" else [0.3] * u.ms
    net.connect(
        net.A,
        net.B,
        bs.OneToOne(),
        receptor="syn",
        signal="V",
        weight=1.0 * u.pA / u.mV,
        delay=delay,
        max_delay=2 * u.ms,
    )
    course = np.linspace(3.0, 18.7, 50)
    rows = course * DT if kind == "axonal" else course[:, None] * DT
    rec = bs.simulate(net, 5 * u.ms, dt=DT * u.ms, record=["A.V", "B.syn.g"], inputs={"A->B.delay": rows * u.ms})
    V, g = (np.asarray(u.get_mantissa(rec[name]))[:, 0] for name in ("A.V", "B.syn.g"))
    n = np.arange(1, 51)
    np.testing.assert_allclose(
        g, np.interp(n - course, np.arange(-30, 51), np.concatenate([np.full(31, -70.0), V])), rtol=1e-12
    )


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"S->T.max_delay: there is no delay that could change; give delay=... too"):
        net = bs.Network()
        net.S, net.T = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0]), bs.neurons.LIF(1)
        net.T.add_receptors(syn=bs.receptors.Delta())
        net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.mV, max_delay=1 * u.ms)
    for longest, message in ((0.2 * u.ms, "S->T.delay: expected delays above 0 and up to max_delay = 0.2 ms, given 0.3 to 0.3 ms"),
                             (-1 * u.ms, "S->T.max_delay: expected one positive time"),
                             ([1, 2] * u.ms, "S->T.max_delay: expected one positive time")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            network(bs.AllToAll(), 0.3, max_delay=longest)
    with pytest.raises(bs.UnitError, match="S->T.max_delay: expected ms"):
        network(bs.AllToAll(), 0.3, max_delay=1 * u.mV)
    fixed, changing = network(bs.AllToAll(), 0.3), network(bs.AllToAll(), 0.3, max_delay=1 * u.ms)
    with pytest.raises(ValueError, match="S->T.delay is fixed, given 0.2 ms; connect with max_delay"):
        fixed["S->T"].delay = 0.2 * u.ms
    assert fixed["S->T"].delay == 0.3 * u.ms and fixed["S->T"].max_delay is None
    with pytest.raises(ValueError, match="S->T.delay: values must be at most 1 ms, given 1.5 ms"):
        changing["S->T"].delay = 1.5 * u.ms
    with pytest.raises(ValueError, match="delays must be at least one step of 2.0 ms, given 1.0 ms"):
        bs.simulate(changing, 4 * u.ms, dt=2 * u.ms)
