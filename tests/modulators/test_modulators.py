"""Modulators against the solutions of their equations, and what rules make of them."""

import inspect
import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

KINDS = [x for n in bs.modulators.__all__ if inspect.isclass(x := getattr(bs.modulators, n))]
KINDS = [kind for kind in KINDS if kind not in (bs.modulators.Modulator, bs.modulators.LeakyModulator)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_is_documented(kind):
    assert ".. math::" in kind.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", kind.__doc__, re.DOTALL)
    for name, declared in kind._declared.items():
        assert declared.__doc__ and declared.unit is not None, name


def two_groups():
    net = bs.Network()
    net.liquid, net.input = bs.sources.SpikeInput(3), bs.sources.SpikeInput(4)
    return net


def given(net, steps=60, seed=0):
    rng = np.random.default_rng(seed)
    return {f"{name}.input": (rng.random((steps, p.count)) < 0.2).astype(float) for name, p in net.populations.items()}


def run(net, inputs, dt=1.0, **options):
    steps = len(next(iter(inputs.values())))
    return bs.simulate(net, steps * dt * u.ms, dt=dt * u.ms, inputs=inputs, progress=False, **options)


def test_an_astrocyte_is_the_leaky_difference_of_two_groups():
    net = two_groups()
    net.astro = bs.modulators.Astrocyte(
        net.liquid, net.input[1:], tau=50 * u.ms, w_plus=0.4, w_minus=0.3, bias=1.0, level=1.0
    )
    inputs = given(net)
    rec = run(net, inputs, record=["astro.level", "astro.mean"])
    level, expected, means = 1.0, [], []
    for liquid, source in zip(inputs["liquid.input"], inputs["input.input"]):
        means.append(1 + (level - 1) * 50 * -np.expm1(-1 / 50))
        level = 1 + (level - 1) * np.exp(-1 / 50) + (0.4 * liquid.sum() - 0.3 * source[1:].sum()) / 50
        expected.append(level)
    np.testing.assert_allclose(np.asarray(rec["astro.level"]).ravel(), expected, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(rec["astro.mean"]).ravel(), means, rtol=1e-12)


def test_dopamine_is_released_decays_and_has_an_exact_mean():
    net = two_groups()
    net.dopamine = bs.modulators.Dopamine(net.liquid[:1], tau=40 * u.ms, increment=0.5)
    inputs = given(net) | {"dopamine.release": np.where(np.arange(60) == 10, 200.0, 0.0) * u.Hz}
    rec = run(net, inputs, record=["dopamine.level", "dopamine.mean"])
    level, levels, means = 0.0, [], []
    for k in range(60):
        fine = level
        r = 0.2 if k == 10 else 0.0
        t = np.linspace(0, 1, 2001)
        course = r * 40 + (fine - r * 40) * np.exp(-t / 40)
        means.append(np.trapezoid(course, t))
        level = course[-1] + 0.5 * inputs["liquid.input"][k, 0]
        levels.append(level)
    np.testing.assert_allclose(np.asarray(rec["dopamine.level"]).ravel(), levels, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(rec["dopamine.mean"]).ravel(), means, rtol=1e-8)
    run(net, given(net, 5) | {"liquid.input": np.zeros((5, 3))})
    assert float(net.dopamine.level) == pytest.approx(level * np.exp(-5 / 40))  # nothing is released without an input


def test_a_schedule_is_its_function_at_the_end_of_the_step():
    net = two_groups()
    net.learning = bs.modulators.Schedule(lambda t: u.math.exp(-t / (30 * u.ms)))
    rec = run(net, given(net, 10), record=["learning.level", "learning.mean"])
    np.testing.assert_allclose(np.asarray(rec["learning.level"]).ravel(), np.exp(-np.arange(1, 11) / 30))
    np.testing.assert_allclose(np.asarray(rec["learning.mean"]).ravel(), np.exp(-(np.arange(10) + 0.5) / 30))


def astrocyte_modulated(net):
    """STDP whose depression is what an astrocyte says and whose rate decays."""
    net.post = bs.neurons.LIF(2, V_th=-59.9 * u.mV)
    net.post.add_receptors(syn=bs.receptors.Delta(), kick=bs.receptors.Delta())
    net.connect(net.liquid[:2], net.post, bs.OneToOne(), receptor="kick", weight=100 * u.mV)
    net.astro = bs.modulators.Astrocyte([net.liquid], net.input, tau=20 * u.ms, w_plus=3.0, w_minus=1.0, level=0.1)
    net.decay = bs.modulators.Schedule(lambda t: u.math.exp(-t / (50 * u.ms)))
    rule = bs.plasticity.PairSTDP(
        A_plus=0.15 * u.mV, A_minus=0.05 * u.mV, w_min=-5 * u.mV, w_max=5 * u.mV, tau_minus=30 * u.ms
    )
    rule.modulated(A_minus=net.astro).modulated(rate=net.decay, A_plus=net.decay)
    net.connect(
        net.input, net.post, bs.AllToAll(), receptor="syn", weight=bs.Uniform(0.01 * u.mV, 0.02 * u.mV), plasticity=rule
    )
    return net


def by_hand(pre, post, liquid, w):
    x, y, level = np.zeros(4), np.zeros(2), 0.1
    for k, (s, z) in enumerate(zip(pre, post)):
        level = level * np.exp(-1 / 20) + (3.0 * liquid[k].sum() - s.sum()) / 20
        x, y, rate = x * np.exp(-1 / 20), y * np.exp(-1 / 30), np.exp(-(k + 1) / 50)
        w = w + rate * rate * 0.15 * np.outer(x, z) - rate * 0.05 * level * np.outer(s, y)
        x, y = x + s, y + z
    return w


def test_astrocyte_and_schedule_modulate_stdp_as_the_loop_says():
    net = astrocyte_modulated(two_groups())
    w = np.asarray(net["input->post"].plain("weight"))
    inputs = given(two_groups(), seed=1)
    rec = run(net, inputs, record=["post.spikes"])
    post = np.zeros((60, 2))
    post[rec.spikes["post"].steps - 1, rec.spikes["post"].indices] = 1.0
    assert post.sum() > 5
    found = np.asarray(net["input->post"].plain("weight"))
    np.testing.assert_allclose(found, by_hand(inputs["input.input"], post, inputs["liquid.input"], w), rtol=1e-10)


def test_a_batch_of_samples_learns_as_each_alone():
    """Weights with a batch axis on shared connectivity, as for the samples of a data set."""
    net = astrocyte_modulated(two_groups())
    function = bs.function(net, 30 * u.ms, dt=1 * u.ms, remat=False)
    samples = [{k: jnp.asarray(v[:30]) for k, v in given(two_groups(), seed=k).items()} for k in range(4)]
    weights = jnp.stack([function.state["input->post.weight"] * (k + 1) for k in range(4)])
    learn = lambda w, inputs: function({}, {"input->post.weight": w}, inputs=inputs)[0]["input->post.weight"]
    batch = jax.jit(jax.vmap(learn))(weights, jax.tree.map(lambda *x: jnp.stack(x), *samples))
    alone = [learn(w, inputs) for w, inputs in zip(weights, samples)]
    np.testing.assert_allclose(batch, jnp.stack(alone), rtol=1e-12)


def test_what_cannot_modulate_is_refused():
    net = two_groups()
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA)
    with pytest.raises(ValueError, match="A_plus can follow a modulator of a network"):
        rule.modulated(A_plus=bs.modulators.Dopamine())
    net.dopamine = bs.modulators.Dopamine()
    with pytest.raises(bs.UnknownNameError, match="PairSTDP has no parameter 'A_pluss'. Did you mean 'A_plus'"):
        rule.modulated(A_pluss=net.dopamine)
    with pytest.raises(ValueError, match="the modulator given as 'again' already stands in a network as 'dopamine'"):
        net.again = net.dopamine
    with pytest.raises(TypeError, match="Schedule: expected a function of time, given 3"):
        bs.modulators.Schedule(3)
    other = bs.Network()
    other.E = bs.neurons.LIF(2)
    other.E.add_receptors(syn=bs.receptors.Exponential())
    with pytest.raises(bs.UnknownNameError, match="plasticity follows 'dopamine', no modulator here"):
        other.connect(
            other.E,
            other.E,
            bs.AllToAll(),
            receptor="syn",
            weight=1 * u.pA,
            plasticity=rule.modulated(A_plus=net.dopamine),
        )
    with pytest.raises(TypeError, match="plasticity must be one of brainsim.plasticity"):
        other.connect(other.E, other.E, bs.AllToAll(), receptor="syn", weight=1 * u.pA, plasticity=3)
    mass = bs.masses.WilsonCowan(3)
    with pytest.raises(ValueError, match="Dopamine: a source fires spikes, and WilsonCowan .* has none"):
        bs.modulators.Dopamine(source=mass)
    with pytest.raises(ValueError, match="Astrocyte: a source fires spikes"):
        bs.modulators.Astrocyte(inhibited_by=[mass])


def test_a_number_of_a_modulator_is_one_number():
    class Scaled(bs.modulators.Modulator):
        gain = bs.Parameter(2.0, "of the mean potential in mV")

        def update(self, clock, populations):
            self.put("level", self.plain("gain") * jnp.mean(populations["E"].plain("V")))

    net = bs.Network()
    net.E = bs.neurons.LIF(3)
    net.m = Scaled(gain=3.0)
    assert float(bs.simulate(net, 0.1 * u.ms, record="m.level")["m.level"][-1]) == pytest.approx(-180)
