"""What an integration method is, and how it is spared the units.

A method is a frozen, hashable dataclass that can be called, so a model holds it as a static field. A new ODE method
subclasses `ODEMethod` and writes `step`, a new SDE method subclasses `SDEMethod`; both see plain arrays only.
"""

import abc
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import brainunit as u
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from brainsim._errors import NamesArguments

Leaves = list[jax.Array]
Scalar: TypeAlias = u.Quantity | ArrayLike  # with a unit or without
PlainFunction = Callable[[Any, Leaves], Leaves]


@dataclass(frozen=True)
class ODEMethod(metaclass=NamesArguments):
    r"""One step of :math:`\dot y = f(t, y)`: ``method(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    f : callable
        ``f(t, y)`` gives dy/dt, a pytree like `y`. Unit of each leaf: that of `y` over that of `dt`.
    t : scalar
        Time at the start of the step, in a unit of time if `dt` has one.
    y : pytree
        State. Leaves are arrays or quantities, of any shape and each with its own unit and dtype, both of which are
        kept.
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

    solves_coupling: ClassVar[bool] = False  # takes elements that couple implicitly, by the ``coupling`` of f

    if TYPE_CHECKING:  # attributes of the class, or fields

        @property
        def name(self) -> str: ...
        @property
        def order(self) -> int: ...

    def __call__(self, f: Callable, t: Any, y: Any, dt: Any) -> Any:
        plain = Stripped(t, y, dt)
        return plain.wrap(self.step(Field(f, plain), plain.t, plain.leaves, plain.dt))

    @abc.abstractmethod
    def step(self, f: PlainFunction, t: jax.Array, y: Leaves, dt: jax.Array) -> Leaves:
        """The same step on lists of plain arrays."""


@dataclass(frozen=True)
class SDEMethod(metaclass=NamesArguments):
    r"""One step of :math:`dy = f(t, y)\,dt + g(t, y)\,dW`: ``method(f, g, t, y, dt, noise) -> y_next``.

    Parameters
    ----------
    f, t, y, dt
        As for `ODEMethod`.
    g : callable
        ``g(t, y)`` gives the diffusion, a pytree like `y`. Unit of each leaf: that of `y` over the square root of that
        of `dt`. For general noise each leaf has one more axis at the end, over the `processes`.
    noise : pytree
        Independent standard normal numbers without unit, of which the method makes ``dW = sqrt(dt) * noise``. For
        diagonal noise a pytree like `y`, for scalar noise one number, for general noise an array (processes,). A method
        with ``normals`` > 1 takes so many for each Wiener process, along one more axis in front. `draw` makes them.

    Returns
    -------
    y_next : pytree
        Like `y`.

    Raises
    ------
    brainunit.UnitMismatchError, ValueError
        As for `ODEMethod`, for `f`, `g` and `noise`.

    Notes
    -----
    A method is made with ``noise=``, the structure of the noise, which must be among those that the method ``accepts``:

    - ``"diagonal"``: one Wiener process for each element of each leaf. g of an element may depend on that element only,
      where the order is to exceed 0.5;
    - ``"scalar"``: one Wiener process for all;
    - ``"general"``: ``processes`` Wiener processes, and g a matrix. It is *commutative* where
      :math:`\sum_l g_{lj}\,\partial_l g_{ik} = \sum_l g_{lk}\,\partial_l g_{ij}`.
    """

    noise: str = field(default="diagonal", kw_only=True)
    processes: int = field(default=1, kw_only=True)

    if TYPE_CHECKING:  # an attribute of the class, or a field

        @property
        def name(self) -> str: ...

    accepts: ClassVar[tuple[str, ...]] = ("diagonal", "scalar", "general")
    normals: ClassVar[int] = 1
    additive_only: ClassVar[bool] = False
    scale_free: ClassVar[bool] = True  # the unit of y makes no difference

    def __post_init__(self):
        if self.noise not in self.accepts:
            raise ValueError(f"{type(self).__name__} accepts noise {_listed(self.accepts)}, got {self.noise!r}.")
        if self.processes != 1 and self.noise != "general":
            raise ValueError(
                f"{type(self).__name__}: `processes` belongs to noise='general', got noise={self.noise!r}."
            )
        if not isinstance(self.processes, int) or self.processes < 1:
            raise ValueError(f"{type(self).__name__}: processes must be a positive integer, got {self.processes!r}.")

    def __call__(self, f: Callable, g: Callable, t: Any, y: Any, dt: Any, noise: Any) -> Any:
        plain = Stripped(t, y, dt)
        axis = (self.processes,) if self.noise == "general" else ()
        drift, diffusion = Field(f, plain), plain.rate(g, "the diffusion", power=0.5, axis=axis)
        return plain.wrap(self.step(drift, diffusion, plain.t, plain.leaves, plain.dt, self._leaves_of(noise, plain)))

    @abc.abstractmethod
    def step(self, f: PlainFunction, g: PlainFunction, t: jax.Array, y: Leaves, dt: jax.Array, noise: Leaves) -> Leaves:
        """The same step on lists of plain arrays; `noise` is still standard normal, and has an entry for each leaf."""

    def draw(self, normal: Callable, y: Any) -> Any:
        """The noise of one step: `normal` gives so many standard normal numbers, as an array (n,)."""
        plain = Stripped(0, y, 1)
        if self.noise != "diagonal":
            return normal(self.normals * self.processes).reshape(self._noise_shape(None))
        shapes = [self._noise_shape(leaf) for leaf in plain.leaves]
        numbers = normal(sum(map(math.prod, shapes)))
        split = jnp.split(numbers, list(itertools.accumulate(map(math.prod, shapes[:-1])))) if shapes else []
        return jax.tree_util.tree_unflatten(
            plain.treedef, [x.reshape(shape) for x, shape in zip(split, shapes, strict=True)]
        )

    def _noise_shape(self, leaf) -> tuple[int, ...]:
        one = jnp.shape(leaf) if self.noise == "diagonal" else (self.processes,) if self.noise == "general" else ()
        return one if self.normals == 1 else (self.normals, *one)

    def _leaves_of(self, noise, plain: "Stripped") -> Leaves:
        shapes = [self._noise_shape(leaf) for leaf in plain.leaves]
        if self.noise == "diagonal":
            return plain.unwrap(noise, [u.UNITLESS] * len(shapes), "noise", shapes)
        noise = jnp.asarray(_decimal(noise, u.UNITLESS, "noise"))
        if noise.shape != self._noise_shape(None):
            raise ValueError(
                f"noise has shape {noise.shape}, but {self.noise} noise has shape {self._noise_shape(None)}."
            )
        return [noise.astype(leaf.dtype) for leaf in plain.leaves]


class Stripped:
    """`t`, `y` and `dt` as plain arrays, and the way there and back. Units exist at trace time only."""

    def __init__(self, t, y, dt):
        keyed, self.treedef = jax.tree_util.tree_flatten_with_path(y, is_leaf=_is_quantity)
        self.names = ["y" + jax.tree_util.keystr(path) for path, _ in keyed]
        self.units = [leaf.unit if _is_quantity(leaf) else None for _, leaf in keyed]
        self.leaves = [_inexact(u.get_mantissa(leaf)) for _, leaf in keyed]
        self.time_unit = dt.unit if _is_quantity(dt) else None
        self.dt = self._as_float(u.get_mantissa(dt))
        self.t = _decimal(t, self.unit_of_time, "t")

    @property
    def unit_of_time(self):
        return u.UNITLESS if self.time_unit is None else self.time_unit

    def _as_float(self, dt):
        """A step of its own strong dtype takes that of the state, so that float32 states stay float32."""
        if not self.leaves or not hasattr(dt, "dtype"):
            return dt
        return jnp.asarray(dt).astype(jnp.result_type(*self.leaves))

    def time(self, t):
        """A plain time as the user's."""
        return t if self.time_unit is None else u.Quantity(t, unit=self.time_unit)

    def wrap(self, leaves: Leaves):
        """Plain leaves as the user's pytree, with its units and dtypes."""
        leaves = [new.astype(old.dtype) for new, old in zip(leaves, self.leaves, strict=True)]
        wrapped = [x if unit is None else u.Quantity(x, unit=unit) for x, unit in zip(leaves, self.units, strict=True)]
        return jax.tree_util.tree_unflatten(self.treedef, wrapped)

    def rate(self, f: Callable, what: str, power: float = 1.0, axis: tuple[int, ...] = ()) -> PlainFunction:
        """`f` as a function of plain arrays, whose result is checked to be in (unit of y) / (unit of dt)**power.

        Its leaves have the shapes of y, with `axis` at the end.
        """
        per = u.UNITLESS if self.time_unit is None else self.time_unit if power == 1.0 else self.time_unit**power
        expected = [(u.UNITLESS if unit is None else unit) / per for unit in self.units]
        shapes = [(*leaf.shape, *axis) for leaf in self.leaves]

        def plain(t, leaves: Leaves) -> Leaves:
            return self.unwrap(f(self.time(t), self.wrap(leaves)), expected, what, shapes)

        return plain

    def unwrap(self, tree, units, what: str, shapes=None) -> Leaves:
        """The user's pytree as plain leaves in `units`, with the structure, the dtypes and (unless given) the shapes of
        the state.
        """
        given, treedef = jax.tree_util.tree_flatten(tree, is_leaf=_is_quantity)
        if treedef != self.treedef:
            raise ValueError(f"{what} must have the structure of y. Expected {self.treedef}, got {treedef}.")
        shapes = shapes or [leaf.shape for leaf in self.leaves]
        plain = []
        for name, old, new, unit, shape in zip(self.names, self.leaves, given, units, shapes, strict=True):
            new = jnp.asarray(_decimal(new, unit, f"{what} of {name}")).astype(old.dtype)
            if new.shape != shape:
                if not _broadcasts(new.shape, shape):
                    should = f"it must have shape {shape}" if shape != old.shape else f"{name} has shape {old.shape}"
                    raise ValueError(f"{what} of {name} has shape {new.shape}, but {should}.")
                new = jnp.broadcast_to(new, shape)
            plain.append(new)
        return plain


class Field:
    r"""`f` on plain leaves, with what it tells of its structure, if it does.

    The membrane equation of a leaf that is a potential is linear at what is held,

    .. math:: \dot V = i(V_{held}) - g(V_{held})\,V + L V

    where g belongs to each element and L couples elements, with rows that sum to zero, as the compartments of a cell.
    So the derivative in the direction of ones is -g alone; a method for which L must be implicit asks ``coupling``.

    Attributes
    ----------
    holds : bool
        Whether :meth:`held` differs from a call.
    potentials : tuple of int
        Places of the leaves that are potentials: linear in themselves at what is held. The first, unless `f` says.
    coupling : object or None
        Solver for elements that are coupled: ``coupling.increment(V, rate, slope, h)`` gives x in
        ``x = h (rate + slope x + L (V + x))``, for arrays like the potential, with the ``rate`` of :meth:`alone`. None
        where elements do not couple.
    together : tuple of tuple of int
        Groups of leaves that depend on each other closely at the same element, as the states of a scheme do: methods
        that advance leaf by leaf advance each group as one, by :func:`brainsim.integrators.coupled.implicit_step`.
    """

    def __init__(self, f: Callable, plain: Stripped):
        self._call = plain.rate(f, "dy/dt")
        self.holds = bool(getattr(f, "holds", False))
        self.potentials = tuple(getattr(f, "potentials", (0,)))
        self.coupling = getattr(f, "coupling", None)
        self.together = tuple(map(tuple, getattr(f, "together", ())))
        self._f, self._plain = f, plain

    def __call__(self, t: Any, leaves: Leaves) -> Leaves:
        return self._call(t, leaves)

    def turns(self, count: int) -> list[tuple[int, ...]]:
        """Leaves, from the last to the first, in the turns in which they advance."""
        group = {k: group for group in self.together for k in group}
        return [group.get(k, (k,)) for k in reversed(range(count)) if k == max(group.get(k, (k,)))]

    def held(self, t: Any, leaves: Leaves, at: Leaves) -> Leaves:
        """The rates with conductances that follow a potential at once as they are at the leaves `at`."""
        if not self.holds:
            return self(t, leaves)
        at = self._plain.wrap(at)
        return self._plain.rate(lambda t, y: self._f.held(t, y, at), "dy/dt")(t, leaves)

    def alone(self, t: Any, leaves: Leaves, at: Leaves) -> Leaves:
        """As :meth:`held`, of elements that are not coupled with each other: without L V."""
        at = self._plain.wrap(at)
        return self._plain.rate(lambda t, y: self._f.alone(t, y, at), "dy/dt")(t, leaves)


def _broadcasts(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(given) <= len(shape) and all(n in (1, m) for n, m in zip(reversed(given), reversed(shape)))


def _listed(names) -> str:
    return ", ".join(map(repr, names))


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
