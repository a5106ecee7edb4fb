"""What every exported rule keeps; a new one is tested by being exported from the room."""

import inspect

import brainunit as u

import brainsim as bs
from brainsim import plasticity
from brainsim.testing.plasticity import *  # noqa: F403
from brainsim.testing.plasticity import example


class Presynaptic(plasticity.Plasticity):
    r"""A rule as somebody may write it, the shortest with a trace, a side and a bound: it takes part in all that
    follows.

    .. math:: \text{pre spike:}\quad w \leftarrow w + A\,(1 - y)\,w, \qquad \dot y = -y / \tau

    References
    ----------
    D. O. Hebb, The Organization of Behavior (1949).
    """

    A = bs.Parameter(0.2, "relative change")
    tau = bs.Parameter(15.0 * u.ms, "time constant", positive=True)
    y = plasticity.Trace("tau", "postsynaptic trace", side="post")

    def update(self, s):
        s.on_pre(s.A * (1.0 - s.y) * s.w)


ABSTRACT = (plasticity.Plasticity, plasticity.RateRule)
MODELS = [
    x
    for n in plasticity.__all__
    if inspect.isclass(x := getattr(plasticity, n)) and issubclass(x, plasticity.Plasticity)
]
MODELS = [*(rule for rule in MODELS if rule not in ABSTRACT), Presynaptic]
SCALING = dict(target_rate=20 * u.Hz)
VALUES = {
    "Combined": lambda net: plasticity.Combined(
        stdp=example(plasticity.PairSTDP), scaling=example(plasticity.HomeostaticScaling, **SCALING)
    ),
    "HomeostaticScaling": SCALING,
    "RewardModulated": lambda net: plasticity.RewardModulated(
        example(plasticity.PairSTDP),
        net.dopamine,
        gain=20 * u.Hz,
        tau_mean=300 * u.ms,
        w_min=0.0 * u.pA,
        w_max=1.0 * u.pA,
    ),
}
