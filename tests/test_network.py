"""Networks: names, building without accidents, the order of a step."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs


@pytest.fixture
def net():
    net = bs.Network(seed=3)
    net.E = bs.neurons.LIF(20, V=bs.Normal(-60 * u.mV, 1 * u.mV))
    net.I = bs.neurons.LIF(10)
    for population in (net.E, net.I):
        population.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    return net


def test_parts_are_found_by_path(net):
    projection = net.connect(net.E, net.I, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    assert net["E"] is net.E and net["E.syn"] is net.E.syn and net["E->I"] is projection
    assert list(net.populations) == ["E", "I"] and list(net.projections) == ["E->I"]
    with pytest.raises(bs.UnknownNameError, match=r"E has no 'sin'. Did you mean 'syn'\? Accepted: syn"):
        net["E.sin"]
    assert repr(net) == "Network(E: LIF(20), I: LIF(10); 1 projections, 200 synapses)"


def test_several_projections_between_the_same_populations(net):
    for _ in range(2):
        net.connect(net.E, [net.E, net.I], bs.FixedProbability(0.5), receptor="syn", weight=1 * u.pA)
    net.connect(net.E, [net.I, net.I], bs.FixedProbability(0.5), receptor="syn", weight=1 * u.pA, name="extra")
    assert list(net.projections) == sorted(["E->E", "E->I", "E->E#2", "E->I#2", "extra#1", "extra#2"])
    first, second = (net[name].indices_of_synapses()[1] for name in ("E->I", "E->I#2"))
    assert len(first) != len(second) or np.any(first != second)  # each draws its own


def test_wiring_depends_on_seed_and_name_only():
    def synapses(seed, extra):
        net = bs.Network(seed=seed)
        if extra:
            net.A = bs.neurons.LIF(5)
        net.E = bs.neurons.LIF(50, V=bs.Normal(-60 * u.mV, 1 * u.mV))
        net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
        if extra:
            net.connect(net.A, net.E, bs.FixedProbability(0.5), receptor="syn", weight=1 * u.pA)
        net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="syn", weight=1 * u.pA)
        return np.stack(net["E->E"].indices_of_synapses()), np.asarray(net.E.plain("V"))

    for mine, theirs in zip(synapses(3, False), synapses(3, True)):
        np.testing.assert_array_equal(mine, theirs)
    wirings = [synapses(seed, False)[0] for seed in (3, -3, 4)]
    assert len({w.tobytes() for w in wirings}) == 3


@pytest.mark.parametrize("seed", [1.5, True, "1", None])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(TypeError, match="Network: seed must be an integer"):
        bs.Network(seed=seed)


def test_names_of_populations(net):
    with pytest.raises(ValueError, match="the name 'E' is taken"):
        net.E = bs.neurons.LIF(3)
    with pytest.raises(ValueError, match="the name 'update' is taken"):
        net.update = bs.neurons.LIF(3)
    with pytest.raises(ValueError, match="'a b' is not a name for a population"):
        setattr(net, "a b", bs.neurons.LIF(3))
    with pytest.raises(ValueError, match="given as 'X' already stands in a network as 'E'"):
        bs.Network().X = net.E


def test_names_that_a_program_makes(net):
    for k in (2, 4):
        net[f"L{k}E"] = bs.neurons.LIF(k)
    assert net.L4E.count == 4 and net["L2E"] is net.L2E
    with pytest.raises(ValueError, match="the name 'E' is taken"):
        net["E"] = bs.neurons.LIF(3)
    with pytest.raises(ValueError, match=r"'E.syn' is a path. net.replace\('E.syn', part\)"):
        net["E.syn"] = bs.receptors.Delta()
    with pytest.raises(TypeError, match="a population has a name"):
        net[3] = bs.neurons.LIF(3)
    with pytest.raises(AttributeError, match="Only populations"):
        net["E->I"] = 3


def test_an_input_goes_with_a_variable_that_there_is():
    with pytest.raises(bs.UnknownNameError, match=r"Mine.inputs: 'I' goes with 'V', which derivative does not take"):

        class Mine(bs.neurons.Neuron):
            v = bs.State(0.0)

            def derivative(self, t, v, I):
                return -v / u.ms


STRANGER = bs.neurons.LIF(5)
WRONG = {
    "receptor": ({"receptor": "sin"}, bs.UnknownNameError, r"I has no receptor 'sin'. Did you mean 'syn'\?"),
    "receptors": ({"receptor": ["syn", 3]}, TypeError, r"receptor is the name of one, such as 'ampa', or several"),
    "receptors twice": ({"receptor": ["syn", "syn"]}, ValueError, "a receptor is named twice"),
    "unit": ({"weight": 1 * u.nS}, bs.UnitError, r"E->I\.weight: expected pA, given nS"),
    "unit of weights that are drawn": (
        {"weight": bs.Normal(1 * u.mV, 1 * u.mV)},
        bs.UnitError,
        r"E->I\.weight: .*expected .*pA",
    ),
    "unit of delays that are drawn": (
        {"delay": bs.Normal(1 * u.mV, 1 * u.mV)},
        bs.UnitError,
        r"E->I\.delay: .*expected .*ms",
    ),
    "shape": (
        {"weight": np.ones(3) * u.pA},
        ValueError,
        r"E->I\.weight: expected one value .*, given \(3,\)",
    ),
    "no weight": ({"weight": None}, ValueError, "AllToAll carries no weights; give weight="),
    "rule": (
        {"rule": 0.1},
        TypeError,
        r"is a connection rule such as FixedProbability\(0.02\), or paths.Layer\(module\), given 0.1",
    ),
    "delay unit": ({"delay": 1 * u.mV}, bs.UnitError, r"E->I\.delay: expected ms"),
    "delay sign": ({"delay": 0 * u.ms}, ValueError, "delays must be positive and finite"),
    "delay shape": (
        {"delay": np.ones(3) * u.ms},
        ValueError,
        r"E->I\.delay: expected one value .*, given \(3,\)",
    ),
    "no receptor": ({"receptor": None}, ValueError, "synapses without a receptor only learn; give plasticity"),
    "target": ({"post": 3}, TypeError, "expected a population or a view of one"),
    "stranger": ({"pre": STRANGER}, ValueError, "LIF is not a population of this network; assign it first"),
    "name": ({"name": "E"}, ValueError, "the name 'E' is taken"),
    "dot": ({"name": "a.b"}, ValueError, "contains one of"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("listed", [False, True])
def test_a_failed_connect_leaves_the_network_as_it_was(case, listed, net):
    change, error, message = WRONG[case]
    before = set(vars(net))
    given = {"pre": net.E, "post": net.I, "rule": bs.AllToAll(), "receptor": "syn", "weight": 1 * u.pA} | change
    pre, post, rule = (given.pop(name) for name in ("pre", "post", "rule"))
    if listed and case not in ("name", "dot", "unit", "shape", "delay unit", "delay shape"):
        post = [net.I, post]
    with pytest.raises(error, match=message):
        net.connect(pre, post, rule, **given)
    assert set(vars(net)) == before
    bs.simulate(net, 1 * u.ms)


def test_one_plasticity_serves_one_projection(net):
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=9 * u.pA)
    with pytest.raises(ValueError, match="one plasticity object serves one projection"):
        net.connect(net.E, [net.E, net.I], bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=rule)
    net.connect(net.E, net.I, bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=rule)
    with pytest.raises(ValueError, match="already belongs to E->I.plasticity"):
        net.connect(net.E, net.I, bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=rule)
    with pytest.raises(ValueError, match="changes in time here, by plasticity, and cannot be trained"):
        net["E->I"].trainable("weight")


def test_what_does_not_fit_into_memory_is_refused_before_it_is_built(net, monkeypatch):
    from brainsim.wiring import formats

    monkeypatch.setattr(formats, "available_bytes", lambda: 1000)
    with pytest.raises(
        bs.NotEnoughMemoryError, match=r"E->I: AllToAll\(\) from 20 to 10 neurons makes about 200 synapses"
    ):
        net.connect(net.E, net.I, bs.AllToAll(), receptor="syn", weight=np.ones(200) * u.pA)


def test_the_order_of_a_step_is_what_the_schedule_says(net, monkeypatch):
    net.connect(net.E, net.I, bs.AllToAll(), receptor="syn", weight=1 * u.pA, delay=1 * u.ms)
    called = []
    for kind, method in ((bs.receptors.Exponential, "advance"), (bs.neurons.LIF, "update"), (bs.Projection, "deliver")):

        def spy(self, *arguments, _original=getattr(kind, method)):  # noqa: B008
            result = _original(self, *arguments)
            called.append(self.path)  # when it has finished: a population after its receptors
            return result

        monkeypatch.setattr(kind, method, spy)
    bs.function(net, 0.1 * u.ms, checkpoint_every=1)({}, {})  # which goes step by step
    assert called[:5] == ["E.syn", "I.syn", "E", "I", "E->I"]
    lines = net.schedule().splitlines()
    assert len(lines) == 5 and "E.syn, I.syn" in lines[0] and lines[1].endswith("E, I") and lines[4].endswith("E->I")


@pytest.mark.parametrize("kind", ["rbg", "unsafe_rbg"])
def test_other_kinds_of_random_keys_are_refused(kind):
    with jax.default_prng_impl(kind), pytest.raises(ValueError, match="jax_default_prng_impl is '.*rbg'.*threefry2x32"):
        bs.Network()
