"""A population tried alone under constant inputs: whether its method is right in steps of a length.

A method that is not the default of a class, a class of the user's and a long step can all give numbers that look like
spikes and are not those of the equations. What the equations themselves do is known from short steps, so the same unit
is run with both, and what the method makes of it is compared.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import _host, integrators
from brainsim._core import split
from brainsim._core.rounding import parts_of
from brainsim._errors import AccuracyWarning
from brainsim._units import in_unit, with_unit
from brainsim.population import Population
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus
from brainsim.vector_field import VectorField

SPAN = 200.0  # ms that are tried
FINE = (0.01, 0.0025)  # ms, steps of the comparison, and of a second one where that fails
EVENTS = 64  # that are kept of each input
LEVELS = np.concatenate([[0.0], 0.25 * 2.0 ** np.arange(9)])  # mV/ms by which inputs drive the first variable
MEASURED = 0.1  # ms: how accurate the defaults of brainsim's classes are at this step is measured
WRONG, INACCURATE = 0.2, 0.05  # share of the rate; of the range of a variable three times as much
SMOOTH_STEPS = 300
KNOWN, COMPILED = 256, 32  # verdicts and programs that are kept


class Course(NamedTuple):
    """What a unit did under each input: range of its variables (k, levels), number and times of events."""

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    times: np.ndarray


class Verdict(NamedTuple):
    """How wrong a method is: as a share, and in words."""

    error: float
    what: str


def check(population: Population, step_ms: float) -> None:
    """Refuse a method that is wrong in steps of ``step_ms``, and warn of one that is inaccurate.

    Raises
    ------
    ValueError
        Names the method, what it does wrong, the longest step that it can take, and what to take instead.
    """
    if not _is_open(population, step_ms):
        return
    found = _known_verdict(population, step_ms)
    if found is None or found[0].error <= INACCURATE:
        return
    (error, what), longest = found
    name, kind, default = (
        _name_of(population.method),
        type(population).__name__,
        integrators.get(population.default_method),
    )
    instead = "" if population.method == default else f", take method={_name_of(default)!r}, the default of {kind}"
    divided = isinstance(population.method, integrators.Divided)
    if longest and not divided:
        instead += f", or method=Divided({name!r}, {longest:g} * u.ms)"
    instead += "" if divided else f", or method=Untried({name!r}) if that is what you want"
    reach = f" It is right in steps of {longest:g} ms." if longest else ""
    text = (
        f"{population.path}: method {name!r} in steps of {step_ms:g} ms is {'wrong' if error > WRONG else 'inaccurate'}"
        f" for {kind}: {what}, tried under constant input.{reach} Reduce dt{instead}."
    )
    if error > WRONG:
        raise ValueError(text)
    warnings.warn(text, AccuracyWarning, stacklevel=2)


def _name_of(method) -> str:
    return getattr(method, "name", type(method).__name__)


def _is_open(population, step_ms) -> bool:
    """Whether it is not known already that the method is right."""
    method = population.method
    if not isinstance(method, integrators.ODEMethod) or isinstance(method, integrators.Untried):
        return False
    if not population.variables:
        return False
    ours = all(type(part).__module__.startswith("brainsim.") for _, part in parts_of(population, ""))
    default = method == integrators.get(population.default_method)
    return not (ours and default and step_ms <= MEASURED * (1 + 1e-6))


_verdicts: dict = {}


def _known_verdict(population, step_ms: float) -> tuple[Verdict, float | None] | None:
    """The verdict, and the longest step that is right; None where it cannot be told."""
    structure, *arrays = split(population)
    if any(isinstance(x, Tracer) for tree in arrays for x in tree.values()):
        return None
    parameters, fixed, state = (_of_one(population, tree) for tree in arrays)
    numbers = tuple((path, np.asarray(x).tobytes()) for path, x in parameters.items() if _is_own(population, path))
    key = type(population), population.method, step_ms, structure.shared, numbers
    if key not in _verdicts:
        if len(_verdicts) >= KNOWN:
            _verdicts.clear()
        _verdicts[key] = _tried(population, structure, (parameters, fixed, state), step_ms)
    return _verdicts[key]


def _of_one(population, tree: dict) -> dict:
    """Arrays of the first unit."""
    units = (population.count,)
    return {path: np.asarray(x)[:1].reshape(()) if x.shape == units else x for path, x in tree.items()}


def _is_own(population, path: str) -> bool:
    """Whether a parameter is one of the equations, and not of receptors and stimuli."""
    return not isinstance(vars(population).get(path.partition(".")[0]), Receptor | Stimulus)


def _tried(population, structure, arrays, step_ms: float) -> tuple[Verdict, float | None] | None:
    model = structure.merge(*arrays)
    try:
        rates = _OnHost(model)
        levels = _levels(model, lambda value: rates(value, 0.0, rates.start)[0, 0])
        if _is_smooth(rates, levels, step_ms, _change_allowed(population)):
            return None
    except _host.UnknownOperationError:
        y = _start(model, 1)
        levels = _levels(model, lambda value: float(_field(model, jnp.full(1, value))(0.0, y)[0][0]))
    exact, course = _program(structure, arrays, integrators.RK4), functools.partial(_course, levels=levels)
    for longest in FINE:
        fine = step_ms / max(1, math.ceil(step_ms / longest))
        truth = course(exact, dt=fine)
        if np.isfinite(truth.high[:, 0]).all():
            break
    else:
        return None
    middle = (truth.low[0] + truth.high[0]) / 2
    truth = truth if hasattr(population, "fires") else course(exact, dt=fine, middle=middle)
    tried = _program(structure, arrays, population.stepper_at(step_ms))

    def verdict_at(dt):
        return compared(population, truth, course(tried, dt=dt, middle=middle), dt)

    verdict = verdict_at(step_ms)
    shorter = (step_ms / 2**k for k in range(1, 6) if verdict.error > INACCURATE)
    return verdict, next((dt for dt in shorter if verdict_at(dt).error <= INACCURATE), None)


def _change_allowed(population) -> float:
    """By which part of its largest a rate may change within a step, for the method to be right in any case: where it is
    of first order an oscillation grows or shrinks by three times as much in a cycle.
    """
    exact = isinstance(population.method, integrators.ExponentialEuler) and len(population.variables) == 1
    return 0.2 if exact else 0.02 if getattr(population.method, "order", 1) < 2 else 0.06


class _OnHost:
    """The equations of a unit under ``len(LEVELS)`` inputs, evaluated on the host with nothing to compile."""

    def __init__(self, model):
        n = len(LEVELS)
        self.start = [np.broadcast_to(x, (n,)) for x in map(np.asarray, _present(model))]
        self.traced = jax.make_jaxpr(lambda inputs, t, y: _field(model, inputs)(t, y))(np.zeros(n), 0.0, self.start)

    def __call__(self, inputs, t: float, y) -> np.ndarray:
        """Rates, (variables, inputs)."""
        inputs = np.broadcast_to(np.asarray(inputs, float), LEVELS.shape)
        return np.stack([np.broadcast_to(x, LEVELS.shape) for x in _host.evaluate(self.traced, inputs, t, *y)])


def _is_smooth(rates: _OnHost, levels, step_ms: float, allowed: float) -> bool:
    """Whether no rate changes by more than the ``allowed`` part of its largest within a step; told by the midpoint
    rule.
    """
    y = np.stack(rates.start).astype(float)
    with np.errstate(all="ignore"):
        if _is_linear(rates, levels, y, allowed / step_ms):
            return True
        course = [rates(levels, 0.0, y)]
        for k in range(SMOOTH_STEPS):
            half = rates(levels, (k + 0.5) * step_ms, y + step_ms / 2 * course[-1])
            y = y + step_ms * half
            course.append(rates(levels, (k + 1.0) * step_ms, y))
        change = np.abs(np.diff(course, axis=0)).max(0)
        return bool(np.all(change <= allowed * np.abs(course).max(0)))


def _is_linear(rates: _OnHost, levels, y, fastest: float) -> bool:
    """Whether rates are linear in the variables, constant in time, and none decays faster than ``fastest``, in 1/ms."""
    here, far = rates(levels, 0.0, y), 64.0 * np.ones_like(y)
    slopes = [rates(levels, 0.0, y + np.eye(len(y))[:, k, None]) - here for k in range(len(y))]
    expected = here + np.einsum("kin,kn->in", slopes, far)
    same = np.allclose(rates(levels, 3.7, y + far), expected, rtol=1e-6, atol=1e-9)
    return same and bool(np.all(np.abs(np.linalg.eigvals(np.moveaxis(np.stack(slopes), -1, 0))) <= fastest))


def _levels(model, rate: Callable) -> np.ndarray:
    """Inputs, in their unit, that drive the first variable by ``LEVELS``; ``rate``: what one makes of it."""
    if not model.takes:
        return LEVELS[:1]
    slope = abs(rate(1.0) - rate(0.0))
    scale = 1.0 if model.unit_of(model.variables[0]).has_same_dim(u.mV) else 1 / 16
    return LEVELS * scale / slope if np.isfinite(slope) and slope > 0 else LEVELS[:1]


def _present(model) -> list[jax.Array]:
    return [part.plain(name) for part, name in map(model.home, model.variables)]


def _start(model, n: int) -> list[jax.Array]:
    return [jnp.broadcast_to(jnp.asarray(x, float), (n,)) for x in _present(model)]


def _field(model, inputs) -> VectorField:
    """The equations with ``inputs`` to the first that they take, and none to others."""
    silent = {name: 0.0 * model.input_unit for name in model.takes}
    driven = {name: u.Quantity(inputs, unit=model.input_unit) for name in model.takes[:1]}
    return VectorField(model, silent | driven)


def _program(structure, arrays, method) -> Callable:
    """The run of a unit with a method: ``run(levels, middle, dt, n_steps)``.

    It is compiled once for a structure, whatever the parameters and the length of the step.
    """

    def run(arrays, levels, middle, dt, n_steps):
        parameters, fixed, state = arrays
        n = levels.shape[0]
        spread = {path: jnp.broadcast_to(x, (n,)) if not jnp.ndim(x) else x for path, x in state.items()}
        model = structure.merge(parameters, fixed, spread)
        y, named = _start(model, n), namedtuple("Variables", [name.replace(".", "_") for name in model.variables])
        spiking = Spiking(model, y)

        def step(i, carry):
            y, others, above, low, high, count, times = carry
            t = i * dt
            after = list(method(_field(model, levels), t, named(*y), dt))
            after, others, fired = spiking.pass_on(y, after, others, t + dt, middle)
            event = fired & ~above
            here = (jnp.arange(EVENTS)[:, None] == count[None]) & event[None]
            return (
                after, others, fired, *_extremes(low, high, after), count + event, jnp.where(here, t + dt, times)
            )  # fmt: skip

        none = jnp.zeros(n, bool)
        ends = jnp.stack(y)
        carry = y, spiking.others, none, ends, ends, jnp.zeros(n, int), jnp.zeros((EVENTS, n))
        return jax.lax.fori_loop(0, n_steps, step, carry)[3:]

    def compiled(*given):
        given = jax.tree.map(jnp.asarray, (arrays, *given))
        types = jax.tree.map(lambda x: (x.shape, str(x.dtype)), given)
        key = structure.shared, method, str(types)
        if key not in _programs:
            if len(_programs) >= COMPILED:
                _programs.clear()
            _programs[key] = jax.jit(run).lower(*given).compile()
        return _programs[key](*given)

    return compiled


_programs: dict = {}


def _extremes(low, high, y):
    return jnp.minimum(low, jnp.stack(y)), jnp.maximum(high, jnp.stack(y))


class Spiking:
    """What a unit does at an event: spikes and resets of a neuron, ups of what has no spikes."""

    def __init__(self, model: Population, y: Sequence[jax.Array]):
        self.model, self.names = model, model.variables
        self.others = {}
        self.fires = hasattr(model, "fires") and model.hazard(self._named(y), self._named(y)) is None
        if self.fires:
            changed = model.after_spike(self._named(y) | {"t": 0.0 * u.ms})
            self.others = {name: model.plain(name) for name in changed if name not in self.names}

    def _named(self, y) -> dict:
        return {name: with_unit(x, self.model.unit_of(name)) for name, x in zip(self.names, y)}

    def pass_on(
        self, before: list[jax.Array], after: list[jax.Array], others: dict, t: jax.Array, middle: jax.Array
    ) -> tuple[list, dict, jax.Array]:
        """Variables after the step, other states, and whether there is an event."""
        if not self.fires:
            return after, others, after[0] > middle
        model = self.model
        for name, value in others.items():
            model.put(name, value)
        fired = jnp.broadcast_to(model.fires(self._named(before), self._named(after)) != 0, after[0].shape)
        changed = model.reset(self._named(after), fired, u.Quantity(t, unit=u.ms))
        plain = {name: in_unit(changed[name], model.unit_of(name), name) for name in (*self.names, *others)}
        return [plain[name] for name in self.names], {name: plain[name] for name in others}, fired


def _course(program, levels, dt, middle=None) -> Course:
    middle = np.zeros(len(levels)) if middle is None else middle
    return Course(*map(np.asarray, program(jnp.asarray(levels, float), jnp.asarray(middle), dt, round(SPAN / dt))))


def compared(population: Population, truth: Course, mine: Course, step_ms: float) -> Verdict:
    """How wrong a course is, by those inputs, not the very least, at which something happens."""
    sound = np.isfinite(truth.high).all(0)
    firing = np.flatnonzero(sound & (truth.count >= 4))
    judged = firing[1:3] if len(firing) > 1 else firing if len(firing) else np.flatnonzero(sound)[:4]
    finite = np.asarray(np.isfinite(mine.high).all(0) & np.isfinite(mine.low).all(0))
    if not finite[judged].all():
        return Verdict(math.inf, "it becomes infinite or not a number")
    return max(
        _of_rate(truth, mine, firing[np.isin(firing, judged)], step_ms), _of_range(population, truth, mine, judged)
    )


def _of_rate(truth, mine, levels, step_ms) -> Verdict:
    """How wrong the rate is, beyond that an interval ends where a step ends."""
    worst = 0.0
    for k in levels:
        expected, found = int(truth.count[k]), int(mine.count[k])
        n = min(expected, found, EVENTS)
        error = found / expected - 1
        if abs(found - expected) <= 1 + INACCURATE * expected and n > 3:
            error = np.ptp(truth.times[:n, k]) / np.ptp(mine.times[:n, k]) - 1
        error = math.copysign(max(abs(error) - expected * step_ms / SPAN, 0.0), error)
        worst = error if abs(error) > abs(worst) else worst
    return Verdict(abs(float(worst)), f"its rate is {100 * abs(worst):.0f} % too {'high' if worst > 0 else 'low'}")


def _of_range(population, truth, mine, levels) -> Verdict:
    """How far a variable leaves its range; one that is reset ends where a step ends, and tells nothing."""
    if _resets(population):
        return Verdict(0.0, "")
    verdict = Verdict(0.0, "")
    for name, low, high, below, above in zip(population.variables, truth.low, truth.high, mine.low, mine.high):
        width = max(high[levels].max() - low[levels].min(), 1e-2 * np.abs(high[levels]).max(), 1e-12)
        beyond, under = np.max(above[levels] - high[levels]), np.max(low[levels] - below[levels])
        error, reached, bound = max(
            (beyond, above[levels].max(), high[levels].max()), (under, below[levels].min(), low[levels].min())
        )
        unit = population.unit_of(name)
        shown = "" if unit == u.UNITLESS else f" {unit}"
        what = f"{name} reaches {reached:.3g} instead of {bound:.3g}{shown}"
        verdict = max(verdict, Verdict(float(error / width) / 3, what))
    return verdict


def _resets(population) -> bool:
    if not hasattr(population, "after_spike"):
        return False
    try:
        return bool(population.after_spike(population.present() | {"t": 0.0 * u.ms}))
    except Exception:  # of a class of the user's: said where it is run
        return True
