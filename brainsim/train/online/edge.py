"""Ways that learning signals go back on: from the states of a population to those that send to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._units import float_dtype

FEEDBACK = {
    "symmetric": "the transpose of the weights",
    "random": "fixed random weights from every readout to every hidden population (direct feedback alignment)",
    "alignment": "fixed random weights in place of those of each projection (feedback alignment)",
    "adaptive": "weights that begin at random and follow the changes of the true ones",
}


@dataclasses.dataclass(frozen=True)
class Edge:
    r"""From the states of ``post`` back to what ``pre`` sends.

    .. math:: L_i = \sum_j B_{ij}\,L_j

    Parameters
    ----------
    name : str
        Path of the projection, or of a way that stands for none.
    pre, post : str
        Paths of the two populations.
    leaf : str
        The state that is sent.
    projection : Projection
        Whose receptor is reached; it is the one between the two but for direct feedback.
    receptor : Receptor
    feedback : str
        One of ``FEEDBACK``.
    shape : tuple of int
        ``(n_pre, n_post)``.
    decay : float
        Of adaptive feedback, per step.
    """

    name: str
    pre: str
    post: str
    leaf: str
    projection: Any
    receptor: Any
    feedback: str
    shape: tuple[int, int]
    decay: float = 0.0

    @property
    def ports(self) -> tuple[str, ...]:
        """The states of ``post`` that it reaches."""
        return tuple(f"{self.receptor.path}.{port}" for port in self.receptor.ports)

    def slopes(self, new: dict) -> dict:
        """Derivative of what reaches each port, before the weights, with respect to what is sent now: (n_pre,) each."""
        sent = new[self.leaf].astype(float_dtype())
        slopes = jax.jvp(lambda x: tuple(self.receptor.features(x)), (sent,), (jnp.ones_like(sent),))[1]
        return dict(zip(self.ports, slopes, strict=True))

    def weight(self, parameters: dict, state: dict) -> jax.Array:
        """The weights of the projection now, as a parameter or as a state that plasticity changes."""
        path = f"{self.projection.path}.weight"
        return parameters[path] if path in parameters else state[path]

    def matrix(self, parameters: dict, state: dict, carried: Any) -> jax.Array:
        """B, (n_pre, n_post)."""
        if carried is None:
            return self.projection.conn.todense(self.weight(parameters, state))
        return carried["B"] if self.feedback == "adaptive" else carried

    def back(self, signals: dict, slopes: dict, parameters: dict, state: dict, carried: Any) -> jax.Array:
        """Signals at the ports, (n_post,), to one for each unit of ``pre``."""
        total = jnp.zeros(self.shape[0], float_dtype())
        for port, signal in signals.items():
            if carried is None:
                weight = self.weight(parameters, state)
                total = total + slopes[port] * events.deliver_transposed(self.projection.conn, signal, weight)
            else:
                total = total + slopes[port] * (self.matrix(parameters, state, carried) @ signal)
        return total

    def start(self, key: jax.Array, parameters: dict, state: dict) -> Any:
        """What feedback of its own begins with: normal numbers of the size of the weights; None without."""
        if self.feedback == "symmetric":
            return None
        weight = self.weight(parameters, state)
        B = jnp.sqrt(jnp.mean(weight**2)) * jax.random.normal(key, self.shape, float_dtype())
        if self.feedback != "adaptive":
            return B
        W = self.projection.conn.todense(weight)
        return {"B": jnp.where(self.projection.conn.todense(1.0) != 0, B, 0.0), "W": W}

    def follow(self, carried: Any, parameters: dict, state: dict) -> Any:
        r"""Adaptive feedback after the weights have changed: :math:`B \leftarrow B + \Delta W - c\,(B - W)`."""
        if self.feedback != "adaptive":
            return carried
        W = self.projection.conn.todense(self.weight(parameters, state))
        B = carried["B"]
        return {"B": B + (W - carried["W"]) - self.decay * (B - carried["W"]), "W": W}


@dataclasses.dataclass(frozen=True, eq=False)
class LayerEdge(Edge):
    r"""Back through a layer, by its own derivative where it was when the spikes were sent.

    .. math:: L_i = \sum_j \frac{\partial f_j(s)}{\partial s_i}\,L_j

    Parameters
    ----------
    name, pre, post, leaf, projection, receptor, feedback, shape, decay
        As of any edge; feedback is symmetric.
    structure : Structure
        The network.
    fixed : dict of str to array
        Its fixed arrays.
    """

    structure: Any = None
    fixed: dict = dataclasses.field(default_factory=dict)

    def slopes(self, new):
        """What is sent, at which the layer's derivative is taken."""
        return {port: new[self.leaf].astype(float_dtype()) for port in self.ports}

    def back(self, signals, slopes, parameters, state, carried):
        total = jnp.zeros(self.shape[0], float_dtype())
        arrays = self.fixed | state | parameters
        made = lambda sent: self.structure.through(self.projection.path, arrays, *self.receptor.features(sent))
        for port, signal in signals.items():
            sums, back = jax.vjp(made, slopes[port])
            total = total + back({port: signal.astype(sums[port].dtype)})[0]
        return total

    def start(self, key, parameters, state):
        return None
