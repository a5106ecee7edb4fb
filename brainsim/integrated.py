"""Populations whose units follow differential equations: what neurons and neural masses share."""

from __future__ import annotations

import functools
import inspect
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import integrators, timescales, trial, vector_field
from brainsim._core import Clock, Dynamics, State
from brainsim._core.rounding import SUFFIX, compensated
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import Value, in_unit, with_unit
from brainsim.channels.point import AtPoint
from brainsim.population import Population
from brainsim.receptors.base import Receptor
from brainsim.stimuli.clamps import Clamp
from brainsim.stimuli.hold import Hold
from brainsim.vector_field import VectorField


class IntegratedPopulation(Population):
    r"""Units with states :math:`\dot y = f(t, y, I)`: receptors and stimuli in, ``derivative`` integrated by
    ``method``.

    A subclass declares parameters and states and gives ``derivative(self, t, ...)``, whose further arguments name the
    states that it integrates and the inputs that it takes. An argument ``V_held`` is the potential for conductances
    that follow V at once, so that the membrane is linear in V at a held one: methods that take V linearly hold it over
    the step, and V stays between its reversal potentials in an upstroke that would otherwise run away.

    Parameters
    ----------
    size : int or tuple of int
        Number of units, or the shape they are arranged in.
    method : str or integrator, optional
        How to integrate; see :mod:`brainsim.integrators`.
    **values
        Parameters and initial states by name.
    """

    method: Any  # of brainsim.integrators, or one's own
    default_method = "exponential_euler"
    #: Inputs of ``derivative``, each with the variable that its receptors act on (their V), or None for a plain drive.
    inputs: dict[str, str | None] = {"I": "V"}
    variables: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    takes_held = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "derivative" in vars(cls):
            arguments = list(inspect.signature(cls.derivative).parameters.values())
            _check_signature(cls, arguments)
            names = [a.name for a in arguments if a.kind is not a.VAR_KEYWORD][2:]  # an instance may name further ones
            cls.takes_held = "V_held" in names
            names = [name for name in names if name != "V_held"]
            states = [name for name, declared in cls._declared.items() if isinstance(declared, State)]
            cls.takes = tuple(name for name in names if name in cls.inputs)
            cls.variables = tuple(name for name in names if name not in cls.inputs)
            for name in cls.variables:
                if name not in states:
                    raise UnknownNameError(
                        f"{cls.__name__}.derivative takes {name!r}, which is no State of the"
                        f" class.{suggestion(name, [*states, *cls.inputs])}"
                    )
            for name in cls.takes:
                if cls.inputs[name] not in (None, *cls.variables):
                    raise UnknownNameError(
                        f"{cls.__name__}.inputs: {name!r} goes with {cls.inputs[name]!r}, which derivative does not take; name the"
                        f" variable that receptors see as their V, or None for a plain drive, inputs = {{{name!r}: None}}."
                        f"{suggestion(str(cls.inputs[name]), cls.variables)}"
                    )

    def __init__(self, size: int | tuple[int, ...], *, method: str | Callable | None = None, **values: Any):
        self.method = integrators.get(method or self.default_method)
        stochastic = type(self).diffusion is not IntegratedPopulation.diffusion
        if isinstance(self.method, integrators.SDEMethod) != stochastic:
            raise ValueError(
                f"{type(self).__name__}: a stochastic method and a method `diffusion(self, t, ...)` of the class belong"
                f" together; given method {self.method.name!r} and {'' if stochastic else 'no '}diffusion."
            )
        super().__init__(size, **values)

    def check_step(self, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
        """Refuse a method that is wrong in steps of this length."""
        trial.check(self, step_ms, varied)

    def prepare(self, step_ms: float) -> None:
        super().prepare(step_ms)
        if isinstance(self.method, integrators.Divided):
            self.fix(_stepper=self.stepper_at(step_ms))

    def stepper_at(self, step_ms: float) -> Any:
        """The method in steps of ``step_ms``."""
        return self.method.at(step_ms * u.ms) if isinstance(self.method, integrators.Divided) else self.method

    @property
    def stepper(self) -> Any:
        """The method at the present length of the step."""
        return vars(self).get("_stepper", self.method)

    def not_finite(self, path: str) -> tuple[str, str]:
        """What to add to the message that ``path`` is not finite: what failed, and what to do beside reducing dt."""
        if path.removeprefix(f"{self.path}.") not in self.variables:
            return "", ""
        failure = getattr(self.method, "failure", "")  # what went into the step was finite
        default = integrators.get(self.default_method)
        if self.method != default:
            return failure and f": {failure}", f", take method={default.name!r}, the default of {type(self).__name__}"
        stable = ", take method='staggered_backward_euler', which is stable at any dt" if self.takes_held else ""
        return failure and f": {failure}", stable

    @property
    def streams(self) -> tuple[str, ...]:
        """Names under which it draws random numbers itself."""
        return ("noise",) if isinstance(self.method, integrators.SDEMethod) else ()

    # -- what a model defines ----------------------------------------------------------------------------------------

    def derivative(self, t: u.Quantity, *variables: Any) -> Value | tuple[Value, ...]:
        """Time derivatives of ``variables``, in order; arguments named in ``inputs`` are the total inputs."""
        raise NotImplementedError(f"{type(self).__name__} has no equations: define derivative(self, t, V, ..., I).")

    def diffusion(self, t: u.Quantity, *variables: Any) -> Value | tuple[Value, ...] | None:
        """Noise amplitudes, in the unit of the variable per square root of time; only for stochastic methods."""
        return None

    # -- inputs ------------------------------------------------------------------------------------------------------

    def add_receptors(self, *unnamed: Receptor, **receptors: Receptor) -> None:
        """Give the population receptors, by name: ``add_receptors(ampa=Exponential(tau=5 * u.ms, reversal=0 * u.mV))``.

        Raises
        ------
        TypeError, ValueError
            For something that is not a receptor or belongs elsewhere already, or a name that is taken.
        """
        self.attach_parts(receptors, Receptor, unnamed=unnamed)

    @property
    def receptors(self) -> dict[str, Receptor]:
        """Receptors by name."""
        return self.parts(Receptor)

    # -- the step ----------------------------------------------------------------------------------------------------

    def present(self) -> dict:
        """The variables as they are, by name."""
        return {name: getattr(self, name) for name in self.variables}

    def other_states(self) -> list[str]:
        """Names of the states of one number for each unit that are not integrated, and that spikes may change."""
        own = [name for name in self.states() if self._declared[name].shape == "count" and name != "spikes"]
        return [name for name in own if name not in self.variables and np.dtype(self.dtype_of(name)).kind == "f"]

    def displaced(self, drives: list) -> dict:
        """The variables as delta receptors, and what else acts at once, leave them; other states are changed in place."""
        before = self.present()
        others = {part.variable for part, _ in drives if getattr(part, "variable", None) in vars(self)} - before.keys()
        y = before | {name: getattr(self, name) for name in others}
        for part, drive in drives:
            y = part.displace(y, drive)
        self.keep({name: y.pop(name) for name in sorted(others)})
        return y

    def keep(self, values: dict) -> None:
        """Store variables."""
        for name, value in values.items():
            self.put(name, in_unit(value, self.unit_of(name), f"{self.path}.{name}"))

    def vector_field(self, parameters: Mapping | None = None, inputs: Mapping | None = None) -> VectorField:
        r"""The right-hand side :math:`f(t, y)` of the equations as a pure function, the one that a step integrates.

        For phase planes, Jacobians (``jax.jvp``), adaptive solvers (``brainsim.integrate``) and rules of one's own::

            f = net.E.vector_field(inputs={"I": 10 * u.uA / u.cm2})
            f(0 * u.ms, {"V": -65 * u.mV, "m": 0.05, "h": 0.6, "n": 0.32})  # {"V": ... mV / ms, "m": ...}
            jax.jacfwd(lambda y: jnp.stack(f(0.0, list(y))))(jnp.array([-65.0, 0.05, 0.6, 0.32]))

        Parameters
        ----------
        parameters : mapping from name to quantity, optional
            Parameters that differ from those of the population: ``{"g_Na": 60 * u.mS / u.cm2, "na.phi": 2.0}``, each
            one for all or one per unit. May be traced.
        inputs : mapping from name to quantity or callable, optional
            Total inputs, in the input unit: values, or functions ``(t, y) -> quantity`` of time and of the variables
            by name, both with units. Inputs that are not named are zero: receptors and stimuli are not part of f.

        Returns
        -------
        VectorField

        Raises
        ------
        UnknownNameError, UnitError, ValueError
            For a parameter or input that does not exist or does not fit.
        """
        return vector_field.of(self, parameters, inputs)

    def total_inputs(self, clock: Clock, drives: list) -> dict[str, Callable]:
        """Each input over the step, a function of time and variables: stimuli, held, and the ``drives`` of the
        receptors at the present potential.
        """
        stimuli = {name: self.stimulation(clock, name) for name in self.takes if name in self.inputs}

        def total(t, y, name):
            variable = self.inputs[name]
            own = None if variable is None else in_unit(y[variable], self.unit_of(variable), f"{self.path}.{variable}")
            current = stimuli[name]
            for receptor, drive in drives:
                if receptor.into == name:
                    here = None if own is None else receptor.taken(own)
                    current = current + receptor.spread(receptor.current(drive, here), self.sites)
            return u.Quantity(current, unit=self.input_unit)

        return {name: functools.partial(total, name=name) for name in stimuli}

    def integrate(self, clock: Clock, before: dict, drives: list) -> dict:
        """The variables at the end of the step, from those ``before`` it and the ``drives`` of the receptors."""
        Variables = namedtuple("Variables", [name.replace(".", "_") for name in self.variables])
        f: Any = self.vector_field(inputs=self.total_inputs(clock, drives))
        held: dict[str, tuple[jax.Array, jax.Array]] = {}
        for name, hold in self.parts(Hold).items():
            on, value = hold.held(clock.of(name))
            if hold.variable in held:  # by another one, of other units or at other times
                before_on, before_value = held[hold.variable]
                on, value = on | before_on, jnp.where(on, value, before_value)
            held[hold.variable] = on, value
        f.frozen, before = {name: on for name, (on, _) in held.items()}, self._with_held(before, held)
        y, slow = Variables._make(before.values()), [name for name in self.variables if self.is_compensated(name)]
        if slow:
            f = vector_field.Distances(f, {name.replace(".", "_"): before[name] for name in slow})
            y = y._replace(**{n.replace(".", "_"): with_unit(self.rounding(n), self.unit_of(n)) for n in slow})
        if isinstance(self.method, integrators.SDEMethod):

            def g(t, y):
                y = f.place(y) if slow else y
                return Variables._make(self.returned("diffusion", self.diffusion(t, *y)))

            noise = self.method.draw(lambda n: clock.of("noise").normal((n,)), y)
            y = self.method(f, g, clock.t, y, clock.dt, noise)
        else:
            y = self.stepper(f, clock.t, y, clock.dt)
        after = dict(zip(self.variables, y))
        for name in slow:
            start, unit = before[name], self.unit_of(name)
            total, rest = compensated(in_unit(start, unit, name), in_unit(after[name], unit, name))
            after[name] = with_unit(total, unit)
            part, own = self.home(name)
            part.put(own + SUFFIX, rest)
        return self._with_held(after, held)

    def _with_held(self, values: dict, held: dict) -> dict:
        """The variables, those that are held where they are held."""
        for name, (on, value) in held.items():
            unit = self.unit_of(name)
            values = values | {name: with_unit(jnp.where(on, value, in_unit(values[name], unit, name)), unit)}
        return values

    def home(self, variable: str) -> tuple[Dynamics, str]:
        """The object that holds a variable, and its name there."""
        return self, variable

    def is_compensated(self, variable: str) -> bool:
        """Whether what rounding takes from the variable is kept."""
        part, name = self.home(variable)
        return name + SUFFIX in vars(part)

    def rounding(self, variable: str) -> jax.Array:
        """What rounding has taken from a variable that is compensated."""
        part, name = self.home(variable)
        return part.plain(name + SUFFIX)

    def slow_states(self, step_ms, get):
        return super().slow_states(step_ms, get) | timescales.slow_variables(self, step_ms, get)

    def returned(self, method: str, values: Any) -> tuple:
        """What ``derivative`` or ``diffusion`` returned: one value for each variable.

        Raises
        ------
        ValueError
            For another number of values. Names the class, and the variables.
        """
        values = values if isinstance(values, tuple) else (values,)
        if len(values) != len(self.variables):
            given = f"{len(values)} value{'s' * (len(values) != 1)}"
            raise ValueError(
                f"{self.path}: {type(self).__name__}.{method} returned {given}, expected {len(self.variables)}, one for"
                f" each of the states that derivative takes, in their order: {', '.join(self.variables)}."
            )
        return values

    def receive(self, clock) -> tuple:
        """Let stimuli change their own state or add to receptors, then receptors advance; each with what it gives."""
        self.advance_stimuli(clock)
        drives = [(receptor, receptor.advanced(clock, **self.around(receptor))) for receptor in self.receptors.values()]
        clamps = self.parts(Clamp).items()
        return ([*drives, *((clamp, clamp.drive(clock.of(name), **self.around(clamp))) for name, clamp in clamps)],)

    def around(self, part: Any) -> dict:
        """What a point process sees of the population, as arguments of what it does; nothing for others."""
        if not isinstance(part, AtPoint):
            return {}
        V = self.plain(cast(str, self.inputs[cast(str, part.into)]))
        return {"V": part.taken(V), "ions": self.ions_at(part)}

    def ions_at(self, part: Any) -> dict:
        """Concentrations and Nernst potentials where a part stands, by name; none here."""
        return {}

    def follow(self, clock: Clock) -> None:
        """Let point processes follow V and the ions to the end of the step, and clamps note their current there."""
        for part in self.parts(AtPoint).values():
            part.follow(clock, **self.around(part))
        for name, clamp in self.parts(Clamp).items():
            clamp.note(clock.of(name), self)

    def derived(self):
        return super().derived() + [f"{name}.{state}" for name, part in self.parts(AtPoint).items()
                                    for state in part.gates if state not in part._aside.given]  # fmt: skip

    def settle(self, names):
        """Derive states from others; those of point processes follow from V and the ions where they stand."""
        super().settle([name for name in names if "." not in name])
        for owner in dict.fromkeys(name.partition(".")[0] for name in names if "." in name):
            part = vars(self).get(owner)
            if isinstance(part, AtPoint):
                for state, value in part.started(**self.around(part)).items():
                    if f"{owner}.{state}" in names:
                        part.put(state, jnp.asarray(value, part.plain(state).dtype))

    def stand(self, parts: dict) -> None:
        """Let parts that are attached stand where they are to; here there is one place."""

    def attach_parts(self, parts, kind, ids=None, unnamed=()):
        super().attach_parts(parts, kind, ids, unnamed)
        self.stand(parts)
        points = [name for name, part in parts.items() if isinstance(part, AtPoint)]
        if points:
            self.settle([name for name in self.derived() if name.partition(".")[0] in points])


def _check_signature(cls, arguments) -> None:
    """Refuse a derivative whose arguments do not say which variables it takes."""
    positional = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    several = next((f"*{a.name}" for a in arguments if a.kind is a.VAR_POSITIONAL), None)
    unnamed = [a.name for a in arguments[2:] if a.kind is a.POSITIONAL_ONLY]
    if several or unnamed or len(positional) < 2:
        given = ", ".join(f"*{a.name}" if a.kind is a.VAR_POSITIONAL else a.name for a in arguments)
        raise TypeError(
            f"{cls.__name__}.derivative must name what it takes: derivative(self, t, V, ..., I), with states of the class"
            f" and inputs by their names; given derivative({given})."
        )
