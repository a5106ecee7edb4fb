"""Frozen dataclasses that are JAX pytrees by existing."""

from __future__ import annotations

import dataclasses
import operator
import typing
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def _getter(names: list[str]) -> Callable[[Any], tuple]:
    """Gives the attributes with these names as a tuple; a network's formats are flattened at each call of a run."""
    get = operator.attrgetter(*names) if names else lambda self: ()
    return (lambda self: (get(self),)) if len(names) == 1 else get


@typing.dataclass_transform(frozen_default=True, eq_default=False)
class Frozen:
    """Arrays with a static shape. Fields of type ``int`` or ``float`` are static, the others are leaves or pytrees."""

    def __init_subclass__(cls, interface: bool = False) -> None:
        super().__init_subclass__()
        if interface:  # its annotations say what subclasses have, as fields or otherwise
            return
        dataclasses.dataclass(frozen=True, eq=False)(cls)
        fields = dataclasses.fields(typing.cast(typing.Any, cls))
        counts = [field.name for field in fields if field.type in ("int", "float", int, float)]
        arrays = [field.name for field in fields if field.name not in counts]

        keys, children, aux = [jax.tree_util.GetAttrKey(n) for n in arrays], _getter(arrays), _getter(counts)

        def flatten(self):
            return children(self), aux(self)

        def flatten_with_keys(self):
            return list(zip(keys, children(self))), aux(self)

        def unflatten(aux, children):
            self = object.__new__(cls)  # placeholders of transformations pass through here: nothing to check
            for name, value in zip([*arrays, *counts], [*children, *aux], strict=True):
                object.__setattr__(self, name, value)
            return self

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)

    def _set(self, **values) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check_count(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{type(self).__name__}: {name} is a number of neurons, 0 or more; got {value!r}.")
            self._set(**{name: int(value)})
