"""What every rule of eligibility traces says: how a trace goes on, and what pairs with a learning signal."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from brainsim._errors import NamesArguments
from brainsim._units import float_dtype
from brainsim.train.online.own import Jacobian
from brainsim.train.online.site import Site


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule of learning without the past."""

    name: ClassVar[str]


@dataclasses.dataclass(frozen=True)
class TraceRule(Rule):
    """A rule that keeps eligibility traces of parameters beside the states of their own units.

    Class attributes say what goes with the traces: ``detached`` takes the derivative of resets away; ``memory`` filters
    traces through a readout's own dynamics, so that what a spike has left in the readout still counts; ``hops`` passes
    learning signals down through hidden layers; ``autapses`` counts synapses of a neuron onto itself; ``readouts`` is
    the number of local readouts of each hidden layer, with :meth:`local` as their loss; ``layers`` says that parameters of
    layers of flax can be learned, which needs traces that are products.
    """

    detached: ClassVar[bool] = False
    memory: ClassVar[bool] = True
    hops: ClassVar[bool] = True
    autapses: ClassVar[bool] = False
    readouts: ClassVar[int] = 0
    layers: ClassVar[bool] = False

    @abc.abstractmethod
    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Trace:
        """The traces of one parameter; ``rest()`` is the Jacobian of its population in the initial state."""

    def counts(self, key: jax.Array, step: jax.Array) -> jax.Array | None:
        """Whether the gradient of this step counts; None for always."""
        return None

    def local(self, y: jax.Array, target: Any) -> jax.Array:
        """The loss of local readouts y, (outputs,)."""
        raise NotImplementedError(f"{type(self).__name__} has no local readouts.")


class Trace(metaclass=NamesArguments):
    """The traces of one parameter, as functions of arrays.

    ``now`` is what there is at the end of a step. A learning signal is a derivative of the loss with respect to states,
    one per unit; the pair of both is a gradient in the shape of the site.
    """

    site: Site

    def at(self, values: dict) -> Trace:
        """The same in a step, with all arrays of the network by path."""
        return dataclasses.replace(self, site=self.site.at(values))  # pyright: ignore[reportArgumentType]

    @abc.abstractmethod
    def start(self) -> Any:
        """What is carried, before the first step."""

    @abc.abstractmethod
    def advance(self, carried: Any, jacobian: Jacobian, new: dict, autapses: dict) -> tuple[Any, Any]:
        """``(carried, now)`` after a step.

        Parameters
        ----------
        carried
        jacobian : Jacobian
            Of the site's population, in this step.
        new : dict of str to array
            The state of the network after the step.
        autapses : dict of (str, str) to float array, (n,)
            Weights of neurons onto themselves, by port and by the state that is sent.
        """

    @abc.abstractmethod
    def pair(self, now: Any, signals: dict) -> jax.Array:
        """The gradient from ``signals``, one per unit, by state."""

    @abc.abstractmethod
    def sent(self, now: Any, leaf: str) -> Any:
        """The trace of the state ``leaf`` alone, as :meth:`pair_sent` takes it."""

    def pair_sent(self, sent: Any, signal: jax.Array) -> jax.Array:
        """The gradient from one signal per unit; here of a trace in the shape of the site."""
        return self.site.lift(signal) * sent

    def nothing_sent(self, leaf: str) -> Any:
        """What :meth:`sent` gives of silence."""
        return jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: self.sent_at_rest(leaf)))

    def sent_at_rest(self, leaf: str) -> Any:
        """Something of the shape that :meth:`sent` gives: here that of the site."""
        return jnp.zeros(self.site.shape, float_dtype())

    # What a readout remembers of the traces is filtered in the shape that these say

    def kept(self, now: Any, leaf: str, slope: jax.Array) -> jax.Array:
        """The trace of ``leaf`` times a number for each unit, as the memory of a readout takes it in."""
        return self.site.lift(slope) * self.sent(now, leaf)

    def pair_kept(self, now: Any, kept: jax.Array, signal: jax.Array) -> jax.Array:
        """The gradient from what a readout has kept, (..., m), and its signals, (n, m)."""
        return jnp.sum(self.site.lift(signal) * kept, -1)


@dataclasses.dataclass(frozen=True)
class Full(Trace):
    r"""One number for each parameter and state.

    .. math:: e' = D_j\,e + \partial h'_j / \partial \theta
    """

    site: Site
    autapses: bool = False

    @property
    def carried(self) -> tuple[str, ...]:
        """The states whose traces are needed in the next step."""
        return tuple(sorted(self.site.own.reached(self.site.beginnings) & self.site.own.read))

    def _shape(self, leaf) -> tuple[int, ...]:
        """Of the trace of a state: what comes from nothing but arrivals is one number for each of those."""
        if self.autapses or any(a == leaf and b in self.carried for a, b in self.site.own.pattern):
            return self.site.shape
        return self.site.begun_shape

    def start(self):
        return {leaf: jnp.zeros(self._shape(leaf), float_dtype()) for leaf in self.carried}

    def advance(self, carried, jacobian, new, autapses):
        now: dict = {}
        for (a, b), slope in jacobian.blocks.items():
            if b in carried and a in self.site.own.leaves:
                now[a] = now.get(a, 0.0) + self.site.lift(slope) * carried[b]
        for (port, leaf), weight in autapses.items():
            if leaf in now:
                now[port] = now.get(port, 0.0) + self.site.lift(weight) * now[leaf]
        for a, begun in self.site.direct(jacobian, new).items():
            now[a] = now[a] + begun if a in now else begun
        return {leaf: now.get(leaf, carried[leaf]) for leaf in carried}, now

    def pair(self, now, signals):
        return sum(
            (self.site.lift(signals[a]) * e for a, e in now.items() if a in signals), jnp.zeros((), float_dtype())
        )

    def sent(self, now, leaf):
        return now.get(leaf, jnp.zeros(self.site.shape, float_dtype()))
