"""What a network has and where it stands: its parts by kind, the seed, and what is made ready for a run and put back."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh

from brainsim import initial, stiffness
from brainsim._core import Dynamics, FixedVariable, State, count_of, key_of, split, write_back
from brainsim._core.aside import Ready
from brainsim._core.rounding import keep_roundings
from brainsim._core.stepping import moment
from brainsim._errors import OutsideStepError
from brainsim._mesh import Share
from brainsim.modulators import Modulator
from brainsim.operation import Operation
from brainsim.population import Population, Sender
from brainsim.projection import Projection


class BetweenRuns(Dynamics):
    """Base of :class:`Network`: everything that is about the time before, between and after its steps."""

    steps = State(0, "steps since t = 0", shape=(), dtype=jnp.int32, nonnegative=True)

    def __init__(self, seed: int = 0, mesh: Mesh | int | Sequence[Any] | None = None):
        _check_seed("Network", seed)
        share = None if mesh is None else Share.of(mesh)
        super().__init__()
        self.allocate()
        self._aside.seed, self._aside.share = int(seed), share
        self.hold("key", FixedVariable(key_of(seed)))
        self._aside.moment.key = self.plain("key")

    @property
    def populations(self) -> dict[str, Population]:
        """Populations by name."""
        return {name: part for name, part in sorted(vars(self).items()) if isinstance(part, Population)}

    @property
    def senders(self) -> dict[str, Sender]:
        """What sends spikes, by path: populations, and places of cells that send their own."""
        return {path: sender for p in self.populations.values() for path, sender in p.senders.items()}

    @property
    def modulators(self) -> dict[str, Modulator]:
        """Modulators by name."""
        return {name: part for name, part in sorted(vars(self).items()) if isinstance(part, Modulator)}

    @property
    def operations(self) -> dict[str, Operation]:
        """Operations by name."""
        return {name: part for name, part in sorted(vars(self).items()) if isinstance(part, Operation)}

    @property
    def projections(self) -> dict[str, Projection]:
        """Projections by name."""
        return {name: part for name, part in sorted(vars(self).items()) if isinstance(part, Projection)}

    def is_ready(self, step_ms: float, parts: tuple) -> bool:
        """Whether nothing is left to do for steps of ``step_ms`` milliseconds; ``parts`` are what ``split`` gives."""
        moment, ready = self._aside.moment, self._aside.ready
        if ready is None or not moment.settled or moment.assigned or moment.between is not None:
            return False
        if self._aside.step_ms != step_ms or not ready.fits(step_ms, *parts):
            return False
        moment.begun = moment.count(self.plain("steps")) > 0
        return True

    def prepare(self, step_ms: float, parts: tuple | None = None, varied: dict | None = None) -> tuple:
        """Get ready for steps of ``step_ms`` milliseconds: make delay buffers, and what follows from initial values.

        Parameters
        ----------
        step_ms : float
            Length of a step.
        parts : tuple, optional
            What ``split`` gives for this network, where the caller has it already.
        varied : dict of str to array, (k, ...), optional
            Values, by path, that parameters will take.

        Returns
        -------
        tuple
            What ``split`` gives for the network when it is ready.

        Raises
        ------
        ValueError
            If a delay is shorter than the step, or the step changes while spikes are under way.
        """
        before, moment, ready = self._aside.step_ms, self._aside.moment, self._aside.ready
        traced = isinstance(self.plain("steps"), Tracer)
        if parts is not None and varied is None and self.is_ready(step_ms, parts):
            return parts
        if not traced:
            moment.begun = count_of(self.plain("steps")) > 0
        if moment.between is not None:
            moment.between.check_none_under_way()
        among = None if parts is None or ready is None or varied else ready.others(step_ms, *parts)
        self._check(step_ms, varied, among)
        remembered = {}
        if before is not None and before != step_ms and moment.begun:
            remembered = self._change_step(before, step_ms)
        populations, senders = self.populations, self.senders
        for part in (*populations.values(), *self.projections.values(), *self.operations.values()):
            if part._aside.prepared_for != step_ms:
                _prepare(part, step_ms, senders)
                part._aside = part._aside.but(prepared_for=step_ms)
                parts = None
        write_back(self, remembered)
        if moment.begun:
            parts = None if moment.assigned else parts
            initial.catch_up(self, moment.assigned)
        elif parts is None or not moment.settled:
            parts = None
            initial.settle(self)
        if not traced:
            moment.settled, moment.assigned = True, {}
        if keep_roundings(self, step_ms, varied, among):
            parts = None
        if before != step_ms or traced:
            self._aside = self._aside.but(step_ms=step_ms)
        if before != step_ms or parts is None:
            parts = split(self)
        if not traced and varied is None and (ready is None or not ready.fits(step_ms, *parts)):
            self._aside.ready = Ready(step_ms, *parts, before=ready)
        return parts

    def _check(self, step_ms: float, varied: dict | None, among: Collection[str] | None) -> None:
        """Refuse what cannot be run in steps of this length; ``among``: names of the parts that have changed, None for all."""
        for projection in self.projections.values():
            projection.axon.check_step(step_ms)
            if varied is None:  # a sweep knows the weights too
                projection.check_weights({})
        for name, population in self.populations.items():
            if among is not None and name not in among:
                continue
            population.steps_of_own(step_ms)
            population.check_step(population.in_ms(step_ms), varied)
        stiffness.check(self, step_ms, varied)

    def went_on(self, count: int | None = None) -> None:
        """Take note that the state was replaced: by a run, or from a file; ``count`` is the number of steps so far, if known."""
        moment, steps, ended_a_run = self._aside.moment, self.plain("steps"), count is not None
        if isinstance(steps, Tracer):
            moment = copy.copy(moment)  # of this copy of the network alone
            self._aside = self._aside.but(moment=moment)
            moment.begun = True
        else:
            count = moment.count(steps) if count is None else moment.know(steps, count)
            moment.begun, moment.key = count > 0, self.plain("key")
            # What is ready is the network as it is after a run alone: parts may have come or gone before a file is read
            kept = self._aside.ready.kept if ended_a_run and self._aside.ready is not None else {}
            if "growing" not in kept:
                kept["growing"] = [name for name, part in self.projections.items() if "structure" in vars(part)]
            for name in kept["growing"]:
                vars(self)[name].structure.say_full()
        moment.settled, moment.assigned, moment.drawn, moment.between = True, {}, frozenset(), None

    def _change_step(self, before, step_ms) -> dict:
        """Count time in other steps; returns what graded signals and traces have been, by path, in those."""
        if isinstance(self.plain("steps"), Tracer):
            raise ValueError(
                f"dt: cannot change from {before} to {step_ms} ms inside a transformation; net.reset() and change it"
                " outside."
            )
        old = count_of(self.plain("steps"))
        steps = old * before / step_ms
        if abs(steps - round(steps)) > 1e-6:
            raise ValueError(f"dt: the present time is not a multiple of {step_ms} ms; net.reset() first.")
        carried = {}
        for name, projection in self.projections.items():
            waiting = [key for key, array in projection.under_way.items() if jnp.any(array)]
            own = all(key.startswith("axon.") for key in waiting)
            moved = projection.axon.carried(before, step_ms, old, round(steps)) if waiting and own else None
            if waiting and moved is None:
                raise ValueError(
                    f"dt: cannot change from {before} to {step_ms} ms while spikes are under way in delays of {name}"
                    " that would arrive at other times; net.reset() first."
                )
            carried |= {f"{name}.axon.{key}": array for key, array in (moved or {}).items()}
        self.put("steps", jnp.asarray(round(steps), jnp.int32))
        for _, part in initial.components(self):
            part.count_anew(before, step_ms)
        return carried | {
            f"{name}.{k}": array
            for name, p in self.projections.items()
            for k, array in p.resampled(before, step_ms, old, round(steps)).items()
        }

    def reset(self, seed: int | None = None) -> None:
        """Go back to the beginning: every state is what it was given as, or its default.

        What was assigned before the first run is given; what was assigned later is a disturbance that ends here, except
        for distributions, weights that plasticity changes and running statistics of layers, which stay. Wiring and
        parameters stay too.

        Parameters
        ----------
        seed : int, optional
            Draw anew, with this seed, the initial states that were given as distributions, and use it for the noise of
            the runs that follow.
        """
        if seed is not None:
            _check_seed("reset", seed)
            self.put("key", key_of(seed))
        moment = self._aside.moment
        if not isinstance(self.plain("steps"), Tracer):
            moment.key = self.plain("key")
        moment.begun, moment.settled, moment.assigned, moment.drawn, moment.between = False, True, {}, frozenset(), None
        initial.draw(self, self.plain("key"))
        initial.settle(self)

    @property
    def t(self) -> Any:
        """Time at which the network stands: that of its steps so far, in ms; zero before the first run."""
        if (clock := moment()) is not None:
            return clock.t
        step_ms, steps = self._aside.step_ms, self.plain("steps")
        if isinstance(steps, Tracer):
            raise OutsideStepError("Network.t: within a step the time is clock.t, of the clock that is given.")
        return u.Quantity(0.0 if step_ms is None else count_of(steps) * step_ms, unit=u.ms)

    @property
    def begun(self) -> bool:
        """Whether it has left its initial state."""
        return self._aside.moment.begun

    def drawn_anew(self) -> tuple[str, ...]:
        """Paths of the states that other seeds draw anew: at the beginning what was given as distributions, later what
        was assigned so since the last run.
        """
        moment = self._aside.moment
        return tuple(sorted(moment.drawn)) if moment.begun else initial.drawn(self)

    def follows(self) -> bool:
        """Whether anything that a run starts from follows from other values."""
        return initial.follows(self)

    def at_once(self) -> tuple[str, ...]:
        """Paths of the parameters that act on what has arrived, once a simulation is on its way: weights of graded
        signals.
        """
        return initial.at_once(self) if self.begun else ()

    def start(
        self,
        before: dict,
        held: frozenset[str],
        drawn: Collection[str] | None,
        begun: bool,
        key: jax.Array | None = None,
    ) -> None:
        """Make the state that a run starts from, once states ``held`` have been put in place of those ``before``.

        ``drawn`` states (all for None) are drawn with ``key``; for the inside of :meth:`Structure.start`.
        """
        if key is not None:
            initial.draw(self, key, None if drawn is None else set(drawn) - held)
        if begun:
            initial.catch_up(self, {path: array for path, array in before.items() if path in held or path in drawn})
        else:
            initial.settle(self, held)


def _prepare(part, step_ms: float, senders: dict) -> None:
    if isinstance(part, Projection):
        part.prepare(step_ms, senders[part.pre])
    elif isinstance(part, Population):
        part.count_steps(step_ms)
        part.prepare(part.in_ms(step_ms))
    else:
        part.prepare(step_ms)


def _check_seed(what, seed) -> None:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        raise TypeError(f"{what}: seed must be an integer, given {seed!r}.")
