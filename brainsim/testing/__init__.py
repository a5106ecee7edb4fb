"""Conformance suites: what every neuron, receptor and plasticity rule keeps, as tests for classes of your own.

One import in a test module brings all tests of a kind, and ``MODELS`` says what they are run on::

    # test_my_neuron.py
    from brainsim.testing.neurons import *
    from my_package import AdaptiveLIF

    MODELS = [AdaptiveLIF]

``pytest test_my_neuron.py`` then runs every test on every class. There is a suite in each of
:mod:`brainsim.testing.neurons`,
:mod:`brainsim.testing.receptors` and :mod:`brainsim.testing.plasticity`; those of the library itself are these. A test
module imports one of them, because tests of the same name would hide each other.

``MODELS`` holds classes, or ``pytest.param(Class, marks=...)``; ``VALUES``, which may be left out, maps names of
classes to what a suite is to make them with. A test of your own that takes the argument of the suite (``model``,
``receptor`` or ``rule``) is run on all of them too. The tests compute in float64, whatever the project is set to.
``import brainsim`` does not import this package, which needs pytest: ``pip install 'brainsim[test]'``.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "brainsim.testing needs pytest: pip install 'brainsim[test]', or pip install pytest.", name="pytest"
    ) from error

# A failed assertion in a suite then shows its values, as one in a test module does.
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in ("_suite", "neurons", "receptors", "plasticity")))
