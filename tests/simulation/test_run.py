"""What a run must not depend on, and what it refuses."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.simulation import engine, loop

RECORD = ["E.spikes", "I.spikes", "E.V[:3]"]
KINDS = {
    "plain": {},
    "axonal delay": {"delay": 1.5 * u.ms},
    "synaptic delay": {"delay": bs.Uniform(0.3 * u.ms, 2.5 * u.ms)},
    "plastic": {"plastic": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_are_one(kind, balanced, same_state, same_spikes):
    """Spikes under way in delays, noise, refractoriness and traces all go on, bit by bit."""
    one, two = balanced(**KINDS[kind]), balanced(**KINDS[kind])
    whole = bs.simulate(one, 40 * u.ms, record=RECORD)
    parts = [bs.simulate(two, duration, record=RECORD) for duration in (17.3 * u.ms, 22.7 * u.ms)]
    assert len(whole.spikes["E"]) > 40
    same_spikes(whole, *parts)
    np.testing.assert_array_equal(whole["E.V[:3]"].mantissa, np.concatenate([p["E.V[:3]"].mantissa for p in parts]))
    np.testing.assert_allclose(whole.times.mantissa, np.concatenate([p.times.mantissa for p in parts]), rtol=1e-12)
    same_state(one, two)


@pytest.mark.parametrize("chunk_steps", [1, 7, 5000])
def test_results_do_not_depend_on_the_chunk(chunk_steps, balanced, same_spikes):
    whole = bs.simulate(balanced(delay=1 * u.ms), 8 * u.ms, record=RECORD)
    rec = bs.simulate(balanced(delay=1 * u.ms), 8 * u.ms, record=RECORD, chunk_steps=chunk_steps)
    same_spikes(whole, rec)
    np.testing.assert_array_equal(rec["E.V[:3]"].mantissa, whole["E.V[:3]"].mantissa)


def test_same_seed_same_spikes_other_seed_others(balanced, same_spikes):
    first, again, other = (bs.simulate(balanced(seed=seed), 20 * u.ms, record=RECORD) for seed in (1, 1, 2))
    same_spikes(first, again)
    assert len(first.spikes["E"]) != len(other.spikes["E"]) or np.any(
        first.spikes["E"].steps != other.spikes["E"].steps
    )


def test_another_component_changes_nobody_elses_draws(balanced, same_spikes):
    same_spikes(*(bs.simulate(balanced(extra=extra), 20 * u.ms, record=RECORD) for extra in (False, True)))


def test_other_values_durations_and_seeds_do_not_compile_again(balanced):
    net = balanced()
    bs.simulate(net, 5 * u.ms, record=RECORD)
    compiled = engine.run_chunk._cache_size()
    net.E.tau = 17 * u.ms
    net["I->E"].weight = 5 * u.nS
    net.E.drive.amplitude = 230 * u.pA
    net.reset(seed=9)
    bs.simulate(net, 12 * u.ms, record=RECORD)
    net.reset()
    bs.simulate(net, 6 * u.ms, dt=0.05 * u.ms, record=RECORD)
    assert engine.run_chunk._cache_size() == compiled


def test_reset_goes_back_bit_by_bit(balanced, same_spikes):
    net = balanced(delay=1 * u.ms, plastic=True)
    first = bs.simulate(net, 20 * u.ms, record=RECORD)
    net.reset()
    same_spikes(first, bs.simulate(net, 20 * u.ms, record=RECORD))


def test_reset_with_a_seed_draws_initial_values_anew(balanced):
    net = balanced()
    before = np.asarray(net.E.plain("V"))
    bs.simulate(net, 1 * u.ms)
    net.reset(seed=5)
    drawn = np.asarray(net.E.plain("V"))
    assert not np.any(drawn == before) and abs(drawn.mean() + 55) < 4 * 5 / np.sqrt(80)
    net.reset(seed=5)
    np.testing.assert_array_equal(net.E.plain("V"), drawn)


def test_no_spike_is_lost_when_the_buffer_overflows(monkeypatch):
    """Every unit fires in every step, and the buffer holds two steps."""
    monkeypatch.setattr(loop, "EVENT_ROOM", 0)
    net = bs.Network()
    net.S = bs.sources.SpikeInput(50)
    rec = bs.simulate(net, 10 * u.ms, inputs={"S.input": np.ones((100, 50))}, record=["S.spikes"])
    np.testing.assert_array_equal(rec.spikes["S"].steps, np.repeat(np.arange(1, 101), 50))
    np.testing.assert_array_equal(rec.spikes["S"].indices, np.tile(np.arange(50), 100))


def test_inputs_override_for_their_step(balanced):
    """V of a neuron with tau = 20 ms follows I_k exactly: V <- E_L + R I_k + (V - E_L - R I_k) exp(-dt / tau)."""
    net = bs.Network()
    net.E = bs.neurons.LIF(2, R=100 * u.Mohm, tau=20 * u.ms)
    net.E.add_stimuli(drive=bs.stimuli.Constant(7 * u.pA))
    current = np.random.default_rng(0).uniform(0, 80, 50)
    rec = bs.simulate(net, 5 * u.ms, inputs={"E.drive.amplitude": current * 1e-3 * u.nA}, record="E.V", chunk_steps=8)
    V, expected = -60.0, []
    for I in current:
        V = -60 + 0.1 * I + (V + 60 - 0.1 * I) * np.exp(-0.1 / 20)
        expected.append([V, V])
    np.testing.assert_allclose(rec["E.V"].mantissa, expected, rtol=1e-10)
    assert net.E.drive.amplitude == 7 * u.pA


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"duration": 1.05 * u.ms}, ValueError, "1.05 ms is not a multiple of dt = 0.1 ms; nearest: 1 ms"),
        ({"duration": 1 * u.mV}, bs.UnitError, "duration: expected ms, given mV"),
        ({"duration": 5}, bs.UnitError, "duration: expected ms, given a number without unit"),
        ({"duration": 0 * u.ms}, ValueError, "duration: expected a positive time"),
        ({"dt": np.array([0.1, 0.2]) * u.ms}, ValueError, "dt: expected a positive time"),
        ({"record": "E.W"}, bs.UnknownNameError, r"record: the network has no 'E.W'. Did you mean 'E.V'\?"),
        ({"record": "E"}, bs.UnknownNameError, "'E' is a population; say what of it, for example 'E.spikes'"),
        ({"record": "E.V[80]"}, ValueError, "selects what does not exist; the variable has 80 elements"),
        ({"record": "E.V[5:5]"}, ValueError, "selects nothing"),
        ({"record": "E.V[a]"}, ValueError, "cannot read the index"),
        ({"record": ["E.V", "E.V"]}, ValueError, "asked for twice"),
        ({"record": "steps[0]"}, ValueError, "indexes a single number"),
        ({"record": "E.V", "sample_every": 0.25 * u.ms}, ValueError, "sample_every: 0.25 ms is not a multiple of dt"),
        ({"record": "E.V", "sample_every": 5 * u.ms}, ValueError, "longer than the run"),
        ({"chunk_steps": 0}, ValueError, "chunk_steps: expected a positive integer, given 0"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every: expected a positive integer, given 0"),
        ({"inputs": {"E.drve.amplitude": np.ones(10)}}, bs.UnknownNameError, "Did you mean 'E.drive.amplitude'"),
        (
            {"inputs": {"E.drive.amplitude": np.ones(10) * u.mV}},
            bs.UnitError,
            r"inputs\['E.drive.amplitude'\]: expected pA",
        ),
        (
            {"inputs": {"E.drive.amplitude": np.ones(9) * u.pA}},
            ValueError,
            r"expected shape .*, given \(9,\)",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_and_the_network_stays(options, error, message, balanced):
    net = balanced()
    before = net.E.plain("V")
    with pytest.raises(error, match=message):
        bs.simulate(net, **({"duration": 1 * u.ms} | options))
    assert net.E.plain("V") is before and int(net.plain("steps")) == 0


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="expected a Network, given int"):
        bs.simulate(3, 1 * u.ms)
    with pytest.raises(ValueError, match="the network has no population"):
        bs.simulate(bs.Network(), 1 * u.ms)


def test_samples_that_do_not_fit_into_memory_are_refused(balanced, monkeypatch):
    monkeypatch.setattr(loop, "available_bytes", lambda: 1e6)
    net = balanced()
    with pytest.raises(bs.NotEnoughMemoryError, match=r"record: E.V for 10,000 steps needs 6.4 MB, 1.0 MB are free"):
        bs.simulate(net, 1 * u.second, record="E.V")
    bs.simulate(net, 10 * u.ms, record="E.V")


@pytest.mark.parametrize("chunk_steps", [None, 7])
def test_a_broken_state_is_named_with_its_time_and_the_network_stays(chunk_steps):
    """R I overflows in step 31 only, so V is not finite from 3.1 ms on: the end of the step that starts at 3.0 ms."""
    net = bs.Network()
    net.A = bs.neurons.LIF(2)
    net.B = bs.neurons.LIF(3, R=100 * u.Mohm)
    net.B.add_stimuli(drive=bs.stimuli.Constant(0 * u.pA))
    current = jnp.zeros(100).at[30].set(-1e308)
    before = net.B.plain("V")
    with pytest.raises(bs.NonFiniteError, match=r"B: V is not finite from t = 3.1 ms on. Reduce dt") as caught:
        bs.simulate(net, 10 * u.ms, inputs={"B.drive.amplitude": current * u.pA}, record="B.V", chunk_steps=chunk_steps)
    assert caught.value.path == "B.V"
    assert caught.value.time.to_decimal(u.ms) == pytest.approx(3.1)
    assert caught.value.recording["B.V"].shape == (30, 3)
    assert net.B.plain("V") is before and int(net.plain("steps")) == 0


def test_the_step_can_change_between_runs():
    """The same exponential decay from -50 to -60 mV, in steps of 0.1 and then of 0.05 ms."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1, tau=20 * u.ms, V=-55 * u.mV)
    bs.simulate(net, 1 * u.ms, dt=0.1 * u.ms)
    rec = bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms, record="E.V")
    np.testing.assert_allclose(rec.times.to_decimal(u.ms), 1 + 0.05 * np.arange(1, 21))
    np.testing.assert_allclose(rec["E.V"].mantissa[:, 0], -60 + 5 * np.exp(-rec.times.to_decimal(u.ms) / 20), rtol=1e-9)
    with pytest.raises(ValueError, match="the present time is not a multiple of 0.3 ms"):
        bs.simulate(net, 3 * u.ms, dt=0.3 * u.ms)
