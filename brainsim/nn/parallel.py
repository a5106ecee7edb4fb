"""Parallel spiking neurons: potentials that are weighted sums of what has arrived at several steps, without a reset."""

from __future__ import annotations

import abc
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Parameter, State
from brainsim._units import float_dtype
from brainsim.integrated import IntegratedPopulation
from brainsim.nn.neurons import Neurons
from brainsim.population import Population
from brainsim.surrogate import ATan, Surrogate


class _Parallel(Population):
    r"""Neurons whose potential is a sum over steps, :math:`H_t = \sum_j W_{tj} X_j`, of what reaches them: :math:`X` is what
    delta receptors add, and R times currents.
    """

    surrogate: Surrogate | None
    inputs = {"I": "V"}
    variables = ("V",)
    learned = ("W", "B")  #: parameters that learn without being named

    R = Parameter(1.0 * u.Gohm, "membrane resistance", positive=True)
    V = State(0.0 * u.mV, "potential H")

    def __init__(self, size: int | tuple[int, ...], *, surrogate: Surrogate | None = None, **values: Any):
        if surrogate is not None and not isinstance(surrogate, Surrogate):
            raise TypeError(f"{type(self).__name__}: surrogate must be one of brainsim.surrogate, given {surrogate!r}.")
        self.surrogate = surrogate
        super().__init__(size, **values)

    add_receptors = IntegratedPopulation.add_receptors
    receptors = IntegratedPopulation.receptors

    def other_states(self) -> list[str]:
        """States beside the variables that a spike may act on: none."""
        return []

    def dtype_of(self, name):
        return float_dtype() if name == "spikes" and self.surrogate is not None else super().dtype_of(name)

    def receive(self, clock: Clock) -> tuple:
        self.advance_stimuli(clock)
        return ([(receptor, receptor.advance(clock)) for receptor in self.receptors.values()],)

    def taken(self, clock: Clock, drives: list) -> jax.Array:
        """What reaches the neurons in this step, X, plain, (n,)."""
        at_rest = jnp.zeros(self.count, float_dtype())
        y: dict = {"V": u.Quantity(at_rest, unit=u.mV)}
        current = self.stimulation(clock)
        for receptor, drive in drives:
            y = receptor.displace(y, drive)
            current = current + receptor.spread(receptor.current(drive, at_rest), self.sites)
        return y["V"].to_decimal(u.mV) + self.plain("R") * current

    @abc.abstractmethod
    def through_time(self, steps: jax.Array, taken: jax.Array) -> tuple[dict, dict]:
        """States at the end of each of all steps, by name, of what is ``taken`` in each, (n_steps, n); and further states at the
        end of the last.
        """

    def _fired(self, above: jax.Array) -> jax.Array:
        return above > 0 if self.surrogate is None else self.surrogate(above)


class Parallel(_Parallel):
    r"""Parallel spiking neurons (PSN): each step sees all steps of a run.

    .. math:: H_t = \sum_{j=1}^{T} W_{tj} X_j,\qquad S_t = [H_t > B_t]

    W begins as that of a leaky integrator without a reset, :math:`W_{tj} = 2^{j-t}` for :math:`j \le t`. As :math:`S_t`
    depends on the future too, they run where all steps are there at once: layer by layer, in :func:`brainsim.function` and
    in training, and in no simulation.

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    steps : int
        T, steps of a run.
    surrogate : Surrogate, optional

    References
    ----------
    W. Fang, Z. Yu, Z. Zhou, D. Chen, Y. Chen, Z. Ma, T. Masquelier, Y. Tian, NeurIPS 36 (2023).
    """

    steps: int

    W = Parameter(lambda own: own.leaky(), "weight of step j in step t, (T, T)", unit=u.UNITLESS, shape="weights_shape")
    B = Parameter(1.0 * u.mV, "threshold of each step, (T,)", shape="steps")

    def __init__(self, size: int | tuple[int, ...], *, steps: int, **values: Any):
        self.steps = _whole(type(self).__name__, "steps", steps)
        super().__init__(size, **values)

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """(T, T)."""
        return (self.steps, self.steps)

    def leaky(self) -> np.ndarray:
        """Weights of a leaky integrator without a reset."""
        lag = np.arange(self.steps)[:, None] - np.arange(self.steps)
        return np.where(lag >= 0, 2.0 ** -np.maximum(lag, 0), 0.0)

    def update(self, clock: Clock, drives: list) -> None:
        raise ValueError(
            f"{self.path}: {type(self).__name__} neurons need the steps to come, which are known where a network runs layer by"
            " layer (print(bs.function(net, ...)) says whether it does); nn.MaskedPSN and nn.SlidingPSN know the past alone,"
            " and go step by step as well."
        )

    def through_time(self, steps, taken):
        if len(taken) != self.steps:
            raise ValueError(
                f"{self.path}: {type(self).__name__} neurons of {self.steps} steps in a run of {len(taken)} steps."
            )
        V = self.plain("W") @ taken
        threshold = jnp.broadcast_to(self.plain("B"), (self.steps,))[:, None]
        return {"V": V, "spikes": self._fired(V - threshold)}, {}


class _Windowed(_Parallel):
    """Neurons whose potential is a sum over the last k steps."""

    k: int

    window = State(0.0 * u.mV, "what was taken in the last k steps, (k, n)", shape="window_shape")

    @property
    def window_shape(self) -> tuple[int, ...]:
        """(k, n)."""
        return (self.k, self.count)

    @abc.abstractmethod
    def weights(self, step: jax.Array) -> jax.Array:
        """Weight of each of the last k steps, the oldest first, in a step with this number, (k,)."""

    @abc.abstractmethod
    def threshold(self, step: jax.Array) -> jax.Array:
        """Threshold in a step with this number."""

    def update(self, clock: Clock, drives: list) -> None:
        window = jnp.concatenate([self.plain("window")[1:], self.taken(clock, drives)[None]])
        V = self.weights(clock.step) @ window
        self.put("window", window)
        self.put("V", V)
        self.put("spikes", self._fired(V - self.threshold(clock.step)))

    def through_time(self, steps, taken):
        course = jnp.concatenate([self.plain("window")[1:], taken])
        weights = jax.vmap(self.weights)(steps)
        V = sum(weights[:, i, None] * course[i : i + len(taken)] for i in range(self.k))
        threshold = jax.vmap(self.threshold)(steps).reshape(len(taken), -1)
        return {"V": V, "spikes": self._fired(V - threshold)}, {"window": course[-self.k :]}


class MaskedParallel(_Windowed):
    r"""Masked parallel spiking neurons: each step sees itself and the k - 1 before it, with weights of its own.

    .. math:: H_t = \sum_{j=t-k+1}^{t} W_{tj} X_j,\qquad S_t = [H_t > B_t]

    W begins as that of :class:`Parallel`. Behind step T its last row and threshold hold on. The mask is whole from the
    beginning on (:math:`\lambda = 1` in the paper).

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    steps : int
        T, steps with numbers of their own.
    k : int
        Steps that are seen.
    surrogate : Surrogate, optional

    References
    ----------
    W. Fang et al., NeurIPS 36 (2023).
    """

    steps: int

    W = Parameter(lambda own: own.leaky(), "weight of step j in step t, (T, T)", unit=u.UNITLESS, shape="weights_shape")
    B = Parameter(1.0 * u.mV, "threshold of each step, (T,)", shape="steps")

    weights_shape = Parallel.weights_shape
    leaky = Parallel.leaky

    def __init__(self, size: int | tuple[int, ...], *, steps: int, k: int = 2, **values: Any):
        self.steps = _whole(type(self).__name__, "steps", steps)
        self.k = _whole(type(self).__name__, "k", k)
        if self.k > self.steps:
            raise ValueError(f"{type(self).__name__}: k = {k} is more than the steps that there are, {steps}.")
        super().__init__(size, **values)

    def weights(self, step):
        row = jnp.minimum(step, self.steps - 1)
        at = row - self.k + 1 + jnp.arange(self.k)
        return jnp.where(at >= 0, self.plain("W")[row, jnp.maximum(at, 0)], 0.0)

    def threshold(self, step):
        return jnp.broadcast_to(self.plain("B"), (self.steps,))[jnp.minimum(step, self.steps - 1)]


class SlidingParallel(_Windowed):
    r"""Sliding parallel spiking neurons: each step sees itself and the k - 1 before it, with the same weights in all steps.

    .. math:: H_t = \sum_{i=0}^{k-1} W_i X_{t-k+1+i},\qquad S_t = [H_t > V_{th}]

    W begins as :math:`W_i = 2^{i-k+1}`.

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    k : int
        Steps that are seen.
    surrogate : Surrogate, optional

    References
    ----------
    W. Fang et al., NeurIPS 36 (2023).
    """

    learned = ("W", "V_th")

    W = Parameter(lambda own: 2.0 ** (np.arange(own.k) - own.k + 1.0), "weights, (k,)", unit=u.UNITLESS, shape="k")
    V_th = Parameter(1.0 * u.mV, "threshold")

    def __init__(self, size: int | tuple[int, ...], *, k: int = 2, **values: Any):
        self.k = _whole(type(self).__name__, "k", k)
        super().__init__(size, **values)

    def weights(self, step):
        return self.plain("W")

    def threshold(self, step):
        return self.plain("V_th")


def _whole(owner: str, name: str, given: Any) -> int:
    if not isinstance(given, int | np.integer) or isinstance(given, bool) or given < 1:
        raise ValueError(f"{owner}: {name} must be a positive integer, given {given!r}.")
    return int(given)


def PSN(steps: int, *, surrogate: Surrogate | None = ATan(), **options: Any) -> Neurons:
    r"""Parallel spiking neurons of a stack, :class:`Parallel`: each step sees all steps of a run, also those to come.

    .. math:: H = W X,\qquad S = [H > B]

    Parameters
    ----------
    steps : int
        Steps of a run; W is (steps, steps), B one threshold for each. Both learn.
    surrogate : Surrogate or None
        Derivative of the spikes.
    **options
        Other arguments of :class:`Neurons`, and values of the class.
    """
    return Neurons(Parallel, steps=steps, surrogate=surrogate, **options)


def MaskedPSN(steps: int, k: int = 2, *, surrogate: Surrogate | None = ATan(), **options: Any) -> Neurons:
    r"""Masked parallel spiking neurons of a stack, :class:`MaskedParallel`: each step sees k, with weights of its own.

    .. math:: H = (W \circ M_k) X,\qquad S = [H > B],\qquad M_k = [j \le t < j + k]

    Parameters
    ----------
    steps : int
        Steps with weights of their own; both W, (steps, steps), and B, (steps,), learn.
    k : int
        Steps that are seen.
    surrogate : Surrogate or None
    **options
        Other arguments of :class:`Neurons`, and values of the class.
    """
    return Neurons(MaskedParallel, steps=steps, k=k, surrogate=surrogate, **options)


def SlidingPSN(k: int = 2, *, surrogate: Surrogate | None = ATan(), **options: Any) -> Neurons:
    r"""Sliding parallel spiking neurons of a stack, :class:`SlidingParallel`: each step sees k, with the same weights.

    .. math:: H_t = \sum_{i=0}^{k-1} W_i X_{t-k+1+i},\qquad S_t = [H_t > V_{th}]

    Parameters
    ----------
    k : int
        Steps that are seen; W, (k,), and V_th learn.
    surrogate : Surrogate or None
    **options
        Other arguments of :class:`Neurons`, and values of the class.
    """
    return Neurons(SlidingParallel, k=k, surrogate=surrogate, **options)
