"""The base class of everything that has parameters and states."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.core import Tracer

from brainsim._core.aside import Aside, Moment
from brainsim._core.closed import Closed, check_reserved
from brainsim._core.declared import Fixed, Parameter, State, StateVariable, _Declared
from brainsim._core.described import signature
from brainsim._core.digits import keep_digits
from brainsim._core.exact import Exact
from brainsim._core.given import is_drawn, is_traced, kept_type, key_for
from brainsim._core.items import Patched, elements, own, replaced
from brainsim._core.rounding import SUFFIX, Accumulating
from brainsim._core.site import OfSite, Site
from brainsim._core.slot import Slot
from brainsim._core.stepping import check_in_reach
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import float_dtype, in_unit, named, with_unit
from brainsim.connectivity.distribution import Distribution


class Dynamics(Accumulating, Closed):
    """A thing with parameters and states. Subclasses declare them and say how they change.

    An object takes attributes of its own in ``__init__``, and no new ones after it: a name that is not declared is
    refused.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_reserved(cls)
        named = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        cls._declared = {name: value for name, value in named.items() if isinstance(value, _Declared)}

    def __init__(self, **values: Any):
        self._aside = Aside()
        for name, value in values.items():
            if name not in self._declared:
                accepted = {*signature(type(self)).parameters, *self._declared}
                raise UnknownNameError(f"{type(self).__name__} has no {name!r}.{suggestion(name, accepted)}")
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

    def dtype_of(self, name: str) -> np.dtype | None:
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
        return self._variable(name).get_raw_value()  # nnx would look for hooks, of which there are none

    def exact(self, name: str) -> Exact:
        """Parameter ``name``, declared with ``exact=True``, with all the digits that the user gave, for a clock.

        A value that is put in its place by a sweep, an input or a transformation has the digits of its array.
        """
        array, kept = self.plain(name), vars(self)[f"{name}_digits"].get_value()
        return Exact(array, jnp.where(array == kept[0], kept[1], 0.0))

    def put(self, name: str, array: Any) -> None:
        """Replace the plain array inside, unchecked: for the inside of a step."""
        self._variable(name).set_value(array)

    def _variable(self, name: str) -> nnx.Variable:
        check_in_reach(self, name)
        if (variable := vars(self).get(name)) is None:
            raise UnknownNameError(f"{self.path} has no array {name!r}.{suggestion(name, self._declared)}")
        return variable

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
        for name, declared in sorted(self._declared.items(), key=lambda item: callable(item[1].default)):
            value = self._given(name)
            self._check_none(name, value)
            if isinstance(value, OfSite):
                value = self.by_site(name, value)
            if not isinstance(value, OfSite | None):
                array, unit = self._array(name, value, key), self.unit_of(name)
                self.hold(name, declared.variable_type(array, unit=unit))
                keep_digits(self, name, value, array)
                if name in self._aside.given and not is_drawn(value) and not declared.exact:
                    self._aside.given[name] = with_unit(array, unit)  # what its giver does to his changes nothing

    def _given(self, name):
        """What ``name`` starts from: as it was given, or its default."""
        declared = self._declared[name]
        if name in self._aside.given:
            return self._aside.given[name]
        if callable(declared.default):
            return declared.default(self)
        if declared.default is not None and isinstance(declared.unit, str):
            return with_unit(declared.default, self.unit_of(name))
        return declared.default

    def parts(self, kind: type) -> dict[str, Any]:
        """Parts of a kind by name."""
        return {name: part for name, part in sorted(vars(self).items()) if isinstance(part, kind)}

    # -- placement ---------------------------------------------------------------------------------------------------

    @property
    def bound(self) -> bool:
        """Whether it stands somewhere: on a population, on a projection or in a network."""
        return "_path" in vars(self)

    def place(self, site: Site) -> None:
        """Stand at ``site``: take on its facts, and make the arrays that depend on them.

        Raises
        ------
        ValueError
            If it stands elsewhere already.
        """
        if self.bound:
            raise ValueError(
                f"the {type(self).__name__} given to {site.path} already belongs to {self.path}; make another one."
            )
        self._stand(site)

    def _stand(self, site: Site) -> None:
        self._aside.moment = site.moment
        self.fix(_path=site.path, **site.facts)
        self.allocate(self._key() if self._declared else None)  # a key takes time

    def leave(self) -> None:
        """Stand nowhere again: what it was put on could not be made."""
        if self.bound:
            self.let_go("_path")
            self._aside.moment = Moment()

    # -- initial values ----------------------------------------------------------------------------------------------

    def states(self) -> list[str]:
        """Names of the declared states that there are."""
        return [name for name in self._declared if isinstance(vars(self).get(name), StateVariable)]

    def derived(self) -> list[str]:
        """Names of the states whose initial value follows from others."""
        return [
            name for name in self.states() if callable(self._declared[name].default) and name not in self._aside.given
        ]

    def distributed(self) -> list[str]:
        """Names of the states that were given as distributions, in part or as a whole."""
        return [name for name in self.states() if is_drawn(self._aside.given.get(name))]

    def draw(self, key: jax.Array | None, names: Iterable[str] | None = None) -> None:
        """Put states to what they were given as, or to their defaults; distributions are drawn with ``key``.

        ``names``: those to put, all by default.
        """
        chosen = self.states() if names is None else names
        for name in sorted(set(chosen) - set(self.derived())):
            value = self._given(name)
            array = jnp.zeros_like(self.plain(name)) if value is None else self._array(name, value, key)
            self.put(name, array)

    def rearrange(self, name: str, function: Callable) -> None:
        """Let ``function`` move the elements of what state ``name`` was given as; a distribution stays what it is."""
        given = self._aside.given.get(name)
        if given is not None and not is_drawn(given):
            array = function(self._array(name, given, None))
            self._aside.given[name] = with_unit(array, self.unit_of(name))

    def clear(self) -> None:
        """Empty what is under way: whatever changes in time and is no declared state."""
        for name, variable in vars(self).items():
            if isinstance(variable, StateVariable) and name not in self._declared:
                variable.set_value(jnp.zeros_like(variable.get_value()))

    def count_anew(self, before: float, step_ms: float) -> None:
        """Count in steps of ``step_ms`` what was counted in steps of ``before``, rounded to whole steps."""
        for name, declared in self._declared.items():
            if declared.counts == "steps" and name in vars(self):
                steps = np.round(np.asarray(self.plain(name), float) * before / step_ms)
                self.put(name, jnp.asarray(np.minimum(steps, 2**31 - 1), jnp.int32))

    def settle(self, names: Iterable[str]) -> None:
        """Derive the initial values of the states ``names`` from those of others."""
        for name in names:
            self.put(name, self._array(name, self._declared[name].default(self), None))

    # -- values ------------------------------------------------------------------------------------------------------

    def assign(self, name: str, value: Any) -> None:
        """Set parameter or state ``name``, checked and converted; what ``self.name = value`` does."""
        if isinstance(value, nnx.Variable):
            self.hold(name, value)
            return
        if name not in self._declared:
            raise UnknownNameError(f"{self.path} has no {name!r}.{suggestion(name, self._declared)}")
        self.check_settable(name)
        if isinstance(value, OfSite):
            value = self.by_site(name, value)
        self._check_none(name, value)
        self._check_unit(name, value)
        if "_path" not in vars(self) and name not in vars(self):
            self._remember(name, own(value))
            return
        array = None if value is None else self._array(name, value, self._key_of(value))
        as_given = value is None or is_drawn(value) or self._declared[name].exact
        self._remember(name, own(value) if as_given else with_unit(array, self.unit_of(name)))
        self._store(name, array, value)

    def check_settable(self, name: str) -> None:
        """Refuse to set parameter or state ``name`` now."""
        check_in_reach(self, name)

    def by_site(self, name: str, value: OfSite) -> Any:
        """The numbers that ``value`` is at the sites of this object; itself as long as it stands nowhere.

        Raises
        ------
        ValueError
            Where it stands on units without a shape.
        """
        if not self.bound:
            return value
        raise ValueError(f"{self.path}.{name}: {value!r} depends on the place, and the units here are points.")

    def _check_none(self, name, value) -> None:
        declared = self._declared[name]
        if value is None and not (declared.optional or declared.default is None):
            raise ValueError(f"{self.path}.{name} may not be None.")

    def _changes(self, name) -> bool:
        """Whether ``name`` changes in time here, as plastic weights do, though it is declared as a parameter."""
        return isinstance(vars(self).get(name), StateVariable) and not isinstance(self._declared[name], State)

    def acts_at_once(self, name: str) -> bool:
        """Whether what has arrived already follows from parameter ``name``, so that it is made anew for another value."""
        return False

    def _remember(self, name, value) -> None:
        """Keep what initial values are made from.

        Of what stands in a network that are its states: as given before the first run, distributions at any time, and
        what else is a parameter in the eyes of the user.
        """
        moment = self._aside.moment
        lasting = not moment.begun or is_drawn(value) or self._changes(name)
        state = isinstance(vars(self).get(name), StateVariable)
        if "_path" not in vars(self) or (state and lasting and not is_traced(value)):
            self._aside.given[name] = value
        moment.settled = False
        if moment.begun and (state or self.acts_at_once(name)) and not isinstance(self.plain(name), Tracer):
            path = f"{self.path}.{name}"
            moment.assigned.setdefault(path, self.plain(name))
            moment.drawn = moment.drawn | {path} if is_drawn(value) else moment.drawn - {path}

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
        if name + SUFFIX in vars(self):
            self.put(name + SUFFIX, jnp.zeros_like(array))

    def _key(self):
        """Random key of the object where it stands."""
        moment = self._aside.moment
        return moment.key_at(self.path) if moment.key is not None else None

    def _key_of(self, value):
        """The key where a value is drawn, which takes longer to make than most values take to set."""
        return self._key() if is_drawn(value) else None

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
            at_most=declared.at_most,
            grid=self._grid(name),
            by_site=functools.partial(self.by_site, name),
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

    def assign_items(self, name: str, index: Any, value: Any, shape: tuple[int, ...] | None = None) -> None:
        """Set some elements of parameter or state ``name``; what ``self.name[index] = value`` does.

        Where it is one value for all there is one for each from then on, of ``shape``; by default of that which the
        class declares.
        """
        self.check_settable(name)
        present = self.plain(name)
        if not present.ndim:
            present = jnp.broadcast_to(present, shape or self.shape_of(name) or ())
        ids = elements(index, present.shape, f"{self.path}.{name}")
        if isinstance(value, OfSite):
            value = self.by_site(name, value)[ids]
        before = self._aside.given.get(name)
        base, parts = before if isinstance(before, Patched) else (before, ())
        array = replaced(present, ids, self._part(name, value, self._key_of(value), ids, len(parts)))
        base = with_unit(present, self.unit_of(name)) if base is None else base
        patched = Patched(base, (*parts, (ids, own(value))))
        as_given = is_drawn(patched) or self._changes(name) or self._declared[name].exact
        self._remember(name, patched if as_given else with_unit(array, self.unit_of(name)))
        self._store(name, array, patched)

    def _check_unit(self, name, value):
        if (
            value is not None
            and not isinstance(value, Distribution | Patched | OfSite)
            and self.unit_of(name) is not None
        ):
            in_unit(value, self.unit_of(name), f"{self.path}.{name}")

    def _array(self, name, value, key, shape: tuple[int, ...] | None = None) -> jax.Array:
        """``value`` as it is kept; ``shape``: of some of its elements."""
        slot = self.slot(name)
        if isinstance(value, Patched):
            array = jnp.broadcast_to(self._array(name, value.base, key), slot.kind[0])
            for k, (ids, part) in enumerate(value.parts):
                array = replaced(array, ids, self._part(name, part, key, ids, k))
            return array
        slot = slot if shape is None else dataclasses.replace(slot, shape=shape)
        if isinstance(value, Distribution):
            with named(slot.path):
                drawn = value.sample_jax(key_for(key, name), *slot.kind, float_dtype())
            value = with_unit(drawn, slot.unit)
        elif slot.dtype is None:
            slot = dataclasses.replace(slot, dtype=kept_type(value))
        array = slot.convert(value)
        if shape is None and (isinstance(self._declared[name], State) or self._changes(name)):
            if isinstance(array, Tracer):
                return jnp.broadcast_to(array, slot.kind[0])
            # numpy where it can: JAX compiles a program for every shape
            array = np.broadcast_to(np.asarray(array), slot.kind[0])
        if isinstance(array, np.ndarray):
            return jax.device_put(np.array(array))  # a copy of one's own
        return jnp.asarray(array, array.dtype)

    def _part(self, name, value, key, ids, number):
        """``value`` as it is kept, of the elements ``ids``: part ``number`` of what was given."""
        if isinstance(value, Distribution):
            key = jax.random.fold_in(key_for(key, name), number + 1)
        return self._array(name, value, key, ids.shape)
