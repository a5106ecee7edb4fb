from pathlib import Path

import numpy as np
import pytest

from tests.references import channel_equations, channel_protocols

HERE = Path(__file__).parents[1] / "references"


@pytest.fixture(scope="session")
def published():
    """The channels' equations, typed independently."""
    return channel_equations


@pytest.fixture(scope="session")
def protocol():
    """What was done to the cells of the references: the tests build from it."""
    return channel_protocols


@pytest.fixture(scope="session")
def references():
    return dict(np.load(HERE / "channels.npz"))
