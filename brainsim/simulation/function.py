"""A network as a pure function of its arrays, for gradients and transformations of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
from jax.core import Tracer

from brainsim._core import step_length
from brainsim._core.rounding import SUFFIX, slow_in
from brainsim._errors import UnknownNameError, check_flag, names_arguments, suggestion
from brainsim._units import QuantityLike
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation import door, engine
from brainsim.simulation.continuous import pure
from brainsim.simulation.continuous import run as continuous
from brainsim.simulation.continuous.around import Around, check_courses
from brainsim.simulation.continuous.arrivals import wires_of
from brainsim.simulation.continuous.asked import spikes_of
from brainsim.simulation.continuous.between import beside_at, beside_of
from brainsim.simulation.order import Order, order_of
from brainsim.simulation.plan import WHOLE
from brainsim.simulation.wanted import Wanted


@names_arguments
def function(
    net: Network,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    record: Wanted = (),
    checkpoint_every: int | None = None,
    remat: bool = True,
    parallel: str | None = None,
    adaptive: Adaptive | None = None,
) -> Function:
    """A network as a pure function, for ``jax.grad``, ``jax.vmap`` and ``jax.jit`` of one's own.

    ``run = function(net, ...)`` gives ``state, recorded = run(parameters, state, inputs=..., key=...)``. Arguments and
    results are dictionaries by path; plain numbers are in the units that the classes declare, as all results are, and
    quantities are converted. ``run.parameters`` and ``run.state`` are those of the network now. Recorded samples and
    spikes have one row per step.

    Parameters
    ----------
    net, duration, dt, record
        As in :func:`simulate`.
    checkpoint_every : int, optional
        Keep the state every so many steps on the way forward and compute the steps in between again on the way back:
        memory grows as ``n_steps / checkpoint_every + checkpoint_every`` states, for one more forward pass. By default
        the state of every step is kept; that of a single cell (at most 32 numbers) every ``sqrt(n_steps)`` steps, which
        is faster there.
    remat : bool
        Compute each step's intermediate values again on the way back instead of keeping them; on by default.
    parallel : {"time"}, optional
        All steps of a population at once, by Newton's method and a scan of linear maps, wherever a population does not reach
        itself (see :func:`brainsim.at_once`): for accelerators. By default that is so of linear populations on accelerators, and
        never on a CPU, where a loop is faster.
    adaptive : Adaptive, optional
        Integrate in steps of the network's own length, as in :func:`simulate`. ``dt`` is then the interval of samples, and of the
        rows of ``inputs``, which take parameters of stimuli and the input of a ``SpikeInput``. Recorded spikes are their times in
        ms, (most_spikes, n), infinite beyond the last. The state has what is under way too. Derivatives are those of the
        solution, by times of spikes too. What is not a number did not have room enough (see
        :class:`brainsim.integrators.Adaptive`). One run after the other (``jax.lax.map``) is faster on a CPU than ``jax.vmap``,
        in which every run takes as many turns as there is room for.

    Returns
    -------
    Function

    Notes
    -----
    Populations that do not reach themselves through others run one after the other, each with all of its steps; those
    that do go step by step. Results are the same to rounding, and ``print(run)`` says which it is.

    Each call follows what the network's classes read from outside, such as a global that has changed. A ``jax.jit`` of
    one's own round it keeps what it was when that was traced: give what changes as parameters.
    """
    door.check_count("checkpoint_every", checkpoint_every)
    check_flag("remat", remat)
    entry = door.enter(net, duration, dt=dt, record=record)
    for request in entry.requests:
        whole = request.window == WHOLE
        if request.every > 1 or request.initial or not whole or request.over is not None:
            what = "interval" if request.every > 1 or request.over else "window" if not whole else "initial value"
            raise ValueError(f"record: {request.label!r} takes no {what} in a function, which records every step.")
    if adaptive is not None:
        for name, given in (("checkpoint_every", checkpoint_every), ("parallel", parallel)):
            if given is not None:
                raise ValueError(f"function: {name}={given!r} is for runs in steps; an adaptive one takes none.")
        return Continuous(continuous.admitted(entry, adaptive), adaptive)
    return Function(entry.prepared(), checkpoint_every, remat, parallel)


class Function:
    """A network as a pure function: see :func:`function`.

    Attributes
    ----------
    parameters, state : dict of str to array
        Those of the network when the function was made, by path.
    n_steps : int
        Steps of a run.
    step_ms : float
        Length of a step in ms.
    order : Order
        Whether it runs layer by layer, with all steps of which populations at once, or step by step; to print.
    """

    def __init__(self, entry: door.Entry, checkpoint_every: int | None, remat: bool, parallel: str | None = None):
        self.parameters, self.fixed, self.state = entry.parameters, entry.fixed, entry.state
        self._entry, self._slots = entry, entry.slots
        self.n_steps, self.step_ms = entry.n_steps, entry.step_ms
        self._checkpoint_every, self._remat = checkpoint_every, remat
        net = entry.net
        self._drawn, self._begun, self._follows = net.drawn_anew(), net.begun, net.follows()
        self._at_once = net.at_once()
        self.order = order_of(net, entry.n_steps, checkpoint_every, parallel)
        computed = [request.label for request in entry.requests if request.derived is not None]
        if computed:
            reason = f"{computed[0]!r} is computed of the network as it stands after a step"
            if parallel:
                raise ValueError(f"parallel='time': such a run goes step by step: {reason}.")
            self.order = Order(reason=reason)

    def __repr__(self):
        return f"Function({self.n_steps} steps of {self.step_ms:g} ms, {self.order})"

    def __call__(
        self, parameters: dict, state: dict, *, inputs: dict | None = None, key: jax.Array | None = None
    ) -> tuple[dict, dict]:
        """Run from ``state`` with ``parameters``.

        Parameters
        ----------
        parameters, state : dict of str to array or quantity
            By path; parameters that are left out are as in the network. So are states that are left out, or that are
            those of :attr:`state`; at the beginning they are what follows from what is given (derived defaults,
            histories in delays). Plain numbers are in the units that the classes declare, quantities are converted.
        inputs : dict of str to array or quantity, (steps, ...), optional
            Time courses, as in :func:`brainsim.simulate`.
        key : uint32 array, (2,), optional
            Random key of the run; that of the network by default.

        Returns
        -------
        state, recorded : dict of str to array
            The state at the end, and what was recorded, one row per step.

        Raises
        ------
        UnknownNameError, UnitError, TypeError, ValueError
            For values that the network does not take.
        """
        parameters, fixed, state, courses = self._given(parameters, state, inputs, key)
        order = self.order.taking(courses, [request.path for request in self._entry.requests])
        return run_traced(self._entry, parameters, fixed, state, courses, self._checkpoint_every, self._remat, order)

    def moved(
        self, parameters: dict, state: dict, moves: dict, *, inputs: dict | None = None, key: jax.Array | None = None
    ) -> tuple[dict, dict]:
        """As a call, step by step, with ``moves`` added to states behind each step: with moves of zero, the derivatives in them
        are those in the states.

        Parameters
        ----------
        parameters, state, inputs, key
            As of a call.
        moves : dict of str to array, (steps, ...)
            By path of a state.

        Returns
        -------
        state, recorded : dict of str to array
        """
        entry, given = self._entry, self._given(parameters, state, inputs, key)
        for path in moves:
            if path not in self._entry.state:
                raise UnknownNameError(f"moves: {path!r} is no state.{suggestion(path, self._entry.state)}")
        step = step_length(entry.step_ms)
        return engine.run_moved(entry.requests, entry.structure.current(), *given, step, entry.n_steps, moves)

    def _given(self, parameters, state, inputs, key) -> tuple[dict, dict, dict, dict]:
        """Parameters, fixed arrays, the state and courses of a run."""
        parameters = self._values(parameters, self.parameters, "parameters")
        self._check_slow(parameters)
        given = self._values(state, self._entry.state, "state")
        given = {
            path: value if value is self._entry.state[path] else jnp.broadcast_to(value, self._entry.state[path].shape)
            for path, value in given.items()
        }
        arrays = self.parameters | self._entry.state
        courses = door.time_courses(self._slots, arrays, inputs or {}, self._entry.n_steps, plain=True)
        fixed = self.fixed if key is None else self.fixed | {"key": _checked(key)}
        state = self._start(parameters, fixed, given)
        return self.parameters | parameters, fixed, state, courses

    def _values(self, values, mine, what):
        return door.values_at({path: self._slots[path] for path in mine}, mine, values, what, plain=True)

    def _check_slow(self, parameters) -> None:
        """Refuse parameters with which a state is too slow for one float, of which the function keeps only one."""
        known = {path: x for path, x in parameters.items() if not isinstance(x, Tracer)}
        if all(x is self.parameters[path] for path, x in known.items()):
            return
        slow = slow_in(self._entry.net, self.step_ms, [self.parameters | known])
        lost = sorted(path for path in slow if path in self._entry.state and path + SUFFIX not in self._entry.state)
        if lost:
            raise ValueError(
                f"parameters: with these, {', '.join(lost)} changes so slowly that float32 loses it at steps of"
                f" {self.step_ms:g} ms; set them on the network before the function is made, which then keeps what"
                " rounding takes, or use float64."
            )

    def _start(self, parameters, fixed, given) -> dict:
        """The state that a run starts from."""
        given = {path: value for path, value in given.items() if value is not self._entry.state[path]}
        other = {path for path, value in parameters.items() if value is not self.parameters[path]}
        weights = other.intersection(self._at_once)
        if weights and given.keys() != self._entry.state.keys():
            # What such weights have delivered is made anew, as when they are assigned
            before = self._entry.state | {path: self.parameters[path] for path in weights}
            given = given | {path: parameters[path] for path in weights}
            return self._entry.structure.start((), True, self.parameters | parameters, fixed, before, given)
        same = self._begun or not other
        if given.keys() == self._entry.state.keys() or (same and not given) or not self._follows:
            return self._entry.state | given
        parameters = self.parameters | parameters
        return self._entry.structure.start((), self._begun, parameters, fixed, self._entry.state, given)

    def initial_state(self, key: jax.Array, parameters: dict | None = None) -> dict:
        """The state at the beginning, a pure function.

        Parameters
        ----------
        key : uint32 array, (2,)
            Draws what was given as distributions.
        parameters : dict of str to array or quantity, optional
            By path, where they differ from those of the network; derived states follow from them.

        Returns
        -------
        dict of str to array
        """
        parameters = self.parameters | self._values(parameters or {}, self.parameters, "parameters")
        drawn = None if self._begun else self._drawn
        return self._entry.structure.start(drawn, False, parameters, self.fixed, self._entry.state, {}, _checked(key))


class Continuous(Function):
    """A function of a network in steps of its own length: see :func:`function`."""

    def __init__(self, entry: door.Entry, adaptive: Adaptive):
        super().__init__(entry, None, True)
        self._plan, self._wires = pure.plan_of(entry, adaptive), wires_of(entry.net)
        self.order = Order(reason="its steps have lengths of their own")
        self._like = pure.beside_like(entry, self._plan, self._around({}, entry.state["steps"]))
        self._beside = beside_at(self._like, entry.net, entry.step_ms, beside_of(entry.net))
        self.state = entry.state | self._beside

    def _around(self, courses: dict, first: jax.Array) -> Around:
        begin = first * self.step_ms if isinstance(first, Tracer) else int(first) * self.step_ms
        tables = spikes_of(self._entry.net, begin, self.n_steps * self.step_ms)
        return Around(self._wires, tables, courses, jnp.asarray(self.step_ms), first)

    def __repr__(self):
        return f"Function({self.n_steps} samples every {self.step_ms:g} ms, {self._plan.adaptive})"

    def __call__(
        self, parameters: dict, state: dict, *, inputs: dict | None = None, key: jax.Array | None = None
    ) -> tuple[dict, dict]:
        """As :meth:`Function.__call__`."""
        beside = self._beside | {path: self._under_way(path, state[path]) for path in self._beside if path in state}
        own = {path: value for path, value in state.items() if path not in beside}
        steps = [path for path in own if path.endswith(".refractory_steps") and own[path] is not self.state[path]]
        for free in (f"free:{path.removesuffix('.refractory_steps')}" for path in steps):
            beside = {name: x for name, x in beside.items() if name != free or free in state}
        parameters, fixed, own, courses = self._given(parameters, own, inputs, key)
        check_courses(self._entry.net, courses)
        around, structure = self._around(courses, own["steps"]), self._entry.structure.current()
        own, beside, recorded = pure.run(self._plan, structure, parameters, fixed, own, beside, around)
        return own | beside, {r.label: recorded[r.label] for r in self._entry.requests}

    def _under_way(self, path: str, given: Any) -> jax.Array:
        if jnp.shape(given) != self._beside[path].shape:
            raise ValueError(
                f"state: {path!r} is what a run has left, of shape {self._beside[path].shape}; given {jnp.shape(given)}."
            )
        return jnp.asarray(given)

    def moved(self, *given: Any, **options: Any) -> tuple[dict, dict]:
        """Refused: there are no steps behind which states could be moved.

        Raises
        ------
        ValueError
        """
        raise ValueError(
            "adaptive: states are moved behind steps, for eligibility traces, and there are no steps here."
        )

    def initial_state(self, key: jax.Array, parameters: dict | None = None) -> dict:
        """As :meth:`Function.initial_state`: nothing is under way."""
        return super().initial_state(key, parameters) | beside_at(self._like, self._entry.net, self.step_ms, {})


def one_by_one(run: Callable, given: Any) -> Any:
    """``run`` of each row of what is given, one after the other: for runs that take turns as they need, of which side by side each
    would take as many as there is room for.
    """
    return jax.lax.map(run, given)


def _checked(key):
    """A random key as the network holds its own.

    Raises
    ------
    TypeError
        For something else.
    """
    if jnp.issubdtype(getattr(key, "dtype", float), jax.dtypes.prng_key) and not key.shape:
        return jax.random.key_data(key)
    if getattr(key, "shape", None) != (2,) or key.dtype != jnp.uint32:
        raise TypeError(f"key: expected a random key such as jax.random.PRNGKey(0), given {key!r}.")
    return key


def run_traced(
    entry: door.Entry, parameters, fixed, state, inputs, checkpoint_every, remat=True, order: Order | None = None
) -> tuple[dict, dict]:
    """Run as a scan that can be transformed: ``(state, recorded)``."""
    step = step_length(entry.step_ms)
    return engine.run_differentiable(
        entry.requests,
        entry.structure.current(),
        parameters,
        fixed,
        state,
        step,
        entry.n_steps,
        checkpoint_every,
        remat,
        inputs,
        Order() if order is None else order,
    )
