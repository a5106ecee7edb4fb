"""What every neuron shares: receptors and stimuli in, integration, refractoriness, threshold, reset, spikes out."""

from __future__ import annotations

import inspect

import brainunit as u
import jax.numpy as jnp

from brainsim import integrators
from brainsim._core import Parameter, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import float_dtype, in_unit
from brainsim.population import Population
from brainsim.receptors.base import Receptor
from brainsim.surrogate import Surrogate, hard_reset


class Neuron(Population):
    r"""A population of neurons: a subclass declares parameters and states and gives ``derivative``.

    One step from t to t + dt:

    1. spikes that arrived at t have been added to the receptors; those of a delta receptor move :math:`V` at once;
    2. ``derivative`` is integrated over the step by ``method``, with :math:`I` the sum of the stimuli (held over the step) and
       of the receptors (their mean over the step, times the driving force at the present :math:`V`);
    3. while a neuron is refractory, the variables in ``clamped`` keep their value and it cannot fire;
    4. a neuron fires where :meth:`fires` says so, at time t + dt; :meth:`reset` applies, and it is refractory for the
       next ``round(refractory / dt)`` steps.

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    method : str or integrator, optional
        How to integrate; see :mod:`brainsim.integrators`.
    surrogate : Surrogate, optional
        Pseudo-derivative of the spike; with it, gradients pass through spikes. The spikes themselves are the same.
    **values
        Parameters and initial states by name.
    """

    default_method = "exponential_euler"
    clamped: tuple[str, ...] = ("V",)
    variables: tuple[str, ...] = ()

    refractory = Parameter(None, "time after a spike in which the neuron cannot fire", unit=u.ms, optional=True)
    refractory_steps = State(0, "steps of refractoriness that are left", dtype=jnp.int32)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "derivative" in vars(cls):
            names = list(inspect.signature(cls.derivative).parameters)[2:]
            states = [name for name, declared in cls._declared.items() if isinstance(declared, State)]
            cls.variables = tuple(name for name in names if name != "I")
            for name in cls.variables:
                if name not in states:
                    raise UnknownNameError(
                        f"{cls.__name__}.derivative takes {name!r}, which is no State of the class.{suggestion(name, states + ['I'])}"
                    )

    def __init__(self, size, *, method=None, surrogate: Surrogate | None = None, **values):
        self.method = integrators.get(method or self.default_method)
        if surrogate is not None and not isinstance(surrogate, Surrogate):
            raise TypeError(f"{type(self).__name__}: surrogate must be one of brainsim.surrogate, given {surrogate!r}.")
        self.surrogate = surrogate
        if isinstance(self.method, integrators.SDEMethod) != (type(self).diffusion is not Neuron.diffusion):
            raise ValueError(
                f"{type(self).__name__}: a stochastic method and a method `diffusion(self, t, ...)` of the neuron belong together; "
                f"given method {self.method.name!r} and {'no ' if type(self).diffusion is Neuron.diffusion else ''}diffusion."
            )
        super().__init__(size, **values)

    @property
    def one_pass(self) -> bool:
        """Whether all variables are best advanced in one pass over the neurons: for plain arithmetic, not for transcendental functions."""
        return isinstance(self.method, integrators.RungeKutta)

    # -- what a model defines ------------------------------------------------------------------------------------------

    def derivative(self, t, *variables):
        """Time derivatives of ``variables``, in order; the argument ``I`` is the total input."""
        raise NotImplementedError(f"{type(self).__name__} has no equations: define derivative(self, t, V, ..., I).")

    def diffusion(self, t, *variables):
        """Noise amplitudes, in the unit of the variable per square root of time; only for stochastic methods."""
        return None

    def fires(self, before: dict, after: dict):
        """Which neurons fire: here where :math:`V > V_{th}`.

        ``before`` holds the variables at the beginning of the step, before delta receptors move them; ``after`` at its end.
        """
        return self.spike_where(after["V"], self.V_th)

    def reset(self, y: dict, spikes) -> dict:
        """Variables after the spike: here :math:`V = V_{reset}`, if the model has one."""
        return {**y, "V": self.replace(y["V"], self.V_reset, spikes)} if "V_reset" in self._declared else y

    # -- helpers for models --------------------------------------------------------------------------------------------

    def spike_where(self, V, V_th, scale=None):
        """Spikes where ``V > V_th``: bool, or float with the surrogate's derivative in ``(V - V_th) / scale``.

        The scale is ``V_th - V_reset`` where the model has a reset, otherwise 1 mV; its size counts, not its sign.
        """
        if self.surrogate is None:
            return V_th < V
        if scale is None:
            scale = V_th - self.V_reset if "V_reset" in self._declared else 1.0 * u.mV
        distance = (V - V_th) / u.math.maximum(u.math.abs(scale), 1e-3 * u.mV)
        return self.surrogate(in_unit(distance, u.UNITLESS, "threshold distance"))

    def spike_crossing(self, before, after, V_th, scale=None):
        """Spikes where V comes from ``V_th`` or below to above it.

        The surrogate's derivative is that of :meth:`spike_where` where V begins the step at or below ``V_th``, and zero where
        it is above already.
        """
        above = before > V_th
        spikes = self.spike_where(after, V_th, scale)
        return jnp.where(above, jnp.zeros_like(spikes), spikes)

    def replace(self, value, new, spikes):
        """``new`` where a neuron fires, else ``value``; differentiable through float spikes."""
        unit = u.get_unit(value)
        return u.Quantity(hard_reset(u.get_mantissa(value), in_unit(new, unit, "reset value"), spikes), unit=unit)

    # -- inputs ----------------------------------------------------------------------------------------------------------

    def dtype_of(self, name):
        # With a surrogate spikes carry a derivative, so they are floats.
        return float_dtype() if name == "spikes" and self.surrogate is not None else super().dtype_of(name)

    def add_receptors(self, **receptors: Receptor) -> None:
        """Give the population receptors, by name: ``add_receptors(ampa=Exponential(tau=5 * u.ms, reversal=0 * u.mV))``.

        Raises
        ------
        TypeError, ValueError
            For something that is no receptor or belongs elsewhere already, or a name that is taken.
        """
        self.attach_parts(receptors, Receptor)

    @property
    def receptors(self) -> dict[str, Receptor]:
        """Receptors by name."""
        return self.parts(Receptor)

    # -- the step --------------------------------------------------------------------------------------------------------

    def update(self, clock) -> None:
        self.advance_stimuli(clock)
        before = {name: getattr(self, name) for name in self.variables}
        drives = [(receptor, receptor.advance(clock)) for receptor in self.receptors.values()]
        displaced = before
        for receptor, drive in drives:
            displaced = receptor.displace(displaced, drive)
        after = self._integrate(clock, displaced, drives)

        held = None
        if self.refractory is not None:
            held = self.plain("refractory_steps") > 0
            after |= {name: u.math.where(held, before[name], after[name]) for name in self.clamped}
        spikes = self.fires(before, after)
        if held is not None:
            spikes = jnp.where(held, jnp.zeros_like(spikes), spikes)
        after = self.reset(after, spikes)
        if held is not None:
            steps = jnp.round(self.plain("refractory") / clock.step_ms).astype(jnp.int32)
            self.put("refractory_steps", jnp.where(spikes.astype(bool), steps, jnp.maximum(self.plain("refractory_steps") - 1, 0)))
        for name, value in after.items():
            self.put(name, in_unit(value, self.unit_of(name), f"{self.path}.{name}"))
        self.put("spikes", spikes)

    def _integrate(self, clock, before, drives):
        stimulus = self.stimulation(clock)

        def total(V):
            plain = in_unit(V, u.mV, f"{self.path}.V")
            current = stimulus
            for receptor, drive in drives:
                current = current + receptor.current(drive, plain)
            return u.Quantity(current, unit=self.input_unit)

        takes_input = "I" in inspect.signature(self.derivative).parameters

        def f(t, y):
            values = dict(zip(self.variables, y))
            inputs = {"I": total(values["V"])} if takes_input else {}
            rates = self.derivative(t, **values, **inputs)
            return rates if isinstance(rates, tuple) else (rates,)

        y = tuple(before.values())
        if isinstance(self.method, integrators.SDEMethod):
            def g(t, y):
                noise = self.diffusion(t, *y)
                return noise if isinstance(noise, tuple) else (noise,)

            noise = clock.of("noise").normal((len(y), self.count))
            y = self.method(f, g, clock.t, y, clock.dt, tuple(noise))
        else:
            y = self.method(f, clock.t, y, clock.dt)
        return dict(zip(self.variables, y))
