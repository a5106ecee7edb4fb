from pathlib import Path

import numpy as np
import pytest

from tests.references import make_references

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def protocol():
    """The script that made the references: its protocols are what the tests build from."""
    return make_references


@pytest.fixture(scope="session")
def references():
    return dict(np.load(HERE / "references.npz"))


@pytest.fixture(scope="session")
def references_of():
    """Stored arrays by the name of their file."""
    return lambda name: dict(np.load(HERE / f"{name}.npz"))
