"""The one door: what is asked of a run is checked and converted here, before anything is compiled or changed."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh

from brainsim._core import Dynamics, Slot, Structure, split
from brainsim._errors import UnknownNameError, suggestion
from brainsim._mesh import check_held
from brainsim._units import in_unit, joined
from brainsim.connectivity.distribution import Distribution
from brainsim.network import Network
from brainsim.population import Population
from brainsim.simulation import derived
from brainsim.simulation.asked import remembered
from brainsim.simulation.plan import Request, Times, parse

MAX_STEPS = 2**31 - 1  # a step number is an int32


@dataclasses.dataclass(frozen=True)
class Entry:
    """A run that has been let in.

    Parameters
    ----------
    net : Network
    structure, parameters, fixed, state
        What ``split`` gives for it.
    step_ms : float
        Length of a step.
    n_steps : int
    every : int
        Steps between samples.
    requests : tuple of Request
    inputs : dict of str to array, (n_steps, ...)
        Plain time courses by path.
    first : int
        Steps before it.
    ready : bool
        Whether the network is ready for it, as the last run has left it.
    """

    net: Network
    structure: Structure
    parameters: dict
    fixed: dict
    state: dict
    step_ms: float
    n_steps: int
    every: int
    requests: tuple[Request, ...]
    inputs: dict
    first: int = 0
    ready: bool = False

    @property
    def slots(self) -> dict[str, Slot]:
        """What a value for each parameter and state must be, by path; made when it is asked for."""
        return slots_of(self.net, self.parameters | self.state)

    def prepared(self, net: Network | None = None, varied: dict | None = None) -> Entry:
        """The entry with the network made ready for steps of this length, and for parameters that are ``varied``."""
        net = self.net if net is None else net
        if self.ready and net is self.net and varied is None:
            return self
        parts = (self.structure, self.parameters, self.fixed, self.state) if net is self.net else None
        made = net.prepare(self.step_ms, parts, varied)
        if made is parts:
            return self
        structure, parameters, fixed, state = made
        return dataclasses.replace(self, net=net, structure=structure, parameters=parameters, fixed=fixed, state=state)


def enter(
    net: Network, duration, *, dt, record=(), sample_every=None, inputs: dict | None = None, mesh: Mesh | None = None
) -> Entry:
    """Check what is asked of a run; arguments as in :func:`brainsim.simulate`, with the mesh that it is on.

    Raises
    ------
    ValueError, TypeError, UnitError, UnknownNameError
        For arguments that cannot be run.
    """
    step_ms, n_steps = steps_of(duration, dt)
    every = 1 if sample_every is None else interval_of(step_ms, n_steps, sample_every)
    if not isinstance(net, Network):
        raise TypeError(f"expected a Network, given {type(net).__name__}.")
    check_held(net._aside.share, mesh)
    structure, parameters, fixed, state = split(net)
    ready = net.is_ready(step_ms, (structure, parameters, fixed, state))
    if not ready and not any(isinstance(part, Population) for part in vars(net).values()):
        raise ValueError("the network has no population; assign one (net.E = LIF(100)).")
    passed = 0 if isinstance(state["steps"], Tracer) else net._aside.moment.count(state["steps"])
    check_range(duration, passed, n_steps)
    arrays = parameters | state
    before = net._aside.step_ms
    first = passed if before in (None, step_ms) else round(passed * before / step_ms)  # as it will be counted
    times = Times(step_ms, first, n_steps, every, functools.partial(interval_of, step_ms, n_steps))

    def facts(wanted):
        return derived.facts(wanted, structure, parameters, fixed, state, step_ms)

    requests = remembered(net, structure, arrays, (record, every), lambda: parse(net, record, times, arrays, facts))
    entry = Entry(net, structure, parameters, fixed, state, step_ms, n_steps, every, requests, {}, first, ready)
    if not inputs:  # most runs have none, and a call is short
        return entry
    return dataclasses.replace(entry, inputs=time_courses(entry.slots, arrays, inputs, n_steps))


# -- values by path ----------------------------------------------------------------------------------------------------


def slots_of(net: Network, arrays: dict) -> dict[str, Slot]:
    """What a value for each array of the network must be, by path."""
    slots = {}
    for path, array in arrays.items():
        owner, _, name = path.rpartition(".")
        part = _part(net, owner)
        if part is not None and name in part._declared:
            slots[path] = part.slot(name)
        else:
            slots[path] = Slot(path, u.UNITLESS, array.shape, np.dtype(array.dtype))
    return slots


def _part(net, path) -> Dynamics | None:
    part = net
    for name in path.split(".") if path else ():
        part = vars(part).get(name) if isinstance(part, Dynamics) else None
    return part if isinstance(part, Dynamics) else None


def values_at(slots: Mapping[str, Slot], arrays: dict, values: dict, door: str, lead=(), plain=False) -> dict:
    """Plain arrays of ``values``, by path: converted and checked, of one value each behind the axes of ``lead``.

    Parameters
    ----------
    slots : dict of str to Slot
    arrays : dict of str to array
        The arrays that the values are for; a value of the same identity passes as it is.
    values : dict of str to quantity or array
    door : str
        Where they were given, for errors.
    lead : tuple of int
        Axes before those of one value.
    plain : bool
        Take numbers without unit to be in the units of the slots.
    """
    _check_mapping(door, values)
    converted = {}
    for path, value in values.items():
        if path not in slots:
            raise UnknownNameError(f"{door}: the network has no {path!r}.{suggestion(str(path), slots)}")
        if isinstance(value, Distribution):
            raise TypeError(
                f"{door}[{path!r}]: expected numbers, given {value!r}; draw them first, or assign it and give seeds."
            )
        array = (
            value
            if value is arrays[path]
            else slots[path].convert(value, what=f"{door}[{path!r}]", lead=lead, plain=plain)
        )
        converted[path] = array if isinstance(array, jax.Array) or lead else jnp.asarray(array)
    return converted


def time_courses(slots, arrays, inputs: dict, n_steps: int, plain: bool = False) -> dict:
    """Time courses as plain arrays of one row per step, each row of the shape of what it stands for."""
    courses = values_at(slots, arrays, inputs, "inputs", (n_steps,), plain)
    for path in courses:
        if path == "steps":
            raise ValueError(
                "inputs: 'steps' is the time of the network and goes on by itself; set net.steps before a run."
            )
        if path.rpartition(".")[2] == "spikes":
            raise ValueError(
                f"inputs[{path!r}]: spikes are what a population gives at the end of a step, and an input would be"
                " overwritten; give spikes through a SpikeInput or SpikeTimes population."
            )
    return {path: over(course, n_steps, arrays[path].shape) for path, course in courses.items()}


def over(values, n: int, shape: tuple[int, ...]):
    """``n`` values, each one number or one per element, as ``n`` rows: of ``shape``, or of their own where that is larger."""
    own = values.shape[1:] or shape
    numbers = jnp if isinstance(values, Tracer) else np  # on the host: nothing is compiled, nothing copied
    return numbers.broadcast_to(values.reshape(n, *values.shape[1:] or (1,) * len(shape)), (n, *own))


def lists_of_values(slots: Mapping[str, Slot], arrays: dict, values: Mapping) -> dict:
    """The values of a sweep as plain arrays, by path; their first axis counts the values."""
    _check_mapping("sweep", values)
    if "steps" in values:
        raise ValueError("sweep: all runs have the same time; set net.steps before.")
    return {path: _list_of_values(slots, arrays, path, given) for path, given in values.items()}


def _list_of_values(slots, arrays, path, given):
    what = f"sweep[{path!r}]"
    given = joined(given, what)
    shape = np.shape(u.get_mantissa(given)) if not isinstance(given, Distribution) else ()
    if not isinstance(given, Distribution) and (not shape or not shape[0]):
        raise ValueError(f"{what}: expected a list of values, given {given!r}.")
    return values_at(slots, arrays, {path: given}, "sweep", shape[:1])[path]


def _check_mapping(door, values):
    if not isinstance(values, Mapping):
        raise TypeError(f"{door}: expected a dictionary from path to values, given {values!r}.")


# -- times and counts --------------------------------------------------------------------------------------------------


def steps_of(duration, dt) -> tuple[float, int]:
    """Length of a step in ms, and the number of steps."""
    step_ms, total = (_time(value, what) for value, what in ((dt, "dt"), (duration, "duration")))
    n = round(total / step_ms)
    if n < 1 or abs(total / step_ms - n) > 1e-6 * max(n, 1):
        raise ValueError(f"duration: {duration} is not a multiple of dt = {dt}; nearest: {max(n, 1) * step_ms:g} ms.")
    return step_ms, n


def interval_of(step_ms: float, n_steps: int, interval, what: str = "sample_every") -> int:
    """Steps between samples."""
    ratio = _time(interval, what) / step_ms
    every = round(ratio)
    if every < 1 or abs(ratio - every) > 1e-6 * every:
        raise ValueError(f"{what}: {interval} is not a multiple of dt = {step_ms} ms.")
    if every > n_steps:
        raise ValueError(f"{what}: {interval} is longer than the run.")
    return every


def check_count(what: str, number) -> None:
    """Refuse what is not a number of steps or of runs."""
    if number is not None and (not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1):
        raise ValueError(f"{what}: expected a positive integer, given {number!r}.")


def check_range(duration, first: int, n_steps: int) -> None:
    """Refuse a run whose last step has no number."""
    if first + n_steps >= MAX_STEPS:
        raise ValueError(
            f"duration: {duration} from step {first} on is more than {MAX_STEPS} steps; net.reset() first, or use a"
            " longer dt."
        )


def _time(value, what) -> float:
    ms = in_unit(value, u.ms, what)
    ms = ms if type(ms) is float or np.ndim(ms) else float(ms)
    if type(ms) is not float or not 0 < ms < math.inf:
        raise ValueError(f"{what}: expected a positive time, given {value}.")
    return ms
