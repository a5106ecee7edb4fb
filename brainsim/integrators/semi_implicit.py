"""Semi-implicit Euler: one leaf after the other."""

from dataclasses import dataclass
from typing import ClassVar

from brainsim.integrators.base import Leaves, ODEMethod, PlainFunction


@dataclass(frozen=True)
class SemiImplicitEuler(ODEMethod):
    r"""Euler's method, one leaf after the other from the first to the last; each sees those that have advanced already.

    .. math:: y_k \leftarrow y_k + dt\,f_k(t,\, y_1^{new}, \dots, y_{k-1}^{new},\, y_k, \dots, y_n)

    Order 1. For an oscillator written as (position, velocity) it is symplectic: the energy of a free oscillation stays
    bounded, where Euler's method feeds it. Explicit all the same: the step is bounded by the fastest rate. Programs
    that write one variable after the other into the same memory are of this kind, Izhikevich's among them. Called as
    every `ODEMethod`.

    References
    ----------
    Hairer, Lubich & Wanner (2006), Geometric Numerical Integration, section I.1; Izhikevich (2004), IEEE Trans. Neural
    Netw. 15:1063.
    """

    name: ClassVar[str] = "semi_implicit_euler"
    order: ClassVar[int] = 1

    def step(self, f: PlainFunction, t, y: Leaves, dt) -> Leaves:
        y = list(y)
        for k in range(len(y)):
            y[k] = y[k] + dt * f(t, y)[k]
        return y
