"""Synapses that each have a delay and learn: they see the traces of their neurons as they were, and nothing is kept for each."""

import inspect

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split
from brainsim.delays import Followed, Noted
from brainsim.plasticity import CalciumPlasticity, Plasticity, Trace
from brainsim.testing.plasticity import example

MS, PA = u.ms, u.pA
RULES = {
    "pairs": lambda: bs.plasticity.PairSTDP(A_plus=0.5 * PA, A_minus=0.6 * PA, w_max=10 * PA),
    "nearest": lambda: bs.plasticity.PairSTDP(A_plus=0.5 * PA, A_minus=0.6 * PA, w_max=10 * PA, pairing="nearest"),
    "power law": lambda: bs.plasticity.PairSTDP(
        A_plus=0.5 * PA, A_minus=0.6 * PA, mu_plus=0.4, mu_minus=1.0, w_max=10 * PA
    ),
    "post_delay": lambda: bs.plasticity.PairSTDP(A_plus=0.5 * PA, A_minus=0.6 * PA, w_max=10 * PA, post_delay=0.4 * MS),
    "triplets": lambda: bs.plasticity.TripletSTDP(
        A2_plus=0.5 * PA, A2_minus=0.6 * PA, A3_plus=0.5 * PA, A3_minus=0.6 * PA, w_max=10 * PA
    ),
    "inhibitory": lambda: bs.plasticity.InhibitorySTDP(eta=0.5 * PA, target_rate=50 * u.Hz, w_max=10 * PA),
    "BCM": lambda: bs.plasticity.BCM(eta=0.01 * PA / u.second, tau_theta=20 * MS, w_min=0 * PA, w_max=10 * PA),
    "calcium": lambda: CalciumPlasticity(w_min=0 * PA, w_max=10 * PA, tau=9 * u.second, C_pre=1.0),
    "both sides": lambda: BothSides(w_min=0 * PA, w_max=10 * PA),
    "combined": lambda: bs.plasticity.Combined(stdp=RULES["pairs"](), scaling=RULES["inhibitory"]()),
}


class BothSides(Plasticity):
    """Looks at the spikes of single synapses, at their weights and at neurons of now."""

    tau = bs.Parameter(20 * MS, "memory", positive=True)
    A = bs.Parameter(0.1, "factor of each source", shape="n_pre")
    x = Trace("tau", "presynaptic trace", side="pre")

    def update(self, s):
        s.on_either(pre=-0.01 * s.w, post=0.02 * s.w * s.x)
        s.on_pre(0.01 * s.A * s.w_max)
        s.on_post(0.1 * s.A * s.x * s.w_max)
        s.every_step(1e-3 * s.pre.spikes * s.w)


def network(rule, wiring=None, delay=None, n=20, seed=3, **options):
    net = bs.Network(seed=seed)
    net.S = bs.sources.PoissonGroup(n, rate=200 * u.Hz)
    net.D = bs.sources.PoissonGroup(12, rate=200 * u.Hz)
    net.T = bs.neurons.LIF(12, refractory=1 * MS)
    net.T.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential())
    net.connect(net.D, net.T, bs.OneToOne(), receptor="kick", weight=100 * u.mV)
    wiring = bs.FixedProbability(0.5) if wiring is None else wiring
    delay = bs.Uniform(0.1 * MS, 3.2 * MS) if delay is None else delay
    net.connect(net.S, net.T, wiring, receptor="syn", weight=5 * PA, delay=delay, plasticity=rule, **options)
    return net


def run(net, duration=30 * MS, **options):
    return bs.simulate(net, duration, dt=0.1 * MS, progress=False, **{"record": ["T.syn.g", "T.spikes"]} | options)


def plain(x):
    return np.asarray(u.get_mantissa(x))


def followed(rule, monkeypatch, **options):
    """The same with all that is presynaptic kept for each synapse."""
    monkeypatch.setattr(Plasticity, "looks_back", property(lambda self: False))
    net = network(rule, **options)
    monkeypatch.undo()
    assert type(net["S->T"].axon) is Followed
    return net


WIRINGS = {"drawn": bs.FixedProbability(0.5), "fan out": bs.FixedOutDegree(5), "all": bs.AllToAll()}


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
@pytest.mark.parametrize("name", RULES)
def test_weights_are_those_of_traces_for_each_synapse(name, wiring, monkeypatch, implementation):
    net = network(RULES[name](), wiring)
    assert type(net["S->T"].axon) is Noted
    other = followed(RULES[name](), monkeypatch, wiring=wiring)
    found, expected = run(net), run(other)
    weight = plain(net["S->T"].weight)
    np.testing.assert_allclose(weight, plain(other["S->T"].weight), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(plain(found["T.syn.g"]), plain(expected["T.syn.g"]), rtol=1e-10, atol=1e-12)
    assert np.ptp(weight) > 0.01 and np.all(np.isfinite(weight))


EXPORTED = {
    "Combined": lambda net: bs.plasticity.Combined(stdp=example(bs.plasticity.PairSTDP)),
    "HomeostaticScaling": lambda net: example(bs.plasticity.HomeostaticScaling, target_rate=20 * u.Hz),
    "RewardModulated": lambda net: bs.plasticity.RewardModulated(
        example(bs.plasticity.PairSTDP), net.M, gain=20 * u.Hz, tau_mean=300 * MS, w_min=0 * PA, w_max=1 * PA
    ),
} | {
    name: lambda net, rule=rule: example(rule)
    for name in bs.plasticity.__all__
    if inspect.isclass(rule := getattr(bs.plasticity, name))
    and issubclass(rule, Plasticity)
    and rule not in (Plasticity, bs.plasticity.RateRule)
    and name not in ("Combined", "HomeostaticScaling", "RewardModulated")
}


@pytest.mark.parametrize("name", EXPORTED)
def test_every_rule_is_that_of_traces_for_each_synapse(name, monkeypatch):
    found = []
    for looks_back in (True, False):
        net = network(None)
        net.M = bs.modulators.Dopamine(tau=20 * MS, source=net.D)
        if not looks_back:
            monkeypatch.setattr(Plasticity, "looks_back", property(lambda self: False))
        rule, delay = EXPORTED[name](net), bs.Uniform(0.1 * MS, 3.2 * MS)
        net.connect(net.S, net.T, bs.FixedProbability(0.5), receptor="syn", weight=0.5 * PA, delay=delay,
                    plasticity=rule, name="learns")  # fmt: skip
        monkeypatch.undo()
        assert type(net["learns"].axon) is (Noted if looks_back else Followed)
        run(net)
        found.append(plain(net["learns"].weight))
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)
    assert np.any(found[0] != 0.5)


@pytest.fixture(params=["kernel", "plain"])
def implementation(request):
    if request.param == "kernel" and not all(bs.events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    with bs.events.served_by(request.param):
        yield


class OfSignals(Plasticity):
    tau = bs.Parameter(20 * MS, "memory", positive=True)
    z = Trace("tau", "presynaptic signal", side="pre", of=lambda s: s.pre.spikes)

    def update(self, s):
        s.on_post(0.1 * s.z * s.w)


class OfStates(OfSignals):
    z = bs.State(0.0, "presynaptic state", shape="n_pre")


@pytest.mark.parametrize(
    "rule",
    [
        OfSignals,
        OfStates,
        lambda: bs.plasticity.PairSTDP(A_plus=1 * PA, A_minus=1 * PA, w_max=9 * PA, pairing="nearest_restricted"),
        lambda: bs.plasticity.PairSTDP(A_plus=1 * PA, A_minus=1 * PA, w_max=9 * PA, pre_delay=1 * MS),
        lambda: bs.plasticity.Combined(
            a=RULES["pairs"](), b=bs.plasticity.PairSTDP(A_plus=1 * PA, A_minus=1 * PA, w_max=9 * PA, pre_delay=1 * MS)
        ),
    ],
    ids=["signals", "states", "cleared", "pre_delay", "inside"],
)
def test_rules_that_keep_more_of_the_presynaptic_side_keep_it_for_each_synapse(rule):
    net = network(rule())
    assert type(net["S->T"].axon) is Followed
    run(net, 2 * MS)


def test_a_modulated_time_constant_is_that_of_the_synapses():
    net = bs.Network(seed=3)
    net.S, net.T = bs.sources.PoissonGroup(5, rate=200 * u.Hz), bs.neurons.LIF(4)
    net.T.add_receptors(syn=bs.receptors.Exponential())
    net.M = bs.modulators.Schedule(lambda t: 1.0 + t / (10 * MS))
    rule = RULES["pairs"]().modulated(tau_plus=net.M)
    net.connect(net.S, net.T, bs.AllToAll(), receptor="syn", weight=5 * PA, delay=bs.Uniform(0.1 * MS, 3 * MS),
                plasticity=rule)  # fmt: skip
    assert type(net["S->T"].axon) is Followed


@pytest.mark.parametrize("n, fan_out, kind", [(5000, 1, Followed), (5000, 8, Noted), (4000, 1, Noted)])
def test_many_neurons_with_few_synapses_keep_less_for_each_of_these(n, fan_out, kind):
    assert type(network(RULES["pairs"](), bs.FixedOutDegree(fan_out), n=n)["S->T"].axon) is kind


def test_chunks_files_and_pauses_change_nothing(tmp_path):
    whole, parts = network(RULES["triplets"]()), network(RULES["triplets"]())
    run(whole, 30 * MS)
    run(parts, 11 * MS, chunk_steps=7)
    bs.save(parts, tmp_path / "state")
    again = network(RULES["triplets"]())
    bs.load(again, tmp_path / "state")
    for net in (parts, again):
        run(net, 19 * MS, chunk_steps=64)
        np.testing.assert_array_equal(plain(net["S->T"].weight), plain(whole["S->T"].weight))
        np.testing.assert_array_equal(plain(net["S->T"].plasticity.r1), plain(whole["S->T"].plasticity.r1))
    whole.reset()
    again.reset()
    run(whole, 30 * MS)
    run(again, 30 * MS)
    np.testing.assert_array_equal(plain(again["S->T"].weight), plain(whole["S->T"].weight))


def test_a_sweep_is_a_loop():
    values = np.array([0.2, 0.5, 0.9]) * PA
    net = network(RULES["triplets"]())
    paths = {"S->T.plasticity.A2_plus": values, "S->T.plasticity.r1": np.array([0.0, 0.3, 0.7])}
    found = bs.sweep(net, paths, 20 * MS, dt=0.1 * MS, record=["T.syn.g"], progress=False)
    for i, k in np.ndindex(3, 3):
        one = network(RULES["triplets"]())
        one["S->T"].plasticity.A2_plus = values[i]
        one["S->T"].plasticity.r1 = paths["S->T.plasticity.r1"][k]
        expected = plain(run(one, 20 * MS)["T.syn.g"])
        np.testing.assert_allclose(plain(found[i, k]["T.syn.g"]), expected, rtol=1e-10, atol=1e-12)


def test_derivatives_go_through_the_past_of_traces():
    """Of the weights by the time constant of the trace, against a difference."""
    net = network(RULES["triplets"]())
    f = bs.function(net, 20 * MS, dt=0.1 * MS, record=["T.syn.g"])

    @jax.jit
    def total(tau):
        return f({"S->T.plasticity.tau_plus": tau}, {})[1]["T.syn.g"].sum()

    tau, h = 15.0, 1e-4
    slope = (total(tau + h) - total(tau - h)) / (2 * h)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(jax.grad(total)(tau), slope, rtol=1e-5)


def test_traces_go_on_in_steps_of_another_length():
    """No spike is under way; what traces were at the beginnings of the new steps is what they were in the old ones."""
    times = np.array([2.0, 2.6, 3.1, 4.0])

    def built():
        net = bs.Network()
        net.S = bs.sources.SpikeTimes(4, times * MS, np.arange(4))
        net.K = bs.sources.SpikeTimes(3, np.array([8.3, 8.6, 8.9]) * MS, np.arange(3))
        net.T = bs.neurons.LIF(3)
        net.T.add_receptors(kick=bs.receptors.Delta(), syn=bs.receptors.Exponential())
        net.connect(net.K, net.T, bs.OneToOne(), receptor="kick", weight=1000 * u.mV)
        delay = np.linspace(0.4, 2.6, 12).reshape(4, 3).round(1) * MS
        net.connect(
            net.S, net.T, bs.AllToAll(), receptor="syn", weight=5 * PA, delay=delay, plasticity=RULES["pairs"]()
        )
        return net

    whole, parts = built(), built()
    bs.simulate(whole, 12 * MS, dt=0.1 * MS, progress=False)
    bs.simulate(parts, 8 * MS, dt=0.1 * MS, progress=False)
    bs.simulate(parts, 4 * MS, dt=0.05 * MS, progress=False)
    change = plain(whole["S->T"].weight) - 5
    assert np.all(change > 0.1)
    # the post spike is fired one step after the kick, which is another time in other steps
    np.testing.assert_allclose(plain(parts["S->T"].weight) - 5, change * np.exp(0.05 / 20), rtol=2e-4)


@pytest.mark.parametrize("n, delay", [(1, 0.15), (1, 3.0), (20, 0.14), (20, 40.0)])
def test_one_neuron_and_one_step(n, delay, monkeypatch):
    """And delays of more steps than a byte holds."""
    delays = bs.Uniform(0.1 * MS, delay * MS)
    for wiring in (bs.AllToAll(), bs.FixedProbability(0.0)):
        net, other = (
            network(RULES["pairs"](), wiring, delays, n),
            followed(RULES["pairs"](), monkeypatch, wiring=wiring, delay=delays, n=n),
        )
        run(net, 80 * MS), run(other, 80 * MS)
        np.testing.assert_allclose(plain(net["S->T"].weight), plain(other["S->T"].weight), rtol=1e-10)


def test_what_arrives_is_kept_where_asked(monkeypatch):
    net, other = network(RULES["pairs"]()), followed(RULES["pairs"](), monkeypatch)
    found = []
    for each in (net, other):
        each["S->T"].keep_arrived()
        found.append(plain(run(each, record=["S->T.arrived"])["S->T.arrived"]))
    assert found[0].sum() > 50
    np.testing.assert_array_equal(*found)


def test_nothing_is_kept_for_each_synapse():
    net = network(RULES["triplets"]())
    run(net, 1 * MS)
    rule, n = net["S->T"].plasticity, net["S->T"].n_synapses
    assert rule.r1.shape == (20,) and rule.states_of_synapses == []
    changing = {path for path, x in split(net)[3].items() if path.startswith("S->T") and n in np.shape(x)}
    assert changing == {"S->T.weight"}


def test_seeds_of_a_wiring_are_runs_of_their_own():
    net = network(RULES["triplets"]())
    found = bs.sweep(net, {}, 20 * MS, seeds=[3, 4], vary="wiring", dt=0.1 * MS, record=["T.syn.g"], progress=False)
    for k, seed in enumerate([3, 4]):
        one = network(RULES["triplets"](), seed=seed)
        expected = plain(run(one, 20 * MS)["T.syn.g"])
        np.testing.assert_allclose(plain(found[k]["T.syn.g"]), expected, rtol=1e-10, atol=1e-12)
