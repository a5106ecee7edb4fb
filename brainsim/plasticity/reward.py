from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim._errors import a_or_an
from brainsim._units import UNITLESS
from brainsim.plasticity.base import Plasticity


class RewardModulated(Plasticity):
    r"""A rule whose changes are kept as eligibility until a reward turns them into weights.

    .. math:: \dot c = -c/\tau_c + R(t),\qquad \dot w = c\,(d - b - \bar d),\qquad \tau_b\,\dot{\bar d} = d - \bar d

    with :math:`R` the changes that the inner rule would make, d the level of a modulator such as
    :class:`~brainsim.modulators.Dopamine`, and w kept in [w_min, w_max]. The mean reward :math:`\bar d` is subtracted
    only where ``tau_mean`` is given. With
    :class:`PairSTDP` inside, this is dopamine-modulated STDP; with :class:`PolicyGradient`, R-max.

    In a step w moves by dt times the mean of c times the mean of d over the step; then the inner rule adds its changes
    for the spikes at t + dt to c. The inner rule depends on the weights w, where it does, and its bounds do not apply
    to c.

    Parameters
    ----------
    rule : Plasticity
        What would change the weights.
    reward : Modulator
        A modulator of the network.
    tau_c : quantity, time
        How long a synapse stays eligible.
    baseline : float
        Level b at which nothing changes.
    tau_mean : quantity, time, optional
        Window of the mean reward.
    gain : quantity, frequency
        Change of w per c and reward, for each unit of time: 1 / s in the equations above.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    E. M. Izhikevich, Cereb. Cortex 17:2443 (2007); N. Fremaux, H. Sprekeler, W. Gerstner, J. Neurosci. 30:13326 (2010).
    """

    tau_c = Parameter(1000.0 * u.ms, "time constant of the eligibility", positive=True)
    baseline = Parameter(0.0, "level of the reward at which nothing changes")
    tau_mean = Parameter(None, "window of the mean reward", unit=u.ms, optional=True, positive=True)
    gain = Parameter(1.0 * u.Hz, "change of the weight per eligibility, reward and time")
    c = State(0.0, "eligibility", unit="weight_unit", shape="weight_shape", tau="tau_c")
    expected = State(0.0, "mean reward", unit=u.UNITLESS, tau="tau_mean")

    def __init__(self, rule: Plasticity, reward: Any, **values: Any):
        super().__init__(**values)
        if not isinstance(rule, Plasticity) or rule.bound:
            what = (
                f"already belongs to {rule.path}"
                if isinstance(rule, Plasticity)
                else f"is {a_or_an(type(rule).__name__)}"
            )
            raise ValueError(f"RewardModulated: the rule inside must be a free plasticity rule; the one given {what}.")
        self.rule = rule
        self.reward = self.path_of(reward, "reward")

    def modulators(self):
        return super().modulators() | {self.reward}

    def update(self, s):
        success = s.level(self.reward, "mean") - s.baseline
        if self.tau_mean is not None:
            success -= s.expected
            passed = (s.dt / s.tau_mean).factors(UNITLESS, f"{self.path}.tau_mean").per_synapse()
            self.relax("expected", passed, s.level(self.reward, "mean").per_synapse())
        steps = s.dt / s.tau_c
        s.every_step(s.gain * s.dt * s.c * -(-steps).map(jnp.expm1) / steps * success)
        self.relax("c", steps.factors(UNITLESS, f"{self.path}.tau_c").per_synapse())
        self.put("c", s.run(self.rule, into=self.plain("c")))
