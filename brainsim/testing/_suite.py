"""What every suite takes from the module that imports it, the classes and their values, and the numerics that it needs."""

from __future__ import annotations

import inspect
import re

import jax
import pytest

from brainsim._errors import suggestion


def exported(module: dict) -> list[str]:
    """Names of the tests and hooks of a suite, in the order of definition: what ``import *`` brings, beside its
    fixtures.
    """
    return [name for name in module if name.startswith(("test_", "pytest_"))]


def parametrise(metafunc: pytest.Metafunc, argument: str, kind: type) -> None:
    """Run a test that takes ``argument`` on every class in ``MODELS`` of its module."""
    if argument in metafunc.fixturenames:
        metafunc.parametrize(argument, models_of(metafunc.module, kind), ids=lambda model: model.__name__)


def models_of(module, kind: type) -> list:
    """``MODELS`` of a test module, checked: subclasses of ``kind``, as they are or in ``pytest.param``."""
    models = list(getattr(module, "MODELS", ()))
    if not models:
        raise pytest.Collector.CollectError(
            f"{module.__name__} has imported a suite of brainsim.testing: say which classes to test, MODELS ="
            f" [My{kind.__name__}]."
        )
    classes = [getattr(model, "values", [model])[0] for model in models]
    for model in classes:
        if not (inspect.isclass(model) and issubclass(model, kind)):
            raise pytest.Collector.CollectError(
                f"{module.__name__}.MODELS: expected subclasses of {kind.__module__}.{kind.__name__}, given {model!r}."
            )
    names = {model.__name__ for model in classes}
    for name in getattr(module, "VALUES", {}):
        if name not in names:
            raise pytest.Collector.CollectError(
                f"{module.__name__}.VALUES: {name!r} is not in MODELS.{suggestion(name, names)}"
            )
    return models


def documented(model: type) -> None:
    """Check that a class gives its equation and a paper with its year, and says what each parameter and state is."""
    text = model.__doc__ or ""
    assert ".. math::" in text, f"the docstring of {model.__name__} has no equation (.. math::)"
    cited = re.search(r"References\n\s*-+\n.*\((19|20)\d\d\)", text, re.DOTALL)
    assert cited, (
        f"the docstring of {model.__name__} has no section References with a paper and its year: Author, Journal (1952)"
    )
    for name, declared in model._declared.items():
        assert declared.__doc__, f"{model.__name__}.{name} does not say what it is"


@pytest.fixture(scope="module")
def values(request):
    """What the test module says in ``VALUES`` of a class; by default nothing."""
    return lambda model: getattr(request.module, "VALUES", {}).get(model.__name__, {})


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    """float64: differences of finite steps and equalities to 1e-12 need it."""
    with jax.enable_x64(True):
        yield
