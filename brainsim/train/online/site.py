"""Where a trained parameter acts: on the ports of a receptor through synapses, or on the units themselves."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from brainsim import events
from brainsim.paths import Synapses
from brainsim.train.online.own import Jacobian, Own


@dataclasses.dataclass(frozen=True)
class Site:
    """A parameter of a population itself: one number per unit, or one for all.

    Parameters
    ----------
    path : str
        Of the parameter.
    own : Own
        The population that it acts on.
    parameter : tuple of int
        Shape of the parameter.
    """

    path: str
    own: Own
    parameter: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one number for each pair of parameter and unit that it acts on."""
        return (self.own.count,)

    @property
    def begun_shape(self) -> tuple[int, ...]:
        """Of what :meth:`direct` gives."""
        return self.shape

    @property
    def beginnings(self) -> set[str]:
        """The states that it acts on at once."""
        return {a for a, b in self.own.pattern if b == self.path and a in self.own.leaves}

    def lift(self, of_units: jax.Array) -> jax.Array:
        """Values of units, (n, ...), to the pairs: what broadcasts to ``(*shape, ...)``."""
        return of_units

    def total(self, of_pairs: jax.Array) -> jax.Array:
        """Sum over what shares one number: from ``shape`` to the shape of the parameter."""
        of_pairs = jnp.broadcast_to(of_pairs, self.shape)
        return of_pairs.sum() if self.parameter == () else of_pairs

    def direct(self, jacobian: Jacobian, new: dict) -> dict:
        """What the parameter does to the states in this step, by state, in ``shape``."""
        return {a: slope for (a, b), slope in jacobian.direct.items() if b == self.path and a in self.own.leaves}


@dataclasses.dataclass(frozen=True)
class OneWeight(Site):
    """One weight for all synapses of a projection.

    Parameters
    ----------
    path, own, parameter
        As of any site.
    projection : Projection
    receptor : Receptor
    """

    projection: Any
    receptor: Any

    @property
    def ports(self) -> tuple[str, ...]:
        """The states that arrivals are added to, by path."""
        return tuple(f"{self.receptor.path}.{port}" for port in self.receptor.ports)

    @property
    def beginnings(self):
        return set(self.ports)

    def features(self, new: dict) -> dict:
        """What reaches each port in this step before the weights, by port."""
        return dict(zip(self.ports, self.receptor.features(new[f"{self.projection.path}.arrived"]), strict=True))

    def direct(self, jacobian, new):
        one = jnp.ones((), new[f"{self.projection.path}.arrived"].dtype)
        path = Synapses(self.projection.conn, one)
        conn = path.single.conn if self.projection.axon.single else path.conn
        zeros = jnp.zeros(self.own.count, one.dtype)
        return {port: events.deliver(conn, x, one, zeros) for port, x in self.features(new).items()}


@dataclasses.dataclass(frozen=True)
class Weights(OneWeight):
    """One weight for each synapse of a projection, dense or sparse."""

    @property
    def shape(self):
        return self.parameter

    def lift(self, of_units):
        targets = self.projection.conn.targets()
        return of_units[targets][(None,) * (len(self.shape) - targets.ndim)]

    def total(self, of_pairs):
        return jnp.broadcast_to(of_pairs, self.shape)

    def spread(self, sent: jax.Array) -> jax.Array:
        """What arrives, (n_pre,) or one per synapse, to the pairs."""
        return sent.reshape(self.shape) if self.projection.axon.single else self.projection.conn.spread(sent)

    @property
    def begun_shape(self):
        return jax.eval_shape(self.spread, jnp.zeros(self.projection.arrived_shape)).shape

    def direct(self, jacobian, new):
        return {port: self.spread(x) for port, x in self.features(new).items()}
