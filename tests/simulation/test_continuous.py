"""Networks in steps of their own length: against solutions in closed form, NEURON's CVODE, and what must not change."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, channels
from brainsim.integrators import Adaptive

FINE = Adaptive(rtol=1e-9, atol=1e-9)
TAU, LASTS, DISTANCE = 10.0, 2.0, 15.0  # ms, ms, mV from rest and reset to threshold
RING = np.array([1.23, 2.5, 3.711, 0.9, 4.04])  # ms


def lif(n, **values):
    net = bs.Network()
    given = dict(tau=TAU * u.ms, E_L=-65 * u.mV, V_th=-50 * u.mV, V_reset=-65 * u.mV, V=-65 * u.mV)
    net.E = bs.neurons.LIF(n, refractory=LASTS * u.ms, **given | values)
    return net


def driven(n=3, begin=1.3, end=61.7):
    net = lif(n)
    net.E.add_stimuli(I=bs.stimuli.Constant([16, 20, 30][:n] * u.nA, start=begin * u.ms, stop=end * u.ms))
    return net


def ring(receptor, weight, **stimuli):
    net = lif(len(RING))
    net.E.add_receptors(syn=receptor)
    net.E.add_stimuli(**stimuli)
    around = bs.FromArrays(np.arange(5), (np.arange(5) + 1) % 5)
    net.connect(net.E, net.E, around, receptor="syn", weight=weight, delay=RING * u.ms)
    return net


@pytest.fixture(scope="module")
def constant():
    net = driven()
    record = ["E.spikes", "E.V", bs.Record("E.V[1]", every=2 * u.ms, start=10 * u.ms, stop=20 * u.ms, initial=True)]
    return bs.simulate(net, 100 * u.ms, dt=1 * u.ms, record=record, adaptive=FINE), net


def test_neurons_fire_when_the_solution_says(constant):
    rec, _ = constant
    for k, current in enumerate((16.0, 20.0, 30.0)):  # nA through 1 MOhm
        rise = TAU * np.log(current / (current - DISTANCE))
        times = 1.3 + rise + np.arange(50) * (rise + LASTS)
        found = rec.spikes["E"].of(k).to_decimal(u.ms)
        np.testing.assert_allclose(found, times[times < 61.7], atol=5e-9)


def test_what_is_recorded_is_the_solution_at_its_times(constant):
    rec, _ = constant
    V, t = rec["E.V"].to_decimal(u.mV), rec.times_of("E.V").to_decimal(u.ms)
    assert V.shape == (100, 3) and t[0] == 1
    last = rec.spikes["E"].of(2).to_decimal(u.ms)
    first = last[0]  # before the first spike
    early = (t > 1.3) & (t < first)
    np.testing.assert_allclose(V[early, 2], -65 + 30 * (1 - np.exp(-(t[early] - 1.3) / TAU)), atol=1e-7)
    since = 61.7 - last[-1] - LASTS  # the pulse ends, V decays
    top = 30 * (1 - np.exp(-max(since, 0) / TAU))
    np.testing.assert_allclose(V[70:, 2], -65 + top * np.exp(-(t[70:] - max(61.7, last[-1] + LASTS)) / TAU), atol=1e-7)
    window = rec["E.V[1]"].to_decimal(u.mV)
    np.testing.assert_allclose(window, V[9:20:2, [1]], atol=0)
    np.testing.assert_allclose(rec.times_of("E.V[1]").to_decimal(u.ms), np.arange(10, 21, 2))


def test_currents_and_means_are_those_of_the_state_at_their_times():
    net = driven()
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=4 * u.ms, reversal=-70 * u.mV))
    net.clock = bs.sources.SpikeTimes(1, [2.25] * u.ms, [0])
    net.connect(net.clock, net.E, bs.AllToAll(), receptor="syn", weight=0.1 * u.uS, delay=0.5 * u.ms)
    record = ["E.V", "mean(E.V)", "E.syn.I", "E.I", "E.I.value", "E.syn.g"]
    rec = bs.simulate(net, 6 * u.ms, dt=0.25 * u.ms, record=record, adaptive=FINE)
    V, g, t = (rec[x].to_decimal(unit) for x, unit in (("E.V", u.mV), ("E.syn.g", u.uS), ("E.V", u.mV)))
    t = rec.times_of("E.V").to_decimal(u.ms)
    np.testing.assert_allclose(g[:, 0], 0.1 * np.exp(-(t - 2.75) / 4) * (t > 2.75), atol=1e-9)
    np.testing.assert_allclose(rec["mean(E.V)"].to_decimal(u.mV), V.mean(1), rtol=1e-12)
    np.testing.assert_allclose(rec["E.syn.I"].to_decimal(u.nA), g * (-70 - V), atol=1e-12)
    drive = np.where(t[:, None] >= 1.3, [[16.0, 20, 30]], 0.0)
    np.testing.assert_allclose(rec["E.I.value"].to_decimal(u.nA), drive, atol=1e-9)
    np.testing.assert_allclose(rec["E.I"].to_decimal(u.nA), drive + g * (-70 - V), atol=1e-9)


def test_a_ring_of_neurons_that_one_spike_moves_has_the_times_of_its_delays():
    net = ring(bs.receptors.Delta(), 20 * u.mV)
    net.clock = bs.sources.SpikeTimes(1, [0.337] * u.ms, [0])
    net.connect(net.clock, net.E[:1], bs.AllToAll(), receptor="syn", weight=20 * u.mV)  # at once
    rec = bs.simulate(net, 100 * u.ms, dt=1 * u.ms, record=["E.spikes", "clock.spikes"], adaptive=FINE)
    expected = 0.337 + np.concatenate([[0], np.cumsum(np.tile(RING, 9))])
    found = rec.spikes["E"]
    np.testing.assert_allclose(found.times.to_decimal(u.ms), expected[expected <= 100], atol=1e-9)
    np.testing.assert_array_equal(found.indices, np.arange(len(found)) % 5)
    np.testing.assert_allclose(rec.spikes["clock"].times.to_decimal(u.ms), [0.337], atol=1e-12)


@pytest.fixture(scope="module")
def loop():
    def build():
        sine = bs.stimuli.Sine(np.array([18, 19, 20, 21, 22]) * u.nA, 20 * u.Hz, offset=5 * u.nA, start=3.3 * u.ms)
        return ring(bs.receptors.Exponential(tau=2 * u.ms), 30 * u.nA, I=sine)

    def run(net, ms):
        return bs.simulate(net, ms * u.ms, dt=0.5 * u.ms, record=["E.spikes", "E.V"], adaptive=FINE)

    return build, run


def test_a_run_in_pieces_is_the_run_as_a_whole(loop):
    build, run = loop
    whole, net = run(build(), 60), build()
    parts = run(net, 20.5) + run(net, 19.5) + run(net, 20)
    a, b = whole.spikes["E"], parts.spikes["E"]
    assert len(a) >= 5
    np.testing.assert_allclose(a.times.to_decimal(u.ms), b.times.to_decimal(u.ms), atol=1e-7)
    np.testing.assert_allclose(whole["E.V"].to_decimal(u.mV), parts["E.V"].to_decimal(u.mV), atol=1e-5)


def test_what_is_under_way_is_saved_and_not_lost(loop, tmp_path):
    build, run = loop
    net = build()
    first = run(build(), 60).spikes["E"].times.to_decimal(u.ms)[0]
    until = np.floor(first / 0.5 + 1) * 0.5
    run(net, until)
    with pytest.raises(ValueError, match="left spikes under way, which arrive between steps, the last at"):
        bs.simulate(net, 1 * u.ms)
    bs.save(net, tmp_path / "net")
    other = build()
    bs.load(other, tmp_path / "net")
    copied = net.copy()
    a, b, c = (run(one, 20).spikes["E"].times.to_decimal(u.ms) for one in (net, other, copied))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
    net.reset()
    bs.simulate(net, 1 * u.ms)  # nothing is left after a reset


def test_spikes_under_way_in_steps_are_refused(loop):
    build, run = loop
    net = build()
    bs.simulate(net, 20 * u.ms, dt=0.5 * u.ms)
    if any(jnp.any(x) for p in net.projections.values() for x in p.under_way.values()):
        with pytest.raises(ValueError, match="adaptive: spikes are under way in E->E, in steps"):
            run(net, 1)


class Counting(bs.neurons.LIF):
    """Counts its spikes, and is slower after each."""

    n = bs.State(0.0, "spikes so far")

    def derivative(self, t, V, I):
        return (self.E_L - V + self.R * I) / (self.tau * (1 + self.n))

    def after_spike(self, y):
        return super().after_spike(y) | {"n": self.n + 1}


def test_states_that_only_spikes_change_are_seen_by_the_equations():
    net = bs.Network()
    net.E = Counting(1, tau=TAU * u.ms, E_L=0 * u.mV, V_th=15 * u.mV, V_reset=0 * u.mV, V=0 * u.mV)
    net.E.add_stimuli(I=bs.stimuli.Constant(20 * u.nA))
    rec = bs.simulate(net, 100 * u.ms, dt=1 * u.ms, record="E.spikes", adaptive=FINE)
    found = rec.spikes["E"].times.to_decimal(u.ms)
    np.testing.assert_allclose(found, TAU * np.log(4) * np.array([1.0, 3.0, 6.0]), atol=1e-8)
    assert net.E.n[0] == 3


def test_fields_and_clamps_have_their_course_between_steps():
    """A passive cylinder, held at its soma through a resistance, in a field that rises."""
    net = bs.Network()
    shape = cells.discretise(cells.Morphology([SOMA]), [3])
    net.c = cells.MultiCompartment(
        1, shape, g_L=0.1 * u.mS / u.cm2, E_L=-70 * u.mV, V=-70 * u.mV, R_a=1e4 * u.ohm * u.cm
    )
    ramp = bs.stimuli.Ramp(0 * u.volt / u.meter, 50 * u.volt / u.meter, start=1 * u.ms, stop=3 * u.ms)
    net.c.add_stimuli(field=cells.ExtracellularField(ramp, direction=[1, 0, 0]))
    steps = bs.stimuli.Step([-70, -40] * u.mV, times=[0, 1.5] * u.ms)
    net.c.add_stimuli(clamp=bs.stimuli.VoltageClamp(steps, R_s=50 * u.Mohm))
    own = net.copy()
    rec = bs.simulate(net, 3 * u.ms, dt=0.5 * u.ms, record="c.V", adaptive=FINE)
    fixed = [
        bs.simulate(own.copy(), 3 * u.ms, dt=dt * u.ms, record="c.V", sample_every=0.5 * u.ms)["c.V"].to_decimal(u.mV)
        for dt in (0.002, 0.001)
    ]
    limit = 2 * fixed[1] - fixed[0]  # of order 1
    np.testing.assert_allclose(rec["c.V"].to_decimal(u.mV), limit, atol=2e-4)
    assert np.abs(fixed[1] - limit).max() > 1e-3


# -- against NEURON ----------------------------------------------------------------------------------------------------

SOMA = cells.Branch(np.array([[0, 0, 0], [20, 0, 0.0]]), np.array([10.0, 10]), "soma")
AXON = cells.Branch(np.array([[20, 0, 0], [1020, 0, 0.0]]), np.array([1.0, 1]), "axon", 0)
DENDRITE = cells.Branch(np.array([[20, 0, 0], [70, 0, 0.0]]), np.array([0.5, 0.5]), "dend", 0)
SQUID = dict(R_a=100 * u.ohm * u.cm, g_L=0.3 * u.mS / u.cm2, E_L=-54.3 * u.mV, V=-65 * u.mV, V_th=0 * u.mV)
# NEURON 9.0.2, CVODE at atol = rtol = 1e-9 (the cable), 1e-10 (the pair), with condition_order(2): hh in all of 1 + 21
# segments, 1 nA from 1 ms on; two somata, 0.1 nA from 1 to 3 ms into the first, Exp2Syn(0.5, 3 ms) of 10 nS both ways, 3.3
# and 5.7 ms later
CABLE = [1.7827123579118878, 3.6538256747127864]
PAIR = [[3.18617332, 14.57562957, 26.19118502], [7.59092142, 19.18716034]]


def squid(count, *branches, n):
    net = bs.Network()
    gates = dict(na=channels.Na_HH1952(), k=channels.K_HH1952())
    net.c = cells.MultiCompartment(
        count, cells.discretise(cells.Morphology(list(branches)), n), channels=gates, **SQUID
    )
    return net


@pytest.fixture(scope="module")
def cable():
    net = squid(1, SOMA, AXON, n=[1, 21])
    net.c.add_detectors(end=cells.Detector().on(cells.at("axon", 1.0)))
    net.c.add_stimuli(I=bs.stimuli.Constant(1 * u.nA, start=1 * u.ms))

    def run(tolerance):
        net.reset()
        adaptive = Adaptive(rtol=tolerance, atol=tolerance)
        rec = bs.simulate(net, 5 * u.ms, dt=0.1 * u.ms, record=["c.spikes", "c.end.spikes"], adaptive=adaptive)
        return np.array([*rec.spikes["c"].times.to_decimal(u.ms), *rec.spikes["c.end"].times.to_decimal(u.ms)])

    return run


def test_spikes_of_a_cable_are_those_of_cvode(cable):
    np.testing.assert_allclose(cable(1e-8), CABLE, atol=5e-6)  # measured: 2.4e-6


def test_the_error_goes_down_with_the_tolerance(cable):
    best = cable(1e-11)
    errors = [np.abs(cable(tolerance) - best).max() for tolerance in (1e-4, 1e-6, 1e-8)]
    assert errors[0] < 2e-4 and errors[1] < errors[0] / 5 and errors[2] < errors[1] / 5
    assert errors[2] < 1e-7


def pair(*further, n=()):
    net = squid(2, SOMA, *further, n=[1, *n])
    exc = bs.receptors.DualExponential(tau_rise=0.5 * u.ms, tau_decay=3 * u.ms, reversal=0 * u.mV)
    net.c.add_receptors(exc=exc)
    net.c[:1].add_stimuli(I=bs.stimuli.Constant(100 * u.pA, start=1 * u.ms, stop=3 * u.ms))
    both = bs.FromArrays([0, 1], [1, 0])
    net.connect(net.c, net.c, both, receptor="exc", weight=10 * u.nS, delay=[3.3, 5.7] * u.ms, max_delay=10 * u.ms)
    return net


def test_two_cells_coupled_by_delayed_synapses_fire_as_in_neuron():
    rec = bs.simulate(pair(), 27 * u.ms, dt=0.1 * u.ms, record="c.spikes", adaptive=FINE)
    for k, times in enumerate(PAIR):
        np.testing.assert_allclose(rec.spikes["c"].of(k).to_decimal(u.ms), times, atol=1e-5)  # measured: 2.5e-6


# -- derivatives -------------------------------------------------------------------------------------------------------


def test_derivatives_of_spike_times_and_of_V_are_those_of_the_solution():
    net, adaptive = lif(1), Adaptive(rtol=1e-9, atol=1e-9, most_steps=256, most_spikes=8)
    net.E.add_stimuli(I=bs.stimuli.Constant(20 * u.nA, start=1 * u.ms, stop=60 * u.ms))

    def third(tau, lasts, start):
        own = net.copy()
        own.E.tau, own.E.refractory, own.E.I.start = tau * u.ms, lasts * u.ms, start * u.ms
        rec = bs.simulate(own, 80 * u.ms, dt=1 * u.ms, record=["E.spikes", "E.V"], adaptive=adaptive)
        return rec["E.spikes"].to_decimal(u.ms)[2, 0], rec["E.V"].to_decimal(u.mV)[67, 0]

    (spike, V), pull = jax.vjp(third, TAU, LASTS, 1.0)
    rise = np.log(20 / (20 - DISTANCE))
    np.testing.assert_allclose(spike, 1 + 3 * TAU * rise + 2 * LASTS, atol=1e-8)
    np.testing.assert_allclose(pull((1.0, 0.0)), [3 * rise, 2, 1], atol=1e-7)
    # Three periods, then V rises to 60 ms and decays to 68 ms
    begins = 1 + 3 * (TAU * rise + LASTS)
    assert begins < 60 < begins + TAU * rise
    a, b = np.exp(-(60 - begins) / TAU), np.exp(-8 / TAU)
    np.testing.assert_allclose(V, -65 + 20 * (1 - a) * b, atol=1e-7)
    by_begin = -20 * a * b / TAU
    by_tau = 20 * (-a * (60 - begins) / TAU**2 * b + (1 - a) * b * 8 / TAU**2)
    np.testing.assert_allclose(pull((0.0, 1.0)), [by_tau + by_begin * 3 * rise, 3 * by_begin, by_begin], atol=1e-6)


@pytest.mark.slow
def test_derivatives_through_cells_and_synapses_are_those_of_differences():
    net, adaptive = pair(DENDRITE, n=[3]), Adaptive(rtol=1e-8, atol=1e-8, most_steps=2048, most_spikes=4)

    @jax.jit
    def found(p):
        own = net.copy()
        own.c.na.g_max, own["c->c"].weight = p[0] * u.mS / u.cm2, p[1] * u.nS
        own["c->c"].delay, own.c.I.stop = jnp.stack([p[2], 5.7]) * u.ms, p[3] * u.ms
        rec = bs.simulate(own, 20 * u.ms, dt=1 * u.ms, record=["c.spikes", "c.V"], adaptive=adaptive)
        return jnp.stack([*rec["c.spikes"].to_decimal(u.ms)[1], rec["c.V"].to_decimal(u.mV)[16, 0]])

    p, steps = jnp.array([120.0, 10.0, 3.3, 3.0]), np.array([1e-2, 1e-3, 1e-3, 1e-3])
    backwards = np.asarray(jax.jit(jax.jacrev(found))(p))
    pairs = [(found(p.at[k].add(h)), found(p.at[k].add(-h))) for k, h in enumerate(steps)]
    differences = np.stack([(np.asarray(a) - np.asarray(b)) / (2 * h) for (a, b), h in zip(pairs, steps)], 1)
    np.testing.assert_allclose(backwards, differences, rtol=1e-4, atol=1e-4)


# -- what cannot be ----------------------------------------------------------------------------------------------------


def refused(net, match, **options):
    with pytest.raises(ValueError, match=match):
        bs.simulate(net, 5 * u.ms, **{"adaptive": FINE} | options)


def noisy(net):
    net.E.add_stimuli(noise=bs.stimuli.WhiteNoise(1 * u.nA * u.ms**0.5))


def by_chance(net):
    net.P = bs.sources.PoissonGroup(3, 10 * u.Hz)


def learning(net):
    net.E.add_receptors(syn=bs.receptors.Exponential())
    net.connect(
        net.E,
        net.E,
        bs.AllToAll(),
        receptor="syn",
        weight=1 * u.nA,
        plasticity=bs.plasticity.Hebb(eta=0.1 * u.pA / u.second),
    )


def releasing(net):
    net.E.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nA, terminal=bs.terminals.QuantalRelease())


def synapses(net):
    net.E.add_receptors(syn=bs.receptors.Exponential())
    made = bs.synapses.TsodyksMarkram()
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nA, synapse=made, delay=1 * u.ms)


def graded(net):
    net.E.add_receptors(gap=bs.receptors.GapJunction())
    net.connect(net.E, net.E, bs.AllToAll(), receptor="gap", weight=1 * u.uS, delay=1 * u.ms)


def pulsed(net):
    net.E.add_receptors(syn=bs.receptors.Graded())
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nA, terminal=bs.terminals.Kinetic())


def slow(net):
    net.S = bs.neurons.LIF(1, dt=2 * u.ms)


@pytest.mark.parametrize(
    "add, match",
    [
        (noisy, "adaptive: E.noise: WhiteNoise draws random numbers in each step"),
        (by_chance, "adaptive: P: a PoissonGroup fires in steps"),
        (learning, "adaptive: E->E: its plasticity acts in steps"),
        (releasing, "adaptive: E->E: its terminal, QuantalRelease, advances in steps"),
        (synapses, "adaptive: E->E: its synapses, TsodyksMarkram, have dynamics that advance in steps"),
        (graded, "adaptive: E->E: what it sends at every moment comes through a delay"),
        (pulsed, "adaptive: E->E: its terminal, Kinetic, advances in steps"),
        (slow, "adaptive: S: it has a dt of its own"),
    ],
)
def test_what_acts_step_by_step_is_refused_by_name(add, match):
    net = lif(3)
    add(net)
    refused(net, match)


def test_options_that_count_steps_are_refused():
    net = lif(1)
    refused(net, "until=.* is for runs in steps", until=lambda net: net.E.spikes.any())
    refused(net, "inputs: E.E_L has no course between steps", inputs={"E.E_L": -65 * jnp.ones(50) * u.mV})
    refused(net, "'E.refractory_steps' is no variable of the equations", record="E.refractory_steps")
    for options, match in (
        (dict(rtol=0), "rtol must be a number between 0 and 1, given 0"),
        (dict(atol=-1.0), "atol must be a positive number"),
        (dict(most_steps=0), "most_steps must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=match):
            Adaptive(**options)
    with pytest.raises(TypeError, match="expected brainsim.integrators.Adaptive"):
        bs.simulate(net, 5 * u.ms, adaptive=1e-6)
    with pytest.raises(bs.UnknownNameError, match="atol: nothing is integrated as 'E.W'.* Accepted: E.V"):
        bs.simulate(net, 5 * u.ms, adaptive=Adaptive(atol={"E.W": 1 * u.mV}))
    with jax.enable_x64(False):
        refused(lif(1), "needs float64")


def test_what_goes_to_infinity_is_said():
    net = lif(1, V_reset=-40 * u.mV)
    net.E.refractory = 1.0 * u.ms
    net.Q = bs.neurons.LIF(1, V_th=-50 * u.mV, V_reset=-40 * u.mV, E_L=-65 * u.mV, V=-45 * u.mV)
    with pytest.raises(bs.NonFiniteError, match="above its threshold after its reset"):
        bs.simulate(net, 5 * u.ms, record="E.V", adaptive=FINE)
