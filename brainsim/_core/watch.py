"""Whether attributes are what they were: looked at in one loop of C, since every call of a run asks."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence

_VALUES = operator.methodcaller("values")


class Watch:
    """As long as mappings hold the very same things under the same names, nothing about them has changed.

    Parameters
    ----------
    mappings : sequence of mappings
        Attributes of classes and of objects, live: ``vars(thing)``.
    """

    def __init__(self, mappings: Sequence[Mapping]):
        self.mappings, self.sizes = mappings, list(map(len, mappings))
        self.names = list(itertools.chain.from_iterable(mappings))
        self.values = [value for mapping in mappings for value in mapping.values()]

    def holds(self) -> bool:
        """Whether nothing has changed."""
        names = itertools.chain.from_iterable(self.mappings)
        values = itertools.chain.from_iterable(map(_VALUES, self.mappings))
        return (
            list(map(len, self.mappings)) == self.sizes
            and all(map(operator.is_, values, self.values))
            and all(map(operator.is_, names, self.names))
        )
