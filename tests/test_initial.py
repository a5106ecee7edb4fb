"""The state at the beginning is a function of parameters, of what was given, and of a seed, however a run starts."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import masses, neurons, plasticity, receptors, terminals
from brainsim._core import State, key_of, split
from brainsim.testing.plasticity import example

DT = 0.1 * u.ms
NEURONS = [
    name
    for name in neurons.__all__
    if name not in ("Neuron", "ConductanceBased")
    and isinstance(kind := getattr(neurons, name), type)
    and issubclass(kind, neurons.Neuron)
]
MASSES = [name for name in masses.__all__ if name != "Mass"]
TERMINALS = [name for name in terminals.__all__ if name != "Terminal"]
RECEPTORS = [name for name in receptors.__all__ if name not in ("Receptor", "LinearReceptor", "Coupling", "Summed")]
RULES = [
    name
    for name in plasticity.__all__
    if isinstance(rule := getattr(plasticity, name), type)
    and issubclass(rule, plasticity.Plasticity)
    and name not in ("Plasticity", "RateRule", "Combined", "RewardModulated")
]


def scattered(kind, thing=None):
    """A distribution for each of its states that starts as a number: from the default to a little above it."""
    values = {}
    for name, declared in kind._declared.items():
        if (
            isinstance(declared, State)
            and not callable(declared.default)
            and declared.default is not None
            and declared.dtype is None
            and name != "spikes"
        ):
            unit = declared.unit if thing is None else thing.unit_of(name)
            if isinstance(unit, u.Unit):
                start = u.get_mantissa(declared.default)
                values[name] = bs.Uniform(
                    *(number if unit == u.UNITLESS else number * unit for number in (start, start + 1e-3))
                )
    return values


def everything():
    """A network with all that is exported, whose states were given as distributions."""
    net = bs.Network(seed=7)
    net.pre = bs.neurons.LIF(3, V=bs.Uniform(-60 * u.mV, -55 * u.mV))
    net.post = bs.neurons.LIF(2)
    net.post.add_receptors(**{f"r_{name}": getattr(receptors, name)() for name in RECEPTORS})
    net.post.add_receptors(spiking=receptors.Exponential(), graded=receptors.Graded())
    for receptor in net.post.receptors.values():
        for name, value in scattered(type(receptor), receptor).items():
            setattr(receptor, name, value)
    for name in NEURONS:
        kind = getattr(neurons, name)
        setattr(net, f"n_{name}", kind(2, **scattered(kind)))
    net.n_composed = neurons.ConductanceBased(
        2,
        channels=dict(na=bs.channels.Na_TraubMiles(), kd=bs.channels.K_TraubMiles()),
        V=bs.Normal(-65 * u.mV, 3 * u.mV),
    )
    for name in MASSES:
        kind = getattr(masses, name)
        setattr(net, f"m_{name}", kind(2, **scattered(kind)))
    for name in TERMINALS:
        kind = getattr(terminals, name)
        net.connect(
            net.pre,
            net.post,
            bs.AllToAll(),
            receptor="graded" if kind.graded else "spiking",
            weight=1 * u.pA,
            delay=0.3 * u.ms,
            terminal=kind(**scattered(kind)),
            name=f"t_{name}",
        )
    for name in RULES:
        rule = example(getattr(plasticity, name))
        net.connect(
            net.pre, net.post, bs.AllToAll(), receptor="spiking", weight=0.5 * u.pA, plasticity=rule, name=f"p_{name}"
        )
    net.lag = masses.Linear(2, x=bs.Uniform(0.0, 1.0))
    net.lag.add_receptors(near=receptors.Graded(), far=receptors.Graded())
    net.connect(net.lag, net.lag, bs.AllToAll(), receptor="near", signal="x", weight=-0.2)
    net.connect(net.lag, net.lag, bs.AllToAll(), receptor="far", signal="x", weight=0.3, delay=0.5 * u.ms)
    return net


def state_of(net):
    return {path: np.asarray(array) for path, array in split(net)[3].items()}


@pytest.fixture(scope="module")
def net():
    net = everything()
    net.prepare(0.1)
    return net


def test_every_seed_has_its_own_state_and_every_way_gives_it(net):
    run = bs.function(net, 0.1 * u.ms, dt=DT)
    keys = jnp.stack([key_of(seed) for seed in range(3)])
    batch = jax.vmap(run.initial_state)(keys)
    paths = [path for path in batch if path.rpartition(".")[2] not in ("spikes", "steps", "refractory_steps")]
    assert sum(len(np.unique(np.asarray(batch[path]), axis=0)) == 3 for path in paths) > 80
    for seed in range(3):
        net.reset(seed=seed)
        live, single = state_of(net), run.initial_state(keys[seed])
        for path in batch:
            np.testing.assert_array_equal(live[path], single[path], err_msg=path)
            np.testing.assert_allclose(batch[path][seed], single[path], rtol=2e-5, atol=1e-6, err_msg=path)
    net.reset(seed=7)


@pytest.mark.slow
def test_a_sweep_over_seeds_is_resets_with_them(net):
    sweep = bs.sweep(
        net, {}, 0.2 * u.ms, dt=DT, seeds=range(3), record=["lag.x", "n_Izhikevich.u", "pre.V", "lag.far.g"]
    )
    for seed in range(3):
        net.reset(seed=seed)
        rec = bs.simulate(net, 0.2 * u.ms, dt=DT, record=["lag.x", "n_Izhikevich.u", "pre.V", "lag.far.g"])
        for label in ("lag.x", "n_Izhikevich.u", "pre.V", "lag.far.g"):
            ours, theirs = (np.asarray(u.get_mantissa(r[label])) for r in (sweep.recordings[seed], rec))
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=label)
    net.reset(seed=7)


def linear(weight=-2.0, x=1.0, **options):
    net = bs.Network()
    net.m = masses.Linear(1, x=x)
    net.m.add_receptors(c=receptors.Graded())
    net.connect(net.m, net.m, bs.AllToAll(), receptor="c", signal="x", weight=weight, **options)
    return net


def after(net, ms, dt=0.5):
    return float(bs.simulate(net, ms * u.ms, dt=dt * u.ms, record="m.x")["m.x"][-1, 0])


# x decays towards I = -2 x(0), held over the step: x(0.5 ms) = I + (x(0) - I) exp(-0.05)
FIRST = -2 + 3 * np.exp(-0.05)


def test_no_step_is_uncoupled():
    net = linear()
    assert after(net, 0.5) == pytest.approx(FIRST, rel=1e-5)
    net.reset()
    net.m.x = 3.0  # before the first run
    assert after(net, 0.5) == pytest.approx(3 * FIRST, rel=1e-5)
    net.m.x = 5.0  # in the course of a simulation
    assert after(net, 0.5) == pytest.approx(5 * FIRST, rel=1e-5)
    net.reset()
    assert after(net, 0.5) == pytest.approx(3 * FIRST, rel=1e-5)


@pytest.mark.parametrize("delay", [None, 2 * u.ms, np.full((1, 1), 2.0) * u.ms], ids=["none", "axonal", "synaptic"])
def test_history_and_coupling_follow_the_initial_value(delay):
    net = linear(delay=delay)
    expected = FIRST
    run = bs.function(net, 0.5 * u.ms, dt=0.5 * u.ms)
    assert float(run({}, {})[0]["m.x"][0]) == pytest.approx(expected, rel=1e-5)
    assert float(run({}, {"m.x": 10.0})[0]["m.x"][0]) == pytest.approx(10 * expected, rel=1e-5)
    sweep = bs.sweep(net, {"m.x": [1.0, 10.0]}, 0.5 * u.ms, dt=0.5 * u.ms, record="m.x")
    assert np.allclose([r["m.x"][-1, 0] for r in sweep.recordings], [expected, 10 * expected], rtol=1e-5)
    after(net, 3.0)
    net.reset()
    net.m.x = 10.0
    assert after(net, 0.5) == pytest.approx(10 * expected, rel=1e-5)
    net.reset()
    assert after(net, 0.5, dt=0.25) == pytest.approx(10 * (-2 + 3 * np.exp(-0.05)), rel=0.01)


def test_the_first_step_has_a_gradient_for_the_coupling():
    run = bs.function(linear(), 0.5 * u.ms, dt=0.5 * u.ms)
    slope = jax.grad(lambda w: run({"m->m.weight": w}, run.state)[0]["m.x"].sum())(jnp.full((1, 1), -2.0))
    assert float(slope[0, 0]) == pytest.approx(1 - np.exp(-0.05), rel=1e-4)


def test_a_graded_weight_acts_from_the_next_step_whenever_it_changes():
    """:math:`\\tau \\dot x = -x + w x_0` over one step, in the middle of a simulation, with w = 0 instead of -2."""
    net = bs.Network()
    net.m = bs.masses.Linear(1, x=1.0, tau=10 * u.ms)
    net.m.add_receptors(g=bs.receptors.Graded())
    net.connect(net.m, net.m, bs.OneToOne(), receptor="g", weight=-2.0, signal="x")
    bs.simulate(net, 5 * u.ms)
    start, decay = float(net.m.x[0]), np.exp(-0.01)
    run = bs.function(net, 0.1 * u.ms, record="m.x")
    end = lambda w, state: run({"m->m.weight": w}, state)[1]["m.x"][-1, 0]
    assert float(end(0.0, run.state)) == pytest.approx(start * decay, rel=1e-6)
    assert float(end(0.0, {"m.x": 3.0})) == pytest.approx(3 * decay, rel=1e-6)
    assert float(jax.grad(end)(0.0, run.state)) == pytest.approx(start * (1 - decay), rel=1e-4)
    ends = [float(r["m.x"][-1, 0]) for r in bs.sweep(net, {"m->m.weight": [0.0, -2.0]}, 0.1 * u.ms, record="m.x")]
    assert ends == pytest.approx([start * decay, start * (decay - 2 * (1 - decay))], rel=1e-5)
    net["m->m"].weight = 0.0
    assert float(bs.simulate(net, 0.1 * u.ms, record="m.x")["m.x"][-1, 0]) == pytest.approx(start * decay, rel=1e-6)


def test_a_gate_that_is_open_at_the_beginning_passes_current():
    net = bs.Network()
    net.S, net.T = (
        bs.neurons.LIF(1),
        bs.neurons.LIF(1, tau=10 * u.ms, R=1 * u.Gohm, E_L=0 * u.mV, V=0 * u.mV, V_th=99 * u.mV),
    )
    net.T.add_receptors(g=receptors.Graded())
    terminal = terminals.NMDAGating(s=0.5, tau_decay=1e6 * u.ms)
    net.connect(net.S, net.T, bs.AllToAll(), receptor="g", weight=2 * u.pA, terminal=terminal)
    V = bs.simulate(net, 0.1 * u.ms, dt=DT, record="T.V")["T.V"][0, 0]
    assert V.to_decimal(u.mV) == pytest.approx(1 - np.exp(-0.01), rel=1e-4)


def test_derived_values_follow_what_they_derive_from():
    net = bs.Network()
    net.E = neurons.Izhikevich(1)
    net.E.V = -70 * u.mV  # u = b V
    bs.function(net, 0.1 * u.ms)
    assert float(net.E.plain("u")[0]) == pytest.approx(-14, rel=1e-6)
    sweep = bs.sweep(net, {"E.b": [0.2, 0.4]}, 0.1 * u.ms, dt=DT, record="E.u")
    first = [float(u.get_mantissa(r["E.u"])[0, 0]) for r in sweep.recordings]
    assert first[1] / first[0] == pytest.approx(2.0, rel=2e-3)
    net.E.u = -10.0 * net.E.unit_of("u")  # given: it follows nothing
    sweep = bs.sweep(net, {"E.b": [0.2, 0.4]}, 0.1 * u.ms, dt=DT, record="E.u")
    first = [float(u.get_mantissa(r["E.u"])[0, 0]) for r in sweep.recordings]
    assert first[1] / first[0] == pytest.approx(1.0, abs=5e-2)


def test_a_distribution_that_is_assigned_is_drawn_again():
    net = bs.Network()
    net.E = bs.neurons.LIF(4)
    net.E.V = bs.Uniform(-60 * u.mV, -50 * u.mV)
    net.E[:1].V = bs.Uniform(-70 * u.mV, -65 * u.mV)
    first = state_of(net)["E.V"]
    assert -70 <= first[0] <= -65 and (first[1:] >= -60).all()
    net.reset()
    np.testing.assert_array_equal(state_of(net)["E.V"], first)
    net.reset(seed=5)
    other = state_of(net)["E.V"]
    assert (other != first).all() and -70 <= other[0] <= -65
    sweep = bs.sweep(net, {}, 0.1 * u.ms, dt=DT, seeds=[0, 5], record="E.V")
    for recording, start in zip(sweep.recordings, (first, other)):
        V = np.asarray(recording["E.V"].to_decimal(u.mV))[0]
        fired = start > -50  # none does
        assert not fired.any()
        np.testing.assert_allclose(
            V, net.E.plain("E_L") + (start - net.E.plain("E_L")) * np.exp(-0.1 / net.E.plain("tau")), rtol=1e-5
        )


def test_a_disturbance_ends_with_a_reset_and_weights_stay():
    net = bs.Network()
    net.E = bs.neurons.LIF(2)
    net.E.add_receptors(syn=receptors.Exponential())
    net.connect(net.E, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=example(plasticity.PairSTDP))
    bs.simulate(net, 0.1 * u.ms)
    net.E.V = -55 * u.mV
    net["E->E"].weight = 0.25 * u.pA
    net["E->E"].weight[1, 0] = 0.5 * u.pA
    net.reset()
    assert np.allclose(net.E.plain("V"), net.E._declared["V"].default.mantissa)
    np.testing.assert_array_equal(net["E->E"].plain("weight"), [[0.25, 0.25], [0.5, 0.25]])


@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1, 2**32, 5 + 2**32, -1, -5, 2**80])
def test_all_of_a_seed_counts(seed):
    others = [s for s in (0, 5, 2**32 - 1, 2**32, 5 + 2**32, -1, -5, 2**80) if s != seed]
    assert not any(np.array_equal(key_of(seed), key_of(other)) for other in others)
    assert np.array_equal(key_of(5), jax.random.PRNGKey(5))


def test_values_of_the_giver_are_copied():
    given = np.full(2, -55.0)
    net = bs.Network()
    net.E = bs.neurons.LIF(2, V=u.Quantity(given, unit=u.mV))
    given[:] = 0
    net.reset()
    assert np.allclose(net.E.plain("V"), -55)
