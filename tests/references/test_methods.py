"""Every neuron with every method at dt = 0.1 ms: its rate is right, or the run is refused or warns."""

import warnings

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.integrators import METHODS, ODEMethod
from tests.references.accuracy_cases import CORTICAL, DRIVES, DURATION, SHARES, network

DT = 0.1
ALL = [*DRIVES, *CORTICAL]
OF_ONE_STEP = [name for name, method in METHODS.items() if isinstance(method, ODEMethod)]
FEW = ("LIF", "Izhikevich", "WangBuzsaki")
SILENT = 0.08  # 5 % is said, of inputs that are not these


@pytest.fixture(scope="module")
def accuracy(references_of):
    return references_of("accuracy")


def tried(net) -> dict[str, str]:
    """What is said of each population before a run; those that are refused are taken out."""
    said = {}
    for name, population in list(net.populations.items()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", bs.AccuracyWarning)
            try:
                population.check_step(DT)
            except ValueError:
                said[name] = "refused"
                delattr(net, name)
            else:
                said[name] = "warned" if caught else "silent"
    return said


def of_rate(mine, theirs) -> float:
    """How wrong a rate is, beyond that each interval ends where a step does."""
    expected, n = len(theirs), min(len(mine), len(theirs))
    error = len(mine) / expected - 1
    if abs(len(mine) - expected) <= 1 + 0.05 * expected and n > 3:
        error = np.ptp(theirs[:n]) / np.ptp(mine[:n]) - 1
    return max(abs(error) - expected * DT / DURATION, 0.0)


def check(method, only, accuracy):
    net = network(method, only)
    said = tried(net)
    left = [name for name in said if said[name] != "refused"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.AccuracyWarning)
        rec = bs.simulate(net, DURATION * u.ms, dt=DT * u.ms, record=[f"{name}.spikes" for name in left])
    for name in left:
        trains = [np.asarray(rec.spikes[name].of(k) / u.ms) for k in range(len(SHARES))]
        worst = max(of_rate(mine, accuracy[f"{name}_{k}"]) for k, mine in enumerate(trains))
        assert worst < SILENT or said[name] == "warned", (name, worst)  # by how much near threshold, no trial tells
    return said


@pytest.mark.parametrize("method, refused", [("euler", {"WangBuzsaki"}), ("staggered_exponential_euler", set())])
def test_a_few(method, refused, accuracy):
    said = check(method, FEW, accuracy)
    assert {name for name in said if said[name] == "refused"} == refused


@pytest.mark.slow
@pytest.mark.parametrize("method", OF_ONE_STEP)
def test_right_or_refused_or_warned(method, accuracy):
    said = check(method, ALL, accuracy)
    assert list(said.values()).count("refused") < len(ALL) / 2
