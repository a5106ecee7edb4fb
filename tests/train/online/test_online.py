"""What learning without the past takes and refuses, and how it transforms."""

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
    TARGET,
    Leaky,
    Soft,
    assert_equal,
    learned,
    lif,
    loss,
    one_layer,
)


@pytest.fixture(scope="module")
def learn():
    return bs.train.online(one_layer(), dt=DT, loss=loss)


def test_steps_are_a_run_and_values_are_those_of_a_simulation(learn):
    net = learn.net
    carry, values = learn.init(), []
    step = jax.jit(learn.step)
    for k in range(10):
        carry, value = step(None, carry, {"inp.input": INPUT[k]}, TARGET[k])
        values.append(value)
    total, gradients, after = learn.run(None, {"inp.input": INPUT[:10]}, TARGET[:10])
    np.testing.assert_allclose(sum(values), total, rtol=1e-13)
    assert_equal(carry.gradients, gradients, 1e-13)
    net.reset()
    rec = bs.simulate(net, 10 * DT, dt=DT, record="out.V", inputs={"inp.input": INPUT[:10]}, progress=False)
    np.testing.assert_allclose(total, np.sum((rec["out.V"].mantissa - TARGET[:10]) ** 2), rtol=1e-12)
    net.reset()
    # in two parts, the gradients of the second are those that the first have not had
    first = learn.run(None, {"inp.input": INPUT[:4]}, TARGET[:4])
    second = learn.run(None, {"inp.input": INPUT[4:10]}, TARGET[4:10], carry=first[2])
    assert_equal({p: first[1][p] + second[1][p] for p in gradients}, gradients, 1e-13)
    np.testing.assert_array_equal(second[2].state["out.V"], after.state["out.V"])


def test_a_batch_is_a_loop(learn):
    x = np.random.default_rng(1).uniform(size=(3, 12, 5)) < 0.3
    one = jax.jit(lambda x, y: learn.run(None, {"inp.input": x.astype(float)}, y)[:2])
    value, gradients = jax.jit(jax.vmap(one, (0, None)))(x, TARGET[:12])
    for k in range(3):
        alone = one(x[k], TARGET[:12])
        np.testing.assert_allclose(value[k], alone[0], rtol=1e-12)
        assert_equal({p: g[k] for p, g in gradients.items()}, alone[1], 1e-12)


def test_memory_does_not_grow_with_time(learn):
    """Temporary memory of the compiled program, for sequences made inside of it."""

    def sized(steps):
        def whole(key):
            def body(carry, k):
                row = jax.random.bernoulli(jax.random.fold_in(key, k), 0.2, (5,)).astype(float)
                return learn.step(None, carry, {"inp.input": row}, jnp.zeros(3))[0], None

            return jax.lax.scan(body, learn.init(), jnp.arange(steps))[0].gradients

        return jax.jit(whole).lower(jax.random.PRNGKey(0)).compile().memory_analysis().temp_size_in_bytes

    short, long = sized(100), sized(10_000)
    assert long < short + 8 * 10_000 + 1_000  # the numbers of the steps
    assert short > 0


def test_other_seeds_draw_other_initial_states():
    cell = lambda n: bs.neurons.LIF(n, R=100 * u.Mohm, V=bs.Normal(-55 * u.mV, 2 * u.mV), surrogate=bs.surrogate.ATan())
    learn = bs.train.online(one_layer(cell), dt=DT, loss=loss)
    a, b, again = (learn.init(key=jax.random.PRNGKey(k)) for k in (0, 1, 0))
    assert np.any(a.state["hid.V"] != b.state["hid.V"])
    np.testing.assert_array_equal(a.state["hid.V"], again.state["hid.V"])


class Coupled(Soft):
    """Its units see their mean."""

    def derivative(self, t, V, I):
        return (I - V + 0.1 * jnp.mean(u.get_mantissa(V)) * u.mV) / self.tau


REFUSED = {
    "its units depend on each other": (
        lambda: one_layer(
            lambda n: Coupled(n, surrogate=bs.surrogate.ATan(), method=bs.integrators.Untried("euler")),
            bs.receptors.Delta(),
            1 * u.mV,
        ),
        {},
        "hid: its units depend on each other within a step .*rtrl",
    ),
    "no surrogate": (
        lambda: one_layer(lambda n: bs.neurons.LIF(n)),
        {},
        r"hid: its spikes have no derivative.*from out.*LIF\(..., surrogate",
    ),
    "a terminal between those that learn": (
        lambda: with_terminal(),
        {},
        "hid->out: no learning signal goes back through a terminal",
    ),
    "a parameter of a terminal": (
        lambda: one_layer(terminal=bs.terminals.TsodyksMarkram(U=0.5), weight=500 * u.pA),
        dict(train="inp->hid.terminal.U"),
        "inp->hid.terminal.U is neither a weight of synapses.*rtrl",
    ),
    "other time constants": (
        lambda: one_layer(lambda n: lif(n, tau=np.arange(10, 10 + n) * u.ms)),
        dict(rule="ottt"),
        "hid: presynaptic traces go on as .*pp_prop",
    ),
    "a readout that sends on": (lambda: one_layer(), dict(readout="hid"), "readout: hid sends to out"),
    "a readout that is not reached": (
        lambda: one_layer(),
        dict(readout="inp"),
        "readout: nothing that is trained reaches inp",
    ),
    "feedback of the exact rule": (lambda: one_layer(), dict(rule="rtrl", feedback="random"), "feedback: rule='rtrl'"),
}


def with_terminal():
    net = bs.Network()
    net.inp, net.hid, net.out = bs.sources.SpikeInput(5), lif(4), Leaky(3)
    net.hid.add_receptors(syn=bs.receptors.Exponential())
    net.out.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.inp, net.hid, bs.AllToAll(), receptor="syn", weight=1 * u.pA)
    net.connect(
        net.hid, net.out, bs.AllToAll(), receptor="syn", weight=1 * u.mV, terminal=bs.terminals.TsodyksMarkram()
    )
    return net


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_done_is_refused_by_name(why):
    make, options, message = REFUSED[why]
    with pytest.raises(ValueError, match=message):
        bs.train.online(make(), dt=DT, loss=loss, **options)


def test_names_that_do_not_exist_are_refused(learn):
    net = learn.net
    for options, message in (
        (dict(rule="d_rtl"), "rule='d_rtl' is unknown.*d_rtrl"),
        (dict(feedback="randm"), "feedback='randm' is unknown.*random"),
        (dict(train="hid.tauu"), "no parameter is called 'hid.tauu'.*hid.tau"),
        (dict(readout="ot"), "there is no population 'ot'"),
    ):
        with pytest.raises(bs.UnknownNameError, match=message):
            bs.train.online(net, dt=DT, loss=loss, **options)
    with pytest.raises(TypeError, match="loss: expected a function"):
        bs.train.online(net, dt=DT, loss="mse")
    with pytest.raises(bs.UnknownNameError, match="parameters: the network has no 'hid.weight'"):
        learn.init({"hid.weight": 1.0})
    with pytest.raises(bs.UnknownNameError, match="inputs: the network has no 'in.input'"):
        learn.step(None, learn.init(), {"in.input": INPUT[0]}, TARGET[0])
    for wrong in (lambda: bs.train.rules.SLTT(k=3, of=2), lambda: bs.train.rules.PPProp(alpha=1.0)):
        with pytest.raises(ValueError, match="SLTT: k and of|PPProp: alpha"):
            wrong()


def test_size_one_and_one_step():
    net = one_layer(size=1)
    assert all(np.all(np.isfinite(g)) for g in learned(net, "d_rtrl", steps=1)[1].values())
    assert STEPS > 1
