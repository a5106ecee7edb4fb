"""Networks as plain data: what is built of it is equal to the last bit, for every class and rule; what is no data is named."""

import json

import brainunit as u
import numpy as np
import pytest
from flax import nnx

import brainsim as bs
from brainsim._core import split
from tests.connectivity.test_rule import EQUAL_SIZES, FACTORIES, RULES, _far, _near
from tests.every import networks


def fading(t):
    return u.math.exp(-t / (10 * u.ms))


class Own(bs.neurons.LIF):
    """A cell of one's own."""


def arrays(net):
    return {path: np.asarray(array) for group in split(net)[1:] for path, array in group.items()}


def again(net, own=()):
    """The network of a description that went through JSON, which has been found equal."""
    text = json.dumps(net.describe(), allow_nan=False)
    built = bs.Network.from_description(json.loads(text), own=own)
    start = net.copy()
    start.reset()
    if start._aside.step_ms is not None:
        start.prepare(start._aside.step_ms)
        built.prepare(start._aside.step_ms)
    before, after = arrays(start), arrays(built)
    assert before.keys() == after.keys()
    for path, array in before.items():
        assert array.dtype == after[path].dtype and array.tobytes() == after[path].tobytes(), path
    return built


SLOW = ("neurons", "synapses", "shaped")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in networks.NETWORKS]
)
def test_every_class_comes_back(name, monkeypatch):
    schedule = bs.modulators.Schedule
    monkeypatch.setattr(bs.modulators, "Schedule", lambda _: schedule(fading))
    with monkeypatch.context() as patched:
        patched.setattr(networks, "exported", lambda room, found=networks.exported: _with(found(room), schedule))
        net = networks.NETWORKS[name](3)
    description = net.describe()  # which builds it again of what JSON makes of it, and compares
    assert description["values"] == {}  # what they were made with says it all


def _with(found, schedule):
    return found | ({"Schedule": schedule} if "Schedule" in found else {})


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
def test_every_rule_comes_back(cls):
    n = (12, 12) if cls in EQUAL_SIZES else (12, 9)
    net = bs.Network(seed=4)
    net.A, net.B = bs.neurons.LIF(n[0]), bs.neurons.LIF(n[1])
    net.B.add_receptors(ampa=bs.receptors.Exponential())
    rule = FACTORIES[cls](*n)
    weight = None if rule.values is not None else bs.Uniform(1 * u.pA, 2 * u.pA)
    if rule.values is not None and rule.values.ndim and not hasattr(rule.values, "unit"):
        weight = 1 * u.pA
    net.connect(net.A, net.B, rule, receptor="ampa", weight=weight)
    built = again(net, own=[_near, _far])
    assert np.array_equal(built["A->B"].pairs(), net["A->B"].pairs()) or cls.__name__ == "Procedural"


def wired(seed=3):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF((4, 5), V=bs.Normal(-55 * u.mV, 2 * u.mV), tau=[20.0 + k for k in range(20)] * u.ms)
    net.I = Own(6, refractory=2 * u.ms)
    for population in (net.E, net.I):
        population.add_receptors(ampa=bs.receptors.Exponential(tau=3 * u.ms))
    net.E[3:9].add_stimuli(drive=bs.stimuli.Constant(60000 * u.pA, start=1 * u.ms))
    net.connect(
        net.E[:10], net.I[[4, 0, 2]], bs.FixedProbability(0.6), receptor="ampa", weight=300 * u.pA, delay=0.5 * u.ms
    )
    net.connect(
        net.E, net.I, bs.Where(lambda i, j: (i + j) % 3 == 0), receptor="ampa", name="by rule",
        weight=lambda i, j: (1.0 + i * j) * u.pA, delay=lambda i, j: (1 + (i + 2 * j) % 5) * 0.1 * u.ms,
    )  # fmt: skip
    net.connect(
        net.I, net.E, bs.AllToAll(), receptor="ampa", weight=np.arange(120.0).reshape(6, 20) * u.pA, name="listed"
    )
    rule = bs.plasticity.PairSTDP(A_plus=5 * u.pA, A_minus=4 * u.pA, w_max=900 * u.pA)
    net.connect(net.E, net.E, bs.FixedInDegree(3), receptor="ampa", weight=500 * u.pA, plasticity=rule, name="learns")
    return net


def test_functions_views_and_lists_come_back_and_run_alike():
    net = wired()
    built = again(net, own=[Own])
    assert type(built.I) is Own and built["by rule"].n_synapses == 40
    one, other = (bs.simulate(x, 20 * u.ms, record=["E.spikes", "I.V"]) for x in (net, built))
    assert len(one.spikes["E"].times) > 10
    np.testing.assert_array_equal(one.spikes["E"].times.mantissa, other.spikes["E"].times.mantissa)
    np.testing.assert_array_equal(one["I.V"].mantissa, other["I.V"].mantissa)


def test_what_was_learned_assigned_seeded_and_made_trainable_comes_back():
    net = wired()
    bs.simulate(net, 20 * u.ms)
    net.reset(seed=8)
    net["learns"].weight = net["learns"].weight * 0.5  # of rules, what is assigned later stays too
    net.E.E_L[2] = -62 * u.mV
    net.I.V = bs.Uniform(-60 * u.mV, -55 * u.mV)
    net.E.trainable("R")
    net["by rule"].keep_arrived()
    net.reset()
    description = net.describe()
    assert "learns.weight" in description["values"] and "E.E_L" in description["values"]
    built = again(net, own=[Own])
    assert isinstance(vars(built.E)["R"], nnx.Param) and "arrived" in vars(built["by rule"])
    for one in (net, built):
        one.reset(seed=11)  # drawn anew, alike
    np.testing.assert_array_equal(net.I.V.mantissa, built.I.V.mantissa)
    assert len(set(np.asarray(net.I.V.mantissa))) == 6


def test_neurons_from_equations_come_back_by_their_text():
    kind = bs.neurons.from_equations(
        "dv/dt = (E - v + R*I)/tau : volt", "v > 1*mV", "v = E", E=0 * u.mV, R=1 * u.Mohm, tau=5 * u.ms
    )
    net = bs.Network()
    net.E = kind(3, tau=6 * u.ms)
    built = again(net)
    assert type(built.E) is kind
    assert net.describe()["members"]["E"]["class"]["with"]["equations"] == "dv/dt = (E - v + R*I)/tau : volt"


def test_it_reads_like_what_was_written():
    net = bs.Network(seed=2)
    net.E = bs.neurons.LIF(100, tau=10 * u.ms)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms))
    net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="ampa", weight=bs.Normal(2 * u.pA, 0.1 * u.pA))
    quantity = lambda number, unit: {"number": number, "unit": unit}
    assert net.describe() == {
        "format": "brainsim network description, 1",
        "seed": 2,
        "members": {
            "E": {
                "class": "brainsim.neurons.LIF",
                "args": [100],
                "with": {"tau": quantity(10.0, "ms")},
                "receptors": {
                    "ampa": {"class": "brainsim.receptors.Exponential", "with": {"tau": quantity(5.0, "ms")}}
                },
            }
        },
        "projections": {
            "E->E": {
                "pre": {"of": "E"},
                "post": {"of": "E"},
                "rule": {"class": "brainsim.FixedProbability", "with": {"p": 0.1}},
                "receptor": "ampa",
                "weight": {
                    "class": "brainsim.Normal",
                    "with": {"mean": quantity(2.0, "pA"), "std": quantity(0.1, "pA")},
                },
            }
        },
        "drawn": {},
        "trainable": [],
        "values": {},
    }


def test_what_is_no_data_is_named():
    net = bs.Network()
    net.fades = bs.modulators.Schedule(lambda t: fading(t))
    with pytest.raises(TypeError, match="describe: fades: .*lambda.* has no name under which it could be found again"):
        net.describe()
    net = bs.Network()
    net.I = Own(2)
    with pytest.raises(
        bs.UnknownNameError, match=r"'tests.test_describing.Own', which is not brainsim's; give own=\[...\]"
    ):
        bs.Network.from_description(net.describe())
    with pytest.raises(ValueError, match="expected what Network.describe.. gives"):
        bs.Network.from_description({"seed": 3})
    with pytest.raises(TypeError, match="a Sequential is described by the code that makes it"):
        bs.nn.Sequential(3, bs.nn.Linear(2), bs.nn.LIF()).describe()
    changed = json.loads(json.dumps(bs.Network().describe())) | {
        "members": {"E": {"class": "os.system", "args": ["true"]}}
    }
    with pytest.raises(bs.UnknownNameError, match="'os.system', which is not brainsim's"):
        bs.Network.from_description(changed)
