"""Short-term depression and facilitation: release uses up a resource that recovers, with a probability that rises with
use.
"""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.terminals.base import Terminal


class Facilitating(Terminal):
    r"""What forms of release share: the utilisation u, raised by every spike.

    .. math:: \dot u = -(u - u_{rest})/\tau_{facil},\qquad u \leftarrow u + U (1 - u) \text{ at a spike}
    """

    U = Parameter(0.5, "utilisation of a first spike", nonnegative=True, at_most=1.0)
    tau_facil = Parameter(None, "time constant of facilitation; None for none", unit=u.ms, optional=True, positive=True)
    u_rest = Parameter(0.0, "value that u decays to", nonnegative=True, at_most=1.0)
    u = State(lambda terminal: terminal.u_rest, "utilisation", tau="tau_facil")

    def facilitate(self, clock: Clock, fired):
        """Advance u by a step at whose end a spike is fired where ``fired`` is 1; return u as a spike finds it, after
        its rise.
        """
        rest = self.plain("u_rest")
        if "tau_facil" in vars(self):
            before = self.relax("u", clock.step_ms / self.plain("tau_facil"), rest)
        else:
            before = jnp.broadcast_to(rest, self.plain("u").shape)
            self.put("u", before)
        rise = self.plain("U") * (1 - before)
        self.accumulate("u", fired * rise)
        return before + rise


class TsodyksMarkram(Facilitating):
    r"""Short-term plasticity with facilitation u and available resources x.

    .. math::
        \dot u &= -\frac{u - u_{rest}}{\tau_{facil}},\qquad \dot x = \frac{1 - x}{\tau_{rec}} \\
        \text{at a spike, in this order: } u &\leftarrow u + U (1 - u),\quad \text{sent} = u\,x,\quad x \leftarrow x -
        u\,x

    Between spikes u and x are advanced exactly. The spike uses u after its own rise and x before its own use. A weight
    is the absolute efficacy: the response if all resources were released at once.

    With ``u_rest`` = 0 this is the form of 1998. Where u is written as resting at U and jumping *after* release, it is
    the same model; where it rests at U and jumps *before* release, give ``u_rest=U``.

    Parameters
    ----------
    U : float
        Utilisation of a first spike.
    tau_rec : quantity, time, or None
        Recovery time constant of the resources; None for no depression.
    tau_facil : quantity, time, optional
        Time constant of facilitation; None for none, where u = U at every spike.
    u_rest : float
        Value that u decays to.

    References
    ----------
    M. Tsodyks, K. Pawelzik, H. Markram, Neural Comput. 10:821 (1998). With u_rest = U: G. Mongillo, O. Barak, M.
    Tsodyks, Science 319:1543 (2008).
    """

    exact_between_spikes = True

    tau_rec = Parameter(
        800.0 * u.ms, "recovery time constant of resources; None for no depression", optional=True, positive=True
    )
    x = State(1.0, "available fraction of the resources", tau="tau_rec")

    def recover(self, clock: Clock) -> jax.Array:
        """Let the available resources recover over the step, and return them, before a spike."""
        if "tau_rec" in vars(self):
            return self.relax("x", clock.step_ms / self.plain("tau_rec"), 1.0)
        self.put("x", jnp.ones_like(self.plain("x")))
        return self.plain("x")

    def update(self, clock: Clock, spikes):
        x = self.recover(clock)
        fired = spikes.astype(x.dtype)
        released = fired * self.facilitate(clock, fired) * x
        self.accumulate("x", -released)
        return released


def recovered(x: jax.Array, y: jax.Array, dt: jax.Array, inactivation: jax.Array, recovery: jax.Array) -> jax.Array:
    """What the recovered fraction x gains in ``dt``, with y active and the rest inactive before it; times in the same unit."""
    # What became inactive on the way has had less time to recover
    passed = y * dt / inactivation * jnp.exp(-dt / recovery) * phi1((1 / recovery - 1 / inactivation) * dt)
    became_inactive = -y * jnp.expm1(-dt / inactivation)
    return became_inactive - passed - (1 - x - y) * jnp.expm1(-dt / recovery)


class ThreeState(TsodyksMarkram):
    r"""Short-term plasticity with recovered, active and inactive resources.

    .. math::
        \dot x = \frac{z}{\tau_{rec}},\qquad \dot y = -\frac{y}{\tau_I},\qquad \dot z = \frac{y}{\tau_I} - \frac{z}{\tau_{rec}},
        \qquad x + y + z = 1 \\
        \text{at a spike, in this order: } u \leftarrow u + U (1 - u),\quad \text{sent} = u\,x,\quad x \leftarrow x -
        u\,x,\quad y \leftarrow y + u\,x

    Between spikes all are advanced exactly. Resources that are active do not recover, so this depresses more than
    :class:`TsodyksMarkram` where spikes follow within :math:`\tau_I`; the limit :math:`\tau_I \to 0` is the same. The
    postsynaptic current is the weight times y: send it to an ``Exponential`` receptor with the time constant
    ``tau_inactive``.

    Parameters
    ----------
    U, tau_rec, tau_facil, u_rest
        As in :class:`TsodyksMarkram`.
    tau_inactive : quantity, time
        Time constant :math:`\tau_I` of inactivation, that of the postsynaptic current.

    References
    ----------
    M. V. Tsodyks, H. Markram, PNAS 94:719 (1997); M. Tsodyks, A. Uziel, H. Markram, J. Neurosci. 20:RC50 (2000).
    """

    exact_between_spikes = True

    tau_rec = Parameter(800.0 * u.ms, "recovery time constant of resources", positive=True)
    tau_inactive = Parameter(3.0 * u.ms, "time constant of inactivation", positive=True)
    y = State(0.0, "active fraction of the resources", tau="tau_inactive")

    def recover(self, clock: Clock):
        x, y, inactivation, recovery = (self.plain(name) for name in ("x", "y", "tau_inactive", "tau_rec"))
        dt = clock.step_ms
        self.relax("y", dt / inactivation)
        return self.accumulate("x", recovered(x, y, dt, inactivation, recovery))

    def update(self, clock: Clock, spikes):
        released = super().update(clock, spikes)
        self.accumulate("y", released)
        return released
