from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp
from jax.core import Tracer

from brainsim._core import Clock, Parameter, State
from brainsim.terminals.tsodyks_markram import Facilitating

MOST_SITES = 100  # beyond, the probability of no release may vanish in float32


class QuantalRelease(Facilitating):
    r"""Release by chance from N sites that hold one vesicle each or none.

    .. math::
        \text{between spikes } \Delta t \text{ apart: } n &\leftarrow n + \mathrm{Binomial}\bigl(N - n,\; 1 - e^{-\Delta t/\tau_{rec}}\bigr) \\
        \text{at a spike, in this order: } u &\leftarrow u + U (1 - u),\quad k \sim \mathrm{Binomial}(n, u),\quad n
        \leftarrow n - k, \quad \text{sent} = k / N

    Each full site releases with probability u, each empty one is filled again at the rate :math:`1/\tau_{rec}`. The
    mean over trials is that of :class:`TsodyksMarkram` with the same parameters, so a weight is again the response if
    all sites released; a quantum is the weight over N.

    Draws belong to (seed, the projection's path, step). All synapses of a neuron in this projection release together;
    connect with several projections for contacts that release independently. Derivatives are those of the means, given
    what was drawn before.

    Parameters
    ----------
    N : float
        Number of release sites, a whole number up to 100.
    U : float
        Release probability of a first spike.
    tau_rec : quantity, time, or None
        Mean time for an empty site to be filled again; None: at once.
    tau_facil : quantity, time, optional
        Time constant of facilitation; None for none, where u = U at every spike.
    u_rest : float
        Value that u decays to.

    References
    ----------
    G. Fuhrmann, I. Segev, H. Markram, M. Tsodyks, J. Neurophysiol. 87:140 (2002).
    """

    N = Parameter(5.0, "number of release sites", positive=True)
    tau_rec = Parameter(800.0 * u.ms, "mean time to fill an empty site; None: at once", optional=True, positive=True)
    empty = State(0.0, "sites that were empty after the last spike")
    silent_steps = State(0, "steps since the last spike", dtype=jnp.int32, counts="steps")

    def bind(self, path, pre, n_pre, moment):
        super().bind(path, pre, n_pre, moment)
        sites = self.plain("N")
        if not isinstance(sites, Tracer) and bool(jnp.any((sites != jnp.round(sites)) | (sites > MOST_SITES))):
            raise ValueError(
                f"{self.path}.N: expected a whole number of release sites, up to {MOST_SITES}, given {self.N}."
            )

    def update(self, clock: Clock, spikes):
        empty, sites = self.plain("empty"), self.plain("N")
        fired = spikes.astype(empty.dtype)
        probability = self.facilitate(clock, fired)
        steps = self.plain("silent_steps") + 1
        filled = -jnp.expm1(-steps * clock.step_ms / self.plain("tau_rec")) if "tau_rec" in vars(self) else 1.0
        to_fill, to_release = jax.random.split(jax.random.fold_in(clock.key, clock.step))

        def release():
            full = sites - empty + _binomial(to_fill, empty, filled)
            released = _binomial(to_release, full, probability)
            return sites - full + released, released

        after, released = jax.lax.cond(jnp.any(spikes != 0), release, lambda: (empty, jnp.zeros_like(empty)))
        self.put("empty", jnp.where(spikes != 0, after, empty))
        self.put("silent_steps", jnp.where(spikes != 0, 0, steps))
        return fired * released / sites


def _binomial(key, n, p):
    """Draws from Binomial(n, p), with the derivative of their mean: counts up to where the distribution passes a
    uniform number.
    """
    n, p = jnp.broadcast_arrays(n, p)
    mean = n * p
    n, p = jax.lax.stop_gradient((n, p))
    rare = jnp.minimum(p, 1 - p)  # so that the first term does not vanish
    ratio = rare / (1 - rare)
    draw = jax.random.uniform(key, n.shape, n.dtype)

    def count(carry):
        k, term, below = carry
        further = draw > below
        term = term * (n - k) / (k + 1) * ratio
        return jnp.where(further, k + 1, k), jnp.where(further, term, carry[1]), jnp.where(further, below + term, below)

    first = (1 - rare) ** n
    k, _, _ = jax.lax.while_loop(
        lambda carry: jnp.any((draw > carry[2]) & (carry[0] < n)), count, (jnp.zeros_like(n), first, first)
    )
    k = jnp.minimum(k, n)
    drawn = jnp.where(p > 0.5, n - k, k)
    return drawn + (mean - jax.lax.stop_gradient(mean))
