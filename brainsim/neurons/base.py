"""What every neuron adds to its equations: refractoriness, threshold, reset, spikes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events, integrators
from brainsim._core import Clock, Parameter, State
from brainsim._core.rounding import SUFFIX
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike, Value, float_dtype, in_unit, with_unit
from brainsim.chance import Chance, ScoreFunction
from brainsim.integrated import IntegratedPopulation
from brainsim.neurons import between
from brainsim.neurons.solution import parts_of
from brainsim.neurons.within import Within
from brainsim.surrogate import Surrogate, hard_reset

SPIKE_TIMES = ("grid", "interpolated", "exact")


class Neuron(IntegratedPopulation):
    r"""A population of neurons: a subclass declares parameters and states and gives ``derivative``.

    One step from t to t + dt:

    1. spikes that arrived at t have been added to the receptors; those of a delta receptor move :math:`V` at once;
    2. ``derivative`` is integrated over the step by ``method``, with :math:`I` the sum of the stimuli (held over the
       step) and of the receptors (their mean over the step, times the driving force at the present :math:`V`);
    3. while a neuron is refractory, the variables in ``clamped`` keep their value and it cannot fire;
    4. a neuron fires where :meth:`fires` says so, at time t + dt; :meth:`after_spike` applies, and it is refractory for
       the next ``round(refractory / dt)`` steps.

    A neuron with several compartments names an input for each, with its potential:
    ``inputs = {"I": "V", "I_d": "V_d"}``; a receptor or stimulus reaches the second with ``into="I_d"``. A neuron that
    fires by chance gives :meth:`hazard`.

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    method : str or integrator, optional
        How to integrate; see :mod:`brainsim.integrators`.
    surrogate : Surrogate or Chance, optional
        Pseudo-derivative of the spike; with it, gradients pass through spikes. The spikes themselves are the same. With one of
        :mod:`brainsim.chance` the neuron fires by chance, the more readily the nearer it is to threshold.
    spike_times : {"grid", "interpolated", "exact"}, optional
        When a neuron fires. ``"grid"``: at the end of the step in which it reaches threshold. ``"interpolated"``: that
        step is the same, and a recording tells the time within it at which a straight line between the two ends of the
        step passes the threshold. ``"exact"``: the crossing is located within the step; reset and refractoriness
        apply from there, and spikes that are sent on arrive at receptors at their own times, between steps. It needs
        a refractory time of a step at least and projections with a delay of a step at least. A potential that is
        above threshold neither at the end of a step nor at an arrival within it does not fire. Where membrane and
        receptors are linear, times are exact to rounding, whatever dt; otherwise Runge-Kutta steps of 0.0125 ms at most
        are taken, and intervals are right to 0.002 ms. Derivatives are those of the spike times themselves, without a
        surrogate (EventProp), in forward and in reverse mode; there are no second ones.
    detach_reset : bool, optional
        No gradient passes from a spike to the variables in ``set_back``, as online rules of learning assume; what a
        spike adds to others, such as an adaptation, keeps its gradient. Values are the same.
    **values
        Parameters and initial states by name.
    """

    surrogate: Surrogate | Chance | None
    detach_reset: bool
    spike_times: str
    clamped: tuple[str, ...] = ("V",)
    never_fires = False
    set_back: tuple[str, ...] = ("V",)  #: the variables of the membrane, which a spike puts to where they start from
    #: by variable, the parameter at which a spike is taken where the upstroke has no end: how far a variable comes beyond it is
    #: the work of dt, and a reset has the derivative of one from there
    taken_at: ClassVar[Mapping[str, str]] = {}

    refractory = Parameter(
        None, "time after a spike in which the neuron cannot fire", unit=u.ms, optional=True, nonnegative=True
    )
    fired_at = State(None, "when in the last step it fired, as a fraction of it; 0 where it did not", optional=True)
    log_p = State(None, "log-probability of what was fired, with a score function", optional=True)
    held_for = State(None, "time of refractoriness that is left, with exact spike times", unit=u.ms, optional=True)
    refractory_steps = State(0, "steps of refractoriness that are left", dtype=jnp.int32, counts="steps")

    def __init__(
        self,
        size: int | tuple[int, ...],
        *,
        method: str | Callable | None = None,
        surrogate: Surrogate | Chance | None = None,
        spike_times: str = "grid",
        detach_reset: bool = False,
        **values: Any,
    ):
        if surrogate is not None and not isinstance(surrogate, Surrogate | Chance):
            raise TypeError(
                f"{type(self).__name__}: surrogate must be one of brainsim.surrogate or brainsim.chance, given {surrogate!r}."
            )
        if isinstance(surrogate, Chance) and type(self).hazard is not Neuron.hazard:
            raise ValueError(f"{type(self).__name__} fires by chance already; take one of brainsim.surrogate.")
        if isinstance(surrogate, ScoreFunction):
            values["log_p"] = 0.0
        if not isinstance(detach_reset, bool):
            raise TypeError(f"{type(self).__name__}: detach_reset is True or False, given {detach_reset!r}.")
        self.surrogate, self.detach_reset, self.spike_times = surrogate, detach_reset, spike_times
        if spike_times not in SPIKE_TIMES:
            raise ValueError(
                f"{type(self).__name__}: spike_times={spike_times!r} is unknown."
                f"{suggestion(str(spike_times), SPIKE_TIMES)}"
            )
        if spike_times != "grid":
            values["fired_at"] = 0.0
        if spike_times == "exact":
            values["held_for"] = 0.0 * u.ms
        super().__init__(size, method=method, **values)
        if spike_times != "grid":
            self._check_between()

    def _check_between(self):
        """Refuse what has no time within a step."""
        by_chance, exact = type(self).hazard is not Neuron.hazard, self.spike_times == "exact"
        stochastic = isinstance(self.method, integrators.SDEMethod)
        if by_chance or (exact and (stochastic or self.surrogate is not None or self._has_values)):
            what = "that fire by chance" if by_chance else "with noise" if stochastic else "with a surrogate"
            what = "whose spikes carry values" if exact and self._has_values else what
            raise ValueError(f"{type(self).__name__}: spike_times={self.spike_times!r} is not for neurons {what}.")

    def prepare(self, step_ms: float) -> None:
        super().prepare(step_ms)
        if self.spike_times == "exact":
            lasts = None if self.refractory is None else np.asarray(self.plain("refractory"))
            short = lasts is None or np.any(lasts < step_ms * (1 - 1e-6))
            if short and not self.never_fires:
                raise ValueError(
                    f"{self.path}: with exact spike times a neuron fires once in a step at most, so refractory must be"
                    f" a step of {step_ms} ms at least, given {self.refractory}."
                )

            self.fix(_stretches=parts_of(step_ms, getattr(self.stepper, "count", 1)))

    # -- what a model defines ----------------------------------------------------------------------------------------

    def fires(self, before: dict, after: dict) -> jax.Array:
        """Which neurons fire: here where :math:`V > V_{th}`.

        ``before`` holds the variables at the beginning of the step, before delta receptors move them; ``after`` at its
        end.
        """
        return self.spike_where(after["V"], self.V_th)

    @property
    def streams(self):
        by_chance = type(self).hazard is not Neuron.hazard
        drawn = ("chance",) if isinstance(self.surrogate, Chance) else ()
        return super().streams + (("hazard",) if by_chance else ()) + drawn

    def hazard(self, before: dict, after: dict) -> Value | None:
        r"""Rate :math:`\rho` of firing, for neurons that fire by chance, with probability :math:`1 - e^{-\rho\,dt}` in
        a step.

        A class that gives it needs no ``fires``. None: the neuron fires when :meth:`fires` says so.
        """
        return None

    def spike_value(self, before: dict, after: dict) -> Value | None:
        """What a spike carries: a number, or one for each neuron, where a class sends spikes that are signed or graded.

        ``before`` and ``after`` as for :meth:`fires`, before the reset. What reaches a synapse is this times its weight, and a
        spike of value 0 reaches nobody. None: spikes are true or false.
        """
        return None

    def after_spike(self, y: dict) -> dict:
        """What variables become where a neuron has fired: here :math:`V = V_{reset}`, if the model has one.

        ``y`` holds the variables at the end of the step, and its time as ``y["t"]``. The result may name any state of
        the class, also one that ``derivative`` does not take: a count (``{"n": self.n + 1}``), the time of the last
        spike. What is not in it goes on as it is.
        """
        return {"V": self.V_reset} if "V_reset" in self._declared else {}

    def reset(self, y: dict, spikes: jax.Array, t: u.Quantity | None = None) -> dict:
        """The variables ``y`` with :meth:`after_spike` where a neuron fires at ``t``; differentiable through float
        spikes.
        """
        changes = self.after_spike(y | {"t": t})
        if not isinstance(changes, Mapping):
            raise TypeError(
                f"{type(self).__name__}.after_spike must return a dictionary from states to values, given {changes!r}."
            )
        states = {name: d for name, d in self._declared.items() if isinstance(d, State)}
        for name in changes.keys() - y.keys() - states.keys():
            raise UnknownNameError(
                f"{type(self).__name__}.after_spike returns {name!r}, which is no State of the"
                f" class.{suggestion(name, states)}"
            )
        return y | {name: self._replaced(y, name, new, spikes) for name, new in changes.items()}

    def _replaced(self, y, name, new, spikes):
        """State ``name`` after the spikes. What is not finite stays so: a reset must not hide that the run has failed."""
        value = y[name] if name in y else getattr(self, name)
        spikes = jax.lax.stop_gradient(spikes) if self.detach_reset and name in self.set_back else spikes
        if self.surrogate is not None and name in self.taken_at:
            reached, most = value, getattr(self, self.taken_at[name])
            value = u.math.where(u.math.isfinite(reached), u.math.minimum(reached, most), reached)
        replaced = self.replace(value, new, spikes, f"{self.path}: {name} in {type(self).__name__}.after_spike")
        return u.math.where(u.math.isfinite(value), replaced, value) if name in y else replaced

    # -- helpers for models ------------------------------------------------------------------------------------------

    def spike_where(
        self, V: Value, V_th: Value | float, scale: Value | float | None = None, reached: bool = False
    ) -> jax.Array:
        """Spikes where ``V > V_th``: bool, or float with the surrogate's derivative in ``(V - V_th) / scale``.

        ``reached``: also where V is ``V_th`` exactly.

        The scale is ``V_th - V_reset`` where the model has a reset in the same unit, otherwise 1 mV, or 1 for a V
        without unit; its size counts, not its sign.

        Raises
        ------
        ValueError
            For a V in another unit, of which no scale is given.
        """
        if self.surrogate is None:
            return V_th <= V if reached else V_th < V
        scale = self._scale(V, V_th) if scale is None else scale
        ratio = (V - V_th) / u.math.maximum(u.math.abs(scale), with_unit(1e-3, u.get_unit(scale)))
        distance = jnp.asarray(in_unit(ratio, u.UNITLESS, "threshold distance"))
        if reached:
            distance = jnp.where(distance == 0, jnp.finfo(distance.dtype).tiny, distance)
        return self.surrogate(distance)

    def _scale(self, V, V_th):
        unit = u.get_unit(V)
        if "V_reset" in self._declared and unit.has_same_dim(self.unit_of("V_reset")):
            return V_th - self.V_reset
        for known in (u.mV, u.UNITLESS):
            if unit.has_same_dim(known):
                return with_unit(1.0, known)
        raise ValueError(
            f"{type(self).__name__}: a surrogate needs to know what is far from the threshold, for a variable in {unit}:"
            " give spike_where(..., scale=...), such as the distance from reset to threshold."
        )

    def spike_crossing(
        self, before: Value, after: Value, V_th: Value | float, scale: Value | float | None = None
    ) -> jax.Array:
        """Spikes where V comes from ``V_th`` or below to above it.

        The surrogate's derivative is that of :meth:`spike_where` where V begins the step at or below ``V_th``, and zero
        where it is above already.
        """
        above = before > V_th
        spikes = self.spike_where(after, V_th, scale)
        return jnp.where(above, jnp.zeros_like(spikes), spikes)

    def replace(self, value: Value, new: NumberLike, spikes: jax.Array, what: str = "reset value") -> Value:
        """``new`` where a neuron fires, else ``value``; differentiable through float spikes."""
        unit = u.get_unit(value)
        new, value = in_unit(new, unit, what), jnp.asarray(u.get_mantissa(value))
        if not jnp.issubdtype(value.dtype, jnp.floating):  # a count has no derivative
            return jnp.where(spikes != 0, jnp.asarray(new).astype(value.dtype), value)
        return with_unit(hard_reset(value, new, spikes), unit)

    # -- inputs ------------------------------------------------------------------------------------------------------

    def dtype_of(self, name):
        # With a surrogate spikes carry a derivative, so they are floats; and so are those that carry a value
        real = name == "spikes" and (self.surrogate is not None or self._has_values)
        return float_dtype() if real else super().dtype_of(name)

    @property
    def _has_values(self) -> bool:
        return type(self).spike_value is not Neuron.spike_value

    # -- the step ----------------------------------------------------------------------------------------------------

    def receive(self, clock: Clock) -> tuple:
        if self.spike_times != "exact":
            return super().receive(clock)
        self.advance_stimuli(clock)
        return ([],)  # receptors advance with the membrane, from arrival to arrival

    def update(self, clock: Clock, drives: list) -> None:
        if self.spike_times == "exact":
            Within(self, clock).run()
            return
        before, displaced = self.present(), self.displaced(drives)
        roundings = {name: self.rounding(name) for name in self.variables if self.is_compensated(name)}
        after = self.integrate(clock, displaced, drives)

        held = None
        if self.refractory is not None:
            held = self.plain("refractory_steps") > 0
            after |= {name: u.math.where(held, before[name], after[name]) for name in self.clamped}
        spikes = self._spikes(clock, before, after)
        if held is not None:
            spikes = jnp.where(held, jnp.zeros_like(spikes), spikes)
        if self.spike_times == "interpolated":
            self.put("fired_at", between.interpolated(self, displaced, after, spikes))
        sent = self._valued(spikes, before, after)
        integrated, after = after, self.reset(dict(after), spikes, clock.t + clock.dt)
        if held is not None and "log_p" in vars(self):
            self.put("log_p", jnp.where(held, 0, self.plain("log_p")))
        if held is not None:
            steps = jnp.round(self.plain("refractory") / clock.step_ms).astype(jnp.int32)
            self.put(
                "refractory_steps",
                jnp.where(spikes.astype(bool), steps, jnp.maximum(self.plain("refractory_steps") - 1, 0)),
            )
        self._correct_roundings(roundings, integrated, after, held)
        self.keep(after)
        self.follow(clock)
        self.put("spikes", sent)

    def _valued(self, spikes, before, after):
        """The spikes with what they carry."""
        value = self.spike_value(before, after)
        if value is None:
            return spikes
        value = in_unit(value, u.UNITLESS, f"{self.path}: {type(self).__name__}.spike_value")
        if jnp.shape(value) not in ((), (self.count,)):
            raise ValueError(
                f"{self.path}: {type(self).__name__}.spike_value must be one number or one for each of {self.count} neurons,"
                f" given shape {jnp.shape(value)}."
            )
        return jnp.where(spikes != 0, value, 0).astype(float_dtype()) if self.surrogate is None else spikes * value

    def _correct_roundings(self, before: dict, integrated: dict, after: dict, held) -> None:
        """What rounding takes belongs to a value: it stays with one that is held, and ends with one that is reset."""
        for name, rounding in before.items():
            replaced = u.get_mantissa(after[name]) != u.get_mantissa(integrated[name])  # by a spike
            kept = jnp.where(replaced, 0.0, self.rounding(name))
            if held is not None and name in self.clamped:
                kept = jnp.where(held, rounding, kept)
            part, own = self.home(name)
            part.put(own + SUFFIX, kept)

    def _fired(self, fires):
        """What :meth:`fires` returned: for each neuron whether it fires."""
        kind = jnp.bool_ if self.surrogate is None else float_dtype()
        if isinstance(fires, u.Quantity) or jnp.shape(fires) not in ((), (self.count,)):
            given = f"{fires.unit}" if isinstance(fires, u.Quantity) else f"shape {jnp.shape(fires)}"
            raise ValueError(
                f"{self.path}: {type(self).__name__}.fires must say for each of {self.count} neurons whether it fires,"
                f" given {given}."
            )
        if self.surrogate is None and jnp.result_type(fires) != jnp.bool_:
            raise TypeError(
                f"{self.path}: {type(self).__name__}.fires must give true or false without a surrogate, given"
                f" {jnp.result_type(fires)}; compare with the threshold, or take self.spike_where(V, V_th). What a spike carries, such as a"
                " sign, is spike_value(before, after)."
            )
        return jnp.broadcast_to(jnp.asarray(fires, kind), (self.count,))

    def _by_chance(self, clock, chance, before, after):
        with between.standing_in(self, chance.odds):
            odds = self._fired(self.fires(before, after))
        spikes = chance.spike(odds, clock.of("chance").uniform((self.count,)).astype(odds.dtype))
        if isinstance(chance, ScoreFunction):
            self.put("log_p", chance.log_probability(odds, spikes))
        return spikes

    def _spikes(self, clock, before, after):
        hazard = self.hazard(before, after)
        if isinstance(self.surrogate, Chance):
            return self._by_chance(clock, self.surrogate, before, after)
        if hazard is None:
            return self._fired(self.fires(before, after))
        rate = jnp.broadcast_to(in_unit(hazard, u.kHz, f"{type(self).__name__}.hazard"), (self.count,))
        probability = -jnp.expm1(-rate * clock.step_ms)
        spikes = events.bernoulli_spikes(
            clock.of("hazard").key, clock.step, jax.lax.stop_gradient(probability), self.count
        )
        if self.surrogate is None:
            return spikes
        # The derivative of the mean
        return spikes.astype(probability.dtype) + (probability - jax.lax.stop_gradient(probability))
