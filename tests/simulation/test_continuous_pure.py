"""Runs in steps of their own length as functions, sweeps and fits: the same as one run, and derivatives of the solution."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.integrators import Adaptive

FINE = Adaptive(rtol=1e-9, atol=1e-9, most_steps=256, most_spikes=4)
TIMES = np.array([2.25, 12.1, 20.6, 31.3])  # ms
TAU, DELAY, W, U, RECOVERY, FACILITATION = 4.0, 1.3, 20.0, 0.3, 100.0, 50.0


def driven(amplitude=14.0):
    """Two neurons behind a depressing and facilitating synapse, one of which is nearer to its threshold."""
    net = bs.Network()
    net.clock = bs.sources.SpikeTimes(1, TIMES * u.ms, np.zeros(4, int))
    lif = dict(tau=10 * u.ms, E_L=-65 * u.mV, V_th=-50 * u.mV, V_reset=-65 * u.mV, V=-65 * u.mV)
    net.E = bs.neurons.LIF(2, refractory=2 * u.ms, **lif)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=TAU * u.ms))
    net.E.add_stimuli(I=bs.stimuli.Constant([amplitude, amplitude + 0.5] * u.nA))
    terminal = bs.terminals.TsodyksMarkram(U=U, tau_rec=RECOVERY * u.ms, tau_facil=FACILITATION * u.ms)
    net.connect(
        net.clock,
        net.E,
        bs.AllToAll(),
        receptor="syn",
        weight=W * u.nA,
        delay=DELAY * u.ms,
        terminal=terminal,
        name="p",
    )
    return net


def released():
    """What spikes release, by the closed form, and u and x after the last, with when that was."""
    use, x, before, sizes = 0.0, 1.0, TIMES[0], []
    for t in TIMES:
        use, x = use * np.exp(-(t - before) / FACILITATION), 1 + (x - 1) * np.exp(-(t - before) / RECOVERY)
        use += U * (1 - use)
        sizes.append(use * x)
        x, before = x - use * x, t
    return np.array(sizes), use, x


@pytest.fixture(scope="module")
def whole():
    net = driven()
    rec = bs.simulate(net, 50 * u.ms, dt=1 * u.ms, record=["E.spikes", "E.V", "E.syn.g", "E.I"], adaptive=FINE)
    return rec, net


@pytest.fixture(scope="module")
def run():
    return bs.function(driven(), 50 * u.ms, dt=1 * u.ms, record=["E.spikes", "E.V", "E.I"], adaptive=FINE)


def test_a_terminal_releases_what_the_closed_form_says(whole):
    rec, net = whole
    t, (sizes, use, x) = rec.times.to_decimal(u.ms), released()
    since = t[:, None] - TIMES - DELAY
    g = np.sum(W * sizes * np.where(since >= 0, np.exp(-since / TAU), 0.0), axis=1)
    np.testing.assert_allclose(rec["E.syn.g"].to_decimal(u.nA), np.stack([g, g], 1), atol=1e-7)
    np.testing.assert_allclose(net.p.terminal.u, use * np.exp(-(50 - TIMES[-1]) / FACILITATION), atol=1e-12)
    np.testing.assert_allclose(net.p.terminal.x, 1 + (x - 1) * np.exp(-(50 - TIMES[-1]) / RECOVERY), atol=1e-12)


def test_a_function_gives_what_a_run_gives_in_pieces_too(whole, run):
    rec, _ = whole
    _, found = run({}, {})
    np.testing.assert_allclose(found["E.V"], rec["E.V"].to_decimal(u.mV), atol=1e-9)
    np.testing.assert_allclose(found["E.I"], rec["E.I"].to_decimal(u.pA), atol=1e-5)
    times = [rec.spikes["E"].of(k).to_decimal(u.ms) for k in range(2)]
    for k in range(2):
        np.testing.assert_allclose(found["E.spikes"][: len(times[k]), k], times[k], atol=1e-9)
        assert np.all(np.isinf(found["E.spikes"][len(times[k]) :, k]))
    part = bs.function(driven(), 12.5 * u.ms, dt=0.5 * u.ms, record="E.spikes", adaptive=FINE)
    state, spikes = part({}, {})  # a spike is under way at its end
    later = []
    for _ in range(3):
        state, more = jax.jit(part)({}, state)
        later.append(more["E.spikes"])
    both = np.sort(np.concatenate([spikes["E.spikes"], *later])[:, 1])
    np.testing.assert_allclose(both[: len(times[1])], times[1], atol=1e-6)
    assert int(state["steps"]) == 100


def test_derivatives_are_those_of_differences(run):
    def found(p):
        recorded = run({"p.terminal.U": p[0], "p.weight": 1e3 * p[1], "E.tau": p[2]}, {})[1]
        return jnp.stack([*recorded["E.spikes"][0], recorded["E.V"][25, 1], recorded["E.I"][15, 0] / 1e3])

    p, h = jnp.array([U, W, 10.0]), 1e-5
    slopes = jax.jit(jax.jacrev(found))(p)
    found = jax.jit(found)
    differences = jnp.stack([(found(p.at[k].add(h)) - found(p.at[k].add(-h))) / (2 * h) for k in range(3)], 1)
    np.testing.assert_allclose(slopes, differences, rtol=2e-5, atol=2e-5)
    assert np.abs(differences[:2]).min() > 1e-3


def test_too_little_room_gives_no_numbers():
    few = bs.function(driven(), 50 * u.ms, dt=1 * u.ms, record="E.V", adaptive=Adaptive(1e-9, 1e-9, most_steps=20))
    state, recorded = few({}, {})
    assert np.isnan(recorded["E.V"]).all() and np.isnan(state["E.V"]).all()


def test_a_sweep_is_its_runs(whole, tmp_path):
    values = {"E.I.amplitude": [14.0, 15.0] * u.nA, "E.V": [-65, -60] * u.mV}
    given = dict(duration=50 * u.ms, dt=1 * u.ms, record=["E.spikes", "E.V"])
    found = bs.sweep(driven(), values, adaptive=FINE, **given)
    net = driven()
    net.E.I.amplitude, net.E.V = 15.0 * u.nA, -60 * u.mV
    alone = bs.simulate(net, adaptive=FINE, **given)
    np.testing.assert_array_equal(found[1, 1]["E.V"].mantissa, alone["E.V"].mantissa)
    np.testing.assert_array_equal(found[1, 1].spikes["E"].steps, alone.spikes["E"].steps)
    assert np.abs((found[0, 0]["E.V"] - found[1, 1]["E.V"]).to_decimal(u.mV)).max() > 1
    out = tmp_path / "sweep"
    bs.sweep(driven(), values, adaptive=FINE, out=out, batch_size=3, **given)
    np.testing.assert_array_equal(type(found).open(out)[1, 1]["E.V"].mantissa, alone["E.V"].mantissa)
    with pytest.raises(ValueError, match="holds a sweep of other durations, dt or precision"):
        bs.sweep(driven(), values, adaptive=Adaptive(), out=out, batch_size=3, **given)


def test_courses_hold_from_sample_to_sample():
    """A membrane whose current changes every 2 ms, by its closed form, and spikes that are given within intervals."""
    net = bs.Network()
    net.given = bs.sources.SpikeInput(1, exact=True)
    net.sized = bs.sources.SpikeInput(1)
    net.E = bs.neurons.LIF(1, tau=10 * u.ms, E_L=0 * u.mV, V_th=100 * u.mV, V=0 * u.mV)
    net.E.add_stimuli(I=bs.stimuli.Constant(0 * u.nA, start=0.5 * u.ms))
    net.E.add_receptors(jump=bs.receptors.Delta())
    net.connect(net.given, net.E, bs.AllToAll(), receptor="jump", weight=3 * u.mV, delay=0.25 * u.ms)
    net.connect(net.sized, net.E, bs.AllToAll(), receptor="jump", weight=2 * u.mV, delay=0.75 * u.ms)
    current, given, sized = np.array([1.0, -2, 4, 0, 3, 5]), np.zeros((6, 1)), np.zeros((6, 1))
    given[1], sized[3] = 0.3, 0.5  # at 2.6 ms, and half a spike at 8 ms
    courses = {"E.I.amplitude": current * u.nA, "given.input": given, "sized.input": sized}
    rec = bs.simulate(net, 12 * u.ms, dt=2 * u.ms, record=["E.V", "given.spikes"], inputs=courses, adaptive=FINE)
    V, expected = 0.0, []
    for k, lasts in enumerate((1.5, 2, 2, 2, 2, 2)):
        V = current[k] + (V - current[k]) * np.exp(-lasts / 10)
        expected.append(V)
    t = 2.0 * np.arange(1, 7)
    for at, size in ((2.85, 3.0), (8.75, 1.0)):
        expected += np.where(t > at, size * np.exp(-(t - at) / 10), 0.0)
    np.testing.assert_allclose(rec["E.V"].to_decimal(u.mV)[:, 0], expected, atol=1e-8)
    np.testing.assert_allclose(rec.spikes["given"].times.to_decimal(u.ms), [2.6], atol=1e-12)
    with pytest.raises(ValueError, match="E.tau has no course between steps; parameters of stimuli"):
        bs.simulate(net, 2 * u.ms, dt=2 * u.ms, inputs={"E.tau": [10] * u.ms}, adaptive=FINE)
    with pytest.raises(ValueError, match="E.I.start has no course"):
        bs.simulate(net, 2 * u.ms, dt=2 * u.ms, inputs={"E.I.start": [1] * u.ms}, adaptive=FINE)


@pytest.mark.slow
def test_times_of_first_spikes_are_learned():
    """Exclusive or by which of two neurons fires first, of three spikes."""
    net = bs.Network()
    net.given = bs.sources.SpikeInput(3, exact=True)
    net.out = bs.neurons.LIF(2, tau=10 * u.ms, E_L=0 * u.mV, V_th=10 * u.mV, V_reset=0 * u.mV, refractory=50 * u.ms)
    net.out.V = 0 * u.mV
    net.out.add_receptors(syn=bs.receptors.Exponential(tau=4 * u.ms))
    weights = np.array([[28, 32], [44, 29], [30, 50.0]])
    net.connect(net.given, net.out, bs.AllToAll(), receptor="syn", weight=weights * u.nA, name="p")
    x = np.zeros((4, 20, 3))
    for k, (a, b) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        for j, t in enumerate((1.3, 2.2 + 4 * a, 2.7 + 4 * b)):
            x[k, int(t), j] = t - int(t)
    loss = lambda t, y: optax.softmax_cross_entropy_with_integer_labels(-t, y)  # noqa: E731
    given = dict(loss=loss, batch=4, optimizer=optax.adam(3000.0))
    given["adaptive"] = Adaptive(1e-6, 1e-6, most_steps=128, most_spikes=4)
    data = (x, np.array([0, 1, 1, 0]))
    history = bs.train.fit(net, data, 20 * u.ms, dt=1 * u.ms, read=("out.spikes", "first_time"), epochs=40, **given)
    assert history["loss"][-1] < 0.5 * history["loss"][0]


@pytest.mark.slow
def test_protocols_fit_between_samples():
    """A weight and a time constant from two courses of V, sampled every millisecond."""
    options = dict(dt=1 * u.ms, record=dict(v="E.V[0]"), adaptive=Adaptive(1e-6, 1e-6, most_steps=128))

    def protocols(net, low=(), high=()):
        P = bs.train.Protocol
        named = dict(low=P({"E.I.amplitude": 3 * u.nA}, low), high=P({"E.I.amplitude": 5 * u.nA}, high))
        return bs.train.Protocols(net, 40 * u.ms, **options, **named)

    truth = driven()
    truth.p.weight, truth.E.syn.tau = 26 * u.nA, 5 * u.ms
    seen, net = protocols(truth).responses(), driven()
    asked = protocols(net, *([bs.train.Voltage("v", seen[name]["v"])] for name in ("low", "high")))
    unknowns = bs.train.Unknowns(
        net,
        w=bs.train.Unknown("p.weight", between=(5 * u.nA, 60 * u.nA)),
        tau=bs.train.Unknown("E.syn.tau", between=(2 * u.ms, 8 * u.ms)),
    )
    residuals = lambda free: asked.residuals(unknowns.parameters(free))  # noqa: E731
    values = unknowns.values(bs.train.least_squares(residuals, unknowns.first, steps=12).values)
    np.testing.assert_allclose(values["w"].to_decimal(u.nA), 26, rtol=1e-4)
    np.testing.assert_allclose(values["tau"].to_decimal(u.ms), 5, rtol=1e-4)


def test_fits_that_go_step_by_step_are_refused():
    net = driven()
    given = dict(dt=1 * u.ms, loss=optax.squared_error, adaptive=FINE, into="E.I.amplitude", learn=["E.tau"])
    data = np.zeros((4, 10, 2)), np.zeros((4, 2))
    for options, match in (
        (dict(gradient="eventprop"), "gradient='eventprop' is made step by step"),
        (dict(gradient="e_prop"), "gradient='Eligibility' is made step by step"),
        (dict(truncate=10 * u.ms), "truncate cuts a run into windows of steps"),
        (dict(read=("E.spikes", "sequence")), "of which 'sequence' makes nothing; accepted: 'count', 'first_time'"),
    ):
        with pytest.raises(ValueError, match=match):
            bs.train.fit(net, data, 10 * u.ms, **{"read": ("E.spikes", "first_time")} | given | options)
