"""What every exported rule says of itself; a new one is tested by being exported."""

import re

import pytest

from brainsim import plasticity

RULES = [getattr(plasticity, name) for name in plasticity.__all__ if name != "Plasticity"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_is_documented(rule):
    assert ".. math::" in rule.__doc__
    assert re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", rule.__doc__, re.DOTALL)
    for name, declared in rule._declared.items():
        assert declared.__doc__, name
        assert declared.unit is not None, name
