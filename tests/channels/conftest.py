from pathlib import Path

import numpy as np
import pytest

from tests.references import channel_equations, make_channels

HERE = Path(__file__).parents[1] / "references"


@pytest.fixture(scope="session")
def published():
    """The channels' equations, typed independently."""
    return channel_equations


@pytest.fixture(scope="session")
def protocol():
    """The script that made the references: its protocols are what the tests build from."""
    return make_channels


@pytest.fixture(scope="session")
def references():
    return dict(np.load(HERE / "channels.npz"))
