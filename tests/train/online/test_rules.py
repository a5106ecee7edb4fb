"""Every rule against what it is known to be equal to: backpropagation through time, in full or with gradients cut."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from tests.train.online.networks import (
    DT,
    INPUT,
    STEPS,
    SURROGATE,
    TARGET,
    Leaky,
    Soft,
    assert_equal,
    backpropagated,
    learned,
    lif,
    loss,
    one_layer,
    stack,
)


def soft(n, **options):
    return Soft(n, surrogate=bs.surrogate.ATan(alpha=2.0), **options)


def in_single_precision(make):
    with jax.enable_x64(False):
        return make()


# -- D-RTRL ----------------------------------------------------------------------------------------------------------

WAYS = {
    "sparse": dict(rule=bs.FixedInDegree(3)),
    "one_weight_for_all": dict(weight=100 * u.pA),
    "one_to_one": dict(rule=bs.OneToOne(), weight=bs.Uniform(500 * u.pA, 900 * u.pA)),
    "axonal_delay": dict(delay=3 * u.ms),
    "delays_of_synapses": dict(delay=bs.Uniform(1 * u.ms, 5 * u.ms)),
    "sparse_with_delays": dict(rule=bs.FixedInDegree(3), delay=bs.Uniform(1 * u.ms, 5 * u.ms)),
    "terminal": dict(terminal=bs.terminals.TsodyksMarkram(U=0.5), weight=bs.Uniform(150 * u.pA, 400 * u.pA)),
}


def test_whatever_stands_between_input_and_neuron():
    """All of it in one network: each has gradients of its own."""
    usual = dict(rule=bs.AllToAll(), weight=bs.Normal(150 * u.pA, 100 * u.pA))
    net = one_layer(size=5, **usual)
    for way, options in WAYS.items():
        net.connect(net.inp, net.hid, receptor="syn", name=way, **usual | options)
    value, gradients = learned(net, "d_rtrl")
    assert {f"{way}.weight" for way in WAYS} < gradients.keys()
    assert all(np.any(g != 0) for g in gradients.values())
    expected = backpropagated(net, gradients)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    assert_equal(gradients, expected[1], 1e-12)


OWN = ["*.weight", "hid.tau", "hid.E_L", "hid.V_th", "hid.syn.tau", "hid.drive.amplitude", "out.tau"]


def with_own_parameters(receptor=None):
    """Time constants of their own for each neuron, a stimulus, and V that begins at E_L."""
    rng = np.random.default_rng(1)
    cell = lambda n: bs.neurons.LIF(n, tau=rng.uniform(15, 25, n) * u.ms, R=100 * u.Mohm, refractory=2 * u.ms,
                                    surrogate=bs.surrogate.ATan(alpha=2.0))  # fmt: skip
    out = Leaky(3, tau=np.array([10.0, 20.0, 40.0]) * u.ms)
    net = one_layer(cell, receptor=receptor, out=out)
    net.hid.add_stimuli(drive=bs.stimuli.Constant(30 * u.pA))
    return net


def test_any_parameter_of_a_population_and_readouts_with_filters_of_their_own():
    net = with_own_parameters()
    _, gradients = learned(net, "d_rtrl", train=OWN)
    assert all(np.any(g != 0) for g in gradients.values())
    assert_equal(gradients, backpropagated(net, gradients)[1], 1e-11)


def test_single_precision_is_right_to_1e_5():
    def both():
        net = with_own_parameters()
        _, gradients = learned(net, "d_rtrl", train=OWN)
        return gradients, backpropagated(net, gradients)[1]

    found, expected = in_single_precision(both)
    assert found["out.tau"].dtype == np.float32
    assert_equal(found, expected, 1e-5)


def test_a_loss_on_spikes_and_a_readout_that_fires():
    net = one_layer(
        out=bs.neurons.LIF(3, R=1 * u.Gohm, V=-51 * u.mV, surrogate=bs.surrogate.ATan()),
        read=bs.Normal(5 * u.pA, 10 * u.pA),
    )
    count = lambda state, target: jnp.sum((state["out.spikes"] - target) ** 2) + jnp.sum(state["hid.spikes"] ** 2) / 9
    _, gradients = learned(net, "d_rtrl", loss=count)
    assert_equal(gradients, backpropagated(net, gradients, ("out.spikes", "hid.spikes"), loss=count)[1], 1e-11)


def test_a_graded_signal_needs_no_surrogate():
    net = bs.Network(seed=3)
    net.inp, net.hid, net.out = bs.sources.SpikeInput(5), Leaky(6, tau=5 * u.ms), Leaky(3)
    net.hid.add_receptors(syn=bs.receptors.Exponential())
    net.out.add_receptors(syn=bs.receptors.Graded())
    net.connect(net.inp, net.hid, bs.AllToAll(), receptor="syn", weight=bs.Normal(1 * u.mV, 1 * u.mV))
    net.connect(net.hid, net.out, bs.AllToAll(), receptor="syn", signal="V", weight=bs.Normal(0, 0.3))
    _, gradients = learned(net, "d_rtrl")
    assert_equal(gradients, backpropagated(net, gradients)[1], 1e-12)


# -- the whole network -----------------------------------------------------------------------------------------------


def recurrent(**options):
    return one_layer(size=4, recurrent=bs.AllToAll(), weight=bs.Normal(500 * u.pA, 300 * u.pA), **options)


def test_rtrl_is_backpropagation_with_recurrence_delays_and_terminals():
    net = recurrent(delay=2 * u.ms, terminal=bs.terminals.TsodyksMarkram(U=0.5))
    train = ["*.weight", "hid.tau", "inp->hid.terminal.U"]
    value, gradients = learned(net, "rtrl", train=train)
    expected = backpropagated(net, gradients)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    assert_equal(gradients, expected[1], 1e-12)


def test_snap_1_is_exact_where_neurons_see_themselves_only():
    net = one_layer(recurrent=bs.OneToOne())
    _, gradients = learned(net, "snap1")
    expected = backpropagated(net, gradients)[1]
    assert_equal(gradients, expected, 1e-12)
    left_out = learned(net, "d_rtrl")[1]["inp->hid.weight"]
    assert np.abs(left_out / expected["inp->hid.weight"] - 1).max() > 0.01


def test_uoro_is_right_in_the_mean():
    net = one_layer(soft, bs.receptors.Delta(), bs.Normal(0.5 * u.mV, 0.5 * u.mV), size=3, recurrent=bs.AllToAll())
    steps, n = 8, 20_000
    learn = bs.train.online(net, dt=DT, rule="uoro", loss=loss, train=["hid->hid.weight", "inp->hid.weight"])
    many = jax.jit(jax.vmap(lambda key: learn.run(None, {"inp.input": INPUT[:steps]}, TARGET[:steps], key=key)[1]))
    found = many(jax.random.split(jax.random.PRNGKey(0), n))
    expected = backpropagated(net, found, steps=steps)[1]
    for path, exact in expected.items():
        error = np.std(found[path], 0) / n**0.5 + 1e-12
        assert np.abs((found[path].mean(0) - exact) / error).max() < 5, path
    assert np.abs(exact).max() > 20 * np.median(error)  # the mean says something


# -- rules that leave something out ----------------------------------------------------------------------------------


def cut(net, paths, stop, loss=loss, steps=STEPS):
    """Backpropagation in which ``stop`` says after each step which states carry no gradient on."""
    run = bs.function(net, steps * DT, dt=DT, remat=False)
    structure, fixed = run._entry.structure, run.fixed

    def total(parameters):
        def body(state, now):
            x, y = now
            clock = bs.Clock(state["steps"], bs._core.step_length(1.0), fixed["key"])
            new = structure.step(run.parameters | parameters, fixed, state, clock, {"inp.input": x})
            value = loss(new, y)
            return {p: jax.lax.stop_gradient(a) if stop(p) else a for p, a in new.items()}, value

        return jnp.sum(jax.lax.scan(body, run.state, (INPUT[:steps], TARGET[:steps]))[1])

    return jax.jit(jax.grad(total))({path: run.parameters[path] for path in paths})


def test_sltt_is_backpropagation_with_nothing_carried_in_time():
    """In a stack of three: what is on its way to a neuron passes gradients, what neurons remember does not."""
    net = stack(layers=(6, 5, 4))
    _, gradients = learned(net, "sltt")
    assert all(np.any(g != 0) for g in gradients.values())
    assert_equal(gradients, cut(net, gradients, lambda path: not path.endswith(".jump")), 1e-12)


def test_sltt_k_takes_k_steps_of_each_block():
    net = one_layer(soft, bs.receptors.Delta(), weight=bs.Normal(1 * u.mV, 1 * u.mV))
    learn = bs.train.online(net, dt=DT, rule=bs.train.rules.SLTT(k=2, of=8), loss=loss)

    def each(carry, now):
        after, _ = learn.step(None, carry, {"inp.input": now[0]}, now[1])
        return learn.clear(after), after.gradients

    kept = jax.lax.scan(each, learn.init(), (INPUT, TARGET))[1]["hid->out.weight"]
    all_steps = learned(net, "sltt")[1]
    counted = np.any(kept != 0, axis=(1, 2)).reshape(-1, 8)
    assert counted.shape == (5, 8)
    assert np.all(counted.sum(1) <= 2)
    assert counted.sum() >= 8
    assert np.all(np.abs(kept.sum(0)) < 2 * np.abs(all_steps["hid->out.weight"]).max())


def test_ostl_is_d_rtrl_and_backpropagation_for_one_layer():
    net = one_layer(size=3)
    on_spikes = lambda state, target: jnp.sum((state["hid.spikes"] - target) ** 2)
    found = [learned(net, rule, loss=on_spikes, train="inp->hid.weight")[1] for rule in ("ostl", "d_rtrl")]
    assert_equal(found[0], found[1], 1e-13)
    assert_equal(found[0], backpropagated(net, found[0], ("hid.spikes",), loss=on_spikes)[1], 1e-12)


def test_ottt_is_d_rtrl_of_a_neuron_that_spikes_do_not_change():
    """With a soft reset whose gradient is detached, the Jacobian is that of rest; without memory in the readout."""
    net = one_layer(lambda n: soft(n, detach_reset=True), bs.receptors.Delta(),
                    weight=bs.Normal(1 * u.mV, 1 * u.mV))  # fmt: skip
    ottt, ostl = (learned(net, rule)[1] for rule in ("ottt", "ostl"))
    assert_equal(ottt, ostl, 1e-12)
    # the same for OTPE and the readout's memory
    otpe, d_rtrl = (learned(net, rule)[1] for rule in ("otpe", "d_rtrl"))
    assert_equal(otpe, d_rtrl, 1e-12)
    assert_equal(otpe, backpropagated(net, otpe)[1], 1e-12)


def test_e_prop_is_backpropagation_with_resets_detached():
    net = one_layer()
    _, gradients = learned(net, "e_prop")
    detached = one_layer(lambda n: lif(n, detach_reset=True))
    assert_equal(gradients, backpropagated(detached, gradients)[1], 1e-12)
    assert not net.hid.detach_reset


def test_e_prop_of_an_adaptive_threshold_is_that_of_its_paper():
    """Bellec et al. (2020), equations 24 and 25: a spike's derivative goes on in the threshold, not through the reset."""
    tau, tau_a, beta, V_th, surrogate = 10.0, 200.0, 0.4, 1.0, bs.surrogate.Triangular()
    net = bs.Network(seed=3)
    net.inp = bs.sources.SpikeInput(5)
    net.hid = bs.neurons.ALIF(
        2, tau=tau * u.ms, tau_a=tau_a * u.ms, beta=beta * u.mV, V_th=V_th * u.mV, E_L=0 * u.mV, V=0 * u.mV,
        surrogate=surrogate,
    )  # fmt: skip
    net.hid.add_receptors(syn=bs.receptors.Delta())
    w = np.random.default_rng(0).normal(0.6, 0.4, (5, 2))
    net.connect(net.inp, net.hid, bs.AllToAll(), receptor="syn", weight=w * u.mV)
    net.out = Leaky(1)
    net.out.add_receptors(syn=bs.receptors.Delta())
    net.connect(net.hid, net.out, bs.AllToAll(), receptor="syn", weight=np.zeros((2, 1)) * u.mV)
    c = np.random.default_rng(1).normal(size=(STEPS, 2))
    _, found = learned(net, "e_prop", train="inp->hid.weight", loss=lambda state, c: jnp.sum(c * state["hid.spikes"]),
                       target=c)  # fmt: skip

    keeps, rho = np.exp(-1 / tau), np.exp(-1 / tau_a)
    V, a, of_V, of_a = np.zeros(2), np.zeros(2), np.zeros((5, 2)), np.zeros((5, 2))
    gradient, spikes, x = np.zeros((5, 2)), 0, np.zeros(5)
    for k in range(STEPS):  # what is sent in a step arrives at its end
        V, a = keeps * (V + x @ w), rho * a
        of_V, of_a = keeps * (of_V + x[:, None]), rho * of_a
        distance = (V - V_th - beta * a) / V_th
        psi, z = np.asarray(surrogate.derivative(distance)) / V_th, distance > 0
        of_z = psi * (of_V - beta * of_a)
        V, a, of_a, spikes = V - V_th * z, a + z, of_a + of_z, spikes + z.sum()
        gradient, x = gradient + c[k] * of_z, INPUT[k]
    assert spikes > 10
    assert_equal(found, {"inp->hid.weight": gradient}, 1e-12)


def test_pp_prop_is_d_rtrl_where_one_spike_arrives():
    """The sum of products is one product then, but for the factor of smoothing."""
    net = one_layer(soft, bs.receptors.Delta(), weight=bs.Uniform(5 * u.mV, 9 * u.mV))
    once = np.zeros_like(INPUT)
    once[0] = [1, 0, 0, 0, 0]
    alpha, found = 0.8, []
    for rule in (bs.train.rules.PPProp(alpha=alpha), "ostl"):
        learn = bs.train.online(net, dt=DT, rule=rule, loss=loss, train="inp->hid.weight")
        step = jax.jit(lambda carry, x, y, step=learn.step: step(None, carry, {"inp.input": x}, y)[0])
        carry = learn.init()
        for k in range(2):
            carry = step(carry, once[k], TARGET[k])
        found.append(carry.kept.traces["inp->hid.weight"])
    pre, post = (found[0][k]["hid.syn.jump"] for k in (0, 1))
    product = pre[:, None] * post["hid.V"][None]
    # x: 1, alpha; y after one step: (1 - alpha) alpha D, so that x y = alpha^2 (1 - alpha) D
    np.testing.assert_allclose(product / (alpha**2 * (1 - alpha)), found[1]["hid.V"], rtol=1e-12)
    assert np.any(product != 0)


def test_decolle_is_the_gradient_of_local_losses():
    """A layer's loss depends on its own parameters alone, by traces in which spikes change nothing."""
    net = stack(layers=(6, 5), hidden=lambda n, surrogate: Soft(n, surrogate=surrogate, detach_reset=True))
    local = lambda y, target: jnp.sum((y - target) ** 2)
    learn = bs.train.online(net, dt=DT, rule=bs.train.rules.DECOLLE(outputs=3, loss=local), loss=loss)
    carry = learn.init()
    _, gradients, _ = learn.run(None, {"inp.input": INPUT}, TARGET, carry=carry)
    G = carry.kept.feedback

    def local_losses(state, target):
        return loss(state, target) + sum(local(G[p] @ state[f"{p}.spikes"], target) for p in ("hid0", "hid1"))

    # nothing passes from layer to layer: what arrives is cut off
    on_the_way = {"hid1.syn.jump", "out.syn.jump"}
    for path in gradients:
        net_path = {path}
        stop = (lambda p: p in on_the_way) if path == "inp->hid0.weight" else (lambda p: p == "out.syn.jump")
        if path == "hid1->out.weight":
            stop = lambda p: False
        expected = cut(net, net_path, stop, loss=local_losses)
        assert_equal({path: gradients[path]}, expected, 1e-12)


def test_three_factors_wait_for_their_signal():
    """The eligibility that a late reward finds, computed from recorded potentials."""
    net = one_layer(soft, bs.receptors.Delta(), weight=bs.Normal(1 * u.mV, 1 * u.mV))
    reward = lambda state, target: target * jnp.sum(state["hid.spikes"])
    target = np.zeros(STEPS)
    target[-1] = 1.0
    rule = bs.train.rules.ThreeFactor(tau=8 * u.ms)
    _, gradients = learned(net, rule, loss=reward, target=target, train="inp->hid.weight")
    rec = bs.simulate(net, STEPS * DT, dt=DT, record=["hid.V", "hid.spikes"],
                      inputs={"inp.input": INPUT}, progress=False)  # fmt: skip
    fired = np.zeros((STEPS, 6))
    fired[rec.spikes["hid"].steps - 1, rec.spikes["hid"].indices] = 1
    before_reset = rec["hid.V"].mantissa + fired
    slope = np.asarray(SURROGATE.derivative(before_reset - 1.0))
    x, waiting, keeps = np.zeros(5), np.zeros((5, 6)), np.exp(-1 / 10)
    for k in range(STEPS):
        waiting = np.exp(-1 / 8) * waiting + keeps * x[:, None] * slope[k]
        x = keeps * x + INPUT[k]
    np.testing.assert_allclose(gradients["inp->hid.weight"], waiting, rtol=1e-10)


# -- feedback --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feedback", ["random", "alignment"])
def test_feedback_takes_the_place_of_the_weights(feedback):
    """With the forward weights as feedback it is symmetric; random feedback gives another gradient of the layer below."""
    net = stack(layers=(6,))
    symmetric = learned(net, "e_prop")[1]
    learn = bs.train.online(net, dt=DT, rule="e_prop", loss=loss, feedback=feedback)
    carry = learn.init()
    name = "hid0->out"
    (B,) = carry.kept.feedback.values()
    W = net[name].plain("weight")
    assert B.shape == W.shape
    assert 0.3 < np.std(B) / np.std(W) < 3
    run = lambda B: learn.run(None, {"inp.input": INPUT}, TARGET,
                              carry=carry._replace(kept=carry.kept._replace(feedback={name: B})))[1]  # fmt: skip
    assert_equal(run(W), symmetric, 1e-12)
    other = run(B)
    assert_equal(
        {p: g for p, g in other.items() if p.startswith("hid0")},
        {p: g for p, g in symmetric.items() if p.startswith("hid0")},
        1e-13,
    )
    assert np.abs(other["inp->hid0.weight"] - symmetric["inp->hid0.weight"]).max() > 0


def test_direct_feedback_reaches_every_hidden_layer():
    net = stack(layers=(6, 5, 4))
    learn = bs.train.online(net, dt=DT, rule="e_prop", loss=loss, feedback="random")
    carry = learn.init(key=jax.random.PRNGKey(1))
    assert sorted(B.shape for B in carry.kept.feedback.values()) == [(4, 3), (5, 3), (6, 3)]
    gradients = learn.run(None, {"inp.input": INPUT}, TARGET, carry=carry)[1]
    assert all(np.any(g != 0) for g in gradients.values())


def test_adaptive_feedback_comes_to_the_weights():
    r"""B - W shrinks by 1 - c in each step while the weights decay by c (Kolen and Pollack 1994)."""
    net, c = stack(layers=(6,)), 0.1
    learn = bs.train.online(net, dt=DT, rule="e_prop", loss=loss, feedback="adaptive", decay=c)
    carry, parameters, apart = learn.init(), learn.parameters, []
    path, step = "hid0->out.weight", jax.jit(learn.step)
    for k in range(6):
        carry, _ = step(parameters, carry, {"inp.input": INPUT[k]}, TARGET[k])
        apart.append(carry.kept.feedback["hid0->out"]["B"] - parameters[path])
        parameters = {p: (1 - c) * w - 1e-3 * carry.gradients[p] for p, w in parameters.items()}
    np.testing.assert_allclose(apart[5], (1 - c) ** 5 * apart[0], rtol=1e-10)
    assert np.abs(apart[0]).max() > 0.1
