import importlib.util
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parents[1] / "references"


def module(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="session")
def published():
    """The channels' equations, typed independently."""
    return module("channel_equations")


@pytest.fixture(scope="session")
def protocol():
    """The script that made the references: its protocols are what the tests build from."""
    return module("make_channels")


@pytest.fixture(scope="session")
def references():
    return dict(np.load(HERE / "channels.npz"))
