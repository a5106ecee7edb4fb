"""Whole networks by the kernels for GPUs, run here; and lowered for a GPU on a machine without one."""

import dataclasses
import importlib
import re

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import step_length
from brainsim.simulation import blocks, door, engine, loop
from tests.every.networks import NETWORKS


def coba_lif():
    return importlib.import_module("models.coba_lif").build(scale=0.05, seed=3)


def recorded(net):
    return [f"{name}.spikes" for name in net.populations]


def run(net, duration=20 * u.ms):
    recording = bs.simulate(net, duration, record=recorded(net), progress=False)
    return {name: (np.asarray(x.indices), np.asarray(x.times / u.ms)) for name, x in recording.spikes.items()}


def test_a_network_fires_as_with_the_kernels_of_the_cpu(emulated):
    """Two populations, four projections of one weight each, recorded: one call a step."""
    expected = run(coba_lif())
    with emulated() as device:
        before = device.device_launches()
        found = run(coba_lif())
        assert device.device_launches() - before == 3 * 200  # three launches a step
    assert sum(len(x) for x, _ in expected.values()) > 20
    for name, trains in expected.items():
        for one, other in zip(found[name], trains, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_loop_of_a_gpu_gives_the_same(emulated, monkeypatch):
    """In blocks of ten steps, with a rest, and where the buffer of events is full before the end."""
    expected = run(coba_lif())
    whole = engine._run_chunk

    def as_on_a_gpu(plan, structure, platform, *trees):
        return whole(plan, structure, "cuda", *trees)

    monkeypatch.setattr(engine.run_chunk, "function", as_on_a_gpu)
    monkeypatch.setattr(blocks, "default_platform", lambda: "cuda")
    monkeypatch.setattr(blocks, "BLOCKS", (10,))
    monkeypatch.setattr(loop, "EVENT_ROOM", 0)
    monkeypatch.setattr(loop, "CHUNK", 57)  # what one has recorded is fetched while the next one runs
    with emulated():
        found = run(coba_lif(), 20.7 * u.ms)
    for name, (indices, times) in expected.items():
        here = found[name][1] < 20.05
        np.testing.assert_array_equal(found[name][0][here], indices)
        np.testing.assert_array_equal(found[name][1][here], times)


def test_poisson_inputs_are_one_launch(emulated, monkeypatch):
    """Of three populations, each with a mean of its own."""

    def build():
        net = bs.Network(seed=4)
        for k, rate in enumerate((200.0, 500.0, 9000.0)):
            cell = bs.neurons.LIF(40 + k, V=-58 * u.mV)
            setattr(net, f"P{k}", cell)
            cell.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
            cell.add_stimuli(noise=bs.stimuli.PoissonInput("syn", rate=rate * u.Hz, weight=40 * u.pA, sources=10))
        return net

    expected = run(build())
    whole = engine._run_chunk
    monkeypatch.setattr(
        engine.run_chunk, "function", lambda plan, structure, _, *trees: whole(plan, structure, "gpu", *trees)
    )
    with emulated() as device:
        before = device.device_launches()
        found = run(build())
        assert device.device_launches() - before == (1 + 3) * 200  # and three of recording
    assert sum(len(x) for x, _ in expected.values()) > 20
    for name, trains in expected.items():
        for one, other in zip(found[name], trains, strict=True):
            np.testing.assert_array_equal(one, other)


def plastic():
    """STDP at synapses with a delay each: as the wiring lists them, and by row."""
    net = bs.Network(seed=4)
    for name, n in (("E", 60), ("I", 30)):
        cell = bs.neurons.LIF(n, V=-58 * u.mV)
        setattr(net, name, cell)
        cell.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
        cell.add_stimuli(noise=bs.stimuli.PoissonInput("syn", rate=9000 * u.Hz, weight=60 * u.pA, sources=10))
    for name, wiring in (("drawn", bs.FixedProbability(0.3)), ("listed", bs.FixedOutDegree(7))):
        rule = bs.plasticity.PairSTDP(A_plus=9 * u.pA, A_minus=8 * u.pA, w_max=40 * u.pA)
        delay = bs.Uniform(1 * u.ms, 3 * u.ms)
        net.connect(net.E, net.I, wiring, receptor="syn", weight=20 * u.pA, plasticity=rule, delay=delay, name=name)
    return net


def test_synapses_with_delays_learn_as_with_the_kernels_of_the_cpu(emulated, monkeypatch):
    """In the loop of a GPU."""
    one, other = plastic(), plastic()
    expected = run(one, 40 * u.ms)
    whole = engine._run_chunk
    as_on_a_gpu = lambda plan, structure, _, *trees: whole(plan, structure, "gpu", *trees)  # noqa: E731
    monkeypatch.setattr(engine.run_chunk, "function", as_on_a_gpu)
    with emulated() as device:
        before = device.device_launches()
        found = run(other, 40 * u.ms)
        # Passed on, changed on either side, delivered; three of recording, and one of the noise
        assert device.device_launches() - before == 400 * (2 * (1 + 2 + 4) + 3 + 1)
    assert sum(len(x) for x, _ in expected.values()) > 20
    for name, trains in expected.items():
        for here, there in zip(found[name], trains, strict=True):
            np.testing.assert_array_equal(here, there)
    for name in ("drawn", "listed"):
        weights = [net[name].plain("weight") for net in (one, other)]
        assert np.ptp(weights[0]) > 1
        np.testing.assert_allclose(*weights, rtol=1e-5)


def test_synapses_with_delays_that_learn_are_lowered_for_a_gpu():
    """Nothing is worked out for each synapse in plain JAX."""
    text = lowered(plastic())
    assert called(text) == {"brainsim.launch"}
    assert {"pass_on", "change_due", "change"} <= set(re.findall(r'kernels = "(\w+)"', text))
    assert "stablehlo.gather" not in text


def lowered(net, record=None) -> str:
    """The text of a chunk for a GPU."""
    record = recorded(net) if record is None else record
    entry = door.enter(net, 1 * u.ms, dt=0.1 * u.ms, record=record).prepared()
    trees = entry.parameters, entry.fixed, entry.state, step_length(0.1), {}, jnp.int32(10)
    plan = dataclasses.replace(loop.plan_of(net, entry.requests), block=10)
    return engine.run_chunk.trace(plan, entry.structure, "cuda", trees).lower(lowering_platforms=("cuda",)).as_text()


def called(text: str) -> set[str]:
    """Handlers that a program calls."""
    return set(re.findall(r"@(brainsim\.\w+)\(", text)) | {x for x in re.findall(r'"(brainsim\.\w+)"', text)}


@pytest.mark.parametrize(
    "name", [name if name == "inputs" else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_every_model_is_lowered_for_a_gpu(name):
    """Every class that is exported; nothing of the CPU is called, and nothing of the host."""
    text = lowered(NETWORKS[name](4), [])
    assert called(text) <= {"brainsim.launch"}
    assert "callback" not in text
    assert ("brainsim.launch" in called(text)) == (name != "masses")


@pytest.mark.parametrize("model", ["coba_lif", "coba_hh", "pd14", "brunel2000"])
def test_circuits_are_lowered_for_a_gpu(model):
    module = importlib.import_module(f"models.{model}")
    small = {"brunel2000": {}}.get(model, {"scale": 0.02})
    text = lowered(module.build(**small))
    assert called(text) == {"brainsim.launch"}
