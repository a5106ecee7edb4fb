"""Whether attributes are what they were: looked at in one loop of C, since every call of a run asks."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

_VALUES = operator.methodcaller("values")


class Telling(type):
    """The kind of classes that tell when an attribute of theirs is set or taken away."""

    edits = 0  # of all of them so far

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        Telling.edits += 1

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        Telling.edits += 1


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
        values = itertools.chain.from_iterable(map(_VALUES, self.mappings))
        return (
            list(map(len, self.mappings)) == self.sizes
            and list(itertools.chain.from_iterable(self.mappings)) == self.names
            and all(map(operator.is_, values, self.values))
        )


class ClassWatch:
    """The same of classes, which is quicker to see: most of them tell when they are edited.

    Parameters
    ----------
    classes : sequence of types
    mappings : sequence of mappings
        Attributes of objects.
    """

    def __init__(self, classes: Sequence[type], mappings: Sequence[Mapping]):
        self.edits = Telling.edits
        telling = [isinstance(kind, Telling) for kind in classes]
        self.telling = Watch([vars(kind) for kind, tells in zip(classes, telling) if tells])
        self.others = Watch([*(vars(kind) for kind, tells in zip(classes, telling) if not tells), *mappings])

    def holds(self) -> bool:
        """Whether nothing has changed."""
        edits = Telling.edits
        if edits != self.edits:
            if not self.telling.holds():
                return False
            self.edits = edits  # of other classes
        return self.others.holds()
