"""Where an object stands: what every kind of placement tells it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from brainsim._core.aside import Moment


class Site(NamedTuple):
    """Where an object is put.

    Parameters
    ----------
    path : str
        Its path in the network: ``"E.ampa"``.
    moment : Moment
        That of the network, or of a population that stands in none.
    facts : dict of str to value
        Attributes that it takes on: how many elements it has, units that its own depend on. Programs depend on them.
    """

    path: str
    moment: Moment
    facts: Mapping[str, Any] = {}


class OfSite(ABC):
    """A value that depends on where a part will stand: what the part stands on makes numbers of it."""

    @abstractmethod
    def at(self, shape: Any, rows: np.ndarray) -> Any:
        """The numbers of some places of a shape: (k,)."""
