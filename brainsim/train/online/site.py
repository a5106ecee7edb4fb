"""Where a trained parameter acts: on the ports of a receptor through synapses, or on the units themselves."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._units import float_dtype
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

    @property
    def factors(self) -> bool:
        """Whether what it does to states is a product of what arrives and of what units make of it: :meth:`outer`."""
        return False

    def at(self, values: dict) -> Site:
        """The same in a step, with all arrays of the network by path."""
        return self

    def direct(self, jacobian: Jacobian, new: dict) -> dict:
        """What the parameter does to the states in this step, by state, in ``shape``."""
        return {a: slope for (a, b), slope in jacobian.direct.items() if b == self.path and a in self.own.leaves}


@dataclasses.dataclass(frozen=True)
class Through(Site):
    """A parameter of a projection.

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

    @property
    def arrived_shape(self) -> tuple[int, ...]:
        """Of what :meth:`features` gives, and of traces of it."""
        return self.projection.arrived_shape

    def features(self, new: dict) -> dict:
        """What reaches each port in this step before the weights, by port."""
        return dict(zip(self.ports, self.receptor.features(new[f"{self.projection.path}.arrived"]), strict=True))

    def outer(self, arrived: jax.Array, of_units: jax.Array) -> jax.Array:
        """The derivative along a trace of what arrives, times one number for each unit, in the shape of the parameter."""
        raise NotImplementedError(f"{type(self).__name__} is no product of arrivals and units.")


@dataclasses.dataclass(frozen=True)
class OneWeight(Through):
    """One weight for all synapses of a projection."""

    def direct(self, jacobian, new):
        one = jnp.ones((), new[f"{self.projection.path}.arrived"].dtype)
        path = Synapses(self.projection.conn, one)
        conn = path.single.conn if self.projection.axon.single else path.conn
        zeros = jnp.zeros(self.own.count, one.dtype)
        return {port: events.deliver(conn, x, one, zeros) for port, x in self.features(new).items()}


@dataclasses.dataclass(frozen=True)
class Weights(Through):
    """One weight for each synapse of a projection, dense or sparse."""

    @property
    def factors(self):
        return True

    def outer(self, arrived, of_units):
        return self.spread(arrived) * self.lift(of_units)

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


@dataclasses.dataclass(frozen=True, eq=False)
class OfLayer(Through):
    r"""A parameter of a layer, or of what its output is multiplied with.

    Of :math:`\sum_k \lambda_k f_\theta(s_{t-k})`, with f linear in s but for a constant, the derivative is

    .. math:: \Lambda\,\frac{\partial f_\theta(x / \Lambda)}{\partial \theta},\qquad
              x = \sum_k \lambda_k s_{t-k},\quad \Lambda = \sum_k \lambda_k

    so that a trace of 1 is kept beside that of the arrivals. It is exact for any layer where only one step counts, and
    takes the layer at the mean of what arrived for others that are not linear.

    Parameters
    ----------
    path, own, parameter, projection, receptor
        As of any site of a projection.
    structure : Structure
        The network.
    values : dict of str to array
        All arrays of the network in this step.
    """

    structure: Any
    values: dict = dataclasses.field(default_factory=dict)

    @property
    def factors(self):
        return True

    @property
    def shape(self):
        return self.parameter

    @property
    def arrived_shape(self):
        return (self.projection.n_pre + 1,)

    def at(self, values):
        return dataclasses.replace(self, values=values)

    def features(self, new):
        one = jnp.ones(1, float_dtype())
        return {port: jnp.concatenate([x.astype(one.dtype), one]) for port, x in super().features(new).items()}

    def outer(self, arrived, of_units):
        total = arrived[-1]
        mean = arrived[:-1] / jnp.where(total == 0, 1, total)

        def made(value):
            (sums,) = self.structure.through(self.projection.path, self.values | {self.path: value}, mean).values()
            return sums

        value = self.values[self.path]
        return total * jax.vjp(made, value)[1](of_units.astype(value.dtype))[0]

    def total(self, of_pairs):
        return jnp.broadcast_to(of_pairs, self.parameter)
