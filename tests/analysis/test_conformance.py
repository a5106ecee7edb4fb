"""What every exported statistic keeps to: plain numbers in, arguments left alone, the same answer again, and a full
docstring.
"""

import inspect

import brainunit as u
import numpy as np
import pytest

from brainsim import analysis

rng = np.random.default_rng(0)
TIMES, INDICES, N = rng.uniform(0, 5, 400), rng.integers(0, 6, 400), 6
SIGNALS = np.sin(np.arange(1000) / 7)[:, None] + rng.normal(size=(1000, 4))
WINDOW = {"start": 0.0, "stop": 5.0}
EVENTS = {"times": TIMES, "indices": INDICES, "n": N}
PAIR = {"times_a": TIMES, "times_b": TIMES[:200] + 0.01}

# One valid call of every function; what a new one is tested with by being exported.
CALLS = {
    "binned_counts": EVENTS | WINDOW | {"bin": 0.1},
    "branching_factor": EVENTS | WINDOW | {"pre": np.arange(6), "post": np.arange(6)[::-1].copy(), "window": 0.05},
    "branching_ratio": {"counts": rng.poisson(3, 200)},
    "correlation": EVENTS | WINDOW | {"bin": 0.1},
    "cross_correlogram": PAIR | {"bin": 0.01, "max_lag": 0.1},
    "cv": EVENTS,
    "cv2": EVENTS,
    "dominant_frequency": {"signal": SIGNALS[:, 0], "dt": 1e-3},
    "fano_factor": EVENTS | WINDOW | {"bin": 0.1},
    "fi_curve": {"currents": np.arange(10.0), "counts": np.maximum(np.arange(10.0) - 3, 0)},
    "firing_rate": EVENTS | WINDOW,
    "functional_connectivity": {"signals": SIGNALS},
    "functional_dynamics": {"signals": SIGNALS, "dt": 1e-3, "window": 0.2},
    "interspike_intervals": EVENTS,
    "interval_bursts": EVENTS | {"interval": 0.05},
    "lfp_proxy": {"ampa": SIGNALS, "gaba": -SIGNALS, "dt": 1e-3},
    "multistep_regression": {"counts": SIGNALS[:, 0], "lags": 10},
    "population_counts": {"times": TIMES, "bin": 0.1} | WINDOW,
    "population_rate": {"times": TIMES, "n": N, "bin": 0.1} | WINDOW,
    "power_spectrum": {"signal": SIGNALS, "dt": 1e-3},
    "surprise_bursts": EVENTS | {"min_surprise": 1.0},
    "synchrony": {"times": TIMES, "bin": 0.1} | WINDOW,
    "van_rossum_distance": PAIR | {"tau": 0.02},
    "vector_strength": {"times": TIMES, "frequency": 4.0},
    "victor_purpura_distance": PAIR | {"cost": 20.0},
    "voltage_synchrony": {"values": SIGNALS},
}
FUNCTIONS = [name for name in analysis.__all__ if inspect.isfunction(getattr(analysis, name))]
RESULTS = [name for name in analysis.__all__ if inspect.isclass(getattr(analysis, name))]


def run(name, **changed):
    return getattr(analysis, name)(**CALLS[name] | changed)


def flat(result):
    return result if isinstance(result, tuple) else (result,)


def test_every_name_is_a_function_or_a_result():
    assert sorted(FUNCTIONS) == sorted(CALLS)
    assert sorted(FUNCTIONS + RESULTS) == sorted(analysis.__all__)
    assert all(issubclass(getattr(analysis, name), tuple) and getattr(analysis, name).__doc__ for name in RESULTS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_says_what_goes_in_and_what_comes_out(name):
    function = getattr(analysis, name)
    summary, *_ = function.__doc__.splitlines()
    assert summary and "Parameters\n" in function.__doc__ and "Returns\n" in function.__doc__
    for argument in inspect.signature(function).parameters:
        listed = [line.strip().split(" :")[0] for line in function.__doc__.splitlines()]
        assert any(argument in line.split(", ") for line in listed), f"{name} does not describe {argument}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_numpy_the_same_again_and_arguments_are_left_alone(name):
    given = {k: np.array(v, copy=True) for k, v in CALLS[name].items()}
    for array in CALLS[name].values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    first, second = flat(run(name)), flat(run(name))
    for one, two in zip(first, second):
        assert isinstance(one, float | int | np.ndarray) and np.size(one) > 0
        np.testing.assert_array_equal(one, two)
    for argument, array in given.items():
        np.testing.assert_array_equal(array, CALLS[name][argument])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lists_do_as_well_as_arrays(name):
    for one, two in zip(
        flat(run(name)), flat(run(name, **{k: np.asarray(v).tolist() for k, v in CALLS[name].items()}))
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_quantities_are_refused_by_name(name):
    for argument, value in CALLS[name].items():
        if np.asarray(value).dtype.kind == "f":
            with pytest.raises(TypeError, match=rf"{argument}: got a quantity in ms; .*{argument}\.to_decimal"):
                run(name, **{argument: value * u.ms})


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if {"times", "indices"} <= CALLS[name].keys()])
def test_the_order_of_events_does_not_matter(name):
    order = rng.permutation(TIMES.size)
    for one, two in zip(flat(run(name)), flat(run(name, times=TIMES[order], indices=INDICES[order]))):
        np.testing.assert_allclose(one, two, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if {"times", "indices"} <= CALLS[name].keys()])
def test_neurons_have_no_order(name):
    """Numbering the neurons the other way round turns results per neuron round, and leaves the mean over neurons."""
    there = N - 1 - INDICES
    changed = {"indices": there} | {k: N - 1 - CALLS[name][k] for k in ("pre", "post") if k in CALLS[name]}
    one, two = flat(run(name))[0], flat(run(name, **changed))[0]
    if np.ndim(one) == 0:
        assert one == pytest.approx(two)
    else:
        np.testing.assert_allclose(
            np.sort(one, axis=None), np.sort(N - 1 - two if name.endswith("bursts") else two, axis=None)
        )
