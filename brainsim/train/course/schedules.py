"""Parameters that do not learn, and follow the course of training: widths of delays, slopes, noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from brainsim._units import QuantityLike, in_unit, split_quantity, with_unit
from brainsim.network import Network
from brainsim.simulation.door import slots_of
from brainsim.train.trained import matching


@dataclasses.dataclass(frozen=True)
class Geometric:
    r"""From a first to a last value, by the same factor in each update, and the last from then on.

    .. math:: p(n) = p_0\,(p_1 / p_0)^{\min(n/N, 1)}

    Parameters
    ----------
    first, last : quantity or number
        :math:`p_0` and :math:`p_1`, positive and in one unit.
    updates : int
        N.

    Raises
    ------
    UnitError, ValueError
        For values that are not positive, or have different units.
    """

    first: QuantityLike
    last: QuantityLike
    updates: int

    def __post_init__(self):
        first, unit = split_quantity(self.first)
        last = in_unit(self.last, unit, "Geometric: last")
        if not (first > 0 and last > 0):
            raise ValueError(f"Geometric: expected two positive values, given {self.first} and {self.last}.")
        if isinstance(self.updates, bool) or self.updates != int(self.updates) or self.updates < 1:
            raise ValueError(f"Geometric: updates is a positive integer, given {self.updates!r}.")

    def __call__(self, updates: jax.Array) -> Any:
        """The value after so many updates."""
        first, unit = split_quantity(self.first)
        ratio = in_unit(self.last, unit, "Geometric: last") / first
        return with_unit(first * ratio ** jnp.minimum(updates / self.updates, 1.0), unit)


class Scheduled:
    """Parameters that follow functions of the number of updates.

    Parameters
    ----------
    net : Network
    parameters : dict of str to array
        All of the network, by path.
    schedules : dict of str to callable
        ``schedule(updates)`` by path or pattern: a quantity, or a number in the unit that the class declares, as the schedules of
        optax give; of several patterns that match, the first counts.
    learned : sequence of str
        Paths of the parameters that learn, which cannot follow a schedule.

    Raises
    ------
    UnknownNameError
        For a pattern that matches no parameter.
    TypeError, ValueError
        For what is not a schedule, or a parameter that learns.
    """

    def __init__(
        self,
        net: Network,
        parameters: dict[str, jax.Array],
        schedules: Mapping[str, Callable] | None = None,
        learned: tuple[str, ...] = (),
    ):
        found: dict[str, Callable] = {}
        for pattern, schedule in (schedules or {}).items():
            if not callable(schedule):
                raise TypeError(
                    f"schedules[{pattern!r}]: expected a function of the number of updates, given {schedule!r}."
                )
            for path in sorted(matching(pattern, parameters, "schedules")):
                found.setdefault(path, schedule)
        both = sorted(found.keys() & set(learned))
        if both:
            raise ValueError(f"schedules: {', '.join(both)} learns; freeze=[{both[0]!r}] lets it follow a schedule.")
        self._schedules, self._slots = found, slots_of(net, {path: parameters[path] for path in found})
        self._shapes = {path: parameters[path].shape for path in found}
        self.values(jnp.zeros((), jnp.int32))  # refuses values that do not fit, before anything is compiled

    def values(self, updates: jax.Array) -> dict[str, jax.Array]:
        """The parameters after so many updates: a pure function."""
        made = {}
        for path, schedule in self._schedules.items():
            value = self._slots[path].convert(schedule(updates), what=f"schedules: {path}", plain=True)
            made[path] = jnp.broadcast_to(jnp.asarray(value), self._shapes[path])
        return made
