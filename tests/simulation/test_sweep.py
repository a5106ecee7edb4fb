"""Many runs at once: each is the run alone, whatever the batch."""

import threading

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import Clock, split, step_length


def noisy():
    net = bs.Network(seed=4)
    net.E = bs.neurons.LIF(3, tau=20 * u.ms, R=100 * u.Mohm, V=bs.Uniform(-60 * u.mV, -52 * u.mV))
    net.E.add_stimuli(noise=bs.stimuli.WhiteNoise(100 * u.pA * u.ms**0.5), drive=bs.stimuli.Constant(50 * u.pA))
    return net


@pytest.fixture(scope="module")
def swept():
    net = noisy()
    values = {"E.tau": [10.0, 20.0] * u.ms}
    return net, bs.sweep(net, values, 2 * u.ms, record="E.V", seeds=[3, 2**31 - 1, 5], batch_size=4)


def test_the_grid(swept):
    _, runs = swept
    assert runs.shape == (2, 3) and len(runs) == 6
    assert list(runs.axes) == ["E.tau", "seed"]
    assert runs.map(lambda recording: recording["E.V"][-1, 0]).shape == (2, 3)
    assert list(runs) == runs.recordings and runs[-1, -1] is runs.recordings[5]
    for index in (0, (2, 0), "a", (0, slice(2))):
        with pytest.raises(IndexError, match="Sweep"):
            runs[index]


def test_each_run_is_the_run_alone(swept):
    """Noise and initial values of a seed are those of a network that is reset with it."""
    _, runs = swept
    for i, tau in enumerate((10.0, 20.0)):
        for j, seed in enumerate((3, 2**31 - 1, 5)):
            net = noisy()
            net.E.tau = tau * u.ms
            net.reset(seed=seed)
            alone = bs.simulate(net, 2 * u.ms, record="E.V")["E.V"] / u.mV
            np.testing.assert_allclose(runs[i, j]["E.V"] / u.mV, alone, rtol=2e-6)


def test_seeds_differ_and_the_network_stays(swept):
    net, runs = swept
    ends = runs.map(lambda recording: recording["E.V"][-1]) / u.mV
    assert len(np.unique(np.round(ends[0], 6), axis=0)) == 3
    assert int(net.steps) == 0


def test_a_decay_for_each_time_constant():
    """Without input V decays towards E_L = -60 mV with tau. Batches of three: the last is filled up."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1, V=-55 * u.mV)
    tau = np.array([5.0, 10.0, 20.0, 40.0, 80.0])
    runs = bs.sweep(net, {"E.tau": tau * u.ms}, 10 * u.ms, record="E.V", batch_size=3)
    assert len(runs) == 5
    ends = runs.map(lambda recording: recording["E.V"][-1, 0]) / u.mV
    np.testing.assert_allclose(ends, -60 + 5 * np.exp(-10 / tau), rtol=1e-5)


# -- one run at a time -------------------------------------------------------------------------------------------------


def test_a_network_is_run_by_one_thread_at_a_time():
    began, go_on = threading.Event(), threading.Event()

    def wait(step):
        began.set()
        assert go_on.wait(60)
        return np.float32(0.0)

    class Waiting(bs.stimuli.Stimulus):
        def value(self, clock):
            return jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), clock.step).astype(
                clock.step_ms.dtype
            )

    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    net.E.add_stimuli(wait=Waiting())
    done = []
    other = threading.Thread(target=lambda: done.append(bs.simulate(net, 0.2 * u.ms, progress=False)))
    other.start()
    try:
        assert began.wait(60)
        with pytest.raises(bs.NetworkInUseError, match="another thread"):
            bs.simulate(net, 0.2 * u.ms)
        with pytest.raises(bs.NetworkInUseError):
            bs.sweep(net, {"E.tau": [10.0] * u.ms}, 0.2 * u.ms)
    finally:
        go_on.set()
        other.join(60)
    assert len(done) == 1 and int(net.steps) == 2
    bs.simulate(net, 0.1 * u.ms)
    assert int(net.steps) == 3


# -- one population alone ----------------------------------------------------------------------------------------------


def test_a_population_alone():
    """LIF by exponential Euler: dV'/dV = exp(-dt / tau); what the others do does not matter; nothing is sent."""
    net = noisy()
    net.F = bs.neurons.LIF(2)
    structure, parameters, fixed, state = split(net)
    clock = Clock(state["steps"], step_length(0.1), fixed["key"])
    alone = jax.jit(lambda state: structure.advance("E", parameters, fixed, state, clock))
    whole = jax.jit(lambda state: structure.step(parameters, fixed, state, clock, {}))(state)
    after = alone(state)
    assert set(after) == {path for path in state if path.startswith("E.")}
    for path, array in after.items():
        np.testing.assert_allclose(array, whole[path], rtol=1e-6)
    tangents = {
        k: jnp.zeros_like(v) if jnp.issubdtype(v.dtype, jnp.floating) else np.zeros(v.shape, jax.dtypes.float0)
        for k, v in state.items()
    }
    _, slope = jax.jvp(alone, (state,), (tangents | {"E.V": jnp.ones_like(state["E.V"])},))
    np.testing.assert_allclose(slope["E.V"], np.exp(-0.1 / 20), rtol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_it_computes_in_the_precision_around_it(wide):
    """Also where that is said for the present thread alone."""
    with jax.enable_x64(wide):
        runs = bs.sweep(noisy(), {}, 0.2 * u.ms, record="E.V", seeds=[0, 1])
        assert (runs[0]["E.V"] / u.mV).dtype == (np.float64 if wide else np.float32)
