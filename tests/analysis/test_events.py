"""Bad input is refused with an error that names the argument, what was given and what is accepted."""

import ast
from pathlib import Path

import brainunit as u
import numpy as np
import pytest

from brainsim import analysis

T, I = [0.1, 0.2], [0, 1]

BAD = {
    "negative bin": (lambda: analysis.binned_counts(T, I, 2, -0.1, 0, 1), r"bin: got -0\.1; .* > 0"),
    "bin above window": (lambda: analysis.population_counts(T, 2.0, 0, 1), r"bin: got 2\.0; .*at most the window"),
    "nan bin": (lambda: analysis.population_counts(T, np.nan, 0, 1), r"bin: got nan"),
    "stop before start": (lambda: analysis.firing_rate(T, I, 2, 1, 0.5), r"stop: got 0\.5 with start=1\.0"),
    "empty window": (lambda: analysis.population_rate(T, 2, 0.1, 1, 1), r"stop: got 1\.0 with start=1\.0"),
    "half a window": (lambda: analysis.cv(T, I, 2, start=0), r"start, stop: got start=0, stop=None"),
    "index too large": (lambda: analysis.firing_rate(T, [0, 2], 2, 0, 1), r"indices: got 2; .*n=2 are 0 to 1"),
    "index negative": (lambda: analysis.cv(T, [0, -1], 2), r"indices: got -1"),
    "unequal lengths": (lambda: analysis.cv(T, [0], 2), r"indices: got shape \(1,\) with times of shape \(2,\)"),
    "no neurons": (lambda: analysis.firing_rate([], [], 0, 0, 1), r"n: got 0; .*>= 1"),
    "n not an integer": (lambda: analysis.firing_rate(T, I, 2.5, 0, 1), r"n: got 2\.5"),
    "nan time": (lambda: analysis.firing_rate([np.nan, 1], I, 2, 0, 1), r"times: got NaN"),
    "matrix of times": (lambda: analysis.population_counts([T], 0.1, 0, 1), r"times: got shape \(1, 2\)"),
    "smooth": (lambda: analysis.population_rate(T, 2, 0.1, 0, 1, smooth=0), r"smooth: got 0"),
    "min_spikes": (lambda: analysis.cv(T, I, 2, min_spikes=2), r"min_spikes: got 2; .*>= 3"),
    "one bin": (lambda: analysis.fano_factor(T, I, 2, 1.0, 0, 1), r"bin: got 1\.0, one bin"),
    "one bin of synchrony": (lambda: analysis.synchrony(T, 1.0, 0, 1), r"bin: got 1\.0, one bin"),
    "correlogram": (lambda: analysis.cross_correlogram(T, bin=0.1, max_lag=-1), r"max_lag: got -1"),
    "voltages": (lambda: analysis.voltage_synchrony(np.zeros(5)), r"values: got shape \(5,\); .*\[steps, n\]"),
    "short signal": (lambda: analysis.power_spectrum(np.zeros(3), 1e-3), r"signal: got shape \(3,\)"),
    "nan signal": (lambda: analysis.power_spectrum(np.full(9, np.nan), 1e-3), r"signal: got NaN"),
    "dt": (lambda: analysis.power_spectrum(np.zeros(9), 0), r"dt: got 0"),
    "segment": (lambda: analysis.power_spectrum(np.zeros(9), 1e-3, segment=1), r"segment: got 1; .*0\.002 to 0\.009"),
    "one synapse too few": (
        lambda: analysis.branching_factor(T, I, 2, [0, 1], [1], 0.1, 0, 1),
        r"post: got shape \(1,\) with pre",
    ),
    "synapse to nobody": (
        lambda: analysis.branching_factor(T, I, 2, [0], [2], 0.1, 0, 1),
        r"post: got 2 to 2; .*n=2 are 0 to 1",
    ),
    "counts": (lambda: analysis.branching_ratio([1, 2]), r"counts: got shape \(1, 2\); .*bins >= 3"),
    "lags": (
        lambda: analysis.multistep_regression(np.arange(50), lags=30),
        r"counts: got shape \(1, 50\); .*bins >= 60",
    ),
    "nan counts": (lambda: analysis.branching_ratio([1, 2, np.nan]), r"counts: got NaN"),
    "interval": (lambda: analysis.interval_bursts(T, I, 2, 0), r"interval: got 0"),
    "end before begin": (
        lambda: analysis.interval_bursts(T, I, 2, 0.1, end_interval=0.05),
        r"end_interval: got 0\.05; .*interval=0\.1",
    ),
    "two spikes": (lambda: analysis.surprise_bursts(T, I, 2, min_spikes=2), r"min_spikes: got 2; .*>= 3"),
    "negative cost": (lambda: analysis.victor_purpura_distance(T, T, -1), r"cost: got -1"),
    "tau": (lambda: analysis.van_rossum_distance(T, T, 0), r"tau: got 0"),
    "frequency": (lambda: analysis.vector_strength(T, 0), r"frequency: got 0"),
    "same current twice": (lambda: analysis.fi_curve([1.0, 1.0], [0, 2]), r"currents: got \[1\. 1\.\]"),
    "counts of other currents": (
        lambda: analysis.fi_curve([1.0, 2.0], [0]),
        r"counts: got shape \(1,\) with 2 currents",
    ),
    "negative counts": (lambda: analysis.fi_curve([1.0, 2.0], [0, -1]), r"counts: got negative"),
    "currents of two lengths": (
        lambda: analysis.lfp_proxy(np.ones(20), np.ones(19), 1e-3),
        r"gaba: got 19 steps with ampa of 20",
    ),
    "delay": (lambda: analysis.lfp_proxy(np.ones(6), np.ones(6), 1e-3), r"delay_ampa, delay_gaba: got 0\.006"),
    "one column": (lambda: analysis.functional_connectivity(np.ones(6)), r"signals: got shape \(6,\)"),
    "two regions": (lambda: analysis.functional_dynamics(np.ones((9, 2)), 1, 4), r"signals: got 2 columns"),
    "long window": (
        lambda: analysis.functional_dynamics(np.ones((9, 3)), 1, 10),
        r"window: got 10; accepted is 3 to 9 s",
    ),
    "band": (lambda: analysis.dominant_frequency(np.zeros(99), 1e-3, low=900), r"low, high: got 900"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_bad_types():
    with pytest.raises(TypeError, match=r"indices: got dtype float64; accepted are integers"):
        analysis.firing_rate(T, [0.0, 1.0], 2, 0, 1)
    with pytest.raises(TypeError, match=r"times: got a quantity in ms; .*times\.to_decimal\(u\.second\)"):
        analysis.firing_rate(np.array(T) * u.ms, I, 2, 0, 1)
    with pytest.raises(TypeError, match=r"bin: got a quantity in ms"):
        analysis.population_counts(T, 1 * u.ms, 0, 1)
    with pytest.raises(TypeError, match=r"times: got dtype"):
        analysis.firing_rate(["a", "b"], I, 2, 0, 1)


def test_the_package_reads_plain_arrays_only():
    for file in Path(analysis.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file.name} imports from outside analysis"
                names = [] if node.level else [node.module]
            assert {n.split(".")[0] for n in names} <= {"numpy", "scipy", "typing"}, file.name
