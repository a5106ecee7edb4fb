"""Apical input modulates: alone it does nothing, with basal input it amplifies, and coherent streams find each other."""

import numpy as np
import pytest

from models.cells import two_point

pytestmark = pytest.mark.slow


def test_context_amplifies_and_does_not_drive():
    rates = two_point.transfer(np.array([0.0, 20.0, 60.0]), np.array([0.0, 20.0, 40.0]))
    assert (rates[0] == 0).all() and (np.diff(rates[2]) > 0).all()
    assert rates[2, 2] > 4 * rates[2, 0] > 0


def test_streams_that_see_the_same_raise_it_above_what_only_one_sees():
    alone, together = (two_point.streams(16, together=context) for context in (False, True))
    assert together["common, Hz"] > 2 * alone["common, Hz"]
    assert together["of one stream, Hz"] < alone["of one stream, Hz"]
    assert together["right, of one stream"] > 0.95 > 0.75 > alone["right, of one stream"]
