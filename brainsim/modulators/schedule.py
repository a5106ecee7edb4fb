from __future__ import annotations

from collections.abc import Callable

from brainsim._core import Clock
from brainsim._units import UNITLESS, in_unit
from brainsim.modulators.base import Modulator


class Schedule(Modulator):
    r"""A level that is a function of time, such as the decay of a learning rate.

    .. math:: m(t) = f(t)

    Parameters
    ----------
    function : callable
        f, from a time (quantity) to a number: ``Schedule(lambda t: u.math.exp(-t / (10 * u.second)))``.

    References
    ----------
    H. Robbins, S. Monro, Ann. Math. Stat. 22:400 (1951), for learning rates that decay.
    """

    def __init__(self, function: Callable):
        if not callable(function):
            raise TypeError(f"Schedule: expected a function of time, given {function!r}.")
        super().__init__()
        self.function = function

    def update(self, clock: Clock, populations):
        number = lambda t: in_unit(self.function(t), UNITLESS, f"{self.path}: the function of time")
        self.put("mean", number(clock.t + 0.5 * clock.dt))
        self.put("level", number(clock.t + clock.dt))
