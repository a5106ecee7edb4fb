import importlib.util
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def protocol():
    """The script that made the references: its protocols are what the tests build from."""
    spec = importlib.util.spec_from_file_location("make_references", HERE / "make_references.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def references():
    return dict(np.load(HERE / "references.npz"))


@pytest.fixture(scope="session")
def references_of():
    """Stored arrays by the name of their file."""
    return lambda name: dict(np.load(HERE / f"{name}.npz"))
