"""What an integration method is, and how it is spared the units.

A method is a frozen, hashable dataclass that can be called, so a model holds it as a static field. A new ODE method
subclasses `ODEMethod` and writes `step`, a new SDE method subclasses `SDEMethod`; both see plain arrays only.
"""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

Leaves = list[jax.Array]
PlainFunction = Callable[[Any, Leaves], Leaves]


@dataclass(frozen=True)
class ODEMethod(abc.ABC):
    r"""One step of :math:`\dot y = f(t, y)`: ``method(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    f : callable
        ``f(t, y)`` gives dy/dt, a pytree like `y`. Unit of each leaf: that of `y` over that of `dt`.
    t : scalar
        Time at the start of the step, in a unit of time if `dt` has one.
    y : pytree
        State. Leaves are arrays or quantities, of any shape and each with its own unit and dtype, both of which are kept.
    dt : scalar
        Step, a quantity if the derivatives are taken per unit of time.

    Returns
    -------
    y_next : pytree
        Like `y`: structure, shapes, dtypes and units.

    Raises
    ------
    brainunit.UnitMismatchError
        When a derivative has the wrong unit. Names the leaf, the unit expected and the unit given.
    ValueError
        When what `f` returns has another structure or another shape than `y`.
    """

    def __call__(self, f: Callable, t, y, dt):
        plain = Stripped(t, y, dt)
        return plain.wrap(self.step(plain.rate(f, "dy/dt"), plain.t, plain.leaves, plain.dt))

    @abc.abstractmethod
    def step(self, f: PlainFunction, t, y: Leaves, dt) -> Leaves:
        """The same step on lists of plain arrays."""


@dataclass(frozen=True)
class SDEMethod(abc.ABC):
    r"""One step of :math:`dy = f(t, y)\,dt + g(t, y)\,dW` with diagonal noise: ``method(f, g, t, y, dt, noise) -> y_next``.

    Parameters
    ----------
    f, t, y, dt
        As for `ODEMethod`.
    g : callable
        ``g(t, y)`` gives the diffusion, a pytree like `y`. Unit of each leaf: that of `y` over the square root of that of `dt`.
    noise : pytree
        Like `y`, of independent standard normal numbers without unit. The method makes ``dW = sqrt(dt) * noise`` of it.

    Returns
    -------
    y_next : pytree
        Like `y`.

    Raises
    ------
    brainunit.UnitMismatchError, ValueError
        As for `ODEMethod`, for `f`, `g` and `noise`.
    """

    def __call__(self, f: Callable, g: Callable, t, y, dt, noise):
        plain = Stripped(t, y, dt)
        drift, diffusion = plain.rate(f, "dy/dt"), plain.rate(g, "the diffusion", power=0.5)
        noise = plain.unwrap(noise, [u.UNITLESS] * len(plain.leaves), "noise")
        return plain.wrap(self.step(drift, diffusion, plain.t, plain.leaves, plain.dt, noise))

    @abc.abstractmethod
    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        """The same step on lists of plain arrays; `noise` is still standard normal."""


class Stripped:
    """`t`, `y` and `dt` as plain arrays, and the way there and back. Units exist at trace time only."""

    def __init__(self, t, y, dt):
        keyed, self.treedef = jax.tree_util.tree_flatten_with_path(y, is_leaf=_is_quantity)
        self.names = ["y" + jax.tree_util.keystr(path) for path, _ in keyed]
        self.units = [leaf.unit if _is_quantity(leaf) else None for _, leaf in keyed]
        self.leaves = [_inexact(u.get_mantissa(leaf)) for _, leaf in keyed]
        self.time_unit = dt.unit if _is_quantity(dt) else None
        self.dt = self._as_float(u.get_mantissa(dt))
        self.t = _decimal(t, self._time_unit, "t")

    @property
    def _time_unit(self):
        return u.UNITLESS if self.time_unit is None else self.time_unit

    def _as_float(self, dt):
        """A step of its own strong dtype takes that of the state, so that float32 states stay float32."""
        if not self.leaves or not hasattr(dt, "dtype"):
            return dt
        return jnp.asarray(dt).astype(jnp.result_type(*self.leaves))

    def wrap(self, leaves: Leaves):
        """Plain leaves as the user's pytree, with its units and dtypes."""
        leaves = [new.astype(old.dtype) for new, old in zip(leaves, self.leaves, strict=True)]
        wrapped = [x if unit is None else u.Quantity(x, unit=unit) for x, unit in zip(leaves, self.units, strict=True)]
        return jax.tree_util.tree_unflatten(self.treedef, wrapped)

    def rate(self, f: Callable, what: str, power: float = 1.0) -> PlainFunction:
        """`f` as a function of plain arrays, whose result is checked to be in (unit of y) / (unit of dt)**power."""
        per = self._time_unit if power == 1.0 else self._time_unit**power
        expected = [(u.UNITLESS if unit is None else unit) / per for unit in self.units]

        def plain(t, leaves: Leaves) -> Leaves:
            t = t if self.time_unit is None else u.Quantity(t, unit=self.time_unit)
            return self.unwrap(f(t, self.wrap(leaves)), expected, what)

        return plain

    def unwrap(self, tree, units, what: str) -> Leaves:
        """The user's pytree as plain leaves in `units`, with the structure, the shapes and the dtypes of the state."""
        given, treedef = jax.tree_util.tree_flatten(tree, is_leaf=_is_quantity)
        if treedef != self.treedef:
            raise ValueError(f"{what} must have the structure of y. Expected {self.treedef}, got {treedef}.")
        plain = []
        for name, old, new, unit in zip(self.names, self.leaves, given, units, strict=True):
            new = jnp.asarray(_decimal(new, unit, f"{what} of {name}")).astype(old.dtype)
            if new.shape != old.shape:
                if jnp.broadcast_shapes(new.shape, old.shape) != old.shape:
                    raise ValueError(f"{what} of {name} has shape {new.shape}, but {name} has shape {old.shape}.")
                new = jnp.broadcast_to(new, old.shape)
            plain.append(new)
        return plain


def _is_quantity(x) -> bool:
    return isinstance(x, u.Quantity)


def _inexact(x) -> jax.Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(float)


def _decimal(x, unit, name: str):
    """The number of `x` in `unit`; nothing is computed when `x` is in that unit already."""
    given = u.get_unit(x)
    if not unit.has_same_dim(given):
        raise u.UnitMismatchError(f"{name} has the wrong unit. Expected {_show(unit)}, got {_show(given)}.")
    return u.Quantity(x).to_decimal(unit) if _is_quantity(x) or given != unit else x


def _show(unit) -> str:
    return "a plain number" if unit.is_unitless else f"'{unit}'"
