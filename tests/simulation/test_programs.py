"""Compiled programs: what they are kept by, how long, and which way they are compiled."""

import functools
import gc
import re
import weakref

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split, step_length
from brainsim.simulation import calls, door, engine, fused, loop


def cells(n=10, method="euler", **values):
    """Neurons of plain arithmetic, with synapses."""
    net = bs.Network()
    net.E = bs.neurons.LIF(n, method=method, R=100 * u.Mohm, **values)
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV))
    net.E.add_stimuli(drive=bs.stimuli.Constant(300 * u.pA))
    net.connect(net.E, net.E, bs.FixedProbability(0.5), receptor="ampa", weight=1 * u.nS)
    return net


def compiled(action):
    """How many programs an action compiles."""
    before = engine.run_chunk._cache_size()
    action()
    return engine.run_chunk._cache_size() - before


def lowered(net, platform="cpu", record="E.spikes"):
    entry = door.enter(net, 1 * u.ms, dt=0.1 * u.ms, record=record).prepared()
    trees = entry.parameters, entry.fixed, entry.state, step_length(0.1), {}, jnp.int32(10)
    traced = engine.run_chunk.trace(loop.plan_of(net, entry.requests), entry.structure, platform, trees)
    return traced.lower(lowering_platforms=(platform,))


def test_values_and_lengths_compile_nothing():
    net = cells()
    assert compiled(lambda: bs.simulate(net, 1 * u.ms, record="E.V")) == 1

    def others():
        net.E.tau, net.E.V = 15 * u.ms, -58 * u.mV
        net["E->E"].weight = 2 * u.nS
        bs.simulate(net, 3 * u.ms, record="E.V")
        net.reset(seed=3)
        bs.simulate(net, 2 * u.ms, dt=0.2 * u.ms, record="E.V")
        bs.simulate(cells(), 1 * u.ms, record="E.V")

    assert compiled(others) == 0


def test_networks_with_one_program_run_in_turn_as_alone():
    def runs(*nets):
        for _ in range(3):
            for net in nets:
                bs.simulate(net, 1 * u.ms)
        return [np.asarray(net.E.V.mantissa) for net in nets]

    def make():
        return cells(), cells(tau=10 * u.ms)

    expected = [*runs(make()[0]), *runs(make()[1])]
    nets = make()
    assert compiled(lambda: np.testing.assert_array_equal(runs(*nets), expected)) == 0
    assert (expected[0] != expected[1]).all()


def test_the_batches_of_a_sweep_are_one_program():
    net = cells(V=bs.Normal(-60 * u.mV, 1 * u.mV))
    values = np.linspace(10, 20, 7) * u.ms

    def sweep(values, seeds):
        return bs.sweep(net, {"E.tau": values}, 1 * u.ms, record="E.V", seeds=seeds, batch_size=4)

    assert compiled(lambda: sweep(values, [0])) == 1
    assert compiled(lambda: sweep(values[:2] + 1 * u.ms, [5, 6, 7, 8])) == 0


def test_programs_live_as_long_as_a_network_or_for_a_while(monkeypatch):
    monkeypatch.setattr("brainsim.simulation.programs.LATELY", 1)
    net = cells(3)
    bs.simulate(net, 0.1 * u.ms)
    shared = weakref.ref(split(net)[0].shared)
    bs.simulate(cells(4), 0.1 * u.ms)
    gc.collect()
    assert shared() is not None and shared().programs  # the network still lives
    assert compiled(functools.partial(bs.simulate, net, 0.1 * u.ms)) == 0
    bs.simulate(cells(4), 0.1 * u.ms)
    del net
    gc.collect()
    assert shared() is None


def test_differentiable_programs_are_freed_too(monkeypatch):
    monkeypatch.setattr("brainsim.simulation.programs.LATELY", 1)
    net = cells(5)
    run = bs.function(net, 0.1 * u.ms)
    run({}, {})
    shared = weakref.ref(split(net)[0].shared)
    del net, run
    bs.simulate(cells(4), 0.1 * u.ms)
    gc.collect()
    assert shared() is None


def test_no_program_holds_on_to_the_arrays_of_a_network():
    """A dropped network may leave its program behind, and nothing large with it."""
    net = cells(6)
    bs.simulate(net, 0.1 * u.ms)
    arrays = [weakref.ref(array) for array in split(net)[3].values() if array.size > 1]
    del net
    gc.collect()
    assert arrays and not any(array() is not None for array in arrays)


def test_clear_caches_clears_them():
    net = cells()
    bs.simulate(net, 0.1 * u.ms)
    assert compiled(lambda: bs.simulate(net, 0.1 * u.ms)) == 0
    jax.clear_caches()
    assert not split(net)[0].programs
    assert compiled(lambda: bs.simulate(net, 0.1 * u.ms)) == 1


# -- the way of compiling ----------------------------------------------------------------------------------------------


def test_plain_arithmetic_is_compiled_in_one_pass(recwarn):
    """Otherwise COBA-LIF would take one and a half times as long without a word."""
    assert fused.load(lowered(cells()), jax.devices("cpu")[0]) is not None
    assert not recwarn.list


@pytest.mark.parametrize(("name", "value"), [("BRAINSIM_FUSION", "0"), ("XLA_FLAGS", "--xla_backend_extra_options=x")])
def test_it_can_be_switched_off(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    assert fused.load(lowered(cells()), jax.devices("cpu")[0]) is None


def test_where_jax_has_changed_its_own_way_is_taken_with_one_warning(monkeypatch):
    def broken(*_):
        raise AttributeError("a private part is gone")

    monkeypatch.setattr(fused, "_load", broken)
    program = lowered(cells())
    with pytest.warns(RuntimeWarning, match=r"a private part is gone.*BRAINSIM_FUSION=0"):
        assert fused.load(program, jax.devices("cpu")[0]) is None
    net = cells(7)
    assert bs.simulate(net, 1 * u.ms, record="E.V")["E.V"].shape == (10, 7)


def seen_by(callback):
    """A cell with a callback in its stimulus, what it saw in three steps, and V."""
    seen = []

    class Drive(bs.stimuli.Stimulus):
        def value(self, clock):
            return callback(clock, seen)

    net = bs.Network()
    net.E = bs.neurons.LIF(1, method="euler", R=100 * u.Mohm, tau=20 * u.ms)
    net.E.add_stimuli(drive=Drive())
    V = bs.simulate(net, 0.3 * u.ms, record="E.V")["E.V"][:, 0] / u.mV
    jax.effects_barrier()
    return seen, V


def printed(clock, seen):
    jax.debug.print("step {}", clock.step)
    return 100.0


def called(clock, seen):
    jax.debug.callback(lambda step: seen.append(int(step)), clock.step, ordered=True)
    return 100.0


def asked(ask):
    def callback(clock, seen):
        return ask(
            lambda step: seen.append(int(step)) or np.float32(100.0), jax.ShapeDtypeStruct((), jnp.float32), clock.step
        )

    return callback


@pytest.mark.parametrize(
    "callback",
    [printed, called, asked(jax.pure_callback), asked(jax.experimental.io_callback)],
    ids=["print", "debug_callback", "pure_callback", "io_callback"],
)
def test_callbacks_into_python(callback, capfd):
    """Euler towards R I = 10 mV above rest: 10 (1 - (1 - dt / tau)^n). They ended the process before."""
    seen, V = seen_by(callback)
    np.testing.assert_allclose(V, -60 + 10 * (1 - (1 - 0.1 / 20) ** np.arange(1, 4)), rtol=1e-6)
    if callback is printed:
        assert sorted(capfd.readouterr().out.split("\n")) == ["", "step 0", "step 1", "step 2"]
    else:
        assert sorted(set(seen)) == [0, 1, 2]


def test_a_population_is_one_call_in_the_loop():
    """A CPU executes a body of more than eight calls as a graph, which costs small networks half their time: what is prepared
    before the loop is one call too, and so is what goes into it, and what is looked at behind.
    """
    text = lowered(cells()).as_text()
    assert len(re.findall(r"call @in(side|_one_loop)", text)) == 2
    assert text.count("brainsim.fresh") == 1 and text.count("brainsim.finite") == 1
    assert text.count("brainsim.deliver_together") == 1


def test_other_platforms_get_the_plain_step():
    """The groups of calls are for CPUs; a GPU refuses them ("a cycle is detected")."""
    net = cells()
    net.E.add_receptors(rise=bs.receptors.AMPA())
    assert "inlineable" in lowered(net, "cpu").as_text()
    assert "inlineable" not in lowered(net, "cuda").as_text()


@pytest.mark.parametrize(
    ("by", "x", "bits"),
    [
        (jnp.exp, jnp.ones(9), 512),
        (lambda x: x * jnp.sin(x[0]), jnp.ones(9), 512),  # of one number
        (jnp.sin, jnp.ones((2, 9)), 256),
        (lambda x: jax.random.normal(jax.random.key(0), x.shape), jnp.ones(9), 256),
        (jnp.log, jnp.ones(9, jnp.float64), 256),
        (jnp.log, jnp.ones(9, jnp.float32), 512),
        (lambda x: x**1.5, jnp.ones(9, jnp.float64), 256),
    ],
    ids=["exp", "sine of a number", "sines", "normal", "log64", "log32", "power64"],
)
def test_registers_are_as_wide_as_the_functions_of_a_program(by, x, bits):
    program = jax.jit(by).lower(x)
    assert fused.width(program.as_text()) == bits
    assert fused.options(program, jax.devices("cpu")[0]) in ({fused.WIDTH: str(bits)}, None)


def test_noise_is_drawn_in_narrower_registers():
    quiet = cells()
    assert fused.width(lowered(quiet).as_text()) == 512
    quiet.E.add_stimuli(noise=bs.stimuli.WhiteNoise(1 * u.pA * u.ms**0.5))
    assert fused.width(lowered(quiet).as_text()) == 256


@pytest.mark.parametrize(("threads", "alone"), [(2, True), (16, False)])
def test_few_threads_leave_long_populations_to_one(threads, alone, monkeypatch):
    """XLA does not share what is within a small call."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    net = bs.Network()
    net.E = bs.neurons.LIF(calls.ONE_THREAD + threads, refractory=1 * u.ms)
    assert ("xla_cpu_small_call" in lowered(net).as_text()) == alone
