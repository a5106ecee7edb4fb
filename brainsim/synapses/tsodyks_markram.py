"""Short-term plasticity of each synapse, with parameters of its own."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.synapses.base import Synapse
from brainsim.terminals.tsodyks_markram import recovered


class TsodyksMarkram(Synapse):
    r"""Depression and facilitation of each synapse: resources x and utilisation u.

    .. math::
        \dot u &= -\frac{u - u_{rest}}{\tau_{facil}},\qquad \dot x = \frac{1 - x}{\tau_{rec}} \\
        \text{at a spike, in this order: } u &\leftarrow u + U (1 - u),\quad r = u\,x,\quad x \leftarrow x - u\,x

    The equations of :class:`brainsim.terminals.TsodyksMarkram`, which is cheaper where all synapses of a neuron are alike: here
    each synapse has parameters and states of its own. Exact at any dt. With ``u_rest`` = U it is NEST's ``tsodyks2_synapse``.

    Parameters
    ----------
    U : float
        Utilisation of a first spike.
    tau_rec : quantity, time, or None
        Recovery time constant; None for no depression.
    tau_facil : quantity, time, optional
        Time constant of facilitation; None for none, where u = U at every spike.
    u_rest : float
        Value that u decays to.

    References
    ----------
    M. Tsodyks, K. Pawelzik, H. Markram, Neural Comput. 10:821 (1998).
    """

    U = Parameter(0.5, "utilisation of a first spike", shape="n_synapses", nonnegative=True, at_most=1.0)
    tau_rec = Parameter(
        800.0 * u.ms, "recovery time constant; None for no depression", shape="n_synapses", optional=True, positive=True
    )
    tau_facil = Parameter(
        None,
        "time constant of facilitation; None for none",
        unit=u.ms,
        shape="n_synapses",
        optional=True,
        positive=True,
    )
    u_rest = Parameter(0.0, "value that u decays to", shape="n_synapses", nonnegative=True, at_most=1.0)
    u = State(lambda synapse: synapse.u_rest, "utilisation", unit=u.UNITLESS, shape="n_synapses")
    x = State(1.0, "available fraction of the resources", shape="n_synapses")

    def silence(self, p, dt, u, x):
        u = p.u_rest if p.tau_facil is None else p.u_rest + (u - p.u_rest) * jnp.exp(-dt / p.tau_facil)
        return {"u": u, "x": 1.0 if p.tau_rec is None else 1 - (1 - x) * jnp.exp(-dt / p.tau_rec)}

    def spike(self, p, u, x):
        u = u + p.U * (1 - u)
        return u * x, {"u": u, "x": x - u * x}


class ThreeState(Synapse):
    r"""Recovered, active and inactive resources of each synapse.

    .. math::
        \dot x = \frac{z}{\tau_{rec}},\qquad \dot y = -\frac{y}{\tau_I},\qquad \dot z = \frac{y}{\tau_I} - \frac{z}{\tau_{rec}},
        \qquad x + y + z = 1 \\
        \text{at a spike, in this order: } u \leftarrow u + U (1 - u),\quad r = u\,x,\quad x \leftarrow x - u\,x,\quad
        y \leftarrow y + u\,x

    NEST's ``tsodyks_synapse``, with ``tau_inactive`` its tau_psc: the postsynaptic current is an ``Exponential`` receptor of the
    same time constant. Exact at any dt.

    Parameters
    ----------
    U : float
        Utilisation of a first spike.
    tau_rec, tau_inactive : quantity, time
        Time constants of recovery and of inactivation.
    tau_facil : quantity, time, optional
        Time constant of facilitation; None for none.
    u_rest : float
        Value that u decays to.

    References
    ----------
    M. Tsodyks, A. Uziel, H. Markram, J. Neurosci. 20:RC50 (2000).
    """

    U = Parameter(0.5, "utilisation of a first spike", shape="n_synapses", nonnegative=True, at_most=1.0)
    tau_rec = Parameter(800.0 * u.ms, "recovery time constant of resources", shape="n_synapses", positive=True)
    tau_inactive = Parameter(3.0 * u.ms, "time constant of inactivation", shape="n_synapses", positive=True)
    tau_facil = Parameter(
        None,
        "time constant of facilitation; None for none",
        unit=u.ms,
        shape="n_synapses",
        optional=True,
        positive=True,
    )
    u_rest = Parameter(0.0, "value that u decays to", shape="n_synapses", nonnegative=True, at_most=1.0)
    u = State(lambda synapse: synapse.u_rest, "utilisation", unit=u.UNITLESS, shape="n_synapses")
    x = State(1.0, "recovered fraction of the resources", shape="n_synapses")
    y = State(0.0, "active fraction of the resources", shape="n_synapses")

    def silence(self, p, dt, u, x, y):
        u = p.u_rest if p.tau_facil is None else p.u_rest + (u - p.u_rest) * jnp.exp(-dt / p.tau_facil)
        return {"u": u, "x": x + recovered(x, y, dt, p.tau_inactive, p.tau_rec), "y": y * jnp.exp(-dt / p.tau_inactive)}

    def spike(self, p, u, x, y):
        u = u + p.U * (1 - u)
        return u * x, {"u": u, "x": x - u * x, "y": y + u * x}
