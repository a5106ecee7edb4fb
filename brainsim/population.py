"""Populations: what sends spikes, and what projections and recordings can point at."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Aside, Clock, Dynamics, Part, Site, State, elements, held, in_step, name_hash
from brainsim._errors import UnknownNameError, a_or_an, suggestion
from brainsim.connectivity._checks import distinct
from brainsim.connectivity.geometry import Positions, as_layout
from brainsim.own_steps import OwnSteps, length_of
from brainsim.stimuli.base import Stimulus


class Sender(Dynamics):
    """What sends spikes, and what projections start from: a population, or places of one that send their own."""

    size: tuple[int, ...]
    count: int

    def check_settable(self, name):
        super().check_settable(name)
        if name == "spikes" and self.bound and not in_step():
            raise ValueError(
                f"{self.path}.spikes is what was fired in the last step, and nothing reads it between steps. Spikes at times of"
                " yours are sent by sources.SpikeTimes; an operation may set those of its step."
            )

    @property
    def positions(self) -> Positions:
        """Where its units are."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its units are: define positions.")

    def at(self, *places: Any, ids: np.ndarray | None = None) -> View:
        """Some of its places: for cells with a shape, see :class:`brainsim.cells.MultiCompartment`.

        Raises
        ------
        TypeError
            For a population whose units have one place each.
        """
        raise TypeError(f"{self.path}: {a_or_an(type(self).__name__)} has no places; its units are points.")

    def __getitem__(self, item: Any) -> View:
        return View(self, elements(item, self.size, self.path))

    def __len__(self):
        return self.count


class Population(OwnSteps, Sender):
    """A group of ``count`` units that send spikes.

    Parameters
    ----------
    size : int or tuple of int
        Number of units, or the shape they are arranged in. Arrays are flat, of length ``count``.
    positions : Layout, Positions, quantity or array (n, d), optional
        Where the units are, for rules, weights and delays that depend on distance:
        ``connectivity.Grid(spacing=50 * u.um)``, ``Ring()``, ``UniformBox([1, 1] * u.mm)``, or coordinates. Default:
        the grid of ``size`` with spacing 1, without unit.
    dt : quantity, time, optional
        Length of steps of its own, a multiple of those of the network: a slow population beside fast ones. Spikes that
        arrive within a step act from its beginning on, a graded signal is that at its beginning, and spikes are fired at its
        end. Those of the network by default.
    **values
        Parameters and initial states by name: quantities, arrays of one value per unit, or distributions.

    Raises
    ------
    ValueError
        For an empty population, a wrong shape or a value that is not finite.
    UnitError
        For a wrong unit.
    UnknownNameError
        For a name that the class does not declare.
    """

    input_unit = u.pA  # of the sum of the stimuli
    inputs: dict[str, str | None] = {"I": None}  # what stimuli and receptors feed

    spikes = State(False, "who fired at the end of the last step", dtype=jnp.bool_)

    def __init__(self, size: int | tuple[int, ...], *, positions: Any = None, dt: Any = None, **values: Any):
        self.count = count_in(size, type(self).__name__)
        self.size = tuple(int(k) for k in (size if isinstance(size, tuple) else (size,)))
        if dt is not None:
            self.own_step_ms = length_of(dt, type(self).__name__)
        super().__init__(**values)
        self._aside.layout = as_layout(positions)
        self._aside.layout.check(self.size)
        self.allocate()

    @property
    def positions(self) -> Positions:
        """Where the units are; a random layout is drawn from the network's seed and the population's path."""
        return positions_of_units(self._aside, self.size)

    @property
    def senders(self) -> dict[str, Sender]:
        """What sends spikes, by path: itself, and places of its units that send their own."""
        return {self.path: self}

    @property
    def units(self) -> int:
        """How many there are of what fires and is counted: ``count``."""
        return self.count

    @property
    def sites(self) -> int:
        """How many places there are where current lands: of receptors, stimuli, channels and pools. A point neuron has
        one; a unit with several compartments has as many.
        """
        return self.count

    #: Solver for sites that are coupled, see :class:`brainsim.integrators.Field`; None for point neurons.
    between_sites: Any = None

    #: Whether each unit is solved by itself, so that devices can share them.
    units_are_apart: bool = True

    #: Whether units of several shapes stand behind each other, each solved by itself.
    is_forest: bool = False

    def site(self, name: str, **facts: Any) -> Site:
        """Where a part ``name`` of one value per site stands."""
        own = {"size": self.size} if self.sites == self.count else {}
        return Site(f"{self.path}.{name}", self._aside.moment, {"count": self.sites, **own, **facts})

    def facing(self, view: View, receptor: Any) -> View:
        """A view of units, or of places, by the places where a receptor stands; of points it is the same."""
        return view

    def places_of(self, part: Part, view: View) -> np.ndarray:
        """The numbers that the units, or places, of a view have on a part.

        Raises
        ------
        ValueError
            For a part that does not stand there.
        """
        if getattr(part, "count", None) != self.count:
            raise ValueError(f"{part.path} has no value for each unit of {self.path}; set it on {part.path}.")
        return view.ids

    def seen_from(self, receptor: str | None) -> Any:
        """What synapses onto a receptor see of the population: its variables, one value for each place of the receptor."""
        return self

    def join(self, name: str, key: jax.Array) -> None:
        """Stand in a network under ``name``: draw anew, with ``key``, what was given as a distribution."""
        self._aside.key, moment = key, self._aside.moment
        self.place(Site(name, moment))
        for child, part in self.parts(Dynamics).items():
            part._stand(Site(f"{name}.{child}", moment))

    def check_step(self, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
        """Refuse steps of this length where they cannot be right, with the values by path that parameters of the
        network will take beside their own; most populations take any.
        """

    def prepare(self, step_ms: float) -> None:
        """Get ready for steps of this length; most populations have nothing to do."""

    def count_anew(self, before: float, step_ms: float) -> None:
        if self.own_step_ms is None:  # its steps stay what they are
            super().count_anew(before, step_ms)

    def receive(self, clock: Clock) -> tuple:
        """Let receptors advance over the step; what they give is what :meth:`update` takes beside the clock."""
        return ()

    def update(self, clock: Clock) -> None:
        """Advance from t to t + dt and set ``spikes``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it advances: define update(self, clock).")

    def add_stimuli(self, *unnamed: Stimulus, **stimuli: Stimulus) -> None:
        """Give the population stimuli, by name: ``add_stimuli(drive=Constant(200 * u.pA))``.

        ``net.E[:50].add_stimuli(...)`` stimulates these units only.

        Raises
        ------
        TypeError, ValueError
            For something that is not a stimulus or belongs elsewhere already, or a name that is taken.
        """
        self.attach_parts(stimuli, Stimulus, unnamed=unnamed)

    def attach_parts(self, parts: dict, kind: type, ids: np.ndarray | None = None, unnamed: Sequence = ()) -> None:
        """Bind receptors or stimuli to this population (its units ``ids``): all of them or, on an error, none."""
        if unnamed:
            given = type(unnamed[0]).__name__
            raise TypeError(
                f"{self.path}: {a_or_an(kind.__name__.lower())} needs a name, for example x={given}(...), given {given} without."
            )
        for name, part in parts.items():
            what = kind.__name__.lower()
            if not isinstance(part, kind):
                given = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
                raise TypeError(f"{self.path}: {name!r} must be a {what}, given {given}.")
            if part.bound:
                raise ValueError(
                    f"{self.path}: the {what} given as {name!r} already belongs to {part.path}; make another one."
                )
            if hasattr(type(self), name) or name in vars(self):
                raise ValueError(f"{self.path}: the name {name!r} is taken.")
        try:
            for name, part in parts.items():
                part.bind(self, name, ids)
            there = list(self.parts(kind).values())
            for part in parts.values():
                part.check_beside(there)
                there.append(part)
        except Exception:
            for part in parts.values():
                part.leave()
            raise
        for name, part in parts.items():
            self.fix(**{name: part})

    def warmed(self) -> AbstractContextManager:
        """Within this, parts that have no temperature of their own have that of a cell."""
        return nullcontext()

    def advance_stimuli(self, clock: Clock) -> None:
        """Let the stimuli change their own state, or add to receptors."""
        for name, stimulus in self.parts(Stimulus).items():
            stimulus.update(clock.of(name), self)

    def stimulation(self, clock: Clock, into: str = "I") -> jax.Array:
        """Sum of the stimuli of one input, plain, in the input unit: shape () or (n,)."""
        stimuli = ((name, s) for name, s in self.parts(Stimulus).items() if s.into == into)
        values = (s.spread(s.masked(clock.of(name)), self.sites) for name, s in stimuli)
        return sum(values, jnp.zeros((), clock.step_ms.dtype))

    def input_named(self, name: str | None, part: str) -> str:
        """The input ``name``, the first for None.

        Raises
        ------
        UnknownNameError
            If there is no such input; the message names the ``part`` that asked for it.
        """
        if not self.inputs:
            raise UnknownNameError(
                f"{self.path}: {part!r} has nowhere to go, {a_or_an(type(self).__name__)} takes no input in its equations (as text:"
                " 'J : amp (input)'); a bs.receptors.Delta(into=...) moves a variable, a Summed(into=...) sets one."
            )
        if name is None:
            return next(iter(self.inputs))
        if name not in self.inputs:
            raise UnknownNameError(
                f"{self.path}: {part!r} is to go into {name!r}, which is not an input.{suggestion(name, self.inputs)}"
            )
        return name


class View:
    """Some units of a population, for wiring, stimulation and values: ``net.E[:100].V = -50 * u.mV``.

    The parts that stand there have views of their own: ``net.cell.at("soma").na.g_max = 50 * u.mS / u.cm2``.
    """

    population: Any  # or another sender
    ids: np.ndarray
    counts = "count"  #: what of the population the ids number
    what = "units"

    def __init__(self, population: Any, ids: Any):
        vars(self).update(population=population, ids=np.atleast_1d(ids).ravel())
        if self.ids.size == 0:
            raise ValueError(f"{population.path}: the view is empty; the population has {self.extent} {self.what}.")
        if not distinct(self.ids):
            raise ValueError(
                f"{population.path}: the view names a {self.what[:-1]} twice, given {self.ids.tolist()[:20]}."
            )

    @property
    def extent(self) -> int:
        """How many there are of what the ids number: the units of the population."""
        return getattr(self.population, self.counts)

    @property
    def size(self) -> tuple[int, ...]:
        """The shape that all of these are arranged in."""
        return self.population.size

    @property
    def all_positions(self) -> Positions:
        """Where all of these are."""
        return self.population.positions

    def onto(self, receptor: Any) -> View:
        """The view by the places of a receptor of the population.

        Raises
        ------
        ValueError
            For a receptor that does not stand there, or stands at several places of a unit.
        """
        return self.population.facing(self, receptor)

    def as_seen_by(self, pre: View) -> np.ndarray:
        """The ids in the numbers of a view of the same population, to tell what would connect to itself."""
        return self.ids

    def _checked(self, name: str) -> str:
        """``name``, if the population has one value per unit of it."""
        declared = self.population._declared
        units = [key for key in declared if declared[key].shape == self.counts]
        if name in units:
            return name
        of = self.what.removesuffix("s")
        what = f"{name!r} has no value per {of}" if name in declared else f"there is no {name!r}"
        accepted = [*units, *self.population.parts(Part)]
        raise UnknownNameError(f"a view of {self.population.path}: {what}.{suggestion(name, accepted)}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if isinstance(part := vars(self.population).get(name), Part):
            return View(part, self.population.places_of(part, self))
        values = self.population.plain(self._checked(name))
        values = values[self.ids] if values.ndim else jnp.broadcast_to(values, self.ids.shape)
        return held(values, self.population.unit_of(name), self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.population.assign_items(self._checked(name), self.ids, value, (self.extent,))

    def assign_items(self, name: str, index: Any, value: Any) -> None:
        """Set some elements; what ``view.V[index] = value`` does."""
        chosen = self.ids[elements(index, self.ids.shape, f"a view of {self.population.path}: {name}")]
        self.population.assign_items(name, chosen, value, (self.extent,))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def positions(self) -> Positions:
        """Where the units of the view are."""
        return self.all_positions[self.ids]

    def __getitem__(self, item: Any) -> View:
        chosen = elements(item, self.ids.shape, f"a view of {self.population.path}")
        return type(self)(self.population, self.ids[chosen])

    def at(self, *places: Any) -> View:
        """As :meth:`Population.at`, of these units only."""
        return self.population.at(*places, ids=self.ids)

    def add_stimuli(self, *unnamed: Stimulus, **stimuli: Stimulus) -> None:
        """As :meth:`Population.add_stimuli`, for these units only."""
        self.population.attach_parts(stimuli, Stimulus, self.ids, unnamed)


def count_in(size: Any, what: str) -> int:
    """How many units there are of a size; refuses what is none."""
    sizes = size if isinstance(size, tuple) else (size,)
    if not all(isinstance(k, numbers.Integral) and not isinstance(k, bool) and int(k) > 0 for k in sizes):
        raise ValueError(f"{what}: size must be a positive integer or a tuple of them, given {size!r}.")
    return math.prod(int(k) for k in sizes)


def positions_of_units(aside: Aside, size: tuple[int, ...]) -> Positions:
    """Where units arranged in ``size`` are, by what is known of their population aside."""
    key = jax.random.fold_in(jax.random.PRNGKey(0) if aside.key is None else aside.key, name_hash("positions"))
    return aside.layout.place(size, np.random.default_rng(np.asarray(jax.random.key_data(key))))


def view_of(thing: Any) -> View:
    """A population, or another sender, as the view of all its units; a view as it is."""
    if isinstance(thing, View) and isinstance(thing.population, Sender):
        return thing
    if isinstance(thing, Sender) and "count" in vars(thing):
        return View(thing, np.arange(thing.count))
    raise TypeError(f"expected a population or a view of one (net.E, net.E[:100]), given {type(thing).__name__}.")
