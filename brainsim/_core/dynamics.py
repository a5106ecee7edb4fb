"""The base class of everything that has parameters and states."""

from __future__ import annotations

import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from brainsim._core.clock import name_hash
from brainsim._core.declared import Fixed, Parameter, State, StateVariable, _Declared
from brainsim._core.described import docstring, signature
from brainsim._core.digits import keep_digits
from brainsim._core.exact import Exact
from brainsim._core.items import Patched, elements, replaced
from brainsim._core.slot import Slot
from brainsim._core.stepping import check_in_reach
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
        self.closed = False  # whether the object is made and takes no new names
        self.structure = None  # of the network when it was last split: what its programs are kept with

    def but(self, **changes) -> Aside:
        """A copy with some facts changed."""
        other = Aside()
        vars(other).update(vars(self) | changes)
        return other

    def __eq__(self, other):
        return isinstance(other, Aside)

    def __hash__(self):
        return 0


class _Closing(type(nnx.Module)):
    # After construction, an object takes no new names. Its class says all about itself to those who ask.

    __signature__ = property(signature)
    __doc__ = property(docstring, lambda cls, text: type.__dict__["__doc__"].__set__(cls, text))

    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        if "_aside" not in vars(made):
            raise TypeError(f"{cls.__name__}.__init__ does not call super().__init__(...).")
        made._aside.closed = True
        return made


class Dynamics(nnx.Module, metaclass=_Closing):
    """A thing with parameters and states. Subclasses declare them and say how they change.

    An object takes attributes of its own in ``__init__``, and no new ones after it: a name that is not declared is
    refused.
    """

    _declared: dict[str, _Declared] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        _check_reserved(cls)
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
        """Type of the array of ``name``: floats unless declared otherwise; None for that of the value, of tables."""
        declared = self._declared[name]
        if declared.dtype is None and isinstance(declared, Fixed):
            return None
        return np.dtype(declared.dtype or float_dtype())

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Shape of one value per element; None where any shape will do."""
        shape = self._declared[name].shape
        length = getattr(self, shape) if isinstance(shape, str) else shape
        return (length,) if isinstance(length, int) else length

    def plain(self, name: str) -> jax.Array:
        """The plain array inside, in the unit :meth:`unit_of`."""
        check_in_reach(self, name)
        return vars(self)[name].get_value()

    def exact(self, name: str) -> Exact:
        """Parameter ``name``, declared with ``exact=True``, with all the digits that the user gave, for a clock.

        A value that is put in its place by a sweep, an input or a transformation has the digits of its array.
        """
        array, kept = self.plain(name), vars(self)[f"{name}_digits"].get_value()
        return Exact(array, jnp.where(array == kept[0], kept[1], 0.0))

    def put(self, name: str, array: jax.Array) -> None:
        """Replace the plain array inside, unchecked: for the inside of a step."""
        check_in_reach(self, name)
        vars(self)[name].set_value(array)

    def hold(self, name: str, variable: nnx.Variable) -> None:
        """Hold ``variable`` under ``name``."""
        object.__setattr__(self, "_pytree__nodes", self._pytree__nodes.update({name: True}))
        vars(self)[name] = variable

    def let_go(self, name: str) -> None:
        """Hold nothing under ``name`` any more."""
        nodes = {key: held for key, held in self._pytree__nodes.items() if key != name}
        object.__setattr__(self, "_pytree__nodes", type(self._pytree__nodes)(nodes))
        vars(self).pop(name, None)

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
                keep_digits(self, name, value, array)

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
        check_in_reach(self, name)
        self._check_none(name, value)
        self._check_unit(name, value)
        if "_path" not in vars(self) and name not in vars(self):
            self._remember(name, value)
            return
        array = None if value is None else self._array(name, value, self._key_for(name))
        self._remember(name, value)
        self._store(name, array, value)

    def _check_none(self, name, value) -> None:
        declared = self._declared[name]
        if value is None and not (declared.optional or declared.default is None):
            raise ValueError(f"{self.path}.{name} may not be None.")

    def _remember(self, name, value) -> None:
        """Joining a network allocates again, from what was given."""
        if "_path" not in vars(self):
            self._aside.given[name] = value

    def _store(self, name, array, value) -> None:
        variable = vars(self).get(name)
        if array is None:
            self.let_go(name)
            self.let_go(f"{name}_digits")
            return
        if variable is None:
            self.hold(name, self._declared[name].variable_type(array, unit=self.unit_of(name)))
        else:
            # A parameter that something changes in time has one value per element
            changes = isinstance(variable, StateVariable)
            variable.set_value(jnp.broadcast_to(array, variable.get_value().shape) if changes else array)
        keep_digits(self, name, value, array)

    def _key_for(self, name):
        return jax.random.fold_in(jax.random.PRNGKey(0), name_hash(f"{self.path}.{name}"))

    def slot(self, name: str) -> Slot:
        """What a value of ``name`` must be; assignment and every other way in convert through it."""
        declared = self._declared[name]
        return Slot(
            f"{self.path}.{name}",
            self.unit_of(name),
            self.shape_of(name),
            self.dtype_of(name),
            positive=declared.positive,
            nonnegative=declared.nonnegative,
            grid=self._grid(name),
        )

    def _grid(self, name):
        """Shape that the elements of ``name`` are arranged in, where it is not flat."""
        size = vars(self).get("size", ())
        return size if len(size) > 1 and self._declared[name].shape == "count" else None

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

    def assign_items(self, name: str, index, value, shape: tuple[int, ...] | None = None) -> None:
        """Set some elements of parameter or state ``name``; what ``self.name[index] = value`` does.

        ``shape``: that of the array first, where it is one value for all.
        """
        present = self.plain(name)
        present = present if shape is None else jnp.broadcast_to(present, shape)
        ids = elements(index, present.shape, f"{self.path}.{name}")
        array = replaced(present, ids, self._array(name, value, self._key_for(name), ids.shape))
        before = self._aside.given.get(name)
        if not isinstance(before, Distribution | Patched):
            before = with_unit(present, self.unit_of(name))
        patched = Patched(before, ids, value)
        self._remember(name, patched)
        self._store(name, array, patched)

    def fix(self, **facts) -> None:
        """Take attributes after construction: facts about the place of the object, which programs depend on."""
        for name, value in facts.items():
            super().__setattr__(name, value)

    def __setattr__(self, name, value):
        if name in self._declared:
            self.assign(name, value)
        elif _is_closed(self) and not name.startswith("_"):
            raise UnknownNameError(self._refusal(name))
        elif isinstance(value, np.ndarray | jax.Array | u.Quantity | list | dict | set):
            raise TypeError(
                f"{type(self).__name__}.{name}: numbers and arrays are declared on the class, {name} = Parameter(...),"
                f" State(...) or, for tables, Fixed(...); other sequences must be tuples. Given {type(value).__name__}."
            )
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        if name in self._declared or isinstance(vars(self).get(name), Dynamics):
            raise ValueError(f"{self.path}: {name!r} belongs to it and cannot be taken out.")
        super().__delattr__(name)

    def _refusal(self, name: str) -> str:
        """Why ``name`` cannot be assigned."""
        if name in vars(self) or hasattr(type(self), name):
            return f"{self.path}.{name} is fixed at construction."
        return f"{self.path} has no {name!r}.{suggestion(name, self.names())}"

    def names(self) -> list[str]:
        """Names of parameters, states and parts."""
        return [*self._declared, *(name for name, part in vars(self).items() if isinstance(part, Dynamics))]

    def __getattr__(self, name):
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)  # raises what it raised before
        raise UnknownNameError(f"{self.path} has no {name!r}.{suggestion(name, self.names())}")

    def _check_unit(self, name, value):
        if value is not None and not isinstance(value, Distribution | Patched) and self.unit_of(name) is not None:
            in_unit(value, self.unit_of(name), f"{self.path}.{name}")

    def _array(self, name, value, key, shape: tuple[int, ...] | None = None) -> jax.Array:
        """``value`` as it is kept; ``shape``: of some of its elements."""
        slot, state = self.slot(name), isinstance(self._declared[name], State)
        if isinstance(value, Patched):
            base = jnp.broadcast_to(self._array(name, value.base, key), slot.shape)
            key = jax.random.fold_in(key, 1)
            return replaced(base, value.ids, self._array(name, value.value, key, value.ids.shape))
        slot = slot if shape is None else dataclasses.replace(slot, shape=shape)
        if isinstance(value, Distribution):
            with named(slot.path):
                value = with_unit(value.sample_jax(key, slot.shape, slot.unit, float_dtype()), slot.unit)
        elif slot.dtype is None:
            slot = dataclasses.replace(slot, dtype=_kept_type(value))
        number = slot.convert(value)
        if state:  # numpy where it can: JAX compiles a program for every shape
            if isinstance(number, jax.core.Tracer):
                return jnp.broadcast_to(number, slot.shape)
            number = np.array(np.broadcast_to(np.asarray(number), slot.shape))
            return jnp.asarray(number, number.dtype)
        return jnp.asarray(number)


def _kept_type(value) -> np.dtype:
    """Type in which a table is kept: floats as all floats are, whole numbers and truth values as they are."""
    numbers = u.get_mantissa(value)
    kind = (numbers if isinstance(numbers, jax.Array) else np.asarray(numbers)).dtype.kind
    return np.dtype({"b": np.bool_, "i": np.int32, "u": np.int32}.get(kind, float_dtype()))


def _is_closed(made: Dynamics) -> bool:
    return "_aside" in vars(made) and made._aside.closed


def _check_reserved(cls) -> None:
    """Refuse a parameter or state with the name of something else that the class has."""
    for name, declared in vars(cls).items():
        if isinstance(declared, _Declared):
            for base in cls.__mro__[1:]:
                if isinstance(vars(base).get(name), _Declared):
                    break
                if name in vars(base) or name in vars(base).get("__annotations__", ()):
                    raise TypeError(
                        f"{cls.__name__}: the name {name!r} is reserved, {base.__name__} has it already; give the"
                        f" {type(declared).__name__.lower()} another one."
                    )
