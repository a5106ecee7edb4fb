"""Traces of presynaptic neurons and present slopes of postsynaptic ones: OTTT, OTPE, DECOLLE, SLTT, three factors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import QuantityLike, float_dtype, in_unit
from brainsim.train.online.own import Jacobian
from brainsim.train.online.rule import Full, Trace, TraceRule
from brainsim.train.online.site import Site, Through, Weights


class Product(NamedTuple):
    r"""A trace of pairs, :math:`\sum_c x_{c,i}\,y_{c,j}`.

    Parameters
    ----------
    pre : dict of str to array, (n_pre,)
    post : dict of str to array, (n,)
    """

    pre: dict
    post: dict


@dataclasses.dataclass(frozen=True)
class Presynaptic(Trace):
    r"""k numbers for each presynaptic neuron, which go on as those of a neuron that stays at rest.

    .. math:: x_i \leftarrow D_0\,x_i + s_i,\qquad e_{ij} = x_i,\quad e^{spike}_{ij} = \sum_b \psi_{j,b}\,x_{i,b}

    with :math:`\psi_j = \partial s_j / \partial h_j` in the present step.

    Parameters
    ----------
    site : Through
        One whose derivative is a product.
    kernel : tuple of ((str, str), float)
        :math:`D_0`, by the names of the two states.
    sends : str
        Name of the states whose slope is taken in the present step.
    """

    site: Through
    kernel: tuple
    sends: tuple[str, ...]

    @property
    def _carried(self):
        reached = self.site.own.reached(self.site.beginnings) & self.site.own.read
        return tuple(sorted(reached - set(self.sends)))

    def start(self):
        sent = self.site.arrived_shape
        return {leaf: jnp.zeros(sent, float_dtype()) for leaf in self._carried}

    def advance(self, carried, jacobian, new, autapses):
        own: dict = {}
        for (a, b), factor in self.kernel:
            if b in carried and a not in self.sends:
                own[a] = own.get(a, 0.0) + factor * carried[b]
        for port, x in self.site.features(new).items():
            own[port] = own.get(port, 0.0) + x
        slopes = {
            leaf: {b: jacobian.blocks[leaf, b] for b in carried if (leaf, b) in jacobian.blocks} for leaf in self.sends
        }
        now = own, {leaf: Product({b: carried[b] for b in found}, found) for leaf, found in slopes.items()}
        return {leaf: own.get(leaf, carried[leaf]) for leaf in carried}, now

    def pair(self, now, signals):
        own, sent = now
        total = jnp.zeros((), float_dtype())
        for a, x in own.items():
            if a in signals:
                total = total + self.site.outer(x, signals[a])
        for leaf, product in sent.items():
            if leaf in signals:
                total = total + self.pair_sent(product, signals[leaf])
        return total

    def sent(self, now, leaf):
        if leaf in self.sends:
            return now[1][leaf]
        silent = jnp.zeros(self.site.arrived_shape, float_dtype())  # a graded signal is one of the states
        return Product({leaf: now[0].get(leaf, silent)}, {leaf: jnp.ones(self.site.own.count, float_dtype())})

    def sent_at_rest(self, leaf):
        if leaf not in self.sends:
            return self.sent(({}, {}), leaf)
        pattern = [b for b in self._carried if (leaf, b) in self.site.own.pattern]
        pre, post = self.site.arrived_shape, (self.site.own.count,)
        return Product(*({b: jnp.zeros(shape, float_dtype()) for b in pattern} for shape in (pre, post)))

    def pair_sent(self, sent, signal):
        pairs = (self.site.outer(sent.pre[b], sent.post[b] * signal) for b in sent.pre)
        return sum(pairs, jnp.zeros((), float_dtype()))

    def kept(self, now, leaf, slope):
        pre, post = Presynaptic.sent(self, now, leaf)
        pairs = (self.site.outer(pre[b], post[b] * slope) for b in pre)
        return jnp.broadcast_to(sum(pairs, jnp.zeros((), float_dtype())), self.site.shape)


@dataclasses.dataclass(frozen=True)
class OTTT(TraceRule):
    r"""Online training through time: a trace of what arrived, and the slope of the neuron now.

    .. math:: \hat a_i \leftarrow \lambda\,\hat a_i + s_i,\qquad dL/dw_{ij} = \sum_t L_j^t\,\psi_j^t\,\hat a_i^t

    :math:`\lambda` is not chosen but follows from the model: traces go on as the states of a neuron at rest, for several
    states and any receptor. What spikes do to the neuron's own states is left out. Memory: k numbers per presynaptic
    neuron.

    References
    ----------
    M. Xiao, Q. Meng, Z. Zhang, D. He, Z. Lin, NeurIPS (2022).
    """

    name = "ottt"
    layers: ClassVar[bool] = True
    detached: ClassVar[bool] = True
    memory: ClassVar[bool] = False

    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Trace:
        return _presynaptic(site, rest) if site.factors else Full(site)


@dataclasses.dataclass(frozen=True)
class OTPE(OTTT):
    r"""Online training with postsynaptic estimates: OTTT's traces of spikes, filtered as the next layer filters spikes.

    .. math:: \hat R_{ij} \leftarrow \kappa\,\hat R_{ij} + \psi_j\,\hat a_i,\qquad
              dL/dw_{ij} = \sum_t \partial L / \partial V_{post} \cdot W\,\hat R_{ij}

    The filter is the readout's own dynamics. Memory: one number per synapse and state of the readout.

    References
    ----------
    M. Summe, C. J. S. Schaefer, S. Joshi, "Estimating post-synaptic effects for online training of feed-forward SNNs",
    Neuromorph. Comput. Eng. 4:034014 (2024).
    """

    name = "otpe"
    layers: ClassVar[bool] = False
    memory: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class DECOLLE(OTTT):
    r"""Deep continuous local learning: every layer has a random readout of its own, and its own loss.

    .. math:: y^l = G^l s^l,\qquad dL^l/dw_{ij} = \sum_t \psi_j\,x_i \sum_k G^l_{kj}\,\partial L^l / \partial y_k

    No signal passes between layers. x is OTTT's trace.

    Parameters
    ----------
    outputs : int
        Number of local readouts of each layer.
    loss : callable
        ``loss(y, target)`` of the local readouts, (outputs,), in each step.

    References
    ----------
    J. Kaiser, H. Mostafa, E. Neftci, Front. Neurosci. 14:424 (2020).
    """

    outputs: int
    loss: Callable

    name = "decolle"
    hops: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.outputs, int | np.integer) or isinstance(self.outputs, bool) or self.outputs < 1:
            raise ValueError(f"DECOLLE: outputs is a positive number, given {self.outputs!r}.")

    @property
    def readouts(self) -> int:
        """Number of local readouts of each layer."""
        return self.outputs

    def local(self, y, target):
        return self.loss(y, target)


@dataclasses.dataclass(frozen=True)
class ThreeFactor(OTTT):
    r"""Three factors: a Hebbian product of presynaptic trace and postsynaptic slope, kept for a while, times a signal.

    .. math:: \tau_e\,\dot E_{ij} = -E_{ij} + \tau_e\,\psi_j\,x_i,\qquad \dot w_{ij} \propto M_j\,E_{ij}

    M is the derivative of the loss with respect to the spikes of the neuron, through the feedback that is chosen.

    Parameters
    ----------
    tau : quantity, time
        How long an eligible synapse waits for its signal.

    References
    ----------
    N. Fremaux, W. Gerstner, Front. Neural Circuits 9:85 (2016).
    """

    tau: QuantityLike = dataclasses.field(default_factory=lambda: 20.0 * u.ms)

    name = "three_factor"
    layers: ClassVar[bool] = False

    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Trace:
        if not isinstance(site, Weights):
            return Full(site)
        return Waiting(site, *_kernel(site, rest), tau=float(in_unit(self.tau, u.ms, "ThreeFactor.tau")))


@dataclasses.dataclass(frozen=True)
class Waiting(Presynaptic):
    """Traces of spikes that decay, one number per synapse."""

    tau: float

    def start(self):
        return super().start(), {leaf: jnp.zeros(self.site.shape, float_dtype()) for leaf in self.sends}

    def advance(self, carried, jacobian, new, autapses):
        carried, waiting = carried
        carried, now = super().advance(carried, jacobian, new, autapses)
        keeps = jnp.exp(-jacobian.step_ms / self.tau)
        one = jnp.ones(self.site.own.count, float_dtype())
        waiting = {leaf: keeps * e + Presynaptic.kept(self, now, leaf, one) for leaf, e in waiting.items()}
        return (carried, waiting), (now[0], waiting)

    def sent(self, now, leaf):
        return now[1].get(leaf, jnp.zeros(self.site.shape, float_dtype()))

    # In the shape of the site again
    sent_at_rest, pair_sent, kept = Trace.sent_at_rest, Trace.pair_sent, Trace.kept


@dataclasses.dataclass(frozen=True)
class SLTT(TraceRule):
    r"""Spatial learning through time: only what arrived in the last step, no memory at all.

    .. math:: dL/dw_{ij} = \sum_t L_j^t\,\frac{\partial h_j^t}{\partial g_j^{t-1}}\,s_i^{t-1}

    Equal to backpropagation in which no gradient is carried in time by the states of neurons.

    Parameters
    ----------
    k : int, optional
        SLTT-K: in so many steps of each ``of``, chosen at random, gradients are taken.
    of : int, optional

    References
    ----------
    Q. Meng, M. Xiao, S. Yan, Y. Wang, Z. Lin, Z.-Q. Luo, ICCV (2023).
    """

    k: int | None = None
    of: int | None = None

    name = "sltt"
    layers: ClassVar[bool] = True
    memory: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.k is None and self.of is None:
            return
        whole = all(isinstance(x, int | np.integer) and not isinstance(x, bool) for x in (self.k, self.of))
        if not (whole and 1 <= cast(int, self.k) <= cast(int, self.of)):
            raise ValueError(f"SLTT: k and of are numbers of steps, k at most of, given k={self.k!r}, of={self.of!r}.")

    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Trace:
        return FreshFactors(site, (), site.own.leaves) if isinstance(site, Through) and site.factors else Fresh(site)

    def counts(self, key, step):
        if self.k is None or self.of is None:
            return None
        chosen = jax.random.permutation(jax.random.fold_in(key, step // self.of), self.of)
        return chosen[step % self.of] < self.k


@dataclasses.dataclass(frozen=True)
class FreshFactors(Presynaptic):
    """What has arrived in the last step, and what units make of it in this one; what arrives now."""

    @property
    def _carried(self):
        return tuple(sorted(self.site.beginnings & self.site.own.read))

    def advance(self, carried, jacobian, new, autapses):
        fresh = self.site.features(new)
        sent = {}
        for leaf in self.sends:
            slopes = {b: jacobian.blocks[leaf, b] for b in carried if (leaf, b) in jacobian.blocks}
            sent[leaf] = Product({b: carried[b] for b in slopes}, slopes)
        return {leaf: fresh[leaf] for leaf in carried}, (fresh, sent)


@dataclasses.dataclass(frozen=True)
class Fresh(Full):
    """What a parameter of the population has done in this step, or one weight of all synapses in the last and this one."""

    def start(self):
        return {
            leaf: jnp.zeros(self.site.begun_shape, float_dtype())
            for leaf in sorted(self.site.beginnings & self.site.own.read)
        }

    def advance(self, carried, jacobian, new, autapses):
        _, now = super().advance(carried, jacobian, new, {})
        begun = self.site.direct(jacobian, new)
        if not isinstance(self.site, Through):  # parameters act within the step
            return carried, begun
        return {leaf: begun[leaf] for leaf in carried}, now | begun


def _kernel(site, rest):
    """D_0 of all units, and the states that are sent."""
    sends = tuple(a for a in site.own.leaves if a == f"{site.own.population}.spikes")
    kernel = []
    for name, slope in rest().blocks.items():
        slope = np.asarray(slope)
        if not np.allclose(slope, slope[0], rtol=1e-5, atol=1e-9):
            raise ValueError(
                f"{site.own.population}: presynaptic traces go on as the states of a neuron at rest, which must be the same"
                f" for all units; {name[1]} acts on {name[0]} differently. rule='pp_prop' and rule='d_rtrl' take any."
            )
        kernel.append((name, float(slope[0])))
    return tuple(kernel), sends


def _presynaptic(site, rest):
    return Presynaptic(site, *_kernel(site, rest))
