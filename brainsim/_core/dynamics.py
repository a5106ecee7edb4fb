"""The base class of everything that has parameters and states."""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from brainsim._core.clock import name_hash
from brainsim._core.declared import Parameter, State, StateVariable, _Declared
from brainsim._core.slot import Slot
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import float_dtype, in_unit, named, with_unit
from brainsim.connectivity.distributions import Distribution


class Aside:
    """Python-side facts about a model that no compiled program depends on.

    All of them compare equal, so that putting something here never makes jit compile again. Inside a transformation the
    traced copies of an object share it: what a run changes is changed on a copy (:meth:`but`), or it would leak out.
    """

    def __init__(self):
        self.given: dict = {}  # values as the user gave them, distributions included
        self.initial: dict = {}  # state before the first run, by path
        self.step_ms: float | None = None  # length of the steps of the last run
        self.prepared_for: float | None = None  # length of the steps that buffers were made for
        self.seed: int | None = None
        self.key: jax.Array | None = None  # that values given as distributions are drawn with

    def but(self, **changes) -> Aside:
        """A copy with some facts changed."""
        other = Aside()
        vars(other).update(vars(self) | changes)
        return other

    def __eq__(self, other):
        return isinstance(other, Aside)

    def __hash__(self):
        return 0


class Dynamics(nnx.Module):
    """A thing with parameters and states. Subclasses declare them and say how they change."""

    _declared: dict[str, _Declared] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        named = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        cls._declared = {name: value for name, value in named.items() if isinstance(value, _Declared)}

    def __init__(self, **values):
        self._aside = Aside()
        for name, value in values.items():
            if name not in self._declared:
                raise UnknownNameError(f"{type(self).__name__} has no {name!r}.{suggestion(name, self._declared)}")
            self._check_unit(name, value)
        self._aside.given = values

    @property
    def path(self) -> str:
        """Where the object stands in its network, for example ``"E.ampa"``; its class name before it stands anywhere."""
        return vars(self).get("_path", type(self).__name__)

    def unit_of(self, name: str) -> u.Unit | None:
        """Unit that ``name`` is kept in; None while it depends on a network that the object has not joined."""
        unit = self._declared[name].unit
        return getattr(self, unit, None) if isinstance(unit, str) else unit

    def dtype_of(self, name: str):
        """Type of the array of ``name``: floats unless declared otherwise."""
        return self._declared[name].dtype or float_dtype()

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Shape of one value per element; None where any shape will do."""
        shape = self._declared[name].shape
        length = getattr(self, shape) if isinstance(shape, str) else shape
        return (length,) if isinstance(length, int) else length

    def plain(self, name: str) -> jax.Array:
        """The plain array inside, in the unit :meth:`unit_of`."""
        return vars(self)[name].get_value()

    def put(self, name: str, array: jax.Array) -> None:
        """Replace the plain array inside, unchecked: for the inside of a step."""
        vars(self)[name].set_value(array)

    def hold(self, name: str, variable: nnx.Variable) -> None:
        """Hold ``variable`` under ``name``."""
        object.__setattr__(self, "_pytree__nodes", self._pytree__nodes.update({name: True}))
        vars(self)[name] = variable

    def allocate(self, key: jax.Array | None = None) -> None:
        """Create every array; values given as distributions are drawn with ``key``."""
        key = jax.random.PRNGKey(0) if key is None else key
        for name, declared in sorted(self._declared.items(), key=lambda item: callable(item[1].default)):
            value = self._aside.given.get(name, declared.default)
            if value is not None and value is declared.default and isinstance(declared.unit, str):
                value = with_unit(value, self.unit_of(name))
            if value is None and not (declared.optional or declared.default is None):
                raise ValueError(f"{self.path}.{name} may not be None.")
            if value is not None:
                value = value(self) if value is declared.default and callable(value) else value
                array = self._array(name, value, jax.random.fold_in(key, name_hash(name)))
                self.hold(name, declared.variable_type(array, unit=self.unit_of(name)))

    def redraw(self, key: jax.Array) -> dict[str, jax.Array]:
        """Initial values, drawn with ``key``, of the states that were given as distributions and of those made from
        them.
        """
        drawn = {
            name: self._array(name, value, jax.random.fold_in(key, name_hash(name)))
            for name, value in self._aside.given.items()
            if isinstance(value, Distribution) and isinstance(self._declared[name], State)
        }
        made = {
            k: d
            for k, d in self._declared.items()
            if isinstance(d, State) and callable(d.default) and k not in self._aside.given
        }
        if not drawn or not made:
            return drawn
        present = {name: self.plain(name) for name in (*drawn, *made)}
        try:
            for name, array in drawn.items():
                self.put(name, array)
            for name, declared in made.items():
                self.put(name, self._array(name, declared.default(self), key))
            return {name: self.plain(name) for name in present}
        finally:
            for name, array in present.items():
                self.put(name, array)

    def assign(self, name: str, value) -> None:
        """Set parameter or state ``name``, checked and converted; what ``self.name = value`` does."""
        if isinstance(value, nnx.Variable):
            self.hold(name, value)
            return
        if name not in self._declared:
            raise UnknownNameError(f"{self.path} has no {name!r}.{suggestion(name, self._declared)}")
        self._check_unit(name, value)
        if "_path" not in vars(self):
            self._aside.given[name] = value  # joining a network allocates again, from what was given
        variable = vars(self).get(name)
        if variable is None and "_path" not in vars(self):
            return
        key = jax.random.fold_in(jax.random.PRNGKey(0), name_hash(f"{self.path}.{name}"))
        array = self._array(name, value, key)
        if variable is None:
            self.hold(name, self._declared[name].variable_type(array, unit=self.unit_of(name)))
        else:
            variable.set_value(array)

    def slot(self, name: str) -> Slot:
        """What a value of ``name`` must be; assignment and every other way in convert through it."""
        declared = self._declared[name]
        return Slot(
            f"{self.path}.{name}",
            self.unit_of(name),
            self.shape_of(name),
            np.dtype(self.dtype_of(name)),
            positive=declared.positive,
        )

    def trainable(self, *names: str) -> None:
        """Make parameters ``nnx.Param``: what ``nnx.grad`` and ``nnx.Optimizer`` select by default."""
        parameters = {k for k, d in self._declared.items() if isinstance(d, Parameter)}
        for name in names:
            if name not in parameters:
                raise UnknownNameError(
                    f"{type(self).__name__} has no parameter {name!r}.{suggestion(name, parameters)}"
                )
            variable = vars(self).get(name)
            if variable is None:
                raise ValueError(f"{self.path}.{name} has no value that could be trained; give it one first.")
            if isinstance(variable, StateVariable):
                raise ValueError(
                    f"{self.path}.{name} changes in time here, by plasticity, and cannot be trained as well."
                )
            vars(self)[name] = nnx.Param(variable.get_value(), unit=variable.get_metadata("unit"))

    def __setattr__(self, name, value):
        if name in self._declared:
            self.assign(name, value)
        elif isinstance(value, u.Quantity) and "_path" in vars(self):
            # On an object that stands in a network this is a mistyped name, not a new attribute.
            raise UnknownNameError(f"{self.path} has no {name!r}.{suggestion(name, self._declared)}")
        else:
            super().__setattr__(name, value)

    def _check_unit(self, name, value):
        if value is not None and not isinstance(value, Distribution) and self.unit_of(name) is not None:
            in_unit(value, self.unit_of(name), f"{self.path}.{name}")

    def _array(self, name, value, key) -> jax.Array:
        declared, what = self._declared[name], f"{self.path}.{name}"
        shape = self.shape_of(name)
        if isinstance(value, Distribution):
            with named(what):
                value = with_unit(value.sample_jax(key, shape, self.unit_of(name), float_dtype()), self.unit_of(name))
        array = jnp.asarray(self.slot(name).convert(value))
        return jnp.broadcast_to(array, shape) if isinstance(declared, State) else array
