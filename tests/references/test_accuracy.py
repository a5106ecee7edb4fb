"""A run with its defaults at dt = 0.1 ms is as accurate as the docstring of its class says, and no less."""

import inspect
import re

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import masses, neurons
from tests.references.accuracy_cases import CORTICAL, DRIVES, ELSEWHERE, MASSES, WITHOUT_SPIKES, run

SENTENCE = r"Accuracy at dt = 0.1 ms by default: "


@pytest.fixture(scope="module")
def measured():
    return run(0.1)


@pytest.fixture(scope="module")
def accuracy(references_of):
    return references_of("accuracy")


def stated(name):
    """What the docstring says, in one line."""
    cls = getattr(neurons, name, None) or getattr(masses, name)
    text = " ".join(inspect.getdoc(cls).split())
    assert SENTENCE in text, f"the docstring of {name} does not say: {SENTENCE}..."
    return text.split(SENTENCE)[1]


def per_interval(mine, theirs):
    """What each interval is too long, on average, over the spikes that both have."""
    n = min(len(mine), len(theirs))
    assert n > 3
    return (mine[n - 1] - mine[0] - theirs[n - 1] + theirs[0]) / (n - 1)


def of_intervals(name, measured, accuracy):
    """Mean interval, and what it is too long, over the neurons of a case."""
    own = [(times, accuracy[f"{name}_{k}"]) for k, times in enumerate(measured[0][name])]
    for mine, theirs in own:
        assert abs(len(mine) - len(theirs)) <= 2
    interval = np.mean([np.diff(theirs).mean() for _, theirs in own])
    return interval, np.mean([per_interval(mine, theirs) for mine, theirs in own])


def test_every_exported_class_is_measured():
    models = (bs.neurons.Neuron, bs.masses.Mass)
    exported = {
        name
        for room in (neurons, masses)
        for name in room.__all__
        if isinstance(kind := getattr(room, name), type) and issubclass(kind, models)
    } - {"Mass", "Neuron", "ConductanceBased"}
    assert exported == {*DRIVES, *MASSES, *WITHOUT_SPIKES, *ELSEWHERE}


@pytest.mark.parametrize("name", DRIVES)
def test_intervals(name, measured, accuracy):
    interval, error = of_intervals(name, measured, accuracy)
    text = stated(name)
    of, says, percent, way = re.match(
        r"intervals of ([\d.]+) ms are ([\d.]+) ms \(([\d.]+) %\) too (long|short)", text
    ).groups()
    assert interval == pytest.approx(float(of), rel=0.02)
    assert float(percent) == pytest.approx(100 * float(says) / float(of), rel=0.1, abs=0.01)
    assert error * (1 if way == "long" else -1) == pytest.approx(float(says), rel=0.1, abs=0.004)
    if found := re.search(r"peak of V is within ([\d.]+) mV", text):
        peak = measured[1][name].max(0)
        assert np.abs(peak - accuracy[name]).max() < float(found[1])


def test_bursts_of_pinsky_and_rinzel():
    """Runge-Kutta 4 at 0.0025 ms in double precision, I = 1 uA/cm2; stamps are those of the ends of steps."""
    exact = [20.5475, 23.5275, 28.8725, 80.86, 84.9425, 87.415, 91.6625]
    exact += [172.7475, 176.47, 178.275, 182.725, 471.265, 475.16, 477.2325, 481.985]
    net = bs.Network()
    net.cell = neurons.PinskyRinzel(1)
    net.cell.add_stimuli(drive=bs.stimuli.Constant(1.0 * u.uA / u.cm2))
    times = bs.simulate(net, 500 * u.ms, record="cell.spikes").spikes["cell"].times.to_decimal(u.ms)
    assert len(times) == len(exact)
    np.testing.assert_allclose(times, np.add(exact, 0.05), atol=0.055)


@pytest.mark.parametrize("name", CORTICAL)
def test_intervals_of_composed_cells(name, measured, accuracy):
    interval, error = of_intervals(name, measured, accuracy)
    says = re.search(rf"([\d.]+) % \({name}\)", stated("ConductanceBased"))[1]
    assert 0.7 * float(says) < 100 * error / interval < 1.1 * float(says)  # some by rounding


@pytest.mark.parametrize("name", [*WITHOUT_SPIKES, *MASSES])
def test_variables(name, measured, accuracy):
    mine, theirs = measured[1][name][49::50, 0], accuracy[name]
    error = np.abs(mine - theirs).max() / np.ptp(theirs)
    says = float(re.search(r"within ([\d.e-]+) of its range", stated(name))[1])
    assert error < says
    assert says <= 1e-8 or error > says / 4
