"""Which populations are advanced in one pass."""

import pytest

from brainsim import masses, neurons
from brainsim.simulation.one_pass import one_pass_is_best
from brainsim.sources import PoissonGroup


@pytest.mark.parametrize(
    ("population", "best"),
    [
        (neurons.LIF(2, method="euler"), True),
        (neurons.GIF(2, method="rk4"), True),
        (neurons.LIF(2), False),  # exponential Euler has a function of its own
        (neurons.AdEx(2, method="euler"), False),
        (neurons.HodgkinHuxley(2, method="rk4"), False),
        (neurons.ConductanceBased(2, method="euler"), True),  # a leak alone
        (masses.Linear(2), True),
        (masses.JansenRit(2), False),
        (PoissonGroup(2), True),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, bool) else None,
)
def test_plain_arithmetic_is_advanced_in_one_pass(population, best):
    assert one_pass_is_best(population) is best
