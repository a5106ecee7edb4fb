"""The door of learning without the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u

from brainsim._core import Structure, split
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.network import Network
from brainsim.simulation import door
from brainsim.train.online import graph
from brainsim.train.online.base import Learner
from brainsim.train.online.d_rtrl import DRTRL, OSTL, EProp, SnAp1
from brainsim.train.online.edge import FEEDBACK
from brainsim.train.online.learner import Traces
from brainsim.train.online.pp_prop import PPProp
from brainsim.train.online.presynaptic import OTPE, OTTT, SLTT, ThreeFactor
from brainsim.train.online.rule import Rule, TraceRule
from brainsim.train.online.whole import RTRL, UORO, Exact, OfRankOne

RULES = {rule.name: rule for rule in (DRTRL, EProp, OSTL, SnAp1, PPProp, OTTT, OTPE, SLTT, ThreeFactor, RTRL, UORO)}


def online(
    net: Network,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    rule: Rule | str = "d_rtrl",
    loss: Callable[[dict, Any], Any],
    train: Sequence[str] | str | None = None,
    readout: Sequence[str] | str | None = None,
    feedback: str = "symmetric",
    decay: float = 0.0,
) -> Learner:
    r"""A network that learns as it runs: gradients without the past, in memory that does not grow with time.

    ``learn = online(net, ...)`` gives pure functions for ``jax.jit``, ``jax.lax.scan`` and ``jax.vmap``::

        learn = bs.train.online(net, dt=1 * u.ms, rule="e_prop", loss=lambda state, y: jnp.sum((state["out.V"] - y) ** 2))
        carry = learn.init()
        carry, value = learn.step(parameters, carry, {"inp.input": row}, target)  # carry.gradients grows
        value, gradients, carry = learn.run(parameters, {"inp.input": rows}, targets)  # the same for a sequence

    No model has code of its own for this: each population's Jacobian, unit by unit, comes from tangents through its own
    step, whatever its equations, receptors and stimuli.

    Parameters
    ----------
    net : Network
        From now on its projections keep what arrives in a step (:meth:`~brainsim.Projection.keep_arrived`) where their
        weights are trained. Hidden neurons need a surrogate.
    dt : quantity, time
        Length of a step.
    rule : str or Rule
        ``"d_rtrl"``, ``"e_prop"``, ``"ostl"``, ``"snap1"``, ``"pp_prop"``, ``"ottt"``, ``"otpe"``, ``"sltt"``,
        ``"three_factor"``, ``"rtrl"``, ``"uoro"``; or an object such as ``PPProp(alpha=0.95)`` or
        ``DECOLLE(outputs=10, loss=...)``.
    loss : callable
        ``loss(state, target)`` of each step, a number: ``state`` has every state of the network after the step, by path
        and plain. The loss of a sequence is their sum.
    train : str or sequence of str, optional
        Paths of the trained parameters, or patterns (``"*->hid.weight"``). By default the weights of all projections, and
        the parameters of layers of flax, which ``"ottt"``, ``"sltt"``, ``"pp_prop"``, ``DECOLLE``, ``"rtrl"`` and ``"uoro"`` learn.
    readout : str or sequence of str, optional
        Populations that read out. By default those that send to no other one.
    feedback : {"symmetric", "random", "alignment", "adaptive"}
        What learning signals go back through: the transpose of the weights; fixed random weights from the readouts to
        every hidden population (direct feedback alignment); fixed random weights in place of those of each projection
        (feedback alignment); or weights that begin at random and follow the changes of the true ones.
    decay : float
        Of adaptive feedback, per step: the decay that the optimiser gives to the weights.

    Returns
    -------
    Learner

    Raises
    ------
    UnknownNameError
        For a rule, feedback, parameter or population that does not exist.
    ValueError
        For a network that the rule cannot do: a population whose units depend on each other, hidden neurons without a
        surrogate, delays or terminals between populations that learn, layers that normalise over a batch or drop out. The message names it.

    Notes
    -----
    With one hidden layer without recurrence, D-RTRL is equal to backpropagation through time, the readouts' memory
    included. Recurrent ways are left out of all rules but ``"rtrl"`` and ``"uoro"`` (``"snap1"`` keeps neurons' synapses
    onto themselves). In a stack, signals for layers below the last hidden one go back by the shortest way, one step for
    each layer; what the layers above remember is left out.

    References
    ----------
    O. Marschall, K. Cho, C. Savin, "A unified framework of online learning algorithms for training recurrent neural
    networks", J. Mach. Learn. Res. 21:135 (2020).
    """
    rule = rule_of(rule)
    if not callable(loss):
        raise TypeError(f"loss: expected a function of the state and the target, given {loss!r}.")
    if feedback not in FEEDBACK:
        raise UnknownNameError(f"feedback={feedback!r} is unknown.{suggestion(str(feedback), FEEDBACK)}")
    parameters = door.enter(net, dt, dt=dt).parameters
    trained = graph.chosen(train, parameters, net)
    if isinstance(rule, TraceRule):
        homes = (graph.home(path, parameters, net, rule.name) for path in trained)
        _keep_arrived(projection for _, projection in homes if projection is not None)
    return learner_of(net, rule, loss, trained, *entered(net, dt), readout=readout, feedback=feedback, decay=decay)


def learner_of(
    net: Network, rule: Rule, loss: Callable, trained: tuple, entry: door.Entry, detached: Structure, **options: Any
) -> Learner:
    """The learner for a rule, from what :func:`entered` gives."""
    kind = Traces if isinstance(rule, TraceRule) else Exact if isinstance(rule, RTRL) else OfRankOne
    return kind(net, rule, loss, trained, entry, detached, **options)


def entered(net: Network, dt: QuantityLike, keep: bool = False) -> tuple[door.Entry, Structure]:
    """The network ready for steps of ``dt``, and its structure with the resets of all neurons detached.

    ``keep``: whether all projections keep what arrives, where they can.
    """
    for projection in net.projections.values():
        if projection.beyond_sums:
            raise ValueError(
                f"train: {projection.path} has {projection.beyond_sums}, of which online rules keep no traces;"
                " gradient=bs.train.bptt takes it."
            )
    if keep:
        _keep_arrived(p for p in net.projections.values() if p.receptor is not None and not p.axon.changes)
    entry = door.enter(net, dt, dt=dt).prepared()
    neurons = [p for p in net.populations.values() if hasattr(p, "detach_reset")]
    before = [p.detach_reset for p in neurons]
    try:
        for population in neurons:
            population.fix(detach_reset=True)
        return entry, split(net)[0]
    finally:
        for population, detached in zip(neurons, before):
            population.fix(detach_reset=detached)


def _keep_arrived(projections) -> None:
    for projection in projections:
        if "arrived" not in vars(projection):
            projection.keep_arrived()


def rule_of(rule: Rule | str) -> Rule:
    """A rule, by its name too.

    Raises
    ------
    UnknownNameError
        For a name that there is not.
    """
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        raise UnknownNameError(f"rule={rule!r} is unknown.{suggestion(str(rule), RULES)}")
    return RULES[rule]()
