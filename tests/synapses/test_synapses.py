"""Synapses with states of their own: against NEST, and against programs of plain Python."""

from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import synapses
from tests.references import make_synapses as script

NEST = Path(__file__).parent.parent / "references" / "synapses.npz"
DT = 0.1 * u.ms
KINDS = {
    "two_state": (synapses.TsodyksMarkram, {}),
    "three_state": (synapses.ThreeState, {"tau_inactive": script.TAU_PSC * u.ms}),
}


@pytest.mark.parametrize(
    "delay, sort_by",
    [(None, None), (1.0 * u.ms, None), ([0.5, 2.0, 1.0] * u.ms, None), ([0.5, 2.0, 1.0] * u.ms, "delay")],
    ids=["none", "axonal", "synaptic", "sorted by delay"],
)
def test_synapses_of_one_neuron_that_differ_are_those_of_nest(delay, sort_by):
    """Every release of three synapses of one axon, each with parameters of its own, as NEST's ``tsodyks2_synapse`` and
    ``tsodyks_synapse`` release it.
    """
    names, times, nest = list(script.STP), script.train(), dict(np.load(NEST))
    p = {k: np.array([script.STP[name][k] for name in names]) for k in ("U", "tau_rec", "tau_facil")}
    ms = np.zeros(3) if delay is None else np.broadcast_to(delay / u.ms, 3)
    order = [0, 1, 2] if sort_by is None else np.argsort(ms, kind="stable")
    common = dict(U=p["U"], tau_rec=p["tau_rec"] * u.ms, tau_facil=np.maximum(p["tau_facil"], 1e-4) * u.ms)
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, times * u.ms, np.zeros(len(times), int))
    for name, (kind, more) in KINDS.items():
        setattr(net, name, bs.neurons.LIF(3, V_th=1e9 * u.mV))
        getattr(net, name).add_receptors(syn=bs.receptors.Exponential(tau=1e-4 * u.ms))
        net.connect(net.S, getattr(net, name), bs.FixedProbability(1.0), receptor="syn", weight=1 * u.pA, delay=delay,
                    synapse=kind(**common, **more), sort_by=sort_by)  # fmt: skip
        np.testing.assert_array_equal(net[f"S->{name}"].pairs()[1], order)
    rec = bs.simulate(net, float(times[-1] + 3) * u.ms, dt=DT, record=[f"{name}.syn.g" for name in KINDS])
    for name in KINDS:
        g = np.asarray(rec[f"{name}.syn.g"] / u.pA)
        for k, case in enumerate(names):
            at = np.round((times + ms[k]) / script.STEP).astype(int) - 1
            np.testing.assert_allclose(g[at, k], nest[f"{name}_{case}"], atol=2e-7, err_msg=f"{name} {case}")


@pytest.mark.parametrize("listed", [True, False], ids=["list", "pairs"])
@pytest.mark.parametrize("delay", [None, [3, 1, 2, 5, 4]], ids=["none", "synaptic"])
def test_values_that_are_given_go_with_their_synapses(delay, listed):
    """A weight, a delay and a value of the synapse that are given together stay together, wherever rows are sorted."""
    pre, post = np.array([1, 0, 1, 1, 0]), np.array([2, 1, 0, 1, 0])
    if not listed:  # the same pairs, as a rule that has no list
        by_pair = np.lexsort((post, pre))
        pre, post = pre[by_pair], post[by_pair]
        matrix = np.zeros((2, 3))
        matrix[pre, post] = 1
    rule = bs.FromArrays(pre, post) if listed else bs.FromMatrix(matrix)
    net = bs.Network()
    net.S, net.T = bs.sources.SpikeInput(2), bs.neurons.LIF(3)
    net.T.add_receptors(syn=bs.receptors.Exponential())
    synapse = synapses.TsodyksMarkram(U=np.arange(1, 6) / 10, x=np.arange(1, 6) / 20)
    delay = None if delay is None else delay * u.ms
    with pytest.raises(ValueError, match=r"expected one value .* given \(4,\)"):  # and nothing has moved after it
        net.connect(net.S, net.T, rule, receptor="syn", weight=np.ones(4) * u.pA, delay=delay, synapse=synapse)
    net.connect(net.S, net.T, rule, receptor="syn", weight=np.arange(1, 6) * u.pA, delay=delay, synapse=synapse)
    for other in (net, net.copy(), bs.Network.from_description(net.describe())):
        p = other["S->T"]
        number = {pair: k + 1 for k, pair in enumerate(zip(pre, post))}
        expected = np.array([number[pair] for pair in zip(*p.pairs())])
        np.testing.assert_allclose(u.get_mantissa(p.weight), expected)
        np.testing.assert_allclose(p.synapse.U, expected / 10, rtol=1e-6)
        np.testing.assert_allclose(p.synapse.x, expected / 20, rtol=1e-6)


def network(delay=None, n=12, synapse=None, rate=100.0, **options):
    net = bs.Network(seed=2)
    net.S = bs.sources.PoissonGroup(n, rate=rate * u.Hz)
    net.E = bs.neurons.LIF(n, V_th=1e9 * u.mV)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    given = dict(
        U=bs.Uniform(0.1, 0.9), tau_rec=bs.Uniform(20 * u.ms, 200 * u.ms), tau_facil=bs.Uniform(10 * u.ms, 99 * u.ms)
    )
    synapse = synapses.TsodyksMarkram(**given) if synapse is None else synapse
    weight = bs.Uniform(1 * u.pA, 2 * u.pA)
    net.connect(
        net.S, net.E, bs.FixedProbability(0.4), receptor="syn", weight=weight, delay=delay, synapse=synapse, **options
    )
    return net


def by_hand(net, spikes, steps, dt=0.1):
    """g of each cell, and u and x of each synapse, after so many steps; from a loop over all synapses and steps."""
    p, syn = net["S->E"], net["S->E"].synapse
    pre, post = p.pairs()
    number = lambda value, unit=1.0: np.broadcast_to(np.asarray(value / unit), pre.shape)  # noqa: E731
    U, rec, facil = number(syn.U), number(syn.tau_rec, u.ms), number(syn.tau_facil, u.ms)
    lag = np.zeros(len(pre), int) if p.delay is None else np.round(number(p.delay, u.ms) / dt).astype(int)
    g, util, x = np.zeros(net.E.count), np.zeros(len(pre)), np.ones(len(pre))
    for n in range(steps):
        g, util, x = g * np.exp(-dt / 5), util * np.exp(-dt / facil), 1 - (1 - x) * np.exp(-dt / rec)
        fired = (n - lag >= 0) & spikes[np.maximum(n - lag, 0), pre]
        util = np.where(fired, util + U * (1 - util), util)
        np.add.at(g, post, np.where(fired, number(p.weight, u.pA) * util * x, 0))
        x = np.where(fired, x - util * x, x)
    return g, util, x


SYNAPTIC = bs.Uniform(0.3 * u.ms, 2 * u.ms)


@pytest.mark.parametrize(
    ("delay", "sort_by", "kind"),
    [
        (None, None, "Delay"),
        (0.7 * u.ms, None, "Axonal"),
        (SYNAPTIC, None, "Calendar"),
        (SYNAPTIC, "post", "Listed"),
    ],
    ids=["none", "axonal", "synaptic", "by target"],
)
def test_a_network_is_what_a_loop_over_its_synapses_gives(delay, sort_by, kind):
    net = network(delay, sort_by=sort_by)
    assert type(net["S->E"].axon).__name__ == kind
    record = {"s": lambda net: net.S.spikes, "S->E.synapse.x": None, "S->E.synapse.u": None, "E.syn.g": None}
    first = bs.simulate(net, 30 * u.ms, dt=DT, record=record)
    other = net.copy()
    rest = bs.simulate(net, 20 * u.ms, dt=DT, record=record)
    spikes = np.concatenate([np.asarray(first["s"]), np.asarray(rest["s"])]).astype(bool)
    for rec, steps in ((first, 300), (rest, 500)):
        g, util, x = by_hand(net, spikes, steps)
        np.testing.assert_allclose(rec["E.syn.g"][-1] / u.pA, g, rtol=1e-10)
        np.testing.assert_allclose(rec["S->E.synapse.x"][-1], x, rtol=1e-10)
        np.testing.assert_allclose(rec["S->E.synapse.u"][-1], util, rtol=1e-10)
    np.testing.assert_allclose(net["S->E"].synapse.at(net.t)["x"], x, rtol=1e-10)
    bs.simulate(other, 20 * u.ms, dt=DT)
    np.testing.assert_array_equal(other["S->E"].synapse.x, net["S->E"].synapse.x)


class Watched(synapses.Synapse):
    """What a spike brings depends on the postsynaptic neuron."""

    of_post = ("V", "spikes")
    k = bs.State(0.0, "number of spikes", shape="n_synapses")

    def spike(self, p, k):
        return p.V * (1 + k), {"k": k + 1}


@pytest.mark.parametrize("delay", [None, bs.Uniform(0.3 * u.ms, 2 * u.ms)], ids=["none", "synaptic"])
def test_what_a_spike_brings_may_depend_on_the_postsynaptic_neuron(delay):
    net = network(delay, synapse=Watched())
    net.E.V = bs.Uniform(-70 * u.mV, -60 * u.mV)
    record = {"s": lambda net: net.S.spikes, "E.V": None, "E.syn.g": None}
    rec = bs.simulate(net, 20 * u.ms, dt=DT, record=record)
    V, s, p = np.asarray(rec["E.V"] / u.mV), np.asarray(rec["s"]).astype(bool), net["S->E"]
    pre, post = p.pairs()
    lag = np.zeros(len(pre), int) if p.delay is None else np.round(np.asarray(p.delay / u.ms) / 0.1).astype(int)
    g, k = np.zeros(12), np.zeros(len(pre))
    for n in range(200):
        fired = (n - lag >= 0) & s[np.maximum(n - lag, 0), pre]
        g = g * np.exp(-0.1 / 5)
        np.add.at(g, post, np.where(fired, np.asarray(p.weight / u.pA) * V[n, post] * (1 + k), 0))
        k += fired
    assert k.sum() > 20
    np.testing.assert_allclose(rec["E.syn.g"][-1] / u.pA, g, rtol=1e-9)
    np.testing.assert_array_equal(p.synapse.k, k)


def test_a_batch_sees_each_its_own_neurons():
    potentials = [-70, -65] * u.mV
    swept = bs.sweep(network(synapse=Watched()), {"E.V": potentials}, 5 * u.ms, dt=DT, record="E.syn.g")
    for k, V in enumerate(potentials):
        net = network(synapse=Watched())
        net.E.V = V
        one = bs.simulate(net, 5 * u.ms, dt=DT, record="E.syn.g")["E.syn.g"]
        np.testing.assert_allclose(swept[k]["E.syn.g"] / u.pA, one / u.pA, rtol=1e-12)


def test_what_the_postsynaptic_neuron_does_not_have_is_refused():
    class Wrong(Watched):
        of_post = ("Vm",)

    with pytest.raises(bs.UnknownNameError, match="S->E: Wrong takes 'Vm' of E. Did you mean 'V'"):
        network(synapse=Wrong())


def test_states_and_the_time_of_now_in_functions_of_the_network():
    now = {
        "x": lambda net: net["S->E"].synapse.at(net.t)["x"],
        "t": lambda net: net.t,
        "S->E.synapse.x": None,
    }
    net = network()
    for dt in (0.1, 0.5):  # one program, as there are no delays
        rec = bs.simulate(net, 5 * u.ms, dt=dt * u.ms, record=now, until=lambda net: net.t > 99 * u.ms)
        np.testing.assert_allclose(rec["x"], rec["S->E.synapse.x"], rtol=1e-6)
        np.testing.assert_allclose(rec["t"].to_decimal(u.ms), rec.times.to_decimal(u.ms), rtol=1e-6)
    np.testing.assert_allclose(net["S->E"].synapse.at(net.t)["x"], rec["x"][-1], rtol=1e-6)


def test_an_operation_sees_the_states_of_now():
    net = network()
    n = net["S->E"].n_synapses
    net.seen = bs.neurons.LIF(n, E_L=0 * u.mV, V=0 * u.mV, V_th=1e9 * u.mV)

    def look(net, clock):
        net.seen.V = net["S->E"].synapse.at(net.t)["x"] * u.mV

    net.look = bs.Operation(look, before="receptors")
    rec = bs.simulate(net, 8 * u.ms, dt=DT, record=["S->E.synapse.x"])
    bs.simulate(net, 0.1 * u.ms, dt=DT)
    decayed = np.exp(-0.1 / 20) * rec["S->E.synapse.x"][-1]
    np.testing.assert_allclose(net.seen.V.to_decimal(u.mV), decayed, rtol=1e-6)


def test_states_that_are_assigned_on_the_way_are_those_of_then():
    net = network()
    bs.simulate(net, 10 * u.ms, dt=DT)
    u_then = np.asarray(net["S->E"].synapse.at(net.t)["u"])
    net["S->E"].synapse.x = 0.25
    net.S.rate = 0 * u.Hz
    rec = bs.simulate(net, 10 * u.ms, dt=DT, record=["S->E.synapse.x", "S->E.synapse.u"])
    syn = net["S->E"].synapse
    np.testing.assert_allclose(rec["S->E.synapse.x"][-1], 1 - 0.75 * np.exp(-10 * u.ms / syn.tau_rec), rtol=1e-10)
    np.testing.assert_allclose(rec["S->E.synapse.u"][-1], u_then * np.exp(-10 * u.ms / syn.tau_facil), rtol=1e-10)
    net.reset()
    assert np.all(np.asarray(syn.x) == 1) and np.all(np.asarray(syn.last) == 0)


@pytest.mark.parametrize("delay, sort_by", [(None, None), (SYNAPTIC, None), (SYNAPTIC, "post")])
def test_batches_and_gradients(delay, sort_by):
    net = network(delay, sort_by=sort_by)
    f = bs.function(net, 20 * u.ms, dt=DT, record="E.syn.g")
    path = "S->E.synapse.U"
    U = f.parameters[path]
    batch = jnp.stack([U, 0.5 * U, 0.9 * U])
    mean = lambda U: f({path: U}, {})[1]["E.syn.g"].mean()  # noqa: E731
    together = jax.jit(jax.vmap(mean))(batch)
    alone = jax.jit(mean)
    np.testing.assert_allclose(together, [alone(one) for one in batch], rtol=1e-12)
    along = np.random.default_rng(0).normal(size=U.shape)
    slope = jnp.vdot(jax.jit(jax.grad(mean))(U), along)
    np.testing.assert_allclose(slope, (alone(U + 1e-5 * along) - alone(U - 1e-5 * along)) / 2e-5, rtol=1e-6)
    swept = bs.sweep(net, {path: np.asarray(batch[:2])}, 20 * u.ms, dt=DT, record="E.syn.g")
    means = [np.mean(np.asarray(run["E.syn.g"] / u.pA)) for run in swept]
    np.testing.assert_allclose(means, together[:2], rtol=1e-12)


def test_saved_and_loaded(tmp_path):
    net, other = network(bs.Uniform(0.3 * u.ms, 2 * u.ms)), network(bs.Uniform(0.3 * u.ms, 2 * u.ms))
    bs.simulate(net, 15 * u.ms, dt=DT)
    bs.save(net, tmp_path / "state")
    bs.load(other, tmp_path / "state")
    for one in (net, other):
        bs.simulate(one, 15 * u.ms, dt=DT)
    for name in ("x", "u", "last"):
        np.testing.assert_array_equal(getattr(other["S->E"].synapse, name), getattr(net["S->E"].synapse, name))


def test_float32_and_another_step():
    with jax.enable_x64(False):
        net = network(rate=50.0)
        rec = bs.simulate(net, 50 * u.ms, dt=0.5 * u.ms, record={"s": lambda net: net.S.spikes, "E.syn.g": None})
        g, _, _ = by_hand(net, np.asarray(rec["s"]).astype(bool), 100, 0.5)
        np.testing.assert_allclose(rec["E.syn.g"][-1] / u.pA, g, rtol=1e-5)


class Depressing(synapses.Synapse):
    r"""Resources that a spike uses.

    .. math:: \dot x = (1 - x)/\tau,\qquad x \leftarrow x - U x
    """

    U = bs.Parameter(0.5, "used by a spike", shape="n_synapses")
    tau = bs.Parameter(500 * u.ms, "recovery", positive=True, shape="n_synapses")
    x = bs.State(1.0, "resources", shape="n_synapses")

    def silence(self, p, dt, x):
        return {"x": 1 - (1 - x) * jnp.exp(-dt / p.tau)}

    def spike(self, p, x):
        return p.U * x, {"x": x - p.U * x}


def test_one_of_ones_own_is_that_of_the_library_with_plasticity_and_several_receptors():
    nets = []
    for kind in (Depressing(U=0.4, tau=100 * u.ms), synapses.TsodyksMarkram(U=0.4, tau_rec=100 * u.ms)):
        net = network(synapse=kind, delay=bs.Uniform(0.3 * u.ms, 2 * u.ms),
                      plasticity=bs.plasticity.PairSTDP(A_plus=0.5 * u.pA, A_minus=0.2 * u.pA, w_max=9 * u.pA))  # fmt: skip
        net.connect(net.S, net.E, bs.OneToOne(), receptor="syn", weight=50 * u.nA)  # so that they learn
        net.E.V_th = -59.9 * u.mV
        bs.simulate(net, 20 * u.ms, dt=DT)
        nets.append(net)
    one, other = nets
    assert np.ptp(np.asarray(one["S->E"].weight / u.pA)) > 1.0
    np.testing.assert_allclose(one["S->E"].weight / u.pA, other["S->E"].weight / u.pA, rtol=1e-12)
    np.testing.assert_allclose(one.E.syn.g / u.pA, other.E.syn.g / u.pA, rtol=1e-12)


def test_what_does_not_fit_is_refused():
    with pytest.raises(bs.UnknownNameError, match="TsodyksMarkram has no 'tau_fac'.*Did you mean 'tau_facil'"):
        network(synapse=synapses.TsodyksMarkram(tau_fac=5 * u.ms))
    with pytest.raises(ValueError, match="synapse.tau_rec: values must be positive"):
        network(synapse=synapses.TsodyksMarkram(tau_rec=0 * u.ms))
    with pytest.raises(TypeError, match="S->E.synapse: expected one of brainsim.synapses, given 5"):
        network(synapse=5)
    used = synapses.TsodyksMarkram()
    network(synapse=used)
    with pytest.raises(ValueError, match="the synapse given belongs to S->E.synapse; make another one"):
        network(synapse=used)
    with pytest.raises(ValueError, match="takes whole spikes of single synapses, and not a delay that changes"):
        network(delay=1 * u.ms, max_delay=2 * u.ms)
    net = network()
    with pytest.raises(ValueError, match=r"synapse.U: expected shape \(\) or"):
        net["S->E"].synapse.U = [0.1, 0.2]
    with pytest.raises(ValueError, match="rewire: S->E has synapses with states of their own"):
        bs.plasticity.rewire(net, "S->E", weight=1 * u.pA, fraction=0.1, seed=1)

    class OfAll(synapses.TsodyksMarkram):
        def spike(self, p, u, x):
            return self.plain("U") * x, {}

    with pytest.raises(bs.OutsideStepError, match="synapse.U has all elements. OfAll.spike is about some .* take p.U"):
        bs.simulate(network(synapse=OfAll()), 1 * u.ms, dt=DT)

    class Unknown(synapses.TsodyksMarkram):
        def silence(self, p, dt, x):
            return {"x": x * p.tau}

    with pytest.raises(bs.UnknownNameError, match="Unknown: p has no 'tau'. Did you mean 'tau_rec'"):
        bs.simulate(network(synapse=Unknown()), 1 * u.ms, dt=DT)
    with pytest.raises(TypeError, match=r'OfNeurons.k: synapses have one each, Parameter\(..., shape="n_synapses"\)'):

        class OfNeurons(synapses.Synapse):
            k = bs.Parameter(1.0, "a factor")

    with pytest.raises(bs.UnknownNameError, match="Wrong.spike takes 'y', no State"):

        class Wrong(synapses.Synapse):
            def spike(self, p, y):
                return 1.0, {}
