"""Networks from and for NIR, against its graphs stepped by Euler in NumPy, as its tools do."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.io import from_nir, to_nir
from tests.io.euler import each, stepped

nir = pytest.importorskip("nir")
MS = 1e-3
RNG = np.random.default_rng(0)


def simulated(net, x, record, later, dt=1.0):
    """What a network gives for inputs (steps, n), ``later`` steps later: (steps, n_out)."""
    net.reset()
    inputs = np.concatenate([x.reshape(len(x), -1), np.zeros((later, x[0].size))])
    steps = len(inputs)
    rec = bs.simulate(net, steps * dt * u.ms, dt=dt * u.ms, record=[record], inputs={"input.input": inputs})
    if not record.endswith(".spikes"):
        return np.asarray(rec[record].to_decimal(u.mV))[later:]
    train = rec.spikes[record.removesuffix(".spikes")]
    course = np.zeros((steps, train.n))
    course[train.steps - 1, train.indices] = 1
    return course[later:]


def membrane(n, **changes):
    values = dict(tau=8 * MS, r=1.0, v_leak=0.0, v_threshold=0.6, v_reset=0.0) | changes
    return {name: np.broadcast_to(np.asarray(value, float), (n,)).copy() for name, value in values.items()}


def stack():
    """Dense layers with and without a bias, all neurons, a time constant for each of some."""
    n = (12, 20, 15, 9, 6)
    lif = membrane(n[1], tau=RNG.uniform(4, 20, n[1]) * MS, r=4.0, v_leak=0.05, v_reset=0.1)
    cuba = membrane(n[2], r=3.0, v_threshold=0.5)
    cuba |= {"tau_mem": cuba.pop("tau"), "tau_syn": each(n[2], 5 * MS), "w_in": each(n[2], 1.5)}
    return [
        nir.Affine(weight=RNG.normal(size=(n[1], n[0])) * 1.2, bias=RNG.normal(size=n[1]) * 0.3),
        nir.LIF(**lif),
        nir.Linear(weight=RNG.normal(size=(n[2], n[1]))),
        nir.CubaLIF(**cuba),
        nir.Linear(weight=RNG.normal(size=(n[3], n[2]))),
        nir.IF(r=each(n[3], 0.5), v_threshold=each(n[3], 1.0), v_reset=each(n[3], -0.2)),
        nir.Linear(weight=RNG.normal(size=(n[4], n[3]))),
        nir.LI(tau=each(n[4], 10 * MS), r=each(n[4], 2.0), v_leak=each(n[4], 0.3)),
    ]


def test_a_stack_is_what_euler_gives():
    nodes, x = stack(), (RNG.random((60, 12)) < 0.3).astype(float)
    expected = stepped(nodes, x, MS)
    assert np.abs(expected[-20:] - 0.3).max() > 0.5
    net = from_nir(nir.NIRGraph.from_list(*nodes), dt=1 * u.ms)
    np.testing.assert_allclose(simulated(net, x, "li.V", later=4), expected, atol=1e-5)


def images(groups):
    """Convolutions with strides, dilation, groups and padding, pools, and a dense layer behind a flattened image."""
    shape = (4, 5, 6)
    lif = membrane(1, r=2.0)
    whole = {name: np.full(shape, value[0]) for name, value in lif.items()}
    whole["tau"] = RNG.uniform(5, 15, shape) * MS
    small = {name: np.full((6, 1, 2), value[0]) for name, value in lif.items()}
    conv = dict(stride=(1, 2), padding=(1, 2), dilation=(2, 1), groups=groups)
    return [
        nir.Conv2d(
            input_shape=None, weight=RNG.normal(size=(4, 2 // groups, 3, 3)), bias=RNG.normal(size=4) * 0.2, **conv
        ),
        nir.LIF(**whole),
        nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        nir.Conv2d(None, RNG.normal(size=(6, 4, 2, 2)), 1, 0, 1, 1, np.zeros(6)),
        nir.LIF(**small),
        nir.Flatten(input_type={"input": np.array([6, 1, 2])}, start_dim=0),
        nir.Linear(weight=RNG.normal(size=(3, 12))),
        nir.LI(tau=each(3, 10 * MS), r=each(3, 1.0), v_leak=each(3, 0.0)),
    ]


@pytest.mark.parametrize("trip", ["read", "and written", "and read again"])
def test_images_are_what_euler_gives(trip, tmp_path):
    groups = 1 if trip == "and read again" else 2  # nir 1.0 reads no groups
    nodes, x = images(groups), (RNG.random((30, 2, 7, 9)) < 0.4).astype(float)
    expected = stepped(nodes, x, MS)
    assert np.abs(expected).max() > 0.1
    graph = nir.NIRGraph.from_list(nir.Input(input_type={"input": np.array([2, 7, 9])}), *nodes)
    if trip != "read":
        graph = to_nir(from_nir(graph, dt=1 * u.ms), dt=1 * u.ms)
    if trip == "and read again":
        nir.write(tmp_path / "graph.nir", graph)
        graph = tmp_path / "graph.nir"
    net = from_nir(graph, dt=1 * u.ms)
    np.testing.assert_allclose(simulated(net, np.moveaxis(x, 1, -1), "li.V", later=3), expected, atol=1e-5)


def test_a_flattened_image_is_dense_in_the_order_of_the_graph():
    weight, x = RNG.normal(size=(2, 24)), RNG.normal(size=(5, 2, 3, 4))
    li = nir.LI(tau=each(2, 5 * MS), r=each(2, 1.0), v_leak=each(2, 0.0))
    image = nir.Input(input_type={"input": np.array([2, 3, 4])})
    graph = nir.NIRGraph(
        {"input": image, "flat": nir.Flatten(None), "dense": nir.Linear(weight), "li": li, "output": nir.Output(None)},
        [("input", "flat"), ("flat", "dense"), ("dense", "li"), ("li", "output")],
        type_check=False,  # it does not count the axis of examples, which start_dim does
    )
    net = from_nir(graph, dt=1 * u.ms)
    expected = stepped([nir.Linear(weight), li], x.reshape(5, -1), MS)
    np.testing.assert_allclose(simulated(net, np.moveaxis(x, 1, -1), "li.V", later=1), expected, atol=1e-5)


def test_ways_that_meet_have_one_bias_and_come_at_the_same_time():
    """x goes to the readout at once and through a population; the sum of both goes through one affine layer."""
    n, x = 5, RNG.normal(size=(40, 5))
    first, last = nir.LIF(**membrane(n, r=3.0)), nir.Affine(weight=RNG.normal(size=(3, n)), bias=each(3, 0.7))
    li = nir.LI(tau=each(3, 5 * MS), r=each(3, 1.0), v_leak=each(3, 0.0))
    nodes = {"input": nir.Input({"input": np.array([n])}), "lif": first, "last": last, "li": li}
    nodes["output"] = nir.Output({"output": np.array([3])})
    edges = [("input", "lif"), ("input", "last"), ("lif", "last"), ("last", "li"), ("li", "output")]
    spikes = stepped([first], x, MS)
    expected = stepped([last, li], x + spikes, MS)
    graph = nir.NIRGraph(nodes, edges)
    for net in (from_nir(graph, dt=1 * u.ms), from_nir(to_nir(from_nir(graph, dt=1 * u.ms), dt=1 * u.ms), dt=1 * u.ms)):
        # The bias acts from the first step on, here and before the input has arrived
        late = simulated(net, np.concatenate([np.zeros((60, n)), x]), "li.V", later=2)[60:]
        early = stepped([last, li], np.concatenate([np.zeros((62, n)), x + spikes]), MS)[62:]
        np.testing.assert_allclose(late, early, atol=2e-5)
    assert np.abs(early - expected).max() > 0.1  # which is another course where the bias has just begun


def test_graphs_inside_of_graphs_and_recurrent_layers():
    """A recurrent layer acts in the next step, as that of snnTorch."""
    n, x = 8, (RNG.random((50, 4)) < 0.5).astype(float)
    lif, back = nir.LIF(**membrane(n, r=8.0)), nir.Linear(weight=RNG.normal(size=(n, n)) * 0.4)
    into = nir.Linear(weight=RNG.normal(size=(n, 4)))
    size = np.array([n])
    inner = nir.NIRGraph(
        {"input": nir.Input({"input": size}), "lif": lif, "w_rec": back, "output": nir.Output({"output": size})},
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([4])}),
            "in": into,
            "rnn": inner,
            "output": nir.Output({"output": size}),
        },
        [("input", "in"), ("in", "rnn"), ("rnn", "output")],
    )
    expected = stepped([into, lif], x, MS, recurrent={1: back.weight})
    assert not np.array_equal(expected, stepped([into, lif], x, MS))
    net = from_nir(graph, dt=1 * u.ms)
    np.testing.assert_array_equal(simulated(net, x, "rnn_lif.spikes", later=1), expected)
    again = from_nir(to_nir(net, dt=1 * u.ms), dt=1 * u.ms)
    np.testing.assert_array_equal(simulated(again, x, "rnn_lif.spikes", later=1), expected)


@pytest.mark.parametrize("said", ["metadata", "argument"])
def test_spikes_that_subtract(said):
    lif = nir.LIF(**membrane(4, r=20.0))
    x = RNG.random((40, 4))
    expected = stepped([lif], x, MS, subtract=True)
    assert expected.sum() != stepped([lif], x, MS).sum()
    graph = nir.NIRGraph.from_list(nir.Input({"input": np.array([4])}), lif)
    if said == "metadata":
        lif.metadata = {"reset": "subtract"}
        graph = to_nir(from_nir(graph, dt=1 * u.ms), dt=1 * u.ms)
        assert next(node.metadata["reset"] for node in graph.nodes.values() if isinstance(node, nir.LIF)) == "subtract"
    net = from_nir(graph, dt=1 * u.ms, **({"reset": "subtract"} if said == "argument" else {}))
    np.testing.assert_array_equal(simulated(net, x, "lif.spikes", later=1), expected)


def test_a_stack_of_nn_goes_there_and_back():
    parts = [
        bs.nn.Linear(20),
        bs.nn.LIF(tau=bs.Uniform(5 * u.ms, 12 * u.ms)),
        bs.nn.Residual(bs.nn.Linear(20, gain=2.0), bs.nn.LIF()),
    ]
    parts += [bs.nn.Linear(8, gain=6.0), bs.nn.LIF(recurrent=True, receptor=bs.receptors.Exponential(tau=4 * u.ms))]
    net = bs.nn.Sequential(10, *parts, bs.nn.Linear(4, delay=3 * u.ms), bs.nn.LeakyReadout(), seed=1)
    x = (RNG.random((60, 10)) < 0.5).astype(float)
    expected = simulated(net, x, "output.V", later=6)
    assert np.abs(expected).max() > 0.05
    back = from_nir(to_nir(net, dt=1 * u.ms), dt=1 * u.ms)
    np.testing.assert_allclose(simulated(back, x, "output.V", later=6), expected, atol=2e-6)


class TestRefused:
    """What has no counterpart, by name."""

    def graph(self, *nodes, n=3):
        return nir.NIRGraph.from_list(nir.Input({"input": np.array([n])}), *nodes)

    @pytest.mark.parametrize(
        ("nodes", "what"),
        [
            ([nir.Threshold(threshold=each(3, 1.0))], "threshold.*Threshold"),
            ([nir.LIF(**membrane(3, tau=0.5 * MS))], "'lif' .LIF.: a time constant of 0.0005 s"),
            ([nir.Linear(np.ones((2, 3)))], "'linear'.*before the output"),
            ([nir.Linear(np.ones((2, 4))), nir.LIF(**membrane(2))], "'linear' .Linear. does not fit.*3"),
            ([nir.Delay(each(3, 1.5 * MS)), nir.LIF(**membrane(3))], "not a multiple of dt"),
            ([nir.Delay(np.array([1, 2, 3]) * MS), nir.LIF(**membrane(3))], "same delay"),
        ],
    )
    def test_graphs(self, nodes, what):
        graph = nir.NIRGraph.from_list(*nodes, type_check=False) if len(nodes) > 1 else self.graph(*nodes)
        if len(nodes) > 1:
            graph.nodes["input"].input_type = {"input": np.array([3])}
        with pytest.raises(ValueError, match=what):
            from_nir(graph, dt=1 * u.ms)

    def test_other_things(self):
        with pytest.raises(TypeError, match="NIRGraph or a file"):
            from_nir({"nodes": 1})
        with pytest.raises(ValueError, match="no reset 'zeros'.*zero"):
            from_nir(self.graph(nir.LIF(**membrane(3))), reset="zeros")
        with pytest.raises(TypeError, match="expected a Network"):
            to_nir(nir)

    @pytest.mark.parametrize(
        ("neuron", "options", "what"),
        [
            (lambda: bs.neurons.AdEx(3), {}, "E is an AdEx"),
            (lambda: bs.neurons.LIF(3, refractory=2 * u.ms), {}, "refractory"),
            (lambda: bs.neurons.LIF(3, method="rk4"), {}, "'rk4'"),
            (lambda: bs.neurons.LIF(3), {"stimulus": True}, "stimuli .drive"),
            (lambda: bs.neurons.LIF(3), {"reversal": 0 * u.mV}, "E.syn is Exponential with a reversal"),
            (lambda: bs.neurons.LIF(3), {"delay": bs.Uniform(1 * u.ms, 5 * u.ms)}, "delays that differ"),
            (
                lambda: bs.neurons.LIF(3),
                {"plasticity": bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.nA)},
                "plasticity",
            ),
            (lambda: bs.neurons.LIF(3), {"terminal": bs.terminals.TsodyksMarkram()}, "terminal"),
        ],
    )
    def test_networks(self, neuron, options, what):
        net, options = bs.Network(), dict(options)
        net.pixels, net.E = bs.sources.SpikeInput(3), neuron()
        reversal = options.pop("reversal", None)
        net.E.add_receptors(syn=bs.receptors.Exponential(**({} if reversal is None else {"reversal": reversal})))
        if options.pop("stimulus", False):
            net.E.add_stimuli(drive=bs.stimuli.Constant(1 * u.pA))
        weight = 1 * u.pA if reversal is None else 1 * u.nS
        net.connect(net.pixels, net.E, bs.AllToAll(), receptor="syn", weight=weight, **options)
        with pytest.raises(ValueError, match=what):
            to_nir(net, dt=1 * u.ms)
