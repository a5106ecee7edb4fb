"""The suites in a project that is not this one: float32 by default, and mistakes in what a test module says."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

import brainsim as bs
from brainsim import testing
from brainsim.testing import neurons, plasticity, receptors
from brainsim.testing._suite import models_of

pytest_plugins = ["pytester"]

HEAD = "import pytest\nimport brainsim as bs\nfrom brainsim.testing.receptors import *\n"
MODULES = {
    "test_fine": (
        """
MODELS = [bs.receptors.Exponential, pytest.param(bs.receptors.Alpha, marks=pytest.mark.skip)]

def test_own(receptor):
    assert bs.neurons.LIF(1).plain("tau").dtype == "float64"
"""
    ),
    "test_mute": (
        """
class Mute(bs.receptors.Exponential):
    "No equation."

MODELS = [Mute]
"""
    ),
    "test_wrong": "",
}


def test_in_a_project_without_settings(pytester):
    """JAX computes in float32 there; a failure shows its values, and what is missing in a module is said in one line."""
    pytester.makepyfile(**{name: HEAD + text for name, text in MODULES.items()})
    with jax.enable_x64(False):
        result = pytester.runpytest_inprocess(
            "-v", "--continue-on-collection-errors", "-k", "own or documented", "-p", "no:cacheprovider"
        )
        assert jax.numpy.zeros(()).dtype == "float32"
    result.assert_outcomes(passed=2, skipped=2, failed=1, errors=1, deselected=15)
    result.stdout.fnmatch_lines_random(
        [
            "test_fine.py::test_is_documented[[]Exponential] PASSED*",
            "test_fine.py::test_own[[]Exponential] PASSED*",
            "*the docstring of Mute has no equation (.. math::)",
            "E *assert '.. math::' in 'No equation.*",
            "test_wrong has imported a suite of brainsim.testing: say which classes to test, MODELS = [[]MyReceptor].",
        ]
    )


MISTAKES = {
    "no models": ({}, r"test_mine has imported a suite .*, MODELS = \[MyReceptor\]"),
    "another kind": (
        {"MODELS": [bs.neurons.LIF]},
        r"test_mine.MODELS: expected subclasses of brainsim.receptors.base.Receptor, given <.*LIF",
    ),
    "no class": (
        {"MODELS": [bs.receptors.Alpha()]},
        r"test_mine.MODELS: expected subclasses of brainsim.receptors.base.Receptor, given Alpha",
    ),
    "values": (
        {"MODELS": [bs.receptors.Alpha], "VALUES": {"Alhpa": {}}},
        "test_mine.VALUES: 'Alhpa' is not in MODELS. Did you mean 'Alpha'",
    ),
}


@pytest.mark.parametrize("given, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(given, message):
    with pytest.raises(pytest.Collector.CollectError, match=message):
        models_of(SimpleNamespace(__name__="test_mine", **given), bs.receptors.Receptor)


@pytest.mark.parametrize("suite", [neurons, plasticity, receptors], ids=lambda suite: suite.__name__)
def test_import_brings_tests_and_their_fixtures_only(suite):
    assert all(hasattr(suite, name) for name in suite.__all__)
    tests = {name for name in vars(suite) if name.startswith("test_")}
    fixtures = {name for name, value in vars(suite).items() if type(value) is type(pytest.fixture(lambda: None))}
    assert set(suite.__all__) == tests | fixtures | {"pytest_generate_tests"}


def test_without_pytest_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ModuleNotFoundError, match=r"brainsim.testing needs pytest: pip install 'brainsim\[test\]'"):
        runpy.run_path(str(Path(testing.__file__)))
