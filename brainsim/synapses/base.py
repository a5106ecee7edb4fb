"""What every kind of synapse shares: states of each one, what silence does to them, and what a spike does."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, Dynamics, Parameter, Site, State
from brainsim._core.stepping import moment, some_of
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit, with_unit

OWN = ("last",)  # states that are no matter of a kind


class Numbers:
    """Parameters of some synapses as plain numbers, each in the unit that it is declared in; None for those that are None."""

    def __init__(self, kind: str, values: dict):
        vars(self).update(values, _kind=kind)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        known = [each for each in vars(self) if not each.startswith("_")]
        raise UnknownNameError(f"{self._kind}: p has no {name!r}.{suggestion(name, known)}")


class Synapse(Dynamics):
    r"""Synapses with parameters and states of their own, each: heterogeneous short-term plasticity, say.

    .. math:: y_k(t) = \text{silence}(t - t_k,\ y_k),\qquad
        \text{spike: } (r_k, y_k) \leftarrow \text{spike}(y_k),\quad g \leftarrow g + w_k\,s\,r_k

    with :math:`t_k` when the last spike reached synapse k. States change only when a spike arrives, and are then brought to that
    time in closed form: exact for any time between spikes, with work for the synapses that spikes reach and no others, whatever
    the delays. Given to a projection::

        net.connect(net.E, net.I, FixedProbability(0.1), receptor="exc", weight=20 * u.pA, delay=Uniform(1 * u.ms, 3 * u.ms),
                    synapse=synapses.TsodyksMarkram(U=Uniform(0.2, 0.6), tau_rec=Normal(800 * u.ms, 80 * u.ms)))

    it stands as ``net["E->I"].synapse``, its values in the order of :meth:`Projection.pairs`. A class of one's own declares
    parameters and states and gives both methods, of plain numbers::

        class Depressing(Synapse):
            U = Parameter(0.5, "used by a spike", shape="n_synapses")
            tau = Parameter(500 * u.ms, "recovery", positive=True, shape="n_synapses")
            x = State(1.0, "resources", shape="n_synapses")

            def silence(self, p, dt, x):
                return {"x": 1 - (1 - x) * jnp.exp(-dt / p.tau)}

            def spike(self, p, x):
                return p.U * x, {"x": x - p.U * x}

    Arguments of ``silence`` are parameters ``p.name``, the time ``dt`` in ms, and states by their names; those of ``spike`` the
    same without dt. A class that names states of the postsynaptic population, ``of_post = ("Gamma",)``, finds those of its
    neuron at t + dt in ``spike`` as ``p.Gamma``. What ``spike`` returns first multiplies the weight. States hold what they were
    after the last spike; recordings, and :meth:`at`, show what they are.

    Parameters
    ----------
    **values
        Parameters and initial states by name: one for all, distributions, or one per synapse in the order of weights that
        ``connect`` is given: that of the rule's list, or by presynaptic, then postsynaptic neuron, or a matrix of all pairs.
    """

    n_synapses: int
    moves: ClassVar[tuple[str, ...]] = ()  #: states that silence and spikes change, in the order of declaration
    of_post: ClassVar[tuple[str, ...]] = ()  #: states of the postsynaptic population that ``spike`` takes
    _takes: ClassVar[dict[str, tuple[str, ...]]] = {}

    last = State(0, "steps until the last spike arrived", shape="n_synapses", dtype=jnp.int32, counts="steps")

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.moves = tuple(
            name for name, declared in cls._declared.items() if isinstance(declared, State) and name not in OWN
        )
        for name, declared in cls._declared.items():
            if declared.shape == "count":
                raise TypeError(
                    f'{cls.__name__}.{name}: synapses have one each, {type(declared).__name__}(..., shape="n_synapses");'
                    " a parameter may be one for all, shape=()."
                )
        cls._takes = {
            method: _states_taken(cls, method, first) for method, first in (("silence", ("p", "dt")), ("spike", ("p",)))
        }

    def silence(self, p: Any, dt: Any) -> dict:
        """States after ``dt`` ms without a spike, by name; those that are not named stay."""
        return {}

    def spike(self, p: Any) -> tuple[Any, dict]:
        """What multiplies the weight when a spike arrives, and the states after it, by name."""
        raise NotImplementedError(f"{type(self).__name__} does not say what a spike does: define spike(self, p, ...).")

    # -- as functions of arrays --------------------------------------------------------------------------------------

    @property
    def _numbers(self) -> list[str]:
        """Names of the parameters that there are."""
        return [name for name, d in self._declared.items() if isinstance(d, Parameter) and name in vars(self)]

    def _parameters(self, values) -> Numbers:
        absent = {name: None for name, d in self._declared.items() if isinstance(d, Parameter)}
        return Numbers(type(self).__name__, absent | dict(zip(self._numbers, values, strict=True)))

    def _asked(self, method: str, states: dict, *first: Any) -> Any:
        """What a method gives for some synapses."""
        instead = f"{type(self).__name__}.{method} is about some synapses: take p.{{name}}, or a state as an argument."
        with some_of(self, instead):
            return getattr(self, method)(*first, **{k: states[k] for k in self._takes[method]})

    def _after_silence(self, p, dt, states: dict) -> dict:
        return states | self._named("silence", self._asked("silence", states, p, dt))

    def _named(self, method: str, after: Any) -> dict:
        if not isinstance(after, dict):
            raise TypeError(
                f"{type(self).__name__}.{method} gives states by name, a dictionary; given {type(after).__name__}."
            )
        for name in after.keys() - set(self.moves):
            raise UnknownNameError(f"{type(self).__name__}.{method} gives {name!r}.{suggestion(name, self.moves)}")
        return after

    def _arrive(self, value, *arrays):
        """What :func:`brainsim.events.visit` takes: result and states of some synapses that spikes reach."""
        n = len(self.moves)
        *states, last = arrays[: n + 1]
        there = arrays[len(arrays) - len(self.of_post) :]
        *numbers, weight, now, step_ms = arrays[n + 1 : len(arrays) - len(there)]
        p, dt = self._parameters(numbers), (now - last).astype(step_ms.dtype) * step_ms
        before = self._after_silence(p, dt, dict(zip(self.moves, states, strict=True)))
        vars(p).update(zip(self.of_post, there, strict=True))
        given = self._asked("spike", before, p)
        if not isinstance(given, tuple) or len(given) != 2:
            raise TypeError(f"{type(self).__name__}.spike returns what is sent, and states by name; given {given!r}.")
        sent, after = given
        after = before | self._named("spike", after)
        return weight * value * sent, *(after[k] for k in self.moves), jnp.full_like(last, now)

    # -- running -----------------------------------------------------------------------------------------------------

    def bind(self, site: Site, n_synapses: int) -> None:
        """Serve the projection that ``site`` is on."""
        self.place(site._replace(facts={**site.facts, "n_synapses": n_synapses}))

    def deliver(
        self, clock: Clock, reached: events.Reached, weight: jax.Array, into: jax.Array, post: Any
    ) -> jax.Array:
        """``into`` with what arrives at t + dt through the synapses that are reached, onto ``post``; these change."""
        own = tuple(self.plain(name) for name in (*self.moves, *OWN))
        numbers = [self.plain(name) for name in self._numbers]
        known = (*numbers, jnp.ravel(weight) if jnp.ndim(weight) else weight, clock.step + 1, clock.step_ms)
        there = tuple(post.plain(name) for name in self.of_post)
        own, into = events.visit(reached, self._arrive, own, known, into, there)
        for name, array in zip((*self.moves, *OWN), own, strict=True):
            self.put(name, array)
        return into

    def present(self, steps: jax.Array, step_ms: jax.Array) -> dict[str, jax.Array]:
        """The states as they are after so many steps, plain, by name."""
        dt = (steps - self.plain("last")).astype(jnp.result_type(float, step_ms)) * step_ms
        states = {name: self.plain(name) for name in self.moves}
        p = self._parameters([self.plain(name) for name in self._numbers])
        after = self._after_silence(p, dt, states)
        return {name: jnp.broadcast_to(after[name], states[name].shape).astype(states[name].dtype) for name in states}

    def at(self, t: QuantityLike) -> dict[str, Any]:
        """The states as they are at a time, by name.

        Parameters
        ----------
        t : quantity, time
            Not before the last spike: ``net.t`` for now, in functions of recordings, conditions and operations too, where the
            states themselves are those after the last spike.

        Returns
        -------
        dict of str to quantity, (n_synapses,)
        """
        ms, clock, step_ms = in_unit(t, u.ms, f"{self.path}.at"), moment(), self._aside.step_ms
        if clock is not None:
            further = jnp.round((ms - in_unit(clock.t, u.ms, "t")) / clock.step_ms).astype(jnp.int32)
            found = self.present(jnp.maximum(clock.step + further, self.plain("last")), clock.step_ms)
        else:
            steps = 0 if step_ms is None else round(float(ms) / step_ms)
            found = self.present(jnp.int32(steps), jnp.asarray(0.0 if step_ms is None else step_ms))
        return {name: with_unit(array, self.unit_of(name)) for name, array in found.items()}

    def catch_up(self, assigned: Collection[str], steps: jax.Array) -> None:
        """States that were ``assigned`` in the course of a simulation are those of now; so become the others."""
        chosen = {name.removeprefix(f"{self.path}.") for name in assigned if name.startswith(f"{self.path}.")}
        if chosen & set(self.moves):
            for name, array in self.present(steps, jnp.asarray(self._aside.step_ms, float)).items():
                if name not in chosen:
                    self.put(name, array)
            self.put("last", jnp.full_like(self.plain("last"), steps))


def _states_taken(cls, method: str, first: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the states that a method takes behind its first arguments."""
    names = [a.name for a in list(inspect.signature(getattr(cls, method)).parameters.values())[1:]]
    if tuple(names[: len(first)]) != first:
        given = ", ".join(names)
        raise TypeError(
            f"{cls.__name__}.{method} takes {', '.join(first)} and states by name; given {method}({given})."
        )
    taken = tuple(names[len(first) :])
    for name in taken:
        if name not in cls.moves:
            raise UnknownNameError(f"{cls.__name__}.{method} takes {name!r}, no State.{suggestion(name, cls.moves)}")
    return taken
