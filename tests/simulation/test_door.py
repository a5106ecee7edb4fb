"""Whatever comes by path is converted and checked alike, by whichever door."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import Slot
from brainsim._errors import UnitError, UnknownNameError

N, STEPS = 3, 4


@pytest.fixture(scope="module")
def net():
    net = bs.Network()
    net.E = bs.neurons.LIF(N, R=100 * u.Mohm, V_th=0 * u.mV)
    net.E.add_receptors(ampa=bs.receptors.Exponential())
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    net.connect(net.E, net.E, bs.AllToAll(), receptor="ampa", weight=0 * u.pA, delay=0.2 * u.ms, max_delay=1 * u.ms)
    return net


@pytest.fixture(scope="module")
def run(net):
    return bs.function(net, STEPS * 0.1 * u.ms, record="E.V")


def assign(net, run, path, value):
    owner, _, name = path.rpartition(".")
    before = getattr(net[owner], name)
    try:
        setattr(net[owner], name, value)
    finally:
        setattr(net[owner], name, before)


def simulate(net, run, path, value):
    course = u.Quantity(np.stack([np.asarray(u.get_mantissa(value))] * STEPS), unit=u.get_unit(value))
    bs.simulate(net, STEPS * 0.1 * u.ms, inputs={path: course})


def sweep(net, run, path, value):
    values = u.Quantity(np.stack([np.asarray(u.get_mantissa(value))] * 2), unit=u.get_unit(value))
    bs.sweep(net, {path: values}, STEPS * 0.1 * u.ms)


def function(net, run, path, value):
    where = ({}, {path: value}) if path in run.state else ({path: value}, {})
    run(*where)


def function_inputs(net, run, path, value):
    course = u.Quantity(np.stack([np.asarray(u.get_mantissa(value))] * STEPS), unit=u.get_unit(value))
    run({}, {}, inputs={path: course})


DOORS = [assign, simulate, sweep, function, function_inputs]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "path, value, error, says",
    [
        ("E.tau", 5.0 * u.mV, UnitError, "expected ms, given mV"),
        ("E.tau", -5.0 * u.ms, ValueError, "must be positive"),
        (
            "E.tau",
            np.array([1.0, 2.0, 0.0]) * u.ms,
            ValueError,
            r"must be positive, given 0.0 ms \(\d of \d+ values\)",
        ),
        ("E.tau", np.nan * u.ms, ValueError, "must be finite"),
        ("E.V", np.inf * u.mV, ValueError, "must be finite"),
        ("E.V", np.zeros(7) * u.mV, ValueError, "expected shape"),
        ("E.drive.amplitude", np.zeros(7) * u.nA, ValueError, "expected shape"),
        ("E->E.weight", np.nan * u.pA, ValueError, "must be finite"),
        ("E->E.delay", 2.0 * u.ms, ValueError, "must be at most 1 ms, given 2"),
    ],
)
def test_a_door_refuses_what_assignment_refuses(net, run, door, path, value, error, says):
    before = {k: np.asarray(v) for k, v in bs.function(net, 0.1 * u.ms).state.items()}
    with pytest.raises(error, match=says):
        door(net, run, path, value)
    after = bs.function(net, 0.1 * u.ms).state
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_quantities_are_converted_by_every_door(net):
    net.reset()
    amplitude = 0.2 * u.nA
    expected = bs.simulate(net, STEPS * 0.1 * u.ms, record="E.V")["E.V"][-1].to_decimal(u.mV)
    net.reset()
    run, same = bs.function(net, STEPS * 0.1 * u.ms, record="E.V"), dict(rtol=1e-6)
    by_function = run({"E.drive.amplitude": amplitude}, {})[1]["E.V"][-1]
    np.testing.assert_allclose(by_function, expected, **same)
    course = amplitude * np.ones((STEPS, N))
    np.testing.assert_allclose(run({}, {}, inputs={"E.drive.amplitude": course})[1]["E.V"][-1], expected, **same)
    by_inputs = bs.simulate(net, STEPS * 0.1 * u.ms, record="E.V", inputs={"E.drive.amplitude": course})
    net.reset()
    np.testing.assert_allclose(by_inputs["E.V"][-1].to_decimal(u.mV), expected, **same)
    swept = bs.sweep(net, {"E.drive.amplitude": [amplitude, 200 * u.pA]}, STEPS * 0.1 * u.ms, record="E.V")
    for recording in swept.recordings:
        np.testing.assert_allclose(recording["E.V"][-1].to_decimal(u.mV), expected, **same)
    plain = run({"E.drive.amplitude": jnp.asarray(200.0)}, {})[1]["E.V"][-1]
    np.testing.assert_allclose(plain, expected, **same)


def test_per_unit_values_stand_in_for_a_single_one(net, run):
    each = np.array([100.0, 200.0, 300.0]) * u.pA
    by_function = run({"E.drive.amplitude": each}, {})[1]["E.V"][-1]
    by_inputs = run({}, {}, inputs={"E.drive.amplitude": each * np.ones((STEPS, 1))})[1]["E.V"][-1]
    np.testing.assert_allclose(by_function, by_inputs)
    assert len(set(np.asarray(by_function))) == N


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda net, run: run({"E.taau": 1.0}, {}), UnknownNameError, "Did you mean 'E.tau'"),
        (lambda net, run: run({}, {"E.W": 1.0}), UnknownNameError, "Did you mean 'E.V'"),
        (
            lambda net, run: run({"E.tau": bs.Normal(1 * u.ms, 1 * u.ms)}, {}),
            TypeError,
            "expected numbers, given Normal",
        ),
        (lambda net, run: run(3.0, {}), TypeError, "expected a dictionary"),
        (lambda net, run: run({"E.tau": "fast"}, {}), TypeError, "expected numbers, given 'fast'"),
        (lambda net, run: bs.sweep(net, {"E.tau": 5 * u.ms}, 1 * u.ms), ValueError, "expected a list of values"),
        (lambda net, run: bs.sweep(net, {"E.tau": [] * u.ms}, 1 * u.ms), ValueError, "expected a list of values"),
        (lambda net, run: bs.sweep(net, {}, 1 * u.ms, seeds=[0.5]), ValueError, "must be a list of integers"),
        (lambda net, run: bs.sweep(net, {}, 1 * u.ms, seeds=[0], batch_size=0), ValueError, "positive integer"),
        (lambda net, run: bs.sweep(net, {"steps": [0, 9]}, 1 * u.ms), ValueError, "all runs have the same time"),
        (lambda net, run: run({}, {}, inputs={"steps": np.zeros(STEPS)}), ValueError, "goes on by itself"),
        (lambda net, run: run({}, {}, inputs={"E.spikes": np.ones(STEPS, bool)}), ValueError, "through a SpikeInput"),
        (lambda net, run: run({}, {}, key=3), TypeError, "expected a random key"),
        (lambda net, run: bs.simulate(net, 1 * u.ms, record=None), TypeError, "expected a path"),
    ],
)
def test_what_is_no_value_is_refused(net, run, call, error, says):
    with pytest.raises(error, match=says):
        call(net, run)


@pytest.mark.parametrize(
    "dtype, value, error, says",
    [
        (np.float32, 1e39, ValueError, "must be finite, as float32, given inf"),
        (np.float32, 1e-50, ValueError, "must be positive, as float32, given 0.0"),
        (np.int32, 1.5, ValueError, r"must be whole numbers \(int32\), given 1.5"),
        (np.int32, 2**40, ValueError, "must be whole numbers"),
        (np.bool_, 2, ValueError, "must be true or false, given 2"),
        (np.float32, [[1.0], [1.0, 2.0]], ValueError, "different lengths"),
        (np.float32, 1j, TypeError, "expected numbers"),
    ],
)
def test_a_value_is_checked_as_it_is_kept(dtype, value, error, says):
    slot = Slot("E.x", u.UNITLESS, (3,), np.dtype(dtype), positive=True)
    with pytest.raises(error, match=says):
        slot.convert(value)
    assert slot.convert(np.array([1, 1, 1])).dtype == dtype


def test_a_list_of_quantities_is_a_quantity(net, run):
    expected = run({"E.tau": np.array([1.0, 2.0, 3.0]) * u.ms}, {})[1]["E.V"]
    given = run({"E.tau": [1 * u.ms, 2 * u.ms, 0.003 * u.second]}, {})[1]["E.V"]
    np.testing.assert_allclose(given, expected, rtol=1e-6)


def test_inside_a_transformation_a_value_out_of_range_gives_nothing_that_could_be_taken_for_a_result(run):
    """It cannot be refused there; with ``positive`` the largest that is allowed gives a number."""

    def end(value, path):
        return run({path: value}, {})[1]["E.V"][-1, 0]

    assert np.isnan(jax.jit(end, static_argnums=1)(-5.0, "E.tau"))
    assert np.array_equal(np.isnan(jax.vmap(lambda tau: end(tau, "E.tau"))(jnp.array([0.0, 5.0]))), [True, False])
    slot = Slot("E.x", u.UNITLESS, (), np.dtype(np.float32), nonnegative=True, at_most=2.0)
    kept = jax.vmap(slot.convert)(jnp.array([-1.0, 0.0, 2.0, 2.1]))
    np.testing.assert_array_equal(np.asarray(kept), np.array([np.nan, 0.0, 2.0, np.nan], np.float32))


def test_no_run_goes_past_the_last_step():
    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    net.steps = 2**31 - 5
    for run in (bs.simulate, bs.function, lambda *a: bs.sweep(a[0], {"E.tau": [1.0] * u.ms}, *a[1:])):
        with pytest.raises(ValueError, match="more than 2147483647 steps"):
            run(net, 1 * u.ms)
    with pytest.raises(ValueError, match="must not be negative"):
        net.steps = -1
