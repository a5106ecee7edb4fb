"""Populations of a stack: any neuron, with the size of what comes in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim import neurons, receptors, surrogate
from brainsim._core import Parameter, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.neurons.base import Neuron
from brainsim.nn.layers import Linear
from brainsim.population import Population
from brainsim.receptors.base import Receptor

RESETS = ("zero", "subtract", "none")  # names that snnTorch has


class LeakyIntegrator(Neuron):
    r"""A membrane that never fires: a readout.

    .. math:: \tau \dot V = E_L - V + R\,I

    Exponential Euler, the default, is exact for constant input at any dt.

    References
    ----------
    F. Zenke, S. Ganguli, Neural Comput. 30:1514 (2018).
    """

    tau = Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    E_L = Parameter(0.0 * u.mV, "leak reversal potential")
    R = Parameter(1.0 * u.Gohm, "membrane resistance", positive=True)
    V = State(0.0 * u.mV, "output")

    def derivative(self, t, V, I):
        return (self.E_L - V + self.R * I) / self.tau

    never_fires = True

    def fires(self, before, after):
        far = jnp.full(after["V"].shape, -1.0)
        return far if self.spike_times == "exact" else far > 0

    def dtype_of(self, name):
        return jnp.dtype(bool) if name == "spikes" else super().dtype_of(name)


class SoftResetLIF(neurons.LIF):
    r"""Leaky integrate-and-fire neuron that keeps what is above threshold.

    .. math:: \tau \dot V = E_L - V + R I,\qquad V > V_{th} \Rightarrow V \leftarrow V - (V_{th} - V_{reset})

    Accuracy as of :class:`brainsim.neurons.LIF`.

    References
    ----------
    B. Rueckauer et al., Front. Neurosci. 11:682 (2017).
    """

    def after_spike(self, y):
        return {"V": y["V"] - (self.V_th - self.V_reset)}


class _NoResetLIF(neurons.LIF):
    """Leaky integrate-and-fire neuron whose potential goes on through spikes."""

    def after_spike(self, y):
        return {}


class _NoResetResonator(neurons.ResonateAndFire):
    """Resonator that goes on through spikes, and fires in every step in which it is above threshold."""

    def fires(self, before, after):
        return self.spike_where(after["V"], self.V_th, scale=u.Quantity(1.0, unit=u.mV))

    def after_spike(self, y):
        return {}


class Neurons:
    """A population of a stack.

    Parameters
    ----------
    kind : type
        A class of neurons, of :mod:`brainsim.neurons` or one's own, or another population with receptors.
    receptor : Receptor, optional
        What inputs act through. By default they move the membrane potential at once; of units without spikes, and behind such,
        they are the input of the next step (:class:`~brainsim.receptors.Graded`).
    signal : str, optional
        State that is sent on at every step, for units without spikes: ``"r"``.
    recurrent : bool or Linear
        Connect the population to itself, all to all.
    name : str, optional
        By default ``"hidden1"``, ``"hidden2"``, ..., and ``"output"`` for the last.
    read : tuple of str and str or callable, optional
        As output of the stack: the variable that is read and how; by default the number of spikes,
        ``("spikes", "count")``.
    **values
        What the class takes: parameters, initial states, ``surrogate``, ``method``, ``detach_reset``.
    """

    def __init__(
        self,
        kind: type[Population],
        *,
        receptor: Receptor | None = None,
        signal: str | None = None,
        recurrent: bool | Linear = False,
        name: str | None = None,
        read: tuple[str, str | Callable] = ("spikes", "count"),
        **values: Any,
    ):
        if not (isinstance(kind, type) and issubclass(kind, Population) and hasattr(kind, "add_receptors")):
            raise TypeError(f"nn.Neurons: expected a class of neurons such as neurons.AdEx, given {kind!r}.")
        if recurrent is not False and recurrent is not True and not isinstance(recurrent, Linear):
            raise TypeError(f"nn.{kind.__name__}: recurrent is True, False or a Linear, given {recurrent!r}.")
        self.kind, self.values, self.name, self.read = kind, values, name, read
        states = [key for key, declared in kind._declared.items() if isinstance(declared, State)]
        if signal is not None and signal not in states:
            raise UnknownNameError(
                f"nn.{kind.__name__}: signal={signal!r} is no State of it.{suggestion(str(signal), states)}"
            )
        self.receptor, self.signal = receptor, signal
        self.recurrent = Linear() if recurrent is True else recurrent or None

    def __repr__(self) -> str:
        return f"nn.Neurons({self.kind.__name__})"

    def population(self, size: tuple[int, ...], graded: bool = False) -> Population:
        """The population, of this size, whose inputs are perhaps sent at every step."""
        made: Any = self.kind(size, **self.values)
        graded = graded or "spikes" not in made._declared
        default = receptors.Graded() if graded else receptors.Delta()
        receptor = (
            default if self.receptor is None else copy.deepcopy(self.receptor)
        )  # one spec may make several populations
        made.add_receptors(input=receptor)
        return made


def LIF(
    *,
    tau: QuantityLike = 10.0 * u.ms,
    V_th: QuantityLike = 1.0 * u.mV,
    reset: str = "zero",
    surrogate: surrogate.Surrogate | None = surrogate.ATan(),
    **options: Any,
) -> Neurons:
    r"""Leaky integrate-and-fire neurons that rest at 0 mV, with a surrogate: what snnTorch calls ``Leaky``.

    .. math:: V \leftarrow e^{-dt/\tau}\,\bigl(V + \textstyle\sum_i w_i s_i\bigr),\qquad V > V_{th} \Rightarrow s = 1

    with the default receptor: snnTorch's beta is :math:`e^{-dt/\tau}`. With a receptor of current, R is 1 Gohm, so that
    1 pA gives 1 mV.

    Parameters
    ----------
    tau : quantity, time
        Membrane time constant; of one value per neuron where it is an array.
    V_th : quantity, potential
    reset : {"zero", "subtract", "none"}
        After a spike :math:`V = 0`, :math:`V - V_{th}`, or V as it is.
    surrogate : Surrogate or None
        Derivative of the spikes.
    **options
        Other arguments of :class:`Neurons`, and values of :class:`brainsim.neurons.LIF`.

    Raises
    ------
    ValueError
        For another reset.
    """
    if reset not in RESETS:
        raise ValueError(f"nn.LIF: there is no reset {reset!r}.{suggestion(str(reset), RESETS)}")
    kind = {"zero": neurons.LIF, "subtract": SoftResetLIF, "none": _NoResetLIF}[reset]
    own: dict[str, Any] = dict(tau=tau, V_th=V_th)
    return Neurons(kind, surrogate=surrogate, **_at_zero(kind) | own | options)


def ALIF(*, surrogate: surrogate.Surrogate | None = surrogate.ATan(), **options: Any) -> Neurons:
    """Neurons with an adaptive threshold, :class:`brainsim.neurons.ALIF`, that rest at 0 mV and fire above 1 mV.

    Parameters
    ----------
    surrogate : Surrogate or None
    **options
        Other arguments of :class:`Neurons`, and values of the class.
    """
    return Neurons(neurons.ALIF, surrogate=surrogate, **_at_zero(neurons.ALIF) | options)


def ResonateAndFire(
    *,
    tau: QuantityLike = 20.0 * u.ms,
    frequency: QuantityLike = 50.0 * u.Hz,
    reset: str = "none",
    surrogate: surrogate.Surrogate | None = surrogate.ATan(),
    **options: Any,
) -> Neurons:
    r"""Resonators that fire above 1 mV, with a surrogate; without a reset they are linear below it, as units of S5-RF.

    .. math:: z \leftarrow e^{(-1/\tau + 2\pi i f)\,dt}\,\bigl(z + \textstyle\sum_i w_i s_i\bigr),\qquad
              \mathrm{Im}\,z > V_{th} \Rightarrow s = 1

    Parameters
    ----------
    tau : quantity, time
        Time constant; of one value per neuron where it is an array.
    frequency : quantity, frequency
        Likewise.
    reset : {"none", "point"}
        ``"point"``: those of :class:`brainsim.neurons.ResonateAndFire`, which fire where they cross the threshold, and
        are put to a point.
    surrogate : Surrogate or None
    **options
        Other arguments of :class:`Neurons`, and values of the class.

    Raises
    ------
    ValueError
        For another reset.

    References
    ----------
    E. M. Izhikevich, Neural Netw. 14:883 (2001); T. E. Huber, J. Lecomte, B. Polovnikov, A. von Arnim, ECCV (2024).
    """
    kinds = {"none": _NoResetResonator, "point": neurons.ResonateAndFire}
    if reset not in kinds:
        raise ValueError(f"nn.ResonateAndFire: there is no reset {reset!r}.{suggestion(str(reset), kinds)}")
    return Neurons(kinds[reset], surrogate=surrogate, tau=tau, frequency=frequency, **options)


def LeakyReadout(*, tau: QuantityLike = 20.0 * u.ms, read: str | Callable = "mean", **options: Any) -> Neurons:
    """Leaky integrators that never fire, :class:`LeakyIntegrator`: the output of a classifier.

    Parameters
    ----------
    tau : quantity, time
    read : str or callable
        What of their potentials is the output: ``"mean"``, ``"maximum"``, ``"last"``, ``"sequence"``, or a function of
        the course.
    **options
        Other arguments of :class:`Neurons`.
    """
    return Neurons(LeakyIntegrator, tau=tau, read=("V", read), **options)


def _at_zero(kind) -> dict[str, Any]:
    """Rest, reset and threshold of a class at 0, 0 and 1 mV, where it has them."""
    values = {"E_L": 0.0, "V": 0.0, "V_reset": 0.0, "V_th": 1.0, "R": 1.0}
    units = {"R": u.Gohm}
    return {name: value * units.get(name, u.mV) for name, value in values.items() if name in kind._declared}
