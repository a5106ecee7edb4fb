"""Conductances of every compartment, by gradient."""

import pytest

from models.cells import many_conductances


@pytest.mark.slow
def test_a_thousand_conductances_give_the_voltages_that_were_recorded():
    """Below 1 % of their standard deviation after 1,000 updates; a tenth of them are enough for 10 %."""
    result = many_conductances.main(updates=100)
    assert result["parameters"] >= 1000
    assert result["before"] > 0.5
    assert result["after"] < 0.1
